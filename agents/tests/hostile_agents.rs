//! Agents that do what they should not: whatever it is, it is bounded, recorded, and nothing is stuck.
#![cfg(feature = "process")]

mod common;

use agents::executor::{OUTPUT_LIMIT, Operation};
use agents::process::{Places, run_once};
use agents::standard::document::DocumentError;
use agents::standard::{AgentName, Call, ExecutionStatus, Exit, Metadata, RunId, Standard};
use common::{Local, op, own_agent, own_places, script};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// Far more than any of these operations may take, and far less than what their agents would.
const SOON_MS: u64 = 10_000;

#[tokio::test]
async fn what_an_agent_prints_is_bounded() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(
        &dir,
        "case $OCF_RESKEY_how in\nflood) head -c 12000000 /dev/zero | tr '\\0' x;;\nerrors) head -c 12000000 /dev/zero | tr '\\0' e >&2;;\n\
         bytes) printf 'a\\377b\\000c';;\nendless) yes ocf-exit-reason:again >&2;;\nesac\nexit 0",
    );
    let mut local = Local::new(own_places(&dir));
    for (how, with) in [("flood", "x"), ("errors", "e")] {
        let report = local.run(op(&agent, "t", "monitor", &[("how", how)])).await;
        assert_eq!((report.rc.0, report.output.len()), (0, OUTPUT_LIMIT), "{how}");
        assert!(report.output.starts_with(with));
    }
    let report = local.run(op(&agent, "t", "monitor", &[("how", "bytes")])).await;
    assert_eq!(report.output, "a\u{fffd}b");
    let report = local.run(op(&agent, "t", "monitor", &[("how", "endless")]).timeout_ms(500)).await;
    assert_eq!((report.rc.0, report.status), (1, ExecutionStatus::Timeout));
    assert_eq!(report.reason.as_deref(), Some("Resource agent did not complete within 500ms"), "not what it said");
    assert!(report.exec_time_ms < SOON_MS);
}

#[tokio::test]
async fn children_that_are_left_behind_hold_nothing_up() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(
        &dir,
        "case $OCF_RESKEY_how in\nquiet) sleep 60 & ;;\nnoisy) (while sleep 0.01; do echo more; done) & ;;\n\
         detached) setsid sleep 60 & ;;\nhangs) setsid sleep 60 & sleep 60;;\nesac\nexit 7",
    );
    let mut places = own_places(&dir);
    places.environment.insert("OWN_DIR".to_owned(), dir.path().display().to_string());
    let mut local = Local::new(places);
    for how in ["quiet", "noisy", "detached"] {
        let report = local.run(op(&agent, "t", "monitor", &[("how", how)])).await;
        assert_eq!((report.rc.0, report.status), (7, ExecutionStatus::Done), "{how}");
        assert!(report.exec_time_ms < SOON_MS, "{how}: {} ms", report.exec_time_ms);
    }
    // One that left the group cannot be killed with it; the pipes that it holds open are given up.
    let report = local.run(op(&agent, "t", "start", &[("how", "hangs")]).timeout_ms(300)).await;
    assert_eq!(report.status, ExecutionStatus::Timeout);
    assert!(report.exec_time_ms < SOON_MS);
    kill_leftovers(&dir);
}

/// The test's own sleepers and loops: everything that carries its directory in its environment.
fn kill_leftovers(dir: &TempDir) {
    let mark = format!("OWN_DIR={}", dir.path().display());
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|b| *b == 0).any(|v| v == mark.as_bytes()) {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

#[tokio::test]
async fn signals_that_an_agent_ignores_do_not_save_it() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "trap '' TERM INT HUP QUIT PIPE USR1 USR2\nwhile :; do sleep 60; done");
    let mut local = Local::new(own_places(&dir));
    let report = local.run(op(&agent, "t", "start", &[]).timeout_ms(300)).await;
    assert_eq!((report.rc.0, report.status), (1, ExecutionStatus::Timeout));
    // A stop does not wait for a monitor that hangs.
    let monitor = op(&agent, "t", "monitor", &[]).interval_ms(1000).timeout_ms(0);
    let call = local.executor.request(local.origin.elapsed(), monitor).unwrap();
    local.drain();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stop = local.run(op(&agent, "t", "stop", &[]).timeout_ms(300)).await;
    assert_eq!(stop.status, ExecutionStatus::Timeout);
    let cancelled = local.reports.iter().find(|r| r.call == call).expect("reported");
    assert_eq!((cancelled.rc.0, cancelled.status), (0, ExecutionStatus::Cancelled));
}

#[tokio::test]
async fn a_kill_right_after_the_start_is_not_lost() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "case $1 in monitor) sleep 60;; esac\nexit 0");
    let mut local = Local::new(own_places(&dir));
    let now = local.origin.elapsed();
    let monitor = op(&agent, "t", "monitor", &[]).interval_ms(1000).timeout_ms(0);
    let call = local.executor.request(now, monitor).unwrap();
    local.executor.cancel(now, "t", "monitor", 1000).unwrap();
    // Start and kill are carried out in one breath, before the process is there.
    local.drain();
    let stop = local.run(op(&agent, "t", "stop", &[])).await;
    assert_eq!((stop.rc.0, stop.status), (0, ExecutionStatus::Done));
    let cancelled = local.reports.iter().find(|r| r.call == call).expect("reported");
    assert_eq!((cancelled.rc.0, cancelled.status), (0, ExecutionStatus::Cancelled));
    assert!(local.origin.elapsed() < Duration::from_millis(SOON_MS));
}

