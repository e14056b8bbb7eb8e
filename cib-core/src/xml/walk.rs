//! Iterators over attributes and nodes.

use super::document::{Attr, Document, NONE, NodeIx, link};
use super::names::Name;

/// Attributes of one element, in document order; see [`Document::attrs`].
#[derive(Clone)]
pub struct Attributes<'a> {
    pub(super) doc: &'a Document,
    pub(super) attrs: core::slice::Iter<'a, Attr>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let attr = self.attrs.next()?;
        Some((self.doc.names.text(attr.name), self.doc.str(attr.value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.attrs.size_hint()
    }
}

impl ExactSizeIterator for Attributes<'_> {}

/// Child elements; see [`Document::children`].
#[derive(Clone)]
pub struct Children<'a> {
    pub(super) doc: &'a Document,
    pub(super) next: u32,
    pub(super) name: Option<Name>,
}

impl Iterator for Children<'_> {
    type Item = NodeIx;

    fn next(&mut self) -> Option<NodeIx> {
        while self.next != NONE {
            let at = self.next;
            let node = &self.doc.nodes[at as usize];
            self.next = node.next;
            if self.name.map_or(node.name.is_element(), |name| node.name == name) {
                return Some(NodeIx(at));
            }
        }
        None
    }
}

/// Child nodes of any kind; see [`Document::nodes`].
#[derive(Clone)]
pub struct Nodes<'a> {
    pub(super) doc: &'a Document,
    pub(super) next: u32,
}

impl Iterator for Nodes<'_> {
    type Item = NodeIx;

    fn next(&mut self) -> Option<NodeIx> {
        let at = link(self.next)?;
        self.next = self.doc.nodes[at.0 as usize].next;
        Some(at)
    }
}

/// Nodes below an element, in document order; see [`Document::descendants`].
#[derive(Clone)]
pub struct Descendants<'a> {
    pub(super) doc: &'a Document,
    pub(super) top: u32,
    pub(super) at: u32,
    pub(super) elements: bool,
}

impl Iterator for Descendants<'_> {
    type Item = NodeIx;

    fn next(&mut self) -> Option<NodeIx> {
        loop {
            self.at = self.doc.after(self.at, self.top);
            let at = link(self.at)?;
            if !self.elements || self.doc.is_element(at) {
                return Some(at);
            }
        }
    }
}

impl Document {
    /// The node that follows `at` in document order below `top`; `NONE` at the end, for ever.
    pub(super) fn after(&self, at: u32, top: u32) -> u32 {
        if at == NONE {
            return NONE;
        }
        let node = &self.nodes[at as usize];
        if node.first != NONE {
            return node.first;
        }
        self.after_subtree(at, top)
    }

    /// The node that follows `at` and everything below it in document order below `top`.
    pub(super) fn after_subtree(&self, mut at: u32, top: u32) -> u32 {
        while at != top {
            let node = &self.nodes[at as usize];
            if node.next != NONE {
                return node.next;
            }
            at = node.parent;
            if at == NONE {
                return NONE;
            }
        }
        NONE
    }
}
