//! Text to tree. The tokens come from `quick-xml`; what it leaves open (attributes, characters, nesting) is checked here.

use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

use super::document::{Attr, Document, Kind, NONE, NodeIx, Span};
use super::error::{XmlError, XmlErrorKind};
use super::names::{Name, is_name};

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

type Fault = (usize, XmlErrorKind);

struct Parser<'a> {
    source: &'a str,
    limits: &'a Limits,
    doc: Document,
    /// The element that is open; `NONE` outside the root.
    open: u32,
    depth: usize,
    line: u32,
    counted: usize,
    /// Adjacent pieces of text (they are split at references), where it begins, and whether all of it is blank.
    text: Vec<Span>,
    blank: bool,
    text_line: u32,
}

/// What the scan of a value found: bits.
const PLAIN: u8 = 0;
const SPACE: u8 = 1; // newline, tab, carriage return: normalised
const REFERENCE: u8 = 2;
const FORBIDDEN: u8 = 4; // control characters, `<`
const MAYBE: u8 = 8; // lead byte of U+FFFE, U+FFFF

const CLASS: [u8; 256] = {
    let mut table = [PLAIN; 256];
    let mut i = 0;
    while i < 0x20 {
        table[i] = FORBIDDEN;
        i += 1;
    }
    table[0x09] = SPACE;
    table[0x0A] = SPACE;
    table[0x0D] = SPACE;
    table[b'&' as usize] = REFERENCE;
    table[b'<' as usize] = FORBIDDEN;
    table[0xEF] = MAYBE;
    table
};

