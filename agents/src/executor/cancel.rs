//! Cancelling: queued, running and waiting operations each in their own way [RA-8.7].

use super::queue::{OpKey, Stage};
use super::timers::Timer;
use super::{CancelError, Executor, KillScope};
use crate::standard::{ExitStatus, Standard};
use core::time::Duration;

impl Executor {
    pub(super) fn cancel_operation(
        &mut self,
        now: Duration,
        id: &str,
        action: &str,
        interval_ms: u64,
    ) -> Result<(), CancelError> {
        let resource = self.resources.get(id).ok_or_else(|| CancelError::UnknownResource(id.to_owned()))?;
        let matching = |key: &&OpKey| self.ops.get(key).is_some_and(|op| op.matches(action, interval_ms));
        let queued = resource.pending.iter().find(matching).copied();
        let found = queued.or_else(|| resource.recurring.iter().find(matching).copied());
        let Some(key) = found else {
            return Err(CancelError::NothingToCancel(format!("{id}_{action}_{interval_ms}")));
        };
        self.cancel_one(now, key);
        self.drain_blocked(now);
        Ok(())
    }

    /// A snapshot of recurring list, then pending queue, each cancelled.
    pub(super) fn cancel_all_recurring(&mut self, now: Duration, id: &str) {
        let Some(resource) = self.resources.get(id) else { return };
        let keys: Vec<OpKey> = resource.recurring.iter().chain(&resource.pending).copied().collect();
        for key in keys {
            if self.ops.get(&key).is_some_and(|op| op.is_recurring()) {
                self.cancel_one(now, key);
            }
        }
        self.drain_blocked(now);
    }

    pub(super) fn cancel_one(&mut self, now: Duration, key: OpKey) {
        let Some(op) = self.ops.get_mut(&key) else { return };
        match op.stage {
            // Not yet started (rc 0), or a fence resource's repetition that queues again (rc of its last run).
            Stage::Pending => {
                let rc = op.last_rc;
                self.finish_cancelled(now, key, rc);
            }
            Stage::Blocked => {
                let rc = op.last_rc;
                self.finish_cancelled(now, key, rc);
            }
            Stage::Waiting { until } => {
                let rc = op.last_rc;
                self.timers.remove(&(until, Timer::Repeat(key)));
                self.finish_cancelled(now, key, rc);
            }
            Stage::Running { run, .. } => {
                let again = std::mem::replace(&mut op.cancelled, true);
                if op.agent.standard == Standard::Systemd {
                    // The call cannot be taken back; its answer is discarded.
                    let rc = op.last_rc;
                    self.forget_run(key, run);
                    self.finish_cancelled(now, key, rc);
                } else if op.agent.standard != Standard::Stonith && !again {
                    self.kill(now, run, KillScope::Group);
                }
            }
        }
    }

    pub(super) fn cancel_pending(&mut self, now: Duration, key: OpKey) {
        self.finish_cancelled(now, key, ExitStatus::OK);
    }
}
