//! What waits to be polled, with the packets of the total order still closed.
//!
//! A packet is taken apart only when it is polled: the user may end synchronisation ([`super::Ring::handle_synchronized`]) on a message
//! of a packet that was ordered together with later ones, and those belong to the normal stage already. [TM-13.2]

use super::{ConfigurationKind, Message, Notice, Output};
use crate::packing::{Assembly, Stage};
use crate::wire::{ByteOrder, NodeId, Packed, RingId};
use std::collections::VecDeque;

/// A packet at its place in the total order.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) from: NodeId,
    pub(super) ring: RingId,
    pub(super) seq: u32,
    pub(super) order: ByteOrder,
    pub(super) packed: Packed,
}

#[derive(Debug)]
enum Entry {
    Output(Output),
    Packet(Box<Packet>),
    Forget(NodeId),
}

/// Outputs in order.
#[derive(Debug)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    /// Messages of the packet that was opened last.
    ready: VecDeque<Output>,
    assembly: Assembly,
    /// Regular configurations that have not been polled.
    configurations: usize,
}

impl Outbox {
    pub(super) fn new(assembly: Assembly) -> Self {
        Self { entries: VecDeque::new(), ready: VecDeque::new(), assembly, configurations: 0 }
    }

    pub(super) fn push_back(&mut self, output: Output) {
        self.configurations += usize::from(is_regular(&output));
        self.entries.push_back(Entry::Output(output));
    }

    pub(super) fn push_packet(&mut self, packet: Packet) {
        self.entries.push_back(Entry::Packet(Box::new(packet)));
    }

    /// At this place, what a node left unfinished is forgotten.
    pub(super) fn push_forget(&mut self, node: NodeId) {
        self.entries.push_back(Entry::Forget(node));
    }

    pub(super) fn pop_front(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                return Some(output);
            }
            match self.entries.pop_front()? {
                Entry::Output(output) => {
                    if is_regular(&output) {
                        self.configurations -= 1;
                        self.assembly.set_stage(Stage::Synchronising);
                    }
                    return Some(output);
                }
                Entry::Packet(packet) => self.open(*packet),
                Entry::Forget(node) => self.assembly.forget(node),
            }
        }
    }

    fn open(&mut self, packet: Packet) {
        let Packet { from, ring, seq, order, packed } = packet;
        let ready = &mut self.ready;
        let result = self.assembly.accept(from, packed, |payload| {
            ready.push_back(Output::Message(Message { from, ring, seq, order, payload }));
        });
        if let Err(m) = result {
            let notice = Notice::FragmentMismatch { from, continuation: m.continuation, last: m.last };
            self.ready.push_back(Output::Notice(notice));
        }
    }

    /// Synchronisation of the last polled configuration has ended; `false` if a newer one waits to be polled.
    pub(super) fn synchronized(&mut self) -> bool {
        self.assembly.set_stage(Stage::Normal);
        self.configurations == 0
    }

    /// Bytes held of unfinished messages.
    pub(super) fn held(&self) -> usize {
        self.assembly.held()
    }
}

fn is_regular(output: &Output) -> bool {
    matches!(output, Output::Configuration(change) if change.kind == ConfigurationKind::Regular)
}
