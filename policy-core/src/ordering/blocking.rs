//! A start or promotion that cannot happen keeps away what must be with it `[CL-5.7]` `[OR-6.4]`.

use super::collective::newest;
use super::propagate::Propagation;
use crate::model::{ActionFlags, ActionIx, Model, ResourceIx, Role, Task};
use crate::placement::colocations::{Side, relevant};

/// If the action is an unrunnable start or promotion, blocks the starts or promotions of all that are colocated with its resource.
pub(super) fn block(pass: &mut Propagation<'_>, a: ActionIx) {
    let (task, Some(r)) = (pass.m[a].task, pass.m[a].resource) else { return };
    if pass.m[a].runnable() || !matches!(task, Task::Start | Task::Promote) {
        return;
    }
    let top = pass.m.top_with_bundle(r);
    if !blocked_everywhere(pass.m, top, task) {
        return;
    }
    for c in relevant(pass.m, top, Side::WithThis) {
        let c = &pass.m[c];
        if !c.score.is_infinite() || (task == Task::Promote && c.primary_role != Some(Role::Promoted)) {
            continue;
        }
        let blocked = if c.dependent_role == Some(Role::Promoted) { Task::Promote } else { Task::Start };
        let dependent = c.dependent;
        for below in pass.m.family(dependent) {
            block_actions(pass, below, blocked, r);
        }
    }
}

/// Whether every child has the action, the newest of each being unrunnable.
fn blocked_everywhere(m: &Model, top: ResourceIx, task: Task) -> bool {
    m[top].children.iter().all(|&child| newest(m, child, task, None).is_some_and(|a| !m[a].runnable()))
}

fn block_actions(pass: &mut Propagation<'_>, r: ResourceIx, task: Task, because: ResourceIx) {
    for at in (0..pass.m[r].actions.len()).rev() {
        let a = pass.m[r].actions[at];
        if pass.m[a].task != task || !pass.m[a].runnable() {
            continue;
        }
        pass.clear_flag(a, ActionFlags::RUNNABLE);
        if pass.m[a].reason.is_none() {
            pass.m[a].reason = Some(format!("colocation with {}", pass.m.id(because)).into());
        }
        block(pass, a);
        pass.update(a);
    }
}
