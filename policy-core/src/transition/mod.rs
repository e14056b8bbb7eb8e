//! Carrying out a graph: what may fire, what failed, when to stop ([CT-5.3] to [CT-5.11]).
//!
//! [`Transition`] is the bookkeeping of one graph: it says which actions may start next, takes their results, and
//! knows when nothing is left to wait for. It never talks to anybody: the coordinator carries out what it fires.
//!
//! ```
//! use policy_core::graph::{Action, ElementKind, Graph, Synapse};
//! use policy_core::transition::{Limits, Transition};
//!
//! let stop = Action::new(1, ElementKind::Resource, "stop", "db_stop_0").on("n1", "1");
//! let start = Action::new(2, ElementKind::Resource, "start", "db_start_0").on("n2", "2");
//! let mut graph = Graph::default();
//! graph.synapses.push(Synapse { id: 0, priority: 0, inputs: vec![], action: stop.clone() });
//! graph.synapses.push(Synapse { id: 1, priority: 0, inputs: vec![stop.element], action: start });
//! let mut transition = Transition::new(graph);
//! assert_eq!(transition.pass(&Limits::default()).fired, [1]);
//! transition.confirm(1, false);
//! assert_eq!(transition.pass(&Limits::default()).fired, [2]);
//! ```

mod action;
mod key;
mod load;

pub use key::{KeyError, TransitionKey, TransitionMagic};
pub use load::{Limits, LoadMode, NodeLimit};

use crate::graph::{Action, ElementKind, Graph, Synapse};
use cib_core::rules::parse_milliseconds;
use std::collections::BTreeMap;

/// The priority of bookkeeping that nothing may hold back, and of aborts that hold everything else back.
pub const INFINITY: i32 = 1_000_000;

/// What to do when the graph is complete, the strongest wins ([CT-5.10]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Completion {
    /// Become idle.
    #[default]
    Done,
    /// Become idle and wait for the next event.
    Wait,
    /// Schedule again.
    Restart,
    /// Leave.
    Shutdown,
}

/// How a pass ended ([CT-5.4]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was started.
    Active,
    /// Nothing to start, results are awaited.
    Pending,
    /// Nothing to start and nothing awaited.
    Complete,
    /// As complete, but something could never start though nothing was aborted.
    Terminated,
}

/// The outcome of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Numbers of the actions to carry out, in order. Pseudo-actions are among them, confirmed already: another pass may go on from them.
    pub fired: Vec<u32>,
    /// Whether there is more to come.
    pub progress: Progress,
}

/// Counters of a graph, as the log line of its end shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Confirmed synapses.
    pub completed: usize,
    /// Started and awaited.
    pub pending: usize,
    /// Started in the last pass.
    pub fired: usize,
    /// Held back by failures or the abort priority.
    pub skipped: usize,
    /// Not startable yet.
    pub incomplete: usize,
}

#[derive(Clone, Debug, Default)]
struct Progressed {
    executed: bool,
    confirmed: bool,
    failed: bool,
    action_failed: bool,
    /// Inputs not confirmed yet.
    waiting: usize,
}

impl Progressed {
    fn is_in_flight(&self) -> bool {
        self.executed && !self.confirmed && !self.failed
    }
}

/// One graph being carried out.
#[derive(Clone, Debug)]
pub struct Transition {
    number: i64,
    synapses: Vec<Synapse>,
    states: Vec<Progressed>,
    by_action: BTreeMap<u32, usize>,
    /// For each synapse those that wait for it.
    followers: Vec<Vec<usize>>,
    abort_priority: i32,
    completion: Completion,
    reason: Option<String>,
    complete: bool,
    tally: Tally,
    jobs: BTreeMap<String, NodeJobs>,
    batch_limit: i64,
    migration_limit: i64,
    network_delay_ms: u64,
    fencing_timeout_ms: u64,
    failed_stop_infinite: bool,
    failed_start_infinite: bool,
    recheck_by: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeJobs {
    actions: usize,
    migrations: usize,
}

impl Transition {
    /// A graph, ready to start ([CT-5.3]).
    pub fn new(graph: Graph) -> Self {
        let Graph { header, synapses } = graph;
        let by_action: BTreeMap<u32, usize> =
            synapses.iter().enumerate().map(|(i, s)| (s.action.element.id, i)).collect();
        let mut followers = vec![Vec::new(); synapses.len()];
        let mut states = vec![Progressed::default(); synapses.len()];
        for (i, synapse) in synapses.iter().enumerate() {
            states[i].waiting = synapse.inputs.len();
            for input in &synapse.inputs {
                // An input outside the graph can never be confirmed [OR-9.3]; the synapse stays incomplete.
                if let Some(&first) = by_action.get(&input.id) {
                    followers[first].push(i);
                }
            }
        }
        let parse = |text: &str| parse_milliseconds(text).ok().map(|ms| ms.max(0) as u64);
        let infinite = |text: &str| text != "1";
        let network_delay_ms = parse(&header.cluster_delay).unwrap_or(60_000);
        Transition {
            number: i64::from(header.transition_id),
            synapses,
            states,
            by_action,
            followers,
            abort_priority: 0,
            completion: Completion::Done,
            reason: None,
            complete: false,
            tally: Tally::default(),
            jobs: BTreeMap::new(),
            batch_limit: header.batch_limit.trim().parse().unwrap_or(0),
            migration_limit: header.migration_limit.as_deref().and_then(|t| t.trim().parse().ok()).unwrap_or(-1),
            network_delay_ms,
            fencing_timeout_ms: parse(&header.fencing_timeout).unwrap_or(network_delay_ms),
            failed_stop_infinite: infinite(&header.failed_stop_offset),
            failed_start_infinite: infinite(&header.failed_start_offset),
            recheck_by: header.recheck_by,
        }
    }

