//! What is known about nodes before anything is assigned: locks, locations, stickiness, failures [PL-9].

use super::{explained, locations};
use crate::actions::create_op;
use crate::model::{
    ActionIx, Kind, LocationIx, Model, NodeFlags, NodeIx, ProbeMode, ResourceFlags, ResourceIx, Score, Task, sym,
};
use crate::status::fail_count;
use cib_core::rules::parse_integer;

/// Shutdown locks, locations, stickiness, thresholds, exclusive discovery [PL-9].
pub fn criteria(m: &mut Model) {
    if m.options.shutdown_lock {
        for r in m.top.clone() {
            lock(m, r);
        }
    }
    for at in (0..m.locations.len()).rev() {
        let location = LocationIx::new(at);
        let resource = m[location].resource;
        m.trace(resource, |m| {
            let of = &m[location];
            let nodes: Vec<String> = of.nodes.iter().map(|&(n, s)| format!("{s} on {}", m.node_name(n))).collect();
            let role = of.role.map_or(String::new(), |role| format!(" (only as {role})"));
            let effect = if nodes.is_empty() { "no node fits".to_owned() } else { nodes.join(", ") };
            format!("{}{role}: {effect}", m.text(of.id))
        });
        locations::apply(m, resource, location);
    }
    for r in m.top.clone() {
        for leaf in m.leaves(r) {
            stick(m, leaf);
        }
    }
    // Only leaves that have failed at all can reach a threshold; most runs have none.
    for node in m.nodes_in_order() {
        for r in m.top.clone() {
            ban_failed(m, r, node);
            ban_unless_exclusive(m, r, node);
        }
    }
}

/// Shutdown locks: a stopped resource waits for its node to come back [PL-9.1].
fn lock(m: &mut Model, r: ResourceIx) {
    match m[r].kind() {
        Kind::Group => {
            for member in m[r].children.clone() {
                lock(m, member);
            }
        }
        Kind::Primitive => lock_primitive(m, r),
        Kind::Clone | Kind::Bundle => {}
    }
}

fn lock_primitive(m: &mut Model, r: ResourceIx) {
    if m[r].flags.any(ResourceFlags::FENCE_DEVICE | ResourceFlags::REMOTE_CONNECTION) {
        return;
    }
    if let Some(node) = m[r].lock_node {
        if !m[r].active.is_empty() {
            m[r].lock_node = None;
            m[r].lock_time = 0;
            // It runs elsewhere, so its history there is of no use any more [AC-8].
            create_op(m, r, Task::LrmDelete, Some(node), false);
        }
    } else if let [node] = m[r].active[..]
        && m[node].is(NodeFlags::SHUTDOWN)
        && !m[node].unclean()
    {
        let since = m.attribute(node, sym::SHUTDOWN).and_then(parse_integer);
        m[r].lock_node = Some(node);
        m[r].lock_time = since.filter(|&since| since > 0).unwrap_or(m.now);
    }
    let Some(home) = m[r].lock_node else { return };
    if m.options.shutdown_lock_limit_ms > 0 {
        let limit = i64::from(m.options.shutdown_lock_limit_ms / 1000);
        m.recheck_at(m[r].lock_time.saturating_add(limit).saturating_add(1));
    }
    let label = |m: &Model| format!("locked to {}", m.node_name(home));
    explained(m, r, label, |m| {
        for node in m.nodes_in_order() {
            if node != home {
                m.adjust(r, Some(node), Score::NEG_INFINITY);
            }
        }
    });
}

/// A managed primitive likes to stay where it is [PL-9.3].
fn stick(m: &mut Model, r: ResourceIx) {
    let resource = &m[r];
    if let [node] = resource.active[..]
        && resource.is(ResourceFlags::MANAGED)
        && resource.stickiness >= Score::raw(1)
        && (m.options.symmetric_cluster || resource.table.contains(node))
    {
        m.trace(r, |m| format!("{} on {}: stickiness", m[r].stickiness, m.node_name(node)));
        m.adjust(r, Some(node), m[r].stickiness);
    }
}

/// A leaf that failed too often on a node is banned from it; an anonymous one with its whole clone [PL-9.4], [CL-6.2].
fn ban_failed(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if !m[r].is_primitive() {
        for at in 0..m[r].children.len() {
            let child = m[r].children[at];
            ban_failed(m, child, node);
        }
    } else if let Some(target) = reached_threshold(m, r, node) {
        m.trace(target, |m| format!("banned from {}: migration-threshold reached", m.node_name(node)));
        m.adjust(target, Some(node), Score::NEG_INFINITY);
    }
}

/// Whom a primitive's failures on a node ban from it, if they have reached its threshold [PL-9.4] (a).
#[must_use]
pub fn reached_threshold(m: &mut Model, r: ResourceIx, node: NodeIx) -> Option<ResourceIx> {
    let resource = &m[r];
    if resource.migration_threshold == Score::ZERO
        || resource.is(ResourceFlags::IGNORE_FAILURE)
        || clears_failcount(m, r, node)
    {
        return None;
    }
    let (count, _) = fail_count(m, r, node, true, true, None);
    if count <= Score::ZERO || m[r].migration_threshold.value() > count.value() {
        return None;
    }
    Some(if m[r].is(ResourceFlags::UNIQUE) { r } else { m.top(r) })
}

/// Whether clearing the fail count has been scheduled already.
fn clears_failcount(m: &Model, r: ResourceIx, node: NodeIx) -> bool {
    let clears = |&&action: &&ActionIx| m[action].task == Task::ClearFailcount && m[action].node == Some(node);
    m[r].actions.iter().any(|action| clears(&action))
}

/// Exclusive discovery: only nodes marked so are allowed [PL-9.4] (b).
fn ban_unless_exclusive(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if !m[r].is(ResourceFlags::EXCLUSIVE_PROBES) && !m[m.top(r)].is(ResourceFlags::EXCLUSIVE_PROBES) {
        return;
    }
    for at in 0..m[r].children.len() {
        let child = m[r].children[at];
        ban_unless_exclusive(m, child, node);
    }
    let label = |_: &Model| "probed on other nodes only".to_owned();
    explained(m, r, label, |m| {
        if let Some(entry) = m[r].table.get_mut(node)
            && entry.probe != ProbeMode::Exclusive
        {
            entry.score = Score::NEG_INFINITY;
        }
    });
}
