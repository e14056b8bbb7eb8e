//! Any patch on any document, separated by a zero byte: a failure leaves the document as it was. Any two documents: the
//! patch between them can be applied or refused, never more.
#![no_main]

use cib_core::patch::{Ordered, Patch, diff};
use cib_core::xml::{Document, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(middle) = bytes.iter().position(|&b| b == 0) else { return };
    let parse = |bytes| Document::parse_bytes(bytes, &Limits::file()).ok();
    let (Some(old), Some(new)) = (parse(&bytes[..middle]), parse(&bytes[middle + 1..])) else { return };
    let before = old.write();
    let mut doc = old.clone();
    if Patch::from_document(new.clone()).apply(&mut doc).is_err() {
        assert_eq!(doc.write(), before);
    }
    if let Some(patch) = diff(&old, &new, Ordered::Yes) {
        let _ = patch.display();
        let mut doc = old.clone();
        if patch.with_digest(&new).apply(&mut doc).is_err() {
            assert_eq!(doc.write(), before);
        }
    }
});
