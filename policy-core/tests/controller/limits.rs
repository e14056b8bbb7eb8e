//! Quorum, shutdown, failures of single operations, losses in mid-transition ([CT-5], [CT-7]).

use crate::fixture::{Cluster, DUMMY, EPOCH};
use policy_core::controller::{CibWrite, FencingOutcome, Message, Output, Receiver, State};
use policy_core::graph::{Action, ElementKind, Primitive};

const NO_FENCING: (&str, &str) = ("fencing-enabled", "false");
const DEVICE: &str = r#"<primitive id="f" class="stonith" type="fence_dummy"/>"#;
const PROMOTABLE: &str = r#"<clone id="c"><meta_attributes id="c-m"><nvpair id="c-m-p" name="promotable" value="true"/></meta_attributes><primitive id="p" class="ocf" provider="pacemaker" type="Stateful"/></clone>"#;

/// Three nodes with resource `d`, under a policy for the loss of quorum.
fn without_quorum(policy: &str, watchdog: bool, fencing: bool, resources: &str) -> Cluster {
    let mut options = vec![("no-quorum-policy", policy)];
    if !fencing {
        options.push(NO_FENCING);
    }
    let mut cluster = Cluster::configured(&options, resources, "");
    cluster.watchdog = watchdog;
    let mut cluster = cluster.up(3);
    cluster.pass(30);
    cluster.fenced.clear();
    cluster.executed.clear();
    cluster.set_quorum(false);
    cluster.pass(60);
    cluster
}

#[test]
fn stop_stops_everything_when_quorum_is_lost() {
    let mut cluster = without_quorum("stop", false, false, DUMMY);
    assert!(cluster.runs_on("d").is_empty());
    assert_eq!(cluster.value("/cib", "have-quorum").as_deref(), Some("0"));
    cluster.set_quorum(true);
    let before = cluster.executed.len();
    cluster.pass(4);
    assert_eq!(cluster.executed.len(), before, "quorum gained is acted on after 5 s");
    cluster.pass(20);
    assert_eq!(cluster.runs_on("d").len(), 1);
    assert_eq!(cluster.logged("aborted: Quorum lost") + cluster.logged("aborted: Quorum gained"), 2);
}

#[test]
fn freeze_keeps_what_runs_and_starts_nothing() {
    let mut cluster = without_quorum("freeze", false, false, DUMMY);
    assert_eq!(cluster.runs_on("d").len(), 1);
    let more = DUMMY.replace("\"d", "\"e");
    cluster.change(CibWrite::Merge { xml: format!("<resources>{more}</resources>") });
    cluster.pass(30);
    assert!(cluster.runs_on("e").is_empty());
}

#[test]
fn ignore_goes_on_as_if_nothing_had_happened() {
    let mut cluster = without_quorum("ignore", false, false, DUMMY);
    let node = cluster.host_of("d");
    cluster.kill(node);
    cluster.pass(60);
    assert_eq!(cluster.runs_on("d").len(), 1);
}

#[test]
fn demote_demotes_promoted_instances_and_stops_the_rest() {
    let options = [NO_FENCING, ("no-quorum-policy", "demote")];
    let mut cluster = Cluster::configured(&options, &format!("{DUMMY}{PROMOTABLE}"), "").up(3);
    for id in 1..=3 {
        let request = policy_core::attributes::Request::update("master-p", Some("10"), &format!("n{id}"));
        cluster.members.get_mut(&id).unwrap().attributes.request(request).unwrap();
    }
    cluster.pass(30);
    assert!(cluster.executed.iter().any(|(_, r, task)| r == "p" && task == "promote"));
    cluster.executed.clear();
    cluster.set_quorum(false);
    cluster.pass(30);
    let of = |resource: &str, wanted: &str| {
        cluster.executed.iter().filter(|(_, r, task)| r == resource && task == wanted).count()
    };
    assert_eq!((of("p", "demote"), of("p", "stop"), of("d", "stop")), (1, 0, 1), "{:?}", cluster.executed);
}

