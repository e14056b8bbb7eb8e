//! The coordinator's loop: schedule, carry out, abort, complete ([CT-5]).

use super::fsa::{Act, Input};
use super::{
    ActionEnd, CallId, Clearing, Controller, Deletion, Event, Message, NodeId, Output, Receiver, State, Timer, WriteEnd,
};
use crate::graph::{Action, ElementKind, Graph};
use crate::transition::{Completion, INFINITY, Progress, Transition, TransitionKey};
use std::time::Duration;

/// A scheduler that is silent for longer is a reason to leave ([CT-5.1]).
const SCHEDULER_PATIENCE: Duration = Duration::from_secs(120);

/// Ask for a schedule of the CIB with these values set on the `cib` element of a copy ([CT-5.1]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRequest {
    /// Given back with the graph; a graph with another one is obsolete.
    pub reference: u64,
    /// Number of the transition that will carry it out.
    pub transition: u32,
    /// `dc-uuid`
    pub dc_uuid: String,
    /// `have-quorum`
    pub have_quorum: bool,
    /// Forced value of the option `have-watchdog`.
    pub have_watchdog: bool,
    /// `no-quorum-panic="1"`: this partition had quorum and lost it.
    pub no_quorum_panic: bool,
    /// Nodes that asked to leave, with the epoch second: the value of their transient attribute `shutdown`, where the CIB does not
    /// have it yet. Nothing is to be started on them any more ([CT-12.1] I3).
    pub leaving: Vec<(NodeId, u64)>,
}

/// Why and how a transition is aborted ([CT-5.10]).
#[derive(Clone, Debug)]
pub(super) struct Abort {
    priority: i32,
    completion: Completion,
    reason: String,
}

impl Abort {
    pub(super) fn new(priority: i32, completion: Completion, reason: &str) -> Self {
        Abort { priority, completion, reason: reason.to_owned() }
    }

    /// Highest priority, schedule again.
    pub(super) fn restart(reason: &str) -> Self {
        Abort::new(INFINITY, Completion::Restart, reason)
    }
}

/// What is known of the outstanding request to the scheduler.
#[derive(Clone, Debug, Default)]
pub(super) struct Scheduling {
    last: u64,
    expected: Option<u64>,
    graph: Option<(u64, Graph, String)>,
    runs: u32,
    source: String,
    delayed: Option<String>,
}

impl Scheduling {
    pub(super) fn forget(&mut self) {
        self.expected = None;
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.expected.is_some()
    }
}

impl Controller {
    // --- scheduling --------------------------------------------------------------------------------------------------

    pub(super) fn ask_schedule(&mut self, now: Duration) {
        if !self.is_dc || self.state != State::PolicyEngine {
            return;
        }
        if !self.cib_consistent() {
            self.prepend(Input::Election);
            return;
        }
        self.schedule.forget();
        if !self.writing.is_empty() {
            // Its own writes must have arrived before the CIB is looked at [CT-5.1].
            self.start_timer(Timer::ScheduleRetry, now, Duration::from_secs(1));
            return;
        }
        self.timers.remove(&Timer::SchedulerReply);
        self.start_timer(Timer::SchedulerReply, now, SCHEDULER_PATIENCE);
        self.schedule.last += 1;
        self.schedule.expected = Some(self.schedule.last);
        self.outputs.push_back(Output::Schedule(ScheduleRequest {
            reference: self.schedule.last,
            transition: self.schedule.runs,
            dc_uuid: self.me.id.to_string(),
            have_quorum: self.quorate,
            have_watchdog: self.me.watchdog,
            no_quorum_panic: self.had_quorum && !self.quorate,
            leaving: self.leaving.iter().map(|(&id, &epoch)| (id, epoch)).collect(),
        }));
        self.schedule.runs += 1;
    }

