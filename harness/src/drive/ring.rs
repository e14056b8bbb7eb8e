//! A ring member on real sockets: one thread, one loop, the ring sequence on disk.

use super::keys;
use super::transport::Transport;
pub use super::transport::host;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;
use totem_core::config::{Config, CryptoPhase};
use totem_core::link::{Knet, Settings};
use totem_core::member::{self, Identity, LinkIx, Member, Output};
use totem_core::quorum::{LogLine, Options, Roster};
use totem_core::wire::NodeId;

/// Why a member could not start or go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RingError {
    /// The sockets could not be made.
    #[error("Unable to create sockets, exiting: {0}")]
    Sockets(#[source] io::Error),
    /// The ring sequence could not be read or written.
    #[error("{}: {error}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The configuration cannot be run.
    #[error("{0}")]
    Config(String),
    /// Waiting for the sockets failed.
    #[error("waiting for datagrams: {0}")]
    Poll(#[source] io::Error),
}

/// What a member remembers across restarts: the ring sequence, as the daemons store it. [TM-8.3]
#[derive(Clone, Debug)]
pub struct RingStore {
    directory: PathBuf,
    node: NodeId,
}

impl RingStore {
    /// The store of `node` in `directory`.
    pub fn new(directory: impl Into<PathBuf>, node: NodeId) -> Self {
        Self { directory: directory.into(), node }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(format!("ringid_{}", self.node))
    }

    /// The sequence stored, 0 if none was; then a file with 0 is made.
    ///
    /// # Errors
    /// If the directory cannot be made or the file not read.
    pub fn load(&self) -> Result<u64, RingError> {
        let path = self.path();
        let fail = |error| RingError::Store { path: path.clone(), error };
        fs::create_dir_all(&self.directory).map_err(fail)?;
        match fs::read(&path) {
            Ok(bytes) if bytes.len() >= 8 => Ok(u64::from_ne_bytes(bytes[..8].try_into().expect("eight bytes"))),
            Ok(_) => self.save(0).map(|()| 0),
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.save(0).map(|()| 0),
            Err(e) => Err(fail(e)),
        }
    }

    /// Makes a sequence durable.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, sequence: u64) -> Result<(), RingError> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path();
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(&sequence.to_ne_bytes())
        };
        write().map_err(|error| RingError::Store { path: path.clone(), error })
    }
}

/// A member with its sockets, clock and store.
pub struct RingDriver {
    member: Member,
    transport: Transport,
    store: RingStore,
    origin: Instant,
}

impl RingDriver {
    /// Starts a member for a read configuration. `log` takes what reading the quorum options had to say.
    ///
    /// # Errors
    /// If the configuration asks for what this transport cannot do, or the system refuses sockets or files.
    pub fn start(config: &Config, state: &Path, log: &mut Vec<LogLine>) -> Result<Self, RingError> {
        let node = NodeId(config.local_node().id);
        let votes = match config.quorum.provider.as_deref() {
            None => None,
            Some(_) => Some(
                Options::at_start(&config.quorum, Roster::of(config), 0, log)
                    .map_err(|e| RingError::Config(e.to_string()))?,
            ),
        };
        let member_config = member::Config::of(config, votes);
        let (transport, links) = Transport::open(config)?;
        Self::with_transport(member_config, node, RingStore::new(state, node), transport, links)
    }

    /// Starts a member on sockets that are open already.
    ///
    /// # Errors
    /// If the store cannot be read or the bounds are impossible.
    pub fn with_transport(
        mut config: member::Config,
        node: NodeId,
        store: RingStore,
        transport: Transport,
        links: Option<Settings>,
    ) -> Result<Self, RingError> {
        let ring_sequence = store.load()?;
        config.ring = config.ring.within_room(transport.receive_room());
        let process_id = std::process::id();
        let identity = Identity { ring_sequence, process_id, ..Identity::new(node, process_id.into()) };
        let origin = Instant::now();
        let member = match links {
            None => Member::new(config, identity, Duration::ZERO),
            Some(links) => Member::over_links(config, identity, Knet::new(links, Duration::ZERO), Duration::ZERO),
        }
        .map_err(|e| RingError::Config(e.to_string()))?;
        Ok(Self { member, transport, store, origin })
    }

