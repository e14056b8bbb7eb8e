//! What a colocation with a decided primary does to its dependent [PL-12], [CL-5.3], [CL-5.5].

use super::compatible::{compatible, compatible_on, host_node};
use super::look::{add_priority, any_available, any_flag, assigned_entry, attribute_for, meta_true, replicas};
use super::order::sorted_nodes;
use super::primitive::unassign_fully;
use crate::model::Level;
use crate::model::{ColocationIx, Kind, Model, NodeIx, ResourceFlags, ResourceIx, Role, Score, Variant, sym};

/// What a colocation affects at the moment [PL-12.1].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Affects {
    /// Nothing.
    Nothing,
    /// Where the dependent may run.
    Location,
    /// Which role a placed dependent gets.
    Role,
}

/// The resource whose role counts: for a replica's container, the replica's child [PL-12.1].
fn role_resource(m: &Model, r: ResourceIx) -> ResourceIx {
    if !m[r].is(ResourceFlags::REPLICA_CONTAINER) {
        return r;
    }
    let replica = m[r].replica.and_then(|(bundle, at)| replicas(m, bundle).get(at as usize));
    replica.and_then(|replica| replica.child).unwrap_or(r)
}

/// Decides what the colocation affects. In preview (utilization only) it does not matter what is assigned [PL-12.1].
#[must_use]
pub(super) fn affects(m: &Model, d: ResourceIx, p: ResourceIx, c: ColocationIx, preview: bool) -> Affects {
    let unassigned = |r: ResourceIx| m[r].is(ResourceFlags::UNASSIGNED);
    if !preview && unassigned(p) {
        return Affects::Nothing;
    }
    let colocation = &m[c];
    let (d_role, p_role) = (role_resource(m, d), role_resource(m, p));
    let wants_role = matches!(colocation.dependent_role, Some(Role::Unpromoted | Role::Promoted));
    let promotable = m[d_role].parent.is_some_and(|parent| m[parent].is(ResourceFlags::PROMOTABLE));
    if wants_role && promotable && !unassigned(d_role) {
        return Affects::Role;
    }
    if !preview && !unassigned(d) {
        return Affects::Nothing;
    }
    let differs = |wanted: Option<Role>, r: ResourceIx| wanted.is_some_and(|wanted| wanted != m.next_role(r));
    if differs(colocation.dependent_role, d_role) || differs(colocation.primary_role, p_role) {
        return Affects::Nothing;
    }
    Affects::Location
}

/// ApplyColocation(D, P, colocation): changes D's table or priority; returns what was added to the priority [PL-12.2].
pub(super) fn apply(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) -> Score {
    if m[d].kind() == Kind::Group {
        return apply_to_group(m, d, p, c);
    }
    match m[p].kind() {
        Kind::Primitive => apply_primitive(m, d, p, c),
        Kind::Group => apply_group_primary(m, d, p, c),
        Kind::Clone => apply_clone_primary(m, d, p, c),
        Kind::Bundle => apply_bundle_primary(m, d, p, c),
    }
}

fn apply_to_group(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) -> Score {
    let mut sum = Score::ZERO;
    if m[d].group().is_some_and(|group| group.colocated) {
        if let Some(&first) = m[d].children.first() {
            sum = apply(m, first, p, c);
        }
    } else if m[c].score.is_infinite() {
        let message =
            format!("Cannot mandatorily colocate {} with another resource because it is not colocated", m.id(d));
        m.config_error(message);
        return Score::ZERO;
    } else {
        for at in 0..m[d].children.len() {
            let member = m[d].children[at];
            sum = sum.add(apply_primitive(m, member, p, c));
        }
    }
    if sum != Score::ZERO {
        m[d].priority = add_priority(m[d].priority, sum);
    }
    sum
}

fn apply_primitive(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) -> Score {
    match affects(m, d, p, c, false) {
        Affects::Nothing => Score::ZERO,
        Affects::Location => {
            apply_location(m, d, p, c);
            Score::ZERO
        }
        Affects::Role => apply_role(m, d, p, c),
    }
}

/// The effect on the dependent's node table [PL-12.3].
fn apply_location(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) {
    let (score, attribute) = (m[c].score, m[c].node_attribute);
    let mut work = m[d].table.clone();
    match m[p].assigned {
        None if score.is_negative() => return,
        None => {
            for (_, entry) in work.iter_mut() {
                entry.score = score.negated().add(entry.score);
            }
        }
        Some(assigned) => {
            let value = attribute_for(m, assigned.node, attribute, p);
            for (node, entry) in work.iter_mut() {
                if same_value(value, attribute_for(m, node, attribute, d)) {
                    if score < Score::INFINITY {
                        entry.score = score.add(entry.score);
                    }
                } else if score >= Score::INFINITY {
                    entry.score = Score::NEG_INFINITY;
                }
            }
        }
    }
    work.note_copied();
    let old = core::mem::replace(&mut m[d].table, work);
    if !score.is_mandatory() && !any_available(m, d) {
        m[d].table = old;
    }
}

