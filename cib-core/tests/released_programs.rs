//! Side by side with the released `crm_diff` and `cibadmin`, where they are installed: they apply our patches, and they
//! and we give the same digests. `METRONOME_PAIRS` sets the number of pairs.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use cib_core::patch::{Ordered, Patch, diff, digest};
use cib_core::xml::{Document, Limits};
use support::{Random, changed, document};

fn run(program: &str, args: &[&str]) -> Option<(i32, String)> {
    let out = Command::new(program).args(args).env("LC_ALL", "C").output().ok()?;
    Some((out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stdout).into_owned()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn the_released_programs_agree() {
    if run("crm_diff", &["--version"]).is_none() || run("cibadmin", &["--version"]).is_none() {
        println!("skipped: crm_diff and cibadmin are not installed");
        return;
    }
    let pairs: u64 = std::env::var("METRONOME_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    let first: u64 = std::env::var("METRONOME_FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (a, b, p) = (dir.path().join("a.xml"), dir.path().join("b.xml"), dir.path().join("p.xml"));
    let mut patches = 0;
    for seed in first..first + pairs {
        let mut random = Random::new(seed);
        let old = document(&mut random);
        let new = changed(&old, &mut random);
        fs::write(&a, old.write()).expect("a file");
        fs::write(&b, new.write()).expect("a file");
        for (option, ours) in [("--md5-sum", digest::on_disk(&new)), ("--md5-sum-versioned", digest::versioned(&new))] {
            let (code, theirs) = run("cibadmin", &[option, "--xml-file", text(&b)]).expect("installed");
            assert_eq!((code, theirs.trim()), (0, ours.as_str()), "seed {seed}: {option}");
        }
        let Some(patch) = diff(&old, &new, Ordered::Yes) else { continue };
        patches += 1;
        fs::write(&p, patch.write()).expect("a file");
        let (code, theirs) = run("crm_diff", &["--original", text(&a), "--patch", text(&p)]).expect("installed");
        assert_eq!(code, 0, "seed {seed}: our patch is refused\n{}", patch.write());
        let theirs = Document::parse_with(&theirs, &Limits::file()).expect("XML");
        assert_eq!(theirs.write(), new.write(), "seed {seed}: our patch leads elsewhere\n{}", patch.write());
        // And the other way round: we apply theirs.
        let (code, theirs) = run("crm_diff", &["--original", text(&a), "--new", text(&b)]).expect("installed");
        if code == 1 {
            let patch = Patch::from_document(Document::parse_with(&theirs, &Limits::file()).expect("XML"));
            let mut result = old.clone();
            let applied = patch.apply(&mut result);
            // Release 2.1.5 does not report comments behind deleted siblings.
            let comments = |doc: &Document| doc.descendant_nodes(doc.root()).any(|n| !doc.is_element(n));
            if !comments(&old) && !comments(&new) {
                assert_eq!(applied, Ok(()), "seed {seed}: their patch\n{theirs}");
                assert_eq!(result.write(), new.write(), "seed {seed}: their patch leads elsewhere\n{theirs}");
            }
        }
    }
    println!("{pairs} pairs, {patches} patches: equal");
}
