//! What waits to be polled, with the packets of the total order still closed.
//!
//! A packet is taken apart only when it is polled: the user may end synchronisation ([`super::Ring::handle_synchronized`]) on a message
//! of a packet that was ordered together with later ones, and those belong to the normal stage already. [TM-13.2]

use super::{ConfigurationKind, Message, Notice, Output};
use crate::packing::{Assembly, Stage};
use crate::wire::{ByteOrder, NodeId, Packed, RingId};
use bytes::Bytes;
use std::collections::VecDeque;

/// A packet at its place in the total order.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) from: NodeId,
    pub(super) ring: RingId,
    pub(super) seq: u32,
    pub(super) order: ByteOrder,
    /// Checked: it can be taken apart.
    pub(super) payload: Bytes,
}

#[derive(Debug)]
enum Entry {
    Output(Output),
    Packet(Packet),
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
        self.entries.push_back(Entry::Packet(packet));
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
                Entry::Packet(packet) => self.open(packet),
                Entry::Forget(node) => self.assembly.forget(node),
            }
        }
    }

    fn open(&mut self, packet: Packet) {
        let Packet { from, ring, seq, order, payload } = packet;
        let Ok(packed) = Packed::decode(&payload, order) else { return };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::Packer;
    use crate::ring::{ConfigurationChange, Guarantee};
    use crate::wire::MULTICAST_LEN;

    fn frames(messages: &[&[u8]]) -> Vec<Bytes> {
        let mut packer = Packer::new(100, 1000);
        for message in messages {
            packer.submit(&[message], Guarantee::Agreed);
        }
        packer.flush();
        std::iter::from_fn(|| {
            let frame = packer.pop()?.bytes.freeze();
            packer.sent(&frame);
            Some(frame.slice(MULTICAST_LEN..))
        })
        .collect()
    }

    /// The last barrier and the beginning of a long message were ordered together; the rest of the message came after the barrier had
    /// been looked at. It was lost when packets were taken apart as they were ordered (found by simulation).
    #[test]
    fn a_message_ordered_with_the_last_barrier_is_whole() {
        let ring = RingId { rep: NodeId(1), seq: 8 };
        let mut outbox = Outbox::new(Assembly::new(1 << 20));
        let packet = |from, seq, payload| Packet { from: NodeId(from), ring, seq, order: ByteOrder::Little, payload };
        let members = vec![NodeId(1), NodeId(2)];
        let kind = ConfigurationKind::Regular;
        outbox.push_back(Output::Configuration(ConfigurationChange {
            kind,
            ring,
            members,
            left: vec![],
            joined: vec![],
        }));
        let barrier = frames(&[b"barrier"]).remove(0);
        let mut long = frames(&[&[7; 150]]);
        assert_eq!(long.len(), 2);
        outbox.push_packet(packet(2, 1, barrier));
        outbox.push_packet(packet(1, 2, long.remove(0)));
        assert!(matches!(outbox.pop_front(), Some(Output::Configuration(_))));
        assert!(matches!(outbox.pop_front(), Some(Output::Message(m)) if &m.payload[..] == b"barrier"));
        assert!(outbox.synchronized());
        assert!(outbox.pop_front().is_none());
        outbox.push_packet(packet(1, 3, long.remove(0)));
        assert!(matches!(outbox.pop_front(), Some(Output::Message(m)) if m.payload[..] == [7; 150]));
    }
}
