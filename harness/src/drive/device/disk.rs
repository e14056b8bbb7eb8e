//! The shared disk: one thread that writes the own slot and reads all slots. A disk that hangs stops votes, not the ring.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use totem_core::quorum::{DeviceInput, SLOT_BYTES, Slot};

use super::{News, Reporter};

/// The thread that owns the disk.
pub(super) struct Worker {
    slots: SyncSender<Slot>,
}

impl Worker {
    /// Opens the disk. `positions` are the own one in the node list, and how many there are.
    pub(super) fn start(path: String, positions: (usize, usize), reporter: Reporter) -> io::Result<Worker> {
        let disk = open(&path).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))?;
        let (slots, received) = sync_channel(1);
        thread::spawn(move || serve(&disk, positions, &received, &reporter));
        Ok(Worker { slots })
    }

    /// Has a slot written and all slots read; what cannot be written in time is left out, and counts as silence.
    pub(super) fn write(&self, slot: Slot) {
        let _ = self.slots.try_send(slot);
    }
}

/// Every write goes to the disk, and every read comes from there: another machine's kernel sees no cache of this one.
fn open(path: &str) -> io::Result<File> {
    let direct = nix::libc::O_SYNC | nix::libc::O_DIRECT;
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // Some file systems refuse to bypass the cache; there, all nodes are on one machine.
    options.clone().custom_flags(direct).open(path).or_else(|_| options.custom_flags(nix::libc::O_SYNC).open(path))
}

/// A block whose memory is aligned as direct access wants it.
struct Block {
    memory: Vec<u8>,
    at: usize,
}

impl Block {
    fn new() -> Block {
        let memory = vec![0; 2 * SLOT_BYTES];
        let at = memory.as_ptr().align_offset(SLOT_BYTES).min(SLOT_BYTES);
        Block { memory, at }
    }

    fn bytes(&mut self) -> &mut [u8; SLOT_BYTES] {
        let bytes = &mut self.memory[self.at..self.at + SLOT_BYTES];
        bytes.try_into().expect("a block has the length of a slot")
    }
}

fn serve(disk: &File, (own, all): (usize, usize), slots: &Receiver<Slot>, reporter: &Reporter) {
    let mut block = Block::new();
    let place = |position: usize| (position * SLOT_BYTES) as u64;
    for slot in slots {
        block.bytes().copy_from_slice(&slot.encode());
        if disk.write_all_at(block.bytes(), place(own)).is_err() {
            // Others see this slot stand still; so this node must not vote either, and hears nothing.
            continue;
        }
        let mut seen = Vec::new();
        let mut whole = true;
        for position in 0..all {
            match disk.read_exact_at(block.bytes(), place(position)) {
                Ok(()) => seen.extend(Slot::decode(block.bytes())),
                // Nobody has written so far yet.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(_) => whole = false,
            }
        }
        if whole {
            reporter.tell(News::Device(DeviceInput::Slots(seen)));
        }
    }
}
