//! The score lines, in the moment and order in which they arise [PL-22], [CL-17].

use super::hashing::table_order;
use crate::model::{Model, NodeIx, NodeKind, ResourceFlags, ResourceIx, Score, ScoreLine, Symbol};

/// One line per node of R's own table, in name order [PL-22.2].
pub(super) fn print_one(m: &mut Model, prefix: &'static str, r: ResourceIx) {
    if !m.wants.scores || m[r].is(ResourceFlags::REMOVED) {
        return;
    }
    for at in 0..m.node_order.len() {
        let node = m.node_order[at];
        if let Some(score) = m[r].table.score(node) {
            m.scores.push(ScoreLine::Allocation { function: prefix, resource: r, node, score });
        }
    }
}

/// R's lines and those of everything below it. Removed resources hide their children too.
pub(super) fn print_tree(m: &mut Model, prefix: &'static str, r: ResourceIx) {
    if !m.wants.scores || m[r].is(ResourceFlags::REMOVED) {
        return;
    }
    print_one(m, prefix, r);
    for at in 0..m[r].children.len() {
        let child = m[r].children[at];
        print_tree(m, prefix, child);
    }
}

/// The promotion priority of an instance [CL-17.3].
pub(super) fn print_promotion(m: &mut Model, r: ResourceIx, node: Option<NodeIx>, score: Score) {
    if m.wants.scores {
        m.scores.push(ScoreLine::Promotion { instance: r, node, score });
    }
}

/// What the nodes can carry, before or after all assignments [PL-22.4].
pub(super) fn print_capacity(m: &mut Model, comment: &'static str) {
    if !m.wants.utilization {
        return;
    }
    for at in 0..m.node_order.len() {
        let node = m.node_order[at];
        if m[node].kind != NodeKind::Bundle {
            let values = in_table_order(m, &m[node].utilization);
            m.scores.push(ScoreLine::Capacity { comment, node, values });
        }
    }
}

/// What R takes from the node it was assigned to [PL-22.4].
pub(super) fn print_utilization(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if m.wants.utilization {
        let values = in_table_order(m, &m[r].utilization);
        m.scores.push(ScoreLine::Utilization { function: "pcmk__assign_resource", resource: r, node, values });
    }
}

/// Amounts in the order in which the reference's tables iterate [PL-A].
fn in_table_order(m: &Model, amounts: &[(Symbol, String)]) -> Vec<(Symbol, String)> {
    let keys: Vec<&str> = amounts.iter().map(|&(name, _)| m.text(name)).collect();
    table_order(&keys, 0).into_iter().map(|at| amounts[at].clone()).collect()
}
