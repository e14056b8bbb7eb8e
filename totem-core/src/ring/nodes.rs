//! Lists of node ids that are compared as sets but keep their order.

use crate::wire::NodeId;

/// Whether every node of `a` is in `b`.
pub(super) fn subset(a: &[NodeId], b: &[NodeId]) -> bool {
    a.iter().all(|n| b.contains(n))
}

/// Whether the lists hold the same nodes.
pub(super) fn same(a: &[NodeId], b: &[NodeId]) -> bool {
    subset(a, b) && subset(b, a)
}

/// `a` without the nodes of `b`, in `a`'s order.
pub(super) fn minus(a: &[NodeId], b: &[NodeId]) -> Vec<NodeId> {
    a.iter().copied().filter(|n| !b.contains(n)).collect()
}

/// Appends `node` unless it is there already.
pub(super) fn add(list: &mut Vec<NodeId>, node: NodeId) {
    if !list.contains(&node) {
        list.push(node);
    }
}
