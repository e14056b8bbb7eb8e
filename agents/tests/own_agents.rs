//! Scripts of the test's own run by the executor, with the recorded results of the specification [RA-15].
#![cfg(feature = "process")]

mod common;

use agents::process::{Found, Listing, Places, Runner, run_once};
use agents::standard::{AgentName, Call, ExecutionStatus, Exit, Metadata, RunId, Standard};
use common::{Local, op, own_agent, own_places, parameters, script};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[tokio::test]
async fn exits_and_reasons_of_an_agent() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(
        &dir,
        "printf '%b' \"$OCF_RESKEY_err\" >&2\n[ -n \"$OCF_RESKEY_sig\" ] && kill -$OCF_RESKEY_sig $$\nexit $OCF_RESKEY_rc",
    );
    let mut local = Local::new(own_places(&dir));
    for code in [0, 1, 6, 7, 9, 10, 189, 190, 191, 192, 255] {
        let code_text = code.to_string();
        let report = local.run(op(&agent, "t", "monitor", &[("rc", &code_text)])).await;
        let expected = if code <= 9 || code == 190 || code == 191 { code } else { 1 };
        assert_eq!((report.rc.0, report.status, report.reason), (expected, ExecutionStatus::Done, None), "exit {code}");
    }
    let err = "noise\\nocf-exit-reason:first\\nocf-exit-reason:second\\t&\\nafter\\n";
    let report = local.run(op(&agent, "t", "monitor", &[("rc", "6"), ("err", err)])).await;
    assert_eq!(report.reason.as_deref(), Some("second\t&"));
    for (signal, text) in [("TERM", "Terminated"), ("KILL", "Killed")] {
        let report = local.run(op(&agent, "t", "monitor", &[("rc", "0"), ("sig", signal)])).await;
        assert_eq!((report.rc.0, report.status), (1, ExecutionStatus::Error));
        assert_eq!(report.reason, Some(format!("Resource agent interrupted by {text} signal")));
    }
}

