//! Applying patch sets [CB-9].

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use thiserror::Error;

use super::path::{Step, steps};
use super::{AttrChange, Changes, Operation, Patch, digest};
use crate::cib::{Code, VERSION_ATTRIBUTES, Version, parse_int};
use crate::xml::{Document, Kind, Name, NodeIx};

/// Why a patch set was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Not a patch set of format 2.
    #[error("patch format '{0}' is not supported")]
    Format(String),
    /// A `source` or `target` without three whole numbers.
    #[error("patch version '{0}' is malformed")]
    BadVersion(String),
    /// The document has not yet the version that the patch set starts from.
    #[error("document {document} is older than the source {patch} of the patch")]
    Newer {
        /// Version of the document.
        document: Version,
        /// Version the patch set starts from.
        patch: Version,
    },
    /// The document is beyond the version that the patch set starts from, or the patch set leads nowhere.
    #[error("document {document} is newer than the patch {patch}")]
    Older {
        /// Version of the document.
        document: Version,
        /// Version the patch set starts from.
        patch: Version,
    },
    /// Nothing in the document has this path.
    #[error("nothing at {0}")]
    NotFound(String),
    /// An entry that is not to be understood.
    #[error("operation '{0}' is not known")]
    UnknownOperation(String),
    /// A modification without its result, or a creation without its element.
    #[error("change at {0} is incomplete")]
    Incomplete(String),
    /// A moved element did not come to stand where it should.
    #[error("{path} is not at position {position} after the move")]
    Misplaced {
        /// Path of the element.
        path: String,
        /// Where it should stand.
        position: i32,
    },
    /// The result has another digest than the patch set tells.
    #[error("digest of the result is {found}, expected {expected}")]
    Digest {
        /// Digest in the patch set.
        expected: String,
        /// Digest of the result.
        found: String,
    },
}

impl PatchError {
    /// The result code of the operation.
    pub fn code(&self) -> Code {
        match self {
            PatchError::Format(_) | PatchError::BadVersion(_) => Code::Einval,
            PatchError::Older { .. } => Code::OldData,
            PatchError::Incomplete(_) => Code::Enomsg,
            _ => Code::DiffFailed,
        }
    }
}

pub(super) fn check_version(patch: &Patch, doc: &Document) -> Result<(), PatchError> {
    check_format(patch)?;
    let current = Version::of(doc, doc.root(), 0);
    let current = Version::from_fields(current.fields().map(|field| field.max(0)));
    let told = |name: &str| -> Result<Option<Version>, PatchError> {
        let Some(n) = patch.doc.path(patch.doc.root(), &["version", name]) else { return Ok(None) };
        let mut fields = [0; 3];
        for (field, name) in fields.iter_mut().zip(VERSION_ATTRIBUTES) {
            let text = patch.doc.attr(n, name).unwrap_or_default();
            *field = parse_int(text).ok_or_else(|| PatchError::BadVersion(text.into()))?;
        }
        Ok(Some(Version::from_fields(fields)))
    };
    let source = told("source")?.unwrap_or(current);
    let next = Version { num_updates: current.num_updates.saturating_add(1), ..current };
    let target = told("target")?.unwrap_or(next);
    match current.cmp(&source) {
        core::cmp::Ordering::Less => Err(PatchError::Newer { document: current, patch: source }),
        core::cmp::Ordering::Greater => Err(PatchError::Older { document: current, patch: source }),
        core::cmp::Ordering::Equal if target.fields().iter().zip(source.fields()).any(|(t, s)| *t > s) => Ok(()),
        core::cmp::Ordering::Equal => Err(PatchError::Older { document: current, patch: target }),
    }
}

fn check_format(patch: &Patch) -> Result<(), PatchError> {
    match patch.doc.attr(patch.doc.root(), "format") {
        Some(format) if parse_int(format) == Some(2) => Ok(()),
        other => Err(PatchError::Format(other.unwrap_or_default().into())),
    }
}

/// Applies a patch set; what it changed is told. All or nothing, unless the caller already keeps a journal.
pub(crate) fn apply(patch: &Patch, doc: &mut Document) -> Result<Changes, PatchError> {
    check_format(patch)?;
    let nested = doc.has_checkpoint();
    if !nested {
        doc.checkpoint();
    }
    let application = Application {
        doc: &mut *doc,
        patch,
        index: Index::default(),
        error: None,
        remembered: Vec::new(),
        changes: Changes::new(),
    };
    let result = application.run();
    match (&result, nested) {
        (_, true) => {}
        (Ok(_), false) => doc.commit(),
        (Err(_), false) => doc.rollback(),
    }
    result
}

/// A creation or move that is done after everything else.
enum Later {
    Create { parent: NodeIx, change: NodeIx },
    Move { n: NodeIx, change: NodeIx },
}

