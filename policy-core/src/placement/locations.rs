//! Location constraints: what they do to node tables [PL-6.7].

use super::look::replicas;
use crate::model::{
    Kind, Location, LocationIx, Model, NodeEntry, NodeTable, ProbeMode, ResourceFlags, ResourceIx, Role,
};

/// Adds the scores of a location to one table, if its role filter lets it. Returns whether it was applied.
pub(super) fn apply_to_table(m: &Model, table: &mut NodeTable, next_role: Role, location: LocationIx) -> bool {
    let location = &m[location];
    if location.role.is_some_and(|role| role != next_role) || location.nodes.is_empty() {
        return false;
    }
    for &(node, score) in &location.nodes {
        match table.get_mut(node) {
            Some(entry) => entry.score = entry.score.add(score),
            // The base score of the node is not added here: this is how opt-in clusters open nodes.
            None => table.insert(node, NodeEntry { score, ..NodeEntry::default() }),
        }
        if let Some(entry) = table.get_mut(node) {
            entry.probe = entry.probe.max(location.probe);
        }
    }
    true
}

/// ApplyLocation by kind of resource [PL-6.7], [CL-6.1].
pub(super) fn apply(m: &mut Model, r: ResourceIx, location: LocationIx) {
    apply_own(m, r, location, Scores::Full);
    match m[r].kind() {
        Kind::Primitive => {}
        Kind::Group => {
            let colocated = m[r].group().is_some_and(|group| group.colocated);
            for at in 0..m[r].children.len() {
                let member = m[r].children[at];
                let scores = if colocated && at > 0 { Scores::Zero } else { Scores::Full };
                apply_own(m, member, location, scores);
            }
        }
        Kind::Clone => {
            for at in 0..m[r].children.len() {
                let instance = m[r].children[at];
                apply(m, instance, location);
            }
        }
        Kind::Bundle => {
            let clone = m[r].bundle().and_then(|bundle| bundle.clone);
            let parts: Vec<ResourceIx> =
                replicas(m, r).iter().flat_map(|replica| [Some(replica.container), replica.ip]).flatten().collect();
            for part in parts {
                apply(m, part, location);
            }
            if let (Some(clone), Some(Role::Promoted | Role::Unpromoted)) = (clone, m[location].role) {
                apply(m, clone, location);
                m[clone].locations.push(location);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scores {
    Full,
    /// Later members of a colocated group: entries and discovery modes, but no scores.
    Zero,
}

fn apply_own(m: &mut Model, r: ResourceIx, location: LocationIx, scores: Scores) {
    let mut table = core::mem::take(&mut m[r].table);
    let applied = match scores {
        Scores::Full => apply_to_table(m, &mut table, m[r].next_role, location),
        Scores::Zero => {
            let mut zero = table.clone();
            let applied = apply_to_table(m, &mut zero, m[r].next_role, location);
            if applied {
                for &(node, _) in &m[location].nodes {
                    let probe = zero.get(node).map_or(ProbeMode::Always, |entry| entry.probe);
                    match table.get_mut(node) {
                        Some(entry) => entry.probe = probe,
                        None => table.insert(node, NodeEntry { probe, ..NodeEntry::default() }),
                    }
                }
            }
            applied
        }
    };
    m[r].table = table;
    if applied && m[location].probe == ProbeMode::Exclusive {
        m[r].flags.insert(ResourceFlags::EXCLUSIVE_PROBES);
    }
}

/// Stores a location constraint; the newest is applied first [PL-6.6].
pub(super) fn store(m: &mut Model, location: Location) {
    let resource = location.resource;
    if location.probe == ProbeMode::Exclusive {
        m[resource].flags.insert(ResourceFlags::EXCLUSIVE_PROBES);
    }
    let ix = LocationIx::new(m.locations.len());
    m.locations.push(location);
    m[resource].locations.push(ix);
}
