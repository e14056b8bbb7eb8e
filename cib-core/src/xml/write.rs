//! Exact serialisation [CB-2.2].

use super::document::{Document, Kind, NONE, NodeIx};
use super::names::Name;

/// How a document is written. Text nodes are left out unless stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// No white space at all between nodes.
    Compact,
    /// Every node on its own line, two spaces per level, ending with a newline.
    Pretty,
    /// As `Compact`, with text.
    CompactText,
    /// As `Pretty`, with text.
    PrettyText,
}

/// Where written text goes.
pub(crate) trait Sink {
    /// Where the next few pieces are appended.
    fn text(&mut self) -> &mut String;

    fn put(&mut self, text: &str) {
        self.text().push_str(text);
    }
}

impl Sink for String {
    fn text(&mut self) -> &mut String {
        self
    }
}

/// A way of writing, in full.
#[derive(Clone, Copy, Default)]
pub(crate) struct WriteOptions<'a> {
    pub(crate) pretty: bool,
    pub(crate) with_text: bool,
    /// Attributes that are left out, wherever they occur.
    pub(crate) omit: &'a [Name],
    /// Level of the outermost node.
    pub(crate) level: usize,
}

impl Document {
    /// The whole document in pretty form.
    pub fn write(&self) -> String {
        self.write_node(self.root(), Style::Pretty)
    }

    /// One node with everything below it.
    pub fn write_node(&self, n: NodeIx, style: Style) -> String {
        let mut out = String::new();
        let options = WriteOptions {
            pretty: matches!(style, Style::Pretty | Style::PrettyText),
            with_text: matches!(style, Style::CompactText | Style::PrettyText),
            ..WriteOptions::default()
        };
        self.write_to(n, &options, &mut out);
        out
    }

    /// Writes `n` and everything below it to `out`.
    pub(crate) fn write_to<S: Sink>(&self, n: NodeIx, options: &WriteOptions<'_>, out: &mut S) {
        let (mut at, mut level) = (n.0, options.level);
        loop {
            let node = &self.nodes[at as usize];
            let open = self.write_start(NodeIx(at), level, options, out);
            if open {
                level += 1;
                at = node.first;
                continue;
            }
            // Close what ends here, then go on with the next sibling.
            loop {
                if at == n.0 {
                    return;
                }
                let node = &self.nodes[at as usize];
                if node.next != NONE {
                    at = node.next;
                    break;
                }
                at = node.parent;
                level -= 1;
                self.write_end(NodeIx(at), level, options, out);
            }
        }
    }

    /// Writes a node that is not an element, or the start of one; true if its children and end tag must follow.
    fn write_start<S: Sink>(&self, n: NodeIx, level: usize, options: &WriteOptions<'_>, out: &mut S) -> bool {
        let content = || self.text(n).unwrap_or_default();
        match self.kind(n) {
            Kind::Text if !options.with_text => return false,
            Kind::Text => {
                indent(level, options, out);
                escape_text(content(), out.text());
                newline(options, out);
                return false;
            }
            Kind::Comment | Kind::Cdata => {
                let (open, close) = if self.kind(n) == Kind::Comment { ("<!--", "-->") } else { ("<![CDATA[", "]]>") };
                indent(level, options, out);
                out.put(open);
                out.put(content());
                out.put(close);
                newline(options, out);
                return false;
            }
            Kind::Element => {}
        }
        indent(level, options, out);
        self.write_tag(n, options.omit, out);
        let open = self.has_nodes(n);
        out.put(if open { ">" } else { "/>" });
        newline(options, out);
        open
    }

    /// `<name a="1"`, without the end of the tag.
    pub(crate) fn write_tag<S: Sink>(&self, n: NodeIx, omit: &[Name], out: &mut S) {
        let out = out.text();
        out.push('<');
        out.push_str(self.name(n));
        for (name, value) in self.attrs_ix(n) {
            if omit.contains(&name) {
                continue;
            }
            let name = self.name_text(name);
            out.reserve(name.len() + value.len() + 4);
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape_value(value, out);
            out.push('"');
        }
    }

    fn write_end<S: Sink>(&self, n: NodeIx, level: usize, options: &WriteOptions<'_>, out: &mut S) {
        indent(level, options, out);
        let text = out.text();
        text.push_str("</");
        text.push_str(self.name(n));
        text.push('>');
        newline(options, out);
    }
}

fn newline<S: Sink>(options: &WriteOptions<'_>, out: &mut S) {
    if options.pretty {
        out.put("\n");
    }
}

fn indent<S: Sink>(level: usize, options: &WriteOptions<'_>, out: &mut S) {
    const BLANKS: &str = "                                                                ";
    if !options.pretty {
        return;
    }
    let mut left = level * 2;
    while left > 0 {
        let now = left.min(BLANKS.len());
        out.put(&BLANKS[..now]);
        left -= now;
    }
}

/// Escapes an attribute value.
pub(crate) fn escape_value(value: &str, out: &mut String) {
    escape(value, out, |b| matches!(b, b'<' | b'>' | b'&' | b'"' | 0x01..=0x1F | 0x7F));
}

/// Escapes character data.
pub(crate) fn escape_text(text: &str, out: &mut String) {
    escape(text, out, |b| matches!(b, b'<' | b'>' | b'&' | 0x01..=0x08 | 0x0B..=0x1F | 0x7F));
}

fn escape(text: &str, out: &mut String, special: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut from = 0;
    while let Some(at) = text.as_bytes()[from..].iter().position(|&b| special(b)) {
        let (i, b) = (from + at, text.as_bytes()[from + at]);
        out.push_str(&text[from..i]);
        from = i + 1;
        match b {
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            b'&' => out.push_str("&amp;"),
            b'"' => out.push_str("&quot;"),
            _ => {
                let code = [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]];
                out.push_str("&#x");
                out.push_str(core::str::from_utf8(&code).unwrap_or_default());
                out.push(';');
            }
        }
    }
    out.push_str(&text[from..]);
}
