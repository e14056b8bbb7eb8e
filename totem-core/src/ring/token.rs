//! A visit of the ordering token. [TM-9]

use super::deliver::Mode;
use super::seq::{le, lt};
use super::store::Stored;
use super::{GatherReason, Notice, Output, Ring, State, Timer, nodes};
use crate::wire::{
    ByteOrder, ENCAPSULATED, MAX_REQUESTS, MULTICAST_LEN, MulticastHeader, NodeId, ORDINARY, OrfToken, Request,
};
use bytes::Bytes;

impl Ring {
    /// The steps of [TM-9.2]; numbers as there. A token of another ring is dropped before it can move anything, and a
    /// copy before it can move the release point.
    pub(super) fn on_token(&mut self, mut token: OrfToken) {
        if self.discard_tokens || !matches!(self.state, State::Operational | State::Recovery) {
            return;
        }
        if token.ring != self.ring {
            return;
        }
        let forward = self.observe(&token);
        if le(token.token_seq, self.my_token_seq) {
            return; // 9: a copy
        }
        if self.state == State::Operational {
            self.release(token.aru); // 7
        }
        self.normal.flush(); // 10
        self.sync.flush();
        self.outputs.push_back(Output::TokenAccepted);
        let last_aru = std::mem::replace(&mut self.my_last_aru, token.aru); // 11
        let forward = self.exchange(&mut token, forward); // 12 to 17
        self.update_aru(&mut token); // 18
        self.my_aru_count = if token.aru == last_aru && token.aru_addr.0 != 0 { self.my_aru_count + 1 } else { 0 };
        if self.failed_to_receive(&token) {
            return; // 20: without forwarding
        }
        self.my_token_seq = token.token_seq; // 21
        token.token_seq = token.token_seq.wrapping_add(1);
        if self.state == State::Recovery {
            self.recovery_token(&mut token); // 22
        }
        self.pass_on(&token, forward);
    }

    /// Steps 4 and 6: is the ring idle? Returns whether this node forwards the token.
    fn observe(&mut self, token: &OrfToken) -> bool {
        if token.seq == self.my_last_seq {
            // only the representative tells others of the ring [TM-8.7]
            if self.me == self.ring.rep && !self.timers.is_running(Timer::MergeDetect) {
                self.start(Timer::MergeDetect, self.config.timers.merge);
            }
            self.my_seq_unchanged = self.my_seq_unchanged.saturating_add(1);
        } else {
            self.timers.cancel(Timer::MergeDetect);
            self.timers.cancel(Timer::HoldRetransmit);
            self.my_seq_unchanged = 0;
        }
        self.my_last_seq = token.seq;
        let rep = self.me == self.ring.rep;
        let idle = self.config.timers.seqno_unchanged_const;
        self.token_held = if rep { self.my_seq_unchanged > idle } else { self.my_seq_unchanged >= idle };
        !(rep && self.token_held)
    }

    /// Steps 12 to 17: resend, request, send.
    fn exchange(&mut self, token: &mut OrfToken, mut forward: bool) -> bool {
        let mut allowed = self.budget(token);
        let resent = self.serve_requests(token, allowed);
        self.add_requests(token);
        allowed -= resent;
        if self.config.cancel_token_hold_on_retransmit && self.token_held && (!token.requests.is_empty() || resent > 0)
        {
            self.token_held = false;
            forward = true;
        }
        allowed = self.within_window(allowed, token);
        let sent = if self.state == State::Recovery {
            self.send_recovered(token, allowed)
        } else {
            self.send_queued(token, allowed)
        };
        self.account(token, resent + sent);
        forward
    }

    /// [TM-9.3]
    fn serve_requests(&mut self, token: &mut OrfToken, allowed: u32) -> u32 {
        if token.requests.is_empty() {
            return 0;
        }
        self.notice(Notice::RetransmitList(token.requests.iter().map(|r| r.seq).collect()));
        let store = if self.state == State::Recovery { &self.recovery } else { &self.regular };
        let mut resent = 0;
        let (ring, outputs) = (self.ring, &mut self.outputs);
        token.requests.retain(|request| {
            if resent >= allowed || request.ring != ring {
                return true;
            }
            let Some(stored) = store.get(request.seq) else { return true };
            outputs.push_back(Output::Multicast { datagram: stored.datagram.clone() });
            resent += 1;
            false
        });
        self.counters.mcast_retx += u64::from(resent);
        resent
    }

