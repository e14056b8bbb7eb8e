//! Actions of collectives: those of their parts, then their own pseudo-actions [CL-9].

use super::notifications::{self, Around};
use crate::actions::{create_pseudo, of};
use crate::model::{ActionFlags, ActionIx, ActionKey, Kind, Kinds, Model, NotifyWhen, ResourceFlags, ResourceIx, Task};
use crate::placement::compatible::instances;

/// The priority of completion actions.
pub(super) const INFINITY: i32 = 1_000_000;

/// What instances of a collective are doing, taken together [CL-9.4].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Some instance is active.
    pub active: bool,
    /// Some instance is starting.
    pub starting: bool,
    /// Some instance is stopping.
    pub stopping: bool,
    /// One and the same instance is stopping and starting.
    pub restarting: bool,
}

/// What the primitives below R are doing [CL-9.4].
#[must_use]
pub fn activity(m: &Model, r: ResourceIx) -> Activity {
    let mut sum = Activity::default();
    for leaf in m.leaves(r) {
        let required = |task: Task, pseudo_too: bool| {
            m[leaf].actions.iter().any(|&a| {
                let action = &m[a];
                action.task == task && action.required() && (action.runnable() || (pseudo_too && action.pseudo()))
            })
        };
        let (starting, stopping) = (required(Task::Start, false), required(Task::Stop, true));
        sum.active |= !m[leaf].active.is_empty();
        sum.starting |= starting;
        sum.stopping |= stopping;
        sum.restarting |= starting && stopping;
    }
    sum
}

/// Creates all actions of a group, clone or bundle [CL-9].
pub fn actions(m: &mut Model, r: ResourceIx) {
    match m[r].kind() {
        Kind::Primitive => {}
        Kind::Group => group(m, r),
        Kind::Clone => clone(m, r),
        Kind::Bundle => bundle(m, r),
    }
}

fn pseudo(m: &mut Model, r: ResourceIx, task: Task, optional: bool, runnable: bool) -> ActionIx {
    create_pseudo(m, r, ActionKey::of(task), task, optional, runnable)
}

/// Members, then four or eight pseudo-actions [CL-9.3].
fn group(m: &mut Model, g: ResourceIx) {
    for member in m[g].children.clone() {
        of(m, member);
    }
    for task in [Task::Start, Task::Running, Task::Stop, Task::Stopped] {
        pseudo(m, g, task, true, true);
    }
    if crate::placement::look::meta_true(m, g, crate::model::sym::PROMOTABLE) {
        for task in [Task::Demote, Task::Demoted, Task::Promote, Task::Promoted] {
            pseudo(m, g, task, true, true);
        }
    }
}

/// Start, running, stop and stopped of a collective whose instances have their actions [CL-9.1] steps 1 and 2.
fn start_and_stop(m: &mut Model, r: ResourceIx) -> [ActionIx; 4] {
    let mut sum = Activity::default();
    for instance in instances(m, r) {
        of(m, instance);
        let one = activity(m, instance);
        sum.active |= one.active;
        sum.starting |= one.starting;
        sum.stopping |= one.stopping;
        sum.restarting |= one.restarting;
    }
    let start = pseudo(m, r, Task::Start, !sum.starting, true);
    let running = pseudo(m, r, Task::Running, !sum.starting, sum.active || sum.starting);
    m[running].priority = INFINITY;
    let stop = pseudo(m, r, Task::Stop, !sum.stopping, true);
    let stopped = pseudo(m, r, Task::Stopped, !sum.stopping, true);
    m[stopped].priority = INFINITY;
    if !sum.restarting {
        m[stop].flags.insert(ActionFlags::MIGRATABLE);
    }
    [start, running, stop, stopped]
}

/// A clone's actions [CL-9.1].
fn clone(m: &mut Model, c: ResourceIx) {
    let [start, running, stop, stopped] = start_and_stop(m, c);
    let start_notify = notifications::surround(m, c, Around::Start, start, running);
    let stop_notify = notifications::surround(m, c, Around::Stop, stop, stopped);
    if let (Some(start), Some(stop)) = (start_notify, stop_notify) {
        m.relate(stop.post_done, start.pre, Kinds::ORDERED);
    }
    if m[c].is(ResourceFlags::PROMOTABLE) {
        promote_and_demote(m, c);
        let priority = m[c].priority;
        for instance in m[c].children.clone() {
            m[instance].priority = priority;
        }
    }
}

/// What a promotable clone does beyond starting and stopping [CL-9.1] step 4.
fn promote_and_demote(m: &mut Model, c: ResourceIx) {
    let (mut promoting, mut demoting) = (false, false);
    for instance in m[c].children.clone() {
        of(m, instance);
        for leaf in m.leaves(instance) {
            let required = |task| m[leaf].actions.iter().any(|&a| m[a].task == task && m[a].required());
            promoting |= required(Task::Promote);
            demoting |= required(Task::Demote);
        }
    }
    let pair = |m: &mut Model, first: Task, done: Task, wanted: bool| {
        let first = pseudo(m, c, first, !wanted, true);
        let done = pseudo(m, c, done, !wanted, true);
        m[done].priority = INFINITY;
        (first, done)
    };
    let (promote, promoted) = pair(m, Task::Promote, Task::Promoted, promoting);
    let promote_notify = notifications::surround(m, c, Around::Promote, promote, promoted);
    let (demote, demoted) = pair(m, Task::Demote, Task::Demoted, demoting);
    let demote_notify = notifications::surround(m, c, Around::Demote, demote, demoted);
    let state = m[c].clone_state().map(|state| state.notifications);
    let [start, stop, ..] = state.unwrap_or_default();
    let (Some(start), Some(stop), Some(promote), Some(demote)) = (start, stop, promote_notify, demote_notify) else {
        return;
    };
    for (first, then) in [
        (stop.post_done, promote.pre),
        (start.post_done, promote.pre),
        (demote.post_done, promote.pre),
        (demote.post_done, start.pre),
        (demote.post_done, stop.pre),
    ] {
        m.relate(first, then, Kinds::ORDERED);
    }
}

/// A bundle's actions [CL-9.2].
fn bundle(m: &mut Model, b: ResourceIx) {
    let Some(state) = m[b].bundle() else { return };
    let (replicas, clone) = (state.replicas.clone(), state.clone);
    for replica in &replicas {
        for part in [replica.ip, Some(replica.container), replica.connection].into_iter().flatten() {
            of(m, part);
        }
    }
    start_and_stop(m, b);
    let Some(k) = clone else { return };
    self::clone(m, k);
    if m[k].is(ResourceFlags::PROMOTABLE) {
        for (task, priority) in
            [(Task::Promote, 0), (Task::Promoted, INFINITY), (Task::Demote, 0), (Task::Demoted, INFINITY)]
        {
            let action = pseudo(m, b, task, true, true);
            m[action].priority = priority;
        }
    }
}

/// The key of a notification pseudo-action.
pub(super) fn notify_key(when: NotifyWhen, operation: Task) -> ActionKey {
    ActionKey::Notify { when, operation }
}
