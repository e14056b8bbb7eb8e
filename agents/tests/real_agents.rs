//! Installed agents run by the executor, with the recorded results of the specification [RA-15].
//!
//! An agent that is not installed is printed as skipped; with `METRONOME_REQUIRE_AGENTS` set it is a failure.
#![cfg(feature = "process")]

mod common;

use agents::process::{Places, run_once};
use agents::standard::{AgentName, Call, Exit, RunId, Standard};
use common::{Local, installed, op, parameters};
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test]
async fn pacemaker_dummy() {
    let agent = AgentName::ocf("pacemaker", "Dummy");
    if !installed(&agent) {
        return;
    }
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("Dummy.state").display().to_string();
    let mut local = Local::new(Places::default());
    let mut seen = Vec::new();
    for action in [
        "monitor",
        "start",
        "start",
        "monitor",
        "reload",
        "reload-agent",
        "migrate_to",
        "monitor",
        "migrate_from",
        "stop",
        "stop",
        "frob",
    ] {
        seen.push(local.rc(op(&agent, "d", action, &[("state", &state)])).await);
    }
    assert_eq!(seen, [7, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3]);
    local.run(op(&agent, "d", "start", &[("state", &state)])).await;
    let level = local.run(op(&agent, "d", "monitor", &[("state", &state), ("OCF_CHECK_LEVEL", "30")])).await;
    assert_eq!((level.rc.0, level.reason.as_deref()), (1, Some("hyperdrive quota reached")));
    assert_eq!(local.rc(op(&agent, "d", "validate-all", &[("state", &state), ("op_sleep", "abc")])).await, 6);
}

#[tokio::test]
async fn pacemaker_stateful() {
    let agent = AgentName::ocf("pacemaker", "Stateful");
    if !installed(&agent) {
        return;
    }
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("Stateful.state").display().to_string();
    let mut local = Local::new(Places::default());
    let actions = [
        "monitor",
        "promote",
        "demote",
        "start",
        "start",
        "monitor",
        "promote",
        "promote",
        "monitor",
        "start",
        "stop",
        "demote",
        "monitor",
        "stop",
        "monitor",
        "notify",
        "reload-agent",
    ];
    let mut seen = Vec::new();
    for action in actions {
        seen.push(local.rc(op(&agent, "s", action, &[("state", &state), ("crm_feature_set", "3.20.0")])).await);
    }
    assert_eq!(seen, [7, 7, 7, 0, 0, 0, 0, 0, 8, 8, 8, 0, 0, 0, 7, 0, 0]);
}

/// Needs a network namespace of its own, with 10.9.8.1/24 on an interface: `.ci/agents` makes one.
#[tokio::test]
async fn heartbeat_ipaddr2() {
    let agent = AgentName::ocf("heartbeat", "IPaddr2");
    if !installed(&agent) {
        return;
    }
    if std::env::var_os("METRONOME_NETNS").is_none() {
        println!("skipped: no network namespace of the test's own (METRONOME_NETNS)");
        return;
    }
    let mut local = Local::new(Places::default());
    let given = [("ip", "10.9.8.77"), ("arp_count", "1")];
    let mut seen = Vec::new();
    for action in ["monitor", "stop", "start", "start", "monitor", "validate-all", "stop", "monitor", "frob"] {
        seen.push(local.rc(op(&agent, "ip", action, &given)).await);
    }
    assert_eq!(seen, [7, 0, 0, 0, 0, 0, 0, 7, 3]);
    let mut without = Vec::new();
    for action in ["monitor", "start", "validate-all", "stop"] {
        without.push(local.rc(op(&agent, "ip", action, &[])).await);
    }
    assert_eq!(without, [6, 6, 6, 0]);
    let far = [("ip", "203.0.113.5")];
    let probe = local.rc(op(&agent, "ip", "monitor", &far)).await;
    let start = local.run(op(&agent, "ip", "start", &far)).await;
    let stop = local.rc(op(&agent, "ip", "stop", &far)).await;
    assert_eq!((probe, start.rc.0, stop), (7, 1, 0));
    assert_eq!(start.reason.as_deref(), Some("[findif] failed"));
}

async fn fence(places: &Places, agent: &str, action: &str, given: &[(&str, &str)]) -> (u8, String) {
    let call = Call {
        run: RunId(1),
        resource: "dev".into(),
        agent: AgentName::plain(Standard::Stonith, agent),
        action: action.into(),
        interval_ms: 0,
        timeout_ms: 20_000,
        parameters: parameters(given).into(),
    };
    match run_once(&call, places, Duration::from_secs(20)).await {
        Exit::Exited { code, stdout, .. } => (code, stdout.trim().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_released_fence_dummy() {
    if !installed(&AgentName::plain(Standard::Stonith, "fence_dummy")) {
        return;
    }
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("status").display().to_string();
    let places = Places::default();
    let mut seen = Vec::new();
    for action in ["on", "status", "off", "status", "off", "reboot", "status", "frob"] {
        let (code, text) = fence(&places, "fence_dummy", action, &[("status_file", &file)]).await;
        seen.push(format!("{action} {code} {text}"));
    }
    assert_eq!(seen[1], "status 0 Status: ON");
    assert_eq!(seen[3], "status 2 Status: OFF");
    assert_eq!(seen[4], "off 0 Success: Already OFF");
    assert_eq!(seen[5], "reboot 0 Success: Rebooted");
    assert_eq!(seen[6], "status 0 Status: ON");
    assert!(seen[7].starts_with("frob 1"), "{seen:?}");
}
