//! From constraints to relations, once all actions exist `[OR-6]`.

use smallvec::SmallVec;

use crate::actions;
use crate::model::{ActionFlags, ActionIx, ActionKey, End, Kinds, Model, Order, ResourceIx, Role, Task};

type Found = SmallVec<[ActionIx; 4]>;

/// Turns every constraint into relations, in creation order `[OR-6.1]`. May create missing first actions `[OR-6.2]`.
pub(super) fn apply_constraints(m: &mut Model) {
    let orders = core::mem::take(&mut m.orders);
    for order in &orders {
        apply_one(m, order);
    }
    m.orders = orders;
}

fn apply_one(m: &mut Model, order: &Order) {
    match (order.first.resource, order.then.resource) {
        (Some(first), _) => {
            for action in first_actions(m, first, order) {
                relate_then(m, action, order);
            }
        }
        (None, _) => {
            if let Some(first) = order.first.action {
                relate_then(m, first, order);
            }
        }
    }
}

/// The actions of a resource that an end names, oldest first.
pub(crate) fn named(m: &Model, resource: ResourceIx, end: &End) -> Found {
    match (end.action, end.key) {
        (Some(action), _) => Found::from_slice(&[action]),
        (None, Some(key)) => m[resource].actions.iter().copied().filter(|&a| m[a].key == key).collect(),
        (None, None) => Found::new(),
    }
}

/// First side `[OR-6.2]`.
fn first_actions(m: &mut Model, resource: ResourceIx, order: &Order) -> Found {
    let mut found = named(m, resource, &order.first);
    let Some(key) = order.first.key.filter(|_| found.is_empty()) else { return found };
    if order.then.resource == Some(resource) {
        return found;
    }
    let task = match key {
        ActionKey::Op { task, .. } => Some(task),
        ActionKey::Notify { .. } => Some(Task::Notify),
        ActionKey::Named(_) => None,
    };
    let role = m.role(resource);
    if (task == Some(Task::Stop) && role == Role::Stopped) || (task == Some(Task::Demote) && role == Role::Unpromoted) {
        return found;
    }
    if let Some(task) = task {
        let key = ActionKey::Op { task, interval_ms: interval(key) };
        found.push(actions::create(m, resource, key, task, None, true));
    }
    found
}

/// Then side `[OR-6.3]`.
fn relate_then(m: &mut Model, first: ActionIx, order: &Order) {
    let Some(resource) = order.then.resource else {
        if let Some(then) = order.then.action {
            m.relate(first, then, order.kinds);
        }
        return;
    };
    let cleans_up = m[first].flags.has(ActionFlags::MIGRATION_ABORT) && m[first].resource == Some(resource);
    let kinds = if cleans_up { order.kinds.without(Kinds::FIRST_IMPLIES_THEN) } else { order.kinds };
    for then in named(m, resource, &order.then) {
        m.relate(first, then, kinds);
    }
}

fn interval(key: ActionKey) -> u32 {
    match key {
        ActionKey::Op { interval_ms, .. } => interval_ms,
        _ => 0,
    }
}