    /// [TM-9.4]
    fn add_requests(&mut self, token: &mut OrfToken) {
        let store = if self.state == State::Recovery { &mut self.recovery } else { &mut self.regular };
        let mut seq = self.my_aru;
        while lt(seq, token.seq) && token.requests.len() < MAX_REQUESTS {
            seq = seq.wrapping_add(1);
            if !store.in_range(seq) {
                return;
            }
            if store.contains(seq) || store.miss(seq) < self.config.timers.miss_count_const {
                continue;
            }
            if !token.requests.iter().any(|r| r.seq == seq) {
                token.requests.push(Request { ring: self.ring, seq });
            }
        }
    }

    /// The header of the next message this node multicasts on the ring.
    fn next_header(&mut self, token: &mut OrfToken, encapsulated: u8, guarantee: u32) -> MulticastHeader {
        token.seq = token.seq.wrapping_add(1);
        let this_seqno = self.this_seqno;
        self.this_seqno = this_seqno.wrapping_add(1);
        MulticastHeader {
            encapsulated,
            nodeid: self.me,
            system_from: self.me,
            seq: token.seq,
            this_seqno,
            ring: self.ring,
            node_id: 0,
            guarantee,
        }
    }

    fn multicast_ordered(&mut self, header: &MulticastHeader, datagram: Bytes) {
        let stored = Stored::new(datagram.clone(), ByteOrder::Little, header);
        let store = if self.state == State::Recovery { &mut self.recovery } else { &mut self.regular };
        store.insert(stored);
        self.my_high_seq = header.seq;
        self.outputs.push_back(Output::Multicast { datagram });
    }

    /// [TM-9.5]: the queue of synchronisation first; the ordinary one once synchronisation has ended.
    fn send_queued(&mut self, token: &mut OrfToken, allowed: u32) -> u32 {
        let mut sent = 0;
        while sent < allowed {
            let from_sync = !self.sync.is_empty();
            let packer = if from_sync || self.waiting { &mut self.sync } else { &mut self.normal };
            let Some(mut frame) = packer.pop() else { break };
            let header = self.next_header(token, ORDINARY, frame.guarantee as u32);
            header.write(&mut frame.bytes[..MULTICAST_LEN]);
            let datagram = frame.bytes.freeze();
            if from_sync { &mut self.sync } else { &mut self.normal }.sent(&datagram);
            self.multicast_ordered(&header, datagram);
            sent += 1;
        }
        self.advance_aru();
        sent
    }

    fn send_recovered(&mut self, token: &mut OrfToken, allowed: u32) -> u32 {
        self.start(Timer::TokenRetransmit, self.config.timers.token_retransmit);
        let mut sent = 0;
        while sent < allowed
            && let Some(inner) = self.retrans.pop_front()
        {
            let header = self.next_header(token, ENCAPSULATED, 0);
            let datagram = Self::encapsulate(&header, &inner);
            self.multicast_ordered(&header, datagram);
            sent += 1;
        }
        self.advance_aru();
        sent
    }

    /// [TM-9.7]: whoever lacks something lowers the aru and signs it; the signer raises it again.
    fn update_aru(&mut self, token: &mut OrfToken) {
        if lt(self.my_aru, token.aru) || token.aru_addr == self.me || token.aru_addr.0 == 0 {
            token.aru = self.my_aru;
            token.aru_addr = if token.aru == token.seq { NodeId(0) } else { self.me };
        }
    }

    /// [TM-9.8]
    fn failed_to_receive(&mut self, token: &OrfToken) -> bool {
        if self.my_aru_count <= self.config.timers.fail_recv_const || token.aru_addr != self.me {
            return false;
        }
        self.notice(Notice::FailedToReceive);
        self.failed_to_recv = true;
        nodes::add(&mut self.failed, self.me);
        self.gather(GatherReason::FailedToReceive);
        true
    }

    /// Steps 23 to 27.
    fn pass_on(&mut self, token: &OrfToken, forward: bool) {
        let datagram = self.encode_token(token);
        self.saved_token = Some((self.token_target, datagram.clone()));
        if forward {
            self.counters.orf_token_tx += 1;
            self.unicast(self.token_target, datagram);
        }
        if self.state == State::Operational {
            self.deliver(self.my_high_seq, Mode::Normal);
        }
        self.last_token = Some(self.now);
        self.reset_token_timers();
        if !forward {
            self.start(Timer::HoldRetransmit, self.config.timers.hold);
        }
        match self.config.timers.heartbeat() {
            Some(after) if forward => self.start(Timer::Heartbeat, after),
            _ => self.timers.cancel(Timer::Heartbeat),
        }
    }
}
