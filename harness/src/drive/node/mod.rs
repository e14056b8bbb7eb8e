//! A whole cluster node on this machine: sockets, files, agents, clock and tools around [`Node`].
//!
//! [`drive`] gives the node every input and carries out its outputs in order: a datagram that stands behind a
//! [`Persist`](crate::node::Persist) step leaves only when the step is done, and if it cannot be done the node ends rather
//! than say what it could not remember.

mod answers;
mod device;
mod disk;
mod server;
mod services;

pub use disk::{Disk, DiskError};
pub use server::Listener;
pub(in crate::drive) use server::{Ask, Counter};

use super::control::{Answer, Request};
use super::desk::Desk;
use super::remote::{Connections, Key};
use super::transport::Transport;
use crate::node::timeline::{Kind, Line, headline};
use crate::node::{Event, Node, Output};
use agents::process::{Places, Runner};
use agents::standard::{Exit, RunId};
use answers::When;
use device::DeviceSlot;
use policy_core::controller::Load;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use totem_core::config::Config;

/// Answers that may be outstanding; tools beyond are told to try again.
const OUTSTANDING: usize = 1024;
/// `CS_ERR_TRY_AGAIN` of the original.
const TRY_AGAIN: u8 = 6;

/// The monotonic clock that a node's time is read from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Default for Clock {
    /// A clock whose origin is now.
    fn default() -> Self {
        Clock { origin: Instant::now() }
    }
}

impl Clock {
    /// Time since the origin.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Calendar time of the origin, since 1970, by the machine's calendar of now.
    pub fn epoch(&self) -> Duration {
        let calendar = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        calendar.saturating_sub(self.now())
    }

    pub(in crate::drive) fn instant(&self, at: Duration) -> tokio::time::Instant {
        (self.origin + at).into()
    }
}

/// How often the load of the machine is measured.
const LOAD_EVERY: Duration = Duration::from_secs(30);

/// What [`Output::Reset`] means on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnReset {
    /// The node ends and leaves the machine alone: whoever is to be sure that its resources are gone must fence it.
    #[default]
    End,
    /// The kernel restarts the machine at once, without synchronising disks.
    Reboot,
}

/// Where a node's lines go.
pub type Sink = Box<dyn FnMut(&Line)>;
/// Reads the cluster's configuration again.
pub type Reread = Box<dyn FnMut() -> Result<Config, String>>;

/// Everything a node needs of its machine.
pub struct Adapters {
    /// Its time; the node was made with a reading of it.
    pub clock: Clock,
    /// Its sockets.
    pub transport: Transport,
    /// Its files; the node was made with what they held.
    pub disk: Disk,
    /// Where its agents are.
    pub places: Places,
    /// What tools of the ring see of its configuration.
    pub desk: Desk,
    /// Where tools connect, if anywhere.
    pub control: Option<Listener>,
    /// The secret that it shares with remote hosts; without it none can be connected.
    pub remote_key: Option<Key>,
    /// Where its log goes.
    pub log: Sink,
    /// Reads its configuration again when a tool asks for that.
    pub reread: Reread,
    /// Done when the node is to leave the cluster: its resources move away first.
    pub stop: Pin<Box<dyn Future<Output = ()>>>,
    /// What a reset means.
    pub on_reset: OnReset,
}

/// Why a node does not run any more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The cluster software has ended with an exit code other than 0: 1 after an error, 100 to stay down.
    #[error("the cluster software has ended (code {code})")]
    Ended {
        /// The code.
        code: u8,
    },
    /// The node had to reset its machine, which [`OnReset::End`] forbids.
    #[error("the node was to reset its machine at once, and has ended instead")]
    Reset,
    /// Something cannot be made durable.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Sockets cannot be read, or the runtime does not take them.
    #[error("sockets: {0}")]
    Sockets(#[source] io::Error),
    /// The quorum device cannot be used as it is configured.
    #[error("quorum device: {0}")]
    Device(#[source] io::Error),
}

impl DriveError {
    /// The exit status for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            DriveError::Ended { code } => *code,
            DriveError::Reset => 100,
            _ => 1,
        }
    }
}

/// Runs a node until it ends. To be used inside a tokio runtime with I/O and time; everything is done by the one task, but
/// for agents and tools, which have tasks of their own.
///
/// # Errors
/// The node ended other than by leaving in order.
pub async fn drive(node: Node, io: Adapters) -> Result<(), DriveError> {
    Driver::new(node, io)?.run().await
}

/// A run that is under way, for the log.
struct Running {
    resource: String,
    action: String,
}

