//! A quorum device on a real machine: the sans-IO device of the configuration, its votes handed to the quorum service, and
//! threads for whatever may block: connecting, asking addresses, disks and commands. The ring's own loop never waits.

mod arbiter;
mod checks;
mod disk;
mod ping;
#[cfg(test)]
mod tests;

pub use arbiter::{ArbiterServer, ArbiterServerOptions};

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use totem_core::config::{Config, CsError, DeviceModel, DeviceSettings, HeuristicsSettings, NetSettings};
use totem_core::member::{Member, Output};
use totem_core::quorum::arbiter::{ArbiterClient, ClientOptions};
use totem_core::quorum::{Device, DeviceInput, DeviceOutput, Output as VoteOutput, PingTarget, SharedDisk};
use totem_core::wire::NodeId;

/// The name under which devices register, as the original's does.
const NAME: &str = "Qdevice";
/// Bytes that may wait for a server that does not read.
const UNSENT: usize = 1 << 20;
/// How soon sending is tried again.
const FLUSH_AGAIN: Duration = Duration::from_millis(50);
/// How soon a registration that was refused for now is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// What a thread has found out.
enum News {
    Connected(io::Result<TcpStream>),
    Device(DeviceInput),
}

/// Where threads put what they found out: into a channel, and a byte into a socket that wakes the loop.
#[derive(Clone)]
struct Reporter {
    news: Sender<News>,
    wake: std::sync::Arc<UnixStream>,
}

impl Reporter {
    fn tell(&self, news: News) {
        if self.news.send(news).is_ok() {
            // A full socket wakes as well.
            let _ = (&*self.wake).write(&[1]);
        }
    }
}

/// How far the registration at the quorum service has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Registration {
    /// To be asked for at this time.
    Due(Duration),
    Asked,
    Done,
    /// Refused for good; it was said why.
    Refused,
}

/// A device with everything it needs of the system.
pub struct DeviceDriver {
    device: Box<dyn Device>,
    settings: DeviceSettings,
    registration: Registration,
    /// Whether a ring was seen: checks before that have no time limit of a round.
    checks_at: Option<Duration>,
    checking: bool,
    disk: Option<disk::Worker>,
    stream: Option<TcpStream>,
    /// Counts what [`stream`](DeviceDriver::fds) was.
    connection: u64,
    unsent: Vec<u8>,
    /// When to try again to send what the system had no room for.
    flush_at: Option<Duration>,
    reporter: Reporter,
    news: Receiver<News>,
    woken: UnixStream,
    log: Vec<String>,
}

impl DeviceDriver {
    /// The device that a configuration names; none if it names none.
    ///
    /// # Errors
    /// If its keys do not fit, with the words of the original, or the system refuses what it needs.
    pub fn start(config: &Config) -> io::Result<Option<DeviceDriver>> {
        let settings = DeviceSettings::read(config)
            .map_err(|e| io::Error::other(e.place().map_or_else(|| e.to_string(), |place| format!("{e} ({place})"))))?;
        let Some(settings) = settings else { return Ok(None) };
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (sender, news) = channel();
        let reporter = Reporter { news: sender, wake: wake.into() };
        let node = NodeId(config.local_node().id);
        let mut disk = None;
        let device: Box<dyn Device> = match &settings.model {
            DeviceModel::Net(net) => Box::new(ArbiterClient::new(client_options(config, &settings, net))),
            DeviceModel::Ping { targets, rule, interval, timeout } => {
                Box::new(PingTarget::new(targets.clone(), *rule, *interval, *timeout))
            }
            DeviceModel::Disk { path, interval, patience } => {
                let positions = (config.local_node().position, config.nodes.len());
                disk = Some(disk::Worker::start(path.clone(), positions, reporter.clone())?);
                Box::new(SharedDisk::new(node, *interval, *patience))
            }
        };
        Ok(Some(DeviceDriver {
            device,
            registration: Registration::Due(Duration::ZERO),
            checks_at: settings.heuristics.as_ref().and_then(|h| h.interval),
            checking: false,
            settings,
            disk,
            stream: None,
            connection: 0,
            unsent: Vec::new(),
            flush_at: None,
            reporter,
            news,
            woken,
            log: Vec::new(),
        }))
    }

