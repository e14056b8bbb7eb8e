//! One run of one agent: what is asked, and how it can end.

use super::{AgentName, ExecutionStatus, ExitStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instance parameters, with the `CRM_meta_*` ones and `crm_feature_set` among them.
pub type Parameters = BTreeMap<String, String>;

/// Names one run of an agent on one node: the executor counts from 1, the fencer from 2^63 + 1, so that both may share one driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// An agent to be run now. [`super::invocation`] turns it into arguments, environment and standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Names this run in the answer.
    pub run: RunId,
    /// The resource, or the fence device.
    pub resource: String,
    /// The agent.
    pub agent: AgentName,
    /// What is asked, in the caller's words (`monitor` even where the agent is called with `status`).
    pub action: String,
    /// 0 for probes and everything else that does not repeat.
    pub interval_ms: u64,
    /// 0 = none. The machine that made the call watches it; this is for the agent's own use.
    pub timeout_ms: u64,
    /// The parameters; for fence agents the complete list of lines.
    pub parameters: Arc<Parameters>,
}

impl Call {
    /// A parameter's value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// A meta-attribute's value (`name` without its prefix, with underscores).
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.parameters.get(&format!("CRM_meta_{name}")).map(String::as_str)
    }

    /// Is this a monitor that does not repeat?
    pub fn is_probe(&self) -> bool {
        self.interval_ms == 0 && (self.action == "monitor" || self.action == "status")
    }
}

/// Why a program could not be started: what the operating system said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsError {
    /// Its kind, as far as results tell kinds apart [RA-1.6].
    pub kind: OsErrorKind,
    /// The full path of the agent's file, or its type if no path was found.
    pub file: String,
    /// The C library's text (`No such file or directory`).
    pub text: String,
}

/// The kinds of operating-system errors that lead to different results [RA-1.6].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OsErrorKind {
    /// ENOENT, EISDIR, ENOTDIR, EINVAL, ENOEXEC.
    Missing,
    /// EACCES, EPERM.
    Denied,
    /// All others.
    Other,
}

/// A complete result, from something that is no process: a unit, the fencer, a native agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In OCF numbering.
    pub rc: ExitStatus,
    /// How far it got.
    pub status: ExecutionStatus,
    /// One line that explains it.
    pub reason: Option<String>,
    /// Text kept with the result.
    pub output: String,
}

impl Answer {
    /// Ran to its end with this exit status.
    pub fn done(rc: ExitStatus) -> Self {
        Self { rc, status: ExecutionStatus::Done, reason: None, output: String::new() }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Any other result.
    pub fn failed(rc: ExitStatus, status: ExecutionStatus, reason: impl Into<String>) -> Self {
        Self { rc, status, reason: Some(reason.into()), output: String::new() }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// The process exited by itself.
    Exited {
        /// Its status, unmapped.
        code: u8,
        /// What it wrote to its standard output.
        stdout: String,
        /// What it wrote to its standard error.
        stderr: String,
    },
    /// A signal ended the process.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// What it wrote to its standard output.
        stdout: String,
        /// What it wrote to its standard error.
        stderr: String,
    },
    /// It could not be started.
    NotStarted(OsError),
    /// No process was involved.
    Answered(Answer),
}

impl Exit {
    /// A process that exited and wrote nothing.
    pub fn code(code: u8) -> Self {
        Self::Exited { code, stdout: String::new(), stderr: String::new() }
    }

    /// A process that exited and gave an exit reason.
    pub fn reason(code: u8, reason: &str) -> Self {
        Self::Exited { code, stdout: String::new(), stderr: format!("ocf-exit-reason:{reason}\n") }
    }

    /// A process that was killed and wrote nothing.
    pub fn killed() -> Self {
        Self::Signalled { signal: 9, stdout: String::new(), stderr: String::new() }
    }

    /// An agent whose file does not exist.
    pub fn missing(file: impl Into<String>) -> Self {
        Self::NotStarted(OsError {
            kind: OsErrorKind::Missing,
            file: file.into(),
            text: "No such file or directory".to_owned(),
        })
    }
}
