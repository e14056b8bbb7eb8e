//! What a controller writes about nodes into the CIB ([CT-4.7]), and what it shows of itself.

use super::{Controller, Expected, JoinPhase, Membership, NodeId, Peer, State, WriteEnd};
use cib_core::cib::{CallOptions, Operation, Request};
use cib_core::xml::{Document, NodeIx, Style};
use std::time::Duration;

/// One write to the CIB. A list of them is one transaction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CibWrite {
    /// Merge a section (`status`, `nodes`, `crm_config`), creating what is missing.
    Merge {
        /// The section element with its content, as XML.
        xml: String,
    },
    /// Delete what a path finds; nothing found is no error.
    Delete {
        /// The path.
        xpath: String,
    },
    /// Set attributes of the `cib` element.
    Root {
        /// Names and values.
        attributes: Vec<(String, String)>,
    },
}

impl CibWrite {
    /// Attributes of the `cib` element.
    pub fn root(attributes: &[(&str, String)]) -> Self {
        CibWrite::Root { attributes: attributes.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect() }
    }

    /// A section whose content `fill` makes.
    pub fn merge(section: &str, fill: impl FnOnce(&mut Document, NodeIx)) -> Self {
        let mut doc = Document::new(section);
        let root = doc.root();
        fill(&mut doc, root);
        CibWrite::Merge { xml: doc.write_node(root, Style::Compact) }
    }
}

impl CibWrite {
    /// The request that carries these writes out, all or nothing; `None` if there are none.
    pub fn to_request(writes: &[CibWrite]) -> Option<Request> {
        match writes {
            [] => None,
            [one] => Some(one.request()),
            many => {
                let mut doc = Document::new("cib_transaction");
                let root = doc.root();
                for write in many {
                    let message = write.request().to_message();
                    doc.copy(root, &message, message.root());
                }
                Some(Request::new(Operation::Commit).input(doc))
            }
        }
    }

    fn request(&self) -> Request {
        match self {
            CibWrite::Merge { xml } => {
                let doc = Document::parse(xml).expect("written by this crate");
                let section = doc.name(doc.root()).to_owned();
                Request::new(Operation::Modify).section(section).options(CallOptions::MAY_CREATE).input(doc)
            }
            CibWrite::Delete { xpath } => {
                Request::new(Operation::Delete).xpath(xpath).options(CallOptions::XPATH.and(CallOptions::MULTIPLE))
            }
            CibWrite::Root { attributes } => {
                let mut doc = Document::new("cib");
                let root = doc.root();
                for (name, value) in attributes {
                    doc.set_attr(root, name, value);
                }
                Request::new(Operation::Modify).input(doc)
            }
        }
    }
}

/// A cluster option in the bootstrap set.
pub(super) fn option_write(name: &str, value: &str) -> CibWrite {
    CibWrite::merge("crm_config", |doc, root| {
        let set = doc.append(root, "cluster_property_set");
        doc.set_attr(set, "id", "cib-bootstrap-options");
        let pair = doc.append(set, "nvpair");
        doc.set_attr(pair, "id", &format!("cib-bootstrap-options-{name}"));
        doc.set_attr(pair, "name", name);
        doc.set_attr(pair, "value", value);
    })
}

/// Which attributes of a `node_state` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Fields {
    pub(super) in_ccm: bool,
    pub(super) crmd: bool,
    pub(super) join: bool,
    pub(super) expected: bool,
}

impl Fields {
    pub(super) const ALL: Fields = Fields { in_ccm: true, crmd: true, join: true, expected: true };
    pub(super) const MEMBERSHIP: Fields = Fields { in_ccm: true, crmd: true, join: false, expected: true };
    pub(super) const CONFIRMED: Fields = Fields { in_ccm: true, crmd: true, join: false, expected: false };
    pub(super) const CRMD: Fields = Fields { in_ccm: false, crmd: true, join: false, expected: false };
    pub(super) const EXPECTED: Fields = Fields { in_ccm: false, crmd: false, join: false, expected: true };
    pub(super) const DOWN: Fields = Fields { in_ccm: false, crmd: true, join: true, expected: true };
    pub(super) const FENCED: Fields = Fields { in_ccm: false, crmd: false, join: true, expected: true };
}