#[test]
fn fence_panics_with_a_watchdog_and_fences_without() {
    let resources = format!("{DUMMY}{DEVICE}");
    let cluster = without_quorum("fence", true, true, &resources);
    let mut panicked = cluster.panics.clone();
    panicked.dedup();
    assert_eq!(panicked, [1, 2, 3]);
    let cluster = without_quorum("suicide", false, true, &resources);
    assert!(cluster.panics.is_empty());
    assert!(!cluster.fenced.is_empty());
}

#[test]
fn fence_is_like_stop_where_there_never_was_quorum() {
    let options = [("no-quorum-policy", "fence")];
    let mut cluster = Cluster::configured(&options, &format!("{DUMMY}{DEVICE}"), "");
    (cluster.quorate, cluster.watchdog) = (false, true);
    let cluster = cluster.up(3);
    assert!(cluster.panics.is_empty() && cluster.fenced.is_empty());
    assert!(cluster.runs_on("d").is_empty());
}

/// [CT-7.5]
#[test]
fn a_pending_node_is_looked_at_again_in_time_only_if_so_configured() {
    for (timeout, expected) in [("0", 0), ("120", 1)] {
        let options = [NO_FENCING, ("node-pending-timeout", timeout)];
        let mut cluster = Cluster::configured(&options, "", "").up(2);
        // A third machine is a member, but its controller never comes.
        cluster.member_without_controller(3);
        cluster.pass(100);
        assert_eq!(cluster.logged("Node pending timed out"), 0);
        cluster.pass(30);
        assert_eq!(cluster.logged("Node pending timed out"), expected, "{timeout}");
    }
}

/// [CT-7.2]: the request is repeated to a new coordinator, and a start is refused.
#[test]
fn a_wish_to_leave_survives_the_loss_of_the_coordinator() {
    let mut cluster = Cluster::new(DUMMY).up(3);
    cluster.change(CibWrite::Merge {
        xml: r#"<constraints><rsc_location id="l" rsc="d" node="n3" score="100"/></constraints>"#.into(),
    });
    cluster.pass(20);
    let host = cluster.host_of("d");
    assert_eq!((host, cluster.dc()), (3, Some(1)));
    cluster.hanging.push(("d".into(), "stop".into()));
    cluster.with(host, |c, now| c.shutdown(now));
    cluster.pass(1);
    cluster.hanging.clear();
    cluster.kill(1);
    cluster.pass(300);
    assert_eq!(cluster.exits, [(host, 0)]);
    assert_eq!(cluster.runs_on("d").len(), 1);
    assert!(cluster.fenced.is_empty());
}

#[test]
fn escalation_ends_a_node_whose_resources_do_not_stop() {
    let options = [NO_FENCING, ("shutdown-escalation", "5min")];
    let mut cluster = Cluster::configured(&options, DUMMY, "").up(3);
    let host = cluster.host_of("d");
    cluster.hanging.push(("d".into(), "stop".into()));
    cluster.set_option("cluster-delay", "10min");
    cluster.with(host, |c, now| c.shutdown(now));
    cluster.pass(290);
    assert!(cluster.exits.is_empty());
    cluster.pass(20);
    assert_eq!(cluster.exits, [(host, 0)]);
}

#[test]
fn a_second_signal_is_an_error() {
    let mut cluster = Cluster::new("").up(2);
    cluster.with(2, |c, now| c.shutdown(now));
    cluster.with(2, |c, now| c.shutdown(now));
    cluster.settle();
    assert_eq!(cluster.exits, [(2, 1)]);
}

