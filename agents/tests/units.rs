//! Units over a real bus: a `dbus-daemon` of the test's own, with a service manager of the test's own on it [RA-15.4].
//!
//! Without `dbus-daemon` these tests print that they are skipped; with `METRONOME_REQUIRE_AGENTS` set that is a failure.
#![cfg(feature = "systemd")]

mod common;

use agents::executor::{Operation, Report};
use agents::process::Places;
use agents::process::systemd::Units;
use agents::standard::{AgentName, ExecutionStatus, Standard};
use common::{Local, own_places, script};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use zbus::export::ordered_stream::OrderedStreamExt;
use zbus::message::{Message, Type};

use zbus::{Connection, MessageStream, ObjectPath, Variant, connection};

const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";

/// A bus of the test's own; it goes with the test.
struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    fn start(dir: &Path) -> Option<Self> {
        let config = dir.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            dir.display()
        );
        fs::write(&config, text).expect("written");
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", config.display())).args(["--nofork", "--print-address=1"]);
        let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
            assert!(std::env::var_os("METRONOME_REQUIRE_AGENTS").is_none(), "dbus-daemon is required here");
            println!("skipped: no dbus-daemon here");
            return None;
        };
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut address).expect("its address");
        Some(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the service manager of the test does, by unit name; and what it was asked.
#[derive(Default)]
struct Script {
    calls: Vec<String>,
    /// `ActiveState`, one after the other; the last one stays.
    states: BTreeMap<String, VecDeque<&'static str>>,
    /// How jobs end; `done` where nothing stands.
    jobs: BTreeMap<String, &'static str>,
    /// Method and unit, and the D-Bus error (name without `org.freedesktop.`, text) that answers it.
    errors: BTreeMap<(&'static str, String), (&'static str, &'static str)>,
    /// Methods that are never answered.
    silent: Vec<&'static str>,
}

#[derive(Clone, Default)]
struct Manager(Arc<Mutex<Script>>);

impl Manager {
    fn with<T>(&self, f: impl FnOnce(&mut Script) -> T) -> T {
        f(&mut self.0.lock().expect("not poisoned"))
    }

    /// What was asked since the last time.
    fn calls(&self) -> Vec<String> {
        self.with(|script| std::mem::take(&mut script.calls))
    }

    async fn serve(self, address: String) -> Connection {
        let builder = connection::Builder::address(address.as_str()).name("org.freedesktop.systemd1");
        let connection = builder.build().await.expect("a connection");
        let mut messages = MessageStream::from(&connection);
        let served = connection.clone();
        tokio::spawn(async move {
            let mut jobs = 0;
            while let Some(Ok(message)) = messages.next().await {
                if message.message_type() == Type::MethodCall {
                    self.answer(&served, &message, &mut jobs).await.expect("answered");
                }
            }
        });
        connection
    }

    async fn answer(&self, on: &Connection, message: &Message, jobs: &mut u32) -> zbus::Result<()> {
        let header = message.header();
        let method = header.member().map(|m| m.to_string()).unwrap_or_default();
        let body = message.body();
        let text: Vec<String> = match method.as_str() {
            "LoadUnit" => vec![body.deserialize::<(String,)>()?.0],
            "StartUnit" | "StopUnit" | "RestartUnit" => {
                body.deserialize::<(String, String)>().map(|(u, m)| vec![u, m])?
            }
            "Get" => body.deserialize::<(String, String)>().map(|(_, property)| vec![property])?,
            _ => Vec::new(),
        };
        let unit = match method.as_str() {
            // The object's last part is the unit's name in hexadecimal digits.
            "Get" => unit_of(header.path().map(|p| p.as_str()).unwrap_or_default()),
            _ => text.first().cloned().unwrap_or_default(),
        };
        let log =
            if method == "Get" { format!("{}({unit})", text[0]) } else { format!("{method}({})", text.join(", ")) };
        let (error, silent) = self.with(|script| {
            script.calls.push(log);
            let error = script.errors.iter().find(|((m, u), _)| *m == method && *u == unit).map(|(_, e)| *e);
            (error, script.silent.iter().any(|m| *m == method))
        });
        if silent || message.primary_header().flags().contains(zbus::message::Flags::NO_REPLY_EXPECTED) {
            return Ok(());
        }
        if let Some((name, text)) = error {
            return on.reply_error(&header, format!("org.freedesktop.{name}"), &(text,)).await;
        }
        match method.as_str() {
            "LoadUnit" => on.reply(&header, &(object_of(&unit),)).await,
            "Get" => {
                let value = if text[0] == "ActiveState" { self.state(&unit) } else { load_state(&unit) };
                on.reply(&header, &(Variant::from(value),)).await
            }
            "StartUnit" | "StopUnit" | "RestartUnit" => {
                *jobs += 1;
                let job = |n: u32| ObjectPath::try_from(format!("{MANAGER_PATH}/job/{n}")).expect("a path");
                on.reply(&header, &(job(*jobs),)).await?;
                let result = self.with(|script| script.jobs.get(&unit).copied()).unwrap_or("done");
                // The end of another job comes first, with a result that must not count.
                for (number, path, result) in [(9000, job(9000), "canceled"), (*jobs, job(*jobs), result)] {
                    if result == "never" {
                        return Ok(());
                    }
                    let body = (number, path, unit.as_str(), result);
                    on.emit_signal(None::<&str>, MANAGER_PATH, MANAGER, "JobRemoved", &body).await?;
                }
                Ok(())
            }
            "ListUnitFiles" => {
                let files = [
                    "/lib/systemd/system/Zeta.service",
                    "/etc/systemd/system/alpha.timer",
                    "/x/alpha.swap",
                    "/x/b@.service",
                ];
                on.reply(&header, &(files.map(|f| (f, "enabled")).to_vec(),)).await
            }
            _ => on.reply(&header, &()).await,
        }
    }

    fn state(&self, unit: &str) -> &'static str {
        self.with(|script| match script.states.get_mut(unit) {
            Some(states) if states.len() > 1 => states.pop_front().expect("several"),
            Some(states) => states.front().copied().unwrap_or_default(),
            None => "inactive",
        })
    }
}

fn load_state(unit: &str) -> &'static str {
    match unit {
        "masked.service" => "masked",
        "nope.service" => "not-found",
        _ => "loaded",
    }
}

