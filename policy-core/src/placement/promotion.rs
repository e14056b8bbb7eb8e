//! Promotion: which instances of a promotable clone become promoted [CL-7].

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::affects::apply;
use super::colocations::{Side, has_influence, relevant};
use super::instances::sort_for_promotion;
use super::look::{add_priority, available_with_guest, host_of, launcher_of};
use super::merge::{Merging, factor_of, merge};
use super::scores::print_promotion;
use crate::model::{
    ColocationIx, Level, LocationIx, Model, NodeIx, QuorumPolicy, ResourceFlags, ResourceIx, Role, Score, base_name,
    sym,
};

/// Where instances of an anonymous clone are active and known, by base name.
struct Whereabouts {
    /// The first instance's primitive that is active there.
    active: HashMap<(Box<str>, NodeIx), ResourceIx, FxBuildHasher>,
    /// Some instance's primitive was probed there.
    known: HashSet<(Box<str>, NodeIx), FxBuildHasher>,
}

impl Whereabouts {
    fn of(m: &Model, clone: ResourceIx) -> Whereabouts {
        let mut found = Whereabouts { active: HashMap::default(), known: HashSet::default() };
        for leaf in m.leaves(clone) {
            let base: Box<str> = base_name(m.id(leaf)).into();
            for &node in &m[leaf].active {
                found.active.entry((base.clone(), node)).or_insert(leaf);
            }
            for node in m[leaf].known.iter() {
                found.known.insert((base.clone(), node));
            }
        }
        found
    }
}

/// The promotion score of R on a node, and whether it is set at all [CL-7.2].
fn promotion_score(m: &mut Model, r: ResourceIx, node: NodeIx, whereabouts: &Whereabouts) -> Option<i32> {
    if !m[r].is_primitive() {
        let mut sum: Option<i32> = None;
        for at in 0..m[r].children.len() {
            let member = m[r].children[at];
            if let Some(score) = promotion_score(m, member, node, whereabouts) {
                sum = Some(sum.unwrap_or(0).saturating_add(score));
            }
        }
        return sum;
    }
    if !counts_on(m, r, node, whereabouts) {
        return None;
    }
    let value = promotion_attribute(m, r, node)?.to_owned();
    match m.parse_score(&value) {
        Some(score) => Some(score.value()),
        None => {
            m.tell(
                Level::Warning,
                format!(
                    "Using 0 as promotion score for {} on {} because '{value}' is not a valid score",
                    m.id(r),
                    m.text(m[node].name),
                ),
            );
            Some(0)
        }
    }
}

/// Whether a promotion score on this node may be relied on [CL-7.2] step 1.
fn counts_on(m: &Model, r: ResourceIx, node: NodeIx, whereabouts: &Whereabouts) -> bool {
    let resource = &m[r];
    let anonymous = !resource.is(ResourceFlags::UNIQUE);
    let at = (base_name(m.id(r)).into(), node);
    let active_here = whereabouts.active.get(&at);
    let by_peers = anonymous && (active_here == Some(&r) || (active_here.is_none() && whereabouts.known.contains(&at)));
    let starting_up = resource.active.is_empty() && resource.known.is_empty();
    (by_peers || starting_up || resource.known.contains(node) || resource.active.contains(&node))
        && resource.table.score(node).is_some_and(|score| !score.is_negative())
}

/// The text of the promotion score [CL-7.2] steps 2 and 3.
fn promotion_attribute(m: &Model, r: ResourceIx, node: NodeIx) -> Option<&str> {
    let resource = &m[r];
    let host = m[node].is_guest()
        && m.meta(r, sym::CONTAINER_ATTRIBUTE_TARGET).is_some_and(|target| target.eq_ignore_ascii_case("host"));
    let from = if host {
        if resource.is(ResourceFlags::UNASSIGNED) {
            let launcher = launcher_of(m, node)?;
            m[launcher].active.first().copied()?
        } else {
            host_of(m, node)?
        }
    } else {
        node
    };
    let value_of = |name: &str| m.attribute(from, format!("master-{name}").as_str());
    let own = value_of(m.text(m.history_name(r)));
    if own.is_none() && !resource.is(ResourceFlags::UNIQUE) {
        return value_of(base_name(m.id(r)));
    }
    own
}

