//! How the wishes of dependents reach a primary that is not placed yet [PL-13].

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::chain::merge_chain;
use super::colocations::{Side, has_influence, relevant};
use super::locations::apply_to_table;
use super::look::{attribute_for, available_with_score, may_ask_host};
use crate::model::{
    ColocationIx, Effort, Kind, Model, NodeIx, NodeTable, ResourceFlags, ResourceIx, Score, Symbol, sym,
};

/// The mark of a node that must not become better again while only positive scores are merged [PL-13.4].
const UNUSABLE: Score = Score::raw(-100_000_000);
const INFINITY: f32 = 1_000_000.0;

/// The weight of a colocation's score as a factor.
#[must_use]
pub(super) fn factor_of(score: Score) -> f32 {
    score.value() as f32 / INFINITY
}

/// What stays the same through all levels of one merge.
#[derive(Clone, Copy)]
pub(super) struct Merging {
    /// On whose behalf attributes of the receiving table are looked up; absent only in sorting.
    pub target: Option<ResourceIx>,
    /// Never let the receiver's good scores become negative.
    pub only_positive: bool,
    /// Which colocations of the source are followed.
    pub side: Side,
}

/// Incorporate(colocation, P): adds what the dependent wants to P's table [PL-13.2].
pub(super) fn incorporate(m: &mut Model, c: ColocationIx, primary: ResourceIx) {
    if !has_influence(m, c, primary) {
        return;
    }
    let how = Merging { target: Some(primary), only_positive: m[primary].kind() == Kind::Clone, side: Side::WithThis };
    let factor = factor_of(m[c].score);
    let source = m[c].dependent;
    // The table stays in place meanwhile: a chain of dependents may lead back here.
    let mut table = Some(m[primary].table.clone());
    merge(m, source, &mut table, Some(c), factor, true, how);
    m[primary].table = table.unwrap_or_default();
}

/// Merge(source, …) [PL-13.3]: replaces `table` or leaves it untouched.
pub(super) fn merge(
    m: &mut Model,
    source: ResourceIx,
    table: &mut Option<NodeTable>,
    colocation: Option<ColocationIx>,
    factor: f32,
    active: bool,
    how: Merging,
) {
    if m[source].is(ResourceFlags::MERGING) || m.chains.merging(source) || !may_descend(m) {
        return;
    }
    m.effort.merging += 1;
    m.effort.merges += 1;
    if let (Some(work), Some(c)) = (table.as_mut(), colocation)
        && active
        && factor == 1.0
        && merge_chain(m, source, work, c, how)
    {
        m.effort.merging -= 1;
        return;
    }
    m[source].flags.insert(ResourceFlags::MERGING);
    if m[source].kind() == Kind::Group {
        let members = &m[source].children;
        let member = if table.is_some() { members.first() } else { members.last() };
        if let Some(&member) = member {
            merge(m, member, table, colocation, factor, active, how);
        }
    } else if let Some(work) = merged(m, source, table.as_ref(), colocation, factor, active, how) {
        *table = Some(work);
    }
    m[source].flags.remove(ResourceFlags::MERGING);
    m.effort.merging -= 1;
}

/// Whether one more merge is within limits.
fn may_descend(m: &mut Model) -> bool {
    let within = m.effort.merging < Effort::MERGING && m.effort.merges < Effort::MERGES;
    if !within {
        tell_exhausted(m);
    }
    within
}

/// Tells once that some colocations were not followed to their end.
pub(super) fn tell_exhausted(m: &mut Model) {
    if !core::mem::replace(&mut m.effort.exhausted, true) {
        m.config_warning("Ignoring remote colocations because too many depend on each other");
    }
}

/// The table with everything that source and its own dependents add, or nothing if that leaves no node.
fn merged(
    m: &mut Model,
    source: ResourceIx,
    table: Option<&NodeTable>,
    colocation: Option<ColocationIx>,
    factor: f32,
    active: bool,
    mut how: Merging,
) -> Option<NodeTable> {
    let mut work = match table {
        None => {
            how.target = Some(source);
            m[source].table.clone()
        }
        Some(table) => {
            let mut work = table.clone();
            if let (Some(c), Some(target)) = (colocation, how.target) {
                add_best(m, source, target, &mut work, c, factor, how.only_positive);
            }
            work
        }
    };
    work.note_copied();
    if work.iter().any(|(node, entry)| available_with_score(m, node, entry.score)) {
        let mut nested = Some(work);
        for c in relevant(m, source, how.side) {
            let other = match how.side {
                Side::WithThis => {
                    if !has_influence(m, c, m[c].primary) {
                        continue;
                    }
                    m[c].dependent
                }
                Side::ThisWith => m[c].primary,
            };
            let next = (factor * m[c].score.value() as f32) / INFINITY;
            merge(m, other, &mut nested, Some(c), next, true, how);
        }
        work = nested.unwrap_or_default();
    } else if active {
        return None;
    }
    if how.only_positive {
        for (_, entry) in work.iter_mut() {
            if entry.score == UNUSABLE {
                entry.score = Score::raw(1);
            }
        }
    }
    Some(work)
}