fn object_of(unit: &str) -> ObjectPath<'static> {
    let hex: String = unit.bytes().map(|b| format!("{b:02x}")).collect();
    ObjectPath::try_from(format!("{MANAGER_PATH}/unit/{hex}")).expect("a path")
}

fn unit_of(path: &str) -> String {
    let hex = path.rsplit('/').next().unwrap_or_default();
    let byte = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2).map(|n| byte(n * 2)).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A bus, a service manager on it, and an executor that uses both.
struct Stage {
    dir: TempDir,
    daemon: Daemon,
    manager: Manager,
    /// The manager goes with it.
    served: Connection,
    local: Local,
    places: Places,
}

impl Stage {
    async fn new() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let daemon = Daemon::start(dir.path())?;
        let manager = Manager::default();
        let served = manager.clone().serve(daemon.address.clone()).await;
        // Without the mark of this one daemon, so that another one may take its place.
        let bus = format!("unix:path={}/bus", dir.path().display());
        let places = Places { bus: Some(bus), ..own_places(&dir) };
        let local = Local::new(places.clone());
        Some(Self { dir, daemon, manager, served, local, places })
    }

    async fn run(&mut self, unit: &str, action: &str) -> Report {
        self.local.run(operation(unit, action)).await
    }

    fn override_file(&self, unit: &str) -> PathBuf {
        self.dir.path().join("units").join(format!("{unit}.d/50-pacemaker.conf"))
    }

    fn fails(&self, method: &'static str, unit: &str, name: &'static str, text: &'static str) {
        self.manager.with(|script| script.errors.insert((method, unit.to_owned()), (name, text)));
    }

    fn states(&self, unit: &str, states: &[&'static str]) {
        self.manager.with(|script| script.states.insert(unit.to_owned(), states.iter().copied().collect()));
    }
}

fn operation(unit: &str, action: &str) -> Operation {
    Operation::new(unit, AgentName::plain(Standard::Systemd, unit), action).timeout_ms(5000)
}

fn ended(report: &Report) -> (u8, ExecutionStatus, Option<&str>) {
    (report.rc.0, report.status, report.reason.as_deref())
}

