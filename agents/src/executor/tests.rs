//! Behaviour, rule by rule, as recorded with the released programs [RA-15].

use super::*;
use crate::standard::{AgentName, Answer, Call, ExecutionStatus, ExitStatus, Standard};
use std::collections::BTreeMap;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn op(id: &str, action: &str) -> Operation {
    Operation::new(id, AgentName::ocf("pacemaker", "Dummy"), action).timeout_ms(20_000)
}

fn unit(action: &str) -> Operation {
    Operation::new("u", AgentName::plain(Standard::Systemd, "httpd"), action).timeout_ms(20_000)
}

fn device(action: &str) -> Operation {
    Operation::new("f", AgentName::plain(Standard::Stonith, "fence_x"), action).timeout_ms(20_000)
}

fn answer(rc: u8, status: ExecutionStatus) -> Exit {
    Exit::Answered(Answer { rc: ExitStatus(rc), status, reason: None, output: String::new() })
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    reports: Vec<Report>,
    kills: Vec<(RunId, KillScope)>,
    devices: Vec<DeviceCall>,
    others: usize,
}

fn drain(executor: &mut Executor) -> Seen {
    let mut seen = Seen::default();
    while let Some(output) = executor.poll_output() {
        match output {
            Output::Spawn(call) => seen.calls.push(call),
            Output::Finished(report) => seen.reports.push(report),
            Output::Kill { run, scope } => seen.kills.push((run, scope)),
            Output::Device(call) => seen.devices.push(call),
            Output::Merged { .. } | Output::WillNotDie { .. } | Output::Alerted(_) => seen.others += 1,
        }
    }
    seen
}

/// The only call that was started.
fn one(executor: &mut Executor) -> Call {
    let mut seen = drain(executor);
    assert_eq!(seen.calls.len(), 1, "one start");
    seen.calls.remove(0)
}

fn result(report: &Report) -> (u8, ExecutionStatus) {
    (report.rc.0, report.status)
}

#[test]
fn three_starts_run_one_after_the_other() {
    let mut e = Executor::new(Options { epoch_at_origin: 1_000_000, ..Options::default() });
    for _ in 0..3 {
        e.request(ms(0), op("r", "start")).unwrap();
    }
    let mut times = Vec::new();
    for n in 1..=3 {
        let call = one(&mut e);
        e.handle_exit(ms(1000 * n), call.run, Exit::code(0));
        let Some(Output::Finished(report)) = e.poll_output() else { panic!("a report") };
        times.push((report.queue_time_ms, report.exec_time_ms, report.last_run));
    }
    assert_eq!(times, [(0, 1000, 1_000_000), (1000, 1000, 1_000_001), (2000, 1000, 1_000_002)]);
}

#[test]
fn stop_kills_a_running_monitor_and_goes_next() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "monitor").interval_ms(500)).unwrap();
    let monitor = one(&mut e);
    e.request(ms(400), op("r", "stop")).unwrap();
    let seen = drain(&mut e);
    assert_eq!(seen.kills, [(monitor.run, KillScope::Group)]);
    assert!(seen.calls.is_empty(), "not two at a time");
    e.handle_exit(ms(410), monitor.run, Exit::killed());
    let seen = drain(&mut e);
    assert_eq!(result(&seen.reports[0]), (0, ExecutionStatus::Cancelled));
    assert_eq!(seen.calls[0].action, "stop");
}

#[test]
fn a_duplicate_monitor_runs_at_once_with_the_old_parameters() {
    let mut e = Executor::new(Options::default());
    let tagged = |tag: &str| {
        op("r", "monitor").interval_ms(3000).token(tag).parameters([("tag".to_owned(), tag.to_owned())].into())
    };
    e.request(ms(0), tagged("m1")).unwrap();
    let call = one(&mut e);
    e.handle_exit(ms(100), call.run, Exit::code(0));
    drain(&mut e);
    let second = e.request(ms(500), tagged("m2")).unwrap();
    let call = one(&mut e);
    assert_eq!(call.parameter("tag"), Some("m1"));
    e.handle_exit(ms(600), call.run, Exit::code(0));
    let report = drain(&mut e).reports.remove(0);
    assert_eq!((report.call, report.token.as_str()), (second, "m2"));
    assert_eq!((report.exec_time_ms, report.queue_time_ms, report.last_run), (0, 0, 0), "a repetition");
}

