//! Election, join, and the designated coordinator's loop: the controller of one node ([CT-1] to [CT-7]).
//!
//! Every node runs one [`Controller`]. It is driven by membership views, ordered group messages, changes of the CIB,
//! results of the local executor and of the fencer, and time. It answers with [`Output`]s, to be carried out **in order**:
//!
//! ```
//! use policy_core::controller::{Controller, Identity, Output, View};
//! use std::time::Duration;
//!
//! let mut controller = Controller::new(Identity::new(1, "n1"), Duration::ZERO);
//! let doc = cib_core::xml::Document::parse("<cib><configuration><crm_config/></configuration></cib>").unwrap();
//! controller.handle_cib(Duration::ZERO, &doc, &[], None);
//! let view = View { sequence: 8, members: vec![(1, "n1".into())], quorate: true };
//! controller.handle_view(Duration::ZERO, view);
//! controller.handle_group(Duration::ZERO, &[1], &[]);
//! while let Some(output) = controller.poll_output() {
//!     match output {
//!         Output::Send { .. } => {} // to the ordered group; comes back through `handle_message`
//!         Output::Write { .. } => {} // to the CIB; its end through `handle_written`
//!         _ => {}
//!     }
//! }
//! // Alone, it becomes coordinator when its timer for finding one has run out.
//! assert_eq!(controller.poll_timeout(), Some(Duration::from_secs(1)));
//! ```

mod agent;
mod alert;
mod alert_targets;
mod changes;
mod confirmed;
mod connection;
mod coordinate;
mod deletion;
mod election;
mod event;
mod feature;
mod fencing;
mod fsa;
mod identity;
mod join;
mod lifecycle;
mod local;
mod lrm;
mod matching;
mod message;
mod options;
mod output;
mod peers;
mod perform;
mod queue;
mod record;
mod remote;
mod status;
mod throttle;

pub use agent::{AgentKey, AgentMeta, AgentParameter, Reload};
pub use alert::{Alert, AlertTarget};
pub use changes::{ChangeKind, CibChange};
pub use connection::{RemoteCommand, RemoteInput};
pub use coordinate::ScheduleRequest;
pub use election::{Ballot, Candidate, ElectionState, Elector};
pub use event::{ActionEnd, Event};
pub use feature::FeatureSet;
pub use fencing::{FencingOutcome, FencingRequest};
pub use fsa::State;
pub use identity::{FEATURE_SET, Identity};
pub use lifecycle::View;
pub use message::{Clearing, Deletion, Generation, Message, NodeId, Receiver};
pub use options::ControllerOptions;
pub use output::{CallId, Output};
pub use peers::{Expected, JoinPhase, Membership, Peer, Peers};
pub use record::{Operation, Report, op_digest, op_status, operation_key};
pub use remote::RemoteNode;
pub use status::{CibWrite, Status};
pub use throttle::Load;

use crate::transition::{Limits, Transition};
use fsa::{Act, Acts, Input};
use peers::Peers as PeerTable;
use queue::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    AskDc,
    Dc,
    Integration,
    Finalization,
    TransitionDelay,
    Recheck,
    Escalation,
    DelayedAbort,
    ScheduleRetry,
    SchedulerReply,
    FencingHistory,
    PendingNode(NodeId),
    Action(u32),
}

/// What a finished CIB write leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WriteEnd {
    Nothing,
    JoinCommitted,
    Fenced,
}

