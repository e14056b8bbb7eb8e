//! Which of two nodes is better [PL-16.2], and which resource is placed first under a placement strategy [PL-14].

use core::cmp::Ordering;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::colocations::Side;
use super::hashing::{merge_sort, table_order};
use super::merge::{Merging, merge};
use super::utilization::compare_capacity;
use crate::model::{Kind, Model, NodeIx, NodeTable, PlacementStrategy, ResourceIx, Score};

/// Compares two nodes with their scores; the better one first [PL-16.2].
#[must_use]
pub(super) fn compare_nodes(
    m: &Model,
    a: (NodeIx, Score),
    b: (NodeIx, Score),
    tie_breaker: Option<NodeIx>,
) -> Ordering {
    let effective = |(node, score): (NodeIx, Score)| if m[node].available() { score } else { Score::NEG_INFINITY };
    let by_score = effective(b).cmp(&effective(a));
    if by_score != Ordering::Equal {
        return by_score;
    }
    let (x, y) = (&m[a.0], &m[b.0]);
    let strategy = m.options.placement;
    if strategy != PlacementStrategy::Minimal {
        if strategy == PlacementStrategy::Balanced {
            let by_capacity = compare_capacity(x, y);
            if by_capacity != Ordering::Equal {
                return by_capacity;
            }
        }
        let by_load = x.assigned.cmp(&y.assigned);
        if by_load != Ordering::Equal {
            return by_load;
        }
        if a.0 != b.0 {
            if tie_breaker == Some(a.0) {
                return Ordering::Less;
            }
            if tie_breaker == Some(b.0) {
                return Ordering::Greater;
            }
        }
    }
    m.text(x.name).as_bytes().cmp(m.text(y.name).as_bytes())
}

/// The nodes of a table in the order in which the reference iterates over it [PL-A].
#[must_use]
pub(super) fn iteration_order(m: &Model, table: &NodeTable) -> Vec<NodeIx> {
    let inserted = table.insertion_order();
    let keys: Vec<&str> = inserted.iter().map(|&node| m.text(m[node].id)).collect();
    table_order(&keys, table.copies()).into_iter().map(|at| inserted[at]).collect()
}

/// A table's nodes, best first.
#[must_use]
pub(super) fn sorted_nodes(m: &Model, table: &NodeTable, tie_breaker: Option<NodeIx>) -> Vec<(NodeIx, Score)> {
    let mut nodes: Vec<(NodeIx, Score)>;
    if m.options.placement == PlacementStrategy::Balanced {
        // Only here the comparison is not transitive, so that the initial order can show.
        let order = iteration_order(m, table);
        nodes = order.into_iter().rev().filter_map(|node| Some((node, table.score(node)?))).collect();
        merge_sort(&mut nodes, &mut |a, b| compare_nodes(m, a, b, tie_breaker));
    } else {
        nodes = table.iter().map(|(node, entry)| (node, entry.score)).collect();
        nodes.sort_by(|&a, &b| compare_nodes(m, a, b, tie_breaker));
    }
    nodes
}

/// Sorts the top-level resources for a placement strategy other than `default` [PL-14].
pub(super) fn sort_resources(m: &mut Model) {
    let base: Vec<(NodeIx, Score)> = m.node_order.iter().map(|&node| (node, m[node].base.score)).collect();
    let mut nodes = base;
    merge_sort(&mut nodes, &mut |a, b| compare_nodes(m, a, b, None));
    let mut tables: HashMap<ResourceIx, Option<NodeTable>, FxBuildHasher> = HashMap::default();
    let mut top = core::mem::take(&mut m.top);
    merge_sort(&mut top, &mut |a, b| compare_resources(m, a, b, &nodes, &mut tables));
    m.top = top;
}

fn compare_resources(
    m: &mut Model,
    a: ResourceIx,
    b: ResourceIx,
    nodes: &[(NodeIx, Score)],
    tables: &mut HashMap<ResourceIx, Option<NodeTable>, FxBuildHasher>,
) -> Ordering {
    let by_priority = m[b].priority.cmp(&m[a].priority);
    if by_priority != Ordering::Equal {
        return by_priority;
    }
    for r in [a, b] {
        // Tables do not change while resources are sorted, so each needs to be computed only once.
        if !tables.contains_key(&r) {
            let mut table = None;
            let how = Merging { target: None, only_positive: false, side: Side::ThisWith };
            merge(m, r, &mut table, None, 1.0, false, how);
            tables.insert(r, table);
        }
    }
    let score = |r: ResourceIx, node: NodeIx| {
        let table = tables.get(&r).and_then(Option::as_ref);
        table.and_then(|table| table.score(node)).unwrap_or(Score::NEG_INFINITY)
    };
    let at_home = |r: ResourceIx| {
        let home = match m[r].kind() {
            Kind::Bundle => m[r].active.first().copied(),
            _ => m.current_node(r),
        };
        home.map_or(Score::NEG_INFINITY, |node| score(r, node))
    };
    let by_home = at_home(b).cmp(&at_home(a));
    if by_home != Ordering::Equal {
        return by_home;
    }
    nodes
        .iter()
        .map(|&(node, _)| score(b, node).cmp(&score(a, node)))
        .find(|&order| order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}
