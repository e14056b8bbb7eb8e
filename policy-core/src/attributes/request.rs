//! What is asked of attribute managers, and what they say to each other ([CT-8.2], [CT-8.3]).

use super::values::Attribute;
use crate::controller::{Ballot, NodeId};
use std::collections::BTreeMap;

/// One value for one node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Update {
    /// Name of the attribute.
    pub name: String,
    /// The value; `None` unsets it. `value++` and `value+=N` count up ([CT-8.5]).
    pub value: Option<String>,
    /// Name of the node; `None` is the node that asks.
    pub node: Option<String>,
    /// Dampening in milliseconds; used for a new attribute, or if `set_delay`.
    pub delay_ms: Option<u64>,
    /// Change the delay of an existing attribute, too.
    pub set_delay: bool,
    /// Never written to the CIB.
    pub private: bool,
    /// Written as utilization instead of as an instance attribute.
    pub utilization: bool,
    /// Id of the set in the CIB to put it in; `None`: `status-ID`. Used for a new attribute.
    pub set: Option<String>,
    /// The node is a remote one: its name is its id in the CIB.
    pub remote: bool,
}

impl Update {
    /// An undampened update.
    pub fn new(name: &str, value: Option<&str>, node: &str) -> Self {
        Update {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            node: Some(node.to_owned()),
            delay_ms: None,
            set_delay: false,
            private: false,
            utilization: false,
            set: None,
            remote: false,
        }
    }

    /// The same, dampened by this many milliseconds.
    #[must_use]
    pub fn dampened(mut self, delay_ms: u64) -> Self {
        self.delay_ms = Some(delay_ms);
        self
    }
}

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Request {
    /// Set values, in order.
    Update(Vec<Update>),
    /// Set the value of every existing attribute whose name matches.
    UpdateMatching {
        /// Extended regular expression, not anchored.
        pattern: String,
        /// What to set; its name does not matter.
        update: Update,
    },
    /// Change the delay of an existing attribute.
    UpdateDelay {
        /// Name of the attribute.
        name: String,
        /// Milliseconds.
        delay_ms: u64,
    },
    /// Unset failure attributes ([CT-8.9]).
    ClearFailure {
        /// Of this resource, or of all.
        resource: Option<String>,
        /// Of this operation and interval in milliseconds, or of all.
        operation: Option<(String, u64)>,
        /// On this node, or on all.
        node: Option<String>,
    },
    /// Forget a node's values.
    PeerRemove {
        /// Its name.
        node: String,
        /// Forget the node, too.
        reap: bool,
    },
    /// Write everything now, ignoring delays.
    Refresh,
}

impl Request {
    /// One undampened update.
    pub fn update(name: &str, value: Option<&str>, node: &str) -> Self {
        Request::Update(vec![Update::new(name, value, node)])
    }
}

/// When a request that waits is answered ([CT-8.10]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SyncPoint {
    /// It has been applied on this node.
    Local,
    /// It has been applied on every node.
    Cluster,
}

/// A message of the managers' group.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Message {
    /// A checked and expanded request.
    Request(Request),
    /// A request whose asker waits.
    Awaited {
        /// The asker's number.
        ticket: u64,
        /// What it waits for.
        until: SyncPoint,
        /// The request.
        request: Request,
    },
    /// A request has been applied on the sender.
    Confirm {
        /// The node that asked.
        to: NodeId,
        /// Its number for the request.
        ticket: u64,
    },
    /// A vote, or the answer to one.
    Vote {
        /// The voter, for an answer.
        to: Option<NodeId>,
        /// The ballot.
        ballot: Ballot,
    },
    /// All values of the sender.
    Sync {
        /// A new node, or everybody.
        to: Option<NodeId>,
        /// The sender is the writer.
        from_writer: bool,
        /// The values.
        attributes: BTreeMap<String, Attribute>,
    },
}

/// A request that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The delay of an unknown attribute cannot be changed.
    #[error("Attribute {0} does not exist")]
    Unknown(String),
    /// The expression cannot be read.
    #[error("'{pattern}' is not a regular expression: {why}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}
