//! Carrying out a graph: what may fire, what failed, when to stop ([CT-5.3] to [CT-5.11]).
//!
//! [`Transition`] is the bookkeeping of one graph: it says which actions may start next, takes their results, and
//! knows when nothing is left to wait for. It never talks to anybody: the coordinator carries its [`Step`]s out.
//!
//! ```
//! use policy_core::transition::{Action, Kind, Limits, Step, Synapse, Transition};
//!
//! let stop = Action::new(1, Kind::Resource, "stop", "db_stop_0").on("n1", "1");
//! let start = Action::new(2, Kind::Resource, "start", "db_start_0").on("n2", "2");
//! let graph = vec![Synapse::new(stop, vec![]), Synapse::new(start, vec![1])];
//! let mut transition = Transition::new(0, graph);
//! let first: Vec<u32> = transition.pass(&Limits::default()).fired.iter().map(|s: &Step| s.action).collect();
//! assert_eq!(first, [1]);
//! transition.confirm(1, false);
//! assert_eq!(transition.pass(&Limits::default()).fired[0].action, 2);
//! ```

mod key;
mod load;

pub use key::{KeyError, TransitionKey, TransitionMagic};
pub use load::{Limits, LoadMode, NodeLimit};

use std::collections::BTreeMap;

/// The priority of bookkeeping that nothing may hold back, and of aborts that hold everything else back.
pub const INFINITY: i32 = 1_000_000;

/// What kind of element of the graph an action is ([OR-10.2]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Nothing is executed.
    Pseudo,
    /// An operation of a resource agent.
    Resource,
    /// Something the cluster itself does: fencing, shutdown, clearing of failures.
    Cluster,
}

/// One action of a graph, as the coordinator needs it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Action {
    /// Number of the action in its graph.
    pub id: u32,
    /// What kind of element it is.
    pub kind: Kind,
    /// The task: `start`, `stonith`, `do_shutdown`, ...
    pub task: String,
    /// The operation key, such as `db_start_0`.
    pub key: String,
    /// Name of the node it is for.
    pub node: Option<String>,
    /// XML id of the node it is for.
    pub node_id: Option<String>,
    /// Cluster node that carries it out for a remote node.
    pub router: Option<String>,
    /// All `<attributes>` (parameters and `CRM_meta_*`).
    pub attributes: BTreeMap<String, String>,
    /// The resource: id, long id, class, provider, type.
    pub resource: Option<ResourceName>,
    /// Ids of the nodes that are down once this is done.
    pub downed: Vec<String>,
    /// Nodes of a `maintenance_nodes` element with their new state.
    pub maintenance: Vec<(String, bool)>,
    /// `mode="cib"`: only the configuration is touched.
    pub cib_only: bool,
    /// Lock time of a shutdown lock ([CT-7.9]).
    pub shutdown_lock: Option<String>,
}

/// How a resource is named in an action ([OR-10.4]).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ResourceName {
    /// `id` of the element.
    pub id: String,
    /// `long-id` of the element, for anonymous instances.
    pub long_id: Option<String>,
    /// `ocf`, `lsb`, `systemd`, `service` or `stonith`.
    pub class: String,
    /// Provider, for `ocf`.
    pub provider: Option<String>,
    /// Type of the agent.
    pub kind: String,
}

impl Action {
    /// An action without node or attributes.
    pub fn new(id: u32, kind: Kind, task: &str, key: &str) -> Self {
        Action {
            id,
            kind,
            task: task.to_owned(),
            key: key.to_owned(),
            node: None,
            node_id: None,
            router: None,
            attributes: BTreeMap::new(),
            resource: None,
            downed: Vec::new(),
            maintenance: Vec::new(),
            cib_only: false,
            shutdown_lock: None,
        }
    }

    /// The same for a node with this name and XML id.
    #[must_use]
    pub fn on(mut self, node: &str, id: &str) -> Self {
        self.node = Some(node.to_owned());
        self.node_id = Some(id.to_owned());
        self
    }

    /// A `CRM_meta_*` attribute, `name` without the prefix.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.attributes.get(&format!("CRM_meta_{name}")).map(String::as_str)
    }

    /// A numeric `CRM_meta_*` attribute.
    pub fn meta_number(&self, name: &str) -> Option<i64> {
        self.meta(name)?.parse().ok()
    }

    /// Timeout with start delay, in milliseconds; 0 if none is given ([CT-5.3]).
    pub fn timeout_ms(&self) -> u64 {
        let part = |name| self.meta_number(name).unwrap_or(0).max(0) as u64;
        part("timeout").saturating_add(part("start_delay"))
    }

    /// The result that is expected.
    pub fn target_rc(&self) -> i32 {
        self.meta_number("op_target_rc").unwrap_or(0) as i32
    }

    /// The node that is asked to carry it out.
    pub fn receiver(&self) -> Option<&str> {
        self.router.as_deref().or(self.node.as_deref())
    }

    /// Nodes whose load it counts on ([CT-5.7]).
    fn loaded_nodes(&self) -> Vec<&str> {
        let migration = matches!(self.task.as_str(), "migrate_to" | "migrate_from");
        match (self.router.as_deref(), migration) {
            (Some(router), _) => vec![router],
            (None, true) => [self.meta("migrate_source"), self.meta("migrate_target")].into_iter().flatten().collect(),
            (None, false) => self.node.as_deref().into_iter().collect(),
        }
    }
}

