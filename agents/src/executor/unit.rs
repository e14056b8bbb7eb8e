//! Units that are between two states: follow-up monitors [RA-5.3].

use super::Executor;
use super::queue::{OpKey, Stage, elapsed_ms};
use super::timers::Timer;
use crate::standard::{ExecutionStatus, ExitStatus, Outcome};
use core::time::Duration;

const OUT_OF_TIME: &str = "Investigate reason for timeout, and adjust configured operation timeout if necessary";

impl Executor {
    /// Handles a pending answer of a unit. A probe looks again after a pause, and `true` says that its result is still to come; a
    /// recurring monitor reports it as it is, but as a timeout once it has lasted as long as the timeout.
    pub(super) fn follow_up(&mut self, now: Duration, key: OpKey, result: &mut Outcome) -> bool {
        if result.status != ExecutionStatus::Pending {
            return false;
        }
        let epoch = self.epoch(now);
        let Some(op) = self.ops.get_mut(&key) else { return false };
        if op.deleted || !matches!(op.request.action.as_str(), "monitor" | "status") {
            // Whoever starts or stops a unit waits for the end of its job; and where the resource is gone, nobody looks again.
            (result.rc, result.status) = (ExitStatus::GENERIC, ExecutionStatus::Error);
            return false;
        }
        let timeout_ms = op.request.timeout_ms;
        if op.is_recurring() {
            let lasting = op.last_status == ExecutionStatus::Pending && op.notified.is_some();
            if lasting && epoch.saturating_sub(op.rc_change) >= timeout_ms / 1000 {
                out_of_time(result);
            }
            return false;
        }
        let first = op.first_run.map_or(now, |(start, _)| start);
        // Without a timeout a unit may stay between two states for ever; look every two seconds.
        let remaining = if timeout_ms == 0 { u64::MAX } else { timeout_ms.saturating_sub(elapsed_ms(first, now)) };
        let mut pause = if timeout_ms == 0 { 2000 } else { timeout_ms / 10 };
        if pause >= remaining && remaining > 20 {
            pause = remaining / 2;
        }
        pause = pause.min(2000);
        if pause >= remaining {
            out_of_time(result);
            return false;
        }
        op.remaining_ms = (timeout_ms > 0).then_some(remaining.saturating_sub(pause).max(1));
        op.stage = Stage::Pending;
        let until = now.saturating_add(Duration::from_millis(pause));
        op.delayed_until = Some(until);
        let id = op.request.resource.clone();
        self.timers.insert((until, Timer::StartDelay(key)));
        if let Some(resource) = self.resources.get_mut(&id) {
            resource.active = None;
            resource.pending.push_back(key);
        }
        self.pump(now, &id);
        true
    }
}

fn out_of_time(result: &mut Outcome) {
    result.rc = ExitStatus::GENERIC;
    result.status = ExecutionStatus::Timeout;
    result.reason = Some(OUT_OF_TIME.to_owned());
}
