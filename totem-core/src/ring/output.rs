//! What a ring tells its driver, in order.

use crate::wire::{ByteOrder, NodeId, RingId, WireError};
use bytes::Bytes;
use std::fmt;
use std::time::Duration;

/// One thing to carry out. Order is the contract: an output stands before those that rely on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Make this ring sequence durable before anything after it leaves the machine. [TM-8.3]
    PersistRingSequence(u64),
    /// Send to one node: a token or commit token.
    Unicast {
        /// The next member of the ring.
        to: NodeId,
        /// The whole message.
        datagram: Bytes,
    },
    /// Send to every configured node **but this one**: the ring hands its own multicasts to itself.
    Multicast {
        /// The whole message.
        datagram: Bytes,
    },
    /// An ordered message, the same at the same place at every member.
    Message(Message),
    /// A transitional or regular configuration, at its place among the messages.
    Configuration(ConfigurationChange),
    /// A token of this ring was accepted: what must go out in lockstep with the token (synchronisation) may be
    /// submitted now, for its next visit. [TM-9.2] step 10.
    TokenAccepted,
    /// The token was lost while operational: check whether the interface is up. [TM-8.9]
    CheckInterface,
    /// Something an administrator wants to read.
    Notice(Notice),
}

/// One ordered message after reassembly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The originator.
    pub from: NodeId,
    /// The ring in which the message was ordered.
    pub ring: RingId,
    /// Position of the frame that completed it, in that ring.
    pub seq: u32,
    /// The originator's byte order: integers inside the payload are in it.
    pub order: ByteOrder,
    /// Whole message: group header and data. A slice of the datagram when it came in one piece.
    pub payload: Bytes,
}

/// What a submitter asks of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Guarantee {
    /// Same order everywhere.
    #[default]
    Agreed,
    /// Same order, and delivered in the ring's configuration only when every member of it has the message; between the
    /// transitional and the regular change, when every member that came along has it. The daemons carry the mark and
    /// deliver at once ([TM-15]); what this ring says of their having the message is true all the same.
    Safe,
}

/// Which of the two changes of an installed ring. [TM-14.1]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConfigurationKind {
    /// The members that come along from the old ring; closes the old configuration.
    Transitional,
    /// The members of the new ring; opens the new configuration.
    Regular,
}

/// One configuration change. [TM-14.1]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConfigurationChange {
    /// Transitional or regular.
    pub kind: ConfigurationKind,
    /// The **new** ring, in both kinds.
    pub ring: RingId,
    /// Members, ascending by node id in a regular change.
    pub members: Vec<NodeId>,
    /// Nodes of the old configuration that did not come along; empty in a regular change.
    pub left: Vec<NodeId>,
    /// Nodes that were not in the old configuration; empty in a transitional change.
    pub joined: Vec<NodeId>,
}

/// Why a ring entered GATHER; the number is the one administrators see. [TM-8.1]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // the texts are in `Display`
#[repr(u8)]
pub enum GatherReason {
    ConsensusTimeout = 0,
    TokenLostOperational = 2,
    ConsensusExpired = 3,
    TokenLostCommit = 4,
    TokenLostRecovery = 5,
    FailedToReceive = 6,
    ForeignMessageOperational = 7,
    ForeignMessageGather = 8,
    MergeOperational = 9,
    MergeGather = 10,
    MergeJoin = 11,
    JoinOperational = 12,
    JoinCommit = 13,
    JoinRecovery = 14,
    InterfaceChange = 15,
}

