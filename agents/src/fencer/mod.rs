//! Fencing topology, retries, delays, history.
//!
//! Every node has a [`Fencer`]; together they make sure that a node which may no longer act really does not [CT-9]. One of them *owns* each
//! [`Request`]: it asks all for devices, chooses peer and device level by level, and broadcasts the end; only that broadcast makes a result final. The
//! driver carries out each [`Output`] in order, delivers [`Output::Send`]s (those to [`Destination::All`] in total order, to the sender too), and
//! drains [`Fencer::poll_output`] after every push.
//!
//! ```
//! use agents::fencer::{Destination, Fencer, Options, Output, Request, Source};
//! use agents::standard::Exit;
//! use core::time::Duration;
//!
//! let mut fencer = Fencer::new(Options::new("n1", 7));
//! let now = Duration::ZERO;
//! fencer.handle_peers(now, ["n1", "n2"]);
//! fencer.register_device(now, "pdu", "fence_apc", [("pcmk_host_list".to_owned(), "n2".to_owned())].into(), Source::Cib);
//! fencer.request(now, Request::new("controller", "n2", "off", 60));
//! let mut ran = Vec::new();
//! while let Some(output) = fencer.poll_output() {
//!     match output {
//!         Output::Send { to: Destination::All, message } => fencer.handle_message(now, "n1", message),
//!         Output::Run(call) if call.action == "metadata" => fencer.handle_exit(now, call.run, Exit::Exited {
//!             code: 0, stdout: "<resource-agent name='fence_apc'><actions><action name='off'/></actions></resource-agent>".into(), stderr: String::new() }),
//!         Output::Run(call) => {
//!             ran.push((call.resource.clone(), call.action.clone()));
//!             fencer.handle_exit(now, call.run, Exit::code(0));
//!         }
//!         Output::Done(verdict) => assert!(verdict.result.is_ok()),
//!         _ => {}
//!     }
//!     // The other node has no device.
//!     if let Some(id) = fencer.status().operations.iter().find(|o| !o.state.is_final()).map(|o| o.id.clone()) {
//!         fencer.handle_message(now, "n2", agents::fencer::Message::Offer { id, devices: Vec::new() });
//!     }
//! }
//! assert_eq!(ran, [("pdu".to_owned(), "off".to_owned())]);
//! ```

mod choose;
mod device;
mod execution;
mod history;
mod job;
mod message;
mod operation;
mod parameters;
mod progress;
mod request;
mod search;
mod topology;

pub use device::Source;
pub use message::{ActionOffer, DeviceOffer, FenceResult, Message, OperationId, OperationState, Order, Record};
pub use request::{Destination, Output, Request, Verdict};
pub use topology::{Level, LevelError, LevelTarget};

use crate::standard::{Exit, RunId};
use core::time::Duration;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The internal name of the watchdog's device.
pub const WATCHDOG_DEVICE: &str = "watchdog";
/// Its agent: a placeholder that only offers meta-data.
pub const WATCHDOG_AGENT: &str = "fence_watchdog";

/// What a node fixes for its fencer.
#[derive(Debug, Clone)]
pub struct Options {
    /// This node's name.
    pub node: String,
    /// For delays and ids of operations.
    pub seed: u64,
    /// Calendar time, in seconds since 1970, at the driver's origin of `now`.
    pub epoch_at_origin: u64,
}

