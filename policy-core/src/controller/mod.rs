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

mod coordinate;
mod election;
mod event;
mod feature;
mod fencing;
mod fsa;
mod join;
mod lifecycle;
mod local;
mod matching;
mod message;
mod options;
mod peers;
mod perform;
mod record;
mod status;

pub use coordinate::{ChangeKind, CibChange, ScheduleRequest};
pub use election::{Ballot, Candidate, ElectionState, Elector};
pub use event::{Alert, Event};
pub use feature::FeatureSet;
pub use fencing::{FencingOutcome, FencingRequest};
pub use fsa::State;
pub use lifecycle::View;
pub use message::{Generation, Message, NodeId, Receiver};
pub use options::ControllerOptions;
pub use peers::{Expected, JoinPhase, Membership, Peer, Peers};
pub use record::{Operation, Report, op_digest, op_status, operation_key};
pub use status::{CibWrite, Status};

use crate::attributes;
use crate::transition::{Limits, Transition};
use fsa::{Act, Acts, Input};
use peers::Peers as PeerTable;
use record::{Record, Remembered};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The feature set of this specification.
pub const FEATURE_SET: &str = "3.20.5";

/// Who a controller is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Id of the node.
    pub id: NodeId,
    /// Name of the node.
    pub name: String,
    /// Feature set to announce.
    pub feature_set: FeatureSet,
    /// `dc-version` to write as coordinator.
    pub version: String,
    /// `cluster-name` to write if none is known.
    pub cluster_name: Option<String>,
    /// Marks the transitions of this process; 36 characters, unique in the life of the cluster.
    pub uuid: String,
    /// Age of the process at the driver's origin: what elections compare.
    pub age: Duration,
    /// Seconds since the epoch at the driver's origin.
    pub epoch: Duration,
    /// A watchdog daemon runs.
    pub watchdog: bool,
    /// `standby`, `online` or nothing: what to set at the first join.
    pub start_state: Option<bool>,
    /// How many jobs this node takes without load.
    pub max_jobs: usize,
}

impl Identity {
    /// A node with an id and a name, all else by default.
    pub fn new(id: NodeId, name: &str) -> Self {
        Identity {
            id,
            name: name.to_owned(),
            feature_set: FEATURE_SET.parse().expect("infallible"),
            version: concat!(env!("CARGO_PKG_VERSION"), "-metronome").to_owned(),
            cluster_name: None,
            uuid: format!("{id:08x}-0000-4000-8000-000000000000"),
            age: Duration::ZERO,
            epoch: Duration::ZERO,
            watchdog: false,
            start_state: None,
            max_jobs: 8,
        }
    }
}

/// Number of a CIB write, given back with its end.
pub type CallId = u64;

/// What the driver has to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send to the ordered group of the controllers.
    Send {
        /// Who reads it.
        to: Receiver,
        /// The message.
        message: Message,
    },
    /// Write to the CIB, all or nothing; answer with [`Controller::handle_written`].
    Write {
        /// Number of the write.
        call: CallId,
        /// What to write, in order.
        writes: Vec<CibWrite>,
    },
    /// Make the copy of this node everyone's; answer with [`Controller::handle_synced`].
    SyncCib {
        /// Number of the request.
        call: CallId,
        /// Who holds the best copy.
        holder: NodeId,
    },
    /// Compute a schedule from the CIB as it is now; answer with [`Controller::handle_graph`].
    Schedule(ScheduleRequest),
    /// Run an operation on this node; answer with [`Controller::handle_report`], for recurring ones each time the
    /// result changes.
    Execute(Operation),
    /// Cancel recurring operations of this node with this resource, task and interval; each cancelled operation ends
    /// with a report of status cancelled.
    Cancel {
        /// Number of the operation.
        call: u32,
        /// Its resource.
        resource: String,
        /// Its task.
        task: String,
        /// Its interval, milliseconds.
        interval_ms: u64,
    },
    /// Forget a resource in the executor.
    Unregister {
        /// Its name.
        resource: String,
    },
    /// Change node attributes.
    Attribute(attributes::Request),
    /// Fence a node; the result comes through [`Controller::handle_fenced`] on every node.
    Fence(FencingRequest),
    /// Tell an administrator.
    Alert(Alert),
    /// Something worth a line in the log.
    Log(Event),
    /// Leave the group and end with this code ([CT-11]).
    Exit {
        /// 0 normal, 1 error, 100 stay down.
        code: u8,
    },
    /// Reset the node at once.
    Panic,
}

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
    PendingNode(NodeId),
    Action(u32),
}

