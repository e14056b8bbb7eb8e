//! What is known of every node that ever told of itself [QG-2.1].

use super::{Flags, Voter};
use crate::wire::NodeId;

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// In the ring.
    Member,
    /// Not in the ring.
    Dead,
    /// Left in order, lowering expectations.
    Leaving,
}

impl NodeState {
    /// The number clients see.
    pub fn number(self) -> u32 {
        match self {
            NodeState::Member => 1,
            NodeState::Dead => 2,
            NodeState::Leaving => 3,
        }
    }
}

/// One node as it last announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub node: NodeId,
    /// Votes.
    pub votes: u32,
    /// Expected votes.
    pub expected: u32,
    /// Where it is.
    pub state: NodeState,
    /// What it says of itself.
    pub flags: Flags,
}

/// All records, never removed. The order is visible in notifications and is kept as the original has it: a new record
/// goes before the first one with a greater id; if there is none, before the last one.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    list: Vec<Record>,
}

impl Records {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.list.iter()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Record> {
        self.list.iter().filter(|r| r.state == NodeState::Member)
    }

    pub(super) fn members_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.list.iter_mut().filter(|r| r.state == NodeState::Member)
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Record> {
        self.list.iter().find(|r| r.node == node)
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut Record> {
        self.list.iter_mut().find(|r| r.node == node)
    }

    /// The record of `node`, made if there is none; says whether it was made.
    pub(super) fn entry(&mut self, node: NodeId) -> (&mut Record, bool) {
        if let Some(at) = self.list.iter().position(|r| r.node == node) {
            return (&mut self.list[at], false);
        }
        let greater = self.list.iter().position(|r| r.node > node);
        let at = greater.unwrap_or(self.list.len().saturating_sub(1));
        let fresh = Record { node, votes: 0, expected: 0, state: NodeState::Dead, flags: Flags(0) };
        self.list.insert(at, fresh);
        (&mut self.list[at], true)
    }

    pub(super) fn voters(&self) -> Vec<Voter> {
        self.members().map(|r| Voter { id: r.node, votes: r.votes, expected: r.expected }).collect()
    }

    pub(super) fn member_ids(&self) -> Vec<NodeId> {
        self.members().map(|r| r.node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_insertion_follows_the_original() {
        let order = |ids: &[u32]| {
            let mut records = Records::default();
            for id in ids {
                records.entry(NodeId(*id));
            }
            records.iter().map(|r| r.node.0).collect::<Vec<_>>()
        };
        assert_eq!(order(&[1, 2, 3]), [2, 3, 1]);
        assert_eq!(order(&[2, 1]), [1, 2]);
    }
}