    /// The configuration was read again: timers of links follow, and changed keys come into use in the order of messages,
    /// so that every member passes the change at the same place. [LK-14]
    ///
    /// # Errors
    /// If the changed key cannot be read; then everything stays as it was.
    pub fn reload(&mut self, config: &Config) -> Result<(), RingError> {
        keys::reload(&mut self.member, self.origin.elapsed(), config)
    }

    /// A message of a change of keys came in the order of messages.
    pub fn crypto_phase(&mut self, by: NodeId, said: CryptoPhase) {
        keys::phase(&mut self.member, self.origin.elapsed(), by, said);
    }

    /// The member: after a request to it, the next [`turn`](RingDriver::turn) carries out what it caused.
    pub fn member(&mut self) -> &mut Member {
        &mut self.member
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Datagrams sent, received, dropped.
    pub fn counts(&self) -> (u64, u64, u64) {
        self.transport.counts()
    }

    /// Waits for datagrams, timers or one of `others`, at most `wait`; handles what came; gives `tell` what users want to
    /// know. Returns which of `others` are ready.
    ///
    /// # Errors
    /// If waiting fails or the ring sequence cannot be made durable.
    pub fn turn(
        &mut self,
        wait: Option<Duration>,
        others: &[BorrowedFd<'_>],
        tell: &mut impl FnMut(Output),
    ) -> Result<Vec<bool>, RingError> {
        self.carry_out(tell)?;
        let ready = self.wait(wait, others)?;
        let now = self.origin.elapsed();
        let member = &mut self.member;
        self.transport
            .receive(|link, from, datagram| member.handle_datagram(now, LinkIx(link), from, datagram))
            .map_err(RingError::Poll)?;
        if self.member.poll_timeout().is_some_and(|at| at <= now) {
            self.member.handle_timeout(now);
        }
        self.carry_out(tell)?;
        Ok(ready)
    }

    fn wait(&self, wait: Option<Duration>, others: &[BorrowedFd<'_>]) -> Result<Vec<bool>, RingError> {
        let due = self.member.poll_timeout().map(|at| at.saturating_sub(self.origin.elapsed()));
        let wait = [due, wait].into_iter().flatten().min();
        // a millisecond too long, never too short: a timer must be due when the call returns
        let timeout = match wait {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => PollTimeout::ZERO,
            Some(d) => PollTimeout::try_from(d.as_millis() as i32 + 1).unwrap_or(PollTimeout::MAX),
        };
        let mut fds: Vec<PollFd<'_>> = self
            .transport
            .readable()
            .chain(others.iter().map(AsFd::as_fd))
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(e) => return Err(RingError::Poll(e.into())),
        }
        let own = fds.len() - others.len();
        Ok(fds[own..].iter().map(|fd| fd.revents().is_some_and(|r| !r.is_empty())).collect())
    }

    fn carry_out(&mut self, tell: &mut impl FnMut(Output)) -> Result<(), RingError> {
        while let Some(output) = self.member.poll_output() {
            match output {
                Output::PersistRingSequence(sequence) => {
                    self.store.save(sequence)?;
                    tell(Output::PersistRingSequence(sequence));
                }
                Output::Transmit { link, to, datagram } => self.transport.queue(link.0, to, datagram),
                // the token need not wait until the user has looked at what was delivered
                other => {
                    self.transport.flush();
                    tell(other);
                }
            }
        }
        self.transport.flush();
        Ok(())
    }

    /// Leaves the ring in order.
    ///
    /// # Errors
    /// As [`turn`](RingDriver::turn).
    pub fn shutdown(&mut self, tell: &mut impl FnMut(Output)) -> Result<(), RingError> {
        let now = self.origin.elapsed();
        self.member.shutdown(now);
        self.carry_out(tell)
    }
}
