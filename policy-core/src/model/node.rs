//! Nodes.

use super::{HistoryIx, NodeEntry, NodeFlags, ResourceIx, Score, Symbol, TextMap};
use smallvec::SmallVec;

/// What kind of machine a node is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeKind {
    /// A member of the ring.
    Cluster,
    /// Reached through a connection resource, or an entry that no connection belongs to.
    Remote,
    /// Runs inside a resource, its launcher.
    Guest,
    /// The guest node of a bundle replica.
    Bundle,
}

/// A node: one shared record for all tables that name it [ST-2.1].
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id, the ring's number or a remote node's name.
    pub id: Symbol,
    /// Its name.
    pub name: Symbol,
    /// What it is.
    pub kind: NodeKind,
    /// Its state.
    pub flags: NodeFlags,
    /// Base score and probe mode: what new rows of node tables start from [PL-5.1].
    pub base: NodeEntry,
    /// Permanent, transient and built-in attributes.
    pub attributes: TextMap,
    /// Free capacity, as configured until first changed.
    pub utilization: Vec<(Symbol, String)>,
    /// Primitives active here, in order of discovery.
    pub active: Vec<ResourceIx>,
    /// Sum of the priorities of what is active here [ST-13.2].
    pub priority: i32,
    /// The resource that is the connection to it.
    pub connection: Option<ResourceIx>,
    /// Resources assigned in this run.
    pub assigned: u32,
    /// The histories of its (single) status entry, in document order.
    pub histories: Vec<HistoryIx>,
}

impl Node {
    /// A node in the state before its status is read [IN-9.1].
    #[must_use]
    pub fn new(id: Symbol, name: Symbol, kind: NodeKind, score: Score) -> Self {
        Self {
            id,
            name,
            kind,
            flags: NodeFlags::PROBES_ALLOWED,
            base: NodeEntry { score, ..NodeEntry::default() },
            attributes: TextMap::new(),
            utilization: Vec::new(),
            active: Vec::new(),
            priority: 0,
            connection: None,
            assigned: 0,
            histories: Vec::new(),
        }
    }

    /// Whether all of `flags` are set.
    #[must_use]
    #[inline]
    pub fn is(&self, flags: NodeFlags) -> bool {
        self.flags.has(flags)
    }

    /// Whether it may run actions.
    #[must_use]
    #[inline]
    pub fn online(&self) -> bool {
        self.flags.has(NodeFlags::ONLINE)
    }

    /// Whether it must be fenced before its resources are recovered.
    #[must_use]
    #[inline]
    pub fn unclean(&self) -> bool {
        self.flags.has(NodeFlags::UNCLEAN)
    }

    /// Remote, guest or bundle node.
    #[must_use]
    #[inline]
    pub fn is_remote_type(&self) -> bool {
        self.kind != NodeKind::Cluster
    }

    /// Guest or bundle node.
    #[must_use]
    #[inline]
    pub fn is_guest(&self) -> bool {
        matches!(self.kind, NodeKind::Guest | NodeKind::Bundle)
    }

    /// Remote node (not a guest).
    #[must_use]
    #[inline]
    pub fn is_remote(&self) -> bool {
        self.kind == NodeKind::Remote
    }

    /// Online, not leaving, not unclean, not in standby, not in maintenance [PL-4].
    #[must_use]
    #[inline]
    pub fn available(&self) -> bool {
        self.online()
            && !self.flags.any(NodeFlags::SHUTDOWN | NodeFlags::UNCLEAN | NodeFlags::STANDBY | NodeFlags::MAINTENANCE)
    }
}

/// A set of nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeSet(SmallVec<[u64; 2]>);

impl NodeSet {
    /// Puts `node` in; whether it was not there.
    pub fn insert(&mut self, node: super::NodeIx) -> bool {
        let (word, bit) = (node.index() / 64, 1u64 << (node.index() % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Takes `node` out.
    pub fn remove(&mut self, node: super::NodeIx) {
        if let Some(word) = self.0.get_mut(node.index() / 64) {
            *word &= !(1 << (node.index() % 64));
        }
    }

    /// Whether `node` is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, node: super::NodeIx) -> bool {
        self.0.get(node.index() / 64).is_some_and(|word| word & (1 << (node.index() % 64)) != 0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// The nodes by index.
    pub fn iter(&self) -> impl Iterator<Item = super::NodeIx> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| super::NodeIx::new(at * 64 + bit))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeIx;

    #[test]
    fn node_sets() {
        let mut set = NodeSet::default();
        assert!(set.is_empty() && set.insert(NodeIx::new(130)) && !set.insert(NodeIx::new(130)));
        set.insert(NodeIx::new(3));
        assert_eq!(set.iter().map(NodeIx::index).collect::<Vec<_>>(), [3, 130]);
        set.remove(NodeIx::new(130));
        assert!(!set.contains(NodeIx::new(130)) && set.contains(NodeIx::new(3)));
    }
}
