//! RECOVERY: old-ring messages are exchanged on the new ring, which is then installed. [TM-10]

use super::deliver::Mode;
use super::seq::{le, lt};
use super::store::Stored;
use super::{ConfigurationChange, ConfigurationKind, Notice, Output, Ring, State, nodes};
use crate::wire::{CommitToken, ENCAPSULATED, Header, MULTICAST_LEN, MulticastHeader, OrfToken};
use bytes::{Bytes, BytesMut};

impl Ring {
    /// [TM-10.1]
    pub(super) fn recover(&mut self, token: CommitToken) {
        self.notice(Notice::Recovery);
        self.discard_tokens = false;
        self.recovery.reset();
        self.retrans.clear();
        let entries = token.members.clone();
        self.state = State::Recovery;
        self.forward_commit_token(token);
        self.my_token_seq = u32::MAX;

        let entry = |node| entries.iter().find(|m| m.0 == node).map(|m| m.1);
        let came_along = |node| entry(node).is_some_and(|e| e.ring == self.old_ring);
        self.trans_memb = self.memb.iter().copied().filter(|&n| came_along(n)).collect();
        self.deliver_memb.clone_from(&self.trans_memb);
        let along = || self.trans_memb.iter().filter_map(|&n| entry(n));
        // what one of them delivered in the old configuration, safe messages included, all of them deliver there
        let latest = |a, b| if lt(a, b) { b } else { a };
        let delivered = along().map(|e| e.high_delivered).fold(self.my_high_delivered, latest);
        if along().any(|e| e.received == 0) {
            let low = along().map(|e| e.aru).fold(self.old_high_seq, |a, b| if lt(b, a) { b } else { a });
            self.copy_old_messages(low);
        }
        self.old_delivered = delivered;

        (self.my_aru, self.my_high_seq, self.install_seq, self.last_released) = (0, 0, 0, 0);
        (self.my_aru_count, self.my_seq_unchanged) = (0, 0);
        (self.retrans_flg_count, self.rotation_count) = (0, 0);
        self.token_held = false;
        self.reset_token_timers();
        self.counters.recovery_entered += 1;
        self.counters.continuous_gather = 0;
    }

    /// Everything of the old ring behind `low` that this node has is sent again, inside messages of the new ring.
    fn copy_old_messages(&mut self, low: u32) {
        let (head, span) = (self.regular.head(), self.regular.span());
        for seq in (0..span).map(|i| head.wrapping_add(i)) {
            if self.retrans.len() >= self.config.recovery_limit {
                break;
            }
            if lt(low, seq)
                && le(seq, self.old_high_seq)
                && let Some(stored) = self.regular.get(seq)
            {
                self.retrans.push_back(stored.datagram.clone());
            }
        }
    }

    /// Wraps the next old-ring message for the new ring. [TM-4.8]
    pub(super) fn encapsulate(header: &MulticastHeader, inner: &Bytes) -> Bytes {
        let mut out = BytesMut::with_capacity(MULTICAST_LEN + inner.len());
        out.resize(MULTICAST_LEN, 0);
        header.write(&mut out);
        out.extend_from_slice(inner);
        out.freeze()
    }

    /// What each token says about the others' recovery. [TM-10.2]
    pub(super) fn recovery_token(&mut self, token: &mut OrfToken) {
        if !self.retrans.is_empty() {
            if token.retrans_flg == 0 {
                token.retrans_flg = 1;
                self.set_retrans_flg = true;
            }
        } else if token.retrans_flg != 0 && self.set_retrans_flg {
            token.retrans_flg = 0;
            self.set_retrans_flg = false;
        }
        self.retrans_flg_count = if token.retrans_flg == 0 { self.retrans_flg_count.saturating_add(1) } else { 0 };
        if self.retrans_flg_count == 2 {
            self.install_seq = token.seq;
        }
        if self.retrans_flg_count >= 2 && !self.received_flg && le(self.install_seq, self.my_aru) {
            self.received_flg = true;
            self.deliver_memb.clone_from(&self.trans_memb);
        }
        self.rotation_count =
            if self.retrans_flg_count >= 3 && le(self.install_seq, token.aru) { self.rotation_count + 1 } else { 0 };
        if self.rotation_count == 2 {
            self.install();
            (self.rotation_count, self.retrans_flg_count) = (0, 0);
        }
    }

