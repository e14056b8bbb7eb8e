//! The arena and the looks into it.

use super::journal::Undo;
use super::names::{Name, Names};
use super::walk::{Attributes, Children, Descendants, Nodes};

/// Marks the absence of a node in the links of the table.
pub(super) const NONE: u32 = u32::MAX;

/// A node of one [`Document`]. Stays valid until the node is removed; a removed node's index may name a later node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeIx(pub(super) u32);

impl NodeIx {
    /// The position in the node table: below [`Document::table_len`], for side tables indexed by node.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An element.
    Element,
    /// Character data.
    Text,
    /// A CDATA section.
    Cdata,
    /// A comment.
    Comment,
}

/// A stretch of the text arena.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// One attribute; for nodes that are not elements, the one entry that holds their content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attr {
    pub(super) name: Name,
    pub(super) value: Span,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) name: Name,
    pub(super) parent: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) attrs: u32,
    pub(super) attrs_len: u16,
    pub(super) attrs_cap: u16,
    pub(super) line: u32,
}

/// An XML document: one root element and what is in it.
#[derive(Clone)]
pub struct Document {
    pub(super) text: String,
    pub(super) names: Names,
    pub(super) nodes: Vec<Node>,
    pub(super) attrs: Vec<Attr>,
    pub(super) root: u32,
    /// Free node slots, linked through `next`.
    pub(super) free: u32,
    /// Bytes of `text`, and entries of `attrs`, that nothing refers to any more.
    pub(super) dead_text: usize,
    pub(super) dead_attrs: usize,
    /// How to undo the changes since the last checkpoint.
    pub(super) journal: Option<Vec<Undo>>,
}

impl Document {
    /// A document with an empty root element.
    ///
    /// # Panics
    /// If `root_name` is not an XML name (a mistake of the caller).
    pub fn new(root_name: &str) -> Document {
        let mut doc = Document::empty();
        let name = doc.intern(root_name);
        doc.root = doc.new_node(name).0;
        doc
    }

    pub(super) fn empty() -> Document {
        Document {
            text: String::new(),
            names: Names::new(),
            nodes: Vec::new(),
            attrs: Vec::new(),
            root: NONE,
            free: NONE,
            dead_text: 0,
            dead_attrs: 0,
            journal: None,
        }
    }

    pub(super) fn node(&self, n: NodeIx) -> &Node {
        let node = &self.nodes[n.0 as usize];
        debug_assert!(node.name != Name::FREE, "node {n:?} was removed");
        node
    }

