//! Fence resources: started, monitored and stopped through the fencer [RA-8.9].

use super::queue::{OpKey, Stage, elapsed_ms};
use super::{DeviceAction, DeviceCall, Executor, Output};
use crate::standard::interval::rounded_seconds;
use crate::standard::{Answer, ExecutionStatus, Exit, ExitStatus, Outcome};
use core::time::Duration;

/// What a probe answers without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeResult {
    /// Never started here, or stopped.
    NoDevice,
    /// Started.
    Active,
    /// The fencer went away while it was started.
    Lost,
}

const LOST: &str = "Lost connection to fencer";

impl Executor {
    pub(super) fn launch_device(&mut self, now: Duration, key: OpKey) {
        let Some(op) = self.ops.get(&key) else { return };
        let probe = self.resources.get(&op.request.resource).map_or(ProbeResult::NoDevice, |r| r.probe);
        let action = match op.request.action.as_str() {
            "start" => DeviceAction::Start,
            "stop" => DeviceAction::Stop,
            "monitor" if op.is_recurring() => DeviceAction::Monitor,
            "monitor" => return self.answer_at_once(now, key, probe_outcome(probe)),
            _ => {
                let reason = Some("Invalid fence device action (bug?)".to_owned());
                return self.answer_at_once(now, key, of(ExitStatus::UNIMPLEMENTED, ExecutionStatus::Error, reason));
            }
        };
        let run = self.begin_run(now, key);
        let Some(op) = self.ops.get(&key) else { return };
        self.outputs.push_back(Output::Device(DeviceCall {
            run,
            device: op.request.resource.clone(),
            agent: op.agent.type_name.clone(),
            action,
            timeout_s: rounded_seconds(op.request.timeout_ms),
            parameters: op.request.parameters.clone(),
        }));
    }

    fn answer_at_once(&mut self, now: Duration, key: OpKey, outcome: Outcome) {
        let epoch = self.epoch(now);
        if let Some(op) = self.ops.get_mut(&key) {
            op.first_run = Some((now, elapsed_ms(op.queued_at, now)));
            op.last_run_epoch = epoch;
        }
        self.finish(now, key, outcome);
    }

    /// The fencer's answer to a device call.
    pub(super) fn device_answered(&mut self, now: Duration, key: OpKey, exit: Exit) {
        let Some(op) = self.ops.get(&key) else { return };
        let answer = match exit {
            Exit::Answered(answer) => answer,
            _ => Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, "No connection to fencer"),
        };
        let action = op.request.action.clone();
        let cancelled = op.cancelled;
        let id = op.request.resource.clone();
        let mut result = mapped(&action, answer);
        let probe = match (action.as_str(), result.is_ok()) {
            ("start", true) => Some(ProbeResult::Active),
            ("stop", _) => Some(ProbeResult::NoDevice),
            _ => None,
        };
        if let (Some(resource), Some(probe)) = (self.resources.get_mut(&id), probe) {
            resource.probe = probe;
        }
        if cancelled {
            result.status = ExecutionStatus::Cancelled;
        }
        self.finish(now, key, result);
    }

    pub(super) fn fencer_lost(&mut self, now: Duration) {
        for resource in self.resources.values_mut() {
            if resource.probe == ProbeResult::Active {
                resource.probe = ProbeResult::Lost;
            }
        }
        let keys: Vec<OpKey> = self
            .ops
            .iter()
            .filter(|(_, op)| op.is_device())
            .filter(|(_, op)| op.is_recurring() || matches!(op.stage, Stage::Running { .. } | Stage::Pending))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            if let Some(run) = self.run_of(key) {
                self.forget_run(key, run);
            }
            let Some(op) = self.ops.get_mut(&key) else { continue };
            let id = op.request.resource.clone();
            if let Stage::Waiting { until } = op.stage {
                self.timers.remove(&(until, super::timers::Timer::Repeat(key)));
            }
            if let Some(resource) = self.resources.get_mut(&id) {
                resource.pending.retain(|k| *k != key);
            }
            self.finish(now, key, of(ExitStatus::GENERIC, ExecutionStatus::Error, Some(LOST.to_owned())));
        }
    }
}

fn of(rc: ExitStatus, status: ExecutionStatus, reason: Option<String>) -> Outcome {
    Outcome { unmapped: rc.0, rc, status, reason, output: String::new() }
}

fn probe_outcome(probe: ProbeResult) -> Outcome {
    match probe {
        ProbeResult::NoDevice => {
            let reason = ExecutionStatus::NoFenceDevice.text().to_owned();
            of(ExitStatus::NOT_RUNNING, ExecutionStatus::Error, Some(reason))
        }
        ProbeResult::Active => of(ExitStatus::OK, ExecutionStatus::Done, None),
        ProbeResult::Lost => of(ExitStatus::GENERIC, ExecutionStatus::Error, Some(LOST.to_owned())),
    }
}

/// The fencer's result in the executor's terms.
fn mapped(action: &str, answer: Answer) -> Outcome {
    let mut rc = if answer.rc == ExitStatus::OK { ExitStatus::OK } else { ExitStatus::GENERIC };
    let mut status = answer.status;
    match answer.status {
        ExecutionStatus::NotConnected | ExecutionStatus::Invalid | ExecutionStatus::Pending => {
            status = ExecutionStatus::Error
        }
        ExecutionStatus::NoFenceDevice => {
            status = ExecutionStatus::Error;
            rc = match action {
                "monitor" => ExitStatus::NOT_RUNNING,
                "stop" => ExitStatus::OK,
                _ => ExitStatus::INSTALLED,
            };
        }
        ExecutionStatus::NotSupported => rc = ExitStatus::UNIMPLEMENTED,
        _ => {}
    }
    // A device that the fencer does not know is gone, which is what stop wants.
    if action == "stop" && rc == ExitStatus::OK {
        status = ExecutionStatus::Done;
    }
    Outcome { unmapped: rc.0, rc, status, reason: answer.reason, output: answer.output }
}