#[test]
fn unregister_cancels_what_waits_and_lets_run_what_runs() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "start")).unwrap();
    e.request(ms(0), op("r", "stop")).unwrap();
    let start = one(&mut e);
    assert_eq!(e.unregister(ms(10), "r"), Unregistered::InProgress);
    let report = drain(&mut e).reports.remove(0);
    assert_eq!((report.action.as_str(), result(&report)), ("stop", (0, ExecutionStatus::Cancelled)));
    e.handle_exit(ms(20), start.run, Exit::code(0));
    let report = drain(&mut e).reports.remove(0);
    assert_eq!((result(&report), report.resource_deleted), ((0, ExecutionStatus::Done), true));
    assert_eq!(e.unregister(ms(30), "r"), Unregistered::Removed);
}

#[test]
fn what_can_be_cancelled() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "start")).unwrap();
    e.request(ms(0), op("r", "demote")).unwrap();
    drain(&mut e);
    e.cancel(ms(1), "r", "demote", 0).unwrap();
    assert_eq!(drain(&mut e).reports[0].status, ExecutionStatus::Cancelled);
    for (action, interval) in [("start", 0), ("start", 10), ("monitor", 0)] {
        assert!(matches!(e.cancel(ms(2), "r", action, interval), Err(CancelError::NothingToCancel(_))));
    }
    assert!(matches!(e.cancel(ms(2), "x", "start", 0), Err(CancelError::UnknownResource(_))));
    let unknown = Operation { agent: None, ..op("x", "start") };
    assert!(matches!(e.request(ms(2), unknown), Err(RequestError::UnknownResource(_))));
}

#[test]
fn a_start_delay_holds_the_whole_queue_and_can_be_cancelled() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "start").start_delay_ms(6000)).unwrap();
    e.request(ms(0), op("r", "stop")).unwrap();
    e.handle_timeout(ms(2000));
    assert!(drain(&mut e).calls.is_empty());
    assert_eq!(e.poll_timeout(), Some(ms(6000)));
    e.handle_timeout(ms(6000));
    assert_eq!(one(&mut e).action, "start");
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "start").start_delay_ms(5000)).unwrap();
    e.cancel(ms(1), "r", "start", 0).unwrap();
    let seen = drain(&mut e);
    assert_eq!((seen.calls.len(), seen.reports[0].status), (0, ExecutionStatus::Cancelled));
    assert_eq!(e.poll_timeout(), None);
}

#[test]
fn repetitions_report_changes_only_and_count_from_the_end() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "monitor").interval_ms(1000)).unwrap();
    let mut reported = Vec::new();
    let mut now = 0;
    for code in [0, 0, 7, 7, 0] {
        let call = one(&mut e);
        now += 300;
        e.handle_exit(ms(now), call.run, Exit::code(code));
        reported.extend(drain(&mut e).reports.iter().map(result));
        assert_eq!(e.poll_timeout(), Some(ms(now + 1000)));
        now += 1000;
        e.handle_timeout(ms(now));
    }
    use ExecutionStatus::Done;
    assert_eq!(reported, [(0, Done), (7, Done), (0, Done)]);
}

#[test]
fn a_waiting_monitor_is_cancelled_with_the_rc_of_its_last_run() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), op("r", "monitor").interval_ms(1000)).unwrap();
    let call = one(&mut e);
    e.handle_exit(ms(100), call.run, Exit::code(7));
    drain(&mut e);
    e.cancel(ms(200), "r", "monitor", 1000).unwrap();
    assert_eq!(result(&drain(&mut e).reports[0]), (7, ExecutionStatus::Cancelled));
    assert_eq!(e.poll_timeout(), None);
}

