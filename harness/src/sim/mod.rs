//! The deterministic simulator: real nodes on a virtual network, with virtual disks, agents, power and clocks. All from one seed.
//!
//! An embedder's own test, in full: a cluster is described, things happen to it, and it is looked at.
//!
//! ```
//! use harness::sim::scenario::{Condition, Event};
//! use harness::sim::Simulation;
//! use std::time::Duration;
//!
//! let seconds = Duration::from_secs;
//! let mut simulation = Simulation::builder(7)
//!     .nodes(&["n1", "n2", "n3"])
//!     .totem("token", "1000")
//!     .configure("primitive ip ocf:heartbeat:IPaddr2 params ip=10.0.0.9 op monitor interval=10s\n")
//!     .configure("location first ip 100: n1\nproperty stonith-enabled=false\n")
//!     .at(seconds(40), Event::Crash("n1".to_owned()))
//!     .build()?;
//! simulation.run_until(seconds(39));
//! assert!(simulation.holds(&Condition::Started("ip".to_owned(), Some("n1".to_owned()))));
//! simulation.run_until(seconds(60));
//! assert!(simulation.holds(&Condition::Started("ip".to_owned(), None)), "{}", simulation.status_text());
//! assert!(simulation.violations().is_empty());
//! assert_eq!(simulation.unsettled(), None);
//! for line in simulation.timeline() {
//!     println!("{line}");
//! }
//! # Ok::<(), harness::sim::BuildError>(())
//! ```
//!
//! With [`Builder::faults`] random faults are drawn from the seed; [`scenario`] reads the same from text, [`run`] judges it, [`shrink`]
//! makes a failure's story short and [`story`] turns it into text again. Safety invariants are checked in every run, from what nodes
//! show only: the order of all messages (the oracle [`evs`]), copies of the CIB and acknowledged writes, nothing twice, one
//! coordinator, rest after healing ([`Simulation::unsettled`]), nothing started on nodes that leave or stand by, one end for each
//! action, and members that have joined. This feature needs no tokio.
//!
//! The drain rule holds here as everywhere: every input to a node is followed by carrying out all its outputs, in order.

mod build;
mod check;
mod clock;
mod disk;
pub mod evs;
mod faults;
mod flight;
mod happen;
mod host;
mod joins;
mod network;
mod observe;
mod remote;
pub mod report;
mod run;
pub mod scenario;
mod starts;
mod story;
mod total_order;

pub use crate::node::timeline::{Kind, Line};
pub use build::{BuildError, Builder};
pub use check::{Mutation, Violation};
pub use clock::Clock;
pub use disk::Disk;
pub use faults::Faults;
pub use network::{Network, NodeIx};
pub use run::{Broken, Outcome, RunOptions, run, run_with, story};
pub use story::shrink;

use crate::node::{ConnectionId, RemoteEvent};
use agents::model::World;
use agents::standard::RunId;
use bytes::Bytes;
use host::Host;
use rand::rngs::ChaCha8Rng;
use scenario::Event;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How long a machine takes from power on to the start of its cluster software.
const BOOT: Duration = Duration::from_secs(10);

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// A datagram arrives.
    Datagram { to: NodeIx, boot: u32, link: usize, from: NodeIx, datagram: Bytes },
    /// An agent's run ends.
    AgentEnds { node: NodeIx, boot: u32, run: RunId },
    /// The script goes on.
    Script(Box<Event>),
    /// A paused process goes on.
    Resume { node: NodeIx, boot: u32, told: bool },
    /// A machine has booted.
    Booted { node: NodeIx },
    /// Something reaches a remote host.
    AtRemote { remote: remote::RemoteIx, what: remote::RemoteHappening },
    /// Something of a connection to a remote host reaches a node.
    FromRemote { node: NodeIx, boot: u32, remote: String, connection: Option<ConnectionId>, event: RemoteEvent },
    /// An operator writes down a number, to see later that it was kept.
    Mark { number: u64 },
}

