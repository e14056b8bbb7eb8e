//! Distributing the instances of a clone, or the containers of a bundle, to nodes [CL-4].

use core::cmp::Ordering;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::assign_resource;
use super::colocations::{Side, has_influence, relevant};
use super::hashing::merge_sort;
use super::look::{any_flag, available_with_score, instance_number};
use super::merge::{Merging, factor_of, merge};
use super::primitive::unassign;
use crate::model::{Model, NodeEntry, NodeIx, NodeTable, ResourceFlags, ResourceIx, Score};

/// Colocation scores of instances on their current nodes; nothing they depend on changes while instances are sorted.
type HomeScores = HashMap<ResourceIx, Score, FxBuildHasher>;

/// Sorts instances in the order in which they are assigned [CL-4.3].
pub(super) fn sort_for_assignment(m: &mut Model, instances: &mut [ResourceIx]) {
    let mut scores = HomeScores::default();
    merge_sort(instances, &mut |a, b| compare_instances(m, a, b, &mut scores));
}

/// Sorts by promotion priority, then by current role, then as for assignment [CL-7.6].
pub(super) fn sort_for_promotion(m: &mut Model, instances: &mut [ResourceIx]) {
    let mut scores = HomeScores::default();
    merge_sort(instances, &mut |a, b| {
        let by_priority = m[b].promotion_priority.cmp(&m[a].promotion_priority);
        match by_priority.then_with(|| m.role(b).cmp(&m.role(a))) {
            Ordering::Equal => compare_instances(m, a, b, &mut scores),
            order => order,
        }
    });
}

/// The comparator of [CL-4.3].
fn compare_instances(m: &mut Model, a: ResourceIx, b: ResourceIx, scores: &mut HomeScores) -> Ordering {
    let (homes, count) = ([m.current_node(a), m.current_node(b)], [m[a].active.len(), m[b].active.len()]);
    if homes[0].is_some() && homes[1].is_some() && count[0] != count[1] {
        return count[0].cmp(&count[1]); // 1
    }
    let allowed = |r: ResourceIx, home: Option<NodeIx>| {
        home.is_none_or(|node| m[r].table.score(node).is_some_and(|score| !score.is_negative()))
    };
    let (allowed_a, allowed_b) = (allowed(a, homes[0]), allowed(b, homes[1]));
    if allowed_a != allowed_b {
        return allowed_b.cmp(&allowed_a); // 2
    }
    let by_priority = m[b].priority.cmp(&m[a].priority);
    if by_priority != Ordering::Equal {
        return by_priority; // 3
    }
    let (home_a, home_b) = match (homes[0].filter(|_| allowed_a), homes[1].filter(|_| allowed_b)) {
        (None, None) => return Ordering::Equal, // 4
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (Some(a), Some(b)) => (a, b),
    };
    let by_available = m[home_b].available().cmp(&m[home_a].available());
    if by_available != Ordering::Equal {
        return by_available; // 5
    }
    let parent_entry = |r: ResourceIx, node: NodeIx| m[r].parent.and_then(|parent| m[parent].table.get(node));
    match (parent_entry(a, home_a), parent_entry(b, home_b)) {
        (None, None) => return Ordering::Equal, // 6
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (Some(x), Some(y)) if x.count != y.count => return x.count.cmp(&y.count), // 7
        _ => {}
    }
    let failed = |r: ResourceIx| any_flag(m, r, ResourceFlags::FAILED);
    let by_failed = failed(a).cmp(&failed(b));
    if by_failed != Ordering::Equal {
        return by_failed; // 8
    }
    let (score_a, score_b) = (home_score(m, a, scores), home_score(m, b, scores));
    score_b
        .cmp(&score_a) // 9
        .then_with(|| instance_number(m.id(a)).cmp(&instance_number(m.id(b)))) // 10
}

/// What colocations say about an instance staying where it is [CL-4.3.1].
fn home_score(m: &mut Model, r: ResourceIx, scores: &mut HomeScores) -> Score {
    if let Some(&score) = scores.get(&r) {
        return score;
    }
    let score = m.current_node(r).map_or(Score::ZERO, |home| {
        let mut table = NodeTable::new();
        table.insert(home, NodeEntry { score: m[home].base.score, ..NodeEntry::default() });
        let mut table = Some(table);
        let mut how = Merging { target: Some(r), only_positive: false, side: Side::WithThis };
        for c in relevant(m, r, Side::ThisWith) {
            let (source, factor) = (m[c].primary, factor_of(m[c].score));
            merge(m, source, &mut table, Some(c), factor, false, how);
        }
        how.only_positive = true;
        for c in relevant(m, r, Side::WithThis) {
            if has_influence(m, c, r) {
                let (source, factor) = (m[c].dependent, factor_of(m[c].score));
                merge(m, source, &mut table, Some(c), factor, false, how);
            }
        }
        table.and_then(|table| table.score(home)).unwrap_or(Score::ZERO)
    });
    scores.insert(r, score);
    score
}

