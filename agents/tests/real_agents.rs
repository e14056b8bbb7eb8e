//! Real agents run by the executor: installed ones, and scripts of the test's own, with the recorded results of the specification [RA-15].
//!
//! An agent that is not installed is printed as skipped; with `METRONOME_REQUIRE_AGENTS` set it is a failure.
#![cfg(feature = "process")]

use agents::executor::{Executor, Operation, Options, Output, Report};
use agents::process::{Places, Runner, run_once};
use agents::standard::{AgentName, Call, ExecutionStatus, Exit, Parameters, RunId, Standard};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// An executor with real processes: the whole driver that an embedder needs.
struct Local {
    origin: Instant,
    executor: Executor,
    runner: Runner,
    ends: UnboundedReceiver<(RunId, Exit)>,
    reports: Vec<Report>,
}

impl Local {
    fn new(places: Places) -> Self {
        let (runner, ends) = Runner::new(places);
        let executor = Executor::new(Options { epoch_at_origin: 1_000_000, ..Options::default() });
        Self { origin: Instant::now(), executor, runner, ends, reports: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                Output::Spawn(call) => self.runner.start(&call),
                Output::Kill { run, scope } => self.runner.kill(run, scope),
                Output::Finished(report) => self.reports.push(report),
                other => panic!("not expected: {other:?}"),
            }
        }
    }

    async fn turn(&mut self) {
        self.drain();
        let deadline =
            self.executor.poll_timeout().map_or(Duration::from_secs(60), |at| at.saturating_sub(self.origin.elapsed()));
        tokio::select! {
            end = self.ends.recv() => {
                let (run, exit) = end.expect("the runner lives");
                self.executor.handle_exit(self.origin.elapsed(), run, exit);
            }
            () = tokio::time::sleep(deadline) => self.executor.handle_timeout(self.origin.elapsed()),
        }
        self.drain();
    }

    /// Runs one operation to its report.
    async fn run(&mut self, operation: Operation) -> Report {
        let call = self.executor.request(self.origin.elapsed(), operation).expect("accepted");
        loop {
            if let Some(at) = self.reports.iter().position(|r| r.call == call) {
                return self.reports.remove(at);
            }
            self.turn().await;
        }
    }

    async fn rc(&mut self, operation: Operation) -> u8 {
        self.run(operation).await.rc.0
    }
}

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn script(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
    path.to_owned()
}

/// Places of the test's own, with provider `own`.
fn own_places(dir: &TempDir) -> Places {
    Places {
        ocf_path: vec![dir.path().join("ocf")],
        init_dir: dir.path().join("init.d"),
        fence_dir: dir.path().join("sbin"),
        ..Places::default()
    }
}

fn own_agent(dir: &TempDir, body: &str) -> AgentName {
    script(&dir.path().join("ocf/own/A"), &format!("#!/bin/sh\n{body}\n"));
    AgentName::ocf("own", "A")
}

fn installed(agent: &AgentName) -> bool {
    let found = matches!(Places::default().find(agent), agents::process::Found::Program(_));
    if !found {
        assert!(std::env::var_os("METRONOME_REQUIRE_AGENTS").is_none(), "{agent} is required here, and not installed");
        println!("skipped: {agent} is not installed");
    }
    found
}

fn op(agent: &AgentName, id: &str, action: &str, given: &[(&str, &str)]) -> Operation {
    Operation::new(id, agent.clone(), action).timeout_ms(20_000).parameters(parameters(given))
}

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
async fn hostile_agents_are_bounded() {
    let dir = TempDir::new().unwrap();
    let agent = own_agent(
        &dir,
        "case $OCF_RESKEY_how in\nflood) head -c 12000000 /dev/zero | tr '\\0' x;;\nbytes) printf 'a\\377b\\000c';;\nchild) sleep 30 & ;;\nesac\nexit 0",
    );
    let mut local = Local::new(own_places(&dir));
    let report = local.run(op(&agent, "t", "monitor", &[("how", "flood")])).await;
    assert_eq!((report.rc.0, report.output.len()), (0, agents::executor::OUTPUT_LIMIT));
    let report = local.run(op(&agent, "t", "monitor", &[("how", "bytes")])).await;
    assert_eq!(report.output, "a\u{fffd}b");
    let report = local.run(op(&agent, "t", "monitor", &[("how", "child")])).await;
    assert_eq!(report.rc.0, 0);
    assert!(report.exec_time_ms < 5000, "a child that holds the pipe delays nothing: {} ms", report.exec_time_ms);
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
