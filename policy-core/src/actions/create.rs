//! Looking actions up and creating them: every action of a run comes from here `[AC-1.6]` `[AC-1.7]` `[AC-4]`.

use super::fence::{can_be_fenced, mark_for_fencing};
use super::operation;
use crate::model::{
    Action, ActionFlags, ActionIx, ActionKey, Model, Needs, NodeFlags, NodeIx, QuorumPolicy, ResourceFlags, ResourceIx,
    Role, Symbol, Task, sym,
};

/// Every action of the resource with the key, oldest first; with a node, those on it `[AC-1.6]` "exact".
pub fn find_exact(
    m: &Model,
    r: ResourceIx,
    key: ActionKey,
    node: Option<NodeIx>,
) -> impl Iterator<Item = ActionIx> + '_ {
    m[r].actions.iter().copied().filter(move |&a| m[a].key == key && node.is_some() && m[a].node == node)
}

/// Every action of the resource with the key, oldest first. With a node, those on it and those without node, which thereby get it
/// `[AC-1.6]` "loose".
pub fn find_loose(m: &mut Model, r: ResourceIx, key: ActionKey, node: Option<NodeIx>) -> Vec<ActionIx> {
    let mut found = Vec::new();
    for at in 0..m[r].actions.len() {
        let a = m[r].actions[at];
        if m[a].key == key && takes(m, a, node) {
            found.push(a);
        }
    }
    found
}

/// Whether a loose look-up for the node matches the action; gives a node-less one the node.
fn takes(m: &mut Model, a: ActionIx, node: Option<NodeIx>) -> bool {
    if node.is_none() || m[a].node == node {
        return true;
    }
    if m[a].node.is_none() {
        m[a].node = node;
        return true;
    }
    false
}

/// The newest action of the resource with the task, on the node if one is given `[AC-1.6]` "first".
#[must_use]
pub fn first(m: &Model, r: ResourceIx, task: Task, node: Option<NodeIx>) -> Option<ActionIx> {
    m[r].actions.iter().rev().copied().find(|&a| m[a].task == task && (node.is_none() || m[a].node == node))
}

/// The newest action of the resource with the key, on the node if one is given `[AC-1.6]` "first".
#[must_use]
pub fn first_by_key(m: &Model, r: ResourceIx, key: ActionKey, node: Option<NodeIx>) -> Option<ActionIx> {
    m[r].actions.iter().rev().copied().find(|&a| m[a].key == key && (node.is_none() || m[a].node == node))
}

/// Creates the action, or reuses the oldest that matches `[AC-1.7]`.
///
/// Asking for an optional action that exists and is required changes nothing; each request re-evaluates whether it can run.
pub fn create(
    m: &mut Model,
    r: ResourceIx,
    key: ActionKey,
    task: Task,
    node: Option<NodeIx>,
    optional: bool,
) -> ActionIx {
    let mut found = None;
    for at in 0..m[r].actions.len() {
        let a = m[r].actions[at];
        if m[a].key == key && takes(m, a, node) && found.is_none() {
            found = Some(a);
        }
    }
    let a = found.unwrap_or_else(|| make(m, r, key, task, node, optional));
    request(m, a, r, optional);
    a
}

/// [`create`] for a task with interval 0.
pub fn create_op(m: &mut Model, r: ResourceIx, task: Task, node: Option<NodeIx>, optional: bool) -> ActionIx {
    create(m, r, ActionKey::of(task), task, node, optional)
}

/// A new action of a resource with its configuration.
fn make(m: &mut Model, r: ResourceIx, key: ActionKey, task: Task, node: Option<NodeIx>, optional: bool) -> ActionIx {
    let interval = match key {
        ActionKey::Op { interval_ms, .. } => interval_ms,
        _ => 0,
    };
    let mut action = Action::new(key, task);
    action.resource = Some(r);
    action.node = node;
    action.flags.set(ActionFlags::OPTIONAL, optional);
    action.flags.set(ActionFlags::ON_DC, task == Task::LrmDelete);
    let found = operation::find(m, r, task, interval);
    action.op = match key {
        ActionKey::Notify { .. } => found.or_else(|| operation::find(m, r, Task::Notify, 0)),
        _ => found,
    };
    action.meta = operation::meta(m, r, task, interval, action.op, node);
    action.needs = match task {
        Task::Start | Task::Promote if m[r].is(ResourceFlags::NEEDS_FENCING) => Needs::Fencing,
        Task::Start | Task::Promote if m[r].is(ResourceFlags::NEEDS_QUORUM) => Needs::Quorum,
        _ => Needs::Nothing,
    };
    m.add_action(action)
}

