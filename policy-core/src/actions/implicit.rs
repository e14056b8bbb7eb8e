//! Implicit constraints of a primitive `[AC-10.6]` `[PL-19.1]` `[OR-5.2]`.

use super::create::singleton;
use super::unfence;
use crate::collectives;
use crate::model::{
    ActionFlags, ActionIx, Colocation, Kinds, Model, NodeIx, PlacementStrategy, ResourceFlags, ResourceIx, Role, Score,
    Task, sym,
};
use crate::ordering::order;
use crate::placement::colocations;

/// Implicit constraints of all resources, in resource order `[AC-10.6]` `[CL-10]`.
pub fn implicit(m: &mut Model) {
    for r in m.top.clone() {
        implicit_of(m, r);
    }
}

/// Implicit constraints of a resource and all below it.
pub fn implicit_of(m: &mut Model, r: ResourceIx) {
    if m[r].is_primitive() { primitive(m, r) } else { collectives::implicit(m, r) }
}

fn primitive(m: &mut Model, r: ResourceIx) {
    if !m[r].is(ResourceFlags::MANAGED) {
        return;
    }
    order(m, (r, Task::Stop), (r, Task::Start), Kinds::ORDERED | Kinds::FIRST_IMPLIES_THEN | Kinds::RESTART);
    let top = m.top(r);
    if m[top].is(ResourceFlags::PROMOTABLE) || m[r].role > Role::Unpromoted {
        order(m, (r, Task::Demote), (r, Task::Stop), Kinds::PROMOTED_THEN_IMPLIES_FIRST);
        order(m, (r, Task::Start), (r, Task::Promote), Kinds::BLOCKS);
    }
    let no_clean_up = Kinds::ONLY_SAME_NODE | Kinds::THEN_CANCELS_FIRST;
    order(m, (r, Task::LrmDelete), (r, Task::Monitor), no_clean_up);
    let unfences = m.unfencing && m[r].is(ResourceFlags::NEEDS_UNFENCING) && !m[r].is(ResourceFlags::FENCE_DEVICE);
    if unfences {
        for node in allowed_in_order(m, r) {
            let on = unfence::on_action(m, node);
            order(m, (r, Task::Stop), on, Kinds::ORDERED | Kinds::ONLY_SAME_NODE);
            order(m, on, (r, Task::Start), Kinds::SAME_NODE_IMPLIES | Kinds::ONLY_SAME_NODE);
        }
    }
    if !m[r].utilization.is_empty() && m.options.placement != PlacementStrategy::Default {
        order_load(m, r);
    }
    if let Some(launcher) = m[r].launcher {
        follow_launcher(m, r, launcher);
    }
    if m[r].flags.any(ResourceFlags::REMOTE_CONNECTION | ResourceFlags::FENCE_DEVICE) {
        ban(m, r, |m, node| m[node].connection.is_some());
    }
}

/// The nodes of a resource's table by name.
fn allowed_in_order(m: &Model, r: ResourceIx) -> Vec<NodeIx> {
    m.nodes_in_order().filter(|&node| m[r].table.contains(node)).collect()
}

/// Sets rows of a resource's table to -INFINITY.
fn ban(m: &mut Model, r: ResourceIx, banned: impl Fn(&Model, NodeIx) -> bool) {
    let nodes: Vec<NodeIx> = m[r].table.iter().map(|(node, _)| node).filter(|&node| banned(m, node)).collect();
    for node in nodes {
        if let Some(entry) = m[r].table.get_mut(node) {
            entry.score = Score::NEG_INFINITY;
        }
    }
}

/// Capacity is freed by stops before starts and migrations use it `[OR-5.2]`.
fn order_load(m: &mut Model, r: ResourceIx) {
    for node in m[r].active.clone() {
        let freed = load_stopped(m, node);
        order(m, (r, Task::Stop), freed, Kinds::LOAD);
    }
    for node in allowed_in_order(m, r) {
        let freed = load_stopped(m, node);
        order(m, freed, (r, Task::Start), Kinds::LOAD);
        order(m, freed, (r, Task::MigrateTo), Kinds::LOAD);
    }
}

fn load_stopped(m: &mut Model, node: NodeIx) -> ActionIx {
    let name = format!("load_stopped_{}", m.node_name(node));
    let (a, new) = singleton(m, &name);
    if new {
        m[a].node = Some(node);
        m[a].flags.remove(ActionFlags::OPTIONAL);
    }
    a
}

/// What runs inside another resource `[AC-10.6]` step 6.
fn follow_launcher(m: &mut Model, r: ResourceIx, launcher: ResourceIx) {
    let nests = m[r].is(ResourceFlags::REMOTE_NESTING_ALLOWED);
    if m[r].is(ResourceFlags::REMOTE_CONNECTION) {
        if !nests {
            ban(m, launcher, |m, node| m[node].connection.is_some());
        }
        order(m, (launcher, Task::Monitor), (r, Task::Stop), Kinds::ORDERED);
    } else if let Some(only) = node_of(m, launcher) {
        ban(m, r, |_, node| node != only);
        return;
    }
    order(m, (launcher, Task::Start), (r, Task::Start), Kinds::FIRST_IMPLIES_THEN | Kinds::BLOCKS);
    order(m, (r, Task::Stop), (launcher, Task::Stop), Kinds::THEN_IMPLIES_FIRST);
    let id = m.symbols.intern("#resource-with-container");
    let colocation = Colocation {
        id,
        dependent: r,
        primary: launcher,
        score: if nests { Score::raw(10_000) } else { Score::INFINITY },
        dependent_role: None,
        primary_role: None,
        node_attribute: sym::UNAME,
        influence: true,
        explicit: false,
    };
    colocations::insert(m, colocation);
}

/// The node that a launcher makes: as a connection itself, or by the connection that it launches.
fn node_of(m: &Model, launcher: ResourceIx) -> Option<NodeIx> {
    let is_connection = |r: ResourceIx| m[r].is(ResourceFlags::REMOTE_CONNECTION);
    if is_connection(launcher) {
        return m[launcher].remote_node;
    }
    m[launcher].launched.iter().copied().find(|&c| is_connection(c)).and_then(|c| m[c].remote_node)
}
