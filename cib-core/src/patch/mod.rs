//! What differs between two documents, as a patch set of format 2; applying one; digests [CB-8 … CB-11].
//!
//! ```
//! use cib_core::patch::{Ordered, diff, digest};
//! use cib_core::xml::Document;
//!
//! let old = Document::parse(r#"<cib epoch="1"><configuration/></cib>"#)?;
//! let new = Document::parse(r#"<cib epoch="2"><configuration><tags/></configuration></cib>"#)?;
//! let patch = diff(&old, &new, Ordered::Yes).expect("they differ");
//! let mut copy = old.clone();
//! patch.apply(&mut copy).unwrap();
//! assert_eq!(digest::on_disk(&copy), digest::on_disk(&new));
//! assert!(diff(&copy, &new, Ordered::Yes).is_none());
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```

mod apply;
mod changes;
mod compare;
pub mod digest;
mod display;
mod path;

pub use apply::PatchError;
pub(crate) use apply::apply;
pub(crate) use changes::{AttrChange, Changes};
pub use compare::Ordered;
pub(crate) use compare::compare;
pub use path::path_of;

use crate::cib::{VERSION_ATTRIBUTES, Version};
use crate::xml::{Document, NodeIx};

/// A patch set: the element `diff` and what is in it.
///
/// Nothing about the content is certain but that it is XML: patches come from other members and from administrators.
#[derive(Clone, Debug)]
pub struct Patch {
    doc: Document,
}

/// What one entry of a patch set does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A new element or comment.
    Create,
    /// Other attributes of an element.
    Modify,
    /// An element or comment that is gone.
    Delete,
    /// Another place among its siblings.
    Move,
}

/// One entry of a patch set.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What it does; `None` for a word that is not known.
    pub operation: Option<Operation>,
    /// Of the element that is changed; for a creation, of the parent.
    pub path: &'a str,
    /// Place among the siblings, where it is told.
    pub position: Option<i32>,
    /// The `change` element.
    pub node: NodeIx,
}

impl Patch {
    /// Takes a document for a patch set; whether it is one shows when it is applied.
    pub fn from_document(doc: Document) -> Patch {
        Patch { doc }
    }

    /// The patch set as a document.
    pub fn document(&self) -> &Document {
        &self.doc
    }

    /// The patch set in pretty form.
    pub fn write(&self) -> String {
        self.doc.write()
    }

    /// The entries, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let root = self.doc.root();
        self.doc.children(root).filter_map(|node| {
            let operation = match self.doc.attr(node, "operation")? {
                "create" => Some(Operation::Create),
                "modify" => Some(Operation::Modify),
                "delete" => Some(Operation::Delete),
                "move" => Some(Operation::Move),
                _ => None,
            };
            let path = self.doc.attr(node, "path").unwrap_or_default();
            let position = self.doc.attr(node, "position").and_then(crate::cib::parse_int);
            Some(Change { operation, path, position, node })
        })
    }

    /// The version before, where the patch set tells it; fields that are missing or no numbers count as 0.
    pub fn source(&self) -> Option<Version> {
        self.doc.path(self.doc.root(), &["version", "source"]).map(|n| Version::of(&self.doc, n, 0))
    }

    /// The version after, as [`source`](Self::source).
    pub fn target(&self) -> Option<Version> {
        self.doc.path(self.doc.root(), &["version", "target"]).map(|n| Version::of(&self.doc, n, 0))
    }

    /// The digest that the result must have, where the patch set has one.
    pub fn digest(&self) -> Option<&str> {
        self.doc.attr(self.doc.root(), "digest").filter(|d| !d.is_empty())
    }

    /// Adds the versioned digest of the result, as `crm_diff --cib` does [CB-8.4].
    #[must_use]
    pub fn with_digest(mut self, result: &Document) -> Patch {
        let digest = digest::versioned(result);
        self.doc.set_attr(self.doc.root(), "digest", &digest);
        self
    }

    /// Applies the patch set without looking at versions [CB-9.2]. All or nothing: after an error the document is as before.
    ///
    /// Linear in the patch set and in the children of the elements on its paths.
    pub fn apply(&self, doc: &mut Document) -> Result<(), PatchError> {
        apply::apply(self, doc).map(drop)
    }

    /// Applies the patch set if its versions fit the document [CB-9.1].
    pub fn apply_checked(&self, doc: &mut Document) -> Result<(), PatchError> {
        self.check_version(doc)?;
        self.apply(doc)
    }

    /// Whether the patch set follows on the document's version [CB-9.1].
    pub fn check_version(&self, doc: &Document) -> Result<(), PatchError> {
        apply::check_version(self, doc)
    }

    /// The text that `crm_shadow --diff` and logs show [CB-11].
    pub fn display(&self) -> String {
        display::display(self)
    }
}

/// Compares two documents [CB-8]; `None` where nothing differs. Linear in the documents.
pub fn diff(old: &Document, new: &Document, ordered: Ordered) -> Option<Patch> {
    let mut changes = Changes::new();
    compare(old, old.root(), new, new.root(), ordered, &mut changes);
    changes.patch(&versions(old), new)
}

/// Compares two documents as if the new one had the version of the old one; the result tells no versions [CB-8.5].
pub fn diff_without_version(old: &Document, new: &Document, ordered: Ordered) -> Option<Patch> {
    let mut new = new.clone();
    let root = new.root();
    for name in VERSION_ATTRIBUTES {
        if let Some(value) = old.attr(old.root(), name) {
            new.set_attr(root, name, value);
        }
    }
    let mut patch = diff(old, &new, ordered)?;
    if let Some(version) = patch.doc.child(patch.doc.root(), "version") {
        patch.doc.remove(version);
    }
    Some(patch)
}

/// The version attributes of a document as they are written; what is missing is written as `1` in patch sets [CB-8.1].
pub(crate) fn versions(doc: &Document) -> [String; 3] {
    VERSION_ATTRIBUTES.map(|name| doc.attr(doc.root(), name).unwrap_or("1").to_owned())
}
