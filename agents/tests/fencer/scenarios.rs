//! The scenarios of the specification, by their numbers [CT-9.16].

use super::cluster::{Agent, Cluster};
use agents::fencer::Request;
use agents::standard::{ExecutionStatus, Exit, RunId};
use core::time::Duration;

#[test]
fn f1_all_devices_are_tried_before_it_fails() {
    let mut c = Cluster::new(&["n1", "n2"]);
    for id in ["a", "b", "c"] {
        c.device("n1", id, "fence_dummy", Agent::Fail, &[]);
    }
    assert!(!c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "a off", "b off", "b off", "c off", "c off"]);
}

#[test]
fn f2_the_first_that_works_ends_it() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[]);
    c.device("n1", "b", "fence_dummy", Agent::Pass, &[]);
    c.device("n1", "c", "fence_dummy", Agent::Fail, &[]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "a off", "b off"]);
}

#[test]
fn f3_a_missing_agent_is_no_device() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_missing", Agent::Pass, &[]);
    assert!(!c.fence("off", 20));
    assert_eq!(c.verdicts[0].result.status, ExecutionStatus::NoFenceDevice);
    assert!(c.ran.is_empty());
}

#[test]
fn f4_the_second_level_after_the_first_failed() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "1")]);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["a"], &["b"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "b off"]);
    assert_eq!(c.verdicts[0].delegate.as_deref(), Some("n2"));
}

#[test]
fn f5_a_level_is_abandoned_at_its_first_failure() {
    let mut c = Cluster::new(&["n1", "n2"]);
    let one = [("pcmk_off_retries", "1")];
    for (id, behaves) in [
        ("a", Agent::Fail),
        ("b", Agent::Pass),
        ("c", Agent::Pass),
        ("d", Agent::Fail),
        ("e", Agent::Pass),
        ("f", Agent::Pass),
    ] {
        c.device("n1", id, "fence_dummy", behaves, &one);
    }
    c.levels(&[&["a", "b"], &["c", "d"], &["e", "f"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "c off", "d off", "e off", "f off"]);
}

#[test]
fn f6_unknown_devices_are_skipped_to_the_next_level() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["nope"], &["a"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off"]);
}

#[test]
fn f9_equal_requests_of_five_clients_merge() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n2", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    for client in ["c1", "c2", "c3", "c4", "c5"] {
        c.request("n1", Request::new(client, "n3", "off", 20));
    }
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off"]);
    assert_eq!(c.verdicts.len(), 5);
    assert!(c.verdicts.iter().all(|v| v.result.is_ok()));
}

#[test]
fn f10_two_targets_do_not_merge() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n2", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n1", Request::new("c1", "n3", "off", 20));
    c.request("n1", Request::new("c2", "n4", "off", 20));
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off", "a off"]);
    assert_eq!(c.verdicts.len(), 2);
}

#[test]
fn f11_to_f13_a_level_of_two_turns_off_both_before_it_turns_on_any() {
    for (agent, behaves, expected) in [
        ("fence_dummy", Agent::Pass, &["a off", "b off", "a on", "b on"][..]),
        ("fence_dummy", Agent::OnFails, &["a off", "b off", "a on", "a on", "b on", "b on"]),
        ("fence_auto", Agent::Pass, &["a off", "b off"]),
        ("fence_no_on", Agent::Pass, &["a off", "b off"]),
    ] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n1", "a", agent, behaves.clone(), &[]);
        c.device("n1", "b", agent, behaves, &[]);
        c.levels(&[&["a", "b"]]);
        assert!(c.fence("reboot", 20), "{agent}");
        assert_eq!(c.ran(), expected, "{agent}");
        assert_eq!(c.verdicts[0].action, "reboot");
    }
}

#[test]
fn f14_the_next_level_undoes_the_remap() {
    let mut c = Cluster::new(&["n1", "n2"]);
    let one = [("pcmk_off_retries", "1"), ("pcmk_reboot_retries", "1")];
    for (id, behaves) in
        [("a", Agent::Fail), ("b", Agent::Pass), ("c", Agent::Fail), ("d", Agent::Pass), ("e", Agent::Pass)]
    {
        c.device("n1", id, "fence_dummy", behaves, &one);
    }
    c.levels(&[&["a"], &["b", "c", "d"], &["e"]]);
    assert!(c.fence("reboot", 20));
    assert_eq!(c.ran(), ["a reboot", "b off", "c off", "e reboot"]);
}

