//! Undoing changes: a checkpoint, then either all changes since then stay or none does.

use smallvec::SmallVec;

use super::document::{Attr, Document, NodeIx, link};
use super::names::Name;

/// How to take back one change.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// A node became a child.
    Linked(NodeIx),
    /// A node was taken out of the tree.
    Unlinked { n: NodeIx, parent: NodeIx, next: u32 },
    /// A subtree that was taken out is no longer needed.
    Released(NodeIx),
    /// An element's attributes changed: what they were. Their text stays in the arena until the end of the journal.
    Attrs(NodeIx, SmallVec<[Attr; 8]>),
    /// An element got another name.
    Name(NodeIx, Name),
    /// Another element became the root: the former one.
    Root(NodeIx),
}

impl Document {
    /// Begins to keep a journal, so that [`rollback`](Self::rollback) can undo what follows. The cost of undoing is that
    /// of the changes, not that of the document.
    ///
    /// # Panics
    /// If a journal is already kept.
    pub fn checkpoint(&mut self) {
        assert!(self.journal.is_none(), "one checkpoint at a time");
        self.journal = Some(Vec::new());
    }

    /// Whether a journal is kept.
    pub fn has_checkpoint(&self) -> bool {
        self.journal.is_some()
    }

    /// Keeps all changes since the checkpoint.
    pub fn commit(&mut self) {
        for undo in self.journal.take().unwrap_or_default() {
            if let Undo::Released(n) = undo {
                self.release_now(n);
            }
        }
        self.compact();
    }

    /// Takes back all changes since the checkpoint, last first.
    pub fn rollback(&mut self) {
        let mut journal = self.journal.take().unwrap_or_default();
        while let Some(undo) = journal.pop() {
            match undo {
                Undo::Linked(n) => {
                    self.unlink_quietly(n);
                    // Unless it came from elsewhere in the tree, in which case it goes back there next.
                    if !matches!(journal.last(), Some(Undo::Unlinked { n: from, .. }) if *from == n) {
                        self.release_now(n);
                    }
                }
                Undo::Unlinked { n, parent, next } => self.link_quietly(n, parent, link(next)),
                Undo::Released(_) => {}
                Undo::Attrs(n, old) => self.restore_attrs(n, &old),
                Undo::Name(n, old) => self.nodes[n.index()].name = old,
                Undo::Root(old) => {
                    let staged = core::mem::replace(&mut self.root, old.0);
                    self.release_now(NodeIx(staged));
                }
            }
        }
        self.compact();
    }

    pub(super) fn record(&mut self, undo: Undo) {
        if let Some(journal) = &mut self.journal {
            journal.push(undo);
        }
    }

    /// Notes the attributes of `n` before a change of them.
    pub(super) fn save_attrs(&mut self, n: NodeIx) {
        if self.journal.is_some() {
            let old = SmallVec::from_slice(self.attr_slice(n));
            self.record(Undo::Attrs(n, old));
        }
    }

    fn restore_attrs(&mut self, n: NodeIx, old: &[Attr]) {
        let node = &mut self.nodes[n.index()];
        if old.len() > usize::from(node.attrs_cap) {
            node.attrs = self.attrs.len() as u32;
            node.attrs_cap = old.len() as u16;
            self.attrs.extend_from_slice(old);
        } else {
            let start = node.attrs as usize;
            self.attrs[start..start + old.len()].copy_from_slice(old);
        }
        node.attrs_len = old.len() as u16;
    }
}
