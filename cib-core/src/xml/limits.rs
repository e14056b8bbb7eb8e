//! Texts and bytes to documents, within limits.

use super::document::Document;
use super::error::{XmlError, XmlErrorKind};
use super::parse::Parser;

/// How much a document may hold. Everything beyond is refused with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of text; at most 1 GiB whatever is set here.
    pub bytes: usize,
    /// Levels of nested elements.
    pub depth: usize,
    /// Attributes of one element; at most 65,535 whatever is set here.
    pub attributes: usize,
    /// Nodes of all kinds.
    pub nodes: usize,
    /// Different element and attribute names.
    pub names: usize,
    /// Whether text (other than blanks between elements) is kept; documents from files are read without [CB-2.1].
    pub keep_text: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 512 << 20, depth: 256, attributes: 1024, nodes: 32 << 20, names: 1 << 16, keep_text: true }
    }
}

impl Limits {
    /// The default limits for a document from a file or standard input, whose text is dropped.
    pub fn file() -> Self {
        Limits { keep_text: false, ..Limits::default() }
    }

    /// The same limits with another one for the nesting of elements.
    pub fn with_depth(self, depth: usize) -> Self {
        Limits { depth, ..self }
    }

    /// The same limits with another one for the size of the text.
    pub fn with_bytes(self, bytes: usize) -> Self {
        Limits { bytes, ..self }
    }

    /// The same limits with another one for the attributes of an element.
    pub fn with_attributes(self, attributes: usize) -> Self {
        Limits { attributes, ..self }
    }

    /// The same limits with another one for the number of nodes.
    pub fn with_nodes(self, nodes: usize) -> Self {
        Limits { nodes, ..self }
    }
}

const MAX_BYTES: usize = 1 << 30;

impl Document {
    /// Parses a document with the default [`Limits`]; text is kept. Linear in the text.
    pub fn parse(text: &str) -> Result<Document, XmlError> {
        Document::parse_with(text, &Limits::default())
    }

    /// Parses a document within limits.
    pub fn parse_with(text: &str, limits: &Limits) -> Result<Document, XmlError> {
        if text.len() > limits.bytes.min(MAX_BYTES) {
            let kind = XmlErrorKind::Limit { what: "bytes", max: limits.bytes.min(MAX_BYTES) };
            return Err(XmlError { line: 1, column: 1, kind });
        }
        let mut parser = Parser::new(text, limits);
        match parser.run() {
            Ok(()) => Ok(parser.doc),
            Err((offset, kind)) => Err(at_offset(text, offset, kind)),
        }
    }

    /// Parses bytes: UTF-8 (with or without a byte order mark) or, if so declared, ISO-8859-1.
    pub fn parse_bytes(bytes: &[u8], limits: &Limits) -> Result<Document, XmlError> {
        let start = |kind| XmlError { line: 1, column: 1, kind };
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let declared = declared_encoding(bytes);
        match declared.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => {
                let text = core::str::from_utf8(bytes).map_err(|e| {
                    let good = core::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default();
                    at_offset(good, good.len(), XmlErrorKind::Encoding("not UTF-8".into()))
                })?;
                Document::parse_with(text, limits)
            }
            Some("iso-8859-1" | "latin1") => {
                if bytes.len() > limits.bytes {
                    return Err(start(XmlErrorKind::Limit { what: "bytes", max: limits.bytes }));
                }
                let text: String = bytes.iter().map(|&b| char::from(b)).collect();
                Document::parse_with(&text, limits)
            }
            Some(other) => Err(start(XmlErrorKind::Encoding(other.into()))),
        }
    }
}

fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let end = memchr::memmem::find(bytes.strip_prefix(b"<?xml")?, b"?>")?;
    let declaration = core::str::from_utf8(&bytes[..end + 5]).ok()?;
    let rest = declaration[declaration.find("encoding")? + 8..].trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|&c| c == '"' || c == '\'')?;
    Some(rest[1..].split(quote).next()?.to_ascii_lowercase())
}

fn at_offset(text: &str, offset: usize, kind: XmlErrorKind) -> XmlError {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() as u32 + 1;
    let column = before[before.rfind('\n').map_or(0, |i| i + 1)..].chars().count() as u32 + 1;
    XmlError { line, column, kind }
}