/// A controller's view of itself and the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// State of the machine.
    pub state: State,
    /// This node coordinates.
    pub is_dc: bool,
    /// The coordinator, if one is known.
    pub dc: Option<NodeId>,
    /// The partition has quorum.
    pub quorate: bool,
    /// Members whose controller is online.
    pub active: Vec<NodeId>,
    /// Nodes that have confirmed the join, as the coordinator knows.
    pub confirmed: Vec<NodeId>,
    /// The graph in hand is complete.
    pub graph_complete: bool,
    /// Number of the graph in hand.
    pub graph: i64,
    /// Actions started whose end has not been seen.
    pub in_flight: usize,
    /// The node wants to leave.
    pub shutting_down: bool,
    /// The latest join in which this node took part: its coordinator, and the round.
    pub join_asked: Option<(NodeId, u32)>,
    /// The latest join that it has confirmed.
    pub join_confirmed: Option<(NodeId, u32)>,
}

impl Controller {
    /// Looks, never changes.
    pub fn status(&self) -> Status {
        Status {
            state: self.state,
            is_dc: self.is_dc,
            dc: self.dc,
            quorate: self.quorate,
            active: self.peers.iter().filter(|p| p.is_active()).map(|p| p.id).collect(),
            confirmed: self.peers.iter().filter(|p| p.phase == JoinPhase::Confirmed).map(|p| p.id).collect(),
            graph_complete: self.transition.is_complete(),
            graph: self.transition.number(),
            in_flight: self.transition.in_flight().count(),
            shutting_down: self.shutting_down,
            join_asked: self.join.asked,
            join_confirmed: self.join.confirmed,
        }
    }

    /// Sets the attributes of a `node_state` element. Nothing is known of a node whose state is unset.
    pub(super) fn fill_node_state(
        &self,
        doc: &mut Document,
        element: NodeIx,
        node: NodeId,
        fields: Fields,
        origin: &str,
    ) {
        let Some(peer) = self.peers.get(node) else { return };
        doc.set_attr(element, "id", &peer.xml_id());
        doc.set_attr(element, "uname", &peer.name);
        if fields.in_ccm {
            let value = if peer.state == Some(Membership::Member) { peer.when_member } else { 0 };
            doc.set_attr(element, "in_ccm", &value.to_string());
        }
        if fields.crmd {
            doc.set_attr(element, "crmd", &peer.when_online.to_string());
        }
        if fields.join {
            doc.set_attr(element, "join", if peer.phase <= JoinPhase::None { "down" } else { "member" });
        }
        if let (true, Some(expected)) = (fields.expected, self.expectation(peer)) {
            doc.set_attr(element, "expected", expected.as_str());
        }
        doc.set_attr(element, "crm-debug-origin", origin);
    }

    /// What is written as expected of a node. Of one that was lost before this node ever coordinated nothing is known here, and it is
    /// taken for down ([CT-4.3]); but only where the CIB, once it is everybody's, does not know better: a node that was lost together
    /// with its coordinator is a member that is missing, and is fenced ([CT-7.7]).
    fn expectation(&self, peer: &Peer) -> Option<Expected> {
        let unknown = peer.state == Some(Membership::Lost) && !self.expectations.contains(&peer.id);
        peer.expected.or((unknown && self.cib_consistent()).then_some(Expected::Down))
    }

    pub(super) fn node_state_write(&self, nodes: &[NodeId], fields: Fields, origin: &str) -> CibWrite {
        CibWrite::merge("status", |doc, root| {
            for &node in nodes {
                if self.peers.get(node).is_some_and(|p| p.state.is_some()) {
                    let element = doc.append(root, "node_state");
                    self.fill_node_state(doc, element, node, fields, origin);
                }
            }
        })
    }

    pub(super) fn write_node(&mut self, _now: Duration, node: NodeId, fields: Fields) {
        if self.peers.get(node).is_some_and(|p| p.state.is_some()) {
            let write = self.node_state_write(&[node], fields, "peer_update_callback");
            self.write(vec![write], WriteEnd::Nothing);
        }
    }

    /// Writes `nodes` and the state of every peer.
    pub(super) fn write_all_nodes(&mut self, _now: Duration, fields: Fields) {
        let ids = self.peers.ids();
        let nodes = self.nodes_write(&ids);
        let states = self.node_state_write(&ids, fields, "post_cache_update");
        let stale = std::mem::take(&mut self.stale_nodes).into_iter().flat_map(|id| {
            ["//nodes/node", "//status/node_state"]
                .map(|element| CibWrite::Delete { xpath: format!("{element}[@id='{id}']") })
        });
        let writes = stale.chain([nodes, states]).collect();
        self.write(writes, WriteEnd::Nothing);
    }

    pub(super) fn nodes_write(&self, ids: &[NodeId]) -> CibWrite {
        CibWrite::merge("nodes", |doc, root| {
            for peer in ids.iter().filter_map(|&id| self.peers.get(id)) {
                let element = doc.append(root, "node");
                doc.set_attr(element, "id", &peer.xml_id());
                doc.set_attr(element, "uname", &peer.name);
            }
        })
    }
}
