//! Assigning a primitive [PL-15], choosing its node [PL-16] and recording the choice [PL-17].

use super::affects::apply;
use super::assign_resource;
use super::colocations::{Side, relevant};
use super::look::{any_available, available_with_score};
use super::merge::incorporate;
use super::order::sorted_nodes;
use super::scores::{print_one, print_utilization};
use super::utilization::{ban_insufficient, charge};
use super::why;
use crate::model::{
    ActionFlags, ActionKey, Assigned, ColocationIx, Kind, Model, NodeFlags, NodeIx, PlacementStrategy, QuorumPolicy,
    ResourceFlags, ResourceIx, Role, Score, Task,
};

/// Assigns a primitive [PL-15]. Returns its node.
pub(super) fn assign_primitive(
    m: &mut Model,
    r: ResourceIx,
    preferred: Option<NodeIx>,
    stop_if_fail: bool,
) -> Option<NodeIx> {
    if let Some(parent) = m[r].parent
        && !m[parent].is(ResourceFlags::ASSIGNING)
    {
        assign_resource(m, parent, preferred, stop_if_fail);
    }
    if !m[r].is(ResourceFlags::UNASSIGNED) {
        return m[r].assigned.map(|assigned| assigned.node);
    }
    if m[r].is(ResourceFlags::ASSIGNING) {
        return None;
    }
    m[r].flags.insert(ResourceFlags::ASSIGNING);
    apply_colocations(m, r);
    apply_target_role(m, r);
    print_one(m, "pcmk__primitive_assign", r);
    place(m, r, preferred, stop_if_fail);
    m[r].flags.remove(ResourceFlags::ASSIGNING);
    settle_remote_node(m, r);
    m[r].assigned.map(|assigned| assigned.node)
}

/// Mandatory colocations first, each way, then the others [PL-15.2].
fn apply_colocations(m: &mut Model, r: ResourceIx) {
    let this_with = relevant(m, r, Side::ThisWith);
    let with_this = relevant(m, r, Side::WithThis);
    for mandatory in [true, false] {
        for &c in &this_with {
            if m[c].score.is_mandatory() == mandatory {
                why::explained(m, r, |m| told(m, c), |m| follow(m, r, c));
            }
        }
        for &c in &with_this {
            if m[c].score.is_mandatory() == mandatory {
                let label = |m: &Model| format!("{}, for the sake of {}", m.text(m[c].id), m.id(m[c].dependent));
                why::explained(m, r, label, |m| incorporate(m, c, r));
            }
        }
    }
}

/// A colocation in words, seen from its dependent.
fn told(m: &Model, c: ColocationIx) -> String {
    let colocation = &m[c];
    let place = m.assigned_location(colocation.primary).map_or("nowhere", |node| m.node_name(node));
    format!("{}, with {} (on {place})", m.text(colocation.id), m.id(colocation.primary))
}

/// Follow(colocation): places the primary, then lets it restrict R [PL-15.2].
fn follow(m: &mut Model, r: ResourceIx, c: ColocationIx) {
    let colocation = &m[c];
    let (primary, score) = (colocation.primary, colocation.score);
    let revertible =
        colocation.dependent_role == Some(Role::Promoted) || (score.is_negative() && !score.is_neg_infinite());
    let saved = revertible.then(|| m[r].table.clone());
    if m[primary].is(ResourceFlags::UNASSIGNED) {
        assign_resource(m, primary, None, true);
    }
    apply(m, r, primary, c);
    if let Some(saved) = saved
        && !any_available(m, r)
    {
        m[r].table = saved;
    }
}

/// What the wanted role says about where R may run [PL-15.3].
fn apply_target_role(m: &mut Model, r: ResourceIx) {
    if m[r].next_role == Role::Stopped {
        m.adjust(r, None, Score::NEG_INFINITY);
    } else if m[r].next_role > m[r].role && !m.quorate && m.options.no_quorum_policy == QuorumPolicy::Freeze {
        m[r].next_role = m[r].role;
    }
}

/// Chooses how R is placed [PL-15.4].
fn place(m: &mut Model, r: ResourceIx, preferred: Option<NodeIx>, stop_if_fail: bool) {
    if m.options.fencing_enabled && !m.has_fence_device {
        m[r].flags.remove(ResourceFlags::MANAGED);
    }
    if !m[r].is(ResourceFlags::MANAGED) {
        m[r].next_role = m[r].role;
        let home = m.current_node(r);
        assign_to(m, r, home, true, stop_if_fail);
    } else if m.options.stop_all_resources {
        assign_to(m, r, None, true, stop_if_fail);
    } else {
        choose(m, r, preferred, stop_if_fail);
    }
}

