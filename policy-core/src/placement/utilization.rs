//! Capacity: what resources need, what nodes have left, and which nodes are too small [PL-20].

use core::cmp::Ordering;

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

use super::affects::{Affects, affects};
use super::colocations::{Side, relevant};
use super::look::{available_with_score, replicas};
use super::order::iteration_order;
use crate::model::{ColocationIx, Kind, Model, Node, NodeIx, ResourceFlags, ResourceIx, Score, Symbol};

/// Names and amounts needed together.
type Need = Vec<(Symbol, i64)>;

/// The amount that a configured text stands for: its leading integer; without digits -2147483648 (sic) [PL-20.1].
#[must_use]
pub(super) fn amount(text: &str) -> i64 {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return i64::from(i32::MIN);
    }
    let value = digits[..length].parse::<i64>().unwrap_or(i64::MAX);
    let value = if negative { -value } else { value };
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
}

fn capacity(node: &Node, name: Symbol) -> i64 {
    node.utilization.iter().find(|(other, _)| *other == name).map_or(0, |(_, text)| amount(text))
}

/// Compares free capacity; the node with more comes first. Only the number of attributes counts [PL-20.1].
#[must_use]
pub(super) fn compare_capacity(x: &Node, y: &Node) -> Ordering {
    let mut result = 0i32;
    for (name, text) in &x.utilization {
        match amount(text).cmp(&capacity(y, *name)) {
            Ordering::Greater => result -= 1,
            Ordering::Less => result += 1,
            Ordering::Equal => {}
        }
    }
    for (name, text) in &y.utilization {
        if x.utilization.iter().any(|(other, _)| other == name) {
            continue;
        }
        match 0.cmp(&amount(text)) {
            Ordering::Greater => result -= 1,
            Ordering::Less => result += 1,
            Ordering::Equal => {}
        }
    }
    result.cmp(&0)
}

/// Takes what R needs from the node, or gives it back [PL-20.1].
pub(super) fn charge(m: &mut Model, node: NodeIx, r: ResourceIx, give_back: bool) {
    let needs = m[r].utilization.clone();
    let capacity = &mut m[node].utilization;
    for (name, text) in needs {
        let need = amount(&text);
        let delta = if give_back { need } else { -need };
        let old = capacity.iter_mut().find(|(other, _)| *other == name);
        let sum = |value: i64| (value + delta).clamp(i64::from(i32::MIN), i64::from(i32::MAX)).to_string();
        match old {
            Some((_, value)) => *value = sum(amount(value)),
            None => capacity.push((name, sum(0))),
        }
    }
}

fn enough(node: &Node, need: &Need) -> bool {
    need.iter().all(|(name, wanted)| *wanted <= capacity(node, *name))
}

/// Bans the nodes without enough capacity; returns the most capable node if none has enough for all [PL-20.2].
pub(super) fn ban_insufficient(m: &mut Model, r: ResourceIx) -> Option<NodeIx> {
    let set = colocation_set(m, r);
    let total = total_need(m, &set);
    let usable: Vec<NodeIx> = iteration_order(m, &m[r].table)
        .into_iter()
        .filter(|&node| m[r].table.score(node).is_some_and(|score| available_with_score(m, node, score)))
        .collect();
    let mut best: Option<NodeIx> = None;
    let mut any_enough = false;
    for &node in &usable {
        any_enough |= enough(&m[node], &total);
        if best.is_none_or(|best| compare_capacity(&m[node], &m[best]) == Ordering::Less) {
            best = Some(node);
        }
    }
    let need = if any_enough { total } else { own_need(m, r) };
    for node in usable {
        if !enough(&m[node], &need) {
            m.adjust(r, Some(node), Score::NEG_INFINITY);
        }
    }
    if any_enough { None } else { best }
}

fn own_need(m: &Model, r: ResourceIx) -> Need {
    let mut need = Need::new();
    add_need(m, r, &mut need);
    need
}