/// The controller of one node.
#[derive(Debug)]
pub struct Controller {
    me: Identity,
    started: Duration,
    state: State,
    acts: Acts,
    queue: VecDeque<Entry>,
    message: Option<Arc<(NodeId, Message)>>,
    stalled: bool,
    /// The graph is to be looked at when the present input has been dealt with.
    pass_wanted: bool,
    outputs: VecDeque<Output>,
    timers: BTreeMap<Timer, Duration>,
    peers: PeerTable,
    options: ControllerOptions,
    elector: Elector,
    is_dc: bool,
    dc: Option<NodeId>,
    dc_loops: u32,
    shutting_down: bool,
    stay_down: bool,
    in_recovery: bool,
    have_cib: bool,
    generation: Generation,
    cluster_name_known: bool,
    /// Ids in `nodes` that an earlier node of a known name had.
    stale_nodes: Vec<String>,
    /// Nodes of which the CIB says what is expected.
    expectations: BTreeSet<NodeId>,
    sequence: u64,
    seen_view: bool,
    quorate: bool,
    had_quorum: bool,
    panic_armed: bool,
    join: join::Round,
    joined_before: bool,
    since_confirmed: confirmed::SinceConfirmed,
    calls: CallId,
    writing: BTreeMap<CallId, WriteEnd>,
    syncing: Option<CallId>,
    transition: Transition,
    schedule: coordinate::Scheduling,
    limits: Limits,
    throttle: BTreeMap<NodeId, crate::transition::NodeLimit>,
    /// How loaded this node said it is.
    load_mode: Option<crate::transition::LoadMode>,
    handled_outside: BTreeSet<i64>,
    fencing: fencing::FencingBook,
    /// This node's executor.
    own: lrm::Lrm,
    /// Executors of remote nodes that are connected here, by name.
    remote_lrms: BTreeMap<String, lrm::Lrm>,
    connections: BTreeMap<String, connection::Connection>,
    /// All remote nodes that were ever heard of, by name.
    remotes: BTreeMap<String, RemoteNode>,
    agents: agent::Known,
    /// Operations that wait for the meta-data of their agent.
    waiting: BTreeMap<AgentKey, Vec<Operation>>,
    /// As coordinator: who asked to leave, and at which epoch second.
    leaving: BTreeMap<NodeId, u64>,
    /// Deletions of histories that wait for an operation, with who asked.
    deleting: Vec<(NodeId, Deletion)>,
    alerts: alert_targets::AlertTargets,
}

impl Controller {
    /// A controller that starts now. It does nothing until it has a CIB, options, and a membership view.
    pub fn new(me: Identity, now: Duration) -> Self {
        let mut peers = PeerTable::default();
        peers.learn(me.id, &me.name);
        let mut controller = Controller {
            started: now,
            state: State::Starting,
            acts: Acts::NONE,
            queue: VecDeque::new(),
            message: None,
            stalled: false,
            pass_wanted: false,
            outputs: VecDeque::new(),
            timers: BTreeMap::new(),
            peers,
            options: ControllerOptions::default(),
            elector: Elector::new(Duration::from_secs(120)),
            is_dc: false,
            dc: None,
            dc_loops: 0,
            shutting_down: false,
            stay_down: false,
            in_recovery: false,
            have_cib: false,
            generation: Generation::default(),
            cluster_name_known: false,
            stale_nodes: Vec::new(),
            expectations: BTreeSet::new(),
            sequence: 0,
            seen_view: false,
            quorate: false,
            had_quorum: false,
            panic_armed: false,
            join: join::Round::default(),
            joined_before: false,
            since_confirmed: confirmed::SinceConfirmed::default(),
            calls: 0,
            writing: BTreeMap::new(),
            syncing: None,
            transition: Transition::blank(),
            schedule: coordinate::Scheduling::default(),
            limits: Limits { default_max: me.max_jobs, ..Limits::default() },
            throttle: BTreeMap::new(),
            load_mode: None,
            handled_outside: BTreeSet::new(),
            fencing: fencing::FencingBook::default(),
            own: lrm::Lrm::new(&me.name, &me.id.to_string()),
            remote_lrms: BTreeMap::new(),
            connections: BTreeMap::new(),
            remotes: BTreeMap::new(),
            agents: BTreeMap::new(),
            waiting: BTreeMap::new(),
            leaving: BTreeMap::new(),
            deleting: Vec::new(),
            alerts: alert_targets::AlertTargets::default(),
            me,
        };
        controller.append(Input::Startup);
        controller.run(now);
        controller
    }

