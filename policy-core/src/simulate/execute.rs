//! Execution of a graph [SM-7.2].

use super::Copy;
use super::action::perform;
use crate::graph::{ElementKind, Graph};
use crate::model::Model;
use crate::report::Report;
use rustc_hash::FxHashMap;

/// The priority above all others.
pub(super) const INFINITY: i32 = 1_000_000;

/// A failure that is asked for: `RESOURCE_TASK_INTERVAL@NODE=RC`.
pub type Failure = String;

/// What an action came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    /// It is complete.
    Confirmed,
    /// It failed as asked for.
    Failed,
    /// It could not be simulated; what waits for it never fires.
    Impossible,
}

/// Carries out `graph` against the copy, printing each action. `model` is the run that made the graph. Whether the graph could
/// be completed.
pub fn execute(copy: &mut Copy<'_>, model: &Model, graph: &Graph, failures: &[Failure], report: &mut Report) -> bool {
    let mut run = Run::new(graph);
    loop {
        let mut fired = false;
        for at in 0..graph.synapses.len() {
            if run.done[at] || run.waiting[at] > 0 {
                continue;
            }
            let synapse = &graph.synapses[at];
            let pseudo = synapse.action.element.kind == ElementKind::Pseudo;
            if !pseudo && synapse.priority < run.abort_priority {
                continue;
            }
            run.done[at] = true;
            fired = true;
            match perform(copy, model, graph, &synapse.action, failures, report) {
                Done::Confirmed => run.confirm(graph, synapse.action.element.id, i32::MIN),
                Done::Failed => {
                    run.abort_priority = INFINITY;
                    run.confirm(graph, synapse.action.element.id, INFINITY);
                }
                Done::Impossible => run.abort_priority = INFINITY,
            }
        }
        if !fired {
            break;
        }
    }
    let complete = run.done.iter().all(|&done| done) || run.abort_priority > 0;
    if !complete {
        report.error("Transition failed: terminated");
        report.error("An invalid transition was produced");
    }
    complete
}

/// The state of an execution.
struct Run {
    done: Vec<bool>,
    /// Inputs that are not confirmed.
    waiting: Vec<usize>,
    /// Synapses that wait for an action.
    waiters: FxHashMap<u32, Vec<usize>>,
    abort_priority: i32,
}

impl Run {
    fn new(graph: &Graph) -> Self {
        let mut waiters: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
        for (at, synapse) in graph.synapses.iter().enumerate() {
            for input in &synapse.inputs {
                waiters.entry(input.id).or_default().push(at);
            }
        }
        Self {
            done: vec![false; graph.synapses.len()],
            waiting: graph.synapses.iter().map(|s| s.inputs.len()).collect(),
            waiters,
            abort_priority: 0,
        }
    }

    /// Confirms an action as an input of the synapses that have at least this priority.
    fn confirm(&mut self, graph: &Graph, action: u32, priority: i32) {
        for &at in self.waiters.get(&action).map_or(&[][..], |all| all) {
            if graph.synapses[at].priority >= priority {
                self.waiting[at] = self.waiting[at].saturating_sub(1);
            }
        }
    }
}
