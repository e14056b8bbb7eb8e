//! Flags spread along relations until nothing changes `[OR-7]`.
//!
//! The reference behaviour is a depth-first recursion, and the order shows: the first soft reason wins. So this recursion has exactly
//! that shape, but it leaves out whatever cannot have an effect: an input is looked at again only if something that it depends on has
//! changed since it was last found settled. [`Clock`] keeps those times. What remains is work in proportion to changes times the
//! relations of what changed.

use core::ops::Range;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::members::{Holders, Tally, holders};
use super::{blocking, collective, probes};
use crate::model::{ActionFlags, ActionIx, Kind, Kinds, Model, NodeIx, ResourceFlags, ResourceIx, Task};

/// Room that the recursion keeps below itself, and takes at a time when it has less.
const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// What one input did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Changed {
    /// First's flags changed.
    pub(super) first: bool,
    /// Then's flags or relations changed.
    pub(super) then: bool,
}

impl Changed {
    pub(super) fn join(&mut self, other: Changed) {
        self.first |= other.first;
        self.then |= other.then;
    }
}

/// When things last changed, counted in changes.
#[derive(Default)]
struct Clock {
    now: u64,
    /// Everything before this counts as changed.
    epoch: u64,
    /// Own flags of each action.
    actions: Vec<u64>,
    /// Flags of the actions with a (folded) task, anywhere below a resource or on it.
    below: HashMap<(ResourceIx, Task), u64, rustc_hash::FxBuildHasher>,
    /// Flags of any action below a resource or on it.
    any_below: Vec<u64>,
    /// When each input of each action was last found to have no effect; missing ones never were.
    settled: Vec<Vec<u64>>,
    /// Flags computed for pseudo-actions of collectives, in all and on one node, and when.
    computed: HashMap<(ActionIx, Option<NodeIx>), (u64, ActionFlags), rustc_hash::FxBuildHasher>,
    /// Counts over the members of groups.
    tallies: HashMap<(ResourceIx, Task), Tally, rustc_hash::FxBuildHasher>,
    /// Whether an action is the newest with its task of a group's member, and so counted.
    counted: Vec<bool>,
    /// Where groups are assigned, and when that was found out.
    places: HashMap<ResourceIx, (u64, Option<NodeIx>), rustc_hash::FxBuildHasher>,
}

impl Clock {
    fn settle(&mut self, t: ActionIx, at: usize, when: u64) {
        let inputs = &mut self.settled[t.index()];
        if inputs.len() <= at {
            inputs.resize(at + 1, 0);
        }
        inputs[at] = when;
    }
}

/// The pass: the model, the clock and a bound on the work.
pub(super) struct Propagation<'m> {
    pub(super) m: &'m mut Model,
    /// The children of each collective that have an action with a task, in order; no action is made any more.
    holders: Holders,
    clock: Clock,
    budget: u64,
}

/// Blocks what is colocated with what cannot start, orders probes, and updates every action, newest first `[OR-6]` steps 2 to 4.
pub(super) fn propagate(m: &mut Model) {
    let count = m.actions.len();
    let mut pass = Propagation::new(m);
    for at in (0..count).rev() {
        blocking::block(&mut pass, ActionIx::new(at));
    }
    probes::order_probes(pass.m);
    for at in (0..count).rev() {
        pass.update(ActionIx::new(at));
    }
}

impl<'m> Propagation<'m> {
    pub(super) fn new(m: &'m mut Model) -> Self {
        let relations: usize = m.actions.iter().map(|a| a.before.len()).sum();
        let clock = Clock {
            now: 1,
            epoch: 1,
            actions: vec![0; m.actions.len()],
            any_below: vec![0; m.resources.len()],
            settled: vec![Vec::new(); m.actions.len()],
            ..Clock::default()
        };
        // Flags are cleared only, so every action changes a handful of times. Far beyond that something swings to and fro, which
        // the rules exclude for well-formed input: stop rather than hang.
        let budget = 1_000_000 + 256 * (m.actions.len() + relations) as u64;
        let holders = holders(m);
        let mut pass = Propagation { m, holders, clock, budget };
        pass.count_members();
        pass
    }

