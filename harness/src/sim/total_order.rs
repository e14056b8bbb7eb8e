//! Invariant 1 in a whole cluster: the oracle of extended virtual synchrony is told what every node submits and delivers.

use super::NodeIx;
use super::evs::{Event, Evs, Token, Violation};
use crate::node::Order;
use std::collections::BTreeMap;
use totem_core::wire::NodeId;

/// The oracle, and which life it calls each start of a node.
#[derive(Debug, Default)]
pub(super) struct TotalOrder {
    evs: Evs,
    lives: BTreeMap<(u32, u32), u32>,
}

fn id(node: NodeIx) -> u32 {
    node as u32 + 1
}

impl TotalOrder {
    /// A node starts, and counts this start as `life`.
    pub(super) fn started(&mut self, node: NodeIx, life: u32) {
        let as_told = self.evs.life(NodeId(id(node)));
        self.lives.insert((id(node), life), as_told);
    }

    /// A node is gone; `forgot` if its stored ring sequence is gone too.
    pub(super) fn gone(&mut self, node: NodeIx, forgot: bool) {
        // A crash breaks nothing by itself.
        let _ = self.evs.observe(NodeId(id(node)), Event::Crashed { forgot });
    }

    /// A node has joined the group.
    pub(super) fn joined(&mut self, node: NodeIx) {
        let _ = self.evs.observe(NodeId(id(node)), Event::Joined);
    }

    fn token(&self, node: u32, life: u32, count: u32) -> Token {
        let life = self.lives.get(&(node, life)).copied().unwrap_or(u32::MAX);
        Token { node: NodeId(node), life, count }
    }

    /// What a node has submitted or seen.
    pub(super) fn observe(&mut self, node: NodeIx, order: &Order) -> Result<(), Violation> {
        let at = NodeId(id(node));
        match *order {
            Order::Submitted { life, count } => {
                let token = self.token(at.0, life, count);
                self.evs.observe(at, Event::Submitted(token))
            }
            Order::Delivered { from, life, count, ring, seq, safe } => {
                let token = self.token(from, life, count);
                self.evs.observe(at, Event::Delivered { token, from: NodeId(from), ring, seq, safe })
            }
            Order::Changed(ref change) => self.evs.observe(at, Event::Changed(change)),
        }
    }

    /// When all is at rest: gaps, and messages that never came back. `alive` are the nodes that run.
    pub(super) fn finish(&self, alive: impl Iterator<Item = NodeIx>) -> Result<(), Violation> {
        let alive: Vec<NodeId> = alive.map(|node| NodeId(id(node))).collect();
        self.evs.finish(&alive)
    }

    /// Messages delivered so far, at all nodes.
    pub(super) fn deliveries(&self) -> u64 {
        self.evs.deliveries()
    }
}
