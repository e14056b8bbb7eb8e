//! Alert agents: run at once, in parallel with everything, their results only for the log [RA-7].

use super::timers::Timer;
use super::{Executor, KillScope, Output};
use crate::standard::alert::{AlertEvent, AlertTarget, Moment, call};
use crate::standard::outcome::{outcome, timed_out};
use crate::standard::{Call, ExecutionStatus, Exit, ExitStatus, RunId};
use core::time::Duration;
use std::fmt;

/// What remains to an executor that stops after the longest of its alerts' timeouts.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// An alert agent in flight.
#[derive(Debug)]
pub(super) struct Running {
    call: Call,
    deadline: Option<Duration>,
    expired: bool,
}

/// How an alert agent ended; as text, the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertReport {
    /// Which run.
    pub run: RunId,
    /// The alert's id.
    pub id: String,
    /// Its exit status.
    pub rc: ExitStatus,
    /// How far it got.
    pub status: ExecutionStatus,
    /// One line that explains it.
    pub reason: Option<String>,
}

impl AlertReport {
    /// Done and 0: not worth a line.
    pub fn is_ok(&self) -> bool {
        self.status == ExecutionStatus::Done && self.rc == ExitStatus::OK
    }
}

impl fmt::Display for AlertReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == ExecutionStatus::Done {
            return write!(f, "Alert {} completed but exited with status {}", self.id, self.rc);
        }
        write!(f, "Could not send alert {}: {}", self.id, self.status.text())?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

impl Executor {
    /// Runs one alert agent for an event, at once; its end follows as [`Output::Alerted`]. `false` = not run: the executor stops, or
    /// [`super::Options::alert_limit`] of them run already.
    pub fn alert(&mut self, now: Duration, target: &AlertTarget, event: &AlertEvent, moment: Moment) -> bool {
        if self.alerts_closed || self.alerts.len() >= self.options.alert_limit {
            return false;
        }
        self.alert_sequence += 1;
        let run = self.take_run();
        let call = call(run, target, event, moment, self.alert_sequence, &self.options.version);
        let deadline = (call.timeout_ms > 0).then(|| now.saturating_add(Duration::from_millis(call.timeout_ms)));
        if let Some(at) = deadline {
            self.timers.insert((at, Timer::Alert(run)));
        }
        self.alerts.insert(run, Running { call: call.clone(), deadline, expired: false });
        self.outputs.push_back(Output::Spawn(call));
        true
    }

    /// The node stops: no alert is taken any more. The answer is until when to wait for those that run: their longest timeout and five seconds; `None` =
    /// none runs.
    pub fn close_alerts(&mut self, now: Duration) -> Option<Duration> {
        self.alerts_closed = true;
        let longest = self.alerts.values().map(|running| running.call.timeout_ms).max()?;
        Some(now.saturating_add(Duration::from_millis(longest)).saturating_add(STOP_GRACE))
    }

    /// How many alert agents run.
    pub fn alerts_running(&self) -> usize {
        self.alerts.len()
    }

    pub(super) fn alert_too_long(&mut self, run: RunId) {
        if let Some(running) = self.alerts.get_mut(&run) {
            running.expired = true;
            self.outputs.push_back(Output::Kill { run, scope: KillScope::Group });
        }
    }

    pub(super) fn alert_ended(&mut self, run: RunId, exit: Exit) {
        let Some(running) = self.alerts.remove(&run) else { return };
        if let Some(at) = running.deadline {
            self.timers.remove(&(at, Timer::Alert(run)));
        }
        let it = if running.expired { timed_out(&running.call) } else { outcome(&running.call, exit) };
        let id = running.call.resource;
        self.outputs.push_back(Output::Alerted(AlertReport {
            run,
            id,
            rc: it.rc,
            status: it.status,
            reason: it.reason,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::{Operation, Options};
    use crate::standard::AgentName;

    const MOMENT: Moment = Moment { epoch_s: 0, micros: 0, utc_offset_s: 0 };

    fn event() -> AlertEvent {
        AlertEvent::Node { node: "n2".into(), id: 2, member: true }
    }

    fn spawned(executor: &mut Executor) -> Call {
        match executor.poll_output() {
            Some(Output::Spawn(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn alerts_run_beside_everything_and_are_counted() {
        let mut executor = Executor::new(Options { parallel_limit: Some(1), ..Options::default() });
        let now = Duration::from_secs(1);
        executor.request(now, Operation::new("r", AgentName::ocf("p", "A"), "start")).unwrap();
        spawned(&mut executor);
        for sequence in ["1", "2"] {
            assert!(executor.alert(now, &AlertTarget::new("a", "/x"), &event(), MOMENT));
            assert_eq!(spawned(&mut executor).parameters["CRM_alert_node_sequence"], sequence);
        }
        assert_eq!(executor.alerts_running(), 2);
    }

    #[test]
    fn results_are_for_the_log() {
        let mut executor = Executor::new(Options::default());
        let mut ends = Vec::new();
        for how in 0..3 {
            executor.alert(Duration::ZERO, &AlertTarget::new("a", "/x"), &event(), MOMENT);
            let run = spawned(&mut executor).run;
            if how == 2 {
                assert_eq!(executor.poll_timeout(), Some(Duration::from_secs(30)));
                executor.handle_timeout(Duration::from_secs(30));
                assert_eq!(executor.poll_output(), Some(Output::Kill { run, scope: KillScope::Group }));
            }
            executor.handle_exit(Duration::ZERO, run, if how == 2 { Exit::killed() } else { Exit::code(how) });
            let Some(Output::Alerted(report)) = executor.poll_output() else { panic!("its end") };
            ends.push((report.is_ok(), report.to_string()));
        }
        let line = "Could not send alert a: Timed out (Alert agent did not complete within 30s)";
        assert!(ends[0].0 && !ends[1].0 && !ends[2].0);
        assert_eq!(ends[1].1, "Alert a completed but exited with status 1");
        assert_eq!(ends[2].1, line);
        assert_eq!((executor.poll_timeout(), executor.alerts_running()), (None, 0));
    }

    #[test]
    fn a_node_that_stops_waits_for_the_longest_and_takes_no_more() {
        let mut executor = Executor::new(Options { alert_limit: 2, ..Options::default() });
        let long = AlertTarget { timeout_ms: 60_000, ..AlertTarget::new("long", "/x") };
        assert_eq!(Executor::new(Options::default()).close_alerts(Duration::ZERO), None);
        assert!(executor.alert(Duration::ZERO, &AlertTarget::new("a", "/x"), &event(), MOMENT));
        assert!(executor.alert(Duration::ZERO, &long, &event(), MOMENT));
        assert!(!executor.alert(Duration::ZERO, &long, &event(), MOMENT), "the limit");
        assert_eq!(executor.close_alerts(Duration::from_secs(1)), Some(Duration::from_secs(66)));
        let run = spawned(&mut executor).run;
        executor.handle_exit(Duration::from_secs(2), run, Exit::code(0));
        assert!(!executor.alert(Duration::from_secs(2), &long, &event(), MOMENT), "it stops");
        assert_eq!(executor.alerts_running(), 1);
    }
}