    /// Counts the newest actions of the members of groups.
    fn count_members(&mut self) {
        let mut counted = vec![false; self.m.actions.len()];
        for (&(r, task), places) in &self.holders.places {
            if self.m[r].kind() != Kind::Group {
                continue;
            }
            let tally = self.clock.tallies.entry((r, task)).or_default();
            for at in places.clone() {
                if let Some(a) = collective::newest(self.m, self.holders.children[at], task, None) {
                    counted[a.index()] = true;
                    tally.add(self.m[a].flags);
                }
            }
        }
        self.clock.counted = counted;
    }

    /// The children of a group or instances of a collective that have an action with this task, in order: places in
    /// [`Propagation::holder`].
    pub(super) fn holders(&self, r: ResourceIx, task: Task) -> Range<usize> {
        self.holders.places.get(&(r, task)).cloned().unwrap_or_default()
    }

    /// One of [`Propagation::holders`].
    pub(super) fn holder(&self, at: usize) -> ResourceIx {
        self.holders.children[at]
    }

    /// Notes a change of an action's own flags.
    fn touch(&mut self, a: ActionIx) {
        self.clock.now += 1;
        let now = self.clock.now;
        self.clock.actions[a.index()] = now;
        let task = collective::subject(self.m, a);
        let mut above = self.m[a].resource;
        while let Some(r) = above {
            // Leaves are watched through their own actions.
            if self.m[r].parent.is_none() || !self.m[r].children.is_empty() {
                self.clock.below.insert((r, task), now);
            }
            self.clock.any_below[r.index()] = now;
            above = self.m[r].parent;
        }
    }

    /// Notes that assignments changed, on which anything may depend.
    pub(super) fn touch_everything(&mut self) {
        self.clock.now += 1;
        self.clock.epoch = self.clock.now;
    }

    pub(super) fn set_flags(&mut self, a: ActionIx, flags: ActionFlags) {
        let old = self.m[a].flags;
        if old != flags {
            self.m[a].flags = flags;
            if self.clock.counted[a.index()]
                && let Some(group) = self.m[a].resource.and_then(|r| self.m[r].parent)
                && let Some(tally) = self.clock.tallies.get_mut(&(group, self.m[a].task))
            {
                tally.take(old);
                tally.add(flags);
            }
            self.touch(a);
        }
    }

    pub(super) fn clear_flag(&mut self, a: ActionIx, flag: ActionFlags) {
        self.set_flags(a, self.m[a].flags.without(flag));
    }

    fn since_below(&self, r: ResourceIx, task: Task) -> u64 {
        self.clock.below.get(&(r, task)).copied().unwrap_or(0)
    }

    /// When last something changed that the effect of an input depends on.
    fn last_change(&self, f: ActionIx, t: ActionIx, kinds: Kinds) -> u64 {
        let c = &self.clock;
        let mut last = c.epoch.max(c.actions[f.index()]).max(c.actions[t.index()]);
        let collective = |a: ActionIx| self.m[a].resource.filter(|&r| !self.m[r].is_primitive());
        let (from, to) = (collective(f), collective(t));
        if let Some(r) = from {
            last = last.max(self.since_below(r, collective::subject(self.m, f)));
        }
        if let Some(r) = to {
            // Children matter to the rules that are carried on to them, and to the effective flags that shows-first asks for.
            if !kinds.without(Kinds::ORDERED | Kinds::SHOWS_THEN | Kinds::GUEST_OK).is_empty()
                && self.has_literal_children(t, r)
            {
                last = last.max(self.since_below(r, collective::subject(self.m, t)));
            }
            if kinds.has(Kinds::SHOWS_FIRST) {
                last = last.max(self.since_below(r, collective::subject(self.m, t)));
            }
            if let Some(other) = from
                && collective::interleaved(self.m, f, t)
            {
                last = last.max(c.any_below[r.index()]).max(c.any_below[other.index()]);
            }
        }
        last
    }

