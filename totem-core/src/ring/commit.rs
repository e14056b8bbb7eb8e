//! COMMIT: the commit token collects what each member has of its old ring. [TM-8.6]

use super::{Output, Ring, State, Timer, nodes};
use crate::wire::{Body, CommitEntry, CommitToken, Datagram, NodeId, OrfToken, RingId};

impl Ring {
    /// The representative starts a ring of everybody who agreed.
    pub(super) fn create_commit_token(&mut self) {
        let mut members: Vec<_> = self.candidates().into_iter().map(|n| (n, CommitEntry::default())).collect();
        members.sort_unstable_by_key(|m| m.0);
        let ring = RingId::new(self.me, self.ring_seq_max.saturating_add(4));
        self.commit(CommitToken { token_seq: 0, ring, retrans_flg: 0, memb_index: 0, members });
    }

    pub(super) fn on_commit_token(&mut self, token: CommitToken) {
        let members: Vec<NodeId> = token.members.iter().map(|m| m.0).collect();
        match self.state {
            State::Stopped | State::Operational => {}
            State::Gather => {
                let mine = members.get(token.memb_index as usize) == Some(&self.me);
                if mine && token.ring.seq > self.ring.seq && nodes::same(&members, &self.candidates()) {
                    self.commit(token);
                }
            }
            State::Commit => {
                let complete = token.memb_index as usize == members.len();
                if complete && token.ring == self.ring && members == self.new_memb {
                    self.recover(token);
                }
            }
            State::Recovery => {
                if self.me == self.ring.rep && token.ring == self.ring && !self.originated_token {
                    self.originate_token();
                }
            }
        }
    }

    /// Enters COMMIT with a token whose next free entry is this node's.
    fn commit(&mut self, mut token: CommitToken) {
        if !self.old_saved {
            self.old_saved = true;
            self.old_ring = self.ring;
            self.old_aru = self.my_aru;
            self.old_high_seq = self.my_high_seq;
        }
        self.new_memb = token.members.iter().map(|m| m.0).collect();
        self.fill_entry(&mut token);
        let next = token.memb_index as usize % token.members.len();
        let (ring, target) = (token.ring, token.members[next].0);
        self.token_target = target;
        // durable before the token that may make it a ring leaves
        self.outputs.push_back(Output::PersistRingSequence(ring.seq));
        if self.config.nodes.is_empty() || self.config.nodes.contains(&target) {
            token.token_seq = token.token_seq.wrapping_add(1);
            self.send_commit_token(token);
        }
        self.timers.cancel(Timer::Join);
        self.timers.cancel(Timer::Consensus);
        self.timers.cancel(Timer::SendJoin);
        self.ring = ring;
        self.ring_seq_max = ring.seq;
        self.state = State::Commit;
        self.reset_token_timers();
        self.counters.commit_entered += 1;
        self.counters.continuous_gather = 0;
        (self.my_trc, self.my_pbl, self.my_cbl) = (0, 0, 0);
    }

    /// Step 2: what this node has, and who of the same old ring lacks what others have.
    fn fill_entry(&mut self, token: &mut CommitToken) {
        let index = token.memb_index as usize;
        self.received_flg = self.my_aru == self.my_high_seq;
        token.members[index].1 = CommitEntry {
            ring: self.old_ring,
            aru: self.old_aru,
            high_delivered: self.my_high_delivered,
            received: u32::from(self.received_flg),
        };
        let filled = &mut token.members[..=index];
        let same_ring = |e: &CommitEntry| e.ring == self.old_ring;
        let high = filled.iter().filter(|m| same_ring(&m.1)).map(|m| m.1.aru).max().unwrap_or(self.old_aru);
        for (_, entry) in filled.iter_mut().filter(|m| same_ring(&m.1) && m.1.aru < high) {
            entry.received = 0;
        }
        self.received_flg = filled[index].1.received != 0;
        token.memb_index += 1;
    }

    fn send_commit_token(&mut self, token: CommitToken) {
        let datagram = self.encode_commit(token);
        self.counters.memb_commit_token_tx += 1;
        self.saved_token = Some((self.token_target, datagram.clone()));
        self.unicast(self.token_target, datagram);
        self.start(Timer::TokenRetransmit, self.config.timers.token_retransmit);
    }

    /// The second rotation of the commit token.
    pub(super) fn forward_commit_token(&mut self, mut token: CommitToken) {
        token.token_seq = token.token_seq.wrapping_add(1);
        self.send_commit_token(token);
    }

    /// The first ordering token of the ring.
    fn originate_token(&mut self) {
        self.originated_token = true;
        self.set_retrans_flg = !self.retrans.is_empty();
        let token = OrfToken {
            aru: u32::MAX,
            aru_addr: self.me,
            ring: self.ring,
            retrans_flg: u32::from(self.set_retrans_flg),
            ..OrfToken::default()
        };
        let mut d = Datagram::new(self.me, Body::Token(token));
        d.header.target = self.token_target.0;
        let datagram = d.encode();
        self.counters.orf_token_tx += 1;
        self.saved_token = Some((self.token_target, datagram.clone()));
        self.unicast(self.token_target, datagram);
        self.reset_token_timers();
    }
}