/// An action with what must be confirmed before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synapse {
    /// Compared with the abort priority of the graph.
    pub priority: i32,
    /// The one action.
    pub action: Action,
    /// Ids of the actions it waits for.
    pub inputs: Vec<u32>,
}

impl Synapse {
    /// A synapse of priority 0.
    pub fn new(action: Action, inputs: Vec<u32>) -> Self {
        Synapse { priority: 0, action, inputs }
    }
}

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

/// An action to carry out now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number; the rest is in [`Transition::action`].
    pub action: u32,
}

/// The outcome of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Actions to carry out, in order. Pseudo-actions are among them, confirmed already: another pass may go on from them.
    pub fired: Vec<Step>,
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
    /// `batch-limit` of the graph.
    pub batch_limit: i64,
    /// `migration-limit` of the graph.
    pub migration_limit: i64,
    /// `cluster-delay`, milliseconds.
    pub network_delay_ms: u64,
    /// `fencing-timeout`, milliseconds.
    pub fencing_timeout_ms: u64,
    /// What a failed stop adds to the fail count.
    pub failed_stop_infinite: bool,
    /// What a failed start adds to the fail count.
    pub failed_start_infinite: bool,
    /// Epoch second of the next time-based change.
    pub recheck_by: Option<u64>,
    /// Feature set that entries of the history carry.
    pub feature_set: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeJobs {
    actions: usize,
    migrations: usize,
}

impl Transition {
    /// A graph with this number, ready to start.
    pub fn new(number: i64, synapses: Vec<Synapse>) -> Self {
        let by_action: BTreeMap<u32, usize> = synapses.iter().enumerate().map(|(i, s)| (s.action.id, i)).collect();
        let mut followers = vec![Vec::new(); synapses.len()];
        let mut states = vec![Progressed::default(); synapses.len()];
        for (i, synapse) in synapses.iter().enumerate() {
            states[i].waiting = synapse.inputs.len();
            for input in &synapse.inputs {
                // An input outside the graph can never be confirmed [OR-9.3]; the synapse stays incomplete.
                if let Some(&first) = by_action.get(input) {
                    followers[first].push(i);
                }
            }
        }
        Transition {
            number,
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
            batch_limit: 0,
            migration_limit: -1,
            network_delay_ms: 60_000,
            fencing_timeout_ms: 60_000,
            failed_stop_infinite: true,
            failed_start_infinite: true,
            recheck_by: None,
            feature_set: String::new(),
        }
    }

    /// A graph without actions that is complete, and asks to schedule when it is looked at ([CT-2.4]).
    pub fn blank() -> Self {
        let mut blank = Transition::new(-1, Vec::new());
        blank.complete = true;
        blank.completion = Completion::Restart;
        blank
    }

    /// Number of the graph.
    pub fn number(&self) -> i64 {
        self.number
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

    /// Whether an action's end has been seen.
    pub fn is_confirmed(&self, id: u32) -> bool {
        self.by_action.get(&id).is_some_and(|&i| self.states[i].confirmed)
    }

    /// All actions that were started, in graph order.
    pub fn executed(&self) -> impl Iterator<Item = &Action> {
        self.synapses.iter().zip(&self.states).filter(|(_, s)| s.executed).map(|(s, _)| &s.action)
    }

    /// Started actions whose end has not been seen, in graph order.
    pub fn in_flight(&self) -> impl Iterator<Item = &Action> {
        self.synapses.iter().zip(&self.states).filter(|(_, s)| s.executed && !s.confirmed && !s.failed).map(|(s, _)| &s.action)
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
            tally.pending += usize::from(state.executed && !state.confirmed && !state.failed);
        }
        let batch = limits.batch(self.batch_limit, self.jobs.values().map(|j| j.actions).sum());
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
                let id = self.synapses[i].action.id;
                fired.push(Step { action: id });
                if self.synapses[i].action.kind == Kind::Pseudo {
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
        if synapse.action.kind == Kind::Pseudo {
            return true;
        }
        if synapse.priority < self.abort_priority {
            tally.skipped += 1;
            return false;
        }
        self.within_limits(&synapse.action, limits)
    }

    fn within_limits(&self, action: &Action, limits: &Limits) -> bool {
        if action.kind != Kind::Resource {
            return true;
        }
        let migration = matches!(action.task.as_str(), "migrate_to" | "migrate_from");
        action.loaded_nodes().into_iter().all(|node| {
            let jobs = self.jobs.get(node).copied().unwrap_or_default();
            let migrations_left =
                !migration || self.migration_limit <= 0 || (jobs.migrations as i64) < self.migration_limit;
            jobs.actions < limits.jobs(node) && migrations_left
        })
    }

    fn fire(&mut self, i: usize) {
        self.states[i].executed = true;
        self.count(i, 1);
    }

    fn count(&mut self, i: usize, by: isize) {
        let action = &self.synapses[i].action;
        if action.kind != Kind::Resource || action.meta("op_no_wait") == Some("true") {
            return;
        }
        let migration = isize::from(matches!(action.task.as_str(), "migrate_to" | "migrate_from"));
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
    /// Unknown or already confirmed actions change nothing.
    pub fn confirm(&mut self, id: u32, failed: bool) {
        let Some(&i) = self.by_action.get(&id) else { return };
        if self.states[i].confirmed {
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
        for f in self.followers[i].clone() {
            let state = &mut self.states[f];
            if !(state.confirmed || state.failed || state.executed) && (!failed || self.synapses[f].priority == INFINITY) {
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
