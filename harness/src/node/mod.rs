//! One cluster node: ring, quorum, groups, CIB, controller, attribute manager, executor and fencer behind the same five verbs,
//! still without I/O.
//!
//! The driver brings datagrams, ends of agents, time and requests, and after each of them carries out all outputs **in order**, until
//! [`Node::poll_output`] gives `None`: what must be durable before the next datagram leaves stands before it.

mod acting;
mod config;
mod connections;
mod event;
mod fence;
mod mutation;
mod own_runs;
mod pump;
mod remote;
mod request;
mod schedule;
mod stored;
pub mod timeline;
mod translate;
mod wire;

pub use config::{NodeConfig, NodeError};
pub use event::{Event, Order};
#[doc(hidden)]
pub use mutation::Mutation;
#[cfg(test)]
pub(crate) use remote::hello as remote_hello;
pub use remote::{ConnectionId, RemoteEvent, RemoteExecutor, RemoteHostOutput, RemoteOutput};
pub use request::{Reply, Request, RequestError};
pub use stored::{Persist, Stored};

use agents::executor::{self, Executor, KillScope};
use agents::fencer::{self, Fencer};
use agents::standard::{Call, Exit, RunId};
use bytes::Bytes;
use cib_core::replica::{self, MemberId, Replica};
use cib_core::xml::Document;
use own_runs::OwnRuns;
use policy_core::attributes::{Attribute, Attributes};
use policy_core::controller::{self, AgentKey, Controller, Identity, State};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use totem_core::member::{self, LinkIx, Member};
use totem_core::wire::RingId;

/// What the driver has to do, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a datagram.
    Transmit {
        /// Over this link.
        link: usize,
        /// To this address.
        to: SocketAddr,
        /// All of it.
        datagram: Bytes,
    },
    /// One step of writing a file, done before anything that follows.
    Persist(Persist),
    /// Run an agent; its end goes to [`Node::handle_exit`].
    Run(Call),
    /// Kill an agent; its end is still awaited.
    Kill {
        /// Which run.
        run: RunId,
        /// The whole process group, or the process alone.
        scope: KillScope,
    },
    /// Do something about the connection to a remote host.
    Remote {
        /// Name of the remote node.
        remote: String,
        /// What to do.
        output: RemoteOutput,
    },
    /// Something worth a line in the log.
    Event(Event),
    /// What the tools and logs of the ring are told: keys, votes, wishes of the configuration service.
    Member(member::Output),
    /// How a request that had a number ended.
    Reply {
        /// The asker's number.
        number: u64,
        /// The end.
        reply: Reply,
    },
    /// The cluster software has ended, with the exit code of the controller.
    Exit {
        /// 0 normal, 1 error, 100 stay down.
        code: u8,
    },
    /// Reset the machine at once.
    Reset,
}

/// A look at a node.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its controller.
    pub controller: controller::Status,
    /// The ring: representative and sequence.
    pub ring: String,
    /// Whether its partition has quorum.
    pub quorate: bool,
}

/// The name under which the node's own parts write to the CIB.
const OWN_CLIENT: &str = "crmd";

/// What a finished CIB write belongs to.
#[derive(Clone, Copy, Debug)]
enum Writer {
    Controller(u64),
    Attributes(u64),
    Client(u64),
    /// Answered by [`Output::Reply`].
    Tool(u64),
}

