//! Finding the corpus, and counting what is equal.
#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// One directory of the corpus.
pub struct Group {
    pub dir: PathBuf,
}

impl Group {
    /// The directory, if there is a corpus on this machine; says so where there is none.
    pub fn open(name: &str) -> Option<Group> {
        let root = match std::env::var_os("METRONOME_CORPUS") {
            Some(root) => PathBuf::from(root),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
        };
        let dir = root.join(name);
        if !dir.is_dir() {
            println!("skipped: no corpus at {}", dir.display());
            return None;
        }
        Some(Group { dir })
    }

    /// The names of the cases: what stands before the first dot of file names.
    pub fn cases(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.dir).expect("a readable corpus");
        let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
        names.filter_map(|n| Some(n.split_once('.')?.0.to_owned())).collect()
    }

    /// A file of the directory.
    pub fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(file)).ok()
    }
}

/// Counts of equal results by kind.
pub struct Tally {
    counts: BTreeMap<&'static str, (usize, usize)>,
    failures: Vec<String>,
}

impl Tally {
    pub fn new(kinds: &[&'static str]) -> Tally {
        Tally { counts: kinds.iter().map(|&k| (k, (0, 0))).collect(), failures: Vec::new() }
    }

    pub fn check(&mut self, kind: &'static str, case: &str, found: &str, expected: &str) {
        let count = self.counts.entry(kind).or_default();
        count.1 += 1;
        if found == expected {
            count.0 += 1;
        } else {
            self.failures.push(format!("--- {case}: {kind}\nexpected:\n{expected}\nfound:\n{found}"));
        }
    }

    pub fn finish(self) {
        for (kind, (equal, all)) in &self.counts {
            println!("{kind}: {equal}/{all} equal");
        }
        assert!(self.counts.values().all(|(_, all)| *all > 0), "a kind was never checked");
        assert!(self.failures.is_empty(), "{} differ\n{}", self.failures.len(), self.failures.join("\n"));
    }
}
