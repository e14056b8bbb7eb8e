//! Marks on elements, and what follows from them.

use super::{Acl, Kind};
use crate::patch::Changes;
use crate::xml::{Document, NodeIx};

/// What somebody wants to do with an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// See it.
    Read,
    /// Change it.
    Write,
    /// Add something to it, which is allowed too if it is itself new.
    Create,
}

const READ: u8 = 1;
const WRITE: u8 = 2;
const DENY: u8 = 4;

/// The marks that a user's rules make on the elements of one document.
#[derive(Clone, Debug)]
pub struct Permissions {
    marks: Vec<u8>,
    any: bool,
}

impl Permissions {
    /// Evaluates the rules on a document.
    pub fn of(acl: &Acl, doc: &Document) -> Permissions {
        let mut marks = vec![0; doc.table_len()];
        for rule in &acl.rules {
            let mark = match rule.kind {
                Kind::Read => READ,
                Kind::Write => WRITE,
                Kind::Deny => DENY,
            };
            for n in rule.elements(doc) {
                marks[n.index()] |= mark;
            }
        }
        Permissions { marks, any: !acl.rules.is_empty() }
    }

    /// The marks of an element; those made since the evaluation have none.
    fn mark(&self, n: NodeIx) -> u8 {
        self.marks.get(n.index()).copied().unwrap_or(0)
    }

    pub(super) fn is_readable_itself(&self, n: NodeIx) -> bool {
        let mark = self.mark(n);
        mark & DENY == 0 && mark & (READ | WRITE) != 0
    }

    /// Whether the user may do that: the nearest element from `n` upwards with a mark that matters decides [CB-13.4].
    pub fn allow(&self, doc: &Document, n: NodeIx, mode: Mode, created: impl Fn(NodeIx) -> bool) -> bool {
        if !self.any {
            return false;
        }
        let mut at = Some(n);
        while let Some(n) = at {
            let mark = self.mark(n);
            if mark & DENY != 0 {
                return false;
            }
            let enough = match mode {
                Mode::Read => mark & (READ | WRITE) != 0,
                Mode::Write => mark & WRITE != 0,
                Mode::Create => mark & WRITE != 0 || created(n),
            };
            if enough {
                return true;
            }
            at = doc.parent(n);
        }
        false
    }

    /// Whether everything new in a changed document (on which these permissions were evaluated) may be there.
    pub(crate) fn allow_creations(&self, doc: &Document, changes: &Changes) -> bool {
        let allowed = |n: NodeIx| {
            let scaffolding = doc.attrs(n).all(|(name, _)| name == "id")
                && core::iter::successors(Some(n), |&n| doc.parent(n)).all(|n| doc.name(n) != "acls");
            !doc.is_element(n) || scaffolding || self.allow(doc, n, Mode::Write, |_| false)
        };
        changes.created.keys().all(|&top| core::iter::once(top).chain(doc.descendants(top)).all(allowed))
    }
}