/// Adds promotion scores to the instances' tables and priorities, once per run [CL-7.3].
pub(super) fn add_promotion_scores(m: &mut Model, clone: ResourceIx) {
    let Some(state) = m[clone].clone_state_mut() else { return };
    if core::mem::replace(&mut state.promotion_scores_added, true) {
        return;
    }
    let whereabouts = Whereabouts::of(m, clone);
    for instance in m[clone].children.clone() {
        let nodes: Vec<NodeIx> =
            m[instance].table.iter().map(|(node, _)| node).filter(|&node| m[node].available()).collect();
        for node in nodes {
            let score = Score::clamped(promotion_score(m, instance, node, &whereabouts).unwrap_or(0).into());
            if score > Score::ZERO {
                m[instance].table.add(node, score);
            }
            if score.value() > m[instance].priority {
                m[instance].priority = score.value();
            }
        }
    }
}

/// Chooses which placed instances are promoted [CL-7.4] to [CL-7.7].
pub(super) fn choose_roles(m: &mut Model, clone: ResourceIx) {
    for (_, entry) in m[clone].table.iter_mut() {
        entry.count = 0;
    }
    let whereabouts = Whereabouts::of(m, clone);
    for instance in m[clone].children.clone() {
        set_instance_priority(m, clone, instance, &whereabouts);
    }
    order_by_promotion(m, clone);
    promote(m, clone);
}

/// The priority of an instance on the node where it was placed [CL-7.4].
fn set_instance_priority(m: &mut Model, clone: ResourceIx, instance: ResourceIx, whereabouts: &Whereabouts) {
    if m.role(instance) == Role::Started {
        for r in m.family(instance) {
            if m[r].role == Role::Started {
                m[r].role = Role::Unpromoted;
            }
        }
    }
    let Some(node) = m.assigned_location(instance) else {
        if is_assigned(m, instance) {
            let message = format!("Cannot promote non-colocated child {}", m.id(instance));
            m.config_error(message);
        }
        return;
    };
    match m.next_role(instance) {
        Role::Unknown | Role::Started => {
            let score = promotion_score(m, instance, node, whereabouts).unwrap_or(-1);
            m[instance].priority = score;
        }
        Role::Unpromoted | Role::Stopped => m[instance].priority = Score::NEG_INFINITY.value(),
        Role::Promoted => {}
    }
    let own = m[instance].locations.iter().rev().chain(m[clone].locations.iter().rev());
    let priority = own.fold(m[instance].priority, |priority, &l| add_promoted_location(m, priority, l, node));
    m[instance].priority = priority;
    for c in relevant(m, instance, Side::ThisWith) {
        let primary = m[c].primary;
        apply(m, instance, primary, c);
    }
    let promoted = m.next_role(instance) == Role::Promoted;
    m[instance].promotion_priority = if promoted { Score::INFINITY.value() } else { m[instance].priority };
}

fn is_assigned(m: &Model, r: ResourceIx) -> bool {
    m[r].assigned.is_some() || m[r].children.iter().any(|&child| is_assigned(m, child))
}

fn add_promoted_location(m: &Model, priority: i32, location: LocationIx, node: NodeIx) -> i32 {
    let location = &m[location];
    if location.role != Some(Role::Promoted) {
        return priority;
    }
    let here = location.nodes.iter().find(|&&(other, _)| other == node);
    here.map_or(priority, |&(_, score)| add_priority(priority, score))
}

/// From priorities to promotion priorities, and the final order, once per run [CL-7.5].
fn order_by_promotion(m: &mut Model, clone: ResourceIx) {
    let Some(state) = m[clone].clone_state_mut() else { return };
    if core::mem::replace(&mut state.promotion_order_begun, true) {
        return;
    }
    m[clone].flags.insert(ResourceFlags::MERGING);
    for at in 0..m[clone].children.len() {
        let instance = m[clone].children[at];
        let priority = m[instance].promotion_priority;
        if priority >= 0
            && let Some(node) = m.assigned_location(instance)
        {
            m[clone].table.add(node, Score::raw(priority));
        }
    }
    merge_promoted_dependents(m, clone);
    ban_without_ticket(m, clone);
    for at in 0..m[clone].children.len() {
        let instance = m[clone].children[at];
        let node = m.assigned_location(instance);
        let managed = m[instance].is(ResourceFlags::MANAGED);
        let old = m[instance].promotion_priority;
        m[instance].promotion_priority = match node {
            _ if !managed && m.next_role(instance) == Role::Promoted => Score::INFINITY.value(),
            None => Score::NEG_INFINITY.value(),
            Some(_) if old < 0 => old,
            Some(node) => m[clone].table.score(node).map_or(old, Score::value),
        };
    }
    let mut instances = m[clone].children.clone();
    sort_for_promotion(m, &mut instances);
    m[clone].children = instances;
    m[clone].flags.remove(ResourceFlags::MERGING);
}