/// How many instances of a collective may run, in all and on one node.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// In all.
    pub(super) total: i32,
    /// On one node.
    pub(super) per_node: i32,
}

/// Distributes instances, given in the order of [CL-4.3]: first those that can stay, then the rest [CL-4.4] to [CL-4.7].
pub(super) fn distribute(m: &mut Model, collective: ResourceIx, instances: &[ResourceIx], limits: Limits) {
    let optimal = optimal_per_node(m, collective, limits.total);
    let mut assigned = 0;
    for &instance in instances {
        if assigned >= limits.total {
            break;
        }
        if let Some(home) = staying_node(m, collective, instance, optimal)
            && try_to_stay(m, collective, instance, home, limits, assigned)
        {
            count_on(m, collective, home);
            assigned += 1;
        }
    }
    for &instance in instances {
        if !m[instance].is(ResourceFlags::UNASSIGNED) {
            continue;
        }
        if assigned >= limits.total {
            m.adjust(instance, None, Score::NEG_INFINITY);
        } else if let Some(node) = attempt(m, collective, instance, None, limits, true) {
            count_on(m, collective, node);
            assigned += 1;
        }
    }
}

/// Resets the counters and returns the fair share of one node [CL-4.4].
fn optimal_per_node(m: &mut Model, collective: ResourceIx, total: i32) -> i32 {
    for (_, entry) in m[collective].table.iter_mut() {
        entry.count = 0;
    }
    let nodes = m[collective].table.iter().filter(|&(node, _)| m[node].available()).count();
    let nodes = i32::try_from(nodes).unwrap_or(i32::MAX);
    if nodes == 0 { 1 } else { (total / nodes).max(1) }
}

fn count_on(m: &mut Model, collective: ResourceIx, node: NodeIx) {
    if let Some(entry) = m[collective].table.get_mut(node) {
        entry.count += 1;
    }
}

/// The current node of an instance that should be tried there first [CL-4.6].
fn staying_node(m: &Model, collective: ResourceIx, instance: ResourceIx, optimal: i32) -> Option<NodeIx> {
    let r = &m[instance];
    if !r.is(ResourceFlags::UNASSIGNED) || r.is(ResourceFlags::FAILED) {
        return None;
    }
    let home = m.current_node(instance)?;
    if !available_with_score(m, home, m[home].base.score) {
        return None;
    }
    if m[collective].table.get(home).is_some_and(|entry| i64::from(entry.count) >= i64::from(optimal)) {
        return None;
    }
    r.table.score(home).filter(|&score| available_with_score(m, home, score)).map(|_| home)
}

/// Tries to keep an instance on its current node; other nodes it would choose first get a slot reserved [CL-4.6].
fn try_to_stay(
    m: &mut Model,
    collective: ResourceIx,
    instance: ResourceIx,
    home: NodeIx,
    limits: Limits,
    assigned: i32,
) -> bool {
    let original = m[collective].table.clone();
    let saved: Vec<(ResourceIx, NodeTable)> = m.family(instance).into_iter().map(|r| (r, m[r].table.clone())).collect();
    let available = limits.total - assigned;
    let mut reserved = 0;
    let mut stays = false;
    while reserved < available {
        let chosen = attempt(m, collective, instance, Some(home), limits, false);
        if let Some(node) = chosen {
            count_on(m, collective, node);
        }
        if chosen == Some(home) {
            stays = true;
            break;
        }
        for (r, table) in &saved {
            m[*r].table = table.clone();
        }
        if chosen.is_none() {
            m[instance].flags.insert(ResourceFlags::UNASSIGNED);
            break;
        }
        reserved += 1;
        unassign(m, instance);
    }
    m[collective].table = original;
    stays
}

/// Bans full and unusable nodes, then assigns normally [CL-4.5].
fn attempt(
    m: &mut Model,
    collective: ResourceIx,
    instance: ResourceIx,
    preferred: Option<NodeIx>,
    limits: Limits,
    stop_if_fail: bool,
) -> Option<NodeIx> {
    let removed = m[instance].is(ResourceFlags::REMOVED);
    let banned: Vec<NodeIx> = m[instance]
        .table
        .iter()
        .filter(|&(node, _)| {
            let parent = m[collective].table.get(node);
            let full = parent
                .is_none_or(|entry| entry.score.is_negative() || i64::from(entry.count) >= i64::from(limits.per_node));
            removed || !m[node].available() || full
        })
        .map(|(node, _)| node)
        .collect();
    let mut tables = vec![instance];
    tables.extend_from_slice(&m[instance].children);
    for r in tables {
        for &node in &banned {
            if let Some(entry) = m[r].table.get_mut(node) {
                entry.score = Score::NEG_INFINITY;
            }
        }
    }
    assign_resource(m, instance, preferred, stop_if_fail)
}