struct Application<'a> {
    doc: &'a mut Document,
    patch: &'a Patch,
    index: Index,
    /// The last error; the rest is carried out in spite of it, as the released programs do.
    error: Option<PatchError>,
    remembered: Vec<(i32, Later)>,
    changes: Changes,
}

impl Application<'_> {
    fn run(mut self) -> Result<Changes, PatchError> {
        let patch = self.patch;
        for change in patch.changes() {
            let found = self.find(change.path, change.operation, change.position);
            let Some(n) = found else {
                if change.operation != Some(Operation::Delete) {
                    self.error = Some(PatchError::NotFound(change.path.into()));
                }
                continue;
            };
            let position = change.position.unwrap_or(-1);
            match change.operation {
                Some(Operation::Delete) if Some(n) == self.root() => {
                    self.error = Some(PatchError::NotFound(change.path.into()));
                }
                Some(Operation::Delete) => {
                    self.index.forget(self.doc, n);
                    self.changes.delete(self.doc, n);
                    self.doc.remove(n);
                }
                Some(Operation::Modify) => self.modify(n, change.node, change.path),
                Some(Operation::Move) => {
                    if let Some(parent) = self.doc.parent(n) {
                        self.index.forget(self.doc, n);
                        self.doc.relocate(n, parent, None);
                        self.remembered.push((position, Later::Move { n, change: change.node }));
                    }
                }
                Some(Operation::Create) => {
                    self.remembered.push((position, Later::Create { parent: n, change: change.node }));
                }
                None => {
                    let word = patch.doc.attr(change.node, "operation").unwrap_or_default();
                    self.error = Some(PatchError::UnknownOperation(word.into()));
                }
            }
        }
        self.remembered.sort_by_key(|(position, _)| *position);
        let mut places = Places::default();
        for (position, later) in core::mem::take(&mut self.remembered) {
            self.carry_out(position, later, &mut places);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some(expected) = patch.digest() else { return Ok(self.changes) };
        let found = digest::versioned(self.doc);
        if found.eq_ignore_ascii_case(expected) {
            Ok(self.changes)
        } else {
            Err(PatchError::Digest { expected: expected.into(), found })
        }
    }

    fn root(&self) -> Option<NodeIx> {
        Some(self.doc.root())
    }

    fn modify(&mut self, n: NodeIx, change: NodeIx, path: &str) {
        let source = &self.patch.doc;
        let result = source.child(change, "change-result").and_then(|result| source.children(result).next());
        let Some(result) = result else {
            self.error = Some(PatchError::Incomplete(path.into()));
            return;
        };
        if let Some(parent) = self.doc.parent(n).filter(|_| source.id(result) != self.doc.id(n)) {
            self.index.drop(parent);
        }
        let was: Vec<(String, String)> = self.doc.attrs(n).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        for (name, _) in &was {
            if source.attr(result, name).is_none() {
                self.changes.unset(n, name);
            }
        }
        self.doc.clear_attrs(n);
        for (name, value) in source.attrs(result) {
            self.doc.set_attr(n, name, value);
            match was.iter().find(|(was, _)| was == name) {
                None => self.changes.set(n, name, AttrChange::Added),
                Some((_, was)) if was != value => self.changes.set(n, name, AttrChange::Set),
                Some(_) => {}
            }
        }
    }

    fn carry_out(&mut self, position: i32, later: Later, places: &mut Places) {
        let source = &self.patch.doc;
        match later {
            Later::Create { parent, change } => {
                let Some(element) = source.first_node(change) else {
                    let path = source.attr(change, "path").unwrap_or_default();
                    self.error = Some(PatchError::Incomplete(path.into()));
                    return;
                };
                let at = usize::try_from(position.max(0)).unwrap_or(0);
                let before = places.nth(self.doc, parent, at);
                let made = self.doc.copy_before(parent, before, source, element);
                self.changes.created.insert(made, ());
                places.inserted(parent, at, made, before.is_some());
            }
            Later::Move { n, change } => {
                let Some(parent) = self.doc.parent(n) else { return };
                let at = usize::try_from(position.max(0)).unwrap_or(0);
                let place = places.place(self.doc, parent, n);
                if place != at {
                    let before = places.nth(self.doc, parent, at + usize::from(at > place));
                    if before != Some(n) {
                        self.doc.relocate(n, parent, before);
                    }
                    self.changes.moved.insert(n, ());
                    places.moved(parent);
                }
                if places.place(self.doc, parent, n) != at || position < 0 {
                    let path = source.attr(change, "path").unwrap_or_default().into();
                    self.error = Some(PatchError::Misplaced { path, position });
                }
            }
        }
    }

    /// The node at a path [CB-9.2].
    fn find(&mut self, path: &str, operation: Option<Operation>, position: Option<i32>) -> Option<NodeIx> {
        let mut steps = steps(path).peekable();
        let first = steps.next()?;
        let mut at = self.doc.root();
        if !matches(self.doc, at, &first) {
            return None;
        }
        while let Some(step) = steps.next() {
            let last = steps.peek().is_none();
            if last && step.name == "comment" && step.id.is_none() {
                let wanted = position.filter(|&p| p >= 0 && operation == Some(Operation::Delete));
                if let Some(comment) = self.comment(at, wanted) {
                    return Some(comment);
                }
            }
            at = self.index.child(self.doc, at, &step)?;
        }
        Some(at)
    }

    fn comment(&self, parent: NodeIx, position: Option<i32>) -> Option<NodeIx> {
        let mut children = self.doc.nodes(parent).enumerate();
        let wanted = |i: usize| position.is_none_or(|p| usize::try_from(p) == Ok(i));
        children.find(|&(i, n)| self.doc.kind(n) == Kind::Comment && wanted(i)).map(|(_, n)| n)
    }
}