    /// The next output; drain until `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Controller::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let connections = self.connections.values().filter_map(connection::Connection::wakes_at);
        self.timers.values().copied().chain(self.elector.deadline()).chain(connections).min()
    }

    /// Whether this node coordinates.
    pub fn is_dc(&self) -> bool {
        self.is_dc
    }

    /// State of the machine.
    pub fn state(&self) -> State {
        self.state
    }

    /// The options as read last.
    pub fn options(&self) -> &ControllerOptions {
        &self.options
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.elector.deadline().is_some_and(|at| at <= now) {
            self.elector.win();
            self.append(Input::ElectionDc);
            self.run(now);
        }
        while let Some((&timer, _)) = self.timers.iter().filter(|(_, at)| **at <= now).min_by_key(|(t, at)| (**at, **t))
        {
            self.timers.remove(&timer);
            self.fire(now, timer);
            self.run(now);
        }
        self.connections_due(now);
        self.run(now);
    }

    /// The termination signal: leave the cluster cleanly; a second one is an error ([CT-7.2]).
    pub fn shutdown(&mut self, now: Duration) {
        if self.shutting_down {
            self.raise_error(Input::Error);
        } else {
            self.shutting_down = true;
            self.start_timer(Timer::Escalation, now, self.options.shutdown_escalation);
            self.append(Input::Shutdown);
        }
        self.run(now);
    }

    fn fire(&mut self, now: Duration, timer: Timer) {
        match timer {
            Timer::AskDc => {
                self.dc = None;
                self.send(Receiver::Dc, Message::JoinAnnounce);
            }
            Timer::Dc => {
                self.dc_loops += 1;
                if self.dc_loops > 5 {
                    self.dc_loops = 0;
                    self.log(Event::ElectionLoop);
                }
                self.append(Input::DcTimeout);
            }
            Timer::Integration => {
                if self.peers.in_phase(JoinPhase::Welcomed) == 0 {
                    self.raise_error(Input::Election);
                } else {
                    self.prepend(Input::Integrated);
                }
            }
            Timer::Finalization => {
                if self.state == State::FinalizeJoin {
                    self.append(Input::Election);
                }
            }
            Timer::TransitionDelay => self.append(Input::PeCalc),
            Timer::Recheck => {
                if self.state == State::Idle {
                    self.append(Input::PeCalc);
                }
            }
            Timer::Escalation => self.append(Input::Stop),
            Timer::DelayedAbort => self.delayed_abort(now),
            Timer::ScheduleRetry => self.append_acts(Acts::of(&[Act::Schedule])),
            Timer::SchedulerReply => {
                if self.is_dc && self.state == State::PolicyEngine && self.schedule.is_awaited() {
                    self.stay_down = true;
                    self.append(Input::Terminate);
                }
            }
            Timer::FencingHistory => self.outputs.push_back(Output::SyncFencing),
            Timer::PendingNode(_) => self.abort(now, coordinate::Abort::restart("Node pending timed out")),
            Timer::Action(id) => self.action_lost(now, id),
        }
    }

    // --- small helpers -----------------------------------------------------------------------------------------------

    fn send(&mut self, to: Receiver, message: Message) {
        self.outputs.push_back(Output::Send { to, message });
    }

    fn log(&mut self, event: Event) {
        self.outputs.push_back(Output::Log(event));
    }

    /// Starting a running timer changes nothing; a period of 0 never starts it ([CT-2.7]).
    fn start_timer(&mut self, timer: Timer, now: Duration, period: Duration) {
        if !period.is_zero() {
            self.timers.entry(timer).or_insert(now + period);
        }
    }

    fn epoch_seconds(&self, now: Duration) -> u64 {
        (self.me.epoch + now).as_secs()
    }

    fn age(&self, now: Duration) -> Duration {
        self.me.age + (now - self.started)
    }

    fn my_peer(&mut self) -> &mut Peer {
        let id = self.me.id;
        let name = self.me.name.clone();
        self.peers.learn(id, &name)
    }

    fn am_active(&self) -> bool {
        self.peers.get(self.me.id).is_some_and(Peer::is_active)
    }

    fn write(&mut self, writes: Vec<CibWrite>, end: WriteEnd) {
        self.calls += 1;
        self.writing.insert(self.calls, end);
        self.outputs.push_back(Output::Write { call: self.calls, writes });
    }
}
