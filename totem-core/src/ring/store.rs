//! Messages of one ring by their sequence number, in a window. [TM-7.2]

use crate::wire::{ByteOrder, NodeId, RingId};
use bytes::Bytes;
use std::collections::VecDeque;

/// One stored message: the datagram as received or sent, and what the ring reads of it again and again.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) datagram: Bytes,
    pub(super) order: ByteOrder,
    pub(super) nodeid: NodeId,
    pub(super) system_from: NodeId,
    pub(super) ring: RingId,
    pub(super) seq: u32,
    pub(super) safe: bool,
}

#[derive(Debug, Default)]
struct Slot {
    stored: Option<Stored>,
    misses: u32,
}

/// The window `[head, head + limit)`. Slots are only made up to the highest sequence touched.
#[derive(Debug)]
pub(super) struct Store {
    head: u32,
    slots: VecDeque<Slot>,
    limit: u32,
}

impl Store {
    pub(super) fn new(limit: usize) -> Self {
        Self { head: 0, slots: VecDeque::new(), limit: limit as u32 }
    }

    /// Empties the store; the window starts at 0 again.
    pub(super) fn reset(&mut self) {
        self.head = 0;
        self.slots.clear();
    }

    fn index(&self, seq: u32) -> usize {
        seq.wrapping_sub(self.head) as usize
    }

    pub(super) fn in_range(&self, seq: u32) -> bool {
        seq.wrapping_sub(self.head) < self.limit
    }

    pub(super) fn get(&self, seq: u32) -> Option<&Stored> {
        self.slots.get(self.index(seq)).and_then(|s| s.stored.as_ref())
    }

    pub(super) fn contains(&self, seq: u32) -> bool {
        self.get(seq).is_some()
    }

    fn slot(&mut self, seq: u32) -> &mut Slot {
        debug_assert!(self.in_range(seq));
        let i = self.index(seq);
        if i >= self.slots.len() {
            self.slots.resize_with(i + 1, Slot::default);
        }
        &mut self.slots[i]
    }

    /// Stores a message in the window; false if it is outside or already there.
    pub(super) fn insert(&mut self, stored: Stored) -> bool {
        if !self.in_range(stored.seq) {
            return false;
        }
        let slot = self.slot(stored.seq);
        if slot.stored.is_some() {
            return false;
        }
        *slot = Slot { stored: Some(stored), misses: 0 };
        true
    }

    /// Counts a token visit that misses `seq`, which is in the window; returns how many there were.
    pub(super) fn miss(&mut self, seq: u32) -> u32 {
        let slot = self.slot(seq);
        slot.misses = slot.misses.saturating_add(1);
        slot.misses
    }

    /// Frees everything up to `seq`.
    pub(super) fn release(&mut self, seq: u32) {
        let n = seq.wrapping_sub(self.head).wrapping_add(1);
        if n as i32 <= 0 {
            return;
        }
        let n = n as usize;
        if n >= self.slots.len() {
            self.slots.clear();
        } else {
            self.slots.drain(..n);
        }
        self.head = seq.wrapping_add(1);
    }

    /// The first sequence of the window.
    pub(super) fn head(&self) -> u32 {
        self.head
    }

    /// How many sequences from the head on may hold messages.
    pub(super) fn span(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Messages held.
    pub(super) fn held(&self) -> usize {
        self.slots.iter().filter(|s| s.stored.is_some()).count()
    }
}
