//! Receiving, delivering and releasing ordered messages. [TM-9.6] [TM-9.9] [TM-9.10]

use super::outbox::Packet;
use super::seq::lt;
use super::store::Stored;
use super::{GatherReason, Notice, Ring, State, status};
use crate::wire::{ByteOrder, ENCAPSULATED, MULTICAST_LEN, MulticastHeader, Packed};
use bytes::Bytes;

/// How gaps are treated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Stop at the first gap.
    Normal,
    /// Pass over gaps, and over messages of nodes that did not come along. [TM-10.3] step 6
    Skip,
}

impl Stored {
    pub(super) fn new(datagram: Bytes, order: ByteOrder, fields: &MulticastHeader) -> Self {
        Self {
            datagram,
            order,
            nodeid: fields.nodeid,
            system_from: fields.system_from,
            ring: fields.ring,
            seq: fields.seq,
            safe: fields.guarantee != 0,
        }
    }
}

impl Ring {
    pub(super) fn on_multicast(&mut self, order: ByteOrder, fields: MulticastHeader, datagram: Bytes) {
        if fields.ring != self.ring {
            let reasons = [GatherReason::ForeignMessageOperational, GatherReason::ForeignMessageGather];
            if self.is_known(fields.system_from) && !self.foreign(fields.system_from, fields.ring, reasons) {
                self.counters.rx_msg_dropped += 1;
            }
            return;
        }
        let recovered = fields.encapsulated == ENCAPSULATED;
        // a ring that was never installed has no ordinary messages, and its recovery ended when GATHER was entered:
        // they must not mix with what is stored of the old ring
        if self.old_saved && !(recovered && self.state == State::Recovery) {
            self.counters.rx_msg_dropped += 1;
            return;
        }
        let store = if recovered && self.state == State::Recovery {
            &mut self.recovery
        } else if recovered {
            // late copies of the ring's own recovery
            return;
        } else {
            &mut self.regular
        };
        if !store.insert(Stored::new(datagram, order, &fields)) {
            return;
        }
        if lt(self.my_high_seq, fields.seq) {
            self.my_high_seq = fields.seq;
        }
        self.advance_aru();
        if self.state == State::Operational {
            self.deliver(self.my_high_seq, Mode::Normal);
        }
    }

    /// [TM-9.6] step 4
    pub(super) fn advance_aru(&mut self) {
        let store = if self.state == State::Recovery { &self.recovery } else { &self.regular };
        while lt(self.my_aru, self.my_high_seq) && store.contains(self.my_aru.wrapping_add(1)) {
            self.my_aru = self.my_aru.wrapping_add(1);
        }
    }

    /// Delivers from the regular store up to `end`.
    pub(super) fn deliver(&mut self, end: u32, mode: Mode) {
        while lt(self.my_high_delivered, end) {
            let seq = self.my_high_delivered.wrapping_add(1);
            match self.regular.get(seq) {
                None if mode == Mode::Normal => return,
                None if !self.regular.in_range(seq) => return,
                None => {}
                Some(s) if mode == Mode::Skip && !self.deliver_memb.contains(&s.system_from) => {}
                Some(s) => {
                    if s.safe && mode == Mode::Normal && lt(self.safe_to, seq) {
                        return;
                    }
                    let payload = s.datagram.slice(MULTICAST_LEN..);
                    let packet = Packet { from: s.nodeid, ring: s.ring, seq, order: s.order, payload };
                    self.hand_over(packet);
                }
            }
            self.my_high_delivered = seq;
        }
    }

    fn hand_over(&mut self, packet: Packet) {
        match Packed::check(&packet.payload, packet.order) {
            Ok(()) => self.outputs.push_packet(packet),
            Err(e) => {
                self.counters.refuse(status::reason(&e));
                self.notice(Notice::Refused(e));
            }
        }
    }

    /// Frees what two successive tokens showed to be everywhere. [TM-9.10]
    pub(super) fn release(&mut self, aru: u32) {
        let least = |a, b| if lt(a, b) { a } else { b };
        let everywhere = least(aru, self.my_last_aru);
        if lt(self.safe_to, everywhere) {
            self.safe_to = everywhere;
        }
        let to = least(everywhere, self.my_high_delivered);
        if !lt(to, self.last_released) {
            self.regular.release(to);
            self.last_released = to;
        }
    }
}
