//! Forgetting what is known of a resource, or of all: in the executor, in memory, in the CIB ([CT-6.7], [CT-6.9]).

use super::lrm::Lrm;
use super::{Controller, Deletion, Message, NodeId, Operation, Output, Receiver, Report, WriteEnd, status};
use crate::graph::Place;
use std::time::Duration;

impl Controller {
    /// Deletes now, or when what runs for the resource has ended: nobody would hear of its end otherwise.
    pub(super) fn delete_history(&mut self, now: Duration, from: NodeId, deletion: Deletion) {
        if self.is_busy(&deletion) {
            if !self.deleting.contains(&(from, deletion.clone())) {
                self.deleting.push((from, deletion));
            }
        } else {
            self.delete_now(now, from, &deletion);
        }
    }

    /// Deletions that waited for an operation, as far as it has ended.
    pub(super) fn delete_waiting(&mut self, now: Duration) {
        if !self.deleting.iter().any(|(_, deletion)| !self.is_busy(deletion)) {
            return;
        }
        let (busy, free) = std::mem::take(&mut self.deleting).into_iter().partition(|(_, d)| self.is_busy(d));
        self.deleting = busy;
        let free: Vec<(NodeId, Deletion)> = free;
        for (from, deletion) in free {
            self.delete_now(now, from, &deletion);
        }
    }

    /// The node of a deletion, and its name if it is a remote one.
    fn place_of_deletion(&self, deletion: &Deletion) -> (Place, Option<String>) {
        let place = deletion.place.clone().unwrap_or_else(|| self.own.place.clone());
        let remote = (place.name != self.me.name).then(|| place.name.clone());
        (place, remote)
    }

    /// Whether an operation runs that does not repeat, of what is to be forgotten.
    fn is_busy(&self, deletion: &Deletion) -> bool {
        let (_, remote) = self.place_of_deletion(deletion);
        let lrm = match &remote {
            None => Some(&self.own),
            Some(name) => self.remote_lrms.get(name),
        };
        let meant = |o: &Operation| deletion.resource.as_ref().is_none_or(|r| o.resource == *r);
        let runs = |lrm: &Lrm| lrm.operations.values().any(|r| r.operation.interval_ms == 0 && meant(&r.operation));
        !deletion.cib_only && lrm.is_some_and(runs)
    }

    fn delete_now(&mut self, now: Duration, from: NodeId, deletion: &Deletion) {
        let (place, remote) = self.place_of_deletion(deletion);
        let mut places = vec![place.uuid.clone()];
        if !deletion.cib_only {
            self.forget_resources(remote.as_deref(), deletion.resource.as_deref());
            if deletion.resource.is_none() && deletion.place.is_none() {
                // Without an explicit target all remote nodes connected here, too ([CT-6.9]).
                let connected = self.connections.iter().filter(|(_, c)| c.up).map(|(name, _)| name.clone());
                for name in connected.collect::<Vec<_>>() {
                    self.forget_resources(Some(&name), None);
                    places.push(name);
                }
            }
        }
        for uuid in places {
            let lrm = format!("//node_state[@id='{uuid}']/lrm");
            let xpath = match &deletion.resource {
                Some(name) => format!("{lrm}/lrm_resources/lrm_resource[@id='{name}']"),
                None => lrm,
            };
            self.delete_in_history(&uuid, xpath);
        }
        if let Some(key) = deletion.key.clone() {
            let resource = deletion.resource.clone().unwrap_or_default();
            let operation_key = format!("{resource}_delete_0");
            let message = Message::Result { place, resource, key, operation_key, report: Report::default() };
            self.send(Receiver::Node(from), message);
        } else {
            let epoch = self.epoch_seconds(now).to_string();
            self.write(vec![status::option_write("last-lrm-refresh", &epoch)], WriteEnd::Nothing);
        }
    }

    /// All that a node forgets of a resource, or of all, with its executor.
    pub(super) fn forget_resources(&mut self, remote: Option<&str>, resource: Option<&str>) {
        let Some(lrm) = self.lrm(remote) else { return };
        let forgotten: Vec<String> = match resource {
            Some(name) => vec![name.to_owned()],
            None => lrm.remembered.keys().cloned().collect(),
        };
        for name in forgotten {
            self.cancel_recurring_of(remote, &name);
            let connection = self.connections.contains_key(&name);
            let Some(lrm) = self.lrm(remote) else { return };
            lrm.operations.retain(|_, r| r.operation.resource != name);
            lrm.remembered.remove(&name);
            // Connections stay registered ([CT-6.7]).
            if !connection {
                self.outputs.push_back(Output::Unregister { remote: remote.map(str::to_owned), resource: name });
            }
        }
    }
}
