//! Orderings that involve groups, clones and bundles `[CL-11]` `[CL-12]`.

use smallvec::SmallVec;

use super::members::Tally;
use super::propagate::{Changed, Propagation};
use crate::model::{
    ActionFlags, ActionIx, ActionKey, Kind, Kinds, Model, NodeIx, NotifyWhen, ResourceFlags, ResourceIx, Task, sym,
};
use crate::placement::compatible::compatible;
use crate::placement::unassign_fully;

/// The completion of a task of a collective `[OR-1.3]`; completions stay as they are.
fn completion_task(task: Task) -> Option<Task> {
    Some(match task {
        Task::Start | Task::Running => Task::Running,
        Task::Stop | Task::Stopped => Task::Stopped,
        Task::Promote | Task::Promoted => Task::Promoted,
        Task::Demote | Task::Demoted => Task::Demoted,
        Task::Notify | Task::Notified => Task::Notified,
        _ => return None,
    })
}

/// `running` becomes `start` and so on: the name that primitives have for it `[CL-11.1]`.
pub(super) fn folded(task: Task) -> Task {
    match task {
        Task::Running => Task::Start,
        Task::Stopped => Task::Stop,
        Task::Promoted => Task::Promote,
        Task::Demoted => Task::Demote,
        other => other,
    }
}

/// The newest action of a resource with a task, on a node if one is given `[AC-1.6]`.
pub(crate) fn newest(m: &Model, r: ResourceIx, task: Task, node: Option<NodeIx>) -> Option<ActionIx> {
    let matches = |&&a: &&ActionIx| m[a].task == task && (node.is_none() || m[a].node == node);
    m[r].actions.iter().rev().find(matches).copied()
}

/// The completion action of an action of a collective `[OR-7.3]`.
pub(super) fn completion(m: &Model, f: ActionIx, r: ResourceIx) -> ActionIx {
    let ActionKey::Op { task, interval_ms: 0 } = m[f].key else { return f };
    // The reference looks for the text anywhere in the key, ids included.
    if m.id(r).contains("notify") {
        return f;
    }
    let Some(task) = completion_task(task) else { return f };
    // A bundle that wants notifications counts as "in a bundle", too. It has no such action, so its orderings stay where they are.
    let confirmed = m[r].is(ResourceFlags::NOTIFY) && (m[r].kind() >= Kind::Clone || m.in_bundle(r));
    let key = if confirmed {
        ActionKey::Notify { when: NotifyWhen::ConfirmedPost, operation: task }
    } else {
        ActionKey::of(task)
    };
    m[r].actions.iter().rev().copied().find(|&a| m[a].key == key).unwrap_or(f)
}

/// The folded task that an action is about: for notifications, that of the operation they are around.
pub(super) fn subject(m: &Model, a: ActionIx) -> Task {
    folded(match (m[a].task, m[a].key) {
        (Task::Notify | Task::Notified, ActionKey::Notify { operation, .. }) => operation,
        (task, _) => task,
    })
}

/// The task looked for on the children of a collective `[CL-11.1]`.
fn task_below(m: &Model, a: ActionIx, r: ResourceIx) -> Task {
    let task = match (m[a].task, m[a].key) {
        (Task::Notify | Task::Notified, ActionKey::Notify { operation, .. }) => operation,
        (task, _) => task,
    };
    let first_is_primitive = m[r].children.first().is_some_and(|&child| m[child].is_primitive());
    if first_is_primitive { folded(task) } else { task }
}

/// The instances that decide an action of a clone or bundle.
fn instances_for(m: &Model, a: ActionIx, r: ResourceIx) -> SmallVec<[ResourceIx; 8]> {
    let of_child = matches!(
        m[a].task,
        Task::Promote | Task::Promoted | Task::Demote | Task::Demoted | Task::Notify | Task::Notified
    );
    match m[r].bundle() {
        Some(bundle) if of_child => {
            bundle.clone.map_or_else(SmallVec::new, |clone| m[clone].children.iter().copied().collect())
        }
        _ => instances(m, r),
    }
}

/// Instances of a clone in list order, containers of a bundle.
pub(crate) fn instances(m: &Model, r: ResourceIx) -> SmallVec<[ResourceIx; 8]> {
    match m[r].bundle() {
        Some(bundle) => bundle.replicas.iter().map(|replica| replica.container).collect(),
        None => m[r].children.iter().copied().collect(),
    }
}

