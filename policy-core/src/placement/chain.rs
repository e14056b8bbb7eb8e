//! Chains of mandatory dependents, as the members of a group are: what all of them together add to a table, summed up once.
//!
//! Merging [PL-13.3] asks each member of a chain for the wishes of all later ones. Level by level that is work in proportion to the
//! square of the length. But as long as each level follows one colocation of score INFINITY and only adds scores or bans nodes, the
//! levels together are, for each node, a sum and the place of the first ban; both are kept for each member as the end of the chain
//! seen from there. A chain ends where anything else happens, and merging goes on from there level by level.
//!
//! A member that anyone might have changed is known: whoever takes a resource of the model to change it passes
//! [`Chains::touched`]. What lies after that member stays good.

use rustc_hash::FxHashMap;

use super::colocations::{Side, has_influence, relevant};
use super::look::may_ask_host;
use super::merge::{Merging, compensates, factor_of, merge};
use crate::model::{ColocationIx, Model, NodeIx, NodeTable, ResourceFlags, ResourceIx, Score, sym};

/// No member of the rest of a chain bans the node.
const NEVER: usize = usize::MAX;

/// The chains of a run.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    all: Vec<Chain>,
    at: FxHashMap<ResourceIx, (usize, usize)>,
}

/// One chain: each member is the only dependent of the one before.
#[derive(Debug)]
struct Chain {
    members: Vec<ResourceIx>,
    /// What each member and all later ones add, for each node, and which of them is the first to ban it.
    ends: Vec<Vec<(i64, usize)>>,
    /// What has to be merged after the last member, with the priorities that decided the order.
    rest: Vec<(ColocationIx, i32)>,
    /// The first member from which on nothing has changed.
    good_from: usize,
    /// From which member on the chain is being merged.
    merging_from: Option<usize>,
    /// Which nodes could run resources, and how many colocations there were.
    seen: (Vec<bool>, usize),
}

impl Chains {
    /// Notes that a member of a chain may have changed.
    pub(crate) fn touched(&mut self, r: ResourceIx) {
        if let Some(&(chain, at)) = self.at.get(&r) {
            let good = &mut self.all[chain].good_from;
            *good = (*good).max(at + 1);
        }
    }

    /// Whether a resource is being merged as part of a chain.
    pub(super) fn merging(&self, r: ResourceIx) -> bool {
        self.at.get(&r).is_some_and(|&(chain, at)| self.all[chain].merging_from.is_some_and(|from| at >= from))
    }
}

/// Merges a source and the chain that hangs on it into the table, if they make one. Otherwise nothing has happened.
pub(super) fn merge_chain(
    m: &mut Model,
    source: ResourceIx,
    table: &mut NodeTable,
    via: ColocationIx,
    how: Merging,
) -> bool {
    if how.only_positive || how.side != Side::WithThis || how.target.is_none_or(|target| may_ask_host(m, target)) {
        return false;
    }
    // A sum says nothing about which level would make a bad node good.
    if table
        .iter()
        .any(|(node, entry)| entry.score.is_negative() && !entry.score.is_neg_infinite() && m[node].available())
    {
        return false;
    }
    let Some((chain, from)) = find(m, source, via) else { return false };
    let whole = add(m, chain, from, table);
    if whole && !m.chains.all[chain].rest.is_empty() {
        merge_rest(m, chain, from, table, how);
    }
    true
}

/// The chain and the place in it where the source is bound by this colocation; made if there is none.
fn find(m: &mut Model, source: ResourceIx, via: ColocationIx) -> Option<(usize, usize)> {
    let available: Vec<bool> = m.nodes.iter().map(|node| node.available()).collect();
    let seen = (available, m.colocations.len());
    if let Some(&(chain, at)) = m.chains.at.get(&source) {
        let known = &m.chains.all[chain];
        if known.merging_from.is_some() {
            return None;
        }
        if at >= known.good_from && known.seen == seen {
            return is_plain(m, source, via).then_some((chain, at));
        }
    }
    let chain = follow(m, source, via, seen)?;
    let ix = m.chains.all.len();
    for (at, &member) in chain.members.iter().enumerate() {
        // Its old chain no longer hears of changes to it.
        m.chains.touched(member);
        if let Some((old, _)) = m.chains.at.insert(member, (ix, at))
            && member == source
        {
            m.chains.all[old].forget();
        }
        m.resources[member.index()].flags.insert(ResourceFlags::CHAINED);
    }
    m.chains.all.push(chain);
    Some((ix, 0))
}

impl Chain {
    /// Gives up a chain: none of its members finds it good any more.
    fn forget(&mut self) {
        *self = Chain {
            members: Vec::new(),
            ends: Vec::new(),
            rest: Vec::new(),
            good_from: NEVER,
            seen: (Vec::new(), 0),
            merging_from: None,
        };
    }
}

