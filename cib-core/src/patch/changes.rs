//! What changed in a document, and its form as a patch set [CB-8.3].

use smallvec::SmallVec;
use std::collections::BTreeMap;

use super::{Patch, path};
use crate::cib::VERSION_ATTRIBUTES;
use crate::xml::{Document, NodeIx};

/// How an attribute changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AttrChange {
    /// Another value than before, or the same at another place.
    Set,
    /// Was not there before.
    Added,
}

/// What happened to the attributes of one element.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttrChanges {
    /// The element in the old document, where two documents are compared.
    pub(crate) old: Option<NodeIx>,
    /// Names of attributes that were set.
    pub(crate) set: SmallVec<[(String, AttrChange); 2]>,
    /// Names of attributes that were removed, in the order they had.
    pub(crate) unset: SmallVec<[String; 1]>,
}

/// A node that is gone.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    /// The node in the old document.
    pub(crate) node: NodeIx,
    pub(crate) path: String,
    /// For comments.
    pub(crate) position: Option<usize>,
}

/// The changes that were made to a document, by comparison with another one or recorded while they were made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) deletions: Vec<Deletion>,
    /// Nodes that are new, with everything below them. Ordered containers: what is small here stays small, and order is fixed.
    pub(crate) created: BTreeMap<NodeIx, ()>,
    pub(crate) moved: BTreeMap<NodeIx, ()>,
    pub(crate) attrs: BTreeMap<NodeIx, AttrChanges>,
}

impl Changes {
    pub(crate) fn new() -> Changes {
        Changes::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.created.is_empty() && self.moved.is_empty() && self.attrs.is_empty()
    }

    /// Notes that `n` is about to be removed from `doc`. What was created and is removed again was never there.
    pub(crate) fn delete(&mut self, doc: &Document, n: NodeIx) {
        let created = self.is_created(doc, n);
        for below in core::iter::once(n).chain(doc.descendant_nodes(n)) {
            self.created.remove(&below);
            self.moved.remove(&below);
            self.attrs.remove(&below);
        }
        if !created {
            let position = (!doc.is_element(n)).then(|| doc.position(n));
            self.deletions.push(Deletion { node: n, path: path::path_of(doc, n), position });
        }
    }

    /// Notes that `n`, which the old document has below what is `parent` in the new one, is not there any more.
    pub(super) fn deleted(
        &mut self,
        new: &Document,
        parent: NodeIx,
        old: &Document,
        n: NodeIx,
        position: Option<usize>,
    ) {
        let mut path = path::path_of(new, parent);
        path::push_step(old, n, &mut path);
        self.deletions.push(Deletion { node: n, path, position });
    }

    /// Adds changes that were made after these.
    pub(crate) fn absorb(&mut self, later: Changes) {
        self.deletions.extend(later.deletions);
        self.created.extend(later.created);
        self.moved.extend(later.moved);
        for (n, attrs) in later.attrs {
            for (name, how) in attrs.set {
                self.set(n, &name, how);
            }
            for name in attrs.unset {
                self.unset(n, &name);
            }
        }
    }

    pub(crate) fn set(&mut self, n: NodeIx, name: &str, how: AttrChange) {
        let attrs = self.attrs.entry(n).or_default();
        attrs.unset.retain(|unset| unset != name);
        if attrs.set.iter().all(|(set, _)| set != name) {
            attrs.set.push((name.to_owned(), how));
        }
    }

    pub(crate) fn unset(&mut self, n: NodeIx, name: &str) {
        let attrs = self.attrs.entry(n).or_default();
        attrs.set.retain(|(set, _)| set != name);
        attrs.unset.push(name.to_owned());
    }

    /// Whether `n` or something above it is new.
    pub(crate) fn is_created(&self, doc: &Document, n: NodeIx) -> bool {
        let mut at = Some(n);
        while let Some(n) = at {
            if self.created.contains_key(&n) {
                return true;
            }
            at = doc.parent(n);
        }
        false
    }

