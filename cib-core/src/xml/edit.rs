//! Changes to the tree.

use super::document::{Attr, Document, Kind, NONE, Node, NodeIx, Span};
use super::journal::Undo;
use super::names::{Name, is_name};

/// Below this much garbage the arenas are not rebuilt.
const COMPACT_FROM: usize = 1 << 16;

impl Document {
    pub(super) fn intern(&mut self, name: &str) -> Name {
        if let Some(name) = self.names.find(name) {
            return name;
        }
        assert!(is_name(name), "'{name}' is not an XML name");
        self.names.intern(name)
    }

    pub(super) fn new_node(&mut self, name: Name) -> NodeIx {
        let node = Node {
            name,
            parent: NONE,
            first: NONE,
            last: NONE,
            prev: NONE,
            next: NONE,
            attrs: 0,
            attrs_len: 0,
            attrs_cap: 0,
            line: 0,
        };
        if self.free != NONE {
            let at = self.free;
            self.free = self.nodes[at as usize].next;
            self.nodes[at as usize] = node;
            return NodeIx(at);
        }
        self.nodes.push(node);
        NodeIx(self.nodes.len() as u32 - 1)
    }

    pub(super) fn push_text(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.text.len()).expect("less than 4 GiB of text");
        self.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }

    /// Sets an attribute: one that exists keeps its place, a new one is appended [CB-2.3].
    ///
    /// # Panics
    /// If `name` is not an XML name, or `n` is not an element or has 65,535 attributes.
    pub fn set_attr(&mut self, n: NodeIx, name: &str, value: &str) {
        let name = self.intern(name);
        self.set_attr_ix(n, name, value);
    }

    pub(crate) fn set_attr_ix(&mut self, n: NodeIx, name: Name, value: &str) {
        assert!(self.is_element(n), "only elements have attributes");
        self.save_attrs(n);
        let node = *self.node(n);
        let range = node.attrs as usize..node.attrs as usize + usize::from(node.attrs_len);
        match self.attrs[range].iter().position(|a| a.name == name) {
            Some(i) => self.overwrite(node.attrs as usize + i, value),
            None => {
                let value = self.push_text(value);
                self.push_attr(n, Attr { name, value });
            }
        }
        self.compact();
    }

    fn overwrite(&mut self, attr: usize, value: &str) {
        let Span { start, len } = self.attrs[attr].value;
        let (from, to) = (start as usize, (start + len) as usize);
        if to - from == value.len() && self.journal.is_none() {
            // Version counters mostly keep their length: no garbage for them.
            self.text.replace_range(from..to, value);
        } else {
            self.dead_text += to - from;
            self.attrs[attr].value = self.push_text(value);
        }
    }

    fn push_attr(&mut self, n: NodeIx, attr: Attr) {
        let node = &mut self.nodes[n.0 as usize];
        let (start, len, cap) = (node.attrs as usize, usize::from(node.attrs_len), usize::from(node.attrs_cap));
        if len < cap {
            self.attrs[start + len] = attr;
        } else if start + cap == self.attrs.len() && cap > 0 {
            self.attrs.push(attr);
            node.attrs_cap += 1;
        } else {
            node.attrs = self.attrs.len() as u32;
            self.dead_attrs += cap;
            self.attrs.extend_from_within(start..start + len);
            self.attrs.push(attr);
            node.attrs_cap = (len + 1) as u16;
        }
        node.attrs_len = node.attrs_len.checked_add(1).expect("at most 65,535 attributes");
    }

    /// Removes an attribute; without effect where it is absent.
    pub fn remove_attr(&mut self, n: NodeIx, name: &str) {
        if let Some(name) = self.names.find(name) {
            self.remove_attr_ix(n, name);
        }
    }

    pub(crate) fn remove_attr_ix(&mut self, n: NodeIx, name: Name) {
        let node = *self.node(n);
        let range = node.attrs as usize..node.attrs as usize + usize::from(node.attrs_len);
        if let Some(i) = self.attrs[range.clone()].iter().position(|a| a.name == name) {
            self.save_attrs(n);
            self.dead_text += self.attrs[range.start + i].value.len as usize;
            self.attrs.copy_within(range.start + i + 1..range.end, range.start + i);
            self.nodes[n.0 as usize].attrs_len -= 1;
        }
    }

    /// Removes all attributes.
    pub fn clear_attrs(&mut self, n: NodeIx) {
        self.save_attrs(n);
        self.dead_text += self.attr_slice(n).iter().map(|a| a.value.len as usize).sum::<usize>();
        self.nodes[n.0 as usize].attrs_len = 0;
    }

    /// Gives an attribute another name, at its old place. Without effect where it is absent.
    pub fn rename_attr(&mut self, n: NodeIx, from: &str, to: &str) {
        let to = self.intern(to);
        let Some(from) = self.names.find(from) else { return };
        self.save_attrs(n);
        let node = *self.node(n);
        let range = node.attrs as usize..node.attrs as usize + usize::from(node.attrs_len);
        if let Some(attr) = self.attrs[range].iter_mut().find(|a| a.name == from) {
            attr.name = to;
        }
    }

    /// Gives an element another name.
    pub fn rename(&mut self, n: NodeIx, name: &str) {
        assert!(self.is_element(n), "only elements have names");
        let name = self.intern(name);
        let old = core::mem::replace(&mut self.nodes[n.0 as usize].name, name);
        self.record(Undo::Name(n, old));
    }

    /// Appends an empty element as last child.
    pub fn append(&mut self, parent: NodeIx, name: &str) -> NodeIx {
        let name = self.intern(name);
        let n = self.new_node(name);
        self.link(n, parent, None);
        n
    }

    /// Inserts an empty element so that it has `at` sibling nodes before it (or all, if there are fewer).
    pub fn insert(&mut self, parent: NodeIx, at: usize, name: &str) -> NodeIx {
        let before = self.nodes(parent).nth(at);
        let name = self.intern(name);
        let n = self.new_node(name);
        self.link(n, parent, before);
        n
    }

    /// Appends a comment.
    pub fn append_comment(&mut self, parent: NodeIx, text: &str) -> NodeIx {
        self.append_content(parent, Kind::Comment, text)
    }

    pub(super) fn append_content(&mut self, parent: NodeIx, kind: Kind, text: &str) -> NodeIx {
        let n = self.new_content(kind, text);
        self.link(n, parent, None);
        n
    }

    fn new_content(&mut self, kind: Kind, text: &str) -> NodeIx {
        let name = match kind {
            Kind::Comment => Name::COMMENT,
            Kind::Cdata => Name::CDATA,
            Kind::Text => Name::TEXT,
            Kind::Element => unreachable!("content nodes only"),
        };
        let value = self.push_text(text);
        let n = self.new_node(name);
        self.set_content(n, value);
        n
    }

    pub(super) fn set_content(&mut self, n: NodeIx, value: Span) {
        let node = &mut self.nodes[n.0 as usize];
        node.attrs = self.attrs.len() as u32;
        node.attrs_cap = 1;
        self.attrs.push(Attr { name: node.name, value });
    }

    /// Moves `n` with everything below it to another place: below `parent`, before its child `before` or last.
    ///
    /// # Panics
    /// If `n` is the root or `parent` is `n` or below it.
    pub fn relocate(&mut self, n: NodeIx, parent: NodeIx, before: Option<NodeIx>) {
        assert!(n.0 != self.root, "the root stays where it is");
        let mut at = parent.0;
        while at != NONE {
            assert!(at != n.0, "a node cannot move below itself");
            at = self.nodes[at as usize].parent;
        }
        if before == Some(n) {
            return;
        }
        self.unlink(n);
        self.link(n, parent, before);
    }

    /// Makes `n`, which has no parent, a child.
    pub(super) fn link(&mut self, n: NodeIx, parent: NodeIx, before: Option<NodeIx>) {
        self.record(Undo::Linked(n));
        self.link_quietly(n, parent, before);
    }

    /// Takes `n` out of the tree; it keeps what is below it.
    pub(super) fn unlink(&mut self, n: NodeIx) {
        let Node { parent, next, .. } = *self.node(n);
        self.record(Undo::Unlinked { n, parent: NodeIx(parent), next });
        self.unlink_quietly(n);
    }

    pub(super) fn link_quietly(&mut self, n: NodeIx, parent: NodeIx, before: Option<NodeIx>) {
        debug_assert!(self.is_element(parent));
        let (prev, next) = match before {
            Some(b) => {
                debug_assert_eq!(self.nodes[b.0 as usize].parent, parent.0);
                (self.nodes[b.0 as usize].prev, b.0)
            }
            None => (self.nodes[parent.0 as usize].last, NONE),
        };
        let node = &mut self.nodes[n.0 as usize];
        (node.parent, node.prev, node.next) = (parent.0, prev, next);
        match prev {
            NONE => self.nodes[parent.0 as usize].first = n.0,
            p => self.nodes[p as usize].next = n.0,
        }
        match next {
            NONE => self.nodes[parent.0 as usize].last = n.0,
            x => self.nodes[x as usize].prev = n.0,
        }
    }

    pub(super) fn unlink_quietly(&mut self, n: NodeIx) {
        let Node { parent, prev, next, .. } = *self.node(n);
        match prev {
            NONE => self.nodes[parent as usize].first = next,
            p => self.nodes[p as usize].next = next,
        }
        match next {
            NONE => self.nodes[parent as usize].last = prev,
            x => self.nodes[x as usize].prev = prev,
        }
        let node = &mut self.nodes[n.0 as usize];
        (node.parent, node.prev, node.next) = (NONE, NONE, NONE);
    }

    /// Removes `n` with everything below it.
    ///
    /// # Panics
    /// If `n` is the root.
    pub fn remove(&mut self, n: NodeIx) {
        assert!(n.0 != self.root, "the root cannot be removed");
        self.unlink(n);
        self.release(n);
        self.compact();
    }

    /// Frees the slots of a subtree that is no longer linked to a parent; where changes can be undone, only later.
    pub(super) fn release(&mut self, top: NodeIx) {
        if self.journal.is_some() {
            self.record(Undo::Released(top));
        } else {
            self.release_now(top);
        }
    }

    pub(super) fn release_now(&mut self, top: NodeIx) {
        let mut at = top.0;
        loop {
            // Down to a leaf, free it, go on with its sibling or parent.
            while self.nodes[at as usize].first != NONE {
                let first = self.nodes[at as usize].first;
                self.nodes[at as usize].first = NONE;
                at = first;
            }
            let Node { parent, next, attrs, attrs_len, attrs_cap, .. } = self.nodes[at as usize];
            let used = attrs as usize..attrs as usize + usize::from(attrs_len);
            self.dead_text += self.attrs[used].iter().map(|a| a.value.len as usize).sum::<usize>();
            self.dead_attrs += usize::from(attrs_cap);
            let node = &mut self.nodes[at as usize];
            (node.name, node.next, node.attrs_len, node.attrs_cap) = (Name::FREE, self.free, 0, 0);
            self.free = at;
            if at == top.0 {
                return;
            }
            at = if next != NONE { next } else { parent };
        }
    }

    /// Removes everything below `n`.
    pub fn clear(&mut self, n: NodeIx) {
        while let Some(child) = self.first_node(n) {
            self.unlink(child);
            self.release(child);
        }
        self.compact();
    }

    /// Removes all text nodes, at every depth [CB-2.1]. Comments and CDATA sections stay.
    pub fn drop_text(&mut self) {
        let root = self.root();
        let text: Vec<NodeIx> = self.descendant_nodes(root).filter(|&n| self.kind(n) == Kind::Text).collect();
        for n in text {
            self.unlink(n);
            self.release(n);
        }
    }

    /// Appends a deep copy of `node` of another document as last child of `parent`.
    pub fn copy(&mut self, parent: NodeIx, from: &Document, node: NodeIx) -> NodeIx {
        self.copy_before(parent, None, from, node)
    }

    /// As [`copy`](Self::copy), before the child `before`.
    pub fn copy_before(&mut self, parent: NodeIx, before: Option<NodeIx>, from: &Document, node: NodeIx) -> NodeIx {
        let top = self.copy_detached(from, node);
        self.link(top, parent, before);
        top
    }

    fn copy_detached(&mut self, from: &Document, node: NodeIx) -> NodeIx {
        let top = self.copy_shallow(from, node);
        let (mut theirs, mut ours) = (node.0, top);
        loop {
            let next = from.after(theirs, node.0);
            if next == NONE {
                return top;
            }
            // Go up in the copy as far as the walk went up in the original.
            let parent = from.nodes[next as usize].parent;
            let mut at = theirs;
            while at != parent {
                at = from.nodes[at as usize].parent;
                ours = NodeIx(self.nodes[ours.0 as usize].parent);
            }
            let copy = self.copy_shallow(from, NodeIx(next));
            // Undoing the link of the copy's top takes all of it away.
            self.link_quietly(copy, ours, None);
            (theirs, ours) = (next, copy);
        }
    }

    /// A copy of one node without its children, not linked anywhere yet.
    fn copy_shallow(&mut self, from: &Document, node: NodeIx) -> NodeIx {
        if !from.is_element(node) {
            let n = self.new_content(from.kind(node), from.text(node).unwrap_or_default());
            self.nodes[n.0 as usize].line = from.line(node);
            return n;
        }
        let name = self.intern(from.name(node));
        let n = self.new_node(name);
        let start = self.attrs.len();
        for attr in from.attr_slice(node) {
            let name = self.intern(from.name_text(attr.name));
            let value = self.push_text(from.str(attr.value));
            self.attrs.push(Attr { name, value });
        }
        let count = (self.attrs.len() - start) as u16;
        let target = &mut self.nodes[n.0 as usize];
        (target.attrs, target.attrs_len, target.attrs_cap) = (start as u32, count, count);
        target.line = from.line(node);
        n
    }

    /// Appends a copy of one node without its children as last child of `parent`.
    pub fn copy_bare(&mut self, parent: NodeIx, from: &Document, node: NodeIx) -> NodeIx {
        let n = self.copy_shallow(from, node);
        self.link(n, parent, None);
        n
    }

    /// Appends a deep copy of `node` of this document as last child of `parent`. `parent` may lie inside `node`.
    pub fn duplicate(&mut self, parent: NodeIx, before: Option<NodeIx>, node: NodeIx) -> NodeIx {
        let fragment = self.fragment(node);
        self.copy_before(parent, before, &fragment, fragment.root())
    }

    /// A document of its own with a deep copy of the element `node` as root.
    ///
    /// # Panics
    /// If `node` is not an element.
    pub fn fragment(&self, node: NodeIx) -> Document {
        assert!(self.is_element(node), "a document's root is an element");
        let mut doc = Document::empty();
        doc.root = doc.copy_detached(self, node).0;
        doc
    }

    /// Makes a deep copy of `node` of another document the root, in place of everything that is there.
    pub fn replace_root(&mut self, from: &Document, node: NodeIx) {
        let staged = self.stage(from, node);
        self.set_root(staged);
    }

    /// A deep copy of `node` of another document, for [`set_root`](Self::set_root).
    pub(crate) fn stage(&mut self, from: &Document, node: NodeIx) -> NodeIx {
        assert!(from.is_element(node), "a document's root is an element");
        self.copy_detached(from, node)
    }

    /// Drops a staged copy.
    pub(crate) fn discard(&mut self, staged: NodeIx) {
        self.release_now(staged);
    }

    /// Makes a staged copy the root; what was there goes.
    pub(crate) fn set_root(&mut self, staged: NodeIx) {
        let old = NodeIx(core::mem::replace(&mut self.root, staged.0));
        self.record(Undo::Root(old));
        self.release(old);
        self.compact();
    }

    /// Rebuilds the arenas when more than half of one of them is garbage; constant cost per change over time.
    pub(super) fn compact(&mut self) {
        if self.journal.is_some() {
            return;
        }
        if self.dead_text > COMPACT_FROM + self.text.len() / 2 || self.dead_attrs > COMPACT_FROM + self.attrs.len() / 2
        {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let mut text = String::with_capacity(self.text.len().saturating_sub(self.dead_text));
        let mut attrs = Vec::with_capacity(self.attrs.len().saturating_sub(self.dead_attrs));
        for node in self.nodes.iter_mut().filter(|node| node.name != Name::FREE) {
            let count = if node.name.is_element() { usize::from(node.attrs_len) } else { 1 };
            let start = attrs.len();
            for attr in &self.attrs[node.attrs as usize..node.attrs as usize + count] {
                let from = attr.value.start as usize;
                let value = Span { start: text.len() as u32, len: attr.value.len };
                text.push_str(&self.text[from..from + attr.value.len as usize]);
                attrs.push(Attr { name: attr.name, value });
            }
            (node.attrs, node.attrs_cap) = (start as u32, count as u16);
        }
        (self.text, self.attrs, self.dead_text, self.dead_attrs) = (text, attrs, 0, 0);
    }
}
