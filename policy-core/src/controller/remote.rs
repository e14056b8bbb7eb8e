//! Pacemaker Remote and guest nodes as members of the cluster: who they are, and what happens when they come and go ([CT-7.8]).

use super::coordinate::Abort;
use super::record::{Record, op_status};
use super::{Alert, CibWrite, Controller, Event, Message, NodeId, Operation, Output, Receiver, Report, WriteEnd};
use crate::attributes;
use crate::graph::Place;
use std::time::Duration;

/// A remote node whose connection goes back further than the loss of its host by this much was not restarted.
const GRACE: Duration = Duration::from_secs(20);

/// What all controllers know of a remote node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemoteNode {
    /// Its name, which is also its id in the CIB.
    pub name: String,
    /// Its executor is connected.
    pub member: bool,
    /// The cluster node that holds, or held, the connection.
    pub host: Option<NodeId>,
    /// Epoch second when it became a member; 0 if it is none.
    pub since: u64,
}

impl Controller {
    /// Remote nodes that were ever heard of, by name.
    pub fn remotes(&self) -> impl Iterator<Item = &RemoteNode> {
        self.remotes.values()
    }

    /// Whether a node is a remote one, as far as is known here.
    pub(super) fn is_remote(&self, name: &str) -> bool {
        self.remotes.contains_key(name) || self.peers.named(name).is_none()
    }

    /// The node with this id in the CIB; ids of remote nodes are their names.
    pub(super) fn place_with_id(&self, xml_id: &str) -> Option<Place> {
        let name = match xml_id.parse() {
            Ok(id) => self.peers.get(id)?.name.clone(),
            Err(_) => xml_id.to_owned(),
        };
        (!name.is_empty()).then(|| Place { name, uuid: xml_id.to_owned() })
    }

