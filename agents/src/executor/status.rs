//! A look at an executor.

use super::queue::{OpKey, Stage as Inner};
use super::{CallId, Executor};
use crate::standard::{AgentName, ExecutionStatus, ExitStatus, RunId};
use core::time::Duration;

/// Everything an executor knows, in order of resource id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The registered resources.
    pub resources: Vec<ResourceStatus>,
    /// Runs in flight.
    pub running: usize,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceStatus {
    /// Its id.
    pub id: String,
    /// Its agent.
    pub agent: AgentName,
    /// The operation taken from the queue, if any.
    pub active: Option<OperationStatus>,
    /// The queue, head first.
    pub pending: Vec<OperationStatus>,
    /// Recurring operations, in the order of their first start.
    pub recurring: Vec<OperationStatus>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationStatus {
    /// Its (latest) call id.
    pub call: CallId,
    /// Its action.
    pub action: String,
    /// Its interval.
    pub interval_ms: u64,
    /// Its timeout.
    pub timeout_ms: u64,
    /// Where it stands.
    pub stage: Stage,
    /// The last result.
    pub last: (ExitStatus, ExecutionStatus),
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In the queue.
    Pending,
    /// Another run of its resource is in flight.
    Blocked,
    /// In flight.
    Running(RunId),
    /// Between two executions.
    Waiting(Duration),
}

impl Executor {
    /// What is registered, waits and runs.
    pub fn status(&self) -> Status {
        let resources = self.resources.iter().map(|(id, resource)| ResourceStatus {
            id: id.clone(),
            agent: resource.agent.clone(),
            active: resource.active.and_then(|key| self.operation_status(key)),
            pending: resource.pending.iter().filter_map(|key| self.operation_status(*key)).collect(),
            recurring: resource.recurring.iter().filter_map(|key| self.operation_status(*key)).collect(),
        });
        Status { resources: resources.collect(), running: self.runs.len() }
    }

    fn operation_status(&self, key: OpKey) -> Option<OperationStatus> {
        let op = self.ops.get(&key)?;
        Some(OperationStatus {
            call: op.call,
            action: op.request.action.clone(),
            interval_ms: op.request.interval_ms,
            timeout_ms: op.request.timeout_ms,
            stage: match op.stage {
                Inner::Pending => Stage::Pending,
                Inner::Blocked => Stage::Blocked,
                Inner::Running { run, .. } => Stage::Running(run),
                Inner::Waiting { until } => Stage::Waiting(until),
            },
            last: (op.last_rc, op.last_status),
        })
    }
}