fn matches(doc: &Document, n: NodeIx, step: &Step<'_>) -> bool {
    doc.name(n) == step.name && step.id.is_none_or(|id| doc.id(n) == Some(id))
}

/// Children by name and id, for elements with many children; entries are checked before they are believed.
#[derive(Default)]
struct Index {
    parents: HashMap<NodeIx, HashMap<(Name, String), NodeIx, FxBuildHasher>, FxBuildHasher>,
    /// Look-ups so far by parent: an index is worth its while from the second on.
    seen: HashMap<NodeIx, u32, FxBuildHasher>,
}

impl Index {
    /// The first child of that name, and that id if one is given.
    fn child(&mut self, doc: &Document, parent: NodeIx, step: &Step<'_>) -> Option<NodeIx> {
        let scan = |doc: &Document| doc.children_named(parent, step.name).find(|&c| matches(doc, c, step));
        let Some(id) = step.id else { return scan(doc) };
        let name = doc.find_name(step.name)?;
        let seen = self.seen.entry(parent).or_default();
        *seen += 1;
        if *seen < 8 {
            return scan(doc);
        }
        let index = self.parents.entry(parent).or_insert_with(|| {
            let mut index: HashMap<_, _, FxBuildHasher> = HashMap::default();
            for c in doc.children(parent) {
                if let (Some(name), Some(id)) = (doc.name_ix(c), doc.id(c)) {
                    index.entry((name, id.to_owned())).or_insert(c);
                }
            }
            index
        });
        index.get(&(name, id.to_owned())).copied().or_else(|| scan(doc))
    }

    /// Forgets one child, which is about to leave its place.
    fn forget(&mut self, doc: &Document, n: NodeIx) {
        let Some(index) = doc.parent(n).and_then(|parent| self.parents.get_mut(&parent)) else { return };
        if let (Some(name), Some(id)) = (doc.name_ix(n), doc.id(n)) {
            index.remove(&(name, id.to_owned()));
        }
    }

    fn drop(&mut self, parent: NodeIx) {
        self.parents.remove(&parent);
    }
}

/// Places among siblings while creations and moves are done in ascending order: the last place found, to go on from.
#[derive(Default)]
struct Places {
    cursors: HashMap<NodeIx, (usize, NodeIx), FxBuildHasher>,
    counts: HashMap<NodeIx, usize, FxBuildHasher>,
}

impl Places {
    /// The child that has `at` siblings before it.
    fn nth(&mut self, doc: &Document, parent: NodeIx, at: usize) -> Option<NodeIx> {
        let count = *self.counts.entry(parent).or_insert_with(|| doc.nodes(parent).count());
        if at >= count {
            return None;
        }
        let (mut i, mut n) = match self.cursors.get(&parent) {
            Some(&(i, n)) if i <= at => (i, n),
            _ => (0, doc.first_node(parent)?),
        };
        while i < at {
            n = doc.next_node(n)?;
            i += 1;
        }
        self.cursors.insert(parent, (i, n));
        Some(n)
    }

    fn inserted(&mut self, parent: NodeIx, at: usize, n: NodeIx, before: bool) {
        *self.counts.entry(parent).or_default() += 1;
        if before {
            self.cursors.insert(parent, (at, n));
        }
    }

    fn moved(&mut self, parent: NodeIx) {
        self.cursors.remove(&parent);
    }

    /// The number of siblings before `n`, counted from the nearer end.
    fn place(&mut self, doc: &Document, parent: NodeIx, n: NodeIx) -> usize {
        let count = *self.counts.entry(parent).or_insert_with(|| doc.nodes(parent).count());
        let (mut back, mut forth, mut steps) = (n, n, 0);
        loop {
            match doc.previous_node(back) {
                Some(before) => back = before,
                None => return steps,
            }
            match doc.next_node(forth) {
                Some(after) => forth = after,
                None => return count - 1 - steps,
            }
            steps += 1;
        }
    }
}
