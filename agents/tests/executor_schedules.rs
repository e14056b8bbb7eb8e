//! The executor's invariants over random schedules of requests, results and timeouts. The checker stands outside: it sees only outputs.

use agents::executor::{CallId, Executor, Operation, Options, Output};
use agents::standard::alert::{AlertEvent, AlertTarget, Moment};
use agents::standard::{AgentName, Answer, ExecutionStatus, Exit, ExitStatus, RunId, Standard};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const RESOURCES: [&str; 4] = ["a", "b", "u", "f"];
const ACTIONS: [&str; 5] = ["start", "stop", "monitor", "promote", "notify"];

#[derive(Debug, Clone)]
enum Step {
    Request {
        resource: usize,
        other_type: bool,
        action: usize,
        interval: u64,
        timeout: u64,
        delay: u64,
    },
    Cancel {
        resource: usize,
        action: usize,
        interval: u64,
    },
    CancelRecurring(usize),
    Unregister(usize),
    /// The n-th run in flight ends so.
    End(usize, u8),
    /// Time passes to the next deadline.
    Next,
    /// Time passes.
    Pass(u64),
    FencerLost,
    /// An alert agent with this timeout, in seconds.
    Alert(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let request = (0..4_usize, any::<u8>(), 0..5_usize, 0..3_u64, 0..3_u64, 0..5_u64).prop_map(
        |(resource, other, action, interval, timeout, delay)| Step::Request {
            resource,
            other_type: other < 12,
            action,
            interval: interval * 500,
            timeout: timeout * 400,
            delay: if delay == 4 { 700 } else { 0 },
        },
    );
    prop_oneof![
        8 => request,
        2 => (0..4_usize, 0..5_usize, 0..3_u64).prop_map(|(resource, action, i)| Step::Cancel { resource, action, interval: i * 500 }),
        1 => (0..4_usize).prop_map(Step::CancelRecurring),
        1 => (0..4_usize).prop_map(Step::Unregister),
        8 => (any::<usize>(), any::<u8>()).prop_map(|(n, how)| Step::End(n, how)),
        5 => Just(Step::Next),
        2 => (0..900_u64).prop_map(Step::Pass),
        1 => Just(Step::FencerLost),
        1 => (0..3_u64).prop_map(Step::Alert),
    ]
}

fn agent(resource: usize, other_type: bool) -> AgentName {
    let name = if other_type { "Other" } else { "Own" };
    match resource {
        0 => AgentName::ocf("p", name),
        1 => AgentName::plain(Standard::Lsb, name),
        2 => AgentName::plain(Standard::Systemd, name),
        _ => AgentName::plain(Standard::Stonith, name),
    }
}

struct Checker {
    executor: Executor,
    now: Duration,
    limit: Option<usize>,
    /// Runs that were started and have not ended, with their resource; and whether they were killed.
    live: BTreeMap<RunId, (String, bool)>,
    /// Runs of units and devices, whose end the executor may stop waiting for.
    answers: BTreeSet<RunId>,
    /// Accepted requests that do not repeat: how often each was reported.
    once: BTreeMap<CallId, u32>,
    /// The last request that was started, by resource, of those that do not repeat.
    started: BTreeMap<String, CallId>,
    /// Alert agents that were asked for, started, and told to have ended.
    alerts: [usize; 3],
}

impl Checker {
    fn drain(&mut self) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                Output::Spawn(call) if call.agent.standard == Standard::Alert => {
                    self.answers.insert(call.run);
                    self.live.insert(call.run, (call.resource, false));
                    self.alerts[1] += 1;
                }
                Output::Spawn(call) => {
                    let process = call.agent.standard != Standard::Systemd;
                    let twice =
                        self.live.iter().any(|(run, (r, _))| *r == call.resource && !self.answers.contains(run));
                    assert!(!(twice && process), "two runs of {} at one instant", call.resource);
                    if !process {
                        self.answers.insert(call.run);
                    }
                    self.live.insert(call.run, (call.resource, false));
                    let processes = self.live.keys().filter(|run| !self.answers.contains(run)).count();
                    assert!(self.limit.is_none_or(|limit| processes <= limit), "more than the limit");
                }
                Output::Device(call) => {
                    self.answers.insert(call.run);
                    self.live.insert(call.run, (call.device, false));
                }
                Output::Kill { run, .. } => {
                    let (_, killed) = self.live.get_mut(&run).expect("only what runs is killed");
                    *killed = true;
                }
                Output::WillNotDie { run, .. } => assert!(self.live[&run].1, "only after a kill"),
                Output::Merged { .. } => {}
                Output::Alerted(_) => self.alerts[2] += 1,
                Output::Finished(report) => {
                    if report.interval_ms == 0 {
                        let count = self.once.get_mut(&report.call).expect("only what was accepted is reported");
                        *count += 1;
                        assert_eq!(*count, 1, "{:?} reported twice", report.call);
                        // A probe of a unit between two states queues again at the end; what was unregistered is no longer in the queue.
                        let queues_again = report.resource == "u" && report.action == "monitor";
                        let in_order = !queues_again && !report.resource_deleted;
                        if report.status != ExecutionStatus::Cancelled && in_order {
                            let last = self.started.insert(report.resource.clone(), report.call);
                            assert!(last < Some(report.call), "operations of one resource out of order");
                        }
                    }
                    let pending = report.status == ExecutionStatus::Pending;
                    assert!(!pending || report.interval_ms > 0, "pending is no end");
                }
            }
        }
        let next = self.executor.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now) || self.late(), "a deadline that has passed is still there");
    }

    /// Time may stand still at a deadline that was not yet handled.
    fn late(&mut self) -> bool {
        self.executor.handle_timeout(self.now);
        self.executor.poll_timeout().is_none_or(|at| at > self.now)
    }

    fn end(&mut self, nth: usize, how: u8) {
        if self.live.is_empty() {
            return;
        }
        let Some(run) = self.live.keys().nth(nth % self.live.len()).copied() else { return };
        let (_, killed) = self.live.remove(&run).expect("chosen from it");
        let exit = if self.answers.remove(&run) {
            let pending = how % 4 == 3;
            let status = if pending { ExecutionStatus::Pending } else { ExecutionStatus::Done };
            let rc = if pending { ExitStatus::UNKNOWN } else { ExitStatus(how % 3) };
            Exit::Answered(Answer { rc, status, reason: None, output: String::new() })
        } else if killed && !how.is_multiple_of(8) {
            Exit::killed()
        } else {
            Exit::code(how)
        };
        self.executor.handle_exit(self.now, run, exit);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Request { resource, other_type, action, interval, timeout, delay } => {
                let id = RESOURCES[*resource];
                let operation = Operation::new(id, agent(*resource, *other_type), ACTIONS[*action])
                    .interval_ms(*interval)
                    .timeout_ms(*timeout)
                    .start_delay_ms(*delay);
                let call = self.executor.request(self.now, operation).expect("nothing to refuse");
                if *interval == 0 {
                    self.once.insert(call, 0);
                }
            }
            Step::Cancel { resource, action, interval } => {
                let _ = self.executor.cancel(self.now, RESOURCES[*resource], ACTIONS[*action], *interval);
            }
            Step::CancelRecurring(resource) => self.executor.cancel_recurring(self.now, RESOURCES[*resource]),
            Step::Unregister(resource) => {
                self.executor.unregister(self.now, RESOURCES[*resource]);
            }
            Step::End(nth, how) => self.end(*nth, *how),
            Step::Next => {
                if let Some(at) = self.executor.poll_timeout() {
                    self.now = self.now.max(at);
                    self.executor.handle_timeout(self.now);
                }
            }
            Step::Pass(ms) => {
                self.now += Duration::from_millis(*ms);
                self.executor.handle_timeout(self.now);
            }
            Step::Alert(timeout) => {
                let mut target = AlertTarget::new("alert", "/x");
                target.timeout_ms = timeout * 1000;
                let event = AlertEvent::Node { node: "n".to_owned(), id: 1, member: true };
                let moment = Moment { epoch_s: 0, micros: 0, utc_offset_s: 0 };
                self.alerts[0] += usize::from(self.executor.alert(self.now, &target, &event, moment));
            }
            Step::FencerLost => {
                self.executor.handle_fencer_lost(self.now);
            }
        }
        self.drain();
    }

    /// With every run ended, nothing requested and no monitor wanted, everything comes to its end.
    fn rest(&mut self) {
        for _ in 0..10_000 {
            for resource in RESOURCES {
                self.executor.cancel_recurring(self.now, resource);
            }
            self.drain();
            if !self.live.is_empty() {
                self.end(0, 4);
            } else if let Some(at) = self.executor.poll_timeout() {
                self.now = self.now.max(at);
                self.executor.handle_timeout(self.now);
            } else {
                break;
            }
            self.drain();
        }
        assert_eq!(self.executor.poll_timeout(), None, "something still waits");
        let status = self.executor.status();
        assert_eq!(status.running, 0);
        let [asked, started, ended] = self.alerts;
        assert!(asked == started && started == ended, "each alert once: {:?}", self.alerts);
        assert_eq!(self.executor.alerts_running(), 0);
        for resource in status.resources {
            assert!(resource.pending.is_empty() && resource.active.is_none(), "stuck: {resource:?}");
            assert!(resource.recurring.is_empty(), "goes on although cancelled: {resource:?}");
        }
        let unanswered: Vec<_> = self.once.iter().filter(|(_, count)| **count != 1).collect();
        assert!(unanswered.is_empty(), "never reported: {unanswered:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_schedule_keeps_the_invariants(steps in prop::collection::vec(step(), 1..60), limit in 0..4_usize) {
        let limit = (limit > 0).then_some(limit);
        let executor = Executor::new(Options { parallel_limit: limit, ..Options::default() });
        let mut checker = Checker {
            executor,
            now: Duration::ZERO,
            limit,
            live: BTreeMap::new(),
            answers: BTreeSet::new(),
            once: BTreeMap::new(),
            started: BTreeMap::new(),
            alerts: [0; 3],
        };
        for step in &steps {
            checker.take(step);
        }
        checker.rest();
    }
}
