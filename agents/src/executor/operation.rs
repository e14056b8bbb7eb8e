//! What goes into an executor and what comes out.

use crate::standard::{AgentName, Call, ExecutionStatus, ExitStatus, Parameters, RunId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Names one accepted request; positive, counted per executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// One request: run an action of a resource's agent, once or again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Resource id.
    pub resource: String,
    /// The agent; `None` = the resource must be registered already.
    pub agent: Option<AgentName>,
    /// `start`, `stop`, `monitor`, ...
    pub action: String,
    /// Pause between the end of one execution and the start of the next; 0 = once.
    pub interval_ms: u64,
    /// 0 = none.
    pub timeout_ms: u64,
    /// The operation may not start before this has passed; it blocks the queue behind it meanwhile.
    pub start_delay_ms: u64,
    /// Instance parameters, `CRM_meta_*` and `crm_feature_set`.
    pub parameters: Arc<Parameters>,
    /// The caller's own mark (the transition key), handed back in reports.
    pub token: String,
    /// Report a repetition only if rc or status differ from the last report.
    pub changes_only: bool,
}

impl Operation {
    /// An operation that runs once, without timeout, delay or parameters; results of repetitions are reported when they change.
    pub fn new(resource: impl Into<String>, agent: AgentName, action: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            agent: Some(agent),
            action: action.into(),
            interval_ms: 0,
            timeout_ms: 0,
            start_delay_ms: 0,
            parameters: Arc::default(),
            token: String::new(),
            changes_only: true,
        }
    }

    /// Repeats every `ms`.
    #[must_use]
    pub fn interval_ms(mut self, ms: u64) -> Self {
        self.interval_ms = ms;
        self
    }

    /// Is killed after `ms`.
    #[must_use]
    pub fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout_ms = ms;
        self
    }

    /// Starts `ms` after the request.
    #[must_use]
    pub fn start_delay_ms(mut self, ms: u64) -> Self {
        self.start_delay_ms = ms;
        self
    }

    /// With these parameters.
    #[must_use]
    pub fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = Arc::new(parameters);
        self
    }

    /// With the caller's mark.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// `<resource id>_<action>_<interval in ms>` [RA-1.1].
    pub fn key(&self) -> String {
        format!("{}_{}_{}", self.resource, self.action, self.interval_ms)
    }
}

/// Whom a kill meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillScope {
    /// The whole process group.
    Group,
    /// Only the process: its children live on (`on-fail=block`).
    Process,
}

/// What the fencer is asked to do for a fence resource [RA-8.9].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceAction {
    /// Register the device, then monitor it.
    Start,
    /// Monitor the device.
    Monitor,
    /// Remove the device.
    Stop,
}

/// A call of the fencer instead of an agent. The answer is [`crate::standard::Exit::Answered`] with the fencer's result, unmapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCall {
    /// Names it in the answer.
    pub run: RunId,
    /// The resource, which is the device's id.
    pub device: String,
    /// The fence agent.
    pub agent: String,
    /// What to do.
    pub action: DeviceAction,
    /// For the monitor, whole seconds.
    pub timeout_s: u64,
    /// Of the resource.
    pub parameters: Arc<Parameters>,
}

/// The result of an operation [RA-8.10].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Resource id.
    pub resource: String,
    /// Its agent.
    pub agent: AgentName,
    /// Of the request.
    pub action: String,
    /// Of the request.
    pub interval_ms: u64,
    /// Of the request.
    pub timeout_ms: u64,
    /// Of the request.
    pub start_delay_ms: u64,
    /// The request; after a merge the latest.
    pub call: CallId,
    /// The caller's mark; after a merge the latest.
    pub token: String,
    /// In OCF numbering.
    pub rc: ExitStatus,
    /// How far it got.
    pub status: ExecutionStatus,
    /// One line that explains it.
    pub reason: Option<String>,
    /// From the start of the run to this report; 0 for repetitions.
    pub exec_time_ms: u64,
    /// From queueing to the run; 0 for repetitions.
    pub queue_time_ms: u64,
    /// Epoch seconds of the start; 0 for repetitions of anything but fence resources.
    pub last_run: u64,
    /// Epoch seconds of the last change of rc; 0 = it never changed.
    pub last_rc_change: u64,
    /// Standard error if there was any, else standard output.
    pub output: String,
    /// As sent.
    pub parameters: Arc<Parameters>,
    /// The resource was unregistered meanwhile.
    pub resource_deleted: bool,
}

/// What the driver must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Run an agent; its end goes to [`super::Executor::handle_exit`].
    Spawn(Call),
    /// Ask the fencer; its answer goes to [`super::Executor::handle_exit`].
    Device(DeviceCall),
    /// Send SIGKILL; the end of the run is still awaited.
    Kill {
        /// Which run.
        run: RunId,
        /// Group or process.
        scope: KillScope,
    },
    /// A killed process is still there after five seconds: worth a warning, nothing else is done [RA-8.6].
    WillNotDie {
        /// Which run.
        run: RunId,
        /// Its operation key.
        key: String,
    },
    /// A recurring operation was requested again and merged with the one that exists: worth a warning [RA-8.2].
    Merged {
        /// The operation key.
        key: String,
    },
    /// An operation's result.
    Finished(Report),
    /// An alert agent has ended: worth a line in the log unless it is fine.
    Alerted(super::AlertReport),
}

/// A registered resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Resource id.
    pub resource: String,
    /// Its agent.
    pub agent: AgentName,
}

/// What became of a request to unregister.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unregistered {
    /// Gone (or never known).
    Removed,
    /// Gone, but an operation still runs; its report will say `resource_deleted`.
    InProgress,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// ENODEV.
    #[error("resource '{0}' is not registered")]
    UnknownResource(String),
    /// EINVAL: an OCF agent without provider.
    #[error("resource '{0}': an ocf agent needs a provider")]
    NoProvider(String),
    /// The queue's bound.
    #[error("resource '{resource}': {waiting} operations wait already")]
    QueueFull {
        /// Resource id.
        resource: String,
        /// How many wait.
        waiting: usize,
    },
}

/// Why nothing was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// ENODEV.
    #[error("resource '{0}' is not registered")]
    UnknownResource(String),
    /// EOPNOTSUPP.
    #[error("operation '{0}' is neither waiting nor recurring")]
    NothingToCancel(String),
}
