//! Text to tree. The tokens come from `quick-xml`; what it leaves open (attributes, characters, nesting) is checked here.

use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

use super::characters::{FORBIDDEN, MAYBE, classes, is_blank, is_xml_char, resolve, unify_line_ends};
use super::document::{Document, Kind, NONE, NodeIx, Span};
use super::error::XmlErrorKind;
use super::limits::Limits;
use super::names::{Name, is_name};

/// What is wrong, and at which byte of the source.
pub(super) type Fault = (usize, XmlErrorKind);

pub(super) struct Parser<'a> {
    source: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) doc: Document,
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

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str, limits: &'a Limits) -> Self {
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

    pub(super) fn run(&mut self) -> Result<(), Fault> {
        // The tokenizer passes over a byte order mark without counting it.
        let mark = if self.source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        if self.source[mark..].starts_with('\u{feff}') {
            return Err((mark, XmlErrorKind::OutsideRoot));
        }
        let mut reader = Reader::from_str(&self.source[mark..]);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.check_comments = true;
        loop {
            let begin = mark + reader.buffer_position() as usize;
            let event = reader
                .read_event()
                .map_err(|e| (mark + reader.error_position() as usize, XmlErrorKind::Syntax(e.to_string())))?;
            match event {
                Event::Start(tag) => self.start(&tag, begin, true)?,
                Event::Empty(tag) => self.start(&tag, begin, false)?,
                Event::End(tag) => self.end(&tag, begin)?,
                Event::Text(text) => self.characters(&text)?,
                Event::GeneralRef(reference) => self.reference(&reference, begin)?,
                Event::CData(data) => self.other(Kind::Cdata, &data, begin)?,
                Event::Comment(comment) => self.other(Kind::Comment, &comment, begin)?,
                Event::DocType(_) => return Err((begin, XmlErrorKind::DocumentType)),
                Event::Decl(_) if begin != mark => {
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

    pub(super) fn name(&mut self, name: &str, at: usize) -> Result<Name, Fault> {
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

    pub(super) fn check_characters(&self, text: &str) -> Result<(), Fault> {
        if classes(text.as_bytes()) & (FORBIDDEN | MAYBE) == 0 {
            return Ok(());
        }
        match text.char_indices().find(|&(_, c)| !is_xml_char(c)) {
            Some((i, c)) => Err((self.offset(text) + i, XmlErrorKind::BadCharacter(u32::from(c)))),
            None => Ok(()),
        }
    }
}