/// [CT-5.8]
#[test]
fn an_operation_without_answer_is_recorded_as_timed_out_by_the_coordinator() {
    let mut cluster = Cluster::configured(&[NO_FENCING], "", "").up(2);
    cluster.hanging.push(("d".into(), "start".into()));
    let timed = DUMMY.replace("<operations>", r#"<operations><op id="d-s" name="start" interval="0" timeout="30s"/>"#);
    cluster.change(CibWrite::Merge { xml: format!("<resources>{timed}</resources>") });
    cluster.pass(89);
    assert_eq!(cluster.logged("aborted: Action lost"), 0);
    let pending = "//lrm_rsc_op[@id='d_last_0' and @op-status='-1']";
    assert_eq!(cluster.value(pending, "rc-code").as_deref(), Some("193"));
    assert_eq!(cluster.value(pending, "call-id").as_deref(), Some("-1"));
    cluster.pass(3);
    assert_eq!(cluster.logged("aborted: Action lost"), 1, "timeout and cluster-delay");
    let lost = "//lrm_rsc_op[@id='d_last_failure_0' and @op-status='2']";
    let reason = cluster.value(lost, "exit-reason").unwrap();
    assert!(reason.ends_with("did not return result in time"), "{reason}");
}

/// [CT-12.7] E6, [CT-6.6]
#[test]
fn a_failed_monitor_is_counted_once_and_keeps_its_good_result() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    let host = cluster.host_of("d");
    let node = format!("n{host}");
    cluster.monitor_finds(host, "d", 7);
    cluster.pass(10);
    assert_eq!(cluster.attribute(&node, "fail-count-d#monitor_10000").as_deref(), Some("1"));
    let at: u64 = cluster.attribute(&node, "last-failure-d#monitor_10000").unwrap().parse().unwrap();
    assert!((EPOCH..EPOCH + 200).contains(&at));
    assert_eq!(cluster.value("//lrm_rsc_op[@id='d_last_failure_0']", "rc-code").as_deref(), Some("7"));
    assert_eq!(cluster.value("//lrm_rsc_op[@id='d_monitor_10000']", "rc-code").as_deref(), Some("0"));
    assert_eq!(cluster.host_of("d"), host, "recovered in place");
}

/// [CT-12.7] E5 with the option, E7
#[test]
fn starts_count_one_by_one_if_they_are_not_fatal_and_probes_never() {
    let options = [NO_FENCING, ("start-failure-is-fatal", "false")];
    let mut cluster = Cluster::configured(&options, DUMMY, "");
    cluster.running.insert("e".into(), vec!["n1".into()]);
    cluster.failing.insert(("d".into(), "start".into()), 1);
    let mut cluster = cluster.up(1);
    cluster.pass(5);
    let count: u32 = cluster.attribute("n1", "fail-count-d#start_0").unwrap().parse().unwrap();
    assert!((2..1_000_000).contains(&count), "{count}");
    let more = DUMMY.replace("\"d", "\"e");
    cluster.failing.clear();
    cluster.change(CibWrite::Merge { xml: format!("<resources>{more}</resources>") });
    cluster.pass(20);
    assert_eq!(cluster.runs_on("e"), ["n1"], "found running");
    assert!(!cluster.executed.iter().any(|(_, r, task)| r == "e" && task == "start"));
    assert_eq!(cluster.attribute("n1", "fail-count-e#monitor_0"), None);
}