    pub(super) fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..(span.start + span.len) as usize]
    }

    pub(super) fn attr_slice(&self, n: NodeIx) -> &[Attr] {
        let node = self.node(n);
        &self.attrs[node.attrs as usize..node.attrs as usize + usize::from(node.attrs_len)]
    }

    /// The root element.
    pub fn root(&self) -> NodeIx {
        NodeIx(self.root)
    }

    /// One more than the highest [`NodeIx::index`] in use.
    pub fn table_len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether `n` has not been removed. A removed node's index may name a later node.
    pub fn is_alive(&self, n: NodeIx) -> bool {
        self.nodes.get(n.index()).is_some_and(|node| node.name != Name::FREE)
    }

    /// What `n` is.
    pub fn kind(&self, n: NodeIx) -> Kind {
        match self.node(n).name {
            Name::COMMENT => Kind::Comment,
            Name::CDATA => Kind::Cdata,
            Name::TEXT => Kind::Text,
            _ => Kind::Element,
        }
    }

    /// Whether `n` is an element.
    pub fn is_element(&self, n: NodeIx) -> bool {
        self.node(n).name.is_element()
    }

    /// The element's name; for other nodes `#text`, `#cdata` or `#comment`.
    pub fn name(&self, n: NodeIx) -> &str {
        match self.node(n).name {
            Name::COMMENT => "#comment",
            Name::CDATA => "#cdata",
            Name::TEXT => "#text",
            name => self.names.text(name),
        }
    }

    /// The element's name in interned form; `None` for other nodes.
    pub fn name_ix(&self, n: NodeIx) -> Option<Name> {
        Some(self.node(n).name).filter(|name| name.is_element())
    }

    /// The interned form of `name`, if the document has ever held it: for comparing many names at once.
    pub fn find_name(&self, name: &str) -> Option<Name> {
        self.names.find(name)
    }

    /// The text of an interned name.
    pub fn name_text(&self, name: Name) -> &str {
        self.names.text(name)
    }

    /// The value of attribute `name`. Linear in the number of attributes.
    pub fn attr(&self, n: NodeIx, name: &str) -> Option<&str> {
        let attrs = self.attr_slice(n);
        if attrs.is_empty() {
            return None;
        }
        self.attr_ix(n, self.names.find(name)?)
    }

    /// The value of the attribute with an interned name.
    pub fn attr_ix(&self, n: NodeIx, name: Name) -> Option<&str> {
        self.attr_slice(n).iter().find(|a| a.name == name).map(|a| self.str(a.value))
    }

    /// All attributes, in document order.
    pub fn attrs(&self, n: NodeIx) -> Attributes<'_> {
        Attributes { doc: self, attrs: self.attr_slice(n).iter() }
    }

    /// The number of attributes.
    pub fn attr_count(&self, n: NodeIx) -> usize {
        usize::from(self.node(n).attrs_len)
    }

    /// All attributes with interned names, in document order.
    pub(crate) fn attrs_ix(&self, n: NodeIx) -> impl ExactSizeIterator<Item = (Name, &str)> {
        self.attr_slice(n).iter().map(|a| (a.name, self.str(a.value)))
    }

    /// The attribute `id`.
    pub fn id(&self, n: NodeIx) -> Option<&str> {
        self.attr_ix(n, Name::ID)
    }

    /// The parent element; `None` for the root.
    pub fn parent(&self, n: NodeIx) -> Option<NodeIx> {
        link(self.node(n).parent)
    }

    /// The line where the node begins in the text it was parsed from; 0 for nodes made later.
    pub fn line(&self, n: NodeIx) -> u32 {
        self.node(n).line
    }

    /// The content of a text, CDATA or comment node; for an element, of its first text or CDATA child.
    pub fn text(&self, n: NodeIx) -> Option<&str> {
        if !self.is_element(n) {
            let node = self.node(n);
            return Some(self.str(self.attrs[node.attrs as usize].value));
        }
        let child = self.nodes(n).find(|&c| matches!(self.kind(c), Kind::Text | Kind::Cdata))?;
        self.text(child)
    }

    /// The child elements, in document order.
    pub fn children(&self, n: NodeIx) -> Children<'_> {
        Children { doc: self, next: self.node(n).first, name: None }
    }

    /// The child elements with a name, in document order.
    pub fn children_named(&self, n: NodeIx, name: &str) -> Children<'_> {
        match self.names.find(name) {
            Some(name) => Children { doc: self, next: self.node(n).first, name: Some(name) },
            None => Children { doc: self, next: NONE, name: None },
        }
    }

    /// All child nodes (elements, text, CDATA, comments), in document order.
    pub fn nodes(&self, n: NodeIx) -> Nodes<'_> {
        Nodes { doc: self, next: self.node(n).first }
    }

    /// The first child element with a name.
    pub fn child(&self, n: NodeIx, name: &str) -> Option<NodeIx> {
        self.children_named(n, name).next()
    }

    /// Whether the node has any child node.
    pub fn has_nodes(&self, n: NodeIx) -> bool {
        self.node(n).first != NONE
    }

    /// The first child node of any kind.
    pub fn first_node(&self, n: NodeIx) -> Option<NodeIx> {
        link(self.node(n).first)
    }

    /// The next sibling node of any kind.
    pub fn next_node(&self, n: NodeIx) -> Option<NodeIx> {
        link(self.node(n).next)
    }

    /// The preceding sibling node of any kind.
    pub fn previous_node(&self, n: NodeIx) -> Option<NodeIx> {
        link(self.node(n).prev)
    }

    /// Goes down from `from`, always to the first child element of the next name.
    pub fn path(&self, from: NodeIx, names: &[&str]) -> Option<NodeIx> {
        names.iter().try_fold(from, |n, name| self.child(n, name))
    }

    /// All elements below `n`, in document order, without `n`.
    pub fn descendants(&self, n: NodeIx) -> Descendants<'_> {
        Descendants { doc: self, top: n.0, at: n.0, elements: true }
    }

    /// All nodes below `n`, in document order, without `n`.
    pub fn descendant_nodes(&self, n: NodeIx) -> Descendants<'_> {
        Descendants { doc: self, top: n.0, at: n.0, elements: false }
    }

    /// The first element below `n` (in document order) whose attribute `id` is `id`. Linear in the document.
    pub fn find_id(&self, n: NodeIx, id: &str) -> Option<NodeIx> {
        self.descendants(n).find(|&d| self.id(d) == Some(id))
    }

    /// The number of sibling nodes before `n`.
    pub fn position(&self, n: NodeIx) -> usize {
        let mut at = self.node(n).prev;
        let mut count = 0;
        while at != NONE {
            count += 1;
            at = self.nodes[at as usize].prev;
        }
        count
    }
}

pub(super) fn link(ix: u32) -> Option<NodeIx> {
    (ix != NONE).then_some(NodeIx(ix))
}

impl core::fmt::Debug for Document {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.write())
    }
}
