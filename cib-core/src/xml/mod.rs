//! XML documents in an arena: parse, look, change, write, and path queries.
//!
//! A [`Document`] keeps one byte arena for all text (the parsed source is its first part), one table of interned names,
//! and flat tables of nodes and attributes. Nodes are named by [`NodeIx`], which is `Copy`; there is no `Rc` and no
//! lifetime in the tree. Cloning a document copies four flat vectors.
//!
//! ```
//! use cib_core::xml::{Document, Style};
//!
//! let mut doc = Document::parse("<cib epoch='1'><configuration/><status/></cib>")?;
//! let root = doc.root();
//! doc.set_attr(root, "epoch", "2");
//! let configuration = doc.child(root, "configuration").unwrap();
//! let nodes = doc.append(configuration, "nodes");
//! doc.set_attr(nodes, "note", "a < b");
//! assert_eq!(
//!     doc.write_node(root, Style::Compact),
//!     r#"<cib epoch="2"><configuration><nodes note="a &lt; b"/></configuration><status/></cib>"#
//! );
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```
//!
//! What is read: XML 1.0 without document type definitions and without entities other than the five predefined ones and
//! character references; both are refused, so a document cannot expand. Elements, attributes, text, CDATA sections and
//! comments are kept; processing instructions, the XML declaration and blank text between elements are not [CB-2.1].

mod attributes;
mod characters;
mod document;
mod edit;
mod error;
mod journal;
mod limits;
mod names;
mod parse;
mod walk;
mod write;
mod xpath;

pub use document::{Document, Kind, NodeIx};
pub use error::{XmlError, XmlErrorKind};
pub use limits::Limits;
pub use names::Name;
pub use walk::{Attributes, Children, Descendants, Nodes};
pub use write::Style;
pub use xpath::{Found, XPath, XPathError};

pub(crate) use names::{is_name_char, is_name_start};
pub(crate) use write::{Sink, WriteOptions, escape_value};

#[cfg(test)]
mod tests;
