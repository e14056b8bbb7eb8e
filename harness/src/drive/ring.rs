//! A ring member on real sockets: one thread, one loop, the ring sequence on disk.

use super::ring_udp::{RingSocketOptions, RingSockets};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;
use totem_core::config::{Config, Host, Problem, Transport};
use totem_core::link::{Knet, Protection, Settings};
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

/// The host as the configuration reader wants to know it: its name and the addresses of its interfaces.
pub fn host() -> Host {
    let name = nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok()).unwrap_or_default();
    Host::new(name, addresses().into_iter().map(|(_, ip)| ip))
}

fn addresses() -> Vec<(String, IpAddr)> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|i| {
            let address = i.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
            Some((i.interface_name, v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))?))
        })
        .collect()
}

/// Index of the interface that has this address, 0 if none.
fn interface_of(ip: IpAddr) -> u32 {
    let name = addresses().into_iter().find(|(_, a)| *a == ip).map(|(name, _)| name);
    name.and_then(|n| nix::net::if_::if_nametoindex(n.as_str()).ok()).unwrap_or(0)
}

/// Largest packet that the interface with this address takes.
fn mtu_of(ip: IpAddr) -> Option<u32> {
    let name = addresses().into_iter().find(|(_, a)| *a == ip).map(|(name, _)| name)?;
    fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok()
}

/// What protects packets, with the bytes of the key.
fn protection(config: &Config) -> Result<Option<Protection>, RingError> {
    let totem = &config.totem;
    if !totem.crypto.is_on() {
        return Ok(None);
    }
    let key = match &totem.key {
        // An inline key is its text and a zero byte.
        Some(text) => [text.as_bytes(), &[0]].concat(),
        None => {
            let reason = |e: &io::Error| e.to_string().split(" (os error").next().unwrap_or_default().to_owned();
            fs::read(&totem.keyfile)
                .map_err(|e| RingError::Config(format!("Could not open {}: {}", totem.keyfile, reason(&e))))?
        }
    };
    Protection::new(totem.crypto, key.into())
        .map(Some)
        .map_err(|e| RingError::Config(format!("{e} from {}.", totem.keyfile)))
}

