//! What a fencer is asked, and what it answers.

use super::message::{FenceResult, Message, OperationId, Record};
use crate::executor::KillScope;
use crate::standard::{Call, Exit, RunId};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A wish to fence a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The node's name.
    pub target: String,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// For each action, whole seconds.
    pub timeout_s: u64,
    /// `priority-fencing-delay`, whole seconds; `None` = no delays at all, not even a device's own.
    pub delay_s: Option<u64>,
    /// An equal operation that succeeded within so many seconds counts; 0 = never.
    pub tolerance_s: u64,
    /// Who asks: requests of different clients merge.
    pub client: String,
    /// The target may fence itself if nobody else is there.
    pub allow_self: bool,
    /// A human confirms that the target is down: nothing runs.
    pub manual: bool,
    /// The asker's own mark, handed back.
    pub token: String,
}

impl Request {
    /// A request of `client` without delay, tolerance or self-fencing.
    pub fn new(client: &str, target: &str, action: &str, timeout_s: u64) -> Self {
        Self {
            target: target.to_owned(),
            action: action.to_owned(),
            timeout_s,
            delay_s: Some(0),
            tolerance_s: 0,
            client: client.to_owned(),
            allow_self: false,
            manual: false,
            token: String::new(),
        }
    }
}

/// The answer to a [`Request`] made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The operation that gave it: the request's own, or the one it was merged with.
    pub operation: OperationId,
    /// As requested.
    pub target: String,
    /// As requested.
    pub action: String,
    /// As requested.
    pub client: String,
    /// As requested.
    pub token: String,
    /// Who carried it out.
    pub delegate: Option<String>,
    /// How it ended.
    pub result: FenceResult,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Every fencer, the sender included, in the cluster's total order.
    All,
    /// One node.
    Peer(String),
}

/// What the driver must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Run a fence agent; its end goes to [`super::Fencer::handle_exit`].
    Run(Call),
    /// Send SIGKILL to a run.
    Kill {
        /// Which run.
        run: RunId,
        /// Group or process.
        scope: KillScope,
    },
    /// Send a message.
    Send {
        /// To whom.
        to: Destination,
        /// What.
        message: Message,
    },
    /// A request made here is answered.
    Done(Verdict),
    /// An operation anywhere in the cluster is over: for the controller, alerts and tools [CT-9.11].
    Notify {
        /// The operation in its final state.
        record: Record,
        /// Several requests got this one result.
        merged: bool,
    },
    /// The answer to a device call of the executor.
    Device {
        /// Which call.
        run: RunId,
        /// For [`crate::executor::Executor::handle_exit`].
        exit: Exit,
    },
    /// This node must stop working at once: its own watchdog device was asked to fence it [CT-9.8].
    Panic {
        /// `off` or `reboot`.
        action: String,
    },
    /// The total time of a requester's operation changed: it should wait at least so long from now.
    TimeoutUpdate {
        /// The operation.
        operation: OperationId,
        /// From now.
        total: Duration,
    },
}
