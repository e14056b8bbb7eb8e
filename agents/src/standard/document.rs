//! A small tree for meta-data documents, read within limits: agents print whatever they like.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// How large a meta-data document may be, in bytes.
pub const SIZE_LIMIT: usize = 1024 * 1024;
const DEPTH_LIMIT: usize = 64;

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Longer than [`SIZE_LIMIT`].
    #[error("the document has {0} bytes, more than {SIZE_LIMIT}")]
    TooLarge(usize),
    /// Elements nested too deep.
    #[error("byte {0}: elements are nested deeper than {DEPTH_LIMIT}")]
    TooDeep(u64),
    /// Not well formed.
    #[error("byte {at}: {what}")]
    Malformed {
        /// Where, in bytes from the beginning.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// No element at all.
    #[error("the document is empty")]
    Empty,
    /// Another root element.
    #[error("the root element is '{0}', not 'resource-agent'")]
    NotAnAgent(String),
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// In document order.
    pub attributes: Vec<(String, String)>,
    /// In document order.
    pub children: Vec<Node>,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, unescaped.
    Text(String),
}

impl Element {
    /// An element without content.
    pub fn new(name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { name: name.to_owned(), attributes, children: Vec::new() }
    }

    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Sets an attribute in its place, or at the end.
    pub fn set_attribute(&mut self, name: &str, value: &str) {
        match self.attributes.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.attributes.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Child elements, to be changed.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child element of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.elements().find(|e| e.name == name)
    }

    /// All text inside, in order.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for node in &self.children {
            match node {
                Node::Text(t) => text.push_str(t),
                Node::Element(e) => text.push_str(&e.text()),
            }
        }
        text
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is not well formed, or exceeds a limit.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        if text.len() > SIZE_LIMIT {
            return Err(DocumentError::TooLarge(text.len()));
        }
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let at = reader.buffer_position();
            let malformed = |what: String| DocumentError::Malformed { at, what };
            match reader.read_event().map_err(|e| malformed(e.to_string()))? {
                Event::Start(start) => {
                    if open.len() >= DEPTH_LIMIT {
                        return Err(DocumentError::TooDeep(at));
                    }
                    open.push(element(&start, at)?);
                }
                Event::Empty(start) => {
                    let element = element(&start, at)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(Node::Element(element)),
                        None => return Ok(element),
                    }
                }
                Event::End(_) => {
                    let Some(element) = open.pop() else { return Err(malformed("an end tag without start".into())) };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(Node::Element(element)),
                        None => return Ok(element),
                    }
                }
                Event::Text(t) => add_text(&mut open, &t.xml10_content()),
                Event::CData(t) => add_text(&mut open, &t.xml10_content()),
                Event::GeneralRef(reference) => {
                    let c = match reference.resolve_char_ref() {
                        Ok(c) => c,
                        Err(e) => return Err(malformed(e.to_string())),
                    };
                    let name = reference.xml10_content();
                    let resolved = match (c, &*name) {
                        (Some(c), _) => c.to_string(),
                        (None, "lt") => "<".to_owned(),
                        (None, "gt") => ">".to_owned(),
                        (None, "amp") => "&".to_owned(),
                        (None, "quot") => "\"".to_owned(),
                        (None, "apos") => "'".to_owned(),
                        (None, other) => return Err(malformed(format!("unknown entity '&{other};'"))),
                    };
                    add_text(&mut open, &resolved);
                }
                Event::Eof if open.is_empty() => return Err(DocumentError::Empty),
                Event::Eof => return Err(malformed("the document ends inside an element".into())),
                _ => {}
            }
        }
    }

    /// Prints the element as the cluster prints fence agents' documents: every tag and text on a line of its own [RA-3.4].
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.print_at(0, &mut out);
        out
    }

    fn print_at(&self, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        out.push_str(&indent);
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            out.push_str(&escape(value, true));
            out.push('"');
        }
        let children: Vec<&Node> =
            self.children.iter().filter(|n| !matches!(n, Node::Text(t) if t.trim().is_empty())).collect();
        if children.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push_str(">\n");
        for node in children {
            match node {
                Node::Element(element) => element.print_at(depth + 1, out),
                Node::Text(text) => {
                    out.push_str(&indent);
                    out.push_str("  ");
                    out.push_str(&escape(text, false));
                    out.push('\n');
                }
            }
        }
        out.push_str(&indent);
        out.push_str("</");
        out.push_str(&self.name);
        out.push_str(">\n");
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(parent) = open.last_mut() {
        if let Some(Node::Text(before)) = parent.children.last_mut() {
            before.push_str(text);
        } else {
            parent.children.push(Node::Text(text.to_owned()));
        }
    }
}

fn element(start: &BytesStart<'_>, at: u64) -> Result<Element, DocumentError> {
    let malformed = |what: String| DocumentError::Malformed { at, what };
    if start.name().as_ref().is_empty() {
        return Err(malformed("an element without a name".into()));
    }
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| malformed(e.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|e| malformed(e.to_string()))?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { name: start.name().as_ref().to_owned(), attributes, children: Vec::new() })
}

/// Escapes text for a document; in an attribute also quotes and control characters [RA-2.8].
pub fn escape(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            c if attribute && c.is_ascii_control() => out.push_str(&format!("&#x{:02X};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_entities_and_prints_them_again() {
        let e = Element::parse("<?xml version=\"1.0\"?><a x='1 &amp; 2'>t &lt; <b/>  </a>").unwrap();
        assert_eq!(e.attribute("x"), Some("1 & 2"));
        assert_eq!(e.print(), "<a x=\"1 &amp; 2\">\n  t &lt; \n  <b/>\n</a>\n");
    }

    #[test]
    fn refuses_with_a_place() {
        assert_eq!(Element::parse("  "), Err(DocumentError::Empty));
        assert!(matches!(Element::parse("<a><b></a>"), Err(DocumentError::Malformed { .. })));
        assert!(matches!(Element::parse("<\n\r\n/>"), Err(DocumentError::Malformed { .. })));
        assert!(matches!(Element::parse("<a>&nope;</a>"), Err(DocumentError::Malformed { at: 3, .. })));
        assert!(matches!(Element::parse(&"<a>".repeat(100)), Err(DocumentError::TooDeep(_))));
        assert!(matches!(Element::parse(&" ".repeat(SIZE_LIMIT + 1)), Err(DocumentError::TooLarge(_))));
    }
}
