//! What a controller asks its driver to do.

#[cfg(doc)]
use super::Controller;
use super::{
    AgentKey, Alert, AlertTarget, CibWrite, Event, FencingRequest, Message, NodeId, Operation, Receiver, RemoteCommand,
    ScheduleRequest,
};
use crate::attributes;

/// Number of a CIB write, given back with its end.
pub type CallId = u64;

/// What the driver has to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send to the ordered group of the controllers.
    Send {
        /// Who reads it.
        to: Receiver,
        /// The message.
        message: Message,
    },
    /// Write to the CIB, all or nothing; answer with [`Controller::handle_written`].
    Write {
        /// Number of the write.
        call: CallId,
        /// What to write, in order.
        writes: Vec<CibWrite>,
    },
    /// Make the copy of this node everyone's; answer with [`Controller::handle_synced`].
    SyncCib {
        /// Number of the request.
        call: CallId,
        /// Who holds the best copy.
        holder: NodeId,
    },
    /// Compute a schedule from the CIB as it is now; answer with [`Controller::handle_graph`].
    Schedule(ScheduleRequest),
    /// Run an operation on this node, or over its connection on a remote node ([`Operation::remote`]); answer with [`Controller::handle_report`], for recurring ones each time the
    /// result changes.
    Execute(Operation),
    /// Cancel recurring operations of this node with this resource, task and interval; each cancelled operation ends
    /// with a report of status cancelled, and so does one that the executor does not know.
    Cancel {
        /// The remote node whose executor has it; `None`: this node's own.
        remote: Option<String>,
        /// Number of the operation.
        call: u32,
        /// Its resource.
        resource: String,
        /// Its task.
        task: String,
        /// Its interval, milliseconds.
        interval_ms: u64,
    },
    /// Forget a resource in the executor.
    Unregister {
        /// The remote node whose executor knows it; `None`: this node's own.
        remote: Option<String>,
        /// Its name.
        resource: String,
    },
    /// Read the meta-data of an agent; answer with [`Controller::handle_agent`], also if there is none.
    AskAgent {
        /// Class, provider and type.
        agent: AgentKey,
        /// The remote node on which it is; `None`: this node.
        remote: Option<String>,
    },
    /// Do something about the connection to a remote node; what comes of it is told by [`Controller::handle_remote`].
    Remote {
        /// Name of the remote node.
        remote: String,
        /// What to do.
        command: RemoteCommand,
    },
    /// Change node attributes.
    Attribute(attributes::Request),
    /// Fence a node; the result comes through [`Controller::handle_fenced`] on every node.
    Fence(FencingRequest),
    /// Have all fencers exchange their histories.
    SyncFencing,
    /// Run an alert agent; its result does not matter.
    Alert {
        /// Whom to tell.
        to: AlertTarget,
        /// What happened.
        alert: Alert,
    },
    /// Something worth a line in the log.
    Log(Event),
    /// Leave the group and end with this code ([CT-11]).
    Exit {
        /// 0 normal, 1 error, 100 stay down.
        code: u8,
    },
    /// Reset the node at once.
    Panic,
}
