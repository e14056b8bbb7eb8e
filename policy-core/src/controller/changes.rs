//! What changes of the CIB mean for the transition in hand ([CT-5.12]).

use super::coordinate::Abort;
use super::{Controller, Generation, State};
use cib_core::xml::{Document, NodeIx};
use std::time::Duration;

/// How one place of the CIB was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChangeKind {
    Create,
    Modify,
    Move,
    Delete,
}

/// One change of a CIB patch, with the created element or the result of the modification ([CT-5.12]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CibChange {
    /// What was done.
    pub kind: ChangeKind,
    /// Path of the place.
    pub path: String,
    /// The element in the document that came with the changes.
    pub object: Option<NodeIx>,
}

/// Whether the state of a node itself may have changed: an attribute, or that it is there.
fn is_of_node_state(change: &CibChange) -> bool {
    let state = change
        .path
        .strip_prefix("/cib/status/")
        .is_some_and(|rest| rest.starts_with("node_state[") && !rest.contains('/'));
    state || matches!(change.path.as_str(), "/cib" | "/cib/status") && change.kind != ChangeKind::Modify
}

impl Controller {
    /// The CIB is `doc` now. `changes` is what led there, with the patch's own document for created and modified
    /// elements; none means that all may be new. Called once with the first CIB, then after every change.
    pub fn handle_cib(&mut self, now: Duration, doc: &Document, changes: &[CibChange], patch: Option<&Document>) {
        let version = |name: &str| doc.attr(doc.root(), name).and_then(|v| v.parse().ok()).unwrap_or(-1);
        self.generation = Generation {
            admin_epoch: version("admin_epoch"),
            epoch: version("epoch"),
            num_updates: version("num_updates"),
        };
        let touches = |part: &str| changes.iter().any(|c| c.path.contains(part));
        // A modified root is in every patch, for its version.
        let root = |c: &CibChange| c.path == "/cib" && c.kind != ChangeKind::Modify;
        let whole = patch.is_none() || changes.iter().any(|c| root(c) || c.path == "/cib/configuration");
        if whole || !self.have_cib || touches("crm_config") || touches("alerts") {
            self.read_options(now, doc);
        }
        self.have_cib = true;
        if whole || touches("/nodes") {
            self.note_stale_nodes(doc);
        }
        if whole || changes.iter().any(is_of_node_state) {
            self.note_expectations(doc);
            self.learn_missing(now, doc);
        }
        if self.is_dc && changes.iter().any(|change| self.is_foreign(change)) {
            self.repair_status(now);
        }
        self.renew_history(changes, patch);
        let relevant = !self.transition.is_complete()
            || matches!(self.state, State::Idle | State::TransitionEngine | State::PolicyEngine);
        if let (true, true, Some(patch)) = (self.is_dc, relevant, patch) {
            self.note_changes(now, changes, patch);
            self.handled_outside.clear();
        }
        self.run(now);
    }

    /// Of which nodes the CIB says what is expected.
    fn note_expectations(&mut self, doc: &Document) {
        let status = doc.child(doc.root(), "status");
        let states = status.into_iter().flat_map(|s| doc.children_named(s, "node_state"));
        let recorded = states.filter(|&n| doc.attr(n, "expected").is_some());
        self.expectations = recorded.filter_map(|n| doc.id(n)?.parse().ok()).collect();
    }

    /// A node that the CIB takes for a member, and that this one has never met, is not there: whoever coordinates writes it so.
    /// The copy came from others, who saw it go while this node was away; only a coordinator writes that.
    fn learn_missing(&mut self, now: Duration, doc: &Document) {
        let Some(status) = doc.child(doc.root(), "status") else { return };
        let before = self.peers.len();
        for state in doc.children_named(status, "node_state").filter(|&n| doc.attr(n, "remote_node").is_none()) {
            let away = |name| doc.attr(state, name).is_none_or(|value| matches!(value, "0" | "false" | "offline"));
            let (Some(id), Some(name)) = (doc.id(state).and_then(|id| id.parse().ok()), doc.attr(state, "uname"))
            else {
                continue;
            };
            let known = id == self.me.id || self.peers.get(id).is_some() || self.peers.named(name).is_some();
            let gone = away("in_ccm") && away("crmd");
            if !known && !gone {
                self.peers.learn(id, name).state = Some(super::Membership::Lost);
            }
        }
        // At the end of a join all are written anyway.
        if self.is_dc && self.peers.len() > before && !matches!(self.state, State::Integration | State::FinalizeJoin) {
            self.write_all_nodes(now, super::status::Fields::ALL);
        }
    }

    /// Entries of `nodes` with the name of a known node and an id that nobody has ([CT-4.7]).
    fn note_stale_nodes(&mut self, doc: &Document) {
        let Some(nodes) = doc.path(doc.root(), &["configuration", "nodes"]) else { return };
        let stale = |n: &NodeIx| {
            let id = doc.id(*n)?;
            let peer = self.peers.named(doc.attr(*n, "uname")?)?;
            let known = id.parse().is_ok_and(|id| self.peers.get(id).is_some());
            (peer.xml_id() != id && !known).then(|| id.to_owned())
        };
        let cluster_nodes = doc.children_named(nodes, "node").filter(|&n| doc.attr(n, "type") != Some("remote"));
        self.stale_nodes = cluster_nodes.filter_map(|n| stale(&n)).collect();
    }

