//! Path queries: XPath 1.0 without variables and namespaces [CB-2.5].
//!
//! ```
//! use cib_core::xml::{Document, Found, XPath};
//!
//! let doc = Document::parse(r#"<cib><resources><primitive id="A"/><primitive id="B" class="ocf"/></resources></cib>"#)?;
//! let found = XPath::parse("//primitive[@class='ocf']")?.select(&doc)?;
//! assert_eq!(found.iter().filter_map(Found::element).map(|n| doc.id(n)).collect::<Vec<_>>(), [Some("B")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ast;
mod eval;
mod functions;
mod lex;
mod parse;
mod value;

use thiserror::Error;

use self::ast::Expr;
use super::document::{Document, NodeIx};

/// A path query, ready to be evaluated on any document.
#[derive(Clone, Debug)]
pub struct XPath {
    expr: Expr,
}

/// One match of a path query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// The document itself, above its root element.
    Document,
    /// An element, text, CDATA section or comment.
    Node(NodeIx),
    /// An attribute.
    Attribute {
        /// Its element.
        element: NodeIx,
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a str,
    },
}

impl Found<'_> {
    /// The node, where a node (not an attribute, not the document) was found.
    pub fn element(&self) -> Option<NodeIx> {
        match *self {
            Found::Node(n) => Some(n),
            _ => None,
        }
    }
}

/// Why a query has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum XPathError {
    /// The text is not an XPath expression.
    #[error("column {column}: {what}")]
    Syntax {
        /// Column in characters, from 1.
        column: usize,
        /// What was expected, or is wrong.
        what: String,
    },
    /// Something of XPath that is not supported: variables, namespace prefixes, unknown functions.
    #[error("column {column}: {what} is not supported")]
    Unsupported {
        /// Column in characters, from 1.
        column: usize,
        /// What it is.
        what: String,
    },
    /// The expression is nested too deeply or too long.
    #[error("expression too large")]
    TooLarge,
    /// The result is a number, a string or a boolean.
    #[error("the result is not a set of nodes")]
    NotNodes,
    /// The evaluation took more steps than allowed.
    #[error("evaluation takes more than {0} steps")]
    TooExpensive(u64),
}

/// Steps that an evaluation may take before it is given up: enough for any sensible query on the largest documents.
const STEPS: u64 = 200_000_000;

impl XPath {
    /// Parses an expression.
    pub fn parse(text: &str) -> Result<XPath, XPathError> {
        Ok(XPath { expr: parse::parse(text)? })
    }

    /// All matches in document order, with the document as context.
    pub fn select<'a>(&self, doc: &'a Document) -> Result<Vec<Found<'a>>, XPathError> {
        eval::select(&self.expr, doc, STEPS)
    }

    /// As [`select`](Self::select), giving up after a number of steps.
    pub fn select_within<'a>(&self, doc: &'a Document, steps: u64) -> Result<Vec<Found<'a>>, XPathError> {
        eval::select(&self.expr, doc, steps)
    }
}

impl Document {
    /// The matches of a query, where a query that cannot be parsed or gives no nodes has none [CB-2.5].
    pub fn select(&self, xpath: &str) -> Vec<Found<'_>> {
        XPath::parse(xpath).and_then(|xpath| xpath.select(self)).unwrap_or_default()
    }

    /// The only element with a name in the document, if there is exactly one.
    pub fn only(&self, name: &str) -> Option<NodeIx> {
        let root = self.root();
        let mut all = core::iter::once(root).chain(self.descendants(root)).filter(|&n| self.name(n) == name);
        let one = all.next()?;
        all.next().is_none().then_some(one)
    }
}

#[cfg(test)]
mod tests;