struct Driver {
    node: Node,
    clock: Clock,
    transport: Transport,
    disk: Disk,
    desk: Desk,
    device: DeviceSlot,
    log: Sink,
    reread: Reread,
    stop: Option<Pin<Box<dyn Future<Output = ()>>>>,
    on_reset: OnReset,
    /// The same sockets, for waiting alone: reading takes whole batches with their control messages.
    sockets: Vec<UdpSocket>,
    /// The last look at the sockets found something: there may be more.
    more: bool,
    runner: Runner,
    ends: UnboundedReceiver<(RunId, Exit)>,
    running: BTreeMap<RunId, Running>,
    counter: Counter,
    remotes: Connections,
    asked: BTreeMap<u64, oneshot::Sender<Answer>>,
    next: u64,
    /// When to measure the machine's load next.
    next_load: Duration,
    end: Option<Result<(), DriveError>>,
}

impl Driver {
    fn new(node: Node, io: Adapters) -> Result<Driver, DriveError> {
        let sockets: io::Result<Vec<_>> = io.transport.readable().map(watch).collect();
        let (runner, ends) = Runner::new(io.places);
        let counter = Counter::open(io.control).map_err(DriveError::Sockets)?;
        Ok(Driver {
            node,
            clock: io.clock,
            sockets: sockets.map_err(DriveError::Sockets)?,
            transport: io.transport,
            disk: io.disk,
            device: DeviceSlot::open(io.desk.config()).map_err(DriveError::Device)?,
            desk: io.desk,
            log: io.log,
            reread: io.reread,
            stop: Some(io.stop),
            on_reset: io.on_reset,
            more: true,
            runner,
            ends,
            running: BTreeMap::new(),
            remotes: Connections::new(io.remote_key, counter.asks()),
            counter,
            asked: BTreeMap::new(),
            next: 1,
            next_load: Duration::ZERO,
            end: None,
        })
    }

    async fn run(mut self) -> Result<(), DriveError> {
        self.note(Kind::Fault, "boots".to_owned());
        self.drain();
        while self.end.is_none() {
            let due = [self.node.poll_timeout(), self.device.poll_timeout()].into_iter().flatten().min();
            let due = due.map(|at| self.clock.instant(at));
            tokio::select! {
                ready = readable(&self.sockets), if !self.more => {
                    ready.map_err(DriveError::Sockets)?;
                    self.receive()?;
                }
                () = std::future::ready(()), if self.more => self.receive()?,
                Some((run, exit)) = self.ends.recv() => self.agent_ended(run, exit),
                Some(ask) = self.counter.next() => self.answer(ask),
                () = self.device.ready() => self.work_device(),
                (remote, event) = self.remotes.next() => self.feed(|node, now| node.handle_remote(now, &remote, event)),
                () = async { tokio::time::sleep_until(due.expect("checked")).await }, if due.is_some() => {}
                () = async { self.stop.as_mut().expect("checked").await }, if self.stop.is_some() => {
                    self.stop = None;
                    self.note(Kind::Fault, "leaves the cluster".to_owned());
                    self.feed(|node, now| node.shutdown(now));
                }
            }
            if self.node.poll_timeout().is_some_and(|at| at <= self.clock.now()) {
                self.feed(|node, now| node.handle_timeout(now));
            }
            if self.device.is_due(self.clock.now()) {
                self.work_device();
            }
            self.measure_load();
        }
        self.transport.flush();
        let end = self.end.take().expect("the loop ended");
        let code = end.as_ref().map_or_else(DriveError::exit_code, |()| 0);
        self.note(Kind::Fault, format!("cluster software has ended (code {code})"));
        end
    }

    /// Gives the node an input and carries out all its outputs.
    fn feed<T>(&mut self, input: impl FnOnce(&mut Node, Duration) -> T) -> T {
        let result = input(&mut self.node, self.clock.now());
        self.drain();
        result
    }