impl Options {
    /// For a node, with the epoch at the origin.
    pub fn new(node: &str, seed: u64) -> Self {
        Self { node: node.to_owned(), seed, epoch_at_origin: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Peers had long enough to offer devices.
    Query(OperationId),
    /// The peer that works on an operation had long enough.
    Peer(OperationId),
    /// An operation had long enough altogether.
    Total(OperationId),
    /// The watchdog has surely fired.
    Watchdog(OperationId),
    /// A device's job may start: its delay, or the pause before a retry, has passed.
    Job(u64),
    /// An agent has run too long.
    Deadline(RunId),
    /// An agent's meta-data is asked for again.
    Metadata(String),
    /// A relayed request found no owner.
    Relay(OperationId),
}

/// The fencer of one node.
#[derive(Debug)]
pub struct Fencer {
    options: Options,
    rng: ChaCha8Rng,
    peers: BTreeSet<String>,
    node_ids: BTreeMap<u32, String>,
    attributes: BTreeMap<String, BTreeMap<String, String>>,
    watchdog: Option<Duration>,
    devices: BTreeMap<String, device::Device>,
    agents: BTreeMap<String, device::Agent>,
    levels: Vec<Level>,
    operations: BTreeMap<OperationId, operation::Operation>,
    /// The request that was relayed under a place-holder, and the operation that took it over.
    relayed: BTreeMap<OperationId, operation::Relayed>,
    searches: BTreeMap<u64, search::Search>,
    executions: BTreeMap<u64, execution::Execution>,
    jobs: BTreeMap<u64, job::Job>,
    runs: BTreeMap<RunId, job::Running>,
    next_run: u64,
    next: u64,
    timers: BTreeSet<(Duration, Timer)>,
    outputs: VecDeque<Output>,
    /// Messages of this fencer to itself, handled before a verb returns.
    inbox: VecDeque<Message>,
}

impl Fencer {
    /// A fencer without peers and devices.
    pub fn new(options: Options) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(options.seed);
        Self {
            rng,
            peers: BTreeSet::from([options.node.clone()]),
            node_ids: BTreeMap::new(),
            attributes: BTreeMap::new(),
            watchdog: None,
            devices: BTreeMap::new(),
            agents: BTreeMap::new(),
            levels: Vec::new(),
            operations: BTreeMap::new(),
            relayed: BTreeMap::new(),
            searches: BTreeMap::new(),
            executions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_run: 1 << 63,
            next: 0,
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            inbox: VecDeque::new(),
            options,
        }
    }

    /// Tells the calendar time of `now`, after the wall clock was set.
    pub fn set_calendar(&mut self, now: Duration, epoch: u64) {
        self.options.epoch_at_origin = epoch.saturating_sub(now.as_secs());
    }

    /// The nodes whose fencers are active; this node counts whether named or not.
    pub fn handle_peers<'a>(&mut self, now: Duration, peers: impl IntoIterator<Item = &'a str>) {
        self.peers = peers.into_iter().map(str::to_owned).collect();
        self.peers.insert(self.options.node.clone());
        self.relays_lost(now);
        self.owners_lost(now);
        let querying: Vec<_> =
            self.operations.iter().filter(|(_, o)| o.is_querying()).map(|(id, _)| id.clone()).collect();
        for id in querying {
            self.consider(now, &id);
        }
        self.settle(now);
    }

    /// Numeric node ids, for requests that name their target so.
    pub fn set_node_ids(&mut self, ids: BTreeMap<u32, String>) {
        self.node_ids = ids;
    }

    /// Node attributes of the configuration, for levels that match by attribute.
    pub fn set_node_attributes(&mut self, attributes: BTreeMap<String, BTreeMap<String, String>>) {
        self.attributes = attributes;
    }

    /// Replaces the topology: all levels, in document order [CT-9.4].
    ///
    /// # Errors
    /// A level with an index outside 1..=9 or a bad pattern; nothing has changed then.
    pub fn set_topology(&mut self, levels: Vec<Level>) -> Result<(), LevelError> {
        for level in &levels {
            level.check()?;
        }
        self.levels = levels;
        Ok(())
    }

    /// `fencing-watchdog-timeout`: how long until a node that lost its cluster has surely been reset; `None` = no watchdog [CT-9.8].
    pub fn set_watchdog(&mut self, now: Duration, timeout: Option<Duration>) {
        self.watchdog = timeout.filter(|t| !t.is_zero());
        self.watchdog_device(now);
    }

    /// Asks for a node to be fenced, unfenced, or confirmed down by hand; the answer follows as [`Output::Done`].
    pub fn request(&mut self, now: Duration, request: Request) -> OperationId {
        let id = self.accept(now, request, None);
        self.settle(now);
        id
    }

    /// A message of a peer (or of this fencer itself, by way of the cluster).
    pub fn handle_message(&mut self, now: Duration, from: &str, message: Message) {
        self.take(now, from, message);
        self.settle(now);
    }