#[test]
fn f15_unfencing_needs_every_device_that_requires_it() {
    for (second, ok) in [(Agent::Pass, true), (Agent::Fail, false)] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n2", "a", "fence_auto", Agent::Pass, &[]);
        c.device("n2", "b", "fence_auto", second, &[("pcmk_on_retries", "1")]);
        assert_eq!(c.fence("on", 20), ok);
        assert_eq!(c.ran(), ["a on", "b on"]);
    }
}

#[test]
fn f16_an_on_target_action_needs_its_target() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_on_target", Agent::Pass, &[]);
    assert!(!c.fence("on", 20));
    let mut c = Cluster::new(&["n1", "n2", "n3"]);
    c.device("n3", "a", "fence_on_target", Agent::Pass, &[]);
    assert!(c.fence("on", 20));
    assert_eq!(c.ran[0].node, "n3");
}

#[test]
fn f17_targets_by_the_agents_own_answer() {
    for (agent, behaves, ok) in [
        ("fence_list", Agent::Lists("n3,\nn9\n"), true),
        ("fence_list", Agent::Lists("n9\n"), false),
        ("fence_status", Agent::Status(2), true),
        ("fence_status", Agent::Status(0), true),
        ("fence_status", Agent::Status(1), false),
    ] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n1", "a", agent, behaves, &[]);
        assert_eq!(c.fence("off", 20), ok, "{agent}");
    }
}

#[test]
fn f18_without_reboot_it_is_off() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_no_reboot", Agent::Pass, &[("pcmk_host_map", "n3:7"), ("pcmk_off_action", "kill")]);
    assert!(c.fence("reboot", 20));
    assert_eq!(c.ran(), ["a kill"]);
    assert_eq!(c.ran[0].lines.get("plug").map(String::as_str), Some("7"));
    assert_eq!(c.ran[0].lines.get("nodename").map(String::as_str), Some("n3"));
}

#[test]
fn f19_monitors_are_tried_twice_but_not_after_a_timeout() {
    use agents::executor::{DeviceAction, DeviceCall};
    for (behaves, tries, status) in
        [(Agent::Fail, 2, ExecutionStatus::Done), (Agent::Hang, 1, ExecutionStatus::Timeout)]
    {
        let mut c = Cluster::new(&["n1"]);
        c.agents.insert("a".into(), behaves);
        let call = |action| DeviceCall {
            run: RunId(5),
            device: "a".into(),
            agent: "fence_dummy".into(),
            action,
            timeout_s: 15,
            parameters: Default::default(),
        };
        let now = c.now;
        let n1 = c.fencers.get_mut("n1").unwrap();
        n1.handle_device_call(now, call(DeviceAction::Monitor));
        n1.handle_device_call(now, call(DeviceAction::Start));
        c.run(Duration::from_secs(60));
        assert_eq!(c.ran().len(), tries);
        let Exit::Answered(not_active) = &c.answers[0] else { panic!("an answer") };
        assert_eq!(not_active.reason.as_deref(), Some("'a' not active"));
        let Exit::Answered(monitor) = &c.answers[1] else { panic!("an answer") };
        assert_eq!(monitor.status, status);
        assert_ne!(monitor.rc.0, 0);
    }
}

#[test]
fn f7_a_level_that_came_and_went_is_like_none() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.device("n1", "b", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["b"]]);
    c.levels(&[]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off"], "the first device in order, not the level's");
}

#[test]
fn f8_levels_by_pattern_and_by_attribute() {
    use agents::fencer::{Level, LevelTarget};
    let rack = || LevelTarget::Attribute { name: "rack".into(), value: "1".into() };
    for (target, with_attribute, expected) in [
        (LevelTarget::Pattern("^N[0-9]+$".into()), false, "b off"),
        (LevelTarget::Pattern("^x".into()), false, "a off"),
        (rack(), true, "b off"),
        (rack(), false, "a off"),
    ] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
        c.device("n1", "b", "fence_dummy", Agent::Pass, &[]);
        for fencer in c.fencers.values_mut() {
            if with_attribute {
                fencer.set_node_attributes([("n3".to_owned(), [("rack".to_owned(), "1".to_owned())].into())].into());
            }
            fencer.set_topology(vec![Level { index: 4, target: target.clone(), devices: vec!["b".into()] }]).unwrap();
        }
        assert!(c.fence("off", 20));
        assert_eq!(c.ran(), [expected], "{target:?}");
    }
}
