//! The attributes of a tag.

use super::characters::{CLASS, FORBIDDEN, MAYBE, PLAIN, REFERENCE, SPACE, is_blank, resolve};
use super::document::{Attr, Span};
use super::error::XmlErrorKind;
use super::parse::{Fault, Parser};

impl Parser<'_> {
    /// Reads ` name="value"` pairs from `tag[from..]`; `at` is the offset of `tag` in the source.
    pub(super) fn attributes(&mut self, tag: &str, from: usize, at: usize) -> Result<(), Fault> {
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
}