    /// Whether somebody has removed what only the cluster itself writes: the state or the entry of an active node ([CT-3.1]).
    fn is_foreign(&self, change: &CibChange) -> bool {
        const ENTRIES: [&str; 2] = ["/cib/status", "/cib/configuration/nodes"];
        if change.kind != ChangeKind::Delete {
            return false;
        }
        let path = change.path.as_str();
        let entry = ENTRIES.iter().find_map(|top| path.strip_prefix(top)).and_then(|rest| rest.strip_prefix('/'));
        let of_active = |id: &str| id.parse().is_ok_and(|id| self.peers.get(id).is_some_and(super::Peer::is_active));
        ENTRIES.contains(&path) || entry.is_some_and(|e| !e.contains('/') && last_id(e).is_some_and(of_active))
    }

    /// Nodes and their states are written anew, and an election begins ([CT-3.1]).
    fn repair_status(&mut self, now: Duration) {
        self.write_all_nodes(now, super::status::Fields::ALL);
        self.outputs.push_back(super::Output::Attribute(crate::attributes::Request::Refresh));
        self.append(super::fsa::Input::Election);
    }

    /// What the changes mean for the transition ([CT-5.12]).
    fn note_changes(&mut self, now: Duration, changes: &[CibChange], patch: &Document) {
        for change in changes {
            let path = change.path.as_str();
            let object = change.object.map_or("", |n| patch.name(n));
            if change.kind == ChangeKind::Move && !path.contains("/cib/configuration/resources") {
                continue;
            }
            let expected_down = || {
                node_state_of(path)
                    .is_some_and(|id| change.kind == ChangeKind::Delete && self.transition.takes_down(id).is_some())
            };
            if path.contains("/cib/configuration") {
                return self.abort(now, Abort::restart("Configuration change"));
            }
            if path.contains("/tickets") || object == "tickets" {
                return self.abort(now, Abort::restart("Ticket attribute change"));
            }
            if path.contains("/transient_attributes[") || object == "transient_attributes" {
                if !expected_down() {
                    self.abort(now, Abort::restart("Transient attribute change"));
                }
                return;
            }
            if change.kind == ChangeKind::Delete {
                let down = expected_down();
                self.note_deletion(now, path, down);
            } else if let Some(element) = change.object {
                self.note_object(now, patch, element, path);
            }
        }
    }

    fn note_deletion(&mut self, now: Duration, path: &str, expected_down: bool) {
        if path.contains("/lrm_rsc_op[") {
            let node = node_state_of(path).map(str::to_owned);
            let key = last_id(path).unwrap_or("").to_owned();
            if !self.confirm_cancel(&key, node.as_deref()) {
                self.abort(now, Abort::restart("Resource operation removal"));
            }
        } else if path.contains("/lrm[") && !expected_down {
            self.abort(now, Abort::restart("Resource state removal"));
        } else if path.contains("/node_state[") && !path.contains("/lrm[") && !expected_down {
            self.abort(now, Abort::restart("Node state removal"));
        }
    }

    fn note_object(&mut self, now: Duration, patch: &Document, element: NodeIx, path: &str) {
        match patch.name(element) {
            "cib" => {
                if patch.child(element, "configuration").is_some() {
                    self.abort(now, Abort::restart("Non-status-only change"));
                }
                if let Some(status) = patch.child(element, "status") {
                    self.note_history(now, patch, status, path);
                }
            }
            "status" | "node_state" | "lrm" | "lrm_resources" => self.note_history(now, patch, element, path),
            "lrm_resource" => self.note_resource(now, patch, element, node_state_of(path).unwrap_or("")),
            "lrm_rsc_op" => {
                let node = node_state_of(path).unwrap_or("").to_owned();
                self.match_entry(now, patch, element, &node);
            }
            _ => {}
        }
    }

    fn note_history(&mut self, now: Duration, patch: &Document, top: NodeIx, path: &str) {
        let resources: Vec<NodeIx> = patch.descendants(top).filter(|&n| patch.name(n) == "lrm_resource").collect();
        if resources.len() > 1 && self.transition.in_flight().next().is_none() {
            return self.abort(now, Abort::restart("History refresh"));
        }
        for resource in resources {
            let mut up = Some(resource);
            while let Some(n) = up.filter(|&n| patch.name(n) != "node_state") {
                up = patch.parent(n);
            }
            let node = up.and_then(|n| patch.id(n)).or_else(|| node_state_of(path)).unwrap_or("").to_owned();
            self.note_resource(now, patch, resource, &node);
        }
    }

    fn note_resource(&mut self, now: Duration, patch: &Document, resource: NodeIx, node: &str) {
        let entries: Vec<NodeIx> = patch.children_named(resource, "lrm_rsc_op").collect();
        for entry in entries {
            self.match_entry(now, patch, entry, node);
        }
        if patch.attr(resource, "shutdown-lock") == Some("0") {
            self.abort(now, Abort::restart("Shutdown lock cleared"));
        }
    }
}

/// The id in `/node_state[@id='ID']` of a path.
pub(super) fn node_state_of(path: &str) -> Option<&str> {
    id_after(path, "/node_state[@id=")
}

/// The last `[@id='ID']` of a path.
fn last_id(path: &str) -> Option<&str> {
    path.rfind("[@id=").and_then(|at| id_after(&path[at..], "[@id="))
}

fn id_after<'a>(path: &'a str, mark: &str) -> Option<&'a str> {
    let rest = &path[path.find(mark)? + mark.len()..];
    let quote = rest.chars().next()?;
    let rest = &rest[1..];
    rest.find(quote).map(|end| &rest[..end])
}