    /// The node is told at intervals how loaded its machine is; what cannot be read counts as idle.
    fn measure_load(&mut self) {
        let now = self.clock.now();
        if now < self.next_load {
            return;
        }
        self.next_load = now + LOAD_EVERY;
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let average = text.split_whitespace().next().and_then(|t| t.parse().ok()).unwrap_or(0.0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.feed(|node, now| node.handle_load(now, Load { cib: 0.0, average, cores }));
    }

    fn drain(&mut self) {
        while self.end.is_none() {
            let Some(output) = self.node.poll_output() else { break };
            if let Err(error) = self.carry_out(output) {
                self.end = Some(Err(error));
            }
        }
        self.transport.flush();
    }

    fn receive(&mut self) -> Result<(), DriveError> {
        let mut datagrams = Vec::new();
        let hand = |link: u8, from, datagram| datagrams.push((link, from, datagram));
        self.more = self.transport.receive(hand).map_err(DriveError::Sockets)? > 0;
        for (link, from, datagram) in datagrams {
            self.feed(|node, now| node.handle_datagram(now, link.into(), from, datagram));
        }
        Ok(())
    }

    fn carry_out(&mut self, output: Output) -> Result<(), DriveError> {
        // The token need not wait until everything that it brought has been looked at.
        if !matches!(output, Output::Transmit { .. }) {
            self.transport.flush();
        }
        match output {
            Output::Transmit { link, to, datagram } => {
                self.transport.queue(u8::try_from(link).unwrap_or(u8::MAX), to, datagram);
            }
            Output::Persist(step) => self.disk.carry_out(&step)?,
            Output::Run(call) => {
                let running = Running { resource: call.resource.clone(), action: call.action.clone() };
                self.running.insert(call.run, running);
                self.runner.start(&call);
            }
            Output::Kill { run, scope } => self.runner.kill(run, scope),
            Output::Remote { remote, output } => self.remotes.carry_out(&remote, output),
            Output::Event(event) => self.note_event(&event),
            Output::Member(output) => self.member_said(output),
            Output::Reply { number, reply } => {
                if let Some(answer) = self.asked.remove(&number) {
                    // The tool may have gone.
                    let _ = answer.send(Answer::Cluster(answers::later(reply)));
                }
            }
            Output::Exit { code } => {
                self.end = Some(if code == 0 { Ok(()) } else { Err(DriveError::Ended { code }) });
            }
            Output::Reset => self.reset(),
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.note(Kind::Fencing, "resets itself".to_owned());
        if self.on_reset == OnReset::Reboot {
            // Magic SysRq: restart without synchronising or unmounting.
            if let Err(error) = std::fs::write("/proc/sysrq-trigger", "b") {
                self.note(Kind::Fencing, format!("cannot reset this machine: {error}"));
            }
        }
        self.end = Some(Err(DriveError::Reset));
    }

    // --- agents ------------------------------------------------------------------------------------------------------

    fn agent_ended(&mut self, run: RunId, exit: Exit) {
        if let Some(Running { resource, action }) = self.running.remove(&run)
            && succeeded(&exit)
        {
            let news = match action.as_str() {
                "start" | "migrate_from" => "started",
                "promote" => "promoted",
                "demote" => "demoted",
                "stop" | "migrate_to" => "stopped",
                _ => "",
            };
            if !news.is_empty() {
                self.note(Kind::Resource, format!("{resource} {news}"));
            }
        }
        self.feed(|node, now| node.handle_exit(now, run, exit));
    }

    // --- tools -------------------------------------------------------------------------------------------------------

    fn answer(&mut self, ask: Ask) {
        let Ask { request, answer } = ask;
        let now = self.clock.now();
        self.asked.retain(|_, answer| !answer.is_closed());
        let said = match request {
            Request::Cluster(_) if self.asked.len() >= OUTSTANDING => Answer::Error(TRY_AGAIN),
            Request::Cluster(request) => {
                let number = self.next;
                self.next += 1;
                match answers::answer(&mut self.node, now, number, request) {
                    When::Now(said) => Answer::Cluster(said),
                    When::Later => {
                        // The reply may be among the outputs that wait already.
                        self.asked.insert(number, answer);
                        return self.drain();
                    }
                }
            }
            request => {
                let desk = &mut self.desk;
                self.node.with_member(now, |member| desk.answer(now, member, request))
            }
        };
        // The tool may have gone.
        let _ = answer.send(said);
        for event in self.desk.events() {
            self.counter.publish(event);
        }
        self.drain();
    }

    // --- the log -----------------------------------------------------------------------------------------------------

    fn note_event(&mut self, event: &Event) {
        let (kind, text) = headline(event, self.node.is_dc());
        self.note(kind, text);
    }

    fn note(&mut self, kind: Kind, text: String) {
        let line = Line { time: self.clock.now(), node: Some(self.node.name().to_owned()), kind, text };
        (self.log)(&line);
    }
}

fn succeeded(exit: &Exit) -> bool {
    match exit {
        Exit::Exited { code, .. } => *code == 0,
        Exit::Answered(answer) => answer.rc.0 == 0,
        _ => false,
    }
}

/// The same socket once more, of whatever kind, for waiting alone.
fn watch(fd: BorrowedFd<'_>) -> io::Result<UdpSocket> {
    UdpSocket::from_std(fd.try_clone_to_owned()?.into())
}

/// Waits until one of the sockets may have something. Its readiness is forgotten before it is read, so that whatever comes
/// while it is read is news again.
async fn readable(sockets: &[UdpSocket]) -> io::Result<()> {
    let forget = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
    std::future::poll_fn(|context| {
        for socket in sockets {
            if let Poll::Ready(ready) = socket.poll_recv_ready(context) {
                let _ = socket.try_io(Interest::READABLE, forget);
                return Poll::Ready(ready);
            }
        }
        Poll::Pending
    })
    .await
}