/// Chooses the best node [PL-16.1].
fn choose(m: &mut Model, r: ResourceIx, mut preferred: Option<NodeIx>, stop_if_fail: bool) {
    if m.options.placement != PlacementStrategy::Default {
        let label = |_: &Model| "too little capacity".to_owned();
        let capable = why::explained(m, r, label, |m| ban_insufficient(m, r));
        preferred = preferred.or(capable);
    }
    if !m[r].is(ResourceFlags::UNASSIGNED) {
        return;
    }
    let home = m.current_node(r);
    let nodes = sorted_nodes(m, &m[r].table, home);
    let Some(&(best, best_score)) = nodes.first() else {
        assign_to(m, r, None, false, stop_if_fail);
        return;
    };
    let wanted = preferred.filter(|&node| {
        m[r].table.score(node).is_some_and(|score| score >= best_score && available_with_score(m, node, score))
    });
    let chosen = wanted.unwrap_or_else(|| {
        if prefers_home(m, r) && best_score > Score::ZERO && m[best].available() {
            let home = home.filter(|&node| available_with_score(m, node, m[node].base.score));
            let mut equal = nodes.iter().take_while(|&&(_, score)| score == best_score);
            if let Some(home) = home.filter(|&home| equal.any(|&(node, _)| node == home)) {
                return home;
            }
        }
        best
    });
    why::tie(m, r, &nodes, chosen, home);
    assign_to(m, r, Some(chosen), false, stop_if_fail);
}

/// Instances of a unique clone do not prefer their current node among equals [PL-16.1] step 5.
fn prefers_home(m: &Model, r: ResourceIx) -> bool {
    m[r].parent.is_none_or(|parent| !(m[parent].kind() == Kind::Clone && m[parent].is(ResourceFlags::UNIQUE)))
}

/// AssignTo(R, node or none, forced, stop-if-fail) [PL-17.1]. Returns whether anything changed.
pub fn assign_to(m: &mut Model, r: ResourceIx, node: Option<NodeIx>, forced: bool, stop_if_fail: bool) -> bool {
    if !m[r].is_primitive() {
        let mut changed = false;
        for at in 0..m[r].children.len() {
            let child = m[r].children[at];
            changed |= assign_to(m, child, node, forced, stop_if_fail);
        }
        return changed;
    }
    let before = m[r].assigned.map(|assigned| assigned.node);
    let mut node = node;
    if !forced && let Some(wanted) = node {
        let score = m[r].table.score(wanted).unwrap_or(Score::NEG_INFINITY);
        // Guests may come up in the same transition.
        if score.is_negative() || (!m[wanted].available() && !m[wanted].is_guest()) {
            if stop_if_fail {
                m[r].next_role = Role::Stopped;
            }
            node = None;
        }
    }
    unassign(m, r);
    m[r].flags.remove(ResourceFlags::UNASSIGNED);
    match node {
        None => {
            if stop_if_fail {
                m[r].next_role = Role::Stopped;
                adjust_actions(m, r);
            }
        }
        Some(node) => {
            if let Some(entry) = m[r].table.get_mut(node) {
                entry.count += 1;
            }
            // An unmanaged resource keeps its node as it was found there, whatever its table says by now.
            let own = m[r].table.get(node).copied().filter(|_| !forced);
            let entry = own.unwrap_or(m[node].base);
            m[r].assigned = Some(Assigned { node, entry });
            m[node].assigned += 1;
            charge(m, node, r, false);
            print_utilization(m, r, node);
        }
    }
    before != node
}

/// What a final failure means for actions that exist already [AC-5.3].
fn adjust_actions(m: &mut Model, r: ResourceIx) {
    for at in 0..m[r].actions.len() {
        let action = m[r].actions[at];
        let recurring = match m[action].key {
            ActionKey::Op { interval_ms, .. } => interval_ms != 0,
            _ => false,
        };
        let expects_stopped = m.symbols.find("op_target_rc").and_then(|name| m[action].meta.get(name));
        let expects_stopped = expects_stopped.is_some_and(|rc| m.text(rc) == "7");
        match m[action].task {
            Task::Stop => m[action].flags.remove(ActionFlags::OPTIONAL),
            Task::Start => m[action].flags.remove(ActionFlags::RUNNABLE),
            _ if recurring && !expects_stopped => m[action].flags.remove(ActionFlags::RUNNABLE),
            _ => {}
        }
    }
}

/// Takes back an assignment, of everything below R too [PL-17.3].
pub fn unassign(m: &mut Model, r: ResourceIx) {
    m[r].flags.insert(ResourceFlags::UNASSIGNED);
    if let Some(assigned) = m[r].assigned.take() {
        let count = &mut m[assigned.node].assigned;
        *count = count.saturating_sub(1);
        charge(m, assigned.node, r, true);
    }
    for at in 0..m[r].children.len() {
        let child = m[r].children[at];
        unassign(m, child);
    }
}

/// Unassigns R as if it had been assigned to no node at all, with all consequences [CL-12.4]. Returns whether that
/// changed where anything is assigned.
pub fn unassign_fully(m: &mut Model, r: ResourceIx) -> bool {
    assign_to(m, r, None, true, true)
}

/// A connection that was placed decides whether its node will be up [PL-15.6].
fn settle_remote_node(m: &mut Model, r: ResourceIx) {
    if !m[r].is(ResourceFlags::REMOTE_CONNECTION) {
        return;
    }
    let Some(node) = m[r].remote_node else { return };
    let up = m[r].assigned.is_some() && m[r].next_role != Role::Stopped;
    let flags = &mut m[node].flags;
    if up {
        flags.insert(NodeFlags::ONLINE);
        if !flags.has(NodeFlags::SEEN) {
            flags.remove(NodeFlags::UNCLEAN);
        }
    } else {
        flags.insert(NodeFlags::SHUTDOWN);
    }
}
