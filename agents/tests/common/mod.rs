//! What tests with real processes share: an executor with a runner, and scripts of a test's own.
#![allow(dead_code)] // each test takes what it needs

use agents::executor::{AlertReport, Executor, Operation, Options, Output, Report};
use agents::process::{Places, Runner};
use agents::standard::{AgentName, Exit, Parameters, RunId};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// An executor with real processes: the whole driver that an embedder needs.
pub(crate) struct Local {
    pub(crate) origin: Instant,
    pub(crate) executor: Executor,
    pub(crate) runner: Runner,
    pub(crate) ends: UnboundedReceiver<(RunId, Exit)>,
    pub(crate) reports: Vec<Report>,
    /// Ends of alert agents.
    pub(crate) alerts: Vec<AlertReport>,
}

impl Local {
    pub(crate) fn new(places: Places) -> Self {
        let (runner, ends) = Runner::new(places);
        let executor = Executor::new(Options { epoch_at_origin: 1_000_000, ..Options::default() });
        Self { origin: Instant::now(), executor, runner, ends, reports: Vec::new(), alerts: Vec::new() }
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                Output::Spawn(call) => self.runner.start(&call),
                Output::Kill { run, scope } => self.runner.kill(run, scope),
                Output::Finished(report) => self.reports.push(report),
                Output::Alerted(report) => self.alerts.push(report),
                other => panic!("not expected: {other:?}"),
            }
        }
    }

    pub(crate) async fn turn(&mut self) {
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
    pub(crate) async fn run(&mut self, operation: Operation) -> Report {
        let call = self.executor.request(self.origin.elapsed(), operation).expect("accepted");
        loop {
            if let Some(at) = self.reports.iter().position(|r| r.call == call) {
                return self.reports.remove(at);
            }
            self.turn().await;
        }
    }

    pub(crate) async fn rc(&mut self, operation: Operation) -> u8 {
        self.run(operation).await.rc.0
    }
}

pub(crate) fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

pub(crate) fn script(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
    path.to_owned()
}

/// Places of the test's own, with provider `own`.
pub(crate) fn own_places(dir: &TempDir) -> Places {
    Places {
        ocf_path: vec![dir.path().join("ocf")],
        init_dir: dir.path().join("init.d"),
        fence_dir: dir.path().join("sbin"),
        plugin_dir: dir.path().join("plugins"),
        secrets_dir: dir.path().join("secrets"),
        override_dir: dir.path().join("units"),
        ..Places::default()
    }
}

pub(crate) fn own_agent(dir: &TempDir, body: &str) -> AgentName {
    script(&dir.path().join("ocf/own/A"), &format!("#!/bin/sh\n{body}\n"));
    AgentName::ocf("own", "A")
}

pub(crate) fn installed(agent: &AgentName) -> bool {
    let found = matches!(Places::default().find(agent), agents::process::Found::Program(_));
    if !found {
        assert!(std::env::var_os("METRONOME_REQUIRE_AGENTS").is_none(), "{agent} is required here, and not installed");
        println!("skipped: {agent} is not installed");
    }
    found
}

pub(crate) fn op(agent: &AgentName, id: &str, action: &str, given: &[(&str, &str)]) -> Operation {
    Operation::new(id, agent.clone(), action).timeout_ms(20_000).parameters(parameters(given))
}