impl fmt::Display for GatherReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GatherReason::ConsensusTimeout => "consensus timeout",
            GatherReason::TokenLostOperational => "The token was lost in the OPERATIONAL state.",
            GatherReason::ConsensusExpired => "The consensus timeout expired.",
            GatherReason::TokenLostCommit => "The token was lost in the COMMIT state.",
            GatherReason::TokenLostRecovery => "The token was lost in the RECOVERY state.",
            GatherReason::FailedToReceive => "failed to receive",
            GatherReason::ForeignMessageOperational => "foreign message in operational state",
            GatherReason::ForeignMessageGather => "foreign message in gather state",
            GatherReason::MergeOperational => "merge during operational state",
            GatherReason::MergeGather => "merge during gather state",
            GatherReason::MergeJoin => "merge during join",
            GatherReason::JoinOperational => "join during operational state",
            GatherReason::JoinCommit => "join during commit state",
            GatherReason::JoinRecovery => "join during recovery",
            GatherReason::InterfaceChange => "interface change",
        })
    }
}

/// What administrators read in the daemons' logs, as data; `Display` gives their words. [TM-10.3] [TM-18]
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// GATHER was entered.
    Gather(GatherReason),
    /// The commit token was completed: a ring is being formed.
    Recovery,
    /// A ring was installed.
    Membership {
        /// The new ring.
        ring: RingId,
        /// Who is new.
        joined: Vec<NodeId>,
        /// Who is gone.
        left: Vec<NodeId>,
    },
    /// Members are gone that never said so.
    NoLeaveMessage(Vec<NodeId>),
    /// The token did not come in time.
    TokenLost {
        /// Token timeout in milliseconds.
        token_ms: u64,
        /// Consensus timeout in milliseconds.
        consensus_ms: u64,
    },
    /// The token is late.
    TokenLate {
        /// Milliseconds since the last accepted token.
        ms: u64,
    },
    /// This node gave itself up: it cannot receive what the others send.
    FailedToReceive,
    /// The driver did not call for longer than half the token timeout.
    Pause(Duration),
    /// A token carried retransmission requests.
    RetransmitList(Vec<u32>),
    /// A leave announcement came.
    Leave(NodeId),
    /// Gathering does not come to an end.
    CannotForm,
    /// A datagram or packet was refused.
    Refused(WireError),
    /// A fragment did not continue what came before. [TM-13.2]
    FragmentMismatch {
        /// The originator.
        from: NodeId,
        /// The number the packet continues.
        continuation: u8,
        /// The number expected.
        last: u8,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, label: &str, nodes: &[NodeId]| {
            if !nodes.is_empty() {
                f.write_str(label)?;
            }
            nodes.iter().try_for_each(|n| write!(f, " {n}"))
        };
        match self {
            Notice::Gather(reason) => write!(f, "entering GATHER state from {}({reason}).", *reason as u8),
            Notice::Recovery => f.write_str("entering RECOVERY state."),
            Notice::Membership { ring, joined, left } => {
                write!(f, "A new membership ({ring}) was formed. Members")?;
                list(f, " joined:", joined)?;
                list(f, " left:", left)
            }
            Notice::NoLeaveMessage(nodes) => list(f, "Failed to receive the leave message. failed:", nodes),
            Notice::TokenLost { token_ms, consensus_ms } => write!(
                f,
                "A processor failed, forming new configuration: token timed out ({token_ms}ms), waiting {consensus_ms}ms for consensus."
            ),
            Notice::TokenLate { ms } => write!(f, "Token has not been received in {ms} ms"),
            Notice::FailedToReceive => f.write_str("FAILED TO RECEIVE"),
            Notice::Pause(d) => {
                write!(f, "Process pause detected for {} ms, flushing membership messages.", d.as_millis())
            }
            Notice::RetransmitList(seqs) => {
                f.write_str("Retransmit List: ")?;
                seqs.iter().try_for_each(|s| write!(f, "{s:x} "))
            }
            Notice::Leave(node) => write!(f, "Received LEAVE message from {node}"),
            Notice::CannotForm => f.write_str(
                "Totem is unable to form a cluster because of an operating system or network fault (reason: totem is continuously in gather state). The most common cause of this message is that the local firewall is configured improperly.",
            ),
            Notice::Refused(e) => e.fmt(f),
            Notice::FragmentMismatch { continuation, last, .. } => {
                write!(f, "fragmented continuation {continuation} is not equal to assembly last_frag_num {last}")
            }
        }
    }
}