/// What every request for an action of a resource does `[AC-1.7]` steps 3 to 5.
fn request(m: &mut Model, a: ActionIx, r: ResourceIx, optional: bool) {
    let pseudo = m[a].pseudo();
    let unmanaged = !m[r].is(ResourceFlags::MANAGED);
    if m[a].node.is_some() && !pseudo && unmanaged && !m[a].meta.contains(sym::INTERVAL) {
        m[a].flags.insert(ActionFlags::OPTIONAL);
    } else if !optional {
        m[a].flags.remove(ActionFlags::OPTIONAL);
    }
    if let (Some(node), Some(op)) = (m[a].node, m[a].op)
        && !m[a].flags.has(ActionFlags::EXTRA_EVALUATED)
    {
        m[a].flags.insert(ActionFlags::EXTRA_EVALUATED);
        m[a].extra = operation::parameters(m, op, node);
    }
    if !pseudo {
        check_runnable(m, a, r);
    }
}

/// Whether the action can run where it is, and with this quorum `[AC-4]`.
fn check_runnable(m: &mut Model, a: ActionIx, r: ResourceIx) {
    let Some(node) = m[a].node else {
        m[a].flags.remove(ActionFlags::RUNNABLE);
        return;
    };
    if !m[a].flags.has(ActionFlags::ON_DC) {
        let n = &m[node];
        if !n.online() && (!n.is_guest() || n.is(NodeFlags::REMOTE_RESET)) {
            let fence = m[r].is(ResourceFlags::MANAGED) && m[a].task == Task::Stop && !n.unclean();
            m[a].flags.remove(ActionFlags::RUNNABLE);
            if fence {
                mark_for_fencing(m, node, "stop is unrunnable", false);
            }
            return;
        }
        if n.is(NodeFlags::PENDING) {
            m[a].flags.remove(ActionFlags::RUNNABLE);
            return;
        }
    }
    if m[a].needs == Needs::Nothing {
        m[a].reason = None;
        let beyond_reach = m[node].is_guest() && !can_be_fenced(m, node);
        m[a].flags.set(ActionFlags::RUNNABLE, !beyond_reach);
        return;
    }
    match effective_policy(m, r) {
        QuorumPolicy::Stop => {
            m[a].flags.remove(ActionFlags::RUNNABLE);
            m[a].reason = Some("no quorum".into());
        }
        QuorumPolicy::Freeze => {
            if !m.is_active(r, true) || m.next_role(r) > m.role(r) {
                m[a].flags.remove(ActionFlags::RUNNABLE);
                m[a].reason = Some("quorum freeze".into());
            }
        }
        _ => m[a].flags.insert(ActionFlags::RUNNABLE),
    }
}

/// The policy for want of quorum as it applies to a resource; lowers its next role under `demote` `[AC-4]`.
fn effective_policy(m: &mut Model, r: ResourceIx) -> QuorumPolicy {
    if m.quorate {
        return QuorumPolicy::Ignore;
    }
    match m.options.no_quorum_policy {
        QuorumPolicy::Demote => match m.role(r) {
            Role::Promoted | Role::Unpromoted => {
                if m[r].next_role > Role::Unpromoted {
                    m[r].next_role = Role::Unpromoted;
                }
                QuorumPolicy::Ignore
            }
            _ => QuorumPolicy::Stop,
        },
        policy => policy,
    }
}

/// A pseudo-action of a resource under its own key, without node `[AC-1.7]`.
pub fn create_pseudo(
    m: &mut Model,
    r: ResourceIx,
    key: ActionKey,
    task: Task,
    optional: bool,
    runnable: bool,
) -> ActionIx {
    let a = create(m, r, key, task, None, optional);
    m[a].flags.insert(ActionFlags::PSEUDO);
    // Without node the request has cleared it.
    m[a].flags.set(ActionFlags::RUNNABLE, runnable);
    a
}

/// A pseudo-action without resource, found by its name alone; a new one is optional `[AC-1.7]`. Also whether it is new.
pub fn singleton(m: &mut Model, name: &str) -> (ActionIx, bool) {
    let name = m.symbols.intern(name);
    let (a, new) = by_name(m, name, Task::Other(name));
    if new {
        m[a].flags = ActionFlags::OPTIONAL | ActionFlags::PSEUDO | ActionFlags::RUNNABLE;
    }
    (a, new)
}

/// The action without resource that has this key; a new one is runnable and required.
pub(super) fn by_name(m: &mut Model, name: Symbol, task: Task) -> (ActionIx, bool) {
    match m.singletons.get(&name) {
        Some(&a) => (a, false),
        None => (m.add_action(Action::new(ActionKey::Named(name), task)), true),
    }
}

/// Sets a meta value of an action.
pub fn set_meta(m: &mut Model, a: ActionIx, name: &str, value: &str) {
    let (name, value) = (m.symbols.intern(name), m.symbols.intern(value));
    m[a].meta.set(name, value);
}

/// Sets a reason if there is none yet `[AC-1.8]`.
pub fn reason_softly(m: &mut Model, a: ActionIx, reason: &str) {
    if m[a].reason.is_none() {
        m[a].reason = Some(reason.into());
    }
}
