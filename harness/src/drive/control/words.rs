//! What tools ask and nodes answer, as it stands in the lines of the control protocol.

use serde::{Deserialize, Serialize};

use crate::drive::cluster;

/// Which key store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapName {
    /// Configuration and run-time keys.
    #[default]
    Icmap,
    /// Counters.
    Stats,
}

/// A value with the name of its type; bytes are written as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedValue {
    /// `u32`, `str`, and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// As tools print it.
    pub value: String,
}

/// What a tool asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Votes and membership.
    Quorum,
    /// A new expectation.
    SetExpected {
        /// The votes.
        votes: u32,
    },
    /// New votes of a node.
    SetVotes {
        /// The node; 0 is the asked one.
        node: u32,
        /// The votes.
        votes: u32,
    },
    /// The quorum device leaves this node.
    UnregisterDevice,
    /// Process groups.
    Groups,
    /// Links and their states.
    Links,
    /// Addresses of a node.
    Addresses {
        /// The node.
        node: u32,
    },
    /// Everybody reads the configuration again.
    Reload,
    /// Log files are closed and opened.
    ReopenLogs,
    /// Ends a node.
    Kill {
        /// The node.
        node: u32,
    },
    /// Stops the asked node.
    Shutdown {
        /// Whatever its clients say.
        force: bool,
    },
    /// Keys by name.
    Get {
        /// The store.
        map: MapName,
        /// The keys.
        keys: Vec<String>,
    },
    /// Keys by prefix; an empty list means all.
    List {
        /// The store.
        map: MapName,
        /// The prefixes.
        prefixes: Vec<String>,
    },
    /// Writes a key.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: TypedValue,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: String,
    },
    /// Resets counters.
    ClearStats {
        /// `knet`, `ipc`, `totem`, `schedmiss` or `all`.
        what: String,
    },
    /// Tells of every change from now on.
    Watch,
    /// Something of the cluster above the ring: answered by whole nodes.
    Cluster(cluster::Request),
}

/// Whether a node is in the ring, as the quorum table shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumRow {
    /// Node id.
    pub node: u32,
    /// Its votes.
    pub votes: u32,
    /// Its name in the node list.
    pub name: Option<String>,
    /// Its addresses, in the order of links.
    pub addresses: Vec<String>,
    /// A device is registered there.
    pub registered: bool,
    /// The device polled in time.
    pub alive: bool,
    /// The device votes for it.
    pub casts: bool,
    /// The device's vote claims the partition.
    pub master_wins: bool,
}

/// What the vote quorum service of the asked node knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteReport {
    /// Own expected votes.
    pub expected: u32,
    /// Highest expected votes.
    pub highest: u32,
    /// Total votes.
    pub total: u32,
    /// Threshold.
    pub quorum: u32,
    /// Flags as the tools name them, in their order.
    pub flags: Vec<String>,
    /// Name of the device where it is registered here.
    pub device: Option<String>,
    /// Its votes.
    pub device_votes: u32,
    /// Whether it votes for the asked node.
    pub device_casts: bool,
}

/// Votes and membership.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumReport {
    /// The provider, if there is one.
    pub provider: Option<String>,
    /// Node id of the asked node.
    pub node: u32,
    /// Ring id as tools print it.
    pub ring: String,
    /// Whether the partition may act.
    pub quorate: bool,
    /// Members, in the order of the view.
    pub members: Vec<QuorumRow>,
    /// The vote quorum service, if it is the provider.
    pub votes: Option<VoteReport>,
}

/// One process in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Name of the group in hexadecimal digits: it may hold any byte.
    pub group: String,
    /// Process id.
    pub pid: u32,
    /// Node id.
    pub node: u32,
    /// Addresses of the node.
    pub addresses: Vec<String>,
}

/// One link to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// Link number.
    pub link: u8,
    /// Set up by the administrator.
    pub enabled: bool,
    /// Judged alive.
    pub connected: bool,
    /// Largest payload.
    pub mtu: u32,
    /// Own address.
    pub from: String,
    /// Address of the node; empty where there is no such thing.
    pub to: String,
}

/// One node as the links see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Node id.
    pub node: u32,
    /// Whether messages reach it.
    pub reachable: bool,
    /// Its links.
    pub links: Vec<LinkRow>,
}

/// Links and their states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Node id of the asked node.
    pub node: u32,
    /// `udpu`, `udp` or `knet`.
    pub transport: String,
    /// All configured nodes, ascending.
    pub nodes: Vec<NodeRow>,
    /// Own links by number, with the word behind the number (`udp` for knet, nothing otherwise).
    pub links: Vec<(u8, String)>,
}

/// What happened, for watchers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A key was written.
    Key {
        /// The key.
        key: String,
        /// The value before.
        old: Option<TypedValue>,
        /// The value after; absent if the key was deleted.
        new: Option<TypedValue>,
    },
    /// A link came up or went down.
    Link {
        /// Whose.
        node: u32,
        /// Its number.
        link: u8,
        /// Which of the two.
        connected: bool,
    },
    /// A quorum notification.
    Quorum {
        /// Whether the partition may act.
        quorate: bool,
    },
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Ok,
    /// Refused, with the number of the original's answer.
    Error(u8),
    /// Votes and membership.
    Quorum(QuorumReport),
    /// Processes in the order in which tools list them.
    Groups(Vec<GroupRow>),
    /// Links.
    Links(LinkReport),
    /// Addresses.
    Addresses(Vec<String>),
    /// Keys with values, in order.
    Keys(Vec<(String, TypedValue)>),
    /// Something happened.
    Event(Event),
    /// What a whole node says about the cluster.
    Cluster(cluster::Answer),
}