    /// What to wait for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.woken.as_fd()).chain(self.stream.as_ref().map(AsFd::as_fd))
    }

    /// Another number whenever [`fds`](DeviceDriver::fds) are others than before.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// When to call [`work`](DeviceDriver::work) at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let due = if let Registration::Due(at) = self.registration { Some(at) } else { None };
        [self.device.poll_timeout(), due, self.checks_at, self.flush_at].into_iter().flatten().min()
    }

    /// What there is to say since the last call.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Takes in what a member told.
    pub fn note(&mut self, now: Duration, output: &Output) {
        match output {
            Output::Votes(VoteOutput::NodeList { ring, members }) => {
                self.device.handle_input(now, DeviceInput::Ring { ring: *ring, members: members.clone() });
            }
            Output::Votes(VoteOutput::Quorum { quorate, .. }) => {
                self.device.handle_input(now, DeviceInput::Quorate(*quorate));
            }
            Output::Votes(VoteOutput::Registered(result)) => {
                self.registration = match result {
                    Ok(()) => Registration::Done,
                    Err(error) => {
                        self.log.push(format!("the quorum device was not registered: {error}"));
                        Registration::Refused
                    }
                };
            }
            _ => {}
        }
    }

    /// Does what is due: registers, reads what came, lets the device act, carries out what it wants.
    pub fn work(&mut self, now: Duration, member: &mut Member) {
        self.register(now, member);
        let mut sink = [0; 64];
        while self.woken.read(&mut sink).is_ok_and(|n| n > 0) {}
        while let Ok(news) = self.news.try_recv() {
            self.hear(now, news);
        }
        self.receive(now);
        if self.device.poll_timeout().is_some_and(|at| at <= now) {
            self.device.handle_timeout(now);
        }
        if self.checks_at.is_some_and(|at| at <= now) {
            let interval = self.settings.heuristics.as_ref().and_then(|h| h.interval);
            self.checks_at = interval.map(|interval| now + interval);
            self.check(false);
        }
        while let Some(output) = self.device.poll_output() {
            self.carry_out(now, output, member);
        }
        self.flush(now);
    }

    fn register(&mut self, now: Duration, member: &mut Member) {
        match self.registration {
            Registration::Due(at) if at <= now => {}
            _ => return,
        }
        self.registration = match member.with_votes(|votes| votes.device_register(NAME)) {
            Some(Ok(true)) => Registration::Done,
            Some(Ok(false)) => Registration::Asked,
            Some(Err(CsError::TryAgain)) => Registration::Due(now + AGAIN),
            Some(Err(error)) => {
                self.log.push(format!("the quorum device was not registered: {error}"));
                Registration::Refused
            }
            None => {
                self.log.push("a quorum device needs quorum.provider: corosync_votequorum".to_owned());
                Registration::Refused
            }
        };
    }

    fn hear(&mut self, now: Duration, news: News) {
        let input = match news {
            News::Connected(Ok(stream)) => match stream.set_nonblocking(true) {
                Ok(()) => {
                    let _ = stream.set_nodelay(true);
                    self.set_stream(Some(stream));
                    self.check(false);
                    DeviceInput::Connected
                }
                Err(_) => DeviceInput::Disconnected,
            },
            News::Connected(Err(error)) => {
                self.log.push(format!("can't connect to the arbiter: {error}"));
                DeviceInput::Disconnected
            }
            News::Device(input) => {
                self.checking &= !matches!(input, DeviceInput::Checked(_));
                input
            }
        };
        self.device.handle_input(now, input);
    }

    fn receive(&mut self, now: Duration) {
        let mut buffer = [0; 16384];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut buffer) {
                Ok(0) => return self.lose(now),
                Ok(n) => self.device.handle_input(now, DeviceInput::Received(Bytes::copy_from_slice(&buffer[..n]))),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.lose(now),
            }
        }
    }

    fn set_stream(&mut self, stream: Option<TcpStream>) {
        self.stream = stream;
        self.connection += 1;
        self.unsent.clear();
    }

    fn lose(&mut self, now: Duration) {
        self.set_stream(None);
        self.device.handle_input(now, DeviceInput::Disconnected);
    }

    fn flush(&mut self, now: Duration) {
        self.flush_at = None;
        while let (Some(stream), false) = (&mut self.stream, self.unsent.is_empty()) {
            match stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.unsent.len() <= UNSENT => {
                    self.flush_at = Some(now + FLUSH_AGAIN);
                    return;
                }
                Err(_) => return self.lose(now),
            }
        }
    }

    fn carry_out(&mut self, now: Duration, output: DeviceOutput, member: &mut Member) {
        match output {
            DeviceOutput::Vote { yes, ring } => {
                let master_wins = self.settings.master_wins;
                // A vote for a ring that is over is refused, and one before the registration too; the next one counts.
                let _ = member.with_votes(|votes| {
                    if master_wins {
                        let _ = votes.device_master_wins(NAME, true);
                    }
                    votes.device_poll(now, NAME, yes, ring)
                });
            }
            DeviceOutput::Connect => self.connect(),
            DeviceOutput::Disconnect => {
                self.flush(now);
                self.set_stream(None);
            }
            DeviceOutput::Send(bytes) => self.unsent.extend_from_slice(&bytes),
            DeviceOutput::Check => self.check(true),
            DeviceOutput::Ping(targets) => {
                if let DeviceModel::Ping { timeout, .. } = self.settings.model {
                    let reporter = self.reporter.clone();
                    // The device gives up at its timeout; what is known by then must have been said.
                    let patience = timeout.mul_f64(0.9);
                    thread::spawn(move || {
                        let answered = ping::ask(&targets, patience).unwrap_or_default();
                        reporter.tell(News::Device(DeviceInput::Reachable(answered)));
                    });
                }
            }
            DeviceOutput::WriteSlot(slot) => {
                if let Some(disk) = &self.disk {
                    disk.write(slot);
                }
            }
            DeviceOutput::Log(text) => self.log.push(text),
        }
    }

    fn connect(&self) {
        let DeviceModel::Net(net) = &self.settings.model else { return };
        let (net, reporter) = (net.clone(), self.reporter.clone());
        thread::spawn(move || reporter.tell(News::Connected(connect(&net))));
    }

    /// Runs the configured checks, unless they run already. In a round they may take longer.
    fn check(&mut self, in_round: bool) {
        let Some(HeuristicsSettings { timeout, sync_timeout, commands, .. }) = &self.settings.heuristics else {
            return;
        };
        if std::mem::replace(&mut self.checking, true) {
            return;
        }
        let limit = if in_round { *sync_timeout } else { *timeout };
        let (commands, reporter) = (commands.clone(), self.reporter.clone());
        thread::spawn(move || {
            let passed = checks::run(&commands, limit);
            reporter.tell(News::Device(DeviceInput::Checked(passed)));
        });
    }
}

fn client_options(config: &Config, settings: &DeviceSettings, net: &NetSettings) -> ClientOptions {
    ClientOptions {
        node: NodeId(config.local_node().id),
        cluster: net.cluster.clone(),
        nodes: config.nodes.iter().map(|node| NodeId(node.id)).collect(),
        algorithm: net.algorithm,
        preference: net.preference,
        timeout: settings.timeout,
        keep_active: net.keep_active,
        wait_for_all: config.quorum.wait_for_all.unwrap_or(config.quorum.two_node),
        heuristics: settings.heuristics.is_some(),
    }
}

/// Tries every address of the arbiter, IPv6 first where both are allowed, as the original does.
fn connect(net: &NetSettings) -> io::Result<TcpStream> {
    let mut all: Vec<SocketAddr> = (net.host.as_str(), net.port).to_socket_addrs()?.collect();
    all.retain(|a| net.ip_version == 0 || a.is_ipv6() == (net.ip_version == 6));
    all.sort_by_key(SocketAddr::is_ipv4);
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{} has no address", net.host));
    for address in all {
        match TcpStream::connect_timeout(&address, net.connect_timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