    /// A write has ended.
    pub fn handle_written(&mut self, now: Duration, call: CallId, ok: bool) {
        let Some(end) = self.writing.remove(&call) else { return };
        match (end, ok) {
            (WriteEnd::JoinCommitted, true) => {
                self.join_check();
            }
            (WriteEnd::JoinCommitted, false) => self.raise_error(Input::Error),
            (WriteEnd::Fenced, false) => {
                self.abort(now, Abort::new(INFINITY, Completion::Shutdown, "CIB update failed"));
            }
            (WriteEnd::Nothing | WriteEnd::Fenced, _) => {}
        }
        if self.writing.is_empty() && self.timers.remove(&Timer::ScheduleRetry).is_some() {
            // No need to wait for the rest of the second: what the wait was for has come.
            self.append_acts(super::Acts::of(&[Act::Schedule]));
        }
        self.run(now);
    }

    /// The schedule is ready; `source` names the stored input, for the log.
    pub fn handle_graph(&mut self, now: Duration, reference: u64, graph: Graph, source: &str) {
        if self.schedule.expected == Some(reference) {
            self.timers.remove(&Timer::SchedulerReply);
            self.schedule.graph = Some((reference, graph, source.to_owned()));
            self.append(Input::PeSuccess);
        }
        self.run(now);
    }

    /// Takes the graph in hand ([CT-5.2]).
    pub(super) fn run_graph(&mut self, now: Duration) {
        let Some((reference, graph, source)) = self.schedule.graph.take() else { return };
        if !self.transition.is_complete() {
            self.abort(now, Abort::restart("Transition active"));
            return;
        }
        if self.schedule.expected != Some(reference) {
            self.abort(now, Abort::restart("Transition redundant"));
            return;
        }
        if self.timers.contains_key(&Timer::TransitionDelay) {
            return;
        }
        self.schedule.forget();
        self.schedule.source = source;
        self.drop_action_timers();
        self.transition = Transition::new(graph);
        self.pass_wanted = true;
    }

    // --- carrying out ------------------------------------------------------------------------------------------------

    pub(super) fn pass(&mut self, now: Duration) {
        if matches!(self.state, State::Starting | State::Pending | State::NotDc | State::Stopping | State::Terminate) {
            return;
        }
        self.limits.active = self.peers.active();
        loop {
            if self.transition.is_complete() {
                self.completed(now);
                return;
            }
            let pass = self.transition.pass(&self.limits);
            for &action in &pass.fired {
                self.start_action(now, action);
            }
            match pass.progress {
                Progress::Active => {}
                Progress::Pending => return,
                Progress::Complete | Progress::Terminated => {
                    self.log(Event::TransitionEnd {
                        number: self.transition.number(),
                        tally: self.transition.tally(),
                        aborted: self.transition.reason().is_some(),
                        source: self.schedule.source.clone(),
                        terminated: pass.progress == Progress::Terminated,
                    });
                }
            }
        }
    }

    /// What follows a complete graph ([CT-5.11]).
    fn completed(&mut self, now: Duration) {
        match (self.transition.take_completion(), self.state) {
            (Completion::Done | Completion::Wait, State::TransitionEngine) => self.append(Input::TeSuccess),
            (Completion::Restart, State::TransitionEngine) => self.schedule_later(now),
            (Completion::Restart, State::PolicyEngine) => self.acts.insert(Act::Schedule),
            (Completion::Shutdown, _) => {
                self.append(if self.shutting_down { Input::Stop } else { Input::Terminate });
            }
            _ => {}
        }
    }

    fn schedule_later(&mut self, now: Duration) {
        if self.options.transition_delay.is_zero() {
            self.append(Input::PeCalc);
        } else {
            self.timers.remove(&Timer::TransitionDelay);
            self.start_timer(Timer::TransitionDelay, now, self.options.transition_delay);
        }
    }

    pub(super) fn key_of(&self, action: &Action) -> TransitionKey {
        TransitionKey {
            action: i64::from(action.element.id),
            transition: self.transition.number(),
            target_rc: action.target_rc(),
            uuid: self.me.uuid.clone(),
        }
    }

