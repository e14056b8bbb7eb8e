//! What a node tells of itself, for logs and timelines.

use std::fmt;

use totem_core::ring::ConfigurationChange;
use totem_core::wire::RingId;

/// What the ring did with the messages of the group, for whoever checks it: only with
/// [`NodeConfig::observed`](super::NodeConfig::observed).
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// The ring has taken a message of this node.
    Submitted {
        /// Start of this node.
        life: u32,
        /// Counts its messages from 0.
        count: u32,
    },
    /// The ring has delivered a message.
    Delivered {
        /// Id of the sender.
        from: u32,
        /// Start of the sender.
        life: u32,
        /// Counts the sender's messages from 0.
        count: u32,
        /// The ring in which it was ordered.
        ring: RingId,
        /// Its position there.
        seq: u32,
        /// Every member of the ring had it before.
        safe: bool,
    },
    /// The configuration has changed at this place.
    Changed(ConfigurationChange),
}

/// One line about a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A ring was formed.
    Ring {
        /// Representative and sequence.
        id: String,
        /// Names of the members.
        members: Vec<String>,
    },
    /// Quorum was gained or lost.
    Quorum(bool),
    /// A line of the controller.
    Controller(policy_core::controller::Event),
    /// A node attribute has a new value.
    Attribute {
        /// Its name.
        name: String,
        /// Whose.
        node: String,
        /// Value before.
        old: Option<String>,
        /// Value now.
        new: Option<String>,
    },
    /// An alert agent is called.
    Alert {
        /// Its path.
        path: String,
        /// The recipient.
        recipient: String,
    },
    /// A write that a client asked for has ended.
    Acknowledged {
        /// The client's number.
        number: u64,
        /// Whether it succeeded.
        ok: bool,
    },
    /// The process group of the nodes changed.
    Group {
        /// Ids of who is in it.
        members: Vec<u32>,
        /// Ids of who left.
        left: Vec<u32>,
        /// Ids of who came.
        joined: Vec<u32>,
    },
    /// All members of the group hold one CIB.
    Synchronized {
        /// Its version.
        version: String,
        /// Whose copy it was, unless all had the same.
        owner: Option<String>,
    },
    /// The stored CIB was read.
    CibLoaded(String),
    /// What the ring did.
    Order(Order),
    /// Something worth a warning.
    Warning(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Ring { id, members } => {
                write!(f, "A new membership ({id}) was formed. Members: {}", members.join(" "))
            }
            Event::Quorum(true) => f.write_str("This node is within the primary component and will provide service."),
            Event::Quorum(false) => {
                f.write_str("This node is within the non-primary component and will NOT provide any service.")
            }
            Event::Controller(event) => event.fmt(f),
            Event::Attribute { name, node, old, new } => {
                let show = |v: &Option<String>| v.clone().unwrap_or_else(|| "(unset)".to_owned());
                write!(f, "Setting {name}[{node}] in instance_attributes: {} -> {}", show(old), show(new))
            }
            Event::Alert { path, recipient } => write!(f, "Calling alert agent {path} for '{recipient}'"),
            Event::Acknowledged { number, ok } => {
                write!(f, "write {number} {}", if *ok { "acknowledged" } else { "refused" })
            }
            Event::Group { members, left, joined } => {
                write!(f, "group is {members:?}, left {left:?}, joined {joined:?}")
            }
            Event::Synchronized { version, owner: None } => write!(f, "all copies of the CIB are equal: {version}"),
            Event::Synchronized { version, owner: Some(owner) } => {
                write!(f, "the CIB of {owner} is everybody's: {version}")
            }
            Event::Order(order) => write!(f, "{order:?}"),
            Event::CibLoaded(text) | Event::Warning(text) => f.write_str(text),
        }
    }
}
