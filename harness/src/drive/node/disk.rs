//! The state directory of a node: one node at a time, files written in the order that the node says, a number that grows
//! with every start.

use crate::node::{Persist, Stored};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Held locked as long as a node uses the directory.
const LOCK: &str = "lock";
/// Counts the starts.
const LIVES: &str = "lives";

/// Why the state of a node cannot be read or made durable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// Another process uses the directory.
    #[error("{}: another node uses this state directory", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A step names something that is no file of the directory.
    #[error("'{0}' is not the name of a file")]
    Name(String),
}

/// The directory, locked for this process.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    directory: File,
    _lock: File,
}

impl Disk {
    /// Opens the directory, and makes it if need be.
    ///
    /// # Errors
    /// Another node uses it, or the system refuses.
    pub fn open(path: impl Into<PathBuf>) -> Result<Disk, DiskError> {
        let path = path.into();
        let fail = |error| DiskError::Io { path: path.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&path).map_err(fail)?;
        let options = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
        let lock = options.open(path.join(LOCK)).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DiskError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let directory = File::open(&path).map_err(fail)?;
        Ok(Disk { path, directory, _lock: lock })
    }

    /// Counts a start, durably, and says its number.
    ///
    /// # Errors
    /// The number cannot be made durable.
    pub fn begin_life(&mut self) -> Result<u32, DiskError> {
        let text = fs::read_to_string(self.path.join(LIVES)).unwrap_or_default();
        let life = text.trim().parse::<u32>().unwrap_or(0).saturating_add(1);
        let new = format!("{LIVES}.new");
        for step in [
            Persist::Write { name: new.clone(), content: format!("{life}\n") },
            Persist::Sync(new.clone()),
            Persist::Rename { from: new, to: LIVES.to_owned() },
            Persist::SyncDirectory,
        ] {
            self.carry_out(&step)?;
        }
        Ok(life)
    }

    /// What the directory holds.
    ///
    /// # Errors
    /// The directory cannot be read. A single file that cannot is as good as none.
    pub fn stored(&self) -> Result<Stored, DiskError> {
        let fail = |error| DiskError::Io { path: self.path.clone(), error };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if metadata.is_file() && name != LOCK && !name.starts_with(LIVES) {
                let changed = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
                names.push((name, u64::try_from(changed).unwrap_or(0)));
            }
        }
        names.sort();
        let read = |name: &str| fs::read(self.path.join(name)).ok();
        Ok(Stored::read(read, names.iter().map(|(name, changed)| (name.as_str(), *changed))))
    }

    /// Carries out one step; when it returns, what follows may leave.
    ///
    /// # Errors
    /// The system refused: nothing that relies on this step may leave any more.
    pub fn carry_out(&mut self, step: &Persist) -> Result<(), DiskError> {
        match step {
            Persist::Write { name, content } => self.with(name, |path| {
                let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
                file.write_all(content.as_bytes())
            }),
            Persist::Sync(name) => self.with(name, |path| File::open(path)?.sync_all()),
            Persist::Rename { from, to } => {
                let to = self.place(to)?;
                self.with(from, |from| fs::rename(from, &to))
            }
            Persist::Link { from, to } => {
                let to = self.place(to)?;
                self.with(from, |from| forgiving(fs::hard_link(from, &to)))
            }
            Persist::Remove(name) => self.with(name, |path| forgiving(fs::remove_file(path))),
            Persist::SyncDirectory => {
                self.directory.sync_all().map_err(|error| DiskError::Io { path: self.path.clone(), error })
            }
        }
    }

    fn place(&self, name: &str) -> Result<PathBuf, DiskError> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(DiskError::Name(name.to_owned()));
        }
        Ok(self.path.join(name))
    }

    fn with(&self, name: &str, act: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), DiskError> {
        let path = self.place(name)?;
        act(&path).map_err(|error| DiskError::Io { path, error })
    }
}

/// What is not there need not be removed or linked.
fn forgiving(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a/b");
        let first = Disk::open(&place).unwrap();
        assert!(matches!(Disk::open(&place), Err(DiskError::InUse(_))));
        drop(first);
        assert!(Disk::open(&place).is_ok());
    }

    #[test]
    fn lives_are_counted_and_are_no_part_of_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path()).unwrap();
        assert_eq!((disk.begin_life().unwrap(), disk.begin_life().unwrap()), (1, 2));
        drop(disk);
        let mut disk = Disk::open(folder.path()).unwrap();
        assert_eq!(disk.begin_life().unwrap(), 3);
        assert_eq!(disk.stored().unwrap().ring_sequence(), 0);
    }

    #[test]
    fn steps_name_files_of_the_directory_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path()).unwrap();
        for name in ["../x", "", ".", "a/b"] {
            let step = Persist::Write { name: name.to_owned(), content: String::new() };
            assert!(matches!(disk.carry_out(&step), Err(DiskError::Name(_))), "{name}");
        }
        // What is not there need not be removed or linked, but cannot be synchronised.
        assert!(disk.carry_out(&Persist::Remove("none".into())).is_ok());
        assert!(disk.carry_out(&Persist::Link { from: "none".into(), to: "x".into() }).is_ok());
        assert!(disk.carry_out(&Persist::Sync("none".into())).is_err());
    }
}