    /// Why an operation cannot reach the executor of a remote node.
    pub(super) fn missing_connection(&self, remote: Option<&str>) -> Option<&'static str> {
        let name = remote?;
        match self.connections.get(name) {
            None => Some("Local node has no connection to remote"),
            Some(connection) if !connection.up => Some("Not connected to remote executor"),
            Some(_) => None,
        }
    }

    /// An operation on a remote node has ended; it may have been given out by another node.
    pub(super) fn take_remote_report(&mut self, name: &str, operation: Operation, report: Report) {
        let Some(lrm) = self.remote_lrms.get_mut(name) else { return };
        let call = operation.call;
        if !lrm.operations.contains_key(&call) {
            if operation.interval_ms == 0 {
                return; // nobody waits for it any more
            }
            lrm.next_call = lrm.next_call.max(call.saturating_add(1));
            lrm.resource(&operation.resource, &operation.agent);
            let record = Record { operation, call_id: i64::from(call), report: Report::default(), agent: None };
            lrm.operations.insert(call, record);
        }
        self.take_report(Some(name), call, report);
    }

    /// What was in flight over a broken connection has failed ([CT-6.1]).
    pub(super) fn fail_remote_operations(&mut self, now: Duration, name: &str) {
        let Some(lrm) = self.remote_lrms.remove(name) else { return };
        let calls: Vec<(u32, u64)> = lrm.operations.iter().map(|(&call, r)| (call, r.report.started)).collect();
        self.remote_lrms.insert(name.to_owned(), lrm);
        for (call, started) in calls {
            let reason = "Action was pending when executor connection was dropped";
            let mut report = self.failed_now(now, 1, op_status::NOT_CONNECTED, reason);
            (report.started, report.changed) = (started.max(1), started.max(1));
            self.take_report(Some(name), call, report);
        }
        if let Some(lrm) = self.remote_lrms.get_mut(name) {
            lrm.operations.clear();
        }
    }

    /// The connection to a remote node stands; `fresh`: it was started, not taken over.
    pub(super) fn remote_up(&mut self, now: Duration, name: &str, uptime: Duration, fresh: bool) {
        let epoch = self.epoch_seconds(now).max(2);
        let before = self.remotes.get(name).cloned();
        if fresh {
            let probed = attributes::Update { remote: true, ..attributes::Update::new("probe_complete", None, name) };
            self.outputs.push_back(Output::Attribute(attributes::Request::Update(vec![probed])));
            if !self.only_connection_lost(now, before.as_ref(), uptime) {
                self.purge_attributes(name);
            }
            let lrm = format!("//node_state[@id='{name}']/lrm");
            let mut writes = match self.options.shutdown_lock {
                true => vec![
                    CibWrite::Delete { xpath: format!("{lrm}/lrm_resources/lrm_resource[not(@shutdown-lock)]") },
                    CibWrite::Delete { xpath: format!("{lrm}/lrm_resources/lrm_resource/lrm_rsc_op") },
                ],
                false => vec![CibWrite::Delete { xpath: lrm }],
            };
            writes.push(remote_state(name, &[("in_ccm", epoch), ("node_fenced", 0)], "remote_node_up"));
            self.write(writes, WriteEnd::Nothing);
        }
        let since = before.filter(|r| r.member && !fresh).map_or(epoch, |r| r.since);
        self.tell_remote(RemoteNode { name: name.to_owned(), member: true, host: Some(self.me.id), since });
    }

    /// Its host was lost, but it has been running since before that: what it knows of itself still holds.
    fn only_connection_lost(&self, now: Duration, before: Option<&RemoteNode>, uptime: Duration) -> bool {
        let host = before.and_then(|r| r.host).and_then(|id| self.peers.get(id));
        let lost = host.filter(|p| !p.is_active()).map_or(0, |p| p.lost_at);
        lost > 0 && Duration::from_secs(lost) + uptime + GRACE >= self.me.epoch + now
    }

    fn purge_attributes(&mut self, name: &str) {
        let request = attributes::Request::PeerRemove { node: name.to_owned(), reap: true };
        self.outputs.push_back(Output::Attribute(request));
    }

    /// The connection to a remote node was stopped, or its guest was fenced with its container.
    pub(super) fn remote_down(&mut self, name: &str, with_history: bool) {
        self.purge_attributes(name);
        let mut writes = vec![remote_state(name, &[("in_ccm", 0)], "remote_node_down")];
        if with_history {
            writes.push(CibWrite::Delete { xpath: format!("//node_state[@id='{name}']/lrm") });
        }
        self.write(writes, WriteEnd::Nothing);
        let host = self.remotes.get(name).and_then(|r| r.host);
        self.tell_remote(RemoteNode { name: name.to_owned(), member: false, host, since: 0 });
    }

    fn tell_remote(&mut self, node: RemoteNode) {
        self.send(Receiver::All, Message::RemoteState(node));
    }

    /// Every controller hears of it; the coordinator acts ([CT-7.4]).
    pub(super) fn note_remote(&mut self, now: Duration, node: RemoteNode) {
        let was = self.remotes.get(&node.name).is_some_and(|r| r.member);
        let (name, member, since) = (node.name.clone(), node.member, node.since);
        self.remotes.insert(name.clone(), node);
        if was == member {
            return;
        }
        self.log(Event::NodeState { node: name.clone(), member });
        self.alert(&Alert::Node { node: name.clone(), id: None, member });
        if !self.is_dc {
            return;
        }
        let write = remote_state(&name, &[("in_ccm", since)], "peer_update_callback");
        self.write(vec![write], WriteEnd::Nothing);
        if member {
            self.abort(now, Abort::restart("Pacemaker Remote node integrated"));
        } else if self.transition.takes_down(&name).is_none() {
            self.abort(now, Abort::restart("Node failure"));
            self.fail_actions_of(now, &name);
        }
    }

    /// Remote nodes as the coordinator tells a node that joins ([CT-4.4]).
    pub(super) fn connected_remotes(&self) -> Vec<RemoteNode> {
        self.remotes.values().filter(|r| r.host.is_some()).cloned().collect()
    }

    /// Records that a remote node was fenced ([CT-9.12]).
    pub(super) fn mark_remote_fenced(&mut self, now: Duration, name: &str) {
        let epoch = self.epoch_seconds(now);
        let state = remote_state(name, &[("node_fenced", epoch)], "send_stonith_update");
        let history = CibWrite::Delete { xpath: format!("//node_state[@id='{name}']/lrm") };
        self.write(vec![state, history], WriteEnd::Fenced);
        self.purge_attributes(name);
        self.fencing.failures.remove(name);
    }

    /// A graph says which remote nodes are in maintenance: who holds their connections records it.
    pub(super) fn note_maintenance(&mut self, nodes: &[(String, bool)]) {
        for (name, on) in nodes {
            let Some(connection) = self.connections.get_mut(name).filter(|c| c.up) else { continue };
            connection.in_maintenance = *on;
            let write = remote_state(name, &[("node_in_maintenance", u64::from(*on))], "maintenance_nodes");
            self.write(vec![write], WriteEnd::Nothing);
        }
    }
}

/// A write of attributes of a remote node's state.
fn remote_state(name: &str, attributes: &[(&str, u64)], origin: &str) -> CibWrite {
    CibWrite::merge("status", |doc, root| {
        let state = doc.append(root, "node_state");
        doc.set_attr(state, "id", name);
        doc.set_attr(state, "uname", name);
        doc.set_attr(state, "remote_node", "true");
        for (attribute, value) in attributes {
            doc.set_attr(state, attribute, &value.to_string());
        }
        doc.set_attr(state, "crm-debug-origin", origin);
    })
}