#[tokio::test]
async fn starting_and_stopping_wait_for_their_jobs() {
    let Some(mut stage) = Stage::new().await else { return };
    let report = stage.run("httpd", "start").await;
    assert_eq!(ended(&report), (0, ExecutionStatus::Done, None));
    let calls = ["Subscribe()", "LoadUnit(httpd.service)", "Reload()", "StartUnit(httpd.service, replace)"];
    assert_eq!(stage.manager.calls(), calls);
    let text = fs::read_to_string(stage.override_file("httpd.service")).expect("written before the start");
    assert!(text.contains("Before=pacemaker.service") && text.ends_with("[Service]\nRestart=no\n"));
    let report = stage.run("httpd", "stop").await;
    assert_eq!(ended(&report), (0, ExecutionStatus::Done, None));
    assert_eq!(stage.manager.calls(), ["LoadUnit(httpd.service)", "Reload()", "StopUnit(httpd.service, replace)"]);
    assert!(!stage.override_file("httpd.service").exists());
    // Nothing to take back, nothing to read again.
    stage.run("httpd", "stop").await;
    assert_eq!(stage.manager.calls(), ["LoadUnit(httpd.service)", "StopUnit(httpd.service, replace)"]);
    for (result, status, reason) in [
        ("failed", ExecutionStatus::Error, "systemd start job for httpd.service failed with result 'failed'"),
        ("dependency", ExecutionStatus::Error, "systemd start job for httpd.service failed with result 'dependency'"),
        ("timeout", ExecutionStatus::Timeout, "systemd start job for httpd.service timed out"),
    ] {
        stage.manager.with(|script| script.jobs.insert("httpd.service".into(), result));
        let report = stage.run("httpd", "start").await;
        assert_eq!(ended(&report), (1, status, Some(reason)));
    }
    stage.manager.with(|script| script.jobs.insert("httpd.service".into(), "never"));
    assert_eq!(ended(&stage.run("httpd", "restart").await), (0, ExecutionStatus::Done, None), "nobody waits for that");
    assert_eq!(stage.manager.calls().last().map(String::as_str), Some("RestartUnit(httpd.service, replace)"));
    let report = stage.run("httpd", "frob").await;
    let reason = "Action frob not implemented for systemd resources";
    assert_eq!(ended(&report), (3, ExecutionStatus::Error, Some(reason)));
}

#[tokio::test]
async fn a_job_that_never_ends_is_given_up() {
    let Some(mut stage) = Stage::new().await else { return };
    stage.manager.with(|script| script.jobs.insert("slow.service".into(), "never"));
    let report = stage.local.run(operation("slow", "start").timeout_ms(100)).await;
    let reason = "start action for systemd unit slow did not complete in time";
    assert_eq!(ended(&report), (1, ExecutionStatus::Timeout, Some(reason)));
    // A manager that does not answer at all.
    stage.manager.with(|script| script.silent = vec!["StopUnit"]);
    let report = stage.local.run(operation("slow", "stop").timeout_ms(300)).await;
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("Unable to invoke systemd DBus method")));
    stage.manager.with(|script| script.silent = vec!["LoadUnit"]);
    let report = stage.local.run(operation("slow", "monitor").timeout_ms(300)).await;
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("No DBus object found for systemd unit slow")));
}

#[tokio::test]
async fn monitors_by_state() {
    let Some(mut stage) = Stage::new().await else { return };
    for (state, expected) in [
        ("active", (0, ExecutionStatus::Done, None)),
        ("reloading", (0, ExecutionStatus::Done, None)),
        ("inactive", (7, ExecutionStatus::Done, Some("inactive"))),
        ("failed", (7, ExecutionStatus::Done, Some("failed"))),
        ("maintenance", (7, ExecutionStatus::Done, Some("maintenance"))),
        ("", (1, ExecutionStatus::Error, Some("Could not get state for unit db from DBus"))),
    ] {
        stage.states("db.service", &[state]);
        let report = stage.run("db", "monitor").await;
        assert_eq!(ended(&report), expected, "{state:?}");
    }
    assert_eq!(stage.manager.calls()[1..3], ["LoadUnit(db.service)", "ActiveState(db.service)"]);
    // Between two states a probe looks again, and reports once.
    stage.states("db.service", &["activating", "activating", "active"]);
    let report = stage.run("db", "monitor").await;
    assert_eq!(ended(&report), (0, ExecutionStatus::Done, None));
    assert_eq!(stage.manager.calls().iter().filter(|call| *call == "ActiveState(db.service)").count(), 3);
    stage.states("db.service", &["deactivating"]);
    let report = stage.local.run(operation("db", "monitor").timeout_ms(400)).await;
    let reason = "Investigate reason for timeout, and adjust configured operation timeout if necessary";
    assert_eq!(ended(&report), (1, ExecutionStatus::Timeout, Some(reason)));
    // A recurring one tells what it sees.
    let report = stage.local.run(operation("db", "monitor").interval_ms(60_000)).await;
    assert_eq!(ended(&report), (193, ExecutionStatus::Pending, None));
}

