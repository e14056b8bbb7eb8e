//! Notifications of clones: the pseudo-actions around an operation, and when notifications are made [CL-14.1] to
//! [CL-14.3], [CL-14.7].

use super::actions::{INFINITY, notify_key};
use super::notify::{Kept, Keys, notify_leaves};
use crate::actions::{create_pseudo, set_meta};
use crate::model::{ActionFlags, ActionIx, Kinds, Model, Notifications, NotifyWhen, ResourceFlags, ResourceIx, Task};

/// The operations that instances are told about, in the order in which it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Around {
    /// Instances start.
    Start,
    /// Instances stop.
    Stop,
    /// Instances are promoted.
    Promote,
    /// Instances are demoted.
    Demote,
}

impl Around {
    /// All of them, in order.
    pub(super) const ALL: [Around; 4] = [Around::Start, Around::Stop, Around::Promote, Around::Demote];

    /// The operation.
    pub(super) const fn task(self) -> Task {
        match self {
            Around::Start => Task::Start,
            Around::Stop => Task::Stop,
            Around::Promote => Task::Promote,
            Around::Demote => Task::Demote,
        }
    }

    /// Its completion.
    pub(super) const fn completed(self) -> Task {
        match self {
            Around::Start => Task::Running,
            Around::Stop => Task::Stopped,
            Around::Promote => Task::Promoted,
            Around::Demote => Task::Demoted,
        }
    }
}

/// Whether a clone notifies its instances [CL-14.1].
fn notifies(m: &Model, c: ResourceIx) -> bool {
    m[c].is(ResourceFlags::NOTIFY) || m[c].clone_state().is_some_and(|state| state.bundled_notify)
}

/// Creates the four pseudo-actions around an operation of a notifying clone, once [CL-14.2].
pub(super) fn surround(
    m: &mut Model,
    c: ResourceIx,
    around: Around,
    operation: ActionIx,
    completion: ActionIx,
) -> Option<Notifications> {
    if !notifies(m, c) {
        return None;
    }
    if let Some(made) = m[c].clone_state().and_then(|state| state.notifications[around as usize]) {
        return Some(made);
    }
    let task = around.task();
    let mut like = Like { optional: m[operation].optional(), runnable: true, priority: 0 };
    let pre = pseudo(m, c, NotifyWhen::Pre, (task, task), like);
    let pre_done = pseudo(m, c, NotifyWhen::ConfirmedPre, (task, task), like);
    m.relate(pre, pre_done, Kinds::ORDERED);
    m.relate(pre_done, operation, Kinds::ORDERED);
    like = Like { optional: m[completion].optional(), runnable: m[completion].runnable(), priority: INFINITY };
    let (post, post_done) = post(m, c, completion, (around.completed(), task), like);
    m.relate(pre_done, post, Kinds::ORDERED);
    let made = Notifications { pre, pre_done, post, post_done };
    if let Some(state) = m[c].clone_state_mut() {
        state.notifications[around as usize] = Some(made);
    }
    Some(made)
}

/// What a pseudo-action takes from the action it surrounds.
#[derive(Clone, Copy)]
struct Like {
    optional: bool,
    runnable: bool,
    priority: i32,
}

/// The two pseudo-actions after an operation.
fn post(m: &mut Model, r: ResourceIx, completion: ActionIx, names: (Task, Task), like: Like) -> (ActionIx, ActionIx) {
    let post = pseudo(m, r, NotifyWhen::Post, names, like);
    let post_done = pseudo(m, r, NotifyWhen::ConfirmedPost, names, like);
    m.relate(completion, post, Kinds::FIRST_IMPLIES_THEN);
    m.relate(post, post_done, Kinds::FIRST_IMPLIES_THEN);
    (post, post_done)
}

/// One pseudo-action; `names` are the operation in its key and the one that instances are told about.
fn pseudo(m: &mut Model, r: ResourceIx, when: NotifyWhen, names: (Task, Task), like: Like) -> ActionIx {
    let task = match when {
        NotifyWhen::Pre | NotifyWhen::Post => Task::Notify,
        NotifyWhen::ConfirmedPre | NotifyWhen::ConfirmedPost => Task::Notified,
    };
    let a = create_pseudo(m, r, notify_key(when, names.0), task, like.optional, like.runnable);
    m[a].priority = like.priority;
    let kind = match when {
        NotifyWhen::Pre | NotifyWhen::ConfirmedPre => "pre",
        NotifyWhen::Post | NotifyWhen::ConfirmedPost => "post",
    };
    let (key_operation, operation) = (m.text(names.0.symbol()).to_owned(), m.text(names.1.symbol()).to_owned());
    set_meta(m, a, "notify_key_type", when.text());
    set_meta(m, a, "notify_key_operation", &key_operation);
    set_meta(m, a, "notify_type", kind);
    set_meta(m, a, "notify_operation", &operation);
    a
}

/// Makes the notifications of a clone's instances, while the graph is built and after the flags of the clone's own actions
/// were recomputed [CL-14.3].
pub fn create_notifications(m: &mut Model, c: ResourceIx) {
    let Some(state) = m[c].clone_state() else { return };
    let made = state.notifications;
    let leaves = m.leaves(c);
    if made.iter().all(Option::is_none) {
        return;
    }
    // No kind changes what the others say, so the keys are the same for all.
    let keys = Keys::collect(m, c, &leaves);
    for around in Around::ALL {
        let Some(four) = made[around as usize] else { continue };
        if keys.wants(around) {
            for a in [four.pre, four.pre_done, four.post, four.post_done] {
                m[a].flags.remove(ActionFlags::OPTIONAL);
            }
        }
        let before = Some((four.pre, four.pre_done));
        notify_leaves(m, &leaves, around, Kept { before, after: Some((four.post, four.post_done)) }, &keys);
    }
}

/// A stop that fencing implies: the other instances are told that it happened [CL-14.7].
pub fn notify_fenced_stop(m: &mut Model, stop: ActionIx, fencing: ActionIx) {
    let Some(p) = m[stop].resource.filter(|&p| m[p].is(ResourceFlags::NOTIFY)) else { return };
    let like = Like { optional: m[fencing].optional(), runnable: m[fencing].runnable(), priority: INFINITY };
    let (post, post_done) = post(m, p, fencing, (Task::Stonith, Task::Stop), like);
    let keys = Keys::of_stop(m, p, m[stop].node);
    let top = m.top(p);
    let leaves = m.leaves(top);
    notify_leaves(m, &leaves, Around::Stop, Kept { before: None, after: Some((post, post_done)) }, &keys);
}
