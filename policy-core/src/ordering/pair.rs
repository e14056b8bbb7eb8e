//! What one kind of relation does to a pair of actions `[OR-7.5]`.

use super::propagate::{Changed, Propagation};
use crate::model::{ActionFlags, ActionIx, Kinds, ResourceFlags, Role, Task};

impl Propagation<'_> {
    /// Clears a flag of `a` because of `b`, with a soft reason between different resources `[OR-7.5]` `[AC-1.8]`.
    fn clear(&mut self, flag: ActionFlags, a: ActionIx, b: ActionIx) {
        if !self.m[a].flags.has(flag) {
            return;
        }
        self.clear_flag(a, flag);
        if self.m[a].resource == self.m[b].resource || self.m[a].reason.is_some() {
            return;
        }
        let word = match flag {
            ActionFlags::RUNNABLE => "unrunnable",
            ActionFlags::MIGRATABLE => "unmigrateable",
            _ => "required",
        };
        let task = self.m[b].task.text(&self.m.symbols);
        let reason = match self.m[b].resource {
            Some(r) => format!("{word} {} {task}", self.m.text(self.m[r].id)),
            None => format!("{word} {task}"),
        };
        self.m[a].reason = Some(reason.into());
    }

    /// The rules for a pair of actions and one kind `[OR-7.5]`.
    pub(super) fn pair(&mut self, f: ActionIx, t: ActionIx, ff: ActionFlags, kind: Kinds) -> Changed {
        let (old_first, old_then) = (self.m[f].flags, self.m[t].flags);
        match kind {
            Kinds::ASYMMETRIC => self.asymmetric(f, t),
            Kinds::THEN_IMPLIES_FIRST => self.then_implies_first(f, t, ff),
            Kinds::PROMOTED_THEN_IMPLIES_FIRST => {
                let promoted = self.m[t].resource.is_some_and(|r| self.m.role(r) == Role::Promoted);
                if promoted && self.m[t].required() {
                    self.clear(ActionFlags::OPTIONAL, f, t);
                    self.pass_unmigratable(f, t);
                }
            }
            Kinds::MIGRATION_CHAIN => {
                if !self.m[t].flags.has(ActionFlags::MIGRATABLE | ActionFlags::RUNNABLE) {
                    self.clear(ActionFlags::RUNNABLE, f, t);
                }
                if self.m[t].required() {
                    self.clear(ActionFlags::OPTIONAL, f, t);
                }
            }
            Kinds::ELSE_REAL if !self.m[f].runnable() => {
                self.clear(ActionFlags::MIGRATABLE, t, f);
                self.clear_flag(t, ActionFlags::PSEUDO);
            }
            Kinds::BLOCKS if self.m[t].runnable() && !ff.has(ActionFlags::RUNNABLE) => {
                self.clear(ActionFlags::RUNNABLE, t, f);
                self.clear(ActionFlags::MIGRATABLE, t, f);
            }
            Kinds::FIRST_IMPLIES_THEN
                if self.m[t].optional()
                    && !ff.has(ActionFlags::OPTIONAL)
                    && !self.m[f].flags.has(ActionFlags::MIGRATABLE) =>
            {
                self.clear(ActionFlags::OPTIONAL, t, f);
            }
            Kinds::RESTART => self.restart(f, t),
            _ => {}
        }
        let changed = Changed { first: self.m[f].flags != old_first, then: self.m[t].flags != old_then };
        if changed.then && self.m[t].resource.is_some_and(|r| self.m[r].parent.is_some()) {
            self.update(t);
        }
        changed
    }

    fn pass_unmigratable(&mut self, f: ActionIx, t: ActionIx) {
        if !self.m[t].flags.has(ActionFlags::MIGRATABLE) {
            self.clear(ActionFlags::MIGRATABLE, f, t);
        }
    }

    /// R1.
    fn asymmetric(&mut self, f: ActionIx, t: ActionIx) {
        let Some(r) = self.m[t].resource else { return };
        if self.m[f].runnable() {
            return;
        }
        let role = self.m.role(r);
        let stopped_already = self.m[t].task == Task::Stop && role == Role::Stopped;
        let started_already = self.m[t].task == Task::Start
            && role >= Role::Started
            && matches!(self.m[r].active[..], [only] if Some(only) == self.m[t].node);
        if self.m[t].optional() && (stopped_already || started_already) {
            return;
        }
        self.clear(ActionFlags::OPTIONAL, t, f);
        self.clear(ActionFlags::RUNNABLE, t, f);
    }

    /// R2.
    fn then_implies_first(&mut self, f: ActionIx, t: ActionIx, ff: ActionFlags) {
        if self.m[t].optional() {
            return;
        }
        if !ff.has(ActionFlags::OPTIONAL) {
            self.clear(ActionFlags::OPTIONAL, f, t);
        }
        if ff.has(ActionFlags::MIGRATABLE) {
            self.pass_unmigratable(f, t);
        }
    }

    /// R9.
    fn restart(&mut self, f: ActionIx, t: ActionIx) {
        let primitive = |a: ActionIx| self.m[a].resource.filter(|&r| self.m[r].is_primitive());
        let (Some(first), Some(then)) = (primitive(f), primitive(t)) else { return };
        let restarts = self.m[t].required();
        let stops = !self.m[t].runnable() && first == then && self.m[then].flags.has(ResourceFlags::MANAGED);
        if !restarts && !stops {
            return;
        }
        if self.m[f].runnable() {
            self.clear(ActionFlags::OPTIONAL, f, t);
        }
        if self.m[t].required() {
            self.clear(ActionFlags::OPTIONAL, f, t);
        }
        self.pass_unmigratable(f, t);
        if self.m[f].required() && !self.m[f].runnable() {
            self.clear(ActionFlags::RUNNABLE, t, f);
        }
    }
}