#[tokio::test]
async fn the_environment_is_built_from_nothing() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(
        &dir,
        "env | grep -v '^PWD=\\|^SHLVL=\\|^_='; echo \"args=$*\"; [ -t 0 ] || read -r x || echo eof; ps -o pgid= -p $$ | tr -d ' ' | sed \"s/^$$\\$/leader/\"",
    );
    let mut local = Local::new(own_places(&dir));
    let given = [("mode", "x"), ("CRM_meta_timeout", "5000"), ("crm_feature_set", "3.20.0"), ("OCF_CHECK_LEVEL", "10")];
    let report = local.run(op(&agent, "t1", "start", &given)).await;
    let mut lines: Vec<&str> = report.output.lines().collect();
    lines.sort_unstable();
    let expected = [
        "LC_ALL=C",
        "OCF_CHECK_LEVEL=10",
        "OCF_EXIT_REASON_PREFIX=ocf-exit-reason:",
        "OCF_OUTPUT_FORMAT=text",
        "OCF_RA_VERSION_MAJOR=1",
        "OCF_RA_VERSION_MINOR=1",
        "OCF_RESKEY_CRM_meta_timeout=5000",
        "OCF_RESKEY_crm_feature_set=3.20.0",
        "OCF_RESKEY_mode=x",
        "OCF_RESOURCE_INSTANCE=t1",
        "OCF_RESOURCE_PROVIDER=own",
        "OCF_RESOURCE_TYPE=A",
        "OCF_ROOT=/usr/lib/ocf",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "args=start",
        "eof",
        "leader",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_timeout_kills_the_group_and_runs_no_trap() {
    let dir = TempDir::new().unwrap();
    let mark = |name: &str| dir.path().join(name);
    let body =
        "trap 'touch $OCF_RESKEY_dir/trapped' TERM\n(sleep 2; touch $OCF_RESKEY_dir/child-$OCF_RESKEY_name) &\nsleep 8";
    let agent = own_agent(&dir, body);
    let mut local = Local::new(own_places(&dir));
    let at = dir.path().display().to_string();
    for (name, on_fail) in [("group", "restart"), ("alone", "block")] {
        let given = [("dir", at.as_str()), ("name", name), ("CRM_meta_on_fail", on_fail)];
        let report = local.run(op(&agent, name, "start", &given).timeout_ms(1000)).await;
        assert_eq!((report.rc.0, report.status), (1, ExecutionStatus::Timeout));
        assert_eq!(report.reason.as_deref(), Some("Resource agent did not complete within 1s"));
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!mark("trapped").exists() && !mark("child-group").exists());
    assert!(mark("child-alone").exists(), "on-fail=block leaves children alone");
}

#[tokio::test]
async fn files_that_cannot_be_run() {
    let dir = TempDir::new().unwrap();
    own_agent(&dir, "exit 0");
    let plain = dir.path().join("ocf/own/Plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::create_dir(dir.path().join("ocf/own/Dir")).unwrap();
    script(&dir.path().join("ocf/own/NoInterpreterLine"), "exit 7\n");
    let mut local = Local::new(own_places(&dir));
    let ocf = |name: &str| AgentName::ocf("own", name);
    let missing = local.run(op(&ocf("Nope"), "m", "monitor", &[])).await;
    assert_eq!((missing.rc.0, missing.status), (5, ExecutionStatus::NotInstalled));
    assert_eq!(missing.reason.as_deref(), Some("Nope: No such file or directory"));
    for name in ["Plain", "Dir"] {
        let report = local.run(op(&ocf(name), name, "monitor", &[])).await;
        assert_eq!((report.rc.0, report.status), (4, ExecutionStatus::Done), "{name}");
        assert_eq!(report.reason.as_deref(), Some("Child process was unable to execute file"));
    }
    assert_eq!(local.rc(op(&ocf("NoInterpreterLine"), "n", "monitor", &[])).await, 7);
    let climbing = local.run(op(&AgentName::ocf("..", "init.d"), "c", "monitor", &[])).await;
    assert_eq!(climbing.status, ExecutionStatus::NotInstalled);
}

#[tokio::test]
async fn an_init_script() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("running");
    let body = format!(
        "#!/bin/sh\nenv | grep -q '^OCF_RESKEY' && exit 150\ncase $1 in\nstart) touch {0};;\nstop) rm -f {0};;\nstatus) [ -e {0} ] || exit 3;;\n*) exit 3;;\nesac\n",
        state.display()
    );
    script(&dir.path().join("init.d/svc"), &body);
    let mut local = Local::new(own_places(&dir));
    let lsb = AgentName::plain(Standard::Lsb, "svc");
    let mut seen = Vec::new();
    for action in ["stop", "monitor", "start", "monitor", "start", "status", "stop", "monitor", "stop", "frobnicate"] {
        seen.push(local.rc(op(&lsb, "l", action, &[("a", "b")])).await);
    }
    assert_eq!(seen, [0, 7, 0, 0, 0, 0, 0, 7, 0, 3]);
    let service = AgentName::plain(Standard::Service, "svc");
    assert_eq!(local.rc(op(&service, "s", "status", &[])).await, 7);
    let nope = AgentName::plain(Standard::Service, "nope");
    let report = local.run(op(&nope, "n", "start", &[])).await;
    assert_eq!(report.status, ExecutionStatus::NotInstalled);
    assert_eq!(report.reason, Some(format!("{}/init.d/nope: No such file or directory", dir.path().display())));
}

#[tokio::test]
async fn recurring_monitors_and_stop() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "case $1 in monitor) sleep 1;; esac; exit 0");
    let mut local = Local::new(own_places(&dir));
    let monitor = op(&agent, "r", "monitor", &[]).interval_ms(500);
    let call = local.executor.request(local.origin.elapsed(), monitor).unwrap();
    local.drain();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stop = local.run(op(&agent, "r", "stop", &[])).await;
    assert_eq!((stop.rc.0, stop.status), (0, ExecutionStatus::Done));
    let cancelled = local.reports.iter().find(|r| r.call == call).expect("reported");
    assert_eq!((cancelled.rc.0, cancelled.status), (0, ExecutionStatus::Cancelled));
}

/// The whole way: fencer, device, agent on the fence agents' protocol.
#[tokio::test]
async fn a_fencer_drives_a_fence_agent() {
    use agents::fencer::{Destination, Fencer, Options, Output, Request, Source};
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let body = format!(
        "#!/bin/sh\nwhile read -r line; do case $line in action=*) action=${{line#action=}};; plug=*) plug=${{line#plug=}};; esac; done\n\
         case $action in metadata) echo '<resource-agent name=\"fence_own\"><parameters><parameter name=\"plug\"/></parameters><actions>\
         <action name=\"off\"/><action name=\"on\"/><action name=\"reboot\"/></actions></resource-agent>';; *) echo \"$action $plug\" >> {};; esac\n",
        log.display()
    );
    script(&dir.path().join("sbin/fence_own"), &body);
    let (mut runner, mut ends) = Runner::new(own_places(&dir));
    let mut fencer = Fencer::new(Options::new("n1", 1));
    let origin = Instant::now();
    let device: BTreeMap<String, String> = parameters(&[("pcmk_host_map", "n2:outlet7")]);
    fencer.register_device(Duration::ZERO, "dev", "fence_own", device, Source::Cib);
    fencer.request(Duration::ZERO, Request::new("c", "n2", "reboot", 10));
    let verdict = 'over: loop {
        while let Some(output) = fencer.poll_output() {
            match output {
                Output::Run(call) => runner.start(&call),
                Output::Send { to: Destination::All, message } => {
                    fencer.handle_message(origin.elapsed(), "n1", message)
                }
                Output::Done(verdict) => break 'over verdict,
                _ => {}
            }
        }
        let (run, exit) = ends.recv().await.expect("an end");
        fencer.handle_exit(origin.elapsed(), run, exit);
    };
    assert!(verdict.result.is_ok(), "{verdict:?}");
    assert_eq!(fs::read_to_string(log).unwrap(), "reboot outlet7\n");
}

