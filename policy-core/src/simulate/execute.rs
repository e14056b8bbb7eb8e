//! Execution of a graph [SM-7.2].

use super::Copy;
use super::action::perform;
use crate::graph::{ElementKind, Graph};
use crate::model::Model;
use crate::report::Report;
use core::cmp::Reverse;
use rustc_hash::FxHashMap;
use std::collections::BinaryHeap;

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
    while let Some(Reverse((round, at))) = run.ready.pop() {
        let synapse = &graph.synapses[at];
        let pseudo = synapse.action.element.kind == ElementKind::Pseudo;
        // The abort priority only rises: what does not fire now never will.
        if !pseudo && synapse.priority < run.abort_priority {
            continue;
        }
        run.done[at] = true;
        match perform(copy, model, graph, &synapse.action, failures, report) {
            Done::Confirmed => run.confirm(graph, (round, at), i32::MIN),
            Done::Failed => {
                run.abort_priority = INFINITY;
                run.confirm(graph, (round, at), INFINITY);
            }
            Done::Impossible => run.abort_priority = INFINITY,
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
    /// What waits for nothing any more, by the round in which its turn comes: each round goes through all synapses in order.
    ready: BinaryHeap<Reverse<(usize, usize)>>,
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
        let waiting: Vec<usize> = graph.synapses.iter().map(|s| s.inputs.len()).collect();
        let ready = (0..waiting.len()).filter(|&at| waiting[at] == 0).map(|at| Reverse((0, at))).collect();
        Self { done: vec![false; waiting.len()], waiting, waiters, ready, abort_priority: 0 }
    }

    /// Confirms the action of a synapse, performed in this round, as an input of the synapses that have at least this priority.
    fn confirm(&mut self, graph: &Graph, (round, confirmed): (usize, usize), priority: i32) {
        let action = graph.synapses[confirmed].action.element.id;
        for &at in self.waiters.get(&action).map_or(&[][..], |all| all) {
            if graph.synapses[at].priority >= priority && self.waiting[at] > 0 {
                self.waiting[at] -= 1;
                if self.waiting[at] == 0 {
                    self.ready.push(Reverse((if at > confirmed { round } else { round + 1 }, at)));
                }
            }
        }
    }
}
