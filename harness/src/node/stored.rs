//! What a node keeps on its disk.

use cib_core::replica::store::Stored as CibFile;

pub use cib_core::replica::store::Step as Persist;

/// Name of the file that holds the ring sequence.
const RING_FILE: &str = "ringid";
/// Name of the file that holds the highest number of expected votes.
const TRACKING_FILE: &str = "ev_tracking";

/// The files found when a node starts.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    ring_sequence: u64,
    tracked_votes: u32,
    files: Vec<CibFile>,
}

impl Stored {
    /// Reads all files: `names` with the moment of their last change on any scale, contents by `read`.
    pub fn read<'n>(read: impl Fn(&str) -> Option<Vec<u8>>, names: impl Iterator<Item = (&'n str, u64)>) -> Stored {
        let mut stored = Stored::default();
        for (name, changed) in names {
            let Some(content) = read(name) else { continue };
            let number = || std::str::from_utf8(&content).ok().and_then(|t| t.trim().parse::<u64>().ok()).unwrap_or(0);
            if name == RING_FILE {
                stored.ring_sequence = number();
            } else if name == TRACKING_FILE {
                stored.tracked_votes = u32::try_from(number()).unwrap_or(0);
            } else if !name.starts_with(RING_FILE) && !name.starts_with(TRACKING_FILE) {
                stored.files.push(CibFile { name: name.to_owned(), content, changed });
            }
        }
        stored
    }

    /// The ring sequence that was made durable last.
    pub fn ring_sequence(&self) -> u64 {
        self.ring_sequence
    }

    /// The highest number of expected votes that was made durable.
    pub fn tracked_votes(&self) -> u32 {
        self.tracked_votes
    }

    /// The files of the CIB; a node without any begins with `initial`.
    pub(super) fn cib_files(&self, initial: Option<&str>) -> Vec<CibFile> {
        match (self.files.is_empty(), initial) {
            (true, Some(text)) => {
                vec![CibFile { name: "cib.xml".to_owned(), content: text.as_bytes().to_vec(), changed: 0 }]
            }
            _ => self.files.clone(),
        }
    }
}

/// The steps that make a ring sequence durable.
pub(super) fn ring_steps(sequence: u64) -> [Persist; 4] {
    number_steps(RING_FILE, sequence)
}

/// The steps that make the highest number of expected votes durable.
pub(super) fn tracking_steps(votes: u32) -> [Persist; 4] {
    number_steps(TRACKING_FILE, votes.into())
}

fn number_steps(name: &str, number: u64) -> [Persist; 4] {
    let temporary = format!("{name}.new");
    [
        Persist::Write { name: temporary.clone(), content: format!("{number}\n") },
        Persist::Sync(temporary.clone()),
        Persist::Rename { from: temporary, to: name.to_owned() },
        Persist::SyncDirectory,
    ]
}