#[tokio::test]
async fn secrets_come_from_their_files() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(&dir, "[ \"$OCF_RESKEY_passwd\" = hunter2 ] || exit 9");
    let mut local = Local::new(own_places(&dir));
    let refused = local.run(op(&agent, "db", "start", &[("passwd", "lrm://")])).await;
    assert_eq!((refused.rc.0, refused.status), (2, ExecutionStatus::Done));
    assert_eq!(refused.reason.as_deref(), Some("Unable to load CIB secrets"));
    assert_eq!(local.rc(op(&agent, "db", "stop", &[("passwd", "lrm://")])).await, 9, "a stop runs with what it has");
    fs::create_dir_all(dir.path().join("secrets/db")).unwrap();
    fs::write(dir.path().join("secrets/db/passwd"), "hunter2\n").unwrap();
    fs::write(dir.path().join("secrets/db/passwd.sign"), "2ab96390c7dbe3439de74d0c9b0b1767\n").unwrap();
    let report = local.run(op(&agent, "db", "start", &[("passwd", "lrm://")])).await;
    assert_eq!(report.rc.0, 0);
    assert_eq!(report.parameters["passwd"], "lrm://", "nobody is told the secret");
}

/// One run of an alert agent per request, in parallel, as the cluster's user where there is one.
#[tokio::test]
async fn alerts_run_with_their_environment() {
    use agents::standard::alert::{AlertEvent, AlertTarget, Moment};
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = script(
        &dir.path().join("alert"),
        "#!/bin/sh\n[ $# = 0 ] || exit 2\nread -r line && exit 3\nenv | grep -E '^(CRM_alert_|own)' | sort >\"$out\"; id -un >>\"$out\"; id -G >>\"$out\"\n\
         [ \"$CRM_alert_recipient\" != slow ] || sleep 60\n[ \"$CRM_alert_recipient\" != bad ] || exit 7\n",
    );
    let mut local = Local::new(own_places(&dir));
    let moment = Moment { epoch_s: 0, micros: 7, utc_offset_s: 0 };
    let event = AlertEvent::Node { node: "n2".into(), id: 2, member: false };
    let out = |name: &str| dir.path().join(name);
    for recipient in ["slow", "bad", "good"] {
        let mut target = AlertTarget::new("alert", path.display().to_string());
        target.recipient = recipient.to_owned();
        target.timeout_ms = if recipient == "slow" { 1500 } else { 30_000 };
        target.attributes = [
            ("out".to_owned(), Some(out(recipient).display().to_string())),
            ("own".to_owned(), Some("x y".to_owned())),
            ("CRM_alert_timestamp_usec".to_owned(), None),
        ]
        .into();
        assert!(local.executor.alert(local.origin.elapsed(), &target, &event, moment));
    }
    while local.executor.alerts_running() > 0 {
        local.turn().await;
    }
    let lines: Vec<String> =
        local.alerts.iter().map(|a| if a.is_ok() { "ok".to_owned() } else { a.to_string() }).collect();
    let mut sorted = lines.clone();
    sorted.sort();
    let expected = [
        "Alert alert completed but exited with status 7",
        "Could not send alert alert: Timed out (Alert agent did not complete within 1.500s)",
        "ok",
    ];
    assert_eq!(sorted, expected);
    assert_eq!(lines[2], expected[1], "the slow one held nobody up");
    let text = fs::read_to_string(out("good")).unwrap();
    let mut said: Vec<&str> = text.lines().collect();
    let groups = said.pop().unwrap();
    let user = said.pop().unwrap();
    let expected = [
        "CRM_alert_desc=lost",
        "CRM_alert_kind=node",
        "CRM_alert_node=n2",
        "CRM_alert_node_sequence=3",
        "CRM_alert_nodeid=2",
        "CRM_alert_recipient=good",
        "CRM_alert_timestamp=00:00:00.000007",
        "CRM_alert_timestamp_epoch=0",
        concat!("CRM_alert_version=", env!("CARGO_PKG_VERSION")),
        "own=x y",
    ];
    assert_eq!(said, expected);
    let root = run_text("id", &["-u"]) == "0";
    if root && std::process::Command::new("id").arg("hacluster").output().is_ok_and(|o| o.status.success()) {
        assert_eq!(user, "hacluster");
        assert_eq!(groups, run_text("id", &["-g", "hacluster"]), "no supplementary groups");
    } else {
        println!("skipped: not root, or no user hacluster: alert agents run as {user}");
    }
}

