//! What a member tells its driver and its users, in order.

use super::LinkIx;
use crate::config::{ControlOutput, Value};
use crate::groups::{Address, ConnectionId, GroupName};
use crate::quorum::LogLine;
use crate::ring::{ConfigurationChange, Notice};
use crate::wire::{NodeId, RingId};
use bytes::Bytes;
use std::net::SocketAddr;

/// One thing to carry out or to tell. Order is the contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Durable before anything after it leaves.
    PersistRingSequence(u64),
    /// The highest number of expected votes ever; durable before anything after it leaves.
    PersistTracking(u32),
    /// Send a datagram.
    Transmit {
        /// On this link.
        link: LinkIx,
        /// To this address.
        to: SocketAddr,
        /// These bytes.
        datagram: Bytes,
    },
    /// The ring changed, at this place among the messages.
    Configuration(ConfigurationChange),
    /// The services of this ring have synchronised: messages flow again.
    Synchronized(RingId),
    /// Whether this partition may act.
    Quorum(QuorumChange),
    /// An ordered message of a group this member joined.
    Message {
        /// Which of the member's connections to groups.
        to: ConnectionId,
        /// The group.
        group: GroupName,
        /// Node of the sender.
        from: NodeId,
        /// Process of the sender.
        pid: u32,
        /// The ring in which it was ordered.
        ring: RingId,
        /// Position of the frame that completed it, in that ring.
        seq: u32,
        /// The message.
        payload: Bytes,
    },
    /// A group changed.
    Group(GroupChange),
    /// What the vote quorum service tells its clients.
    Votes(crate::quorum::Output),
    /// What the quorum service tells its clients.
    View(crate::quorum::ViewOutput),
    /// The ring's members, for a client of a group that asked for them.
    GroupRing {
        /// The client.
        to: ConnectionId,
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// What the configuration service wants: stop, kill, reload, answers.
    Control(ControlOutput),
    /// This node's configuration is not the cluster's: stop in order.
    Stop,
    /// A run-time key has a new value.
    Key(String, Value),
    /// Check whether the interface is up.
    CheckInterface,
    /// What the ring wants administrators to know.
    Notice(Notice),
    /// A redundant link came up or went down.
    Link {
        /// To this node.
        host: NodeId,
        /// Its number.
        link: u8,
        /// Which of the two.
        up: bool,
    },
    /// What a service wants administrators to know.
    Log(LogLine),
}

/// A decision on quorum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuorumChange {
    /// Whether this partition may act.
    pub quorate: bool,
    /// The ring it is about.
    pub ring: RingId,
    /// Its members.
    pub members: Vec<NodeId>,
}

/// A change of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupChange {
    /// Which of the member's connections to groups.
    pub to: ConnectionId,
    /// The group.
    pub group: GroupName,
    /// Who is in it now.
    pub members: Vec<Address>,
    /// Who left, and why.
    pub left: Vec<Address>,
    /// Who came, and why.
    pub joined: Vec<Address>,
}
