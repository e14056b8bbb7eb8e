//! What a step of placement did to a resource's scores, in words, for [`crate::Schedule::explain`]. Costs nothing unless wanted.

use crate::model::{Model, NodeIx, NodeTable, ResourceIx, Score};

/// The most nodes that one line names.
const NODES: usize = 6;

/// Carries out a step and, if a trace is wanted, records what it did to the resource's scores, under a label.
pub(crate) fn explained<T>(
    m: &mut Model,
    r: ResourceIx,
    label: impl FnOnce(&Model) -> String,
    step: impl FnOnce(&mut Model) -> T,
) -> T {
    if !m.wants.trace {
        return step(m);
    }
    let before = m[r].table.clone();
    let result = step(m);
    if let Some(effect) = difference(m, &before, &m[r].table) {
        m.trace(r, |m| format!("{}: {effect}", label(m)));
    }
    result
}

/// How the scores differ, if they do.
fn difference(m: &Model, before: &NodeTable, after: &NodeTable) -> Option<String> {
    let mut banned: Vec<NodeIx> = Vec::new();
    let mut changed: Vec<String> = Vec::new();
    for node in m.nodes_in_order() {
        let Some(now) = after.score(node) else { continue };
        let old = before.score(node).unwrap_or(Score::ZERO);
        if now == old {
            continue;
        }
        if now.is_neg_infinite() {
            banned.push(node);
        } else if now.is_infinite() || old.is_infinite() || old.is_neg_infinite() {
            changed.push(format!("{now} on {}", m.node_name(node)));
        } else {
            changed.push(format!("{:+} on {}", i64::from(now.value()) - i64::from(old.value()), m.node_name(node)));
        }
    }
    if !banned.is_empty() {
        let names: Vec<&str> = banned.iter().map(|&node| m.node_name(node)).collect();
        changed.push(format!("banned from {}", shortened(&names)));
    }
    let parts: Vec<&str> = changed.iter().map(String::as_str).collect();
    (!parts.is_empty()).then(|| shortened(&parts))
}

fn shortened(parts: &[&str]) -> String {
    let shown = parts[..parts.len().min(NODES)].join(", ");
    if parts.len() > NODES { format!("{shown} and {} more", parts.len() - NODES) } else { shown }
}

/// Records between which equals a node was chosen.
pub(super) fn tie(m: &mut Model, r: ResourceIx, nodes: &[(NodeIx, Score)], chosen: NodeIx, home: Option<NodeIx>) {
    if !m.wants.trace {
        return;
    }
    let Some(&(_, best)) = nodes.first() else { return };
    let equal: Vec<NodeIx> = nodes.iter().take_while(|&&(_, score)| score == best).map(|&(node, _)| node).collect();
    if equal.len() < 2 || !equal.contains(&chosen) {
        return;
    }
    let why = if Some(chosen) == home {
        "it is there already"
    } else if equal.iter().any(|&node| node != chosen && m[node].assigned == m[chosen].assigned) {
        "of those with the fewest resources, the first by name"
    } else {
        "it has the fewest resources so far"
    };
    m.trace(r, |m| format!("{} of {} equal nodes: {why}", m.node_name(chosen), equal.len()));
}
