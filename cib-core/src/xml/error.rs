//! What can be wrong with XML text.

use thiserror::Error;

/// XML text that was refused: what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {kind}")]
#[non_exhaustive]
pub struct XmlError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub kind: XmlErrorKind,
}

/// What is wrong with XML text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// The text is not UTF-8, or of a declared encoding that is not supported.
    #[error("text in an encoding that is not supported: {0}")]
    Encoding(String),
    /// The tokenizer refused the text.
    #[error("{0}")]
    Syntax(String),
    /// No element at all.
    #[error("no root element")]
    Empty,
    /// A second element, or text, beside the root element.
    #[error("content outside the root element")]
    OutsideRoot,
    /// A closing tag that closes something else than the element that is open.
    #[error("closing tag '{found}' where '{expected}' is open")]
    Mismatch {
        /// Name of the open element.
        expected: String,
        /// Name in the closing tag.
        found: String,
    },
    /// The text ends inside an element.
    #[error("end of text inside element '{0}'")]
    Unclosed(String),
    /// Something that is not an XML name where one is needed.
    #[error("'{0}' is not an XML name")]
    BadName(String),
    /// A tag whose attributes are not of the form ` name="value"`.
    #[error("malformed attributes in tag '{0}'")]
    BadAttributes(String),
    /// One attribute twice in one tag.
    #[error("attribute '{0}' is given twice")]
    DuplicateAttribute(String),
    /// A character that XML does not allow.
    #[error("character U+{0:04X} is not allowed")]
    BadCharacter(u32),
    /// A reference to an entity other than the predefined ones, or a malformed reference.
    #[error("reference '&{0};' is not known (entities are not supported)")]
    BadReference(String),
    /// A document type definition.
    #[error("document type definitions are refused")]
    DocumentType,
    /// A limit of [`Limits`](super::Limits) was exceeded.
    #[error("more than {max} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}
