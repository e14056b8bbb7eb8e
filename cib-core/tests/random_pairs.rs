//! Random pairs of documents: a patch leads from one exactly to the other, and nowhere from anything else.

mod support;

use cib_core::patch::{Ordered, Patch, diff, digest};
use cib_core::xml::{Document, Limits};
use support::{Random, changed, document};

#[test]
fn ten_thousand_pairs_agree() {
    let mut patches = 0;
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let old = document(&mut random);
        let new = changed(&old, &mut random);
        let Some(patch) = diff(&old, &new, Ordered::Yes) else {
            assert_eq!(old.write(), new.write(), "seed {seed}: no patch, but a difference");
            continue;
        };
        patches += 1;
        // As it travels: as text.
        let patch = Patch::from_document(Document::parse(&patch.with_digest(&new).write()).expect("XML"));
        let mut result = old.clone();
        patch.apply(&mut result).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{}", patch.write()));
        assert_eq!(result.write(), new.write(), "seed {seed}\n{}", patch.write());
        assert_eq!(digest::versioned(&result), digest::versioned(&new), "seed {seed}");
    }
    assert!(patches > 9_000, "{patches} pairs differ");
}

#[test]
fn a_patch_that_fails_leaves_no_trace() {
    let mut failed = 0;
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let old = document(&mut random);
        let new = changed(&old, &mut random);
        let Some(patch) = diff(&old, &new, Ordered::Yes) else { continue };
        let mut other = changed(&document(&mut random), &mut random);
        let before = other.write();
        if patch.with_digest(&new).apply(&mut other).is_err() {
            failed += 1;
            assert_eq!(other.write(), before, "seed {seed}");
            let again = Document::parse_with(&before, &Limits::file()).expect("XML");
            assert_eq!(digest::on_disk(&other), digest::on_disk(&again), "seed {seed}");
        }
    }
    assert!(failed > 1_000, "{failed} patches failed");
}

#[test]
fn order_of_attributes_is_ignored_on_demand() {
    let old = Document::parse(r#"<cib><a id="1" x="1" y="2"/></cib>"#).unwrap();
    let new = Document::parse(r#"<cib><a y="2" x="1" id="1"/></cib>"#).unwrap();
    assert!(diff(&old, &new, Ordered::Yes).is_some());
    assert!(diff(&old, &new, Ordered::No).is_none());
}
