//! Timeouts, retries, watchdogs, and who may fence whom [CT-9.5] to [CT-9.8].

use super::cluster::{Agent, Cluster, START};
use agents::fencer::Request;
use agents::standard::{Parameters, RunId};
use core::time::Duration;

/// The table of total timeouts [CT-9.7].
#[test]
fn totals_by_the_specified_table() {
    let total = |devices: &[(&str, &[(&str, &str)])], levels: &[&[&str]], action: &str, timeout: u64, delay: u64| {
        let mut c = Cluster::new(&["n1", "n2"]);
        for (id, parameters) in devices {
            c.device("n1", id, "fence_dummy", Agent::Pass, parameters);
        }
        c.levels(levels);
        c.run(Duration::from_secs(1));
        let request = Request { delay_s: Some(delay), ..Request::new("x", "n3", action, timeout) };
        c.request("n1", request);
        c.run(Duration::from_secs(2000));
        c.totals[0].as_secs()
    };
    let off = |t: &'static str| -> Vec<(&'static str, &'static str)> { vec![("pcmk_off_timeout", t)] };
    assert_eq!(total(&[("a", &[]), ("b", &off("1")), ("c", &off("4"))], &[], "off", 5, 0), 12);
    let long = [("a", &[][..]), ("b", &off("1000ms")[..]), ("c", &off("4000s")[..])];
    assert_eq!(total(&long, &[&["a"], &["b"], &["c"]], "off", 5, 0), 4807);
    assert_eq!(total(&[("a", &[]), ("b", &[]), ("c", &[])], &[], "off", 2, 0), 7);
    assert_eq!(total(&[("a", &[]), ("b", &[]), ("c", &[])], &[], "off", 5, 0), 18);
    // Seen with the released fencer, 2.1.5.
    assert_eq!(total(&[("a", &[]), ("b", &[])], &[], "off", 8, 0), 19);
    assert_eq!(total(&[("a", &[])], &[&["a"]], "off", 5, 0), 6);
    assert_eq!(total(&[("a", &[]), ("b", &[])], &[&["a"], &["b"]], "off", 20, 0), 48);
    let six: [(&str, &[(&str, &str)]); 6] = [("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])];
    assert_eq!(total(&six, &[&["a", "b"], &["c", "d"], &["e", "f"]], "off", 3, 0), 21);
    let both: [(&str, &[(&str, &str)]); 2] = [
        ("a", &[("pcmk_off_timeout", "1"), ("pcmk_reboot_timeout", "10")]),
        ("b", &[("pcmk_off_timeout", "2"), ("pcmk_reboot_timeout", "20")]),
    ];
    assert_eq!(total(&both, &[&["a", "b"]], "reboot", 5, 0), 3);
    let delays: [(&str, &[(&str, &str)]); 5] = [
        ("a", &[("pcmk_delay_base", "1")]),
        ("b", &[("pcmk_delay_base", "1")]),
        ("c", &[("pcmk_delay_base", "1"), ("pcmk_delay_max", "2")]),
        ("d", &[("pcmk_delay_base", "2"), ("pcmk_delay_max", "1")]),
        ("e", &[]),
    ];
    assert_eq!(total(&delays, &[&["a", "b"], &["c", "d", "e"]], "off", 120, 1), 727);
}

#[test]
fn a_node_does_not_fence_itself_while_it_may_not() {
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n3", "a", "fence_dummy", Agent::Pass, &[]);
    assert!(!c.fence("off", 20));
    assert!(c.ran.is_empty());
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n3", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n1", Request { allow_self: true, ..Request::new("x", "n3", "off", 20) });
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off"]);
    assert!(c.verdicts[0].result.is_ok());
}

#[test]
fn a_request_to_fence_oneself_is_owned_by_another() {
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n3", Request::new("x", "n3", "off", 20));
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off"]);
    assert_eq!(c.ran[0].node, "n1");
    assert_eq!(c.verdicts.len(), 1, "the asker hears of it");
    assert_eq!(c.fencers["n3"].history()[0].origin, "n1");
}

#[test]
fn verified_devices_are_chosen_first() {
    use agents::executor::{DeviceAction, DeviceCall};
    let mut c = Cluster::new(&["n1", "n2", "n3"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    let parameters: Parameters = [("pcmk_host_list".to_owned(), "n3 n4".to_owned())].into();
    let call = DeviceCall {
        run: RunId(1),
        device: "b".into(),
        agent: "fence_dummy".into(),
        action: DeviceAction::Start,
        timeout_s: 5,
        parameters: parameters.into(),
    };
    let now = c.now;
    c.fencers.get_mut("n2").unwrap().handle_device_call(now, call);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["b monitor", "b off"]);
}

#[test]
fn a_silent_peer_is_replaced_by_another() {
    let mut c = Cluster::new(&["n1", "n2", "n4"]);
    c.device("n2", "a", "fence_dummy", Agent::Hang, &[]);
    c.device("n4", "a", "fence_dummy", Agent::Hang, &[]);
    c.run(Duration::from_secs(1));
    c.agents.insert("a".into(), Agent::Pass);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["a"], &["b"]]);
    c.request("n1", Request::new("x", "n3", "off", 20));
    c.drain();
    let first = c.ran[0].node.clone();
    c.silent.push(first.clone());
    c.run(Duration::from_secs(100));
    assert!(c.verdicts[0].result.is_ok(), "{:?}", c.verdicts);
    assert_ne!(c.ran[1].node, first);
}

