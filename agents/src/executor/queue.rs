//! Accepting operations and starting the head of a resource's queue [RA-8.2], [RA-8.3].

use super::timers::Timer;
use super::{CallId, Executor, Operation, Output, RequestError};
use crate::standard::{AgentName, Call, ExecutionStatus, ExitStatus, Outcome, RunId, Standard};
use core::time::Duration;
use std::collections::VecDeque;

/// Names an operation inside the executor, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpKey(pub(super) u64);

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In its resource's queue.
    Pending,
    /// Taken from the queue, but another run of the resource is in flight.
    Blocked,
    /// An agent, unit or fencer call is in flight.
    Running { run: RunId, since: Duration },
    /// Between two executions.
    Waiting { until: Duration },
}

/// One operation from its request to its last report.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) call: CallId,
    pub(super) agent: AgentName,
    pub(super) request: Operation,
    pub(super) stage: Stage,
    pub(super) queued_at: Duration,
    /// The end of a start delay, until it has passed.
    pub(super) delayed_until: Option<Duration>,
    /// Start of the first execution and how long it had queued before; `None` again once a repetition is due.
    pub(super) first_run: Option<(Duration, u64)>,
    pub(super) last_run_epoch: u64,
    /// What remains of the timeout for a follow-up monitor.
    pub(super) remaining_ms: Option<u64>,
    pub(super) last_rc: ExitStatus,
    pub(super) last_status: ExecutionStatus,
    pub(super) rc_change: u64,
    pub(super) notified: Option<(ExitStatus, ExecutionStatus)>,
    /// How often it has ended.
    pub(super) executions: u64,
    /// The timers of the run in flight: its deadline, and the wait after a kill.
    pub(super) deadline: Option<Duration>,
    pub(super) reap: Option<Duration>,
    pub(super) cancelled: bool,
    pub(super) timed_out: bool,
    pub(super) deleted: bool,
}

impl Op {
    pub(super) fn is_recurring(&self) -> bool {
        self.request.interval_ms > 0
    }

    pub(super) fn is_device(&self) -> bool {
        self.agent.standard == Standard::Stonith
    }

    /// The call of this operation's agent as run `run`.
    pub(super) fn call(&self, run: RunId) -> Call {
        Call {
            run,
            resource: self.request.resource.clone(),
            agent: self.agent.clone(),
            action: self.request.action.clone(),
            interval_ms: self.request.interval_ms,
            timeout_ms: self.remaining_ms.unwrap_or(self.request.timeout_ms),
            parameters: self.request.parameters.clone(),
        }
    }

    pub(super) fn matches(&self, action: &str, interval_ms: u64) -> bool {
        self.request.interval_ms == interval_ms && self.request.action.eq_ignore_ascii_case(action)
    }
}

/// One registered resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) agent: AgentName,
    pub(super) pending: VecDeque<OpKey>,
    pub(super) active: Option<OpKey>,
    pub(super) recurring: Vec<OpKey>,
    /// What a probe of a fence resource answers.
    pub(super) probe: super::device::ProbeResult,
}

impl Executor {
    pub(super) fn accept(&mut self, now: Duration, operation: Operation) -> Result<CallId, RequestError> {
        let id = operation.resource.clone();
        if let Some(agent) = operation.agent.clone() {
            if agent.standard.has_provider() && agent.provider.as_deref().is_none_or(str::is_empty) {
                return Err(RequestError::NoProvider(id));
            }
            self.register(now, &id, agent)?;
        }
        let Some(resource) = self.resources.get(&id) else { return Err(RequestError::UnknownResource(id)) };
        let waiting = resource.pending.len();
        if waiting >= self.options.queue_limit {
            return Err(RequestError::QueueFull { resource: id, waiting });
        }
        let agent = resource.agent.clone();
        let call = CallId(self.take_call());
        if operation.interval_ms > 0 && self.merge(now, call, &operation) {
            return Ok(call);
        }
        if operation.action == "stop" {
            self.cancel_all_recurring(now, &id);
        }
        self.enqueue(now, call, agent, operation);
        self.pump(now, &id);
        Ok(call)
    }

    fn take_call(&mut self) -> u64 {
        let call = self.next_call;
        self.next_call += 1;
        call
    }

    fn enqueue(&mut self, now: Duration, call: CallId, agent: AgentName, request: Operation) {
        let key = OpKey(self.next_op);
        self.next_op += 1;
        let delayed_until =
            (request.start_delay_ms > 0).then(|| now.saturating_add(Duration::from_millis(request.start_delay_ms)));
        if let Some(until) = delayed_until {
            self.timers.insert((until, Timer::StartDelay(key)));
        }
        if let Some(resource) = self.resources.get_mut(&request.resource) {
            resource.pending.push_back(key);
        }
        let op = Op {
            call,
            agent,
            request,
            stage: Stage::Pending,
            queued_at: now,
            delayed_until,
            first_run: None,
            last_run_epoch: 0,
            remaining_ms: None,
            last_rc: ExitStatus::OK,
            last_status: ExecutionStatus::Pending,
            rc_change: 0,
            notified: None,
            executions: 0,
            deadline: None,
            reap: None,
            cancelled: false,
            timed_out: false,
            deleted: false,
        };
        self.ops.insert(key, op);
    }