#[tokio::test]
async fn names_and_errors() {
    let Some(mut stage) = Stage::new().await else { return };
    let unknown = "systemd1.NoSuchUnit";
    stage.fails("StartUnit", "x.service", unknown, "");
    stage.fails("StopUnit", "x.service", unknown, "");
    let report = stage.run("x", "start").await;
    assert_eq!(ended(&report), (5, ExecutionStatus::NotInstalled, Some("systemd unit x not found")));
    assert_eq!(ended(&stage.run("x", "stop").await), (0, ExecutionStatus::Done, None));
    stage.fails("StartUnit", "y.timer", "DBus.Error.AccessDenied", "no");
    let report = stage.run("y.timer", "start").await;
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("Unable to invoke systemd DBus method")));
    let text = fs::read_to_string(stage.override_file("y.timer")).unwrap();
    assert!(!text.contains("[Service]"), "only services restart");
    // A unit that cannot even be loaded; a manager that executes itself anew.
    stage.fails("LoadUnit", "bad.service", "systemd1.LoadFailed", "");
    let report = stage.run("bad", "stop").await;
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("No DBus object found for systemd unit bad")));
    stage.fails("LoadUnit", "again.service", "DBus.Error.NoReply", "Remote peer disconnected");
    let recurring = operation("again", "monitor").interval_ms(60_000);
    assert_eq!(stage.local.run(recurring).await.status, ExecutionStatus::Pending);
    // Templates.
    stage.manager.calls();
    stage.run("name@", "monitor").await;
    stage.run("name@.socket", "monitor").await;
    let loads: Vec<String> = stage.manager.calls().into_iter().filter(|call| call.starts_with("Load")).collect();
    assert_eq!(loads, ["LoadUnit(name@.service)", "LoadUnit(name@pacemaker.socket)"]);
    // An override that cannot be written.
    fs::write(stage.dir.path().join("units/stuck.service.d"), "").unwrap();
    let report = stage.run("stuck", "start").await;
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("Failed to create systemd override file for stuck")));
}

#[tokio::test]
async fn services_are_scripts_or_units() {
    let Some(mut stage) = Stage::new().await else { return };
    script(&stage.dir.path().join("init.d/both"), "#!/bin/sh\nexit 3\n");
    stage.states("both.service", &["active"]);
    stage.states("masked.service", &["active"]);
    stage.states("nope.service", &["active"]);
    let service =
        |name: &str| Operation::new(name, AgentName::plain(Standard::Service, name), "monitor").timeout_ms(5000);
    assert_eq!(stage.local.run(service("both")).await.rc.0, 7, "the script comes first");
    assert_eq!(stage.local.run(service("masked")).await.rc.0, 0, "masked units exist");
    let report = stage.local.run(service("nope")).await;
    assert_eq!(report.status, ExecutionStatus::NotInstalled);
    let file = stage.dir.path().join("init.d/nope");
    assert_eq!(report.reason, Some(format!("{}: No such file or directory", file.display())));
    let units = Units::new(stage.places.bus.clone(), stage.places.override_dir.clone());
    assert_eq!(units.list().await, ["alpha.timer", "b@", "Zeta"]);
    assert!(units.exists("both").await && !units.exists("nope").await);
}

#[tokio::test]
async fn without_a_bus_it_says_so_and_with_one_again_it_works() {
    let Some(mut stage) = Stage::new().await else { return };
    stage.states("db.service", &["active"]);
    assert_eq!(stage.run("db", "monitor").await.rc.0, 0);
    let dir = stage.dir.path().to_owned();
    stage.daemon.child.kill().unwrap();
    stage.daemon.child.wait().unwrap();
    let _ = fs::remove_file(dir.join("bus"));
    // The connection that there was may take a moment to notice.
    let mut report = stage.run("db", "monitor").await;
    if report.reason.as_deref() != Some("No DBus connection") {
        assert_eq!(report.rc.0, 1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        report = stage.run("db", "monitor").await;
    }
    assert_eq!(ended(&report), (1, ExecutionStatus::Error, Some("No DBus connection")));
    let units = Units::new(stage.places.bus.clone(), stage.places.override_dir.clone());
    assert!(units.list().await.is_empty() && !units.exists("db").await);
    stage.daemon = Daemon::start(&dir).expect("it was there before");
    stage.served = stage.manager.clone().serve(stage.daemon.address.clone()).await;
    assert_eq!(stage.run("db", "monitor").await.rc.0, 0, "the same executor, another connection");
}