/// [CT-12.7] E10
#[test]
fn a_change_of_the_configuration_lets_only_what_is_in_flight_finish() {
    let five: String = ["a", "b", "e", "g", "h"].iter().map(|id| DUMMY.replace("\"d", &format!("\"{id}"))).collect();
    let group = format!(r#"<group id="grp">{five}</group>"#);
    let mut cluster = Cluster::configured(&[NO_FENCING], "", "").up(1);
    cluster.change(CibWrite::Merge { xml: format!("<resources>{group}</resources>") });
    let started = |c: &Cluster| c.executed.iter().filter(|(_, _, task)| task == "start").count();
    while started(&cluster) < 2 {
        cluster.step();
    }
    cluster.change(CibWrite::Merge {
        xml: r#"<resources><group id="grp"><meta_attributes id="grp-m"><nvpair id="grp-t" name="target-role" value="Stopped"/></meta_attributes></group></resources>"#.into(),
    });
    cluster.pass(30);
    assert_eq!(started(&cluster), 2);
    assert!(["a", "b", "e", "g", "h"].iter().all(|r| cluster.runs_on(r).is_empty()));
    assert!(cluster.logged("Stopped") > 0 && cluster.logged("aborted: Configuration change") > 0);
}

/// [CT-6.8], [CT-6.7]
#[test]
fn a_simulated_failure_is_an_outside_event_and_clean_up_forgets_it() {
    use policy_core::controller::{Deletion, Message, Receiver};
    let mut cluster = Cluster::new(DUMMY).up(2);
    let host = cluster.host_of("d");
    let node = format!("n{host}");
    let message = Message::FailResource { resource: "d".into(), remote: None };
    cluster.with(host, |c, now| c.handle_message(now, host, Receiver::Node(host), message));
    cluster.pass(10);
    assert_eq!(cluster.attribute(&node, "fail-count-d#asyncmon_0").as_deref(), Some("1"));
    let entry = "//lrm_rsc_op[@id='d_last_failure_0']";
    let key = cluster.value(entry, "transition-key").unwrap();
    assert!(key.ends_with(":-1:0:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"), "{key}");
    assert_eq!(cluster.value(entry, "exit-reason").as_deref(), Some("Simulated failure"));
    assert!(cluster.executed.iter().any(|(_, r, task)| r == "d" && task == "stop"));
    let deletion = Deletion { resource: Some("d".into()), ..Deletion::default() };
    cluster.with(host, |c, now| c.handle_message(now, host, Receiver::Node(host), Message::DeleteHistory(deletion)));
    cluster.pass(10);
    assert_eq!(cluster.value(entry, "operation"), Some("monitor".to_owned()), "found running by a probe");
    assert!(cluster.value("//nvpair[@name='last-lrm-refresh']", "value").is_some());
}

/// [CT-9.12]: fencing is tried at once as often as configured, then at each recheck.
#[test]
fn failed_fencing_is_repeated_until_the_limit() {
    let options = [("fencing-max-attempts", "3"), ("cluster-recheck-interval", "15min")];
    let mut cluster = Cluster::configured(&options, &format!("{DUMMY}{DEVICE}"), "").up(3);
    let host = cluster.host_of("d");
    let others: Vec<u32> = (1..=3).filter(|&id| id != host).collect();
    cluster.fencing_fails = 4;
    cluster.kill(host);
    cluster.pass(60);
    assert_eq!(cluster.logged(&format!("Requesting fencing (reboot) targeting node n{host}")), 3);
    assert!(cluster.runs_on("d").is_empty(), "blocked until the node is known to be down");
    cluster.pass(16 * 60);
    assert_eq!(cluster.logged(&format!("Requesting fencing (reboot) targeting node n{host}")), 4);
    cluster.pass(16 * 60);
    assert_eq!(cluster.fenced, [format!("n{host}")]);
    assert!(others.contains(&cluster.host_of("d")));
}

/// [CT-9.11]
#[test]
fn a_node_that_hears_of_its_own_fencing_leaves_for_good() {
    let mut cluster = Cluster::new("").up(3);
    let outcome = FencingOutcome {
        target: "n3".into(),
        action: "reboot".into(),
        ok: true,
        by: "n1".into(),
        client: "admin@n1".into(),
        own: false,
        reference: "r".into(),
        op_status: 0,
        reason: None,
    };
    cluster.with(3, |c, now| c.handle_fenced(now, &outcome));
    cluster.settle();
    assert_eq!(cluster.exits, [(3, 100)]);
}

/// The coordinator is lost in each phase of its work: the rest ends with one coordinator and every resource once.
#[test]
fn the_coordinator_may_be_lost_in_every_phase() {
    let resources: String = ["d", "e"].iter().map(|id| DUMMY.replace("\"d", &format!("\"{id}"))).collect();
    let phases =
        [State::Election, State::Integration, State::FinalizeJoin, State::PolicyEngine, State::TransitionEngine];
    for steps in 0..40 {
        let mut cluster = Cluster::configured(&[NO_FENCING], &resources, "");
        for id in 1..=4 {
            cluster.start(id, 100 - u64::from(id), "3.20.5");
        }
        cluster.pass(20);
        for _ in 0..steps {
            cluster.step();
        }
        let phase = cluster.members[&1].controller.state();
        cluster.kill(1);
        cluster.pass(90);
        assert!(cluster.dc().is_some(), "after {steps} steps in {phase}");
        for resource in ["d", "e"] {
            let runs = cluster.runs_on(resource);
            assert_eq!(runs.len(), 1, "{resource} on {runs:?} after {steps} steps in {phase}");
        }
        assert!(phases.contains(&phase) || matches!(phase, State::Pending | State::Idle), "{phase}");
    }
}

/// [CT-7.3]
#[test]
fn a_node_in_standby_stays_a_member_and_runs_nothing() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    let host = cluster.host_of("d");
    let standby = |value: &str| CibWrite::Merge {
        xml: format!(
            r#"<nodes><node id="{host}" uname="n{host}"><instance_attributes id="nodes-{host}"><nvpair id="nodes-{host}-standby" name="standby" value="{value}"/></instance_attributes></node></nodes>"#
        ),
    };
    cluster.change(standby("on"));
    cluster.pass(20);
    assert_ne!(cluster.host_of("d"), host);
    assert_eq!(cluster.value(&format!("//node_state[@id='{host}']"), "join").as_deref(), Some("member"));
    cluster.executed.clear();
    cluster.change(standby("off"));
    cluster.pass(20);
    assert_eq!(cluster.dc(), Some(1));
    assert_eq!(cluster.runs_on("d").len(), 1);
}

