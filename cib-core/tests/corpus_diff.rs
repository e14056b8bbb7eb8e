//! The comparison corpus: patch sets, digests, displays and applications, byte by byte.

mod corpus;

use cib_core::patch::{Ordered, Patch, diff, diff_without_version, digest};
use cib_core::xml::{Document, Limits};
use corpus::{Group, Tally};

fn parse(text: &str) -> Document {
    Document::parse_with(text, &Limits::file()).expect("corpus documents are well-formed")
}

fn pretty(patch: Option<&Patch>) -> String {
    patch.map_or(String::new(), Patch::write)
}

#[test]
fn diff_corpus() {
    let Some(group) = Group::open("cib/diff") else { return };
    let names = ["patch", "cpatch", "upatch", "digest", "text", "apply", "capply"];
    let mut tally = Tally::new(&names);
    for case in group.cases() {
        let file = |suffix: &str| group.read(&format!("{case}.{suffix}"));
        let (Some(old), Some(new)) = (file("old.xml"), file("new.xml")) else { continue };
        let (old, new) = (parse(&old), parse(&new));

        let plain = diff(&old, &new, Ordered::Yes);
        tally.check("patch", &case, &pretty(plain.as_ref()), &file("patch.xml").unwrap_or_default());
        let checked = diff(&old, &new, Ordered::No).map(|p| p.with_digest(&new));
        tally.check("cpatch", &case, &pretty(checked.as_ref()), &file("cpatch.xml").unwrap_or_default());
        let unversioned = diff_without_version(&old, &new, Ordered::Yes);
        tally.check("upatch", &case, &pretty(unversioned.as_ref()), &file("upatch.xml").unwrap_or_default());

        let digests = format!(
            "old-disk {}\nold-versioned {}\nnew-disk {}\nnew-versioned {}\n",
            digest::on_disk(&old),
            digest::versioned(&old),
            digest::on_disk(&new),
            digest::versioned(&new)
        );
        tally.check("digest", &case, &digests, &file("digest").unwrap_or_default());
        if let Some(text) = file("text") {
            tally.check("text", &case, &plain.as_ref().map_or(String::new(), Patch::display), &text);
        }
        if let Some(patch) = file("patch.xml").filter(|p| !p.is_empty()) {
            let mut doc = old.clone();
            let result = Patch::from_document(parse(&patch)).apply(&mut doc);
            let expected = file("applied.xml").unwrap_or_else(|| new.write());
            let found = result.map_or_else(|e| e.to_string(), |()| doc.write());
            tally.check("apply", &case, &found, &expected);
        }
        if let (Some(patch), Some(expected)) = (file("cpatch.xml"), file("capply")) {
            let mut doc = old.clone();
            let found = match Patch::from_document(parse(&patch)).apply_checked(&mut doc) {
                Ok(()) => "rc 0\n".to_owned(),
                Err(e) => {
                    let before = old.write();
                    assert_eq!(doc.write(), before, "{case}: a failed patch leaves the document untouched");
                    format!("rc {}\ncrm_diff: Could not apply patch: {}\n", e.code().exit(), e.code())
                }
            };
            tally.check("capply", &case, &found, &expected);
        }
    }
    tally.finish();
}
