//! Every action that a coordinator has given out ends in exactly one way: confirmed by its result, lost by its timer, or lost with
//! its node ([CT-12.1] I5). And what is lost by its timer has a reason: something kept its node, or the coordinator, from working.
//!
//! The rest of a cluster recovers by itself when an answer is never given, only late: without this nobody would see it.

use super::NodeIx;
use agents::standard::RunId;
use policy_core::controller::{ActionEnd, Event, State};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How much later than its timer an action may end: clocks drift, and a process that stood still has much to do.
const LATE: Duration = Duration::from_secs(30);
/// An agent that runs for longer than this is as good as one that hangs.
const LONG: Duration = Duration::from_secs(60);

/// One action in flight.
#[derive(Clone, Debug)]
struct Flight {
    asked: Duration,
    due: Option<Duration>,
    node: String,
    /// The key of its operation.
    key: String,
}

/// Coordinator, transition, action.
type FlightName = (NodeIx, i64, u32);

/// All actions in flight, and what may keep them.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: BTreeMap<FlightName, Flight>,
    next_due: Option<Duration>,
    /// When something last kept a machine from working, by name.
    disturbed: BTreeMap<String, Duration>,
    /// Agents that hang now, with their machine and resource.
    hanging: BTreeMap<(String, RunId), String>,
    /// When an agent of a resource last ceased to hang on a machine.
    hung: BTreeMap<(String, String), Duration>,
    /// Machines that stand still now.
    still: BTreeSet<String>,
}

impl Flights {
    /// Something keeps a machine from working, or has ceased to, or its clock has jumped.
    pub(super) fn disturb(&mut self, now: Duration, machine: &str) {
        self.disturbed.insert(machine.to_owned(), now);
    }

    /// A machine stands still, or goes on.
    pub(super) fn stands_still(&mut self, now: Duration, machine: &str, still: bool) {
        self.disturb(now, machine);
        match still {
            true => self.still.insert(machine.to_owned()),
            false => self.still.remove(machine),
        };
    }

    /// An agent's run has begun.
    pub(super) fn run_begins(
        &mut self,
        now: Duration,
        machine: &str,
        run: RunId,
        resource: &str,
        ends: Option<Duration>,
    ) {
        if ends.is_none_or(|ends| ends > now + LONG) {
            self.hanging.insert((machine.to_owned(), run), resource.to_owned());
        }
    }

    /// An agent's run has ended, or was killed.
    pub(super) fn run_ends(&mut self, now: Duration, machine: &str, run: RunId) {
        if self.hanging.is_empty() {
            return;
        }
        if let Some(resource) = self.hanging.remove(&(machine.to_owned(), run)) {
            self.hung.insert((machine.to_owned(), resource), now);
        }
    }

    /// A machine's software has ended: its graph is lost with it.
    pub(super) fn down(&mut self, now: Duration, at: NodeIx, machine: &str) {
        self.stands_still(now, machine, false);
        self.hanging.retain(|(m, _), _| m != machine);
        self.forget(at);
    }

    /// A node coordinates no longer, or begins anew: what was in flight is the business of the next graph.
    pub(super) fn forget(&mut self, at: NodeIx) {
        self.open.retain(|(a, ..), _| *a != at);
        self.note_due();
    }

    fn note_due(&mut self) {
        self.next_due = self.open.values().filter_map(|f| f.due).min();
    }

    /// A line of a controller; what is wrong with it. `me`: its machine.
    pub(super) fn hear(&mut self, now: Duration, at: NodeIx, me: &str, event: &Event) -> Option<String> {
        match event {
            Event::Initiating { number, action, operation_key, node, awaited: true, within, .. } => {
                let due = within.map(|within| now + within + LATE);
                let flight = Flight { asked: now, due, node: node.clone(), key: operation_key.clone() };
                self.next_due = self.next_due.into_iter().chain(due).min();
                let before = self.open.insert((at, *number, *action), flight);
                before.map(|f| format!("{me} asks for {} on {} twice in transition {number}", f.key, f.node))
            }
            Event::ActionEnded { number, action, end } => {
                let Some(flight) = self.open.remove(&(at, *number, *action)) else {
                    return Some(format!("action {action} of transition {number} of {me} ends a second time"));
                };
                self.note_due();
                self.unexplained(me, &flight, *end)
            }
            Event::TransitionEnd { number, .. } => {
                let left = self.open.iter().find(|((a, n, _), _)| *a == at && n == number);
                left.map(|(_, f)| format!("transition {number} of {me} ends before {} on {} does", f.key, f.node))
            }
            Event::StateTransition { from: State::Election, to: State::Integration } => {
                self.forget(at);
                None
            }
            _ => None,
        }
    }

    /// An action that was lost though nothing kept anybody from answering.
    fn unexplained(&self, me: &str, flight: &Flight, end: ActionEnd) -> Option<String> {
        let unexplained = end == ActionEnd::Lost
            && !self.kept(&flight.node, flight.asked)
            && !self.kept(me, flight.asked)
            && !self.agent_hung(flight);
        let (key, node) = (&flight.key, &flight.node);
        unexplained.then(|| {
            let asked = flight.asked.as_secs_f64();
            format!("{me} lost {key} on {node}, asked for at {asked:.3}s, though nothing kept {node} from answering")
        })
    }

    fn kept(&self, machine: &str, since: Duration) -> bool {
        self.still.contains(machine) || self.disturbed.get(machine).is_some_and(|&at| at >= since)
    }

    fn agent_hung(&self, flight: &Flight) -> bool {
        let of = |resource: &str| flight.key.strip_prefix(resource).is_some_and(|rest| rest.starts_with(['_', ':']));
        self.hanging.iter().any(|((machine, _), resource)| *machine == flight.node && of(resource))
            || self.hung.iter().any(|((m, resource), &at)| *m == flight.node && of(resource) && at >= flight.asked)
    }

    /// After every input to a node: an action whose timer should have ended it.
    pub(super) fn overdue(&mut self, now: Duration, at: NodeIx, me: &str) -> Option<String> {
        if self.next_due.is_none_or(|due| now <= due) {
            return None;
        }
        let late = |(name, f): &(&FlightName, &Flight)| name.0 == at && f.due.is_some_and(|due| due < now);
        let (name, flight) = self.open.iter().find(late)?;
        let (name, flight) = (*name, flight.clone());
        self.open.remove(&name);
        self.note_due();
        if self.kept(me, flight.asked) {
            return None;
        }
        Some(format!("{} on {}, asked for by {me}, never ended", flight.key, flight.node))
    }
}