/// Recomputes the flags of an action of a group, clone or bundle from its children `[CL-11]`, and changes the action itself as the
/// rules say. Actions whose own flags changed are added to `touched`. Linear in the number of children.
pub(crate) fn recompute(
    m: &mut Model,
    a: ActionIx,
    r: ResourceIx,
    node: Option<NodeIx>,
    touched: &mut SmallVec<[ActionIx; 4]>,
) -> ActionFlags {
    let own = m[a].flags;
    let result = if m[r].kind() == Kind::Group {
        recompute_group(m, a, r, node)
    } else {
        recompute_instances(m, a, r, node, touched)
    };
    if m[a].flags != own {
        touched.push(a);
    }
    result
}

const FRESH: ActionFlags = ActionFlags::OPTIONAL.with(ActionFlags::RUNNABLE).with(ActionFlags::PSEUDO);

fn recompute_group(m: &mut Model, a: ActionIx, r: ResourceIx, node: Option<NodeIx>) -> ActionFlags {
    let task = task_below(m, a, r);
    let mut tally = Tally::default();
    for &member in &m[r].children {
        if let Some(found) = newest(m, member, task, node) {
            tally.add(m[found].flags);
        }
    }
    group_flags(m, a, r, task, tally)
}

/// [`recompute`] for an action of a group without node, whose members are counted already.
pub(super) fn recompute_tallied(
    m: &mut Model,
    a: ActionIx,
    r: ResourceIx,
    tally: impl FnOnce(Task) -> Tally,
    touched: &mut SmallVec<[ActionIx; 4]>,
) -> ActionFlags {
    let own = m[a].flags;
    let task = task_below(m, a, r);
    let result = group_flags(m, a, r, task, tally(task));
    if m[a].flags != own {
        touched.push(a);
    }
    result
}

fn group_flags(m: &mut Model, a: ActionIx, r: ResourceIx, task: Task, tally: Tally) -> ActionFlags {
    let mut result = FRESH;
    if tally.required > 0 {
        result.remove(ActionFlags::OPTIONAL);
        m[a].flags.remove(ActionFlags::OPTIONAL);
    }
    if task != m[a].task && tally.unrunnable > 0 {
        result.remove(ActionFlags::RUNNABLE);
        m[a].flags.remove(ActionFlags::RUNNABLE);
    }
    if tally.found < m[r].children.len() && task != Task::Stop && task != Task::Demote {
        result.remove(ActionFlags::RUNNABLE);
    }
    result
}

fn recompute_instances(
    m: &mut Model,
    a: ActionIx,
    r: ResourceIx,
    node: Option<NodeIx>,
    touched: &mut SmallVec<[ActionIx; 4]>,
) -> ActionFlags {
    let mut result = FRESH;
    let mut any_runnable = false;
    let task = task_below(m, a, r);
    for instance in instances_for(m, a, r) {
        let primitive = m[instance].is_primitive();
        let Some(found) = newest(m, instance, task, node.filter(|_| primitive)) else { continue };
        let flags = if primitive { m[found].flags } else { recompute(m, found, instance, node, touched) };
        if !flags.has(ActionFlags::OPTIONAL) {
            result.remove(ActionFlags::OPTIONAL);
            m[a].flags.remove(ActionFlags::OPTIONAL);
        }
        any_runnable |= flags.has(ActionFlags::RUNNABLE);
    }
    if !any_runnable {
        result.remove(ActionFlags::RUNNABLE);
        if node.is_none() {
            m[a].flags.remove(ActionFlags::RUNNABLE);
        }
    }
    result
}

/// Whether an ordering between two collectives is one between their instances `[CL-12.2]`.
pub(super) fn interleaved(m: &Model, f: ActionIx, t: ActionIx) -> bool {
    let (Some(first), Some(then)) = (m[f].resource, m[t].resource) else { return false };
    if first == then || m[first].kind() < Kind::Clone || m[then].kind() < Kind::Clone {
        return false;
    }
    let decides = if key_ends_in(m[t].key, &[Task::Stop, Task::Demote]) { first } else { then };
    is_interleaved(m, decides)
}

/// Whether a clone or bundle asks for interleaving.
pub(super) fn is_interleaved(m: &Model, r: ResourceIx) -> bool {
    match m[r].clone_state() {
        Some(clone) => clone.interleave,
        None => cib_core::rules::is_true(m.meta(r, sym::INTERLEAVE)),
    }
}

/// The instance of a collective assigned together with a resource `[CL-5.4]`.
pub(super) fn compatible_assigned(m: &Model, r: ResourceIx, collective: ResourceIx) -> Option<ResourceIx> {
    compatible(m, r, collective, None, false, None)
}