    /// The patch set that leads from the version `source` to `new`; `None` where nothing changed.
    pub(crate) fn patch(&self, source: &[String; 3], new: &Document) -> Option<Patch> {
        if self.is_empty() {
            return None;
        }
        let mut doc = Document::new("diff");
        let root = doc.root();
        doc.set_attr(root, "format", "2");
        let version = doc.append(root, "version");
        for (name, values) in [("source", source), ("target", &super::versions(new))] {
            let n = doc.append(version, name);
            for (field, value) in VERSION_ATTRIBUTES.iter().zip(values) {
                doc.set_attr(n, field, value);
            }
        }
        for deletion in &self.deletions {
            let change = entry(&mut doc, "delete", &deletion.path);
            if let Some(position) = deletion.position {
                doc.set_attr(change, "position", &position.to_string());
            }
        }
        self.walk(new, &mut doc);
        Some(Patch { doc })
    }

    /// The nodes that need a look: changed ones and everything above them.
    fn touched(&self, new: &Document) -> Vec<bool> {
        let mut touched = vec![false; new.table_len()];
        for &n in self.created.keys().chain(self.moved.keys()).chain(self.attrs.keys()) {
            let mut at = Some(n);
            while let Some(n) = at.filter(|n| !touched[n.index()]) {
                touched[n.index()] = true;
                at = new.parent(n);
            }
        }
        touched
    }

    /// Goes over the changed parts of the new document in document order.
    fn walk(&self, new: &Document, doc: &mut Document) {
        let touched = self.touched(new);
        // One entry per open element: its next child, that child's place, and the place of the element itself.
        let mut open: Vec<(Option<NodeIx>, usize, NodeIx, usize)> = Vec::new();
        self.enter(new, new.root(), 0, doc);
        open.push((new.first_node(new.root()), 0, new.root(), 0));
        while let Some((next, at, n, place)) = open.last_mut() {
            let Some(child) = *next else {
                let (n, place) = (*n, *place);
                open.pop();
                self.leave(new, n, place, doc);
                continue;
            };
            let position = *at;
            *next = new.next_node(child);
            *at += 1;
            if !touched[child.index()] {
                continue;
            }
            if self.enter(new, child, position, doc) {
                open.push((new.first_node(child), 0, child, position));
            }
        }
    }

    /// Writes what is to be said of a node before its children; false if they are not to be visited.
    fn enter(&self, new: &Document, n: NodeIx, position: usize, doc: &mut Document) -> bool {
        if self.created.contains_key(&n) {
            let parent = new.parent(n).map_or(String::new(), |parent| path::path_of(new, parent));
            let change = entry(doc, "create", &parent);
            doc.set_attr(change, "position", &position.to_string());
            doc.copy(change, new, n);
            return false;
        }
        if let Some(attrs) = self.attrs.get(&n).filter(|a| !a.set.is_empty() || !a.unset.is_empty()) {
            let change = entry(doc, "modify", &path::path_of(new, n));
            let list = doc.append(change, "change-list");
            for (name, value) in new.attrs(n).filter(|(name, _)| attrs.set.iter().any(|(set, _)| set == name)) {
                let attr = doc.append(list, "change-attr");
                doc.set_attr(attr, "name", name);
                doc.set_attr(attr, "operation", "set");
                doc.set_attr(attr, "value", value);
            }
            for name in &attrs.unset {
                let attr = doc.append(list, "change-attr");
                doc.set_attr(attr, "name", name);
                doc.set_attr(attr, "operation", "unset");
            }
            let result = doc.append(change, "change-result");
            doc.copy_bare(result, new, n);
        }
        true
    }

    fn leave(&self, new: &Document, n: NodeIx, position: usize, doc: &mut Document) {
        if self.moved.contains_key(&n) {
            let change = entry(doc, "move", &path::path_of(new, n));
            doc.set_attr(change, "position", &position.to_string());
        }
    }
}

fn entry(doc: &mut Document, operation: &str, path: &str) -> NodeIx {
    let change = doc.append(doc.root(), "change");
    doc.set_attr(change, "operation", operation);
    doc.set_attr(change, "path", path);
    change
}