    /// A recurring operation with the key of an existing one: that one takes over call id and token only, and its next result is
    /// reported; if it waits for its interval, it runs now [RA-8.2]. One that was cancelled but not yet reaped is left alone: merging with it would
    /// end the new one with its cancellation.
    fn merge(&mut self, now: Duration, call: CallId, new: &Operation) -> bool {
        let Some(resource) = self.resources.get(&new.resource) else { return false };
        let found =
            resource.pending.iter().chain(&resource.recurring).copied().find(|key| {
                self.ops.get(key).is_some_and(|op| op.matches(&new.action, new.interval_ms) && !op.cancelled)
            });
        let Some(key) = found else { return false };
        let Some(op) = self.ops.get_mut(&key) else { return false };
        op.call = call;
        op.request.token.clone_from(&new.token);
        op.notified = None;
        let stage = op.stage;
        let device = op.is_device();
        self.outputs.push_back(Output::Merged { key: new.key() });
        if let Stage::Waiting { until } = stage {
            self.timers.remove(&(until, Timer::Repeat(key)));
            self.repeat(now, key, device);
        }
        true
    }

    /// Starts the head of the queue, if nothing is active and no start delay holds it [RA-8.3].
    pub(super) fn pump(&mut self, now: Duration, id: &str) {
        loop {
            let Some(resource) = self.resources.get_mut(id) else { return };
            if resource.active.is_some() {
                return;
            }
            let Some(&head) = resource.pending.front() else { return };
            let Some(op) = self.ops.get_mut(&head) else { return };
            if op.delayed_until.is_some_and(|until| until > now) {
                return;
            }
            resource.pending.pop_front();
            if op.is_recurring() && !resource.recurring.contains(&head) {
                resource.recurring.push(head);
            }
            resource.active = Some(head);
            self.launch(now, head);
        }
    }

    /// Runs an operation by its standard: now, or as soon as nothing else of the resource is in flight.
    pub(super) fn launch(&mut self, now: Duration, key: OpKey) {
        let Some(op) = self.ops.get_mut(&key) else { return };
        op.delayed_until = None;
        if let Some(outcome) = unprepared(op) {
            op.first_run.get_or_insert((now, elapsed_ms(op.queued_at, now)));
            self.finish(now, key, outcome);
        } else if op.is_device() {
            self.launch_device(now, key);
        } else if self.may_spawn(key) {
            self.spawn(now, key);
        } else {
            if let Some(op) = self.ops.get_mut(&key) {
                op.stage = Stage::Blocked;
            }
            self.blocked.push_back(key);
        }
    }

    /// Nothing else of its resource is in flight, and the node has room.
    fn may_spawn(&self, key: OpKey) -> bool {
        let room = self.options.parallel_limit.is_none_or(|limit| self.in_flight.len() < limit.max(1));
        room && self.ops.get(&key).is_some_and(|op| !self.in_flight.contains_key(&op.request.resource))
    }

    /// Starts what was blocked and no longer is, in order of arrival.
    pub(super) fn drain_blocked(&mut self, now: Duration) {
        let mut at = 0;
        while let Some(&key) = self.blocked.get(at) {
            if self.may_spawn(key) {
                self.blocked.remove(at);
                self.spawn(now, key);
            } else {
                at += 1;
            }
        }
    }

    fn spawn(&mut self, now: Duration, key: OpKey) {
        let run = self.begin_run(now, key);
        let Some(op) = self.ops.get(&key) else { return };
        let call = op.call(run);
        let timeout_ms = call.timeout_ms;
        // A unit's own calls have the timeout; the executor's limit stands behind them [RA-5.3].
        let grace = if op.agent.standard == Standard::Systemd { 5000 } else { 0 };
        self.in_flight.insert(op.request.resource.clone(), run);
        if timeout_ms > 0 {
            let at = now.saturating_add(Duration::from_millis(timeout_ms.saturating_add(grace)));
            self.timers.insert((at, Timer::Deadline(run)));
            if let Some(op) = self.ops.get_mut(&key) {
                op.deadline = Some(at);
            }
        }
        self.outputs.push_back(Output::Spawn(call));
    }

    /// Names a new run and notes its times.
    pub(super) fn begin_run(&mut self, now: Duration, key: OpKey) -> RunId {
        let run = self.take_run();
        let epoch = self.epoch(now);
        if let Some(op) = self.ops.get_mut(&key) {
            if op.first_run.is_none() && (op.executions == 0 || op.is_device()) {
                op.first_run = Some((now, elapsed_ms(op.queued_at, now)));
                op.last_run_epoch = epoch;
            }
            op.stage = Stage::Running { run, since: now };
        }
        self.runs.insert(run, key);
        run
    }
}

/// Preparation failures, by standard [RA-8.3].
fn unprepared(op: &Op) -> Option<Outcome> {
    let failed = |rc: ExitStatus, status, reason: String| Outcome {
        unmapped: rc.0,
        rc,
        status,
        reason: Some(reason),
        output: String::new(),
    };
    let incomplete = op.request.resource.is_empty()
        || op.agent.type_name.is_empty()
        || op.request.action.is_empty()
        || (op.agent.standard.has_provider() && op.agent.provider.as_deref().is_none_or(str::is_empty));
    if incomplete {
        let reason = "Required agent or action information missing".to_owned();
        return Some(failed(ExitStatus::GENERIC, ExecutionStatus::ErrorFatal, reason));
    }
    matches!(op.agent.standard, Standard::Other(_) | Standard::Alert).then(|| {
        let reason = format!("{}: No such file or directory", op.agent.type_name);
        failed(ExitStatus::INSTALLED, ExecutionStatus::NotInstalled, reason)
    })
}

pub(super) fn elapsed_ms(from: Duration, to: Duration) -> u64 {
    u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX)
}