/// Follows the chain from the source to its end.
fn follow(m: &Model, source: ResourceIx, via: ColocationIx, seen: (Vec<bool>, usize)) -> Option<Chain> {
    let mut members: Vec<ResourceIx> = Vec::new();
    let mut wishes: Vec<Vec<Option<i64>>> = Vec::new();
    let mut known: FxHashMap<ResourceIx, ()> = FxHashMap::default();
    let mut next = Some((source, via));
    let mut rest = Vec::new();
    while let Some((member, c)) = next.take() {
        let wish = wishes_of(m, member, c).filter(|_| !known.contains_key(&member));
        let Some(wish) = wish else {
            rest = vec![c];
            break;
        };
        known.insert(member, ());
        members.push(member);
        wishes.push(wish);
        let list = relevant(m, member, Side::WithThis);
        match list[..] {
            [only] if m[m[only].dependent].is_primitive() && has_influence(m, only, m[only].primary) => {
                next = Some((m[only].dependent, only));
            }
            _ => rest = list,
        }
    }
    if members.len() < 2 {
        return None;
    }
    let mut ends = vec![vec![(0, NEVER); m.nodes.len()]];
    for (at, wish) in wishes.iter().enumerate().rev() {
        let later = &ends[ends.len() - 1];
        let with = |(wish, &(sum, ban)): (&Option<i64>, &(i64, usize))| match wish {
            Some(score) => (sum + score, ban),
            None => (sum, at),
        };
        ends.push(wish.iter().zip(later).map(with).collect());
    }
    ends.reverse();
    let rest = rest.into_iter().map(|c| (c, m[m[c].dependent].priority)).collect();
    Some(Chain { members, ends, rest, good_from: 0, merging_from: None, seen })
}

/// What a member adds to each node (`None` is a ban), if it does nothing else.
fn wishes_of(m: &Model, r: ResourceIx, c: ColocationIx) -> Option<Vec<Option<i64>>> {
    if !is_plain(m, r, c) {
        return None;
    }
    let wish = |at: usize| {
        let node = NodeIx::new(at);
        match m[r].table.score(node).filter(|_| m[node].available()) {
            Some(score) if !score.is_negative() => Some(Some(i64::from(score.value()))),
            Some(score) if !score.is_neg_infinite() => None,
            _ => Some(None),
        }
    };
    (0..m.nodes.len()).map(wish).collect()
}

/// Whether a colocation adds a member's own scores to those of nodes of the same name, once.
fn is_plain(m: &Model, r: ResourceIx, c: ColocationIx) -> bool {
    m[r].is_primitive()
        && !m[r].is(ResourceFlags::MERGING)
        && !m.chains.merging(r)
        && !m.in_bundle(r)
        && m[c].score == Score::INFINITY
        && m[c].node_attribute == sym::UNAME
        && !may_ask_host(m, r)
        && !m[r].parent.is_some_and(|group| compensates(m, r, group, c))
}

/// Adds what the members from a place on wish for, up to the one that would leave no node. Whether that is all of them.
fn add(m: &Model, chain: usize, from: usize, table: &mut NodeTable) -> bool {
    let chain = &m.chains.all[chain];
    let ends = &chain.ends[from];
    let live = table.iter().filter(|&(node, entry)| !entry.score.is_negative() && m[node].available());
    // The first member that finds no node left is rolled back, and with it all that comes after.
    let stop = live.map(|(node, _)| ends[node.index()].1).max().unwrap_or(from);
    let last = stop.min(chain.members.len());
    for (node, entry) in table.iter_mut() {
        let (sum, ban) = ends[node.index()];
        entry.score = if ban < last {
            Score::NEG_INFINITY
        } else {
            entry.score.add(Score::clamped(sum - chain.ends[last][node.index()].0))
        };
    }
    for _ in from..last {
        table.note_copied();
    }
    stop == NEVER
}

/// Nothing is merged any more.
pub(super) fn forget(m: &mut Model) {
    for (r, _) in core::mem::take(&mut m.chains).at {
        m[r].flags.remove(ResourceFlags::CHAINED);
    }
}

/// Merges what follows after the chain.
fn merge_rest(m: &mut Model, chain: usize, from: usize, table: &mut NodeTable, how: Merging) {
    let known = &m.chains.all[chain];
    let Some(&last) = known.members.last() else { return };
    let ordered =
        known.rest.len() < 2 || known.rest.iter().all(|&(c, priority)| m[m[c].dependent].priority == priority);
    let rest = if ordered { known.rest.iter().map(|&(c, _)| c).collect() } else { relevant(m, last, Side::WithThis) };
    m.chains.all[chain].merging_from = Some(from);
    let mut work = Some(core::mem::take(table));
    for c in rest {
        if has_influence(m, c, m[c].primary) {
            let dependent = m[c].dependent;
            merge(m, dependent, &mut work, Some(c), factor_of(m[c].score), true, how);
        }
    }
    *table = work.unwrap_or_default();
    m.chains.all[chain].merging_from = None;
}
