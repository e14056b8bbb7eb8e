//! Orderings of probes that follow from those of what is probed `[AC-9.6]` `[OR-6.5]`.

use smallvec::SmallVec;

use super::apply::named;
use super::collective::{compatible_assigned, is_interleaved};
use crate::model::{ActionFlags, ActionIx, ActionKey, Kind, Kinds, Model, Order, ResourceIx, Task};

/// Adds the orderings, part a for all resources, then part b for all constraints.
pub(super) fn order_probes(m: &mut Model) {
    let worthwhile = leading_down(m);
    for at in 0..m.top.len() {
        for r in m.leaves(m.top[at]) {
            order_before_restarts(m, r, &worthwhile);
        }
    }
    let orders = core::mem::take(&mut m.orders);
    for order in &orders {
        order_before_first(m, order);
    }
    m.orders = orders;
}

fn probes_of(m: &Model, r: ResourceIx) -> SmallVec<[ActionIx; 4]> {
    let key = ActionKey::of(Task::Monitor);
    m[r].actions.iter().copied().filter(|&a| m[a].key == key).collect()
}

/// Which actions a walk has any reason to enter: those from which it can come to a start or promotion whose resource has a real
/// stop or demote. Without this, every probe would walk to the end of every chain of orderings.
fn leading_down(m: &Model) -> Vec<bool> {
    let mut leads = vec![false; m.actions.len()];
    let mut waiting: Vec<ActionIx> = Vec::new();
    for (at, leads) in leads.iter_mut().enumerate() {
        let a = ActionIx::new(at);
        let Some(r) = m[a].resource.filter(|&r| m[r].is_primitive()) else { continue };
        if down_actions(m, r, m[a].task).next().is_some() {
            *leads = true;
            waiting.push(a);
        }
    }
    if waiting.is_empty() {
        return leads;
    }
    let mut sources: Vec<SmallVec<[ActionIx; 2]>> = vec![SmallVec::new(); m.actions.len()];
    for at in 0..m.actions.len() {
        let a = ActionIx::new(at);
        for relation in &m[a].after {
            if relation.kinds.has(Kinds::FIRST_IMPLIES_THEN) || may_follow_into(m, a, relation.then) {
                sources[relation.then.index()].push(a);
            }
        }
    }
    while let Some(a) = waiting.pop() {
        for &source in &sources[a.index()] {
            if !core::mem::replace(&mut leads[source.index()], true) {
                waiting.push(source);
            }
        }
    }
    leads
}

/// Part a: probes come before restarts that happen because of what was probed.
fn order_before_restarts(m: &mut Model, r: ResourceIx, worthwhile: &[bool]) {
    for probe in probes_of(m, r) {
        let mut marked = Vec::new();
        for at in (0..m[probe].after.len()).rev() {
            let relation = m[probe].after[at];
            order_before_inactive_starts(m, probe, r, relation.then, relation.kinds);
            walk(m, probe, r, relation.then, worthwhile, &mut marked);
            for a in marked.drain(..) {
                m[a].flags.remove(ActionFlags::LOOP_MARK);
            }
        }
    }
}

/// An unrunnable probe blocks the starts of inactive instances of its clone or bundle.
fn order_before_inactive_starts(m: &mut Model, probe: ActionIx, r: ResourceIx, start: ActionIx, kinds: Kinds) {
    let Some(collective) = m[start].resource.filter(|&c| m[c].kind() >= Kind::Clone) else { return };
    let top = m.top(r);
    if m[start].task != Task::Start || top != collective || m[probe].runnable() || kinds.has(Kinds::BLOCKS) {
        return;
    }
    for at in (0..m[start].after.len()).rev() {
        let then = m[start].after[at].then;
        let Some(instance) = m[then].resource else { continue };
        if m[then].task == Task::Start && m.top(instance) == top && !m.is_active(instance, false) {
            m.relate(probe, then, Kinds::ORDERED | Kinds::BLOCKS);
        }
    }
}

/// What a visit of the walk has still to do: the action and how many of its relations are left.
struct Visit {
    action: ActionIx,
    compatible: Option<ResourceIx>,
    left: usize,
}

/// Follows mandatory orderings from an action after the probe, ordering stops and demotes of other resources after it. Iterative: chains
/// of orderings may be long.
fn walk(
    m: &mut Model,
    probe: ActionIx,
    probed: ResourceIx,
    start: ActionIx,
    worthwhile: &[bool],
    marked: &mut Vec<ActionIx>,
) {
    if !worthwhile[start.index()] {
        return;
    }
    let mut visits: Vec<Visit> = Vec::new();
    visits.extend(enter(m, probe, probed, start, marked));
    while let Some(visit) = visits.last_mut() {
        if visit.left == 0 {
            visits.pop();
            continue;
        }
        visit.left -= 1;
        let relation = m[visit.action].after[visit.left];
        let follow = relation.kinds.has(Kinds::FIRST_IMPLIES_THEN)
            || follows_into(m, visit.action, probed, relation.then, visit.compatible);
        if follow && worthwhile[relation.then.index()] {
            visits.extend(enter(m, probe, probed, relation.then, marked));
        }
    }
}