/// What resources colocated with the promoted role want [CL-7.5] step 3.
fn merge_promoted_dependents(m: &mut Model, clone: ResourceIx) {
    let list: Vec<ColocationIx> = relevant(m, clone, Side::WithThis);
    let how = Merging { target: Some(clone), only_positive: true, side: Side::WithThis };
    for c in list {
        if m[c].primary_role != Some(Role::Promoted) || !has_influence(m, c, clone) {
            continue;
        }
        let (source, factor) = (m[c].dependent, factor_of(m[c].score));
        let mut table = Some(m[clone].table.clone());
        merge(m, source, &mut table, Some(c), factor, true, how);
        m[clone].table = table.unwrap_or_default();
    }
}

/// A lost ticket forbids promotion everywhere [CL-7.5] step 4.
fn ban_without_ticket(m: &mut Model, clone: ResourceIx) {
    let lost = m[clone].tickets.iter().any(|wanted| {
        let ticket = &m[wanted.ticket];
        wanted.role == Some(Role::Promoted) && (!ticket.granted || ticket.standby)
    });
    if lost {
        // Node by node: a ban from "all" would also drop the assignments that were just made.
        for node in m.nodes_in_order() {
            m.adjust(clone, Some(node), Score::NEG_INFINITY);
        }
    }
}

/// Promotes the first eligible instances [CL-7.7].
fn promote(m: &mut Model, clone: ResourceIx) {
    let Some(state) = m[clone].clone_state() else { return };
    let (max, per_node) = (state.promoted_max, state.promoted_node_max);
    let managed = m[clone].is(ResourceFlags::MANAGED);
    let mut promoted: u32 = 0;
    for instance in m[clone].children.clone() {
        let node = m.assigned_location(instance);
        let priority = m[instance].promotion_priority;
        print_promotion(m, instance, node, Score::raw(priority));
        let considered = priority >= 0 && (i64::from(promoted) < i64::from(max) || !managed);
        let target = node.filter(|_| considered && can_promote(m, clone, instance, per_node));
        let Some(node) = target else {
            leave_unpromoted(m, instance);
            continue;
        };
        let frozen = !m.quorate && m.options.no_quorum_policy == QuorumPolicy::Freeze;
        if frozen && m.role(instance) < Role::Promoted {
            m.tell(Level::Notice, format!("Clone instance {} cannot be promoted without quorum", m.id(instance)));
            leave_unpromoted(m, instance);
            continue;
        }
        if let Some(entry) = m[clone].table.get_mut(node) {
            entry.count += 1;
        }
        promoted += 1;
        for r in m.family(instance) {
            if m[r].next_role == Role::Unknown {
                m[r].next_role = Role::Promoted;
            }
        }
    }
    if let Some(state) = m[clone].clone_state_mut() {
        state.promoted = promoted;
    }
}

fn leave_unpromoted(m: &mut Model, instance: ResourceIx) {
    for r in m.family(instance) {
        let placed = m.assigned_location(r).is_some();
        m[r].next_role = if placed { Role::Unpromoted } else { Role::Stopped };
    }
}

/// Whether an instance, and every member of it, can be promoted where it is [CL-7.7] step 3.
fn can_promote(m: &mut Model, clone: ResourceIx, r: ResourceIx, per_node: i32) -> bool {
    for at in 0..m[r].children.len() {
        let member = m[r].children[at];
        if !can_promote(m, clone, member, per_node) {
            return false;
        }
    }
    let Some(node) = m.assigned_location(r) else { return false };
    let managed = m[r].is(ResourceFlags::MANAGED);
    if managed {
        if m[r].priority < 0 || !available_with_guest(m, node) {
            return false;
        }
    } else if m.role(r) != Role::Promoted {
        return false;
    } else {
        m.tell(
            Level::Notice,
            format!("Unmanaged instance {} will be left promoted on {}", m.id(r), m.text(m[node].name)),
        );
    }
    m[clone].table.get(node).is_some_and(|entry| !managed || i64::from(entry.count) < i64::from(per_node))
}
