//! What controllers say to each other ([CT-1.4]).

use super::election::Ballot;
use super::feature::FeatureSet;
use super::record::Report;
use super::remote::RemoteNode;
use crate::graph::{Action, Place};
use crate::transition::LoadMode;

/// Decimal id of a cluster node; its XML id is the same number as text.
pub type NodeId = u32;

/// The version of a CIB, as a joiner reports it ([CT-4.5]); -1 for what is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Generation {
    /// `admin_epoch`
    pub admin_epoch: i64,
    /// `epoch`
    pub epoch: i64,
    /// `num_updates`
    pub num_updates: i64,
}

/// Which failures to clear ([CT-5.14]).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Clearing {
    /// The resource's name in fail counts.
    pub resource: String,
    /// Only of this operation and interval in milliseconds.
    pub operation: Option<(String, u64)>,
    /// On this node.
    pub place: Place,
    /// Key of the graph action that asks.
    pub key: String,
}

/// Which history to delete ([CT-6.7], [CT-6.9]).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deletion {
    /// Of this resource; `None`: of all.
    pub resource: Option<String>,
    /// On this node; `None`: on the receiver.
    pub place: Option<Place>,
    /// Only in the CIB.
    pub cib_only: bool,
    /// Key of the graph action that asks; `None`: a tool does.
    pub key: Option<String>,
}

/// One message of the controllers' group. All travel in the group's total order, also those to one node.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Message {
    /// Makes the receiver learn the sender.
    Hello,
    /// Sent after every membership change; reveals a second coordinator.
    Noop {
        /// The sender coordinates.
        from_dc: bool,
    },
    /// A vote.
    Vote(Ballot),
    /// The answer of a better candidate.
    NoVote(Ballot),
    /// A node looks for the coordinator.
    JoinAnnounce,
    /// The coordinator offers to join.
    JoinOffer {
        /// Round of offers.
        join: u32,
        /// The coordinator is about to leave.
        dc_leaving: bool,
        /// Its feature set.
        feature_set: FeatureSet,
    },
    /// A node wants to join with the CIB it has.
    JoinRequest {
        /// Round of offers.
        join: u32,
        /// Feature set of the node.
        feature_set: FeatureSet,
        /// Version of its CIB, if it has one, and whether its schema is known.
        generation: Option<Generation>,
    },
    /// The coordinator's verdict.
    JoinResult {
        /// Round of offers.
        join: u32,
        /// Accepted, or refused for good.
        accepted: bool,
        /// The coordinator is about to leave.
        dc_leaving: bool,
        /// Its feature set.
        feature_set: FeatureSet,
        /// Remote nodes that have been connected.
        remotes: Vec<RemoteNode>,
    },
    /// The node has joined: its state with all it remembers of its resources, as XML.
    JoinConfirm {
        /// Round of offers.
        join: u32,
        /// A `node_state` element.
        node_state: String,
    },
    /// The sender wants to leave.
    ShutdownRequest,
    /// The receiver may leave.
    DoShutdown,
    /// An operation for the receiver's executor.
    Invoke {
        /// The action of the graph.
        action: Box<Action>,
        /// Its transition key.
        key: String,
        /// Feature set of the graph, recorded in the history.
        feature_set: String,
    },
    /// A result that is not recorded ([CT-6.2]).
    Result {
        /// The node on which it ran.
        place: Place,
        /// The resource it is for.
        resource: String,
        /// Key of the action.
        key: String,
        /// `TASK_INTERVAL` part and more of the operation.
        operation_key: String,
        /// What happened.
        report: Report,
    },
    /// Clear failures of a resource.
    ClearFailures(Clearing),
    /// Load of the sender.
    Throttle {
        /// How much.
        mode: LoadMode,
        /// Jobs it would take without load.
        max: u32,
    },
    /// A graph says which remote nodes are in maintenance.
    MaintenanceNodes(Vec<(String, bool)>),
    /// Simulated failure of a resource ([CT-6.8]).
    FailResource {
        /// The resource.
        resource: String,
        /// On this remote node, or on the receiver itself.
        remote: Option<String>,
    },
    /// Forget what is known of a resource, or of all ([CT-6.7], [CT-6.9]).
    DeleteHistory(Deletion),
    /// A remote node came or went.
    RemoteState(RemoteNode),
    /// Forget inactive nodes with that id or name.
    ForgetNode {
        /// Id of the node.
        id: Option<NodeId>,
        /// Name of the node.
        name: Option<String>,
    },
}

impl Message {
    /// The task, if only a coordinator says this.
    pub(super) fn of_dc(&self) -> Option<&'static str> {
        match self {
            Message::Noop { from_dc: true } => Some("noop"),
            Message::JoinOffer { .. } => Some("join_offer"),
            Message::JoinResult { .. } => Some("join_ack_nack"),
            _ => None,
        }
    }
}

/// Who should read a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Receiver {
    /// Every controller, the sender included.
    All,
    /// One node's.
    Node(NodeId),
    /// Whoever coordinates.
    Dc,
}