fn enter(m: &mut Model, probe: ActionIx, probed: ResourceIx, a: ActionIx, marked: &mut Vec<ActionIx>) -> Option<Visit> {
    if m[a].flags.has(ActionFlags::LOOP_MARK) {
        return None;
    }
    m[a].flags.insert(ActionFlags::LOOP_MARK);
    marked.push(a);
    let mut compatible = None;
    if let Some(r) = m[a].resource {
        if m[r].is_primitive() && r != probed {
            order_before_down(m, probe, r, m[a].task);
        }
        if m[r].kind() >= Kind::Clone && is_interleaved(m, r) {
            compatible = compatible_assigned(m, probed, r);
        }
    }
    Some(Visit { action: a, compatible, left: m[a].after.len() })
}

/// The probe comes before the real stops of a resource that starts later, or the demotes of one that is promoted later.
fn order_before_down(m: &mut Model, probe: ActionIx, r: ResourceIx, task: Task) {
    let down: SmallVec<[ActionIx; 4]> = down_actions(m, r, task).collect();
    for a in down {
        m.relate(probe, a, Kinds::ORDERED);
    }
}

/// The real stops of a resource that starts, or the demotes of one that is promoted.
fn down_actions(m: &Model, r: ResourceIx, task: Task) -> impl Iterator<Item = ActionIx> + '_ {
    let down = match task {
        Task::Start => Some(Task::Stop),
        Task::Promote => Some(Task::Demote),
        _ => None,
    };
    let actions = down.map_or(&[][..], |_| &m[r].actions);
    actions.iter().copied().filter(move |&a| down.is_some_and(|down| m[a].key == ActionKey::of(down)) && !m[a].pseudo())
}

/// Whether the walk goes on from a collective's action to one of its instances.
fn follows_into(m: &Model, a: ActionIx, probed: ResourceIx, then: ActionIx, compatible: Option<ResourceIx>) -> bool {
    let (Some(collective), Some(child)) = (m[a].resource, m[then].resource) else { return false };
    if m[probed].parent == Some(collective) || !may_follow_into(m, a, then) {
        return false;
    }
    let paired = m[collective].kind() >= Kind::Clone && is_interleaved(m, collective);
    !paired || compatible == Some(child)
}

/// Whether there are probes from which the walk goes on from a collective's action to one of its instances.
fn may_follow_into(m: &Model, a: ActionIx, then: ActionIx) -> bool {
    let (Some(collective), Some(child)) = (m[a].resource, m[then].resource) else { return false };
    m[child].parent == Some(collective) && m[child].kind() <= Kind::Group && !m[collective].is_primitive()
}

/// Part b: what comes after the stop of a resource comes after its probes, too.
fn order_before_first(m: &mut Model, order: &Order) {
    let Some(first) = order.first.resource.filter(|&r| Some(r) != order.then.resource) else { return };
    let stops = match order.first.action {
        Some(a) => m[a].task == Task::Stop,
        None => order.first.key == Some(ActionKey::of(Task::Stop)),
    };
    if !stops || order.kinds.is_empty() {
        return;
    }
    let then_stops = match order.then.action {
        Some(a) => m[a].task == Task::Stop,
        None => order.then.key == Some(ActionKey::of(Task::Stop)),
    };
    if then_stops && order.then.resource.is_some() && m[first].launcher == order.then.resource {
        return;
    }
    let alone = order.kinds == Kinds::ONLY_IF_REQUIRED_SAME_NODE || order.kinds == Kinds::LOAD;
    let mut kinds = if alone { order.kinds } else { Kinds::ORDERED };
    for kind in [Kinds::ONLY_IF_UNMIGRATABLE, Kinds::ONLY_SAME_NODE] {
        if order.kinds.has(kind) {
            kinds.insert(kind);
        }
    }
    let probes = probes_of(m, first);
    if probes.is_empty() {
        return;
    }
    let thens = match (order.then.action, order.then.resource) {
        (Some(a), _) => SmallVec::from_slice(&[a]),
        (None, Some(r)) => named(m, r, &order.then),
        (None, None) => return,
    };
    for &probe in &probes {
        for &then in &thens {
            if !goes_down_elsewhere(m, probe, then) {
                m.relate(probe, then, kinds);
            }
        }
    }
}

/// Unfencing of the probe's own node, and the shutdown of another node, need not wait for a probe.
fn goes_down_elsewhere(m: &Model, probe: ActionIx, then: ActionIx) -> bool {
    match m[then].task {
        Task::Stonith => {
            let operation = m.symbols.find("stonith_action").and_then(|name| m[then].meta.get(name));
            m[then].node == m[probe].node && operation == Some(crate::model::sym::ON)
        }
        Task::DoShutdown => m[probe].node.is_some() && m[then].node != m[probe].node,
        _ => false,
    }
}