fn add_need(m: &Model, r: ResourceIx, need: &mut Need) {
    for (name, text) in &m[r].utilization {
        let wanted = amount(text);
        match need.iter_mut().find(|(other, _)| other == name) {
            Some((_, sum)) => *sum = (*sum + wanted).clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
            None => need.push((*name, wanted)),
        }
    }
}

/// Resources that must run together, in a set that knows its members.
#[derive(Default)]
struct Together {
    list: Vec<ResourceIx>,
    known: HashSet<ResourceIx, FxBuildHasher>,
}

impl Together {
    fn add(&mut self, r: ResourceIx) {
        self.list.push(r);
        self.known.insert(r);
    }
}

fn colocation_set(m: &Model, r: ResourceIx) -> Together {
    let mut set = Together::default();
    collect(m, r, &mut set);
    if !set.known.contains(&r) {
        set.add(r);
    }
    set
}

/// Collect(R, for O, set) [PL-20.3]: everything that mandatory colocations bind to R.
fn collect(m: &Model, o: ResourceIx, set: &mut Together) {
    let mut waiting = vec![o];
    while let Some(r) = waiting.pop() {
        let bound = m[r].group().is_some_and(|group| group.colocated) || m[r].parent.is_some();
        if m[r].kind() == Kind::Group && bound {
            set.add(r);
            waiting.extend(m[r].children.iter().copied().filter(|member| !set.known.contains(member)));
            continue;
        }
        let empty = m[r].kind() == Kind::Group && m[r].children.is_empty();
        if empty || set.known.contains(&r) {
            continue;
        }
        set.add(r);
        for c in relevant(m, r, Side::ThisWith) {
            let primary = m[c].primary;
            if primary != o && binds(m, r, primary, c) {
                waiting.push(primary);
            }
        }
        for c in relevant(m, r, Side::WithThis) {
            let dependent = m[c].dependent;
            let elsewhere = m[r].kind() == Kind::Clone && m[dependent].kind() != Kind::Clone;
            if dependent != o && !elsewhere && binds(m, dependent, r, c) {
                waiting.push(dependent);
            }
        }
    }
}

/// Whether a colocation puts its dependent on the primary's node.
fn binds(m: &Model, dependent: ResourceIx, primary: ResourceIx, c: ColocationIx) -> bool {
    m[c].score == Score::INFINITY && affects(m, dependent, primary, c, true) == Affects::Location
}

fn total_need(m: &Model, set: &Together) -> Need {
    let mut need = Need::new();
    for &r in set.list.iter().rev() {
        if m[r].is(ResourceFlags::UNASSIGNED) {
            add_with_parts(m, r, set, &mut need);
        }
    }
    need
}

fn add_with_parts(m: &Model, r: ResourceIx, set: &Together, need: &mut Need) {
    match m[r].kind() {
        Kind::Primitive => add_need(m, r, need),
        Kind::Group => {
            let all = m[r].group().is_some_and(|group| group.colocated) || m[r].parent.is_some();
            let members = if all { &m[r].children[..] } else { m[r].children.get(..1).unwrap_or_default() };
            for &member in members {
                if m[member].is(ResourceFlags::UNASSIGNED) && !set.known.contains(&member) {
                    add_need(m, member, need);
                }
            }
        }
        Kind::Clone => {
            let mut found = false;
            for &instance in &m[r].children {
                if set.known.contains(&instance) {
                    found = true;
                } else if m[instance].children.iter().any(|member| set.known.contains(member)) {
                    found = true;
                    add_with_parts(m, instance, set, need);
                }
            }
            if let (false, Some(&first)) = (found, m[r].children.first()) {
                add_with_parts(m, first, set, need);
            }
        }
        Kind::Bundle => {
            if let Some(replica) = replicas(m, r).first() {
                add_need(m, replica.container, need);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_are_leading_integers() {
        assert_eq!(amount("12GB"), 12);
        assert_eq!(amount(" -3"), -3);
        assert_eq!(amount("99999999999"), i64::from(i32::MAX));
        assert_eq!(amount("many"), i64::from(i32::MIN));
    }
}