#[derive(Clone, Debug)]
struct Entry {
    input: Input,
    saved: Acts,
    message: Option<Arc<(NodeId, Message)>>,
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
    sequence: u64,
    seen_view: bool,
    quorate: bool,
    had_quorum: bool,
    panic_armed: bool,
    join: join::Round,
    joined_before: bool,
    calls: CallId,
    writing: BTreeMap<CallId, WriteEnd>,
    syncing: Option<CallId>,
    transition: Transition,
    schedule: coordinate::Scheduling,
    limits: Limits,
    throttle: BTreeMap<NodeId, crate::transition::NodeLimit>,
    handled_outside: BTreeSet<i64>,
    fencing: fencing::FencingBook,
    operations: BTreeMap<u32, Record>,
    next_call: u32,
    remembered: BTreeMap<String, Remembered>,
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
            sequence: 0,
            seen_view: false,
            quorate: false,
            had_quorum: false,
            panic_armed: false,
            join: join::Round::default(),
            joined_before: false,
            calls: 0,
            writing: BTreeMap::new(),
            syncing: None,
            transition: Transition::blank(),
            schedule: coordinate::Scheduling::default(),
            limits: Limits { default_max: me.max_jobs, ..Limits::default() },
            throttle: BTreeMap::new(),
            handled_outside: BTreeSet::new(),
            fencing: fencing::FencingBook::default(),
            operations: BTreeMap::new(),
            next_call: 1,
            remembered: BTreeMap::new(),
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
        self.timers.values().copied().chain(self.elector.deadline()).min()
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
            Timer::PendingNode(_) => self.abort(now, coordinate::Abort::restart("Node pending timed out")),
            Timer::Action(id) => self.action_lost(now, id),
        }
    }

    // --- queue -------------------------------------------------------------------------------------------------------

    fn append(&mut self, input: Input) {
        self.append_with(input, None);
    }

    fn append_with(&mut self, input: Input, message: Option<Arc<(NodeId, Message)>>) {
        if input == Input::PeCalc && self.queue.back().is_some_and(|e| e.input == Input::PeCalc) {
            return;
        }
        self.queue.push_back(Entry { input, saved: Acts::NONE, message });
    }

    fn append_acts(&mut self, saved: Acts) {
        self.queue.push_back(Entry { input: Input::Null, saved, message: None });
    }

    fn prepend(&mut self, input: Input) {
        self.prepend_with(input, None);
    }

    fn prepend_with(&mut self, input: Input, message: Option<Arc<(NodeId, Message)>>) {
        if input == Input::PeCalc && self.queue.front().is_some_and(|e| e.input == Input::PeCalc) {
            return;
        }
        self.queue.push_front(Entry { input, saved: Acts::NONE, message });
    }

    /// Error-style raise ([CT-2.3]): first the error, then what was pending, in the new state.
    fn raise_error(&mut self, input: Input) {
        let saved = std::mem::take(&mut self.acts);
        self.queue.push_front(Entry { input: Input::Null, saved, message: self.message.clone() });
        self.queue.push_front(Entry { input, saved: Acts::NONE, message: None });
    }

    /// An action that must wait puts itself back ([CT-2.3]).
    fn stall(&mut self, act: Act) {
        self.acts.insert(act);
        if let Some(message) = self.message.take() {
            let saved = std::mem::take(&mut self.acts);
            self.queue.push_back(Entry { input: Input::WaitForEvent, saved, message: Some(message) });
        }
        self.stalled = true;
    }

    /// Runs the machine; a pass over the graph that was asked for on the way comes after all that is queued, so that one
    /// change of the CIB is dealt with as a whole.
    fn run(&mut self, now: Duration) {
        loop {
            self.run_queue(now);
            if !std::mem::take(&mut self.pass_wanted) {
                return;
            }
            self.pass(now);
            if self.queue.is_empty() && self.acts.is_empty() {
                return;
            }
        }
    }

    fn run_queue(&mut self, now: Duration) {
        self.stalled = false;
        if self.queue.is_empty() && !self.acts.is_empty() {
            self.append(Input::Null);
        }
        while let Some(entry) = self.queue.pop_front() {
            self.message = entry.message;
            self.acts.extend(entry.saved);
            let (next, acts) = fsa::step(self.state, entry.input);
            self.acts.extend(acts);
            if next == State::Stopping || self.shutting_down {
                self.acts.remove(Act::StartUp);
                self.acts.remove(Act::Started);
            }
            if next != self.state {
                self.change_state(now, next);
            }
            while let Some(act) = self.acts.take_first() {
                self.perform(now, act);
                if self.stalled {
                    return;
                }
            }
        }
        self.message = None;
    }

    /// Effects of a state change ([CT-2.6]).
    fn change_state(&mut self, now: Duration, to: State) {
        let from = std::mem::replace(&mut self.state, to);
        self.log(Event::StateTransition { from, to });
        if to != State::Election && from != State::ReleaseDc {
            self.elector.stop_timer();
        }
        self.acts.insert(if to == State::Integration { Act::IntegrationTimerStart } else { Act::IntegrationTimerStop });
        self.acts.insert(if to == State::FinalizeJoin {
            Act::FinalizationTimerStart
        } else {
            Act::FinalizationTimerStop
        });
        if to != State::Pending {
            self.acts.insert(Act::DcTimerStop);
        }
        if to != State::Idle {
            self.timers.remove(&Timer::Recheck);
        }
        if from == State::FinalizeJoin && to == State::PolicyEngine {
            self.write_all_nodes(now, status::Fields::ALL);
        }
        match to {
            State::Pending | State::Election => self.dc = None,
            State::NotDc => {
                self.dc_loops = 0;
                self.fencing.cleanup.clear();
                if self.shutting_down {
                    self.acts.insert(Act::AskShutdown);
                }
            }
            State::PolicyEngine => {
                self.dc_loops = 0;
                self.count_joined();
            }
            State::Stopping | State::Terminate => self.shutting_down = true,
            State::Idle => {
                if self.shutting_down {
                    self.acts.insert(Act::AskShutdown);
                }
                self.start_recheck(now);
            }
            _ => {}
        }
        if to == State::Recovery {
            self.acts.insert(Act::Recover);
        } else if to != State::Pending {
            self.acts.remove(Act::Recover);
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
