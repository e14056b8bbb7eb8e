//! Inputs that must not stand, found when all flags are settled `[OR-6.6]`.

use crate::graph::keep::{closes_loop, is_just};
use crate::model::{ActionIx, Kinds, Model, ResourceIx, Task};

/// Disables orderings between a guest's resources and its launcher, and load orderings that would close a loop.
pub(super) fn disable_invalid(m: &mut Model) {
    for at in (0..m.actions.len()).rev() {
        let a = ActionIx::new(at);
        let Some(r) = m[a].resource else { continue };
        let migrates = m[a].task == Task::MigrateTo;
        if m[r].launched.is_empty() && !migrates {
            continue;
        }
        for at in (0..m[a].before.len()).rev() {
            let input = m[a].before[at];
            if !input.kinds.is_empty() && !input.kinds.has(Kinds::GUEST_OK) && runs_inside(m, input.first, r) {
                m[a].before[at].kinds = Kinds::NONE;
                let inside = m[input.first].resource.map_or("", |inside| m.id(inside));
                let text = format!("Invalid ordering constraint between {inside} and {}", m.id(r));
                m.config_warning(text);
            } else if migrates && is_just(input.kinds, Kinds::LOAD) && closes_loop(m, a, at) {
                m[a].before[at].kinds = Kinds::NONE;
            }
        }
    }
}

/// Whether an action's resource runs on the guest that `launcher` starts.
fn runs_inside(m: &Model, first: ActionIx, launcher: ResourceIx) -> bool {
    let (Some(_), Some(node)) = (m[first].resource, m[first].node) else { return false };
    !m[launcher].launched.is_empty()
        && m[node].is_guest()
        && m[node].connection.is_some_and(|connection| m[connection].launcher == Some(launcher))
}