/// One node of a cluster.
pub struct Node {
    config: NodeConfig,
    member: Member,
    replica: Replica,
    controller: Controller,
    attributes: Attributes,
    executor: Executor,
    fencer: Fencer,
    names: BTreeMap<u32, String>,
    ring: Option<RingId>,
    ring_text: String,
    shown: Option<RingId>,
    /// The ring in which the copies of the CIB were last compared.
    compared: Option<RingId>,
    members: Vec<u32>,
    quorate: bool,
    /// The ring that is being installed, from its transitional change to the verdict on its quorum.
    coming: Option<RingId>,
    in_group: Vec<u32>,
    /// Who left the ring since the services last synchronised, and has not left the group.
    departed: BTreeSet<u32>,
    next_request: u64,
    writing: BTreeMap<u64, Writer>,
    syncing: Option<u64>,
    /// What waits for the ring, with the stamp of each message.
    unsent: VecDeque<(wire::Stamp, Bytes)>,
    sent: u32,
    /// Changes of the CIB so far.
    cib_changes: u64,
    /// Counts messages for [`Mutation`]s, and the one that is held back by one.
    delivered: u64,
    late: Option<mutation::Ordered>,
    runs: OwnRuns,
    /// Remote nodes whose connection another node hands over.
    taking_over: BTreeSet<String>,
    /// Agents that were asked for their meta-data over a connection.
    described_by: Vec<(String, AgentKey)>,
    ending: Option<u8>,
    /// When the first timer above the ring is due, as found after the last turn in which something above it moved.
    services_wake: Option<Duration>,
    /// Counts those turns.
    turns: u64,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node that starts now, with what its disk holds.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(config: NodeConfig, stored: Stored, now: Duration) -> Result<Node, NodeError> {
        let names = config.names();
        let member = config.member(&stored, now)?;
        let files = stored.cib_files(config.initial_cib.as_deref());
        let replica_config = replica::Config::new(MemberId(config.id), &config.name)
            .with_incarnation(config.life)
            .with_own_clients(&[OWN_CLIENT])
            .with_quorum_for_configuration();
        let (replica, findings) = Replica::recover(replica_config, &files, now);
        let epoch = config.epoch;
        let identity = Identity {
            epoch,
            feature_set: config.feature_set.clone(),
            uuid: config.uuid(),
            cluster_name: Some(config.cluster_name.clone()),
            ..Identity::new(config.id, &config.name)
        };
        let options = executor::Options { epoch_at_origin: epoch.as_secs(), ..executor::Options::default() };
        let fencing =
            fencer::Options { epoch_at_origin: epoch.as_secs(), ..fencer::Options::new(&config.name, config.seed) };
        let mut node = Node {
            controller: Controller::new(identity, now),
            attributes: Attributes::new(config.id, &config.name, Duration::ZERO, now),
            executor: Executor::new(options),
            fencer: Fencer::new(fencing),
            member,
            replica,
            names,
            ring: None,
            ring_text: String::new(),
            shown: None,
            compared: None,
            members: Vec::new(),
            quorate: false,
            coming: None,
            in_group: Vec::new(),
            departed: BTreeSet::new(),
            next_request: 1,
            writing: BTreeMap::new(),
            syncing: None,
            unsent: VecDeque::new(),
            runs: OwnRuns::default(),
            taking_over: BTreeSet::new(),
            described_by: Vec::new(),
            sent: 0,
            cib_changes: 0,
            delivered: 0,
            late: None,
            ending: None,
            services_wake: None,
            turns: 0,
            outputs: VecDeque::new(),
            config,
        };
        node.fencer.set_node_ids(node.names.clone());
        for finding in findings {
            node.tell(Event::CibLoaded(format!("{finding:?}")));
        }
        node.controller.handle_cib(now, node.replica.cib().document(), &[], None);
        node.configure_fencer(now);
        node.join_group();
        node.pump(now);
        Ok(node)
    }

    /// A datagram has arrived.
    pub fn handle_datagram(&mut self, now: Duration, link: usize, from: SocketAddr, datagram: Bytes) {
        self.member.handle_datagram(now, LinkIx(link as u8), from, datagram);
        self.pump_ring(now);
    }

