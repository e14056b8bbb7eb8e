//! Alerts: what an administrator may be told, and whom it is told ([CT-10]).

use super::{Controller, FencingOutcome, NodeId, Output};
use std::time::Duration;

/// Something an administrator may be told ([CT-10.2]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A node appeared or was lost.
    Node {
        /// Its name.
        node: String,
        /// Its id, unless it is a remote node.
        id: Option<NodeId>,
        /// Whether it is a member now.
        member: bool,
    },
    /// A fencing operation ended.
    Fencing(FencingOutcome),
    /// An operation of a resource ended.
    Resource {
        /// Where it ran.
        node: String,
        /// The resource.
        resource: String,
        /// The task.
        task: String,
        /// Interval in milliseconds.
        interval_ms: u64,
        /// Exit code.
        rc: i32,
        /// The exit code that was expected.
        target_rc: i32,
        /// Operation status.
        op_status: i32,
        /// How long it ran, milliseconds.
        exec_ms: u64,
        /// Its timeout, milliseconds.
        timeout_ms: u64,
    },
    /// A node attribute was written.
    Attribute {
        /// Whose.
        node: String,
        /// Its id, unless it is a remote node or unknown.
        id: Option<NodeId>,
        /// Name of the attribute.
        name: String,
        /// The value; `None`: it was unset.
        value: Option<String>,
    },
}

/// One configured alert with one of its recipients ([CT-10.1]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTarget {
    /// Id of the alert, or of the recipient.
    pub id: String,
    /// Full path of the agent.
    pub path: String,
    /// The recipient's value; empty where the alert has none.
    pub recipient: String,
    /// How long the agent may take.
    pub timeout: Duration,
    /// How times are written, after `strftime`; `None`: the default.
    pub timestamp_format: Option<String>,
    /// Instance attributes, the recipient's before the alert's.
    pub attributes: Vec<(String, String)>,
}

impl Controller {
    /// Calls all agents that want to know of this, the last configured first.
    pub(super) fn alert(&mut self, alert: &Alert) {
        let calls = self.alerts.wanting(alert).map(|to| Output::Alert { to: to.clone(), alert: alert.clone() });
        self.outputs.extend(calls);
    }

    /// The attribute manager of this node has written a value ([CT-10.2]).
    pub fn handle_attribute_written(&mut self, node: &str, name: &str, value: Option<&str>) {
        let id = self.peers.named(node).map(|p| p.id);
        let (node, name, value) = (node.to_owned(), name.to_owned(), value.map(str::to_owned));
        self.alert(&Alert::Attribute { node, id, name, value });
    }
}