    /// Starts one action ([CT-5.6]).
    fn start_action(&mut self, now: Duration, id: u32) {
        let Some(action) = self.transition.action(id).cloned() else { return };
        match (action.element.kind, action.element.operation.as_str()) {
            // To every controller, this one included.
            (ElementKind::Pseudo, "maintenance_nodes") => {
                self.send(Receiver::All, Message::MaintenanceNodes(action.maintenance));
            }
            (ElementKind::Pseudo, "stonith") => {
                if let [name] = action.downed.as_slice()
                    && self.place_with_id(name).is_some_and(|p| self.is_remote(&p.name))
                {
                    self.remote_down(name, true);
                }
            }
            (ElementKind::Pseudo, _) => {}
            (ElementKind::Cluster, "stonith") => self.start_fencing(&action),
            (ElementKind::Cluster, "do_shutdown") => self.start_shutdown(now, &action),
            (ElementKind::Cluster, "clear_failcount") => self.start_clearing(now, &action),
            (ElementKind::Cluster, "lrm_delete") | (ElementKind::Resource, "delete") => {
                self.start_deletion(now, &action)
            }
            (ElementKind::Cluster | ElementKind::Resource, _) => {
                let key = self.key_of(&action).to_string();
                let feature_set = self.me.feature_set.to_string();
                self.start_remote(now, &action, Message::Invoke { action: Box::new(action.clone()), key, feature_set });
            }
        }
    }

    /// Sends an action to the node that carries it out and waits, unless nobody waits for it.
    fn start_remote(&mut self, now: Duration, action: &Action, message: Message) {
        let Some(to) = action.receiver().and_then(|name| self.peers.named(name)).map(|p| p.id) else {
            self.confirm(action.element.id, true);
            // Not at once: the next graph may ask the same.
            self.delay_abort(now, Duration::from_secs(1), "Unknown node");
            return;
        };
        self.send(Receiver::Node(to), message);
        if action.no_wait() {
            self.tell_initiating(action, false, None);
            self.transition.confirm(action.element.id, false);
        } else {
            let patience = self.patience_for(action);
            self.tell_initiating(action, true, Some(patience));
            self.start_timer(Timer::Action(action.element.id), now, patience);
        }
    }

    /// How long the end of an action is waited for ([CT-5.8]).
    fn patience_for(&self, action: &Action) -> Duration {
        let network = self.transition.network_delay_ms();
        let own = match action.timeout_ms() {
            0 => network,
            timeout => timeout,
        };
        Duration::from_millis(own.saturating_add(network))
    }

    pub(super) fn tell_initiating(&mut self, action: &Action, awaited: bool, within: Option<Duration>) {
        let element = &action.element;
        self.log(Event::Initiating {
            number: self.transition.number(),
            action: element.id,
            task: element.operation.clone(),
            operation_key: element.key.clone(),
            node: element.node.as_ref().map_or_else(String::new, |p| p.name.clone()),
            awaited,
            within,
        });
    }