#[tokio::test]
async fn parameters_that_no_process_can_have() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "exit 0");
    let mut local = Local::new(own_places(&dir));
    for (name, value) in [("a", "with\0zero"), ("with=sign\0", "x"), ("", "empty name")] {
        let report = local.run(op(&agent, "t", "start", &[(name, value)])).await;
        assert!(report.exec_time_ms < SOON_MS, "an answer, whatever it is: {report:?}");
    }
    let huge = "x".repeat(3_000_000);
    let report = local.run(op(&agent, "t", "start", &[("a", &huge)])).await;
    assert_eq!((report.rc.0, report.status), (1, ExecutionStatus::Error), "longer than the system allows");
    let name = AgentName::ocf("own", "A\0B");
    let report = local.run(Operation::new("z", name, "start").timeout_ms(5000)).await;
    assert_ne!(report.rc.0, 0);
}

#[tokio::test]
async fn meta_data_that_is_none() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "cat \"$0.out\"; exit $(cat \"$0.rc\")");
    let places = own_places(&dir);
    let tell = |text: &[u8], rc: &str| {
        fs::write(dir.path().join("ocf/own/A.out"), text).unwrap();
        fs::write(dir.path().join("ocf/own/A.rc"), rc).unwrap();
    };
    let nested = format!("<resource-agent>{}", "<a>".repeat(500));
    for (what, text) in [
        ("no markup", &b"nothing to see"[..]),
        ("not closed", b"<resource-agent name='A'><parameters>"),
        ("wrongly closed", b"<resource-agent name='A'></agent>"),
        ("another root", b"<html/>"),
        ("an entity of its own", b"<!DOCTYPE a [<!ENTITY b 'c'>]><resource-agent>&b;</resource-agent>"),
        ("nested without end", nested.as_bytes()),
    ] {
        tell(text, "0");
        let text = places.metadata(&agent).await.expect("it was said, whatever it is");
        assert!(Metadata::parse(&text).is_err(), "{what}: {:?}", Metadata::parse(&text));
    }
    // What is no text becomes text, and is then as good as any other.
    tell(b"<resource-agent name='\xff\xfe'/>", "0");
    let text = places.metadata(&agent).await.unwrap();
    assert_eq!(Metadata::parse(&text).unwrap().name, "\u{fffd}\u{fffd}");
    let long = format!("<resource-agent name='A'>{}</resource-agent>", "<a/>".repeat(600_000));
    tell(long.as_bytes(), "0");
    let text = places.metadata(&agent).await.unwrap();
    assert!(matches!(Metadata::parse(&text), Err(DocumentError::TooLarge(_))));
    for (text, rc) in [("<resource-agent name='A'/>", "1"), ("", "0"), (" \n", "0")] {
        tell(text.as_bytes(), rc);
        assert!(places.metadata(&agent).await.is_err(), "{text:?} with exit {rc}");
    }
    let hangs = script(&dir.path().join("ocf/own/Hangs"), "#!/bin/sh\necho '<resource-agent/>'; sleep 60\n");
    assert!(hangs.is_file());
    let places = Places { metadata_timeout: Duration::from_millis(700), ..places };
    assert!(places.metadata(&AgentName::ocf("own", "Hangs")).await.is_err(), "late is as good as never");
}

/// A fence agent that reads nothing, one that closes its input at once, and one that answers with rubbish.
#[tokio::test]
async fn fence_agents_that_do_not_listen() {
    let dir = TempDir::new().unwrap();
    let places = own_places(&dir);
    for (name, body) in [
        ("fence_deaf", "exit 3"),
        ("fence_shut", "exec 0<&-; sleep 0.2; exit 4"),
        ("fence_asleep", "sleep 60"),
        ("fence_loud", "cat >/dev/null; head -c 12000000 /dev/zero; exit 5"),
    ] {
        script(&dir.path().join("sbin").join(name), &format!("#!/bin/sh\n{body}\n"));
        let call = Call {
            run: RunId(1),
            resource: "dev".into(),
            agent: AgentName::plain(Standard::Stonith, name),
            action: "off".into(),
            interval_ms: 0,
            timeout_ms: 1000,
            // More than a pipe holds.
            parameters: [("long".to_owned(), "x".repeat(1_000_000))]
                .into_iter()
                .collect::<agents::standard::Parameters>()
                .into(),
        };
        // Only the one that sleeps is to be late, however busy the machine is.
        let limit = Duration::from_secs(if name == "fence_asleep" { 1 } else { 50 });
        let exit = run_once(&call, &places, limit).await;
        match (name, exit) {
            ("fence_deaf", Exit::Exited { code: 3, .. })
            | ("fence_shut", Exit::Exited { code: 4, .. })
            | ("fence_loud", Exit::Exited { code: 5, .. })
            | ("fence_asleep", Exit::Signalled { signal: 9, .. }) => {}
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}