    /// A graph without actions that is complete, and asks to schedule when it is looked at ([CT-2.4]).
    pub fn blank() -> Self {
        let mut blank = Transition::new(Graph::default());
        blank.number = -1;
        blank.complete = true;
        blank.completion = Completion::Restart;
        blank
    }

    /// Number of the graph.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// `cluster-delay`: how much longer than its timeout an answer may take, milliseconds.
    pub fn network_delay_ms(&self) -> u64 {
        self.network_delay_ms
    }

    /// `fencing-timeout`, milliseconds.
    pub fn fencing_timeout_ms(&self) -> u64 {
        self.fencing_timeout_ms
    }

    /// Whether a failed `start` or `stop` counts as INFINITY ([CT-5.14]).
    pub fn failure_is_infinite(&self, task: &str) -> bool {
        match task {
            "start" => self.failed_start_infinite,
            "stop" => self.failed_stop_infinite,
            _ => false,
        }
    }

    /// Epoch second at which to schedule again at the latest.
    pub fn recheck_by(&self) -> Option<i64> {
        self.recheck_by
    }

    /// Nothing is left to start or to wait for.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Counters as of the last pass.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Why it was aborted, if it was.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// An action by number.
    pub fn action(&self, id: u32) -> Option<&Action> {
        self.by_action.get(&id).map(|&i| &self.synapses[i].action)
    }

    /// Priority of the synapse of an action.
    pub fn priority(&self, id: u32) -> i32 {
        self.by_action.get(&id).map_or(0, |&i| self.synapses[i].priority)
    }

    /// Whether an action's end has been seen, or it is known that there will be none.
    pub fn has_ended(&self, id: u32) -> bool {
        self.by_action.get(&id).is_some_and(|&i| self.states[i].confirmed || self.states[i].failed)
    }

    /// Whether an action was started and has not ended.
    pub fn is_in_flight(&self, id: u32) -> bool {
        self.by_action.get(&id).is_some_and(|&i| self.states[i].is_in_flight())
    }

    /// All actions that were started, in graph order.
    pub fn executed(&self) -> impl Iterator<Item = &Action> {
        self.synapses.iter().zip(&self.states).filter(|(_, s)| s.executed).map(|(s, _)| &s.action)
    }

    /// Started actions whose end has not been seen, in graph order.
    pub fn in_flight(&self) -> impl Iterator<Item = &Action> {
        self.synapses.iter().zip(&self.states).filter(|(_, s)| s.is_in_flight()).map(|(s, _)| &s.action)
    }

    /// Actions neither confirmed nor failed, in graph order.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Action> {
        self.synapses.iter().zip(&self.states).filter(|(_, s)| !s.confirmed && !s.failed).map(|(s, _)| &s.action)
    }

    /// The executed action that takes the node with this XML id down, if any ([CT-5.12]).
    pub fn takes_down(&self, node_id: &str) -> Option<&Action> {
        self.executed().find(|a| a.downed.iter().any(|d| d == node_id))
    }

    /// One pass over the graph ([CT-5.4]).
    pub fn pass(&mut self, limits: &Limits) -> Pass {
        let mut tally = Tally::default();
        for state in &self.states {
            tally.completed += usize::from(state.confirmed);
            tally.pending += usize::from(state.is_in_flight());
        }
        let batch = limits.batch(self.batch_limit);
        let mut fired = Vec::new();
        for i in 0..self.synapses.len() {
            if batch > 0 && tally.pending as i64 >= batch {
                break;
            }
            let state = &self.states[i];
            if state.failed {
                tally.skipped += 1;
            } else if state.confirmed || state.executed {
            } else if self.fireable(i, limits, &mut tally) {
                tally.fired += 1;
                self.fire(i);
                let id = self.synapses[i].action.element.id;
                fired.push(id);
                if self.synapses[i].action.element.kind == ElementKind::Pseudo {
                    self.confirm(id, false);
                } else {
                    tally.pending += 1;
                }
            } else {
                tally.incomplete += 1;
            }
        }
        self.tally = tally;
        let progress = match (tally.pending, fired.is_empty()) {
            (0, true) if tally.incomplete > 0 && self.abort_priority <= 0 => Progress::Terminated,
            (0, true) => Progress::Complete,
            (_, true) => Progress::Pending,
            (_, false) => Progress::Active,
        };
        self.complete |= matches!(progress, Progress::Complete | Progress::Terminated);
        Pass { fired, progress }
    }