/// [CT-3.1], [CT-4.7]
#[test]
fn what_a_foreign_hand_removed_is_written_again() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    let host = cluster.host_of("d");
    cluster.executed.clear();
    cluster.change(CibWrite::Delete { xpath: "//node_state".into() });
    cluster.pass(30);
    for id in 1..=2 {
        assert_eq!(cluster.value(&format!("//node_state[@id='{id}']"), "join").as_deref(), Some("member"));
        assert_eq!(cluster.attribute(&format!("n{id}"), "#feature-set").as_deref(), Some("3.20.5"));
    }
    assert_eq!(cluster.host_of("d"), host);
    assert!(!cluster.executed.iter().any(|(_, _, task)| task == "stop"), "{:?}", cluster.executed);
    // An entry for an earlier node of the same name goes with the next write of all nodes.
    cluster.change(CibWrite::Merge { xml: r#"<nodes><node id="77" uname="n2"/></nodes>"#.into() });
    cluster.start(3, 1, "3.20.5");
    cluster.pass(40);
    assert_eq!(cluster.value("//nodes/node[@id='77']", "id"), None);
    assert_eq!(cluster.value("//nodes/node[@id='2']", "uname").as_deref(), Some("n2"));
}

/// [CT-5.1]: a scheduler that never answers makes the coordinator leave; another one takes over.
#[test]
fn a_silent_scheduler_ends_its_coordinator() {
    let mut cluster = Cluster::new(DUMMY).up(3);
    cluster.silent_schedulers.push(1);
    cluster.set_option("symmetric-cluster", "true");
    cluster.pass(115);
    assert!(cluster.exits.is_empty());
    cluster.pass(60);
    assert_eq!(cluster.exits, [(1, 100)]);
    assert_eq!(cluster.dc(), Some(2));
}

/// [CT-4.5]: E3, whoever coordinates.
#[test]
fn an_unequal_attribute_write_is_made_once_by_the_writer() {
    let mut cluster = Cluster::new("").up(3);
    let request = policy_core::attributes::Request::update("x", Some("value++"), "n2");
    cluster.members.get_mut(&3).unwrap().attributes.request(request).unwrap();
    cluster.settle();
    assert_eq!(cluster.attribute("n2", "x").as_deref(), Some("1"));
    let writers: Vec<_> = cluster.members.iter().filter(|(_, m)| m.attributes.is_writer()).map(|(id, _)| *id).collect();
    assert_eq!(writers, [1]);
}

/// [CT-6.5]: a stop overtakes the end of a monitor that the same graph cancels, and takes the monitor with it. The coordinator
/// does not wait for an answer that nobody gives any more.
#[test]
fn a_stop_right_behind_a_cancel() {
    for slow_cancels in [false, true] {
        let mut cluster = Cluster::configured(&[NO_FENCING], DUMMY, "").up(2);
        cluster.slow_cancels = slow_cancels;
        let (host, entry) = (cluster.host_of("d"), "//lrm_rsc_op[@id='d_monitor_10000']");
        assert!(cluster.value(entry, "id").is_some());
        let primitive = Primitive {
            id: "d".into(),
            class: Some("ocf".into()),
            provider: Some("pacemaker".into()),
            agent: Some("Dummy".into()),
            element: "primitive".into(),
            long_id: None,
        };
        for (id, task, meta) in [(1, "cancel", "monitor"), (2, "stop", "stop")] {
            let mut action = Action::new(id, ElementKind::Resource, task, &format!("d_{meta}_10000"));
            action.primitive = Some(primitive.clone());
            let interval = if task == "cancel" { "10000" } else { "0" };
            action.attributes =
                vec![("CRM_meta_interval".into(), interval.into()), ("CRM_meta_operation".into(), meta.into())];
            let message = Message::Invoke {
                action: Box::new(action),
                key: format!("{id}:7:0:none"),
                feature_set: "3.20.5".into(),
            };
            cluster.with(host, |c, now| c.handle_message(now, host, Receiver::Node(host), message));
        }
        cluster.settle();
        assert_eq!(cluster.value(entry, "id"), None, "the entry of a cancelled monitor goes");
        cluster.pass(10);
        assert_eq!(
            cluster.value("//lrm_rsc_op[@id='d_last_0' and @operation='start']", "rc-code").as_deref(),
            Some("0")
        );
    }
}

/// [CT-12.1] I3: from the moment at which the coordinator hears that a node wants to leave the scheduler knows it, whether the
/// attribute is in the CIB or not.
#[test]
fn who_wants_to_leave_is_known_before_the_attribute_is_written() {
    let mut cluster = Cluster::configured(&[NO_FENCING], DUMMY, "").up(3);
    let dc = cluster.dc().unwrap();
    cluster.silent_schedulers.push(dc);
    cluster.requests.clear();
    cluster.with(dc, |c, now| c.handle_message(now, 3, Receiver::All, Message::ShutdownRequest));
    let asked = &mut cluster.members.get_mut(&dc).unwrap().controller;
    let outputs: Vec<Output> = std::iter::from_fn(|| asked.poll_output()).collect();
    assert!(outputs.iter().any(|o| matches!(o, Output::Attribute(_))), "{outputs:?}");
    assert!(!outputs.iter().any(|o| matches!(o, Output::Schedule(_))), "idle: the attribute will tell");
    cluster.set_option("cluster-delay", "50s");
    assert_eq!(cluster.requests.last().unwrap().leaving, [(3, EPOCH + cluster.now.as_secs())]);
    // A graph that is on its way does not know it: another one is asked for.
    let count = cluster.requests.len();
    cluster.with(dc, |c, now| c.handle_message(now, 2, Receiver::All, Message::ShutdownRequest));
    cluster.settle();
    assert!(cluster.requests.len() > count);
    assert_eq!(cluster.requests.last().unwrap().leaving.len(), 2);
    cluster.kill(3);
    assert_eq!(cluster.requests.last().unwrap().leaving.len(), 1, "it is gone");
}