    /// Handles what this fencer told itself, until nothing is left: each message ends a step, so this ends.
    fn settle(&mut self, now: Duration) {
        while let Some(message) = self.inbox.pop_front() {
            let me = self.options.node.clone();
            self.take(now, &me, message);
        }
    }

    fn take(&mut self, now: Duration, from: &str, message: Message) {
        match message {
            Message::Query { record, relayed_from, allow_self } => {
                self.query_arrived(now, record, relayed_from, allow_self);
            }
            Message::Offer { id, devices } => self.offer_arrived(now, from, &id, devices),
            Message::Execute(order) => self.order_arrived(now, from, order),
            Message::Executed { id, device, result } => self.executed(now, from, &id, device.as_deref(), result),
            Message::Finished { record, merged } => self.finished(now, record, merged),
            Message::Relay { request, placeholder } => {
                self.accept(now, request, Some(placeholder));
            }
            Message::History { records, differential } => self.history_arrived(now, from, records, differential),
            Message::Cleanup { target } => self.forget(target.as_deref()),
        }
    }

    /// A run of a fence agent has ended. The end of a run that is no longer awaited changes nothing.
    pub fn handle_exit(&mut self, now: Duration, run: RunId, exit: Exit) {
        self.run_ended(now, run, exit);
        self.settle(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((at, _)) = self.timers.first() {
            if *at > now {
                break;
            }
            let Some((_, timer)) = self.timers.pop_first() else { break };
            match timer {
                Timer::Query(id) => self.query_over(now, &id),
                Timer::Peer(id) => self.peer_silent(now, &id),
                Timer::Total(id) => self.total_over(now, &id),
                Timer::Watchdog(id) => self.watchdog_fired(now, &id),
                Timer::Job(job) => self.job_ready(now, job),
                Timer::Deadline(run) => self.run_too_long(run),
                Timer::Metadata(agent) => self.ask_metadata(now, &agent),
                Timer::Relay(placeholder) => self.relay_silent(now, &placeholder),
            }
            self.settle(now);
        }
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Devices and operations.
    pub fn status(&self) -> Status {
        let mut operations: Vec<_> = self.operations.values().collect();
        operations.sort_by_key(|o| o.serial);
        Status {
            devices: self.devices.values().map(device::Device::status).collect(),
            operations: operations.into_iter().map(|o| o.record.clone()).collect(),
            busy: self.searches.len() + self.executions.len() + self.jobs.len(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn run_id(&mut self) -> RunId {
        self.next_run += 1;
        RunId(self.next_run)
    }

    fn new_operation_id(&mut self) -> OperationId {
        let (a, b) = (self.rng.next_u64(), self.rng.next_u64());
        let version = (a & 0xffff_ffff_ffff_0fff) | 0x4000;
        let variant = (b & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        OperationId(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            version >> 32,
            (version >> 16) & 0xffff,
            version & 0xffff,
            variant >> 48,
            variant & 0xffff_ffff_ffff
        ))
    }

    fn epoch(&self, now: Duration) -> u64 {
        self.options.epoch_at_origin.saturating_add(now.as_secs())
    }

    fn send(&mut self, to: Destination, message: Message) {
        match to {
            Destination::Peer(node) if self.is_me(&node) => self.inbox.push_back(message),
            to => self.outputs.push_back(Output::Send { to, message }),
        }
    }

    fn is_me(&self, node: &str) -> bool {
        self.options.node.eq_ignore_ascii_case(node)
    }
}

/// A look at a fencer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// By id.
    pub devices: Vec<DeviceStatus>,
    /// In the order they became known here.
    pub operations: Vec<Record>,
    /// Searches for devices, orders of owners, and jobs of devices that this node works on.
    pub busy: usize,
}

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Its id.
    pub id: String,
    /// Its agent.
    pub agent: String,
    /// Registered by the executor (its resource is started here).
    pub api: bool,
    /// Registered by the configuration.
    pub cib: bool,
    /// A list, monitor or status succeeded.
    pub verified: bool,
    /// Jobs that wait or run.
    pub jobs: usize,
}