/// Attribute values compare case-insensitively; two unset ones are equal.
fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (None, None) => true,
        _ => false,
    }
}

/// The effect on the promotion of a placed dependent [PL-12.4], [CL-7.4.1].
fn apply_role(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) -> Score {
    let colocation = &m[c];
    let (score, attribute) = (colocation.score, colocation.node_attribute);
    let Some(home) = m[d].assigned else { return Score::ZERO };
    let there = m[p].assigned;
    let p_role = m.next_role(role_resource(m, p));
    if there.is_some() && colocation.primary_role.is_some_and(|wanted| wanted != p_role) {
        return Score::ZERO;
    }
    let d_value = attribute_for(m, home.node, attribute, d);
    let p_value = there.and_then(|there| attribute_for(m, there.node, attribute, p));
    let delta = if same_value(d_value, p_value) {
        if colocation.dependent_role == Some(Role::Unpromoted) { score.negated() } else { score }
    } else if score == Score::INFINITY && colocation.dependent_role == Some(Role::Promoted) {
        score.negated()
    } else {
        Score::ZERO
    };
    m[d].priority = add_priority(m[d].priority, delta);
    delta
}

/// A group as primary [PL-12.5].
fn apply_group_primary(m: &mut Model, d: ResourceIx, p: ResourceIx, c: ColocationIx) -> Score {
    if m[p].is(ResourceFlags::UNASSIGNED) {
        return Score::ZERO;
    }
    let score = m[c].score;
    if m[p].group().is_some_and(|group| group.colocated) {
        let member = if score.is_infinite() { m[p].children.last() } else { m[p].children.first() };
        return member.copied().map_or(Score::ZERO, |member| apply(m, d, member, c));
    }
    if score.is_infinite() {
        let message = format!("Cannot mandatorily colocate with {} because it is not colocated", m.id(p));
        m.config_error(message);
        return Score::ZERO;
    }
    let mut sum = Score::ZERO;
    for at in 0..m[p].children.len() {
        let member = m[p].children[at];
        sum = sum.add(apply(m, d, member, c));
    }
    sum
}

/// Whether an instance, or anything in it, is blocked.
fn blocked(m: &Model, r: ResourceIx) -> bool {
    any_flag(m, r, ResourceFlags::BLOCKED)
}

/// A clone as primary [CL-5.3].
fn apply_clone_primary(m: &mut Model, d: ResourceIx, clone: ResourceIx, c: ColocationIx) -> Score {
    if m[clone].is(ResourceFlags::UNASSIGNED) {
        return Score::ZERO;
    }
    let (score, primary_role, dependent_role) = (m[c].score, m[c].primary_role, m[c].dependent_role);
    if m[clone].is(ResourceFlags::PROMOTABLE) && matches!(primary_role, Some(Role::Promoted | Role::Unpromoted)) {
        if m[d].is(ResourceFlags::UNASSIGNED) {
            follow_roles(m, d, clone, c);
            return Score::ZERO;
        }
        if dependent_role == Some(Role::Promoted) {
            return follow_promotion(m, d, clone, c);
        }
    }
    if interleaves(m, clone, c) {
        if let Some(instance) = compatible(m, d, clone, None, false, None) {
            return apply(m, d, instance, c);
        }
        if score.is_infinite() {
            m.tell(
                Level::Notice,
                format!("{} cannot run because it cannot interleave with any instance of {}", m.id(d), m.id(clone)),
            );
            unassign_fully(m, d);
        }
        return Score::ZERO;
    }
    if score.is_infinite() {
        let homes: Vec<NodeIx> = m[clone]
            .children
            .iter()
            .filter(|&&instance| !blocked(m, instance))
            .filter_map(|&instance| m.assigned_location(instance))
            .collect();
        confine(m, d, &homes);
        return Score::ZERO;
    }
    let mut sum = Score::ZERO;
    for at in 0..m[clone].children.len() {
        let instance = m[clone].children[at];
        sum = sum.add(apply(m, d, instance, c));
    }
    sum
}

/// Bans D from every node that is not in the list.
fn confine(m: &mut Model, d: ResourceIx, homes: &[NodeIx]) {
    let mut allowed = vec![false; m.nodes.len()];
    for node in homes {
        allowed[node.index()] = true;
    }
    for (node, entry) in m[d].table.iter_mut() {
        if !allowed[node.index()] {
            entry.score = Score::NEG_INFINITY;
        }
    }
}