    /// Enters OPERATIONAL. [TM-10.3]
    fn install(&mut self) {
        self.originated_token = false;
        self.consensus.clear();
        self.old_saved = false;
        self.unwrap_recovered();

        let keep = std::mem::replace(&mut self.my_aru, self.old_aru);
        let left = nodes::minus(&self.memb, &self.trans_memb);
        let joined = nodes::minus(&self.new_memb, &self.trans_memb);
        self.safe_to = self.old_delivered;
        self.deliver(self.old_high_seq, Mode::Normal);

        self.memb.clone_from(&self.new_memb);
        self.last_released = 0;
        self.set_retrans_flg = false;
        self.outputs.push_back(Output::Configuration(ConfigurationChange {
            kind: ConfigurationKind::Transitional,
            ring: self.ring,
            members: self.trans_memb.clone(),
            left: left.clone(),
            joined: Vec::new(),
        }));
        self.waiting = true;
        // what not every member of the old ring is known to have belongs to those who came along
        self.safe_to = self.old_high_seq;
        self.deliver(self.old_high_seq, Mode::Normal);
        self.deliver(self.old_high_seq, Mode::Skip);
        self.my_aru = keep;
        // only now: safe messages of those who left were still to come
        for &node in &left {
            self.outputs.push_forget(node);
        }
        self.outputs.push_back(Output::Configuration(ConfigurationChange {
            kind: ConfigurationKind::Regular,
            ring: self.ring,
            members: self.new_memb.clone(),
            left: Vec::new(),
            joined: joined.clone(),
        }));
        if !joined.is_empty() {
            self.normal.restart();
        }
        self.switch_stores();
        self.announce(joined, left);
    }

    /// Steps 2: old-ring messages that came inside new-ring ones take their old places.
    fn unwrap_recovered(&mut self) {
        for seq in 1..=self.recovery.head().wrapping_add(self.recovery.span()) {
            if lt(self.my_aru, seq) {
                break;
            }
            let Some(outer) = self.recovery.get(seq) else { continue };
            if outer.datagram[4] != ENCAPSULATED {
                continue;
            }
            let inner = outer.datagram.slice(MULTICAST_LEN..);
            let Ok(header) = Header::decode(&inner) else { continue };
            let Ok(fields) = MulticastHeader::read(&inner, header.order) else { continue };
            if header.kind != crate::wire::Kind::Multicast || fields.ring != self.old_ring {
                continue;
            }
            let seq = fields.seq;
            if self.regular.insert(Stored::new(inner, header.order, &fields)) && lt(self.old_high_seq, seq) {
                self.old_high_seq = seq;
            }
        }
    }

    /// Steps 9 and 10: the new ring's messages become the ordinary ones; recovery messages are never delivered as such.
    fn switch_stores(&mut self) {
        std::mem::swap(&mut self.regular, &mut self.recovery);
        self.recovery.reset();
        self.my_last_aru = 0;
        let mut high = 0;
        for seq in (0..self.regular.span()).map(|i| self.regular.head().wrapping_add(i)) {
            if le(seq, self.my_high_seq) && self.regular.contains(seq) {
                high = seq;
            }
        }
        self.my_high_delivered = high;
        self.last_released = high;
        self.safe_to = high;
        self.regular.release(high);
        self.proc.clone_from(&self.new_memb);
        self.failed.clear();
    }

    fn announce(&mut self, joined: Vec<crate::wire::NodeId>, left: Vec<crate::wire::NodeId>) {
        let silent = nodes::minus(&left, &self.leavers);
        self.notice(Notice::Membership { ring: self.ring, joined, left });
        if !silent.is_empty() {
            self.notice(Notice::NoLeaveMessage(silent));
        }
        self.leavers.clear();
        self.state = State::Operational;
        self.received_flg = true;
        self.counters.operational_entered += 1;
        self.counters.continuous_gather = 0;
        self.watch_pause();
        self.old_ring = self.ring;
        self.set_width();
    }
}