    /// Whether children of a collective can have actions with the very task of the collective's action.
    fn has_literal_children(&self, t: ActionIx, r: ResourceIx) -> bool {
        let task = self.m[t].task;
        task == collective::folded(task)
            || self.m[r].children.first().is_some_and(|&child| !self.m[child].is_primitive())
    }

    /// Updates an action along all its inputs, and what follows it if it changed `[OR-7.2]`.
    pub(super) fn update(&mut self, t: ActionIx) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        stacker::maybe_grow(STACK.0, STACK.1, || self.update_here(t));
    }

    fn update_here(&mut self, t: ActionIx) {
        let old = self.m[t].flags;
        let counts = self.m[t].required_count > 0;
        let mut changed_then = false;
        if counts {
            self.m[t].seen_count = 0;
            self.clear_flag(t, ActionFlags::RUNNABLE);
        }
        for at in (0..self.m[t].before.len()).rev() {
            let input = self.m[t].before[at];
            if input.kinds.is_empty() {
                continue;
            }
            let settled = self.clock.settled[t.index()].get(at).copied().unwrap_or(0);
            if !counts && settled >= self.last_change(input.first, t, input.kinds) {
                continue;
            }
            let began = self.clock.now;
            let changed = self.update_input(input.first, t, at);
            changed_then |= changed.then;
            if changed == Changed::default() {
                self.clock.settle(t, at, began);
            }
        }
        if counts {
            changed_then = self.m[t].flags != old;
        }
        if !changed_then {
            return;
        }
        if old.has(ActionFlags::RUNNABLE) && !self.m[t].runnable() {
            blocking::block(self, t);
        }
        self.update(t);
        self.update_after(t);
    }

    /// Updates everything after an action, newest relation first.
    pub(super) fn update_after(&mut self, a: ActionIx) {
        for at in (0..self.m[a].after.len()).rev() {
            let then = self.m[a].after[at].then;
            self.update(then);
        }
    }

    /// The node that an action is about: for the start of a group, where the group will be `[OR-7.2]` 2a.
    fn place(&mut self, a: ActionIx) -> Option<NodeIx> {
        match self.m[a].resource {
            Some(r) if self.m[a].task == Task::Start && self.m[r].kind() == Kind::Group => {
                let (m, epoch) = (&*self.m, self.clock.epoch);
                let known = self.clock.places.entry(r).or_insert((0, None));
                if known.0 != epoch {
                    *known = (epoch, m.assigned_location(r));
                }
                known.1
            }
            _ => self.m[a].node,
        }
    }

    /// One input `[OR-7.2]` step 2.
    fn update_input(&mut self, f: ActionIx, t: ActionIx, at: usize) -> Changed {
        let kinds = self.m[t].before[at].kinds;
        let (first_node, then_node) = (self.place(f), self.place(t));
        if kinds.has(Kinds::ONLY_SAME_NODE)
            && let (Some(a), Some(b)) = (first_node, then_node)
            && a != b
        {
            self.m[t].before[at].kinds = Kinds::NONE;
            return Changed::default();
        }
        if kinds.has(Kinds::THEN_CANCELS_FIRST)
            && self.m[t].required()
            && let Some(r) = self.m[f].resource
        {
            self.set_flags(f, self.m[f].flags.with(ActionFlags::OPTIONAL));
            if self.m[f].task == Task::ReloadAgent {
                self.m[r].flags.remove(ResourceFlags::RELOAD);
            }
        }
        let mut changed = Changed::default();
        let g = self.completion(f, t);
        if g == f {
            let first_flags = self.flags(f, then_node);
            let then_flags = self.flags(t, first_node);
            changed = self.apply(f, t, at, first_flags, then_flags);
        } else if self.m.relate(g, t, kinds) {
            self.m[t].before[at].kinds = Kinds::NONE;
            changed.then = true;
        }
        if changed.first {
            self.update_after(g);
            self.update(g);
        }
        changed
    }

    /// The completion action that an ordering with another resource is moved to `[OR-7.2]` 2e `[OR-7.3]`.
    fn completion(&self, f: ActionIx, t: ActionIx) -> ActionIx {
        match (self.m[f].resource, self.m[t].resource) {
            (Some(first), Some(then))
                if first != then && !self.m[first].is_primitive() && !self.m.is_ancestor(first, then) =>
            {
                collective::completion(self.m, f, first)
            }
            _ => f,
        }
    }

    /// Flags for ordering `[OR-7.4a]`, with the side effects of computing them.
    pub(super) fn flags(&mut self, a: ActionIx, node: Option<NodeIx>) -> ActionFlags {
        let Some(r) = self.m[a].resource.filter(|&r| !self.m[r].is_primitive()) else { return self.m[a].flags };
        let all = self.collective_flags(a, r, None);
        if node.is_none() || self.m[r].kind() != Kind::Clone {
            return all;
        }
        let here = self.collective_flags(a, r, node);
        if all.has(ActionFlags::RUNNABLE) { here.with(ActionFlags::RUNNABLE) } else { here }
    }

    /// Recomputes the flags of a collective's action from its children `[CL-11]`, unless none of those changed.
    pub(super) fn collective_flags(&mut self, a: ActionIx, r: ResourceIx, node: Option<NodeIx>) -> ActionFlags {
        let last = self.since_below(r, collective::subject(self.m, a)).max(self.clock.epoch);
        if let Some(&(at, flags)) = self.clock.computed.get(&(a, node))
            && at >= last
        {
            return flags;
        }
        let mut touched = SmallVec::new();
        let result = if node.is_none() && self.m[r].kind() == Kind::Group {
            let tally = |task| self.clock.tallies.get(&(r, task)).copied().unwrap_or_default();
            collective::recompute_tallied(self.m, a, r, tally, &mut touched)
        } else {
            collective::recompute(self.m, a, r, node, &mut touched)
        };
        for changed in touched {
            self.touch(changed);
        }
        self.clock.computed.insert((a, node), (self.clock.now, result));
        result
    }

    /// Applies one input, kind by kind `[OR-7.4]`.
    fn apply(&mut self, f: ActionIx, t: ActionIx, at: usize, ff: ActionFlags, ft: ActionFlags) -> Changed {
        let mut changed = Changed::default();
        let mut node = self.m[t].node;
        if self.m[t].before[at].kinds.has(Kinds::SAME_NODE_IMPLIES) {
            let kinds = &mut self.m[t].before[at].kinds;
            kinds.remove(Kinds::SAME_NODE_IMPLIES);
            kinds.insert(Kinds::FIRST_IMPLIES_THEN);
            node = self.m[f].node;
        }
        // `node` selects among the children of a collective; a collective's own action has none.
        let (first, then) = (self.m[f].resource, self.m[t].resource);
        let only_optional = if ff.has(ActionFlags::OPTIONAL) { ActionFlags::OPTIONAL } else { ActionFlags::NONE };
        let has = |pass: &Self, kind: Kinds| pass.m[t].before[at].kinds.has(kind);

        if has(self, Kinds::FIRST_IMPLIES_THEN) {
            match then {
                Some(r) => changed.join(self.rules(r, f, t, node, only_optional, Kinds::FIRST_IMPLIES_THEN)),
                None if !ff.has(ActionFlags::OPTIONAL) && self.m[t].optional() => {
                    self.clear_flag(t, ActionFlags::OPTIONAL);
                    changed.then = true;
                }
                None => {}
            }
        }
        if let Some(r) = then
            && has(self, Kinds::RESTART)
        {
            changed.join(self.rules(r, f, t, node, ff, Kinds::RESTART));
        }
        if has(self, Kinds::THEN_IMPLIES_FIRST) {
            match first {
                Some(r) => changed.join(self.rules(r, f, t, node, ff, Kinds::THEN_IMPLIES_FIRST)),
                // Odd, but so.
                None if !ff.has(ActionFlags::OPTIONAL) && self.m[f].runnable() => {
                    self.clear_flag(f, ActionFlags::RUNNABLE);
                    changed.first = true;
                }
                None => {}
            }
        }
        if let Some(r) = then
            && has(self, Kinds::PROMOTED_THEN_IMPLIES_FIRST)
        {
            changed.join(self.rules(r, f, t, node, only_optional, Kinds::PROMOTED_THEN_IMPLIES_FIRST));
        }
        if then.is_none() && has(self, Kinds::MIN_RUNNABLE) && ff.has(ActionFlags::RUNNABLE) {
            self.m[t].seen_count += 1;
            if self.m[t].seen_count >= self.m[t].required_count && !self.m[t].runnable() {
                self.set_flags(t, self.m[t].flags.with(ActionFlags::RUNNABLE));
                changed.then = true;
            }
        }
        if let Some(r) = then
            && has(self, Kinds::NESTED_PROBE)
        {
            if !ff.has(ActionFlags::RUNNABLE) && first.is_some_and(|r| !self.m[r].active.is_empty()) {
                self.m[t].before[at].kinds = Kinds::NONE;
            } else {
                changed.join(self.rules(r, f, t, node, ff, Kinds::BLOCKS));
            }
        }
        if has(self, Kinds::BLOCKS) {
            match then {
                Some(r) => changed.join(self.rules(r, f, t, node, ff, Kinds::BLOCKS)),
                None if !ff.has(ActionFlags::RUNNABLE) && self.m[t].runnable() => {
                    self.clear_flag(t, ActionFlags::RUNNABLE);
                    changed.then = true;
                }
                None => {}
            }
        }
        for kind in [Kinds::MIGRATION_CHAIN, Kinds::ELSE_REAL, Kinds::ORDERED, Kinds::ASYMMETRIC] {
            if let Some(r) = then
                && has(self, kind)
            {
                changed.join(self.rules(r, f, t, node, ff, kind));
            }
        }
        if has(self, Kinds::SHOWS_THEN) && self.m[f].runnable() && !ff.has(ActionFlags::OPTIONAL) {
            self.m[t].flags.insert(ActionFlags::ALWAYS_IN_GRAPH);
        }
        if has(self, Kinds::SHOWS_FIRST) && !ft.has(ActionFlags::OPTIONAL) {
            self.m[f].flags.insert(ActionFlags::ALWAYS_IN_GRAPH);
        }
        // R10: a stop that cannot happen holds up what depends on it.
        let implying = Kinds::FIRST_IMPLIES_THEN | Kinds::THEN_IMPLIES_FIRST | Kinds::RESTART;
        if self.m[t].before[at].kinds.any(implying)
            && self.m[f].task == Task::Stop
            && !self.m[f].runnable()
            && let Some(r) = first
            && self.m[r].flags.has(ResourceFlags::BLOCKED)
            && !self.m[r].flags.has(ResourceFlags::MANAGED)
            && self.m[t].runnable()
        {
            self.clear_flag(t, ActionFlags::RUNNABLE);
            changed.then = true;
        }
        changed
    }

    /// One kind on behalf of a resource: by its variant `[OR-7.4]` `[CL-12]`.
    pub(super) fn rules(
        &mut self,
        who: ResourceIx,
        f: ActionIx,
        t: ActionIx,
        node: Option<NodeIx>,
        ff: ActionFlags,
        kind: Kinds,
    ) -> Changed {
        if self.m[who].is_primitive() {
            self.pair(f, t, ff, kind)
        } else if self.m[who].kind() == Kind::Group {
            collective::group_rules(self, f, t, node, ff, kind)
        } else if collective::interleaved(self.m, f, t) {
            collective::interleaved_rules(self, f, t, node, kind)
        } else {
            collective::instance_rules(self, f, t, node, ff, kind)
        }
    }
}