/// Node scores of a dependent whose primary is a role of a promotable clone [CL-5.3.1].
fn follow_roles(m: &mut Model, d: ResourceIx, clone: ResourceIx, c: ColocationIx) {
    let (score, attribute, wanted) = (m[c].score, m[c].node_attribute, m[c].primary_role);
    let both_promoted = wanted == Some(Role::Promoted) && m[c].dependent_role == Some(Role::Promoted);
    let mut homes: Vec<Option<Score>> = vec![None; m.nodes.len()];
    let mut table = m[d].table.clone();
    for &instance in &m[clone].children {
        let Some((home, there)) = assigned_entry(m, instance) else { continue };
        if Some(m.next_role(instance)) != wanted {
            continue;
        }
        homes[home.index()] = Some(there);
        if score < Score::INFINITY {
            let value = attribute_for(m, home, attribute, instance);
            for (node, entry) in table.iter_mut() {
                if same_value(value, attribute_for(m, node, attribute, d)) {
                    entry.score = score.add(entry.score);
                }
            }
        }
    }
    if score >= Score::INFINITY && !both_promoted {
        for (node, entry) in table.iter_mut() {
            entry.score = homes[node.index()].map_or(Score::NEG_INFINITY, |there| entry.score.add(there));
        }
    }
    m[d].table = table;
}

/// Priority of a promotable dependent whose primary is a role of a promotable clone [CL-5.3.2].
fn follow_promotion(m: &mut Model, d: ResourceIx, clone: ResourceIx, c: ColocationIx) -> Score {
    let (score, attribute, wanted) = (m[c].score, m[c].node_attribute, m[c].primary_role);
    if compatible(m, d, clone, wanted, false, Some(attribute)).is_some() {
        m[d].priority = add_priority(m[d].priority, score);
        score
    } else if score.is_infinite() {
        m[d].priority = Score::NEG_INFINITY.value();
        Score::NEG_INFINITY
    } else {
        Score::ZERO
    }
}

/// How many instances of a collective one node may have.
fn max_per_node(m: &Model, r: ResourceIx) -> Option<i32> {
    match &m[r].variant {
        Variant::Clone(clone) => Some(clone.clone_node_max),
        Variant::Bundle(bundle) => Some(bundle.replicas_per_host),
        _ => None,
    }
}

/// Whether instances of the dependent are paired with instances of the primary [CL-5.3] step 3.
fn interleaves(m: &mut Model, primary: ResourceIx, c: ColocationIx) -> bool {
    let dependent = m[c].dependent;
    let Some(per_node) = max_per_node(m, dependent) else { return false };
    if !meta_true(m, dependent, sym::INTERLEAVE) {
        return false;
    }
    if Some(per_node) == max_per_node(m, primary) {
        return true;
    }
    let message = format!(
        "Cannot interleave {} and {} because they do not support the same number of instances per node",
        m.id(dependent),
        m.id(primary)
    );
    m.config_error(message);
    false
}

/// A bundle as primary [CL-5.5].
fn apply_bundle_primary(m: &mut Model, d: ResourceIx, bundle: ResourceIx, c: ColocationIx) -> Score {
    if m[bundle].is(ResourceFlags::UNASSIGNED) {
        return Score::ZERO;
    }
    let score = m[c].score;
    if max_per_node(m, m[c].dependent).is_some() {
        if let Some(container) = compatible_container(m, d, bundle) {
            return apply(m, d, container, c);
        }
        if score.is_infinite() {
            m.tell(
                Level::Notice,
                format!(
                    "{} cannot run because there is no compatible instance of {} to colocate with",
                    m.id(d),
                    m.id(bundle)
                ),
            );
            unassign_fully(m, d);
        }
        return Score::ZERO;
    }
    let containers: Vec<ResourceIx> = replicas(m, bundle).iter().map(|replica| replica.container).collect();
    if !score.is_infinite() {
        return containers.into_iter().fold(Score::ZERO, |sum, container| sum.add(apply(m, d, container, c)));
    }
    let promoted_only = m[c].primary_role == Some(Role::Promoted);
    let homes: Vec<NodeIx> = replicas(m, bundle)
        .iter()
        .filter(|replica| !blocked(m, replica.container))
        .filter(|replica| {
            let promoted = |child: ResourceIx| m.next_role(child) == Role::Promoted;
            !promoted_only || replica.child.is_some_and(promoted)
        })
        .filter_map(|replica| m.assigned_location(replica.container))
        .collect();
    confine(m, d, &homes);
    Score::ZERO
}

/// The container to pair D with [CL-5.5] step 2.
fn compatible_container(m: &Model, d: ResourceIx, bundle: ResourceIx) -> Option<ResourceIx> {
    let home = m.assigned_location(d).and_then(|node| host_node(m, node));
    if let Some(host) = home {
        return compatible_on(m, bundle, host);
    }
    let nodes = sorted_nodes(m, &m[d].table, None);
    nodes.into_iter().filter_map(|(node, _)| host_node(m, node)).find_map(|host| compatible_on(m, bundle, host))
}
