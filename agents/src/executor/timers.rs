//! The one table of deadlines.

use super::queue::{OpKey, Stage};
use super::{Executor, KillScope, Output};
use crate::standard::{ExecutionStatus, ExitStatus, Outcome, RunId, Standard};
use core::time::Duration;

/// How long a killed process may take before it is called one that will not die [RA-8.6].
const REAP_GRACE: Duration = Duration::from_secs(5);

/// Everything an executor waits for besides ends of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A run has lasted too long.
    Deadline(RunId),
    /// A killed run is still there.
    Reap(RunId),
    /// The interval of a recurring operation has passed.
    Repeat(OpKey),
    /// A start delay has passed.
    StartDelay(OpKey),
    /// An alert agent has run too long.
    Alert(RunId),
}

impl Executor {
    pub(super) fn fire(&mut self, now: Duration, timer: Timer) {
        match timer {
            Timer::Deadline(run) => self.deadline(now, run),
            Timer::Alert(run) => self.alert_too_long(run),
            Timer::Reap(run) => {
                if let Some(op) = self.runs.get(&run).and_then(|key| self.ops.get(key)) {
                    self.outputs.push_back(Output::WillNotDie { run, key: op.request.key() });
                }
            }
            Timer::Repeat(key) => {
                let due =
                    self.ops.get(&key).filter(|op| matches!(op.stage, Stage::Waiting { .. })).map(|op| op.is_device());
                if let Some(device) = due {
                    self.repeat(now, key, device);
                }
            }
            Timer::StartDelay(key) => {
                let resource = self.ops.get_mut(&key).map(|op| {
                    op.delayed_until = None;
                    op.request.resource.clone()
                });
                if let Some(resource) = resource {
                    self.pump(now, &resource);
                }
            }
        }
    }

    /// The interval has passed: fence resources queue again, all others run without going through the queue [RA-8.4].
    pub(super) fn repeat(&mut self, now: Duration, key: OpKey, device: bool) {
        if !device {
            self.launch(now, key);
            return;
        }
        let Some(op) = self.ops.get_mut(&key) else { return };
        op.stage = Stage::Pending;
        op.queued_at = now;
        let id = op.request.resource.clone();
        if let Some(resource) = self.resources.get_mut(&id) {
            resource.pending.push_back(key);
        }
        self.pump(now, &id);
    }

    fn deadline(&mut self, now: Duration, run: RunId) {
        let Some(&key) = self.runs.get(&run) else { return };
        let Some(op) = self.ops.get_mut(&key) else { return };
        if op.agent.standard == Standard::Systemd {
            let reason = format!(
                "{} action for systemd unit {} did not complete in time",
                op.request.action, op.agent.type_name
            );
            self.forget_run(key, run);
            let outcome = Outcome {
                unmapped: 1,
                rc: ExitStatus::GENERIC,
                status: ExecutionStatus::Timeout,
                reason: Some(reason),
                output: String::new(),
            };
            self.finish(now, key, outcome);
            self.drain_blocked(now);
            return;
        }
        op.timed_out = true;
        // With on-fail=block whatever the agent started shall live on for an administrator to look at.
        let block = op.request.parameters.get("CRM_meta_on_fail").is_some_and(|v| v == "block");
        let scope = if block { KillScope::Process } else { KillScope::Group };
        self.kill(now, run, scope);
    }

    pub(super) fn kill(&mut self, now: Duration, run: RunId, scope: KillScope) {
        self.outputs.push_back(Output::Kill { run, scope });
        let Some(op) = self.runs.get(&run).and_then(|key| self.ops.get_mut(key)) else { return };
        let at = now.saturating_add(REAP_GRACE);
        if let Some(earlier) = op.reap.replace(at) {
            self.timers.remove(&(earlier, Timer::Reap(run)));
        }
        self.timers.insert((at, Timer::Reap(run)));
    }

    /// Drops a run and its timers: it was reaped, or its answer, if it ever comes, no longer matters.
    pub(super) fn forget_run(&mut self, key: OpKey, run: RunId) {
        self.runs.remove(&run);
        let Some(op) = self.ops.get_mut(&key) else { return };
        if self.in_flight.get(&op.request.resource) == Some(&run) {
            self.in_flight.remove(&op.request.resource);
        }
        if let Some(at) = op.deadline.take() {
            self.timers.remove(&(at, Timer::Deadline(run)));
        }
        if let Some(at) = op.reap.take() {
            self.timers.remove(&(at, Timer::Reap(run)));
        }
    }
}
