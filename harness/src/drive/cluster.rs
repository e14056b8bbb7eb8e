//! What tools ask of a whole cluster node over the control socket, beside what they ask of its ring: the CIB, nodes,
//! resources, fencing, attributes. A change is answered once the node says that it is done, not when it was accepted.

use serde::{Deserialize, Serialize};

/// What a tool asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Who the node is and how it sees the cluster.
    Status,
    /// A request to the CIB, in the form that CIB messages have: an element `cib_command`.
    Cib {
        /// The element as XML.
        command: String,
    },
    /// Failures and histories are forgotten, so that resources are looked at anew.
    CleanUp {
        /// Of this resource, or of all.
        resource: Option<String>,
        /// On this node, or on all.
        node: Option<String>,
    },
    /// Fail counts are forgotten.
    ClearFailures {
        /// Of this resource, or of all.
        resource: Option<String>,
        /// Of this operation and interval in milliseconds, or of all.
        operation: Option<(String, u64)>,
        /// On this node, or on all.
        node: Option<String>,
    },
    /// A resource is taken for failed on a node.
    Fail {
        /// The resource.
        resource: String,
        /// The node.
        node: String,
    },
    /// A node goes to standby or comes back.
    Standby {
        /// The node.
        node: String,
        /// To standby.
        on: bool,
    },
    /// A node's resources are left alone, or looked after again.
    Maintenance {
        /// The node.
        node: String,
        /// Left alone.
        on: bool,
    },
    /// A node is fenced; the answer is the end of it.
    Fence {
        /// The node.
        target: String,
        /// `off`, `reboot` or `on`.
        action: String,
    },
    /// What was fenced.
    FencingHistory {
        /// Only this target.
        target: Option<String>,
    },
    /// Finished fencing operations are forgotten everywhere.
    ForgetFencing {
        /// Of this target, or of all.
        target: Option<String>,
    },
    /// Node attributes that live as long as the node is up, fail counts among them.
    Attributes {
        /// Only this one.
        name: Option<String>,
        /// Only of this node.
        node: Option<String>,
    },
    /// Sets or unsets a node attribute.
    SetAttribute {
        /// The node; the asked one if absent.
        node: Option<String>,
        /// Name of the attribute.
        name: String,
        /// The value; absent to unset it.
        value: Option<String>,
        /// Dampening, milliseconds.
        delay_ms: Option<u64>,
        /// Outlives a reboot: part of the configuration.
        permanent: bool,
    },
    /// The asked node leaves the cluster: its resources move away first.
    Leave,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Taken: it takes effect in the cluster's own order.
    Accepted,
    /// Refused.
    Refused {
        /// Why.
        reason: String,
    },
    /// Who the node is.
    Status(NodeReport),
    /// The end of a request to the CIB.
    Cib {
        /// 0, or the code of its failure as CIB messages carry it.
        code: i32,
        /// What it puts out, as XML.
        output: Option<String>,
    },
    /// The end of fencing.
    Fenced {
        /// Whether it succeeded.
        ok: bool,
        /// One line that explains it.
        reason: Option<String>,
    },
    /// What was fenced, newest first.
    Fencing(Vec<FencingRow>),
    /// Attributes by name and node.
    Attributes(Vec<AttributeRow>),
}

/// A node as it sees itself and the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// State of its controller.
    pub state: String,
    /// Name of the coordinator, if one is known.
    pub dc: Option<String>,
    /// The ring: representative and sequence.
    pub ring: String,
    /// Whether its partition has quorum.
    pub quorate: bool,
    /// Names of the nodes whose controllers are online.
    pub online: Vec<String>,
    /// Version of its copy of the CIB.
    pub version: String,
    /// Digest of its copy.
    pub digest: String,
    /// Whether the copy is known to be that of all members.
    pub synchronized: bool,
    /// Whether nothing is under way and nothing left to do.
    pub idle: bool,
}

/// A fencing operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FencingRow {
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
    pub state: String,
    /// Seconds since the epoch at its end.
    pub completed: Option<u64>,
    /// Nanoseconds beside them.
    #[serde(default)]
    pub nanoseconds: u32,
    /// Why it failed.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The value of an attribute on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeRow {
    /// Name of the attribute.
    pub name: String,
    /// The node.
    pub node: String,
    /// The value; absent if it was unset.
    pub value: Option<String>,
}