/// Whether a key's text ends in `_<task>_0` for one of the tasks.
fn key_ends_in(key: ActionKey, tasks: &[Task]) -> bool {
    match key {
        ActionKey::Op { task, interval_ms: 0 } | ActionKey::Notify { operation: task, .. } => tasks.contains(&task),
        _ => false,
    }
}

/// The rules for an action of a group: the action and then the members' actions of the same name `[CL-12.3]`.
pub(super) fn group_rules(
    pass: &mut Propagation<'_>,
    f: ActionIx,
    t: ActionIx,
    node: Option<NodeIx>,
    ff: ActionFlags,
    kind: Kinds,
) -> Changed {
    if kind == Kinds::ORDERED {
        return Changed::default();
    }
    let mut changed = pass.pair(f, t, ff, kind);
    let Some(r) = pass.m[t].resource else { return changed };
    for at in pass.holders(r, pass.m[t].task) {
        let child = pass.holder(at);
        if let Some(below) = newest(pass.m, child, pass.m[t].task, node) {
            changed.join(pass.rules(child, f, below, node, ff, kind));
        }
    }
    changed
}

/// The rules for an action of a clone or bundle whose instances are not paired with those of the other side `[CL-12.3]`.
pub(super) fn instance_rules(
    pass: &mut Propagation<'_>,
    f: ActionIx,
    t: ActionIx,
    node: Option<NodeIx>,
    ff: ActionFlags,
    kind: Kinds,
) -> Changed {
    if kind == Kinds::ORDERED {
        return Changed::default();
    }
    let mut changed = pass.pair(f, t, ff, kind);
    let Some(r) = pass.m[t].resource.filter(|&r| !pass.m[r].is_primitive()) else { return changed };
    for at in pass.holders(r, pass.m[t].task) {
        let instance = pass.holder(at);
        let Some(below) = newest(pass.m, instance, pass.m[t].task, node) else { continue };
        if !pass.flags(below, node).has(ActionFlags::RUNNABLE) {
            continue;
        }
        let here = pass.rules(instance, f, below, node, ff, kind);
        changed.first |= here.first;
        if here.then {
            pass.update_after(below);
        }
    }
    changed
}

/// The rules between paired instances of two collectives `[CL-12.2]`.
pub(super) fn interleaved_rules(
    pass: &mut Propagation<'_>,
    f: ActionIx,
    t: ActionIx,
    node: Option<NodeIx>,
    kind: Kinds,
) -> Changed {
    let mut changed = Changed::default();
    let (Some(first), Some(then)) = (pass.m[f].resource, pass.m[t].resource) else { return changed };
    let current = key_ends_in(pass.m[f].key, &[Task::Stopped, Task::Demoted]);
    let first_task = task_below(pass.m, f, first);
    for instance in instances(pass.m, then) {
        let Some(partner) = compatible(pass.m, instance, first, None, current, None) else {
            if !current && kind.any(Kinds::BLOCKS | Kinds::FIRST_IMPLIES_THEN) && unassign_fully(pass.m, instance) {
                pass.touch_everything();
                changed.then = true;
            }
            continue;
        };
        let keeps_container = matches!(first_task, Task::Stop | Task::Stopped);
        let (partner, on) = match child_of(pass.m, partner).filter(|_| !keeps_container) {
            Some(child) => (child, None),
            None => (partner, node),
        };
        let roles = matches!(pass.m[t].task, Task::Promote | Task::Promoted | Task::Demote | Task::Demoted);
        let target = child_of(pass.m, instance).filter(|_| roles).unwrap_or(instance);
        let (Some(a), Some(b)) =
            (newest(pass.m, partner, first_task, on), newest(pass.m, target, pass.m[t].task, node))
        else {
            continue;
        };
        if pass.m.relate(a, b, kind) {
            changed.join(Changed { first: true, then: true });
        }
        let flags = pass.flags(a, node);
        changed.join(pass.rules(target, a, b, node, flags, kind));
    }
    changed
}

/// The instance of the bundled clone that runs in a container.
fn child_of(m: &Model, container: ResourceIx) -> Option<ResourceIx> {
    if !m[container].is(ResourceFlags::REPLICA_CONTAINER) {
        return None;
    }
    let (bundle, number) = m[container].replica?;
    m[bundle].bundle()?.replicas.iter().find(|replica| replica.number == number)?.child
}