    fn fireable(&self, i: usize, limits: &Limits, tally: &mut Tally) -> bool {
        if self.states[i].waiting > 0 {
            return false;
        }
        let synapse = &self.synapses[i];
        if synapse.action.element.kind == ElementKind::Pseudo {
            return true;
        }
        if synapse.priority < self.abort_priority {
            tally.skipped += 1;
            return false;
        }
        self.within_limits(&synapse.action, limits)
    }

    fn within_limits(&self, action: &Action, limits: &Limits) -> bool {
        if action.element.kind != ElementKind::Resource {
            return action.element.operation != "do_shutdown" || !self.is_busy(action);
        }
        let migration = action.is_migration();
        action.loaded_nodes().into_iter().all(|node| {
            let jobs = self.jobs.get(node).copied().unwrap_or_default();
            let migrations_left =
                !migration || self.migration_limit <= 0 || (jobs.migrations as i64) < self.migration_limit;
            jobs.actions < limits.jobs(node) && migrations_left
        })
    }

    /// Whether something runs, or could be started now, on the node that this action takes down. Graphs order the stops before
    /// the end of a node, but not its probes: what a probe finds running there has to be stopped first (as after a clean-up of
    /// a resource that runs on a node that is leaving).
    fn is_busy(&self, shutdown: &Action) -> bool {
        let node = shutdown.receiver();
        self.synapses.iter().zip(&self.states).any(|(synapse, state)| {
            let open = state.executed || (state.waiting == 0 && synapse.priority >= self.abort_priority);
            let here = synapse.action.element.kind == ElementKind::Resource && synapse.action.receiver() == node;
            here && open && !state.confirmed && !state.failed
        })
    }

    fn fire(&mut self, i: usize) {
        self.states[i].executed = true;
        self.count(i, 1);
    }

    fn count(&mut self, i: usize, by: isize) {
        let action = &self.synapses[i].action;
        if action.element.kind != ElementKind::Resource || action.no_wait() {
            return;
        }
        let migration = isize::from(action.is_migration());
        for node in action.loaded_nodes() {
            if !self.jobs.contains_key(node) {
                self.jobs.insert(node.to_owned(), NodeJobs::default());
            }
            let jobs = self.jobs.get_mut(node).expect("inserted above");
            jobs.actions = jobs.actions.saturating_add_signed(by);
            jobs.migrations = jobs.migrations.saturating_add_signed(by * migration);
        }
    }

    /// The end of an action ([CT-5.5]); `failed` stops what depends on it, except bookkeeping of priority INFINITY.
    /// Unknown actions and those that have ended change nothing: a result may come after its node was taken for lost.
    pub fn confirm(&mut self, id: u32, failed: bool) {
        let Some(&i) = self.by_action.get(&id) else { return };
        if self.states[i].confirmed || self.states[i].failed {
            return;
        }
        if self.states[i].executed {
            self.count(i, -1);
        }
        let failed = failed || self.states[i].action_failed;
        let state = &mut self.states[i];
        state.action_failed = failed;
        state.executed = true;
        state.confirmed = true;
        self.release_followers(i, failed);
    }

    /// Synapses that wait for this one wait no longer; after a failure only bookkeeping of priority INFINITY ([CT-5.5]).
    fn release_followers(&mut self, i: usize, failed: bool) {
        for f in self.followers[i].clone() {
            let state = &mut self.states[f];
            if !(state.confirmed || state.failed || state.executed)
                && (!failed || self.synapses[f].priority == INFINITY)
            {
                state.waiting -= 1;
            }
        }
    }

    /// An action that will never end: it and its synapse have failed ([CT-5.13]).
    pub fn fail(&mut self, id: u32) {
        let Some(&i) = self.by_action.get(&id) else { return };
        if self.states[i].confirmed || self.states[i].failed {
            return;
        }
        if self.states[i].executed {
            self.count(i, -1);
        }
        self.states[i].failed = true;
        self.states[i].action_failed = true;
        self.release_followers(i, true);
    }

    /// Raises priority and completion action of a running graph; `true` if the graph runs ([CT-5.10]).
    pub fn abort(&mut self, priority: i32, completion: Completion, reason: &str) -> bool {
        if self.complete {
            return false;
        }
        if priority > self.abort_priority {
            self.abort_priority = priority;
            self.reason = Some(reason.to_owned());
        }
        self.completion = self.completion.max(completion);
        true
    }

    /// The completion action, which is taken: a second call gives `Done` ([CT-5.11]).
    pub fn take_completion(&mut self) -> Completion {
        self.reason = None;
        std::mem::take(&mut self.completion)
    }

    /// Asks for a shutdown at the end, as the DC's own `do_shutdown` does ([CT-5.6]).
    pub fn complete_with(&mut self, completion: Completion) {
        self.completion = self.completion.max(completion);
    }
}
