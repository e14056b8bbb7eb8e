//! GATHER: lists are exchanged until everybody in them agrees. [TM-8.4] [TM-8.7] to [TM-8.10]

use super::{GatherReason, Notice, Output, Ring, State, Timer, nodes};
use crate::wire::{Body, Datagram, Join, Kind, MergeDetect, NodeId, RingId};
use rand::RngExt;
use std::time::Duration;

/// [TM-8.4] step 7: rounds without a token until the administrator is told, and how often.
const CONTINUOUS_GATHER: u64 = 3;
const CANNOT_FORM_INTERVAL: Duration = Duration::from_millis(1500);

impl Ring {
    /// Enters GATHER, or starts it anew. [TM-8.4]
    pub(super) fn gather(&mut self, reason: GatherReason) {
        if self.state == State::Recovery {
            self.my_aru = self.old_aru;
            self.my_high_seq = self.old_high_seq;
        }
        self.discard_tokens = true;
        self.originated_token = false;
        nodes::add(&mut self.proc, self.me);
        self.send_join();
        self.start(Timer::Join, self.config.timers.join);
        self.start(Timer::Consensus, self.config.timers.consensus);
        self.timers.cancel(Timer::TokenRetransmit);
        self.timers.cancel(Timer::MergeDetect);
        self.timers.cancel(Timer::Heartbeat);
        self.cancel_token_timer();
        self.watch_pause();
        self.consensus.clear();
        self.consensus.push(self.me);
        self.state = State::Gather;
        self.counters.gather_entered += 1;
        self.notice(Notice::Gather(reason));
        if reason == GatherReason::ConsensusExpired {
            self.counters.continuous_gather += 1;
            if self.counters.continuous_gather > CONTINUOUS_GATHER
                && self.cannot_form_at.is_none_or(|at| self.now >= at + CANNOT_FORM_INTERVAL)
            {
                self.cannot_form_at = Some(self.now);
                self.notice(Notice::CannotForm);
            }
        }
    }

    /// Multicasts a join, at once or after the configured random delay.
    pub(super) fn send_join(&mut self) {
        let bound = self.config.timers.send_join.as_micros() as u64;
        if bound == 0 {
            return self.multicast_join();
        }
        if !self.timers.is_running(Timer::SendJoin) {
            let delay = Duration::from_micros(self.rng.random_range(0..bound));
            self.start(Timer::SendJoin, delay);
        }
    }

    pub(super) fn multicast_join(&mut self) {
        if !matches!(self.state, State::Gather | State::Commit | State::Operational | State::Recovery) {
            return;
        }
        self.counters.memb_join_tx += 1;
        let (proc, failed) = (self.proc.clone(), self.failed.clone());
        let width = self.own_width();
        self.multicast(Body::Join(Join { system_from: self.me, ring_seq: self.ring.seq, proc, failed, width }));
    }

    /// A leave is a join whose header names nobody. [TM-4.5]
    pub(super) fn leave(&mut self) {
        nodes::add(&mut self.failed, self.me);
        let proc = nodes::minus(&self.proc, &[self.me]);
        let failed = self.failed.clone();
        let width = self.own_width();
        let join = Join { system_from: self.me, ring_seq: self.ring.seq, proc, failed, width };
        let datagram = Datagram::new(NodeId(0), Body::Join(join)).encode();
        self.counters.memb_join_tx += 1;
        self.outputs.push_back(Output::Multicast { datagram });
    }

    /// Members of the ring to be: proc without failed.
    pub(super) fn candidates(&self) -> Vec<NodeId> {
        nodes::minus(&self.proc, &self.failed)
    }

    pub(super) fn consensus_reached(&self) -> bool {
        self.proc.iter().all(|n| self.failed.contains(n) || self.consensus.contains(n))
    }

    /// [TM-8.8]
    pub(super) fn consensus_expired(&mut self) {
        if self.state != State::Gather {
            return;
        }
        self.counters.consensus_timeouts += 1;
        if self.consensus_reached() {
            self.consensus.clear();
            self.consensus.push(self.me);
            self.reset_token_timer();
            return;
        }
        for node in nodes::minus(&self.proc, &self.consensus) {
            nodes::add(&mut self.failed, node);
        }
        self.gather(GatherReason::ConsensusTimeout);
    }

    /// The token timer expired, or a gather was forced. [TM-8.9]
    pub(super) fn token_lost(&mut self) {
        self.timers.cancel(Timer::TokenWarning);
        match self.state {
            State::Stopped => {}
            State::Operational => {
                self.notice(Notice::TokenLost {
                    token_ms: self.config.timers.token.as_millis() as u64,
                    consensus_ms: self.config.timers.consensus.as_millis() as u64,
                });
                self.outputs.push_back(Output::CheckInterface);
                self.counters.operational_token_lost += 1;
                self.gather(GatherReason::TokenLostOperational);
            }
            State::Gather => {
                self.consensus_expired();
                self.counters.gather_token_lost += 1;
                self.gather(GatherReason::ConsensusExpired);
            }
            State::Commit => {
                self.counters.commit_token_lost += 1;
                self.gather(GatherReason::TokenLostCommit);
            }
            State::Recovery => self.abandon_recovery(),
        }
    }

    pub(super) fn abandon_recovery(&mut self) {
        self.counters.recovery_token_lost += 1;
        self.gather(GatherReason::TokenLostRecovery);
    }

    pub(super) fn send_merge_detect(&mut self) {
        if self.state == State::Operational && self.me == self.ring.rep {
            self.counters.memb_merge_detect_tx += 1;
            // the copy that comes back tells the node itself nothing: it is only counted
            self.counters.received(Kind::MergeDetect);
            let datagram =
                Datagram::new(self.me, Body::MergeDetect(MergeDetect { system_from: self.me, ring: self.ring }));
            self.outputs.push_back(Output::Multicast { datagram: datagram.encode() });
        }
    }

    /// [TM-8.7]
    pub(super) fn on_merge_detect(&mut self, merge: MergeDetect) {
        if merge.ring != self.ring && self.is_known(merge.system_from) {
            self.foreign(merge.system_from, merge.ring, [GatherReason::MergeOperational, GatherReason::MergeGather]);
        }
    }

    /// Something of another ring was heard from `node`; true if it matters now.
    pub(super) fn foreign(&mut self, node: NodeId, ring: RingId, [operational, gather]: [GatherReason; 2]) -> bool {
        match self.state {
            State::Operational => {
                // a member of this ring cannot be in an older one any more: that is a late copy
                if self.memb.contains(&node) && ring.seq < self.ring.seq {
                    return false;
                }
                self.add_proc(node);
                self.gather(operational);
                true
            }
            State::Gather if !self.proc.contains(&node) => {
                self.add_proc(node);
                self.gather(gather);
                true
            }
            _ => false,
        }
    }

    pub(super) fn add_proc(&mut self, node: NodeId) {
        if self.proc.len() < crate::wire::MAX_NODES {
            nodes::add(&mut self.proc, node);
        }
    }
}