    fn start_shutdown(&mut self, now: Duration, action: &Action) {
        let Some(peer) = action.receiver().and_then(|name| self.peers.named(name)).map(|p| p.id) else {
            self.transition.confirm(action.element.id, true);
            return;
        };
        if peer == self.me.id {
            self.transition.complete_with(Completion::Shutdown);
            self.transition.confirm(action.element.id, false);
            return;
        }
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.expected = Some(super::Expected::Down);
        }
        self.start_remote(now, action, Message::DoShutdown);
    }

    fn start_clearing(&mut self, now: Duration, action: &Action) {
        let (Some(primitive), Some(place)) = (&action.primitive, &action.element.node) else {
            self.transition.confirm(action.element.id, true);
            return;
        };
        let operation = action.meta("clear_failure_op").map(|task| {
            let interval = action.meta("clear_failure_interval").and_then(|t| t.parse().ok()).unwrap_or(0);
            (task.to_owned(), interval)
        });
        let message = Message::ClearFailures(Clearing {
            resource: primitive.id.clone(),
            operation,
            place: place.clone(),
            key: self.key_of(action).to_string(),
        });
        self.start_remote(now, action, message);
    }

    fn start_deletion(&mut self, now: Duration, action: &Action) {
        let mut action = action.clone();
        if action.element.on_cib {
            action.element.router = Some(self.me.name.clone());
        }
        let deletion = Deletion {
            resource: action.primitive.as_ref().map(|p| p.id.clone()),
            place: action.element.node.clone(),
            cib_only: action.element.on_cib,
            key: Some(self.key_of(&action).to_string()),
        };
        self.start_remote(now, &action, Message::DeleteHistory(deletion));
    }

    /// The end of an action is known.
    pub(super) fn confirm(&mut self, id: u32, failed: bool) {
        self.end_action(id, ActionEnd::Confirmed, failed);
        self.pass_wanted = true;
    }

    /// An action ends, once: what comes later changes nothing.
    pub(super) fn end_action(&mut self, id: u32, end: ActionEnd, failed: bool) {
        self.timers.remove(&Timer::Action(id));
        if self.transition.is_in_flight(id) {
            self.log(Event::ActionEnded { number: self.transition.number(), action: id, end });
        }
        match end {
            ActionEnd::LostWithNode => self.transition.fail(id),
            ActionEnd::Confirmed | ActionEnd::Lost => self.transition.confirm(id, failed),
        }
    }

    pub(super) fn drop_action_timers(&mut self) {
        self.timers.retain(|timer, _| !matches!(timer, Timer::Action(_)));
    }

    // --- aborts ------------------------------------------------------------------------------------------------------

    pub(super) fn abort(&mut self, now: Duration, abort: Abort) {
        if matches!(self.state, State::Starting | State::Pending | State::NotDc | State::Stopping | State::Terminate) {
            return;
        }
        self.timers.remove(&Timer::DelayedAbort);
        self.schedule.delayed = None;
        self.schedule.forget();
        self.log(Event::Aborted { number: self.transition.number(), reason: abort.reason.clone() });
        if self.transition.abort(abort.priority, abort.completion, &abort.reason) {
            self.pass_wanted = true;
        } else {
            self.schedule_later(now);
        }
    }

    pub(super) fn delay_abort(&mut self, now: Duration, wait: Duration, reason: &str) {
        self.timers.remove(&Timer::DelayedAbort);
        self.schedule.delayed = Some(reason.to_owned());
        self.start_timer(Timer::DelayedAbort, now, wait);
    }

    pub(super) fn delayed_abort(&mut self, now: Duration) {
        if let (Some(reason), true) = (self.schedule.delayed.take(), self.is_dc) {
            self.abort(now, Abort::restart(&reason));
        }
    }

    /// On becoming idle ([CT-5.15]).
    pub(super) fn start_recheck(&mut self, now: Duration) {
        let interval = self.options.recheck_interval;
        let mut period = interval;
        if let (false, Some(due)) = (interval.is_zero(), self.transition.recheck_by()) {
            let due = Duration::from_secs(due.max(0) as u64);
            let left = due.saturating_sub(self.me.epoch + now);
            period = if left < Duration::from_secs(1) { Duration::from_millis(500) } else { left.min(interval) };
        }
        self.start_timer(Timer::Recheck, now, period);
    }

    /// A node was lost: what it was asked to do will never be answered ([CT-5.13]).
    pub(super) fn fail_actions_of(&mut self, now: Duration, node: &str) {
        if !self.is_dc || self.transition.is_complete() {
            return;
        }
        let lost: Vec<u32> = self
            .transition
            .unconfirmed()
            .filter(|a| a.element.kind != ElementKind::Pseudo && a.element.operation != "stonith")
            .filter(|a| {
                a.element.router.as_deref() == Some(node) || a.element.node.as_ref().is_some_and(|p| p.name == node)
            })
            .map(|a| a.element.id)
            .collect();
        for &id in &lost {
            self.end_action(id, ActionEnd::LostWithNode, true);
        }
        if !lost.is_empty() {
            self.abort(now, Abort::restart("Node failure"));
        }
    }
}