#[test]
fn a_timeout_kills_the_group_or_with_on_fail_block_the_process() {
    for (on_fail, scope) in [("restart", KillScope::Group), ("block", KillScope::Process)] {
        let mut e = Executor::new(Options::default());
        let parameters = [("CRM_meta_on_fail".to_owned(), on_fail.to_owned())].into();
        e.request(ms(0), op("r", "start").timeout_ms(1000).parameters(parameters)).unwrap();
        let call = one(&mut e);
        e.handle_timeout(ms(1000));
        assert_eq!(drain(&mut e).kills, [(call.run, scope)]);
        e.handle_timeout(ms(6000));
        assert_eq!(drain(&mut e).others, 1, "it will not die");
        e.handle_exit(ms(7000), call.run, Exit::killed());
        let report = drain(&mut e).reports.remove(0);
        assert_eq!(result(&report), (1, ExecutionStatus::Timeout));
        assert_eq!(report.reason.as_deref(), Some("Resource agent did not complete within 1s"));
        assert_eq!(e.poll_timeout(), None);
    }
}

#[test]
fn nine_monitors_of_one_resource_are_never_two_at_a_time() {
    let mut e = Executor::new(Options::default());
    for interval in 1000..=1008 {
        e.request(ms(0), op("r", "monitor").interval_ms(interval)).unwrap();
    }
    let mut now = 0;
    let mut runs: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..90 {
        let call = one(&mut e);
        *runs.entry(call.interval_ms).or_default() += 1;
        now += 2000;
        e.handle_timeout(ms(now));
        e.handle_exit(ms(now), call.run, Exit::code(0));
    }
    assert!(runs.len() == 9 && runs.values().all(|n| *n == 10), "each in turn: {runs:?}");
}

#[test]
fn an_unknown_standard_is_not_installed() {
    let mut e = Executor::new(Options::default());
    let upstart = Operation::new("r", AgentName::new("upstart", None, "foo"), "start");
    e.request(ms(0), upstart).unwrap();
    let report = drain(&mut e).reports.remove(0);
    assert_eq!(result(&report), (5, ExecutionStatus::NotInstalled));
    assert_eq!(report.reason.as_deref(), Some("foo: No such file or directory"));
    let bad = Operation::new("q", AgentName::new("ocf", None, "Dummy"), "start");
    assert!(matches!(e.request(ms(0), bad), Err(RequestError::NoProvider(_))));
}

#[test]
fn the_same_id_with_another_type_is_replaced() {
    let mut e = Executor::new(Options::default());
    e.register(ms(0), "r", AgentName::ocf("pacemaker", "Dummy")).unwrap();
    e.register(ms(0), "r", AgentName::ocf("Pacemaker", "dummy")).unwrap();
    assert_eq!(e.info("r").unwrap().agent.type_name, "Dummy");
    e.register(ms(0), "r", AgentName::ocf("pacemaker", "Stateful")).unwrap();
    assert_eq!(e.info("r").unwrap().agent.type_name, "Stateful");
}

#[test]
fn a_probe_of_a_unit_between_two_states_looks_again() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), unit("monitor")).unwrap();
    let mut now = 0;
    for _ in 0..2 {
        let call = one(&mut e);
        now += 10;
        e.handle_exit(ms(now), call.run, answer(193, ExecutionStatus::Pending));
        assert!(drain(&mut e).reports.is_empty());
        now += 2000;
        assert_eq!(e.poll_timeout(), Some(ms(now)));
        e.handle_timeout(ms(now));
    }
    let call = one(&mut e);
    e.handle_exit(ms(now + 10), call.run, answer(0, ExecutionStatus::Done));
    let reports = drain(&mut e).reports;
    assert_eq!(reports.len(), 1);
    assert_eq!((result(&reports[0]), reports[0].exec_time_ms), ((0, ExecutionStatus::Done), 4030));
    assert_eq!(reports[0].timeout_ms, 20_000, "the original one");
}

#[test]
fn a_probe_of_a_unit_that_stays_between_two_states_times_out() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), unit("monitor").timeout_ms(1000)).unwrap();
    let mut now = ms(0);
    for _ in 0..1000 {
        let seen = drain(&mut e);
        if let Some(report) = seen.reports.first() {
            assert_eq!(result(report), (1, ExecutionStatus::Timeout));
            assert!(now <= ms(1000) && report.reason.as_deref().unwrap().starts_with("Investigate reason"));
            return;
        }
        match seen.calls.first() {
            Some(call) => e.handle_exit(now, call.run, answer(193, ExecutionStatus::Pending)),
            None => {
                now = e.poll_timeout().unwrap();
                e.handle_timeout(now);
            }
        }
    }
    panic!("never over");
}

