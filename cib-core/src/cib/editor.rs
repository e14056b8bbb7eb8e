//! Changing a document with an eye on what changes and who may change it.

use crate::acl::{Mode, Permissions};
use crate::patch::{AttrChange, Changes, Ordered, compare};
use crate::xml::{Document, NodeIx};

/// A document under change. All changes of operations go through here, so that they are recorded and checked.
pub(super) struct Editor<'a> {
    pub(super) doc: &'a mut Document,
    pub(super) changes: Changes,
    /// Permissions before the operation; `None` where access control does not apply.
    pub(super) permissions: Option<Permissions>,
    pub(super) denied: bool,
    /// Something changed, or was put in place of something equal.
    pub(super) changed: bool,
    /// The same below `configuration`.
    pub(super) configuration: bool,
    /// The document became deeper, or an element wider, than what can be read again.
    pub(super) oversized: bool,
}

/// Levels of elements, and attributes of one element, that a document may come to have by changes: what [`Limits`] lets
/// in when it is read.
///
/// [`Limits`]: crate::xml::Limits
const MAX_DEPTH: usize = 256;
const MAX_ATTRIBUTES: usize = 1024;

impl<'a> Editor<'a> {
    pub(super) fn new(doc: &'a mut Document, permissions: Option<Permissions>) -> Self {
        Editor {
            doc,
            changes: Changes::new(),
            permissions,
            denied: false,
            changed: false,
            configuration: false,
            oversized: false,
        }
    }

    fn check(&mut self, n: NodeIx, mode: Mode) {
        if let Some(permissions) = &self.permissions {
            let created = |n: NodeIx| self.changes.created.contains_key(&n);
            self.denied |= !permissions.allow(self.doc, n, mode, created);
        }
    }

    /// Notes a change at `n`.
    pub(super) fn touch(&mut self, n: NodeIx) {
        self.changed = true;
        if self.configuration {
            return;
        }
        let mut at = n;
        while let Some(parent) = self.doc.parent(at) {
            if self.doc.parent(parent).is_none() && self.doc.name(at) == "configuration" {
                self.configuration = true;
                return;
            }
            at = parent;
        }
    }

    /// Sets an attribute; setting it to what it is already is no change.
    pub(super) fn set_attr(&mut self, n: NodeIx, name: &str, value: &str) {
        let how = match self.doc.attr(n, name) {
            Some(old) if old == value => return,
            Some(_) => AttrChange::Set,
            None => AttrChange::Added,
        };
        self.check(n, if how == AttrChange::Set { Mode::Write } else { Mode::Create });
        if how == AttrChange::Added && self.doc.attr_count(n) >= MAX_ATTRIBUTES {
            self.oversized = true;
            return;
        }
        self.doc.set_attr(n, name, value);
        self.changes.set(n, name, how);
        self.touch(n);
    }

    /// As [`set_attr`](Self::set_attr), for the bookkeeping of the operation itself, which nobody needs a right for.
    pub(super) fn set_version(&mut self, name: &str, value: i32) {
        let root = self.doc.root();
        let value = value.to_string();
        if self.doc.attr(root, name) != Some(&value) {
            let how = if self.doc.attr(root, name).is_some() { AttrChange::Set } else { AttrChange::Added };
            self.doc.set_attr(root, name, &value);
            self.changes.set(root, name, how);
        }
    }

    pub(super) fn remove_attr(&mut self, n: NodeIx, name: &str) {
        if self.doc.attr(n, name).is_some() {
            self.check(n, Mode::Write);
            self.doc.remove_attr(n, name);
            self.changes.unset(n, name);
            self.touch(n);
        }
    }

    /// Appends an empty element.
    pub(super) fn append(&mut self, parent: NodeIx, name: &str) -> NodeIx {
        let n = self.doc.append(parent, name);
        self.created(n);
        n
    }

    /// Appends a deep copy of an element or comment.
    pub(super) fn append_copy(&mut self, parent: NodeIx, from: &Document, node: NodeIx) -> NodeIx {
        let n = self.doc.copy(parent, from, node);
        self.created(n);
        n
    }