#[test]
fn the_watchdog_counts_when_nothing_else_can() {
    let mut c = Cluster::new(&["n1", "n2"]);
    for fencer in c.fencers.values_mut() {
        fencer.set_watchdog(START, Some(Duration::from_secs(10)));
    }
    c.run(Duration::from_secs(1));
    c.request("n1", Request::new("x", "n3", "reboot", 60));
    c.run(Duration::from_secs(9));
    assert!(c.verdicts.is_empty(), "not before it has surely fired");
    c.run(Duration::from_secs(5));
    assert!(c.verdicts[0].result.is_ok());
}

#[test]
fn a_live_target_is_told_to_fall_by_its_watchdog() {
    let mut c = Cluster::new(&["n1", "n3"]);
    for fencer in c.fencers.values_mut() {
        fencer.set_watchdog(START, Some(Duration::from_secs(10)));
    }
    assert!(c.fence("off", 60));
    assert_eq!(c.panics, ["n3"]);
}

#[test]
fn retries_stop_after_seven_tenths_of_the_time() {
    let mut c = Cluster::new(&["n1"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "4")]);
    assert!(!c.fence("off", 20));
    assert_eq!(c.ran().len(), 4, "each fails at once, with a second between");
    let mut c = Cluster::new(&["n1"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "40")]);
    assert!(!c.fence("off", 10));
    assert_eq!(c.ran().len(), 6, "a try every 1.4 s: at 0 1.4 2.8 4.2 5.6 7.0; after the sixth, 7 s of 10 are gone");
}

#[test]
fn delays_are_fixed_random_by_node_and_by_priority() {
    let seconds = Duration::from_secs;
    let mut c = Cluster::new(&["n1", "n2"]);
    let delays = [("pcmk_delay_base", "2"), ("pcmk_delay_max", "5")];
    c.device("n1", "a", "fence_dummy", Agent::Pass, &delays);
    c.run(seconds(1));
    let mut random = std::collections::BTreeSet::new();
    for priority in [Some(3), Some(3), Some(0), Some(0), None] {
        let asked = c.now;
        c.request("n1", Request { delay_s: priority, ..Request::new("x", "n3", "off", 60) });
        c.run(seconds(60));
        let waited = c.ran.last().expect("it ran").at - asked;
        let Some(priority) = priority else {
            assert_eq!(waited, Duration::ZERO, "none at all, not even the device's own");
            continue;
        };
        let (least, most) = (seconds(priority + 2), seconds(priority + 5));
        assert!(waited >= least && waited < most, "{waited:?}");
        random.insert(waited - least);
    }
    assert!(random.len() > 1, "not the same each time: {random:?}");
    let asked = c.now;
    c.request("n1", Request { delay_s: Some(3), ..Request::new("x", "n3", "on", 60) });
    c.run(seconds(60));
    assert_eq!(c.ran.last().expect("it ran").at, asked, "power comes back without delay");
    // The requested delay is for the first device; each keeps its own for the target.
    let mut c = Cluster::new(&["n1", "n2"]);
    for id in ["a", "b"] {
        c.device("n1", id, "fence_dummy", Agent::Pass, &[("pcmk_delay_base", "n4:9;n3:4")]);
    }
    c.levels(&[&["a", "b"]]);
    c.run(seconds(1));
    let asked = c.now;
    c.request("n1", Request { delay_s: Some(3), ..Request::new("x", "n3", "off", 60) });
    c.run(seconds(60));
    let starts: Vec<Duration> = c.ran.iter().map(|run| run.at - asked).collect();
    assert_eq!(starts, [seconds(7), seconds(7) + Duration::from_millis(400) + seconds(4)]);
}