#[test]
fn a_unit_that_does_not_answer_is_given_up_after_five_more_seconds() {
    let mut e = Executor::new(Options::default());
    e.request(ms(0), unit("start")).unwrap();
    let call = one(&mut e);
    assert_eq!(e.poll_timeout(), Some(ms(25_000)));
    e.handle_timeout(ms(25_000));
    let report = drain(&mut e).reports.remove(0);
    assert_eq!(result(&report), (1, ExecutionStatus::Timeout));
    assert_eq!(report.reason.as_deref(), Some("start action for systemd unit httpd did not complete in time"));
    e.handle_exit(ms(26_000), call.run, answer(0, ExecutionStatus::Done));
    assert!(drain(&mut e).reports.is_empty(), "a late answer is nobody's");
}

#[test]
fn fence_resources_by_the_recorded_sequence() {
    let mut e = Executor::new(Options::default());
    let probe = |e: &mut Executor| {
        e.request(ms(0), device("monitor")).unwrap();
        result(&drain(e).reports[0])
    };
    assert_eq!(probe(&mut e), (7, ExecutionStatus::Error));
    e.request(ms(0), device("start")).unwrap();
    let call = drain(&mut e).devices.remove(0);
    assert_eq!((call.action, call.timeout_s), (DeviceAction::Start, 20));
    e.handle_exit(ms(10), call.run, answer(0, ExecutionStatus::Done));
    assert_eq!(result(&drain(&mut e).reports[0]), (0, ExecutionStatus::Done));
    assert_eq!(probe(&mut e), (0, ExecutionStatus::Done));
    e.request(ms(20), device("monitor").interval_ms(600_000)).unwrap();
    let call = drain(&mut e).devices.remove(0);
    e.handle_exit(ms(30), call.run, answer(0, ExecutionStatus::Done));
    drain(&mut e);
    e.handle_fencer_lost(ms(40));
    let report = drain(&mut e).reports.remove(0);
    assert_eq!(result(&report), (1, ExecutionStatus::Error));
    assert_eq!(report.reason.as_deref(), Some("Lost connection to fencer"));
    assert_eq!(probe(&mut e), (1, ExecutionStatus::Error));
    e.request(ms(50), device("stop")).unwrap();
    let seen = drain(&mut e);
    assert_eq!(seen.reports[0].status, ExecutionStatus::Cancelled);
    e.handle_exit(ms(60), seen.devices[0].run, answer(0, ExecutionStatus::Done));
    assert_eq!(result(&drain(&mut e).reports[0]), (0, ExecutionStatus::Done));
    assert_eq!(probe(&mut e), (7, ExecutionStatus::Error));
    e.request(ms(70), device("start")).unwrap();
    let call = drain(&mut e).devices.remove(0);
    e.handle_exit(ms(80), call.run, answer(1, ExecutionStatus::Timeout));
    assert_eq!(result(&drain(&mut e).reports[0]), (1, ExecutionStatus::Timeout));
}

#[test]
fn a_parallel_limit_holds_back_other_resources() {
    let mut e = Executor::new(Options { parallel_limit: Some(2), ..Options::default() });
    for id in ["a", "b", "c"] {
        e.request(ms(0), op(id, "start")).unwrap();
    }
    let seen = drain(&mut e);
    assert_eq!(seen.calls.len(), 2);
    e.handle_exit(ms(10), seen.calls[1].run, Exit::code(0));
    assert_eq!(one(&mut e).resource, "c");
}

#[test]
fn rc_change_follows_the_unmapped_status() {
    let mut e = Executor::new(Options { epoch_at_origin: 100, ..Options::default() });
    let lsb = Operation::new("l", AgentName::plain(Standard::Lsb, "s"), "monitor").interval_ms(1000);
    e.request(ms(0), Operation { changes_only: false, ..lsb }).unwrap();
    let mut changes = Vec::new();
    for n in 0..3 {
        let call = one(&mut e);
        e.handle_exit(ms(1000 * n), call.run, Exit::code(3));
        let report = drain(&mut e).reports.remove(0);
        changes.push((report.rc.0, report.last_rc_change));
        e.handle_timeout(ms(1000 * (n + 1)));
    }
    assert_eq!(changes, [(7, 100), (7, 101), (7, 102)], "3 is not 7, each time anew");
}
