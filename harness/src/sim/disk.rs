//! The virtual disk of a node: what was synced survives a crash, what was not may be lost or torn.

use super::scenario::DiskFault;
use crate::node::Persist;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The files of one node.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// As programs see them, with the moment of their last change.
    files: BTreeMap<String, (Arc<[u8]>, u64)>,
    /// As they are after a crash.
    durable: BTreeMap<String, Arc<[u8]>>,
    /// No write succeeds any more.
    pub full: bool,
    /// How long a sync takes.
    pub slow: Duration,
    /// Says that the CIB is durable when it is not.
    pub lies: bool,
    moment: u64,
}

impl Disk {
    /// An empty disk; one that lies loses what was synced.
    pub fn new(lies: bool) -> Self {
        Disk { lies, ..Disk::default() }
    }

    /// Carries out one step; `false` if the disk is full.
    pub fn apply(&mut self, step: &Persist) -> bool {
        self.moment += 1;
        match step {
            Persist::Write { name, content } => {
                if self.full {
                    return false;
                }
                self.put(name, content.as_bytes().into());
            }
            Persist::Link { from, to } => {
                if let Some((content, _)) = self.files.get(from).cloned() {
                    self.put(to, content);
                }
                if let Some(content) = self.durable.get(from).cloned() {
                    self.durable.insert(to.clone(), content);
                }
            }
            Persist::Sync(name) => {
                let lies = self.lies && name.contains("cib");
                if let (Some((content, _)), false) = (self.files.get(name), lies) {
                    self.durable.insert(name.clone(), content.clone());
                }
            }
            Persist::Rename { from, to } => {
                // Renaming is atomic and, as journalling file systems order it, durable with the content that was synced.
                if let Some((content, _)) = self.files.remove(from) {
                    self.put(to, content);
                }
                if let Some(content) = self.durable.remove(from) {
                    self.durable.insert(to.clone(), content);
                }
            }
            // Names are durable as soon as they are changed.
            Persist::SyncDirectory => {}
            Persist::Remove(name) => {
                self.files.remove(name);
                self.durable.remove(name);
            }
        }
        true
    }

    /// How long a step takes.
    pub fn time_of(&self, step: &Persist) -> Duration {
        if matches!(step, Persist::Sync(_)) { self.slow } else { Duration::ZERO }
    }

    /// The disk begins or ceases to fail.
    pub fn set(&mut self, fault: DiskFault) {
        self.full = fault == DiskFault::Full;
        self.slow = if let DiskFault::Slow(span) = fault { span } else { Duration::ZERO };
    }

    fn put(&mut self, name: &str, content: Arc<[u8]>) {
        self.files.insert(name.to_owned(), (content, self.moment));
    }

    /// A file as programs see it.
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|(content, _)| &**content)
    }

    /// Names of all files, with the moment of their last change.
    pub fn names(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(name, (_, moment))| (name.as_str(), *moment))
    }

    /// Power is lost: each file that was not synced is old, new, or torn in the middle.
    pub fn crash(&mut self, rng: &mut impl Rng) {
        let unsynced: Vec<(String, Arc<[u8]>)> = self
            .files
            .iter()
            .filter(|(name, (content, _))| {
                self.durable.get(*name).is_none_or(|old| !Arc::ptr_eq(old, content) && old != content)
            })
            .map(|(name, (content, _))| (name.clone(), content.clone()))
            .collect();
        for (name, content) in unsynced {
            match rng.random_range(0..3) {
                0 => {
                    self.durable.insert(name, content);
                }
                1 => {
                    let torn = content[..rng.random_range(0..=content.len())].into();
                    self.durable.insert(name, torn);
                }
                _ => {}
            }
        }
        self.files =
            self.durable.iter().map(|(name, content)| (name.clone(), (content.clone(), self.moment))).collect();
    }

    /// All is gone.
    pub fn erase(&mut self) {
        self.files.clear();
        self.durable.clear();
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
        let write = |c: &str| Persist::Write { name: "a.new".into(), content: c.into() };
        let rename = Persist::Rename { from: "a.new".into(), to: "a".into() };
        for step in [write("one"), Persist::Sync("a.new".into()), rename] {
            assert!(disk.apply(&step));
        }
        disk.apply(&write("two, never synced"));
        disk.crash(&mut rng);
        assert_eq!(disk.read("a"), Some(&b"one"[..]));
    }
}
