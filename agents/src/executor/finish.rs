//! From the end of a run to its report [RA-8.5], [RA-8.10].

use super::queue::{OpKey, Stage, elapsed_ms};
use super::timers::Timer;
use super::{Executor, Output, Report};
use crate::standard::outcome::{outcome, timed_out};
use crate::standard::{ExecutionStatus, Exit, ExitStatus, Outcome, RunId, Standard};
use core::time::Duration;

impl Executor {
    /// A run was reaped; `key` is no longer in the table of runs.
    pub(super) fn reaped(&mut self, now: Duration, key: OpKey, exit: Exit) {
        let Some(op) = self.ops.get(&key) else { return };
        let Stage::Running { run, .. } = op.stage else { return };
        let signalled = matches!(exit, Exit::Signalled { .. });
        let call = op.call(run);
        let cancelled = op.cancelled;
        let expired = op.timed_out && (signalled || !op.cancelled);
        self.forget_run(key, run);
        if call.agent.standard == Standard::Stonith {
            self.device_answered(now, key, exit);
            return;
        }
        let mut result = if expired { timed_out(&call) } else { outcome(&call, exit) };
        if cancelled {
            // Killed because of the cancellation: nothing is known, which counts as 0 [RA-8.7].
            if signalled {
                result = Outcome {
                    unmapped: 0,
                    rc: ExitStatus::OK,
                    status: ExecutionStatus::Cancelled,
                    reason: None,
                    output: String::new(),
                };
            }
            result.status = ExecutionStatus::Cancelled;
        }
        // A `service` may have been a unit.
        let unit = matches!(call.agent.standard, Standard::Systemd | Standard::Service);
        if unit && self.follow_up(now, key, &mut result) {
            return;
        }
        self.finish(now, key, result);
    }

    /// Reports a result and forgets, or keeps, its operation.
    pub(super) fn finish(&mut self, now: Duration, key: OpKey, result: Outcome) {
        let epoch = self.epoch(now);
        let Some(op) = self.ops.get_mut(&key) else { return };
        // The unmapped status is compared with the mapped previous one, as the reference does.
        if result.unmapped != op.last_rc.0 {
            op.rc_change = epoch;
        }
        op.last_rc = result.rc;
        op.last_status = result.status;
        let id = op.request.resource.clone();
        let over = !op.is_recurring() || op.cancelled || op.deleted || result.status == ExecutionStatus::Cancelled;
        self.report(now, key, result);
        let live = self.resources.get_mut(&id).filter(|r| owns(r, key));
        if let Some(resource) = live {
            if resource.active == Some(key) {
                resource.active = None;
            }
            if over {
                resource.pending.retain(|k| *k != key);
                resource.recurring.retain(|k| *k != key);
            }
        }
        if over {
            self.drop_op(key);
        } else if let Some(op) = self.ops.get_mut(&key) {
            let until = now.saturating_add(Duration::from_millis(op.request.interval_ms));
            op.stage = Stage::Waiting { until };
            op.executions += 1;
            op.first_run = None;
            op.remaining_ms = None;
            op.timed_out = false;
            if !op.is_device() {
                op.last_run_epoch = 0;
            }
            self.timers.insert((until, Timer::Repeat(key)));
        }
        self.pump(now, &id);
    }

    /// Forgets an operation with everything that points to it.
    pub(super) fn drop_op(&mut self, key: OpKey) {
        let Some(op) = self.ops.remove(&key) else { return };
        if op.stage == Stage::Blocked {
            self.blocked.retain(|k| *k != key);
        }
        if let Stage::Waiting { until } = op.stage {
            self.timers.remove(&(until, Timer::Repeat(key)));
        }
        if let Some(until) = op.delayed_until {
            self.timers.remove(&(until, Timer::StartDelay(key)));
        }
    }

    /// Notifies the caller, unless nothing changed and only changes are wanted.
    fn report(&mut self, now: Duration, key: OpKey, result: Outcome) {
        let Some(op) = self.ops.get_mut(&key) else { return };
        let seen = (result.rc, result.status);
        if op.request.changes_only && op.notified == Some(seen) {
            return;
        }
        op.notified = Some(seen);
        let (exec_time_ms, queue_time_ms) =
            op.first_run.map_or((0, 0), |(start, queued_ms)| (elapsed_ms(start, now), queued_ms));
        let report = Report {
            resource: op.request.resource.clone(),
            agent: op.agent.clone(),
            action: op.request.action.clone(),
            interval_ms: op.request.interval_ms,
            timeout_ms: op.request.timeout_ms,
            start_delay_ms: op.request.start_delay_ms,
            call: op.call,
            token: op.request.token.clone(),
            rc: result.rc,
            status: result.status,
            reason: result.reason,
            exec_time_ms,
            queue_time_ms,
            last_run: op.last_run_epoch,
            last_rc_change: op.rc_change,
            output: result.output,
            parameters: op.request.parameters.clone(),
            resource_deleted: op.deleted,
        };
        self.outputs.push_back(Output::Finished(report));
    }

    /// Finishes an operation that has no run: queued, blocked, or between two executions.
    pub(super) fn finish_cancelled(&mut self, now: Duration, key: OpKey, rc: ExitStatus) {
        let Some(op) = self.ops.get_mut(&key) else { return };
        op.cancelled = true;
        let result = Outcome {
            unmapped: op.last_rc.0,
            rc,
            status: ExecutionStatus::Cancelled,
            reason: None,
            output: String::new(),
        };
        self.finish(now, key, result);
    }

    pub(super) fn run_of(&self, key: OpKey) -> Option<RunId> {
        match self.ops.get(&key)?.stage {
            Stage::Running { run, .. } => Some(run),
            _ => None,
        }
    }
}

fn owns(resource: &super::queue::Resource, key: OpKey) -> bool {
    resource.active == Some(key) || resource.pending.contains(&key) || resource.recurring.contains(&key)
}
