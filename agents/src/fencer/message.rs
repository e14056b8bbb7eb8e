//! What fencers tell each other [CT-9.15].

use crate::standard::{ExecutionStatus, ExitStatus};
use serde::{Deserialize, Serialize};

/// Names a fencing operation in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub String);

/// How a fencing operation, or one action of one device, ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceResult {
    /// The agent's exit status.
    pub rc: ExitStatus,
    /// How far it got.
    pub status: ExecutionStatus,
    /// One line that explains it.
    pub reason: Option<String>,
    /// What the agent printed.
    pub output: String,
}

impl FenceResult {
    /// Success.
    pub fn ok() -> Self {
        Self { rc: ExitStatus::OK, status: ExecutionStatus::Done, reason: None, output: String::new() }
    }

    /// A failure with its reason.
    pub fn failed(rc: u8, status: ExecutionStatus, reason: impl Into<String>) -> Self {
        Self { rc: ExitStatus(rc), status, reason: Some(reason.into()), output: String::new() }
    }

    /// Done and 0.
    pub fn is_ok(&self) -> bool {
        self.status == ExecutionStatus::Done && self.rc == ExitStatus::OK
    }
}

/// What a device can do for one action on one target, as its peer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActionOffer {
    /// `pcmk_ACTION_timeout`, if set; milliseconds.
    pub timeout_ms: Option<u64>,
    /// `pcmk_delay_max`, milliseconds.
    pub delay_max_ms: u64,
    /// `pcmk_delay_base`, milliseconds.
    pub delay_base_ms: u64,
    /// The action must run on its target for it to join (automatic unfencing).
    pub required: bool,
    /// This peer may not run the action.
    pub disallowed: bool,
}

/// A device that a peer offers for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOffer {
    /// Its id.
    pub id: String,
    /// Its agent.
    pub agent: String,
    /// A list, monitor or status succeeded.
    pub verified: bool,
    /// It has `on`.
    pub supports_on: bool,
    /// Automatic unfencing.
    pub automatic_unfencing: bool,
    /// `pcmk_reboot_action`, if set.
    pub reboot_action: Option<String>,
    /// For the requested action.
    pub requested: ActionOffer,
    /// For `off`, when a reboot is requested.
    pub off: ActionOffer,
    /// For `on`, when a reboot is requested.
    pub on: ActionOffer,
}

/// An operation as every peer knows it: the broadcast of a request, an entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: OperationId,
    /// Whom it fences.
    pub target: String,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// The node that owns it.
    pub origin: String,
    /// The node that carried it out, or `a human`.
    pub delegate: Option<String>,
    /// Who asked for it.
    pub client: String,
    /// Where it stands.
    pub state: OperationState,
    /// Epoch seconds and nanoseconds of its completion.
    pub completed: Option<(u64, u32)>,
    /// Its result, once it is over.
    pub result: Option<FenceResult>,
    /// Its total timeout, milliseconds.
    pub timeout_ms: u64,
}

/// Where an operation stands [CT-9.6].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OperationState {
    /// Peers are asked for devices.
    Query,
    /// A device works.
    Exec,
    /// Succeeded.
    Done,
    /// Waits for another operation that does the same.
    Duplicate,
    /// Failed.
    Failed,
}

impl OperationState {
    /// Over, one way or the other.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }

    /// Its number on the wire and in the history.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The text of notifications.
    pub fn text(self) -> &'static str {
        match self {
            Self::Query => "querying",
            Self::Exec => "executing",
            Self::Done => "completed",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
        }
    }

    /// The text of the history display.
    pub fn display(self) -> &'static str {
        match self {
            Self::Done => "successful",
            Self::Failed => "failed",
            _ => "pending",
        }
    }
}

/// From one fencer to another, or to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To all: who has devices for this? Also tells everybody of the operation. (`st_query`)
    Query {
        /// The operation.
        record: Record,
        /// The local place-holder that a relayed operation replaces at its target.
        relayed_from: Option<OperationId>,
        /// The target may fence itself.
        allow_self: bool,
    },
    /// To the owner: these devices. (answer to `st_query`)
    Offer {
        /// The operation.
        id: OperationId,
        /// Devices able to fence the target.
        devices: Vec<DeviceOffer>,
    },
    /// To one peer: run this action. (`st_fence`)
    Execute(Order),
    /// To the owner: how it ended.
    Executed {
        /// The operation.
        id: OperationId,
        /// The device asked for.
        device: Option<String>,
        /// The result.
        result: FenceResult,
    },
    /// To all: an operation is over. Only this makes a result final. (`st_notify`)
    Finished {
        /// The operation in its final state.
        record: Record,
        /// Several requests got this one result.
        merged: bool,
    },
    /// To one peer: own this operation, because its target is the sender. (`st_relay`)
    Relay {
        /// The request.
        request: super::Request,
        /// The sender's place-holder.
        placeholder: OperationId,
    },
    /// To all: my history. (`st_fence_history`)
    History {
        /// Entries.
        records: Vec<Record>,
        /// Only what the other lacked: merge, do not answer.
        differential: bool,
    },
    /// To all: forget finished operations, of one target or of all.
    Cleanup {
        /// The target.
        target: Option<String>,
    },
}

/// One peer's part of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The operation.
    pub id: OperationId,
    /// The target.
    pub target: String,
    /// The action of the phase.
    pub action: String,
    /// One device (topology), or whatever is capable.
    pub device: Option<String>,
    /// Who asked, for merging.
    pub client: String,
    /// For each action, milliseconds.
    pub timeout_ms: u64,
    /// Requested delay in milliseconds; `None` = no delays at all.
    pub delay_ms: Option<u64>,
    /// The target may fence itself.
    pub allow_self: bool,
}