    /// Looks whether what was put at `n` is too deep.
    fn measure(&mut self, n: NodeIx) {
        let doc = &*self.doc;
        let level = |n: NodeIx| core::iter::successors(Some(n), |&n| doc.parent(n)).take(MAX_DEPTH + 1).count();
        self.oversized |= core::iter::once(n).chain(doc.descendants(n)).any(|d| level(d) > MAX_DEPTH);
    }

    fn created(&mut self, n: NodeIx) {
        self.measure(n);
        self.changes.created.insert(n, ());
        self.touch(n);
    }

    /// Removes a node other than the root.
    pub(super) fn remove(&mut self, n: NodeIx) {
        self.check(n, Mode::Write);
        if let Some(parent) = self.doc.parent(n) {
            self.touch(parent);
        }
        self.changes.delete(self.doc, n);
        self.doc.remove(n);
    }

    /// Puts a copy in the place of an element; what changed is found by comparison.
    pub(super) fn replace(&mut self, n: NodeIx, from: &Document, node: NodeIx) {
        let Some(parent) = self.doc.parent(n) else { return self.replace_root(from, node) };
        let copy = self.doc.copy_before(parent, Some(n), from, node);
        self.measure(copy);
        self.compare(n, copy);
        self.touch(parent);
        self.doc.remove(n);
    }

    /// Puts a copy in the place of the whole document.
    pub(super) fn replace_root(&mut self, from: &Document, node: NodeIx) {
        let old = self.doc.root();
        let copy = self.doc.stage(from, node);
        self.compare(old, copy);
        self.changed = true;
        self.doc.set_root(copy);
    }

    fn compare(&mut self, old: NodeIx, new: NodeIx) {
        let mut found = Changes::new();
        compare(self.doc, old, self.doc, new, Ordered::Yes, &mut found);
        self.absorb(found);
    }

    /// Checks the rights for changes found by comparison, other than creations.
    fn check_all(&mut self, found: &Changes) {
        for deletion in &found.deletions {
            self.check(deletion.node, Mode::Write);
        }
        for (&n, attrs) in &found.attrs {
            // A mere change of order needs no right, and shows as attributes set to what they were.
            let old = attrs.old.unwrap_or(n);
            let differs = |name: &str| self.doc.attr(old, name) != self.doc.attr(n, name);
            if !attrs.unset.is_empty() || attrs.set.iter().any(|(name, _)| differs(name)) {
                self.check(old, Mode::Write);
            }
        }
    }

    /// Takes over changes that were made elsewhere, checking the rights for them.
    fn absorb(&mut self, found: Changes) {
        self.check_all(&found);
        let touched: Vec<NodeIx> =
            found.created.keys().chain(found.moved.keys()).chain(found.attrs.keys()).copied().collect();
        touched.into_iter().for_each(|n| self.touch(n));
        for deletion in &found.deletions {
            if let Some(parent) = self.doc.parent(deletion.node) {
                self.touch(parent);
            }
        }
        self.changes.absorb(found);
    }

    /// Checks the rights for turning the document into another one, without doing it.
    pub(super) fn check_against(&mut self, from: &Document) {
        let old = self.doc.root();
        let staged = self.doc.stage(from, from.root());
        let mut found = Changes::new();
        compare(self.doc, old, self.doc, staged, Ordered::Yes, &mut found);
        self.check_all(&found);
        self.doc.discard(staged);
    }

    /// Notes what applying a patch set changed. Moves are recorded, but do not count as a change [CB-9].
    pub(super) fn applied(&mut self, found: Changes) {
        found.created.keys().for_each(|&n| self.measure(n));
        let touched: Vec<NodeIx> = found.created.keys().chain(found.attrs.keys()).copied().collect();
        touched.into_iter().for_each(|n| self.touch(n));
        if !found.deletions.is_empty() {
            self.changed = true;
            self.configuration |= found.deletions.iter().any(|d| d.path.starts_with("/cib/configuration/"));
        }
        self.changes.absorb(found);
    }
}
