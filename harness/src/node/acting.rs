//! Between the controller and those who act for it: the executor, a remote host's executor, the fencer.

use super::remote::ToRemote;
use super::wire::Envelope;
use super::{Event, Node, Output, Reply, request, translate};
use agents::{executor, fencer};
use policy_core::controller::{self, op_status};
use std::time::Duration;

impl Node {
    pub(super) fn execute(&mut self, now: Duration, operation: &controller::Operation) {
        if let Some(remote) = &operation.remote {
            return self.tell_remote(remote, &ToRemote::Execute(Box::new(operation.clone())));
        }
        if let Err(error) = self.executor.request(now, translate::operation(operation)) {
            self.controller.handle_report(now, operation.call, translate::refused(&error));
        }
    }

    pub(super) fn on_executor(&mut self, now: Duration, output: executor::Output) {
        match output {
            executor::Output::Spawn(call) => self.outputs.push_back(Output::Run(call)),
            executor::Output::Device(call) => self.fencer.handle_device_call(now, call),
            executor::Output::Kill { run, scope } => self.outputs.push_back(Output::Kill { run, scope }),
            executor::Output::Finished(report) => {
                let interval_ms = report.interval_ms;
                if let Some((call, report)) = translate::report(&report)
                    && self.remembers(&report, interval_ms)
                {
                    self.controller.handle_report(now, call, report);
                }
            }
            executor::Output::WillNotDie { key, .. } => self.tell(Event::Warning(format!("{key} will not die"))),
            executor::Output::Alerted(report) if report.is_ok() => {}
            executor::Output::Alerted(report) => self.tell(Event::Warning(report.to_string())),
            executor::Output::Merged { key } => self.tell(Event::Warning(format!("{key} was requested twice"))),
        }
    }

    pub(super) fn on_fencer(&mut self, now: Duration, output: fencer::Output) {
        match output {
            fencer::Output::Run(call) => self.outputs.push_back(Output::Run(call)),
            fencer::Output::Kill { run, scope } => self.outputs.push_back(Output::Kill { run, scope }),
            fencer::Output::Send { to, message } => {
                let to = match to {
                    fencer::Destination::All => None,
                    fencer::Destination::Peer(name) => Some(name),
                };
                self.broadcast(&Envelope::Fencer(to, message));
            }
            fencer::Output::Done(verdict) => self.fencing_done(now, &verdict),
            fencer::Output::Notify { record, .. } => {
                let outcome = translate::outcome(&record, &self.config.name);
                self.controller.handle_fenced(now, &outcome);
            }
            fencer::Output::Device { run, exit } => self.executor.handle_exit(now, run, exit),
            fencer::Output::Panic { .. } => self.outputs.push_back(Output::Reset),
            fencer::Output::TimeoutUpdate { .. } => {}
        }
    }

    /// The answer to this node's own request: its transition goes on.
    fn fencing_done(&mut self, now: Duration, verdict: &fencer::Verdict) {
        let ok = verdict.result.is_ok();
        if let Some(number) = request::number_of(&verdict.token) {
            let reply = Reply::Fenced { ok, reason: verdict.result.reason.clone() };
            return self.outputs.push_back(Output::Reply { number, reply });
        }
        let no_device = verdict.result.status.code() == op_status::NO_FENCE_DEVICE;
        self.controller.handle_fencing_answer(now, &verdict.token, ok, no_device);
    }
}