#[derive(Debug)]
struct Scheduled {
    at: Duration,
    order: u64,
    what: Happening,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// An alert agent was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub time: Duration,
    /// On which node.
    pub node: String,
    /// Path of the agent.
    pub path: String,
    /// Its environment.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// A cluster in virtual time.
pub struct Simulation {
    now: Duration,
    rng: ChaCha8Rng,
    hosts: Vec<Host>,
    remotes: Vec<remote::RemoteHost>,
    /// Connections of nodes to remote hosts.
    links: std::collections::BTreeMap<(NodeIx, String), ConnectionId>,
    next_connection: ConnectionId,
    alerts: Vec<Told>,
    network: Network,
    world: World,
    queue: BinaryHeap<Reverse<Scheduled>>,
    /// How long the disk has kept the node that is being drained.
    lag: Duration,
    order: u64,
    lines: Vec<Line>,
    details: bool,
    check: check::Checker,
    observer: observe::Observer,
    /// Counts changes of what is active where.
    world_changes: u64,
    /// Inputs given to nodes.
    pub steps: u64,
}

impl Simulation {
    /// A simulation with this seed, to be described.
    pub fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    /// Virtual time now.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// What happened so far.
    pub fn timeline(&self) -> &[Line] {
        &self.lines
    }

    /// Alert agents that were called so far.
    pub fn alerts(&self) -> &[Told] {
        &self.alerts
    }

    /// Safety invariants that were broken so far.
    pub fn violations(&self) -> &[Violation] {
        &self.check.violations
    }

    /// Messages that the rings have delivered in order, at all nodes; each was checked.
    pub fn deliveries(&self) -> u64 {
        self.check.order.deliveries()
    }

    /// The network, to change it between steps.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Changes with what is active where, and only then.
    pub(crate) fn world_changes(&self) -> u64 {
        self.world_changes
    }

    /// The agents' world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The node of that name, if its software runs.
    pub fn node(&self, name: &str) -> Option<&crate::node::Node> {
        self.hosts.iter().find(|h| h.name == name)?.node()
    }

    /// Names of all nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|h| h.name.as_str())
    }

    /// Something of a script happens now.
    pub fn order_event(&mut self, event: Event) {
        self.happen(Happening::Script(Box::new(event)));
    }

    /// Lets time pass until then, or until an invariant breaks.
    pub fn run_until(&mut self, end: Duration) {
        while self.check.violations.is_empty() && self.step(end) {}
        if self.check.violations.is_empty() {
            self.now = self.now.max(end);
        }
    }

    /// Carries out the next thing that happens before `end`; `false` if there is none.
    pub fn step(&mut self, end: Duration) -> bool {
        let remote = self.remote_wakes_at();
        let timer = self.hosts.iter().enumerate().filter_map(|(i, h)| h.wakes_at().map(|at| (at, i))).min();
        let queued = self.queue.peek().map(|s| s.0.at);
        let due = [timer.map(|t| t.0), queued, remote.map(|r| r.0)].into_iter().flatten().min();
        let Some(at) = due else { return false };
        if at > end {
            return false;
        }
        self.now = self.now.max(at);
        self.steps += 1;
        match (queued, timer) {
            (Some(q), _) if q == at => {
                let Reverse(scheduled) = self.queue.pop().expect("peeked above");
                self.happen(scheduled.what);
            }
            (_, Some((due, node))) if due == at => self.with_node(node, |n, now| n.handle_timeout(now)),
            _ if remote.is_some_and(|(due, _)| due == at) => {
                let (_, remote) = remote.expect("looked at above");
                self.with_remote(remote, |r, now| r.handle_timeout(now));
            }
            _ => {}
        }
        true
    }

    fn schedule(&mut self, at: Duration, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse(Scheduled { at, order: self.order, what }));
    }

    fn index(&self, name: &str) -> Option<NodeIx> {
        self.hosts.iter().position(|h| h.name == name)
    }

    fn note(&mut self, node: Option<NodeIx>, kind: Kind, text: impl Into<String>) {
        if kind.is_detail() && !self.details {
            return;
        }
        let node = node.map(|i| self.hosts[i].name.clone());
        self.lines.push(Line { time: self.now, node, kind, text: text.into() });
    }
}