    /// An agent's run has ended.
    pub fn handle_exit(&mut self, now: Duration, run: RunId, exit: Exit) {
        // The fencer counts its runs from 2^63 + 1.
        if OwnRuns::owns(run) {
            if let Some((agent, meta)) = self.runs.finish(run, &exit) {
                self.controller.handle_agent(now, agent, meta);
            }
        } else if run.0 > 1 << 63 {
            self.fencer.handle_exit(now, run, exit);
        } else {
            self.executor.handle_exit(now, run, exit);
        }
        self.pump(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if due(self.member.poll_timeout()) {
            self.member.handle_timeout(now);
        }
        if !due(self.services_wake) {
            return self.pump_ring(now);
        }
        if due(self.replica.poll_timeout()) {
            self.replica.handle_timeout(now);
        }
        if due(self.controller.poll_timeout()) {
            self.controller.handle_timeout(now);
        }
        if due(self.attributes.poll_timeout()) {
            self.attributes.handle_timeout(now);
        }
        if due(self.executor.poll_timeout()) {
            self.executor.handle_timeout(now);
        }
        if due(self.fencer.poll_timeout()) {
            self.fencer.handle_timeout(now);
        }
        for (run, agent) in self.runs.late(now) {
            self.outputs.push_back(Output::Kill { run, scope: KillScope::Group });
            self.controller.handle_agent(now, agent, None);
        }
        self.pump(now);
    }

    /// The load of this machine as measured now; to be told every 30 seconds.
    pub fn handle_load(&mut self, now: Duration, load: controller::Load) {
        self.controller.handle_load(now, load);
        self.pump(now);
    }

    /// Asks the node to leave the cluster cleanly: its resources move away first.
    pub fn shutdown(&mut self, now: Duration) {
        self.controller.shutdown(now);
        self.pump(now);
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Node::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        [self.member.poll_timeout(), self.services_wake].into_iter().flatten().min()
    }

    /// When the first part above the ring has something to do.
    fn next_service(&self) -> Option<Duration> {
        [
            self.replica.poll_timeout(),
            self.controller.poll_timeout(),
            self.attributes.poll_timeout(),
            self.executor.poll_timeout(),
            self.fencer.poll_timeout(),
            self.runs.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Its ring member, to look at.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// A request to its ring member: votes, links, the configuration service.
    pub fn with_member<T>(&mut self, now: Duration, ask: impl FnOnce(&mut Member) -> T) -> T {
        let result = ask(&mut self.member);
        self.pump(now);
        result
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Ids and names of all nodes of the configuration.
    pub fn names(&self) -> &BTreeMap<u32, String> {
        &self.names
    }

    /// Looks, never changes.
    pub fn status(&self) -> Status {
        Status { controller: self.controller.status(), ring: self.ring_text.clone(), quorate: self.quorate }
    }

    /// Whether this node coordinates.
    pub fn is_dc(&self) -> bool {
        self.controller.is_dc()
    }

    /// State of its controller.
    pub fn state(&self) -> State {
        self.controller.state()
    }

    /// The ring it is in: representative and sequence.
    pub fn ring(&self) -> &str {
        &self.ring_text
    }

    /// Ids of the nodes in its process group, ascending.
    pub fn group(&self) -> &[u32] {
        &self.in_group
    }

    /// Its copy of the CIB.
    pub fn cib(&self) -> &Document {
        self.replica.cib().document()
    }

    /// Version of its copy: `admin_epoch`, `epoch`, `num_updates`.
    pub fn cib_version(&self) -> (i64, i64, i64) {
        let [admin, epoch, updates] = self.replica.cib().version().fields();
        (admin.into(), epoch.into(), updates.into())
    }

    /// How often its copy has changed since it started.
    pub fn cib_changes(&self) -> u64 {
        self.cib_changes
    }

    /// Counts inputs that reached more than its ring: while it stands still, so does all that [`Node`] shows, timers of the ring apart.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Whether its copy is known to be that of all members.
    pub fn cib_is_synchronized(&self) -> bool {
        // between a change of the ring and the group's new view, what the copy knows of is the old view
        self.coming.is_none() && self.replica.phase() == replica::Phase::Synchronized
    }

    /// Digest of its copy.
    pub fn cib_digest(&self) -> String {
        self.replica.cib().digest()
    }

    /// Its memory of node attributes.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        self.attributes.status()
    }

    /// What its fencer knows.
    pub fn fencing(&self) -> fencer::Status {
        self.fencer.status()
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// A CIB without configuration, of the last schema in which all words of the crm language are valid.
pub fn empty_cib() -> Document {
    cib_core::cib::empty(Some("pacemaker-3.9"), 1)
}
