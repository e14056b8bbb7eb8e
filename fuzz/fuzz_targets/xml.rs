//! Any text: parsing ends with a document or an error; what was parsed is written and read back alike.
#![no_main]

use cib_core::xml::{Document, Limits, Style, XPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(doc) = Document::parse_bytes(bytes, &Limits::default()) {
        let text = doc.write_node(doc.root(), Style::CompactText);
        let again = Document::parse(&text).expect("what was written can be read");
        assert_eq!(again.write_node(again.root(), Style::CompactText), text);
    }
    if let Ok(Ok(xpath)) = core::str::from_utf8(bytes).map(XPath::parse) {
        let doc = Document::parse("<a x='1'><b id='2'/><!--c--><b>t</b></a>").expect("well-formed");
        let _ = xpath.select_within(&doc, 100_000);
    }
});
