//! Digests of documents: MD5 over exactly specified text, as 32 lower-case hexadecimal digits [CB-10].

use md5::{Digest, Md5};
use smallvec::SmallVec;

use crate::xml::{Document, Name, NodeIx, Sink, WriteOptions};

/// Attributes that the versioned digest leaves out, wherever they occur.
const TRACKING: [&str; 5] = ["crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user"];

/// The digest stored beside a document on disk: one space, the compact form, one newline.
pub fn on_disk(doc: &Document) -> String {
    on_disk_of(doc, doc.root())
}

/// [`on_disk`] of one element.
pub fn on_disk_of(doc: &Document, n: NodeIx) -> String {
    let mut sink = Hash::new();
    sink.put(" ");
    doc.write_to(n, &WriteOptions::default(), &mut sink);
    sink.put("\n");
    sink.finish()
}

/// The digest that equal copies of a version have on all members: the compact form without tracking attributes.
pub fn versioned(doc: &Document) -> String {
    versioned_of(doc, doc.root())
}

/// [`versioned`] of one element.
pub fn versioned_of(doc: &Document, n: NodeIx) -> String {
    let omit: SmallVec<[Name; 5]> = TRACKING.iter().filter_map(|name| doc.find_name(name)).collect();
    let mut sink = Hash::new();
    doc.write_to(n, &WriteOptions { omit: &omit, ..WriteOptions::default() }, &mut sink);
    sink.finish()
}

/// The digest of the parameters of an operation: the on-disk form of one element without children whose attributes are
/// sorted by name.
pub fn operation<'a>(element: &str, attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut attributes: Vec<(&str, &str)> = attributes.into_iter().collect();
    attributes.sort_by_key(|&(name, _)| name.as_bytes());
    let mut doc = Document::new(element);
    let root = doc.root();
    for (name, value) in attributes {
        doc.set_attr(root, name, value);
    }
    on_disk(&doc)
}

/// The MD5 digest of a text as hexadecimal digits.
pub fn md5_hex(text: &str) -> String {
    let mut sink = Hash::new();
    sink.put(text);
    sink.finish()
}

/// Collects small pieces, so that the hash sees long ones.
struct Hash {
    md5: Md5,
    buffer: String,
}

const BUFFER: usize = 16 << 10;

impl Hash {
    fn new() -> Self {
        Hash { md5: Md5::new(), buffer: String::with_capacity(BUFFER + 1024) }
    }

    fn finish(mut self) -> String {
        self.md5.update(self.buffer.as_bytes());
        let mut hex = String::with_capacity(32);
        for b in self.md5.finalize() {
            for digit in [b >> 4, b & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        hex
    }
}

impl Sink for Hash {
    fn text(&mut self) -> &mut String {
        if self.buffer.len() >= BUFFER {
            self.md5.update(self.buffer.as_bytes());
            self.buffer.clear();
        }
        &mut self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_example() {
        let doc = Document::parse(r#"<x id="r"><a id="1"/></x>"#).unwrap();
        assert_eq!(versioned(&doc), "53ddc45717944aecc989bd4924dfe7cd");
        assert_eq!(on_disk(&doc), "1c67ba0840264db6359267da45a89113");
        assert_eq!(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn tracking_attributes_do_not_count() {
        let a = Document::parse(r#"<cib update-user="x"><b crm-debug-origin="y" c="1"/></cib>"#).unwrap();
        let b = Document::parse(r#"<cib><b c="1"/></cib>"#).unwrap();
        assert_eq!(versioned(&a), versioned(&b));
        assert_ne!(on_disk(&a), on_disk(&b));
        assert_eq!(operation("p", [("b", "1"), ("a", "2")]), operation("p", [("a", "2"), ("b", "1")]));
    }
}