fn run_text(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output().expect("runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn an_alert_needs_its_user_and_its_file() {
    use agents::standard::alert::{AlertEvent, AlertTarget, Moment};
    let dir = TempDir::new().unwrap();
    let places = Places { alert_user: Some("no-such-user-here".to_owned()), ..own_places(&dir) };
    let path = script(&dir.path().join("alert"), "#!/bin/sh\nexit 0\n");
    let root = run_text("id", &["-u"]) == "0";
    for (path, expected) in [
        (path.display().to_string(), if root { "completed but exited with status 4" } else { "" }),
        ("/nowhere/alert".to_owned(), "exited with status"),
        ("relative".to_owned(), "Not installed"),
    ] {
        let mut local = Local::new(places.clone());
        let event = AlertEvent::Node { node: "n2".into(), id: 2, member: true };
        let moment = Moment { epoch_s: 0, micros: 0, utc_offset_s: 0 };
        local.executor.alert(Duration::ZERO, &AlertTarget::new("a", &path), &event, moment);
        while local.alerts.is_empty() {
            local.turn().await;
        }
        assert!(local.alerts[0].to_string().contains(expected), "{path}: {}", local.alerts[0]);
    }
}

/// A plugin of the older kind is called through `fence_legacy`, which gets its name as `plugin`.
#[tokio::test]
async fn plugins_go_through_their_wrapper() {
    let dir = TempDir::new().unwrap();
    let places = own_places(&dir);
    let external = script(&dir.path().join("plugins/external/own"), "#!/bin/sh\n");
    script(&dir.path().join("plugins/external/loose"), "#!/bin/sh\n");
    fs::set_permissions(dir.path().join("plugins/external/loose"), fs::Permissions::from_mode(0o777)).unwrap();
    script(&dir.path().join("plugins/stonith2/external.so"), "");
    script(&dir.path().join("plugins/stonith2/meatware.so"), "");
    let agent = |name: &str| AgentName::plain(Standard::Stonith, name);
    let found = |name: &str| places.find(&agent(name));
    assert_eq!(found("external/own"), Found::Missing("external/own".into()), "nobody is there to call it");
    let wrapper = script(&dir.path().join("sbin/fence_legacy"), "#!/bin/sh\nsort\n");
    assert_eq!(found("external/own"), Found::Plugin(wrapper.clone()));
    assert_eq!(found("meatware"), Found::Plugin(wrapper));
    for name in ["external/loose", "external/nope", "external", "external/../own", "../stonith2/meatware"] {
        assert_eq!(found(name), Found::Missing(name.into()));
    }
    assert_eq!(Listing::new(&places).agents(&Standard::Stonith, None), ["external/own", "meatware", "fence_legacy"]);
    let call = Call {
        run: RunId(1),
        resource: "dev".into(),
        agent: agent("external/own"),
        action: "reset".into(),
        interval_ms: 0,
        timeout_ms: 5000,
        parameters: parameters(&[("nodename", "n2"), ("hostlist", "n1 n2")]).into(),
    };
    let Exit::Exited { code: 0, stdout, .. } = run_once(&call, &places, Duration::from_secs(5)).await else { panic!() };
    assert_eq!(stdout, "action=reset\nhostlist=n1 n2\nnodename=n2\nplugin=external/own\n");
    // Its own descriptions, the actions of all.
    script(
        &dir.path().join("sbin/stonith"),
        "#!/bin/sh\n[ \"$*\" = \"-t external/own -m\" ] || exit 1\necho '<resource-agent><longdesc>\nLong\n</longdesc><shortdesc>Short</shortdesc>\
         <parameters><parameter name=\"hostlist\" required=\"1\"/></parameters></resource-agent>'\n",
    );
    assert!(external.is_file());
    let text = places.metadata(&agent("external/own")).await.unwrap();
    let metadata = Metadata::parse(&text).unwrap();
    assert_eq!((metadata.shortdesc.as_str(), metadata.longdesc.trim()), ("Short", "Long"));
    assert!(metadata.parameter("hostlist").unwrap().required);
    assert_eq!(metadata.action("monitor").unwrap().attribute("interval"), Some("3600s"));
}