/// Adds the best scores of source, times factor, to the table [PL-13.4].
fn add_best(
    m: &Model,
    source: ResourceIx,
    target: ResourceIx,
    table: &mut NodeTable,
    c: ColocationIx,
    factor: f32,
    only_positive: bool,
) {
    let compensated = compensated_table(m, source, c);
    let best = Best::of(m, source, target, compensated.as_ref().unwrap_or(&m[source].table), c);
    let exception = factor < 0.0 && has_influence(m, c, m[c].primary) && {
        let usable = m[m[c].dependent].table.iter().filter(|(_, entry)| !entry.score.is_negative());
        usable.take(2).count() == 1
    };
    let stickiness = i64::from(m[m[c].primary].stickiness.value());
    for (node, entry) in table.iter_mut() {
        let s = best.score(m, node);
        if factor < 0.0 && s.is_negative() && !(exception && stickiness < -i64::from(s.value())) {
            continue;
        }
        if entry.score == UNUSABLE {
            continue;
        }
        let new = Score::clamped(scaled(factor, s)).add(entry.score);
        if only_positive && new.is_negative() {
            if entry.score > Score::ZERO {
                entry.score = UNUSABLE;
                continue;
            }
            if entry.score == Score::ZERO {
                continue;
            }
        }
        entry.score = new;
    }
}

/// factor × score, rounded away from zero at halves, and never lost entirely [PL-13.4] step 5.
fn scaled(factor: f32, score: Score) -> i64 {
    let product = f64::from(factor * score.value() as f32);
    let delta = if product < 0.0 { product - 0.5 } else { product + 0.5 } as i64;
    match delta {
        0 if score != Score::ZERO && factor > 0.0 => 1,
        0 if score != Score::ZERO && factor < 0.0 => -1,
        _ => delta,
    }
}

/// Whether the locations of a group count for a member by this colocation.
pub(super) fn compensates(m: &Model, source: ResourceIx, group: ResourceIx, c: ColocationIx) -> bool {
    let later_member = m[group].kind() == Kind::Group && m[group].children.first() != Some(&source);
    m[c].dependent == source && m[c].explicit && later_member && !m[group].locations.is_empty()
}

/// A later member of a group does not carry the group's locations; as an explicit dependent it is given them here.
fn compensated_table(m: &Model, source: ResourceIx, c: ColocationIx) -> Option<NodeTable> {
    let group = m[source].parent.filter(|&group| compensates(m, source, group, c))?;
    let mut table = m[source].table.clone();
    for &location in m[group].locations.iter().rev() {
        if m[location].resource == group {
            apply_to_table(m, &mut table, m[source].next_role, location);
        }
    }
    Some(table)
}

/// The best score of a source per attribute value, among available nodes.
enum Best<'t> {
    /// The attribute is the node name: each node speaks for itself.
    Same(&'t NodeTable),
    /// By attribute value in lower case; the value of each node of the receiving table as its receiver sees it.
    ByValue { values: HashMap<Option<String>, Score, FxBuildHasher>, attribute: Symbol, target: ResourceIx },
}

impl<'t> Best<'t> {
    fn of(m: &'t Model, source: ResourceIx, target: ResourceIx, table: &'t NodeTable, c: ColocationIx) -> Best<'t> {
        let attribute = m[c].node_attribute;
        if attribute == sym::UNAME && !may_ask_host(m, source) && !may_ask_host(m, target) {
            return Best::Same(table);
        }
        let mut values: HashMap<Option<String>, Score, FxBuildHasher> = HashMap::default();
        for (node, entry) in table.iter().filter(|&(node, _)| m[node].available()) {
            let value = attribute_for(m, node, attribute, source).map(str::to_ascii_lowercase);
            let best = values.entry(value).or_insert(Score::NEG_INFINITY);
            *best = (*best).max(entry.score);
        }
        Best::ByValue { values, attribute, target }
    }

    fn score(&self, m: &Model, node: NodeIx) -> Score {
        let found = match self {
            Best::Same(table) => table.score(node).filter(|_| m[node].available()),
            Best::ByValue { values, attribute, target } => {
                let value = attribute_for(m, node, *attribute, *target).map(str::to_ascii_lowercase);
                values.get(&value).copied()
            }
        };
        found.unwrap_or(Score::NEG_INFINITY).max(Score::NEG_INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::{factor_of, scaled};
    use crate::model::Score;

    #[test]
    fn halves_round_away_from_zero_and_nothing_is_lost() {
        let factor = factor_of(Score::clamped(1234));
        assert_eq!(scaled(factor, Score::clamped(37)), 1);
        assert_eq!(scaled(factor, Score::ZERO), 0);
        assert_eq!(scaled(factor_of(Score::clamped(-5000)), Score::clamped(100)), -1);
        let nested = (factor * 500_000.0) / 1_000_000.0;
        assert_eq!(scaled(nested, Score::NEG_INFINITY), -617);
        assert_eq!(scaled(nested, Score::clamped(999)), 1);
        assert_eq!(scaled(factor_of(Score::clamped(500_000)), Score::clamped(999)), 500);
    }
}
