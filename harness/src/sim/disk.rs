//! The virtual disk of a node: what was synced survives a crash, what was not may be lost or torn.

use crate::node::FileOp;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;

/// The files of one node.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// As programs see them.
    files: BTreeMap<String, Vec<u8>>,
    /// As they are after a crash.
    durable: BTreeMap<String, Vec<u8>>,
    /// No write succeeds any more.
    pub full: bool,
}

impl Disk {
    /// Carries out one operation; `false` if the disk is full.
    pub fn apply(&mut self, op: &FileOp) -> bool {
        match op {
            FileOp::Write { name, content } => {
                if self.full {
                    return false;
                }
                self.files.insert(name.clone(), content.clone());
            }
            FileOp::Sync { name } => {
                if let Some(content) = self.files.get(name) {
                    self.durable.insert(name.clone(), content.clone());
                }
            }
            FileOp::Rename { from, to } => {
                // Renaming is atomic and, as journalling file systems order it, durable with the content that was synced.
                if let Some(content) = self.files.remove(from) {
                    self.files.insert(to.clone(), content);
                }
                if let Some(content) = self.durable.remove(from) {
                    self.durable.insert(to.clone(), content);
                }
            }
            FileOp::Remove { name } => {
                self.files.remove(name);
                self.durable.remove(name);
            }
        }
        true
    }

    /// A file as programs see it.
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Power is lost: each file that was not synced is old, new, or torn in the middle.
    pub fn crash(&mut self, rng: &mut impl Rng) {
        let names: Vec<String> = self.files.keys().filter(|n| self.durable.get(*n) != self.files.get(*n)).cloned().collect();
        for name in names {
            match rng.random_range(0..3) {
                0 => {
                    let content = self.files[&name].clone();
                    self.durable.insert(name, content);
                }
                1 => {
                    let content = &self.files[&name];
                    let torn = content[..rng.random_range(0..=content.len())].to_vec();
                    self.durable.insert(name, torn);
                }
                _ => {}
            }
        }
        self.files = self.durable.clone();
    }

    /// All is gone.
    pub fn erase(&mut self) {
        *self = Disk::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn what_was_synced_survives() {
        let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(3);
        let mut disk = Disk::default();
        let write = |c: &str| FileOp::Write { name: "a.new".into(), content: c.into() };
        for op in [write("one"), FileOp::Sync { name: "a.new".into() }, FileOp::Rename { from: "a.new".into(), to: "a".into() }] {
            assert!(disk.apply(&op));
        }
        disk.apply(&write("two, never synced"));
        disk.crash(&mut rng);
        assert_eq!(disk.read("a"), Some(&b"one"[..]));
    }
}
