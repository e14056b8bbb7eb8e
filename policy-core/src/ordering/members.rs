//! What collectives have to know about their children's actions again and again: which children have one with a task, and in which
//! state those of a group's members are. No action is made while flags spread, so the first never changes.

use core::ops::Range;

use hashbrown::HashMap;

use super::collective;
use crate::model::{ActionFlags, Model, ResourceIx, Task};

/// How many members of a group have an action with a task, and in which state the newest of each is.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) found: usize,
    pub(super) required: usize,
    pub(super) unrunnable: usize,
}

impl Tally {
    pub(super) fn add(&mut self, flags: ActionFlags) {
        self.found += 1;
        self.required += usize::from(!flags.has(ActionFlags::OPTIONAL));
        self.unrunnable += usize::from(!flags.has(ActionFlags::RUNNABLE));
    }

    pub(super) fn take(&mut self, flags: ActionFlags) {
        self.found -= 1;
        self.required -= usize::from(!flags.has(ActionFlags::OPTIONAL));
        self.unrunnable -= usize::from(!flags.has(ActionFlags::RUNNABLE));
    }
}

/// Which children have an action with a task.
pub(super) struct Holders {
    pub(super) places: HashMap<(ResourceIx, Task), Range<usize>, rustc_hash::FxBuildHasher>,
    pub(super) children: Vec<ResourceIx>,
}

/// Looks through the actions of all children.
pub(super) fn holders(m: &Model) -> Holders {
    let mut found: HashMap<(ResourceIx, Task), Vec<ResourceIx>, rustc_hash::FxBuildHasher> = HashMap::default();
    for r in (0..m.resources.len()).map(ResourceIx::new).filter(|&r| !m[r].is_primitive()) {
        for child in collective::instances(m, r) {
            for &a in &m[child].actions {
                let all = found.entry((r, m[a].task)).or_default();
                if all.last() != Some(&child) {
                    all.push(child);
                }
            }
        }
    }
    let mut children = Vec::new();
    let mut store = |all: Vec<ResourceIx>| {
        let begin = children.len();
        children.extend(all);
        begin..children.len()
    };
    let places = found.into_iter().map(|(key, all)| (key, store(all))).collect();
    Holders { places, children }
}