/// A member with its sockets, clock and store.
pub struct RingDriver {
    member: Member,
    /// One for each link, by number; `udp` and `udpu` have the first alone.
    sockets: BTreeMap<u8, RingSockets>,
    store: RingStore,
    origin: Instant,
    protection: Option<Protection>,
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
        // Files of older releases ask for redundancy and encryption without knet; both are offered over these links,
        // among members of this engine.
        if config.totem.transport == Transport::Knet || config.links.len() > 1 || config.totem.crypto.is_on() {
            if config.implicit_nodes && config.nodes.len() < 2 {
                return Err(RingError::Config(Problem::CryptoNeedsKnet.to_string()));
            }
            return Self::start_links(config, member_config, node, RingStore::new(state, node));
        }
        let own = member_config.peers.iter().find(|p| p.node == node).and_then(|p| p.addresses.first().copied());
        let own = own.ok_or_else(|| RingError::Config("this node has no address on the first link".into()))?;
        let group = match member_config.transport {
            member::Transport::Udp { group } => Some(group),
            member::Transport::Udpu => None,
        };
        let options = RingSocketOptions {
            own,
            group,
            ttl: config.links.first().map_or(1, |l| l.ttl),
            dscp: config.totem.ip_dscp,
            interface: if own.is_ipv6() { interface_of(own.ip()) } else { 0 },
        };
        let sockets = RingSockets::open(&options).map_err(RingError::Sockets)?;
        Self::with_sockets(member_config, node, RingStore::new(state, node), sockets)
    }

    /// Starts a member over redundant links: one socket for each, and the key file if packets are protected.
    fn start_links(
        config: &Config,
        member_config: member::Config,
        node: NodeId,
        store: RingStore,
    ) -> Result<Self, RingError> {
        let mut sockets = BTreeMap::new();
        let mut interface_mtu = BTreeMap::new();
        for link in &config.links {
            let options = RingSocketOptions {
                own: std::net::SocketAddr::new(link.bind, link.port),
                group: None,
                ttl: 1,
                dscp: config.totem.ip_dscp,
                interface: 0,
            };
            sockets.insert(link.number, RingSockets::open(&options).map_err(RingError::Sockets)?);
            interface_mtu.extend(mtu_of(link.bind).map(|mtu| (link.number, mtu)));
        }
        let protection = protection(config)?;
        let mut seed = [0; 32];
        fs::File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut seed))
            .map_err(|error| RingError::Store { path: "/dev/urandom".into(), error })?;
        let origin = Instant::now();
        let settings = Settings { config: config.clone(), protection: protection.clone(), interface_mtu, seed };
        let links = Knet::new(settings, Duration::ZERO);
        let ring_sequence = store.load()?;
        let process = std::process::id();
        let identity = Identity { ring_sequence, process_id: process, ..Identity::new(node, process.into()) };
        let member = Member::over_links(member_config, identity, links, Duration::ZERO)
            .map_err(|e| RingError::Config(e.to_string()))?;
        Ok(Self { member, sockets, store, origin, protection })
    }

    /// Starts a member on sockets that are open already.
    ///
    /// # Errors
    /// If the store cannot be read or the bounds are impossible.
    pub fn with_sockets(
        config: member::Config,
        node: NodeId,
        store: RingStore,
        sockets: RingSockets,
    ) -> Result<Self, RingError> {
        let ring_sequence = store.load()?;
        let seed = std::process::id().into();
        let identity = Identity { ring_sequence, process_id: std::process::id(), ..Identity::new(node, seed) };
        let origin = Instant::now();
        let member = Member::new(config, identity, Duration::ZERO).map_err(|e| RingError::Config(e.to_string()))?;
        Ok(Self { member, sockets: BTreeMap::from([(0, sockets)]), store, origin, protection: None })
    }

    /// The configuration was read again: timers of links follow, and changed keys come into use in the order of messages,
    /// so that every member passes the change at the same place. [LK-14]
    ///
    /// # Errors
    /// If the changed key cannot be read; then everything stays as it was.
    pub fn reload(&mut self, config: &Config) -> Result<(), RingError> {
        let protection = protection(config)?;
        let now = self.origin.elapsed();
        let changed = protection != self.protection;
        let linked = self.member.with_links(now, |links| {
            links.set_links(config);
            if changed {
                links.load_protection(protection.clone());
            }
        });
        if linked.is_some() && changed {
            self.protection = protection;
            self.member.with_control(|control| control.crypto_phase(1));
        }
        Ok(())
    }

    /// The own message of a change of keys came back: 1 sends with the new keys, 2 forgets the old ones.
    pub fn crypto_phase(&mut self, phase: u32) {
        let now = self.origin.elapsed();
        match phase {
            1 => {
                self.member.with_links(now, |links| links.activate_protection());
                self.member.with_control(|control| control.crypto_phase(2));
            }
            2 => drop(self.member.with_links(now, |links| links.drop_old_protection())),
            _ => {}
        }
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
        self.sockets.values().map(RingSockets::counts).fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2))
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
        for (link, sockets) in &mut self.sockets {
            sockets
                .receive(|from, datagram| member.handle_datagram(now, LinkIx(*link), from, datagram))
                .map_err(RingError::Poll)?;
        }
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
            .sockets
            .values()
            .flat_map(RingSockets::readable)
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
                Output::Transmit { link, to, datagram } => {
                    if let Some(sockets) = self.sockets.get_mut(&link.0) {
                        sockets.queue(to, datagram);
                    }
                }
                other => tell(other),
            }
        }
        self.sockets.values_mut().for_each(RingSockets::flush);
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