fn classes(bytes: &[u8]) -> u8 {
    bytes.iter().fold(PLAIN, |found, &b| found | CLASS[usize::from(b)])
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

impl<'a> Parser<'a> {
    fn new(source: &'a str, limits: &'a Limits) -> Self {
        let mut doc = Document::empty();
        doc.text.reserve_exact(source.len() + 64);
        doc.text.push_str(source);
        doc.nodes.reserve(source.len() / 128);
        doc.attrs.reserve(source.len() / 28);
        Parser {
            source,
            limits,
            doc,
            open: NONE,
            depth: 0,
            line: 1,
            counted: 0,
            text: Vec::new(),
            blank: true,
            text_line: 0,
        }
    }

    /// The offset of a piece of the source.
    fn offset(&self, piece: &str) -> usize {
        (piece.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize).min(self.source.len())
    }

    fn run(&mut self) -> Result<(), Fault> {
        let mut reader = Reader::from_str(self.source);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.check_comments = true;
        loop {
            let begin = reader.buffer_position() as usize;
            let event = reader
                .read_event()
                .map_err(|e| (reader.error_position() as usize, XmlErrorKind::Syntax(e.to_string())))?;
            match event {
                Event::Start(tag) => self.start(&tag, begin, true)?,
                Event::Empty(tag) => self.start(&tag, begin, false)?,
                Event::End(tag) => self.end(&tag, begin)?,
                Event::Text(text) => self.characters(&text)?,
                Event::GeneralRef(reference) => self.reference(&reference, begin)?,
                Event::CData(data) => self.other(Kind::Cdata, &data, begin)?,
                Event::Comment(comment) => self.other(Kind::Comment, &comment, begin)?,
                Event::DocType(_) => return Err((begin, XmlErrorKind::DocumentType)),
                Event::Decl(_) if begin != 0 => {
                    return Err((begin, XmlErrorKind::Syntax("XML declaration not at the start".into())));
                }
                Event::Decl(_) => {}
                Event::PI(pi) => {
                    self.check_characters(&pi)?;
                    if pi.target().eq_ignore_ascii_case("xml") || !is_name(pi.target()) {
                        return Err((begin, XmlErrorKind::BadName(pi.target().into())));
                    }
                }
                Event::Eof => break,
            }
        }
        self.flush_text()?;
        let end = self.source.len();
        if self.open != NONE {
            return Err((end, XmlErrorKind::Unclosed(self.doc.name(NodeIx(self.open)).into())));
        }
        if self.doc.root == NONE {
            return Err((end, XmlErrorKind::Empty));
        }
        Ok(())
    }

    fn line_at(&mut self, offset: usize) -> u32 {
        let passed = &self.source.as_bytes()[self.counted..offset];
        self.line += if passed.len() < 32 {
            passed.iter().filter(|&&b| b == b'\n').count() as u32
        } else {
            memchr::memchr_iter(b'\n', passed).count() as u32
        };
        self.counted = offset;
        self.line
    }

    fn start(&mut self, tag: &str, begin: usize, open: bool) -> Result<(), Fault> {
        self.flush_text()?;
        if self.open == NONE && self.doc.root != NONE {
            return Err((begin, XmlErrorKind::OutsideRoot));
        }
        if self.depth >= self.limits.depth {
            return Err((begin, XmlErrorKind::Limit { what: "levels of elements", max: self.limits.depth }));
        }
        let at = self.offset(tag);
        let bytes = tag.as_bytes();
        let name_len = bytes.iter().position(|&b| is_blank(b)).unwrap_or(bytes.len());
        let name = self.name(&tag[..name_len], at)?;
        let n = self.node(name, begin)?;
        let first = self.doc.attrs.len();
        self.attributes(tag, name_len, at)?;
        let count = (self.doc.attrs.len() - first) as u16;
        let node = &mut self.doc.nodes[n.0 as usize];
        (node.attrs, node.attrs_len, node.attrs_cap) = (first as u32, count, count);
        self.attach(n);
        if open {
            self.open = n.0;
            self.depth += 1;
        }
        Ok(())
    }

    fn node(&mut self, name: Name, begin: usize) -> Result<NodeIx, Fault> {
        if self.doc.nodes.len() >= self.limits.nodes {
            return Err((begin, XmlErrorKind::Limit { what: "nodes", max: self.limits.nodes }));
        }
        let line = self.line_at(begin);
        let n = self.doc.new_node(name);
        self.doc.nodes[n.0 as usize].line = line;
        Ok(n)
    }

    fn attach(&mut self, n: NodeIx) {
        if self.open == NONE {
            self.doc.root = n.0;
            return;
        }
        let parent = self.open as usize;
        let last = self.doc.nodes[parent].last;
        let node = &mut self.doc.nodes[n.0 as usize];
        (node.parent, node.prev) = (self.open, last);
        match last {
            NONE => self.doc.nodes[parent].first = n.0,
            last => self.doc.nodes[last as usize].next = n.0,
        }
        self.doc.nodes[parent].last = n.0;
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Name, Fault> {
        if let Some(name) = self.doc.names.find(name) {
            return Ok(name);
        }
        if !is_name(name) {
            return Err((at, XmlErrorKind::BadName(name.into())));
        }
        if self.doc.names.len() >= self.limits.names {
            return Err((at, XmlErrorKind::Limit { what: "different names", max: self.limits.names }));
        }
        Ok(self.doc.names.intern(name))
    }

    /// Reads ` name="value"` pairs from `tag[from..]`; `at` is the offset of `tag` in the source.
    fn attributes(&mut self, tag: &str, from: usize, at: usize) -> Result<(), Fault> {
        let bytes = tag.as_bytes();
        let first = self.doc.attrs.len();
        let bad = |i: usize| {
            let name = tag.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
            (at + i, XmlErrorKind::BadAttributes(name.into()))
        };
        let skip = |mut i: usize| {
            while i < bytes.len() && is_blank(bytes[i]) {
                i += 1;
            }
            i
        };
        let mut i = from;
        loop {
            let start = skip(i);
            if start == bytes.len() {
                return Ok(());
            }
            if start == i {
                return Err(bad(i));
            }
            let mut end = start;
            while end < bytes.len() && bytes[end] != b'=' && !is_blank(bytes[end]) {
                end += 1;
            }
            let name = self.name(&tag[start..end], at + start)?;
            let equals = skip(end);
            if bytes.get(equals) != Some(&b'=') {
                return Err(bad(equals));
            }
            let open = skip(equals + 1);
            let quote = *bytes.get(open).filter(|&&b| b == b'"' || b == b'\'').ok_or_else(|| bad(open))?;
            let mut close = open + 1;
            let mut found = PLAIN;
            while close < bytes.len() && bytes[close] != quote {
                found |= CLASS[usize::from(bytes[close])];
                close += 1;
            }
            if close == bytes.len() {
                return Err(bad(open));
            }
            if self.doc.attrs.len() - first >= self.limits.attributes.min(usize::from(u16::MAX)) {
                let max = self.limits.attributes;
                return Err((at + start, XmlErrorKind::Limit { what: "attributes of one element", max }));
            }
            if self.doc.attrs[first..].iter().any(|a| a.name == name) {
                return Err((at + start, XmlErrorKind::DuplicateAttribute(tag[start..end].into())));
            }
            let value = if found == PLAIN {
                Span { start: (at + open + 1) as u32, len: (close - open - 1) as u32 }
            } else {
                self.value(&tag[open + 1..close], found, at + open + 1)?
            };
            self.doc.attrs.push(Attr { name, value });
            i = close + 1;
        }
    }

    /// A value that is not plain: checks it, resolves references, normalises white space.
    fn value(&mut self, raw: &str, found: u8, at: usize) -> Result<Span, Fault> {
        if found & (FORBIDDEN | MAYBE) != 0 {
            self.check_characters(raw)?;
            if let Some(i) = raw.find('<') {
                return Err((at + i, XmlErrorKind::BadCharacter(u32::from('<'))));
            }
        }
        if found & (SPACE | REFERENCE) == 0 {
            return Ok(Span { start: at as u32, len: raw.len() as u32 });
        }
        let start = self.doc.text.len();
        let mut i = 0;
        while let Some(c) = raw[i..].chars().next() {
            match c {
                '\r' if raw[i + 1..].starts_with('\n') => {}
                '\n' | '\t' | '\r' => self.doc.text.push(' '),
                '&' => {
                    let end = raw[i..].find(';');
                    let name = &raw[i + 1..end.map_or(raw.len(), |end| i + end)];
                    let (Some(end), Some(c)) = (end, resolve(name)) else {
                        return Err((at + i, XmlErrorKind::BadReference(name.into())));
                    };
                    self.doc.text.push(c);
                    i += end;
                }
                c => self.doc.text.push(c),
            }
            i += c.len_utf8();
        }
        Ok(Span { start: start as u32, len: (self.doc.text.len() - start) as u32 })
    }

    fn end(&mut self, tag: &str, begin: usize) -> Result<(), Fault> {
        self.flush_text()?;
        if self.open == NONE {
            return Err((begin, XmlErrorKind::OutsideRoot));
        }
        let found = tag.trim_end_matches([' ', '\t', '\n', '\r']);
        let node = &self.doc.nodes[self.open as usize];
        let expected = self.doc.names.text(node.name);
        if found != expected {
            return Err((begin, XmlErrorKind::Mismatch { expected: expected.into(), found: found.into() }));
        }
        self.open = node.parent;
        self.depth -= 1;
        Ok(())
    }

    fn characters(&mut self, text: &str) -> Result<(), Fault> {
        let bytes = text.as_bytes();
        let at = self.offset(text);
        if bytes.iter().all(|&b| is_blank(b)) {
            if self.open != NONE {
                self.piece(Span { start: at as u32, len: text.len() as u32 }, true, at);
            }
            return Ok(());
        }
        if self.open == NONE {
            return Err((at, XmlErrorKind::OutsideRoot));
        }
        self.check_characters(text)?;
        if let Some(i) = memchr::memmem::find(bytes, b"]]>") {
            return Err((at + i, XmlErrorKind::Syntax("']]>' in text".into())));
        }
        let span = if text.contains('\r') {
            let unified = unify_line_ends(text);
            self.doc.push_text(&unified)
        } else {
            Span { start: at as u32, len: text.len() as u32 }
        };
        self.piece(span, false, at);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>, begin: usize) -> Result<(), Fault> {
        let name: &str = reference;
        if self.open == NONE {
            return Err((begin, XmlErrorKind::OutsideRoot));
        }
        let c = resolve(name).ok_or_else(|| (begin, XmlErrorKind::BadReference(name.into())))?;
        let span = self.doc.push_text(c.encode_utf8(&mut [0; 4]));
        self.piece(span, c.is_ascii_whitespace(), begin);
        Ok(())
    }

    fn piece(&mut self, span: Span, blank: bool, at: usize) {
        if self.text.is_empty() {
            self.text_line = self.line_at(at);
            self.blank = true;
        }
        self.blank &= blank;
        self.text.push(span);
    }

    /// Makes one text node of the pieces collected so far, unless they are blank or not wanted.
    fn flush_text(&mut self) -> Result<(), Fault> {
        if self.text.is_empty() {
            return Ok(());
        }
        let pieces = core::mem::take(&mut self.text);
        if !self.blank && self.limits.keep_text {
            let begin = self.counted;
            let n = self.node(Name::TEXT, begin)?;
            self.doc.nodes[n.0 as usize].line = self.text_line;
            let value = match pieces[..] {
                [one] => one,
                _ => {
                    let all: String = pieces.iter().map(|&p| self.doc.str(p)).collect();
                    self.doc.push_text(&all)
                }
            };
            self.doc.set_content(n, value);
            self.attach(n);
        }
        self.text = pieces;
        self.text.clear();
        Ok(())
    }

    fn other(&mut self, kind: Kind, content: &str, begin: usize) -> Result<(), Fault> {
        self.check_characters(content)?;
        if self.open == NONE {
            // Comments around the root element are not part of the tree.
            return if kind == Kind::Comment { Ok(()) } else { Err((begin, XmlErrorKind::OutsideRoot)) };
        }
        self.flush_text()?;
        let name = if kind == Kind::Comment { Name::COMMENT } else { Name::CDATA };
        let n = self.node(name, begin)?;
        let value = if content.contains('\r') {
            self.doc.push_text(&unify_line_ends(content))
        } else {
            Span { start: self.offset(content) as u32, len: content.len() as u32 }
        };
        self.doc.set_content(n, value);
        self.attach(n);
        Ok(())
    }

    fn check_characters(&self, text: &str) -> Result<(), Fault> {
        if classes(text.as_bytes()) & (FORBIDDEN | MAYBE) == 0 {
            return Ok(());
        }
        match text.char_indices().find(|&(_, c)| !is_xml_char(c)) {
            Some((i, c)) => Err((self.offset(text) + i, XmlErrorKind::BadCharacter(u32::from(c)))),
            None => Ok(()),
        }
    }
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

fn unify_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The character that a reference (without `&` and `;`) stands for.
fn resolve(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
            if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|&c| is_xml_char(c))
        }
    }
}
