//! What the vote quorum service tells, and what it answers [QG-2.11, QG-2.15].

use super::{Flags, LogLine, NodeState};
use crate::config::{CsError, Value};
use crate::wire::{NodeId, RingId};

/// What the service tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For the quorum service, before clients hear of it: the end of a round, or a change between rounds.
    Decided {
        /// Whether the partition may act.
        quorate: bool,
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// The state, for clients: all nodes ever known.
    Quorum {
        /// Whether the partition may act.
        quorate: bool,
        /// Every node with its state; the device, where it is registered here, is last with state `None`.
        nodes: Vec<(NodeId, Option<NodeState>)>,
    },
    /// The members of a new ring, before it is decided upon.
    NodeList {
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// The expectation changed.
    ExpectedVotes(u32),
    /// A run-time key has a new value.
    Key(&'static str, Value),
    /// The highest expectation ever must be remembered across restarts.
    PersistTracking(u32),
    /// The answer to the device's registration, which was waiting for its own message.
    Registered(Result<(), CsError>),
    /// For administrators.
    Log(LogLine),
}

/// The state clients and tools ask for [QG-2.15].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Whom it is about.
    pub node: NodeId,
    /// Where that node is.
    pub state: NodeState,
    /// Its votes.
    pub votes: u32,
    /// Its expectation.
    pub expected: u32,
    /// The highest expectation of all members.
    pub highest_expected: u32,
    /// Votes of all members, and of the device if it votes for that node.
    pub total: u32,
    /// The threshold.
    pub quorum: u32,
    /// `two_node`.
    pub two_node: bool,
    /// Whether this partition may act.
    pub quorate: bool,
    /// `wait_for_all`.
    pub wait_for_all: bool,
    /// `last_man_standing`.
    pub last_man_standing: bool,
    /// `auto_tie_breaker`.
    pub auto_tie_breaker: bool,
    /// `allow_downscale`.
    pub allow_downscale: bool,
    /// What that node says of itself and of its device.
    pub flags: Flags,
    /// Name of the device, empty where none was ever registered.
    pub device: String,
    /// Votes of the device.
    pub device_votes: u32,
}
