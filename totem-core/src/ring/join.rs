//! Joins and leaves: proposals, and agreement with them. [TM-8.5]

use super::{GatherReason, Notice, Ring, State, nodes};
use crate::wire::Join;

/// No cluster lives to form this many rings; a larger value would only keep honest sequences from ever being accepted.
const RING_SEQ_LIMIT: u64 = 1 << 62;

impl Ring {
    pub(super) fn on_join(&mut self, join: Join, leave: bool) {
        if !self.is_known(join.system_from) {
            return;
        }
        if join.ring_seq >= RING_SEQ_LIMIT {
            self.counters.rx_msg_dropped += 1;
            self.counters.refuse("absurd ring sequence");
            return;
        }
        match join.width {
            0 => self.kin.remove(&join.system_from),
            width => self.kin.insert(join.system_from, width),
        };
        // [TM-8.5] step 0: what waited while the driver slept is stale
        if self.paused_at == Some(self.now) && join.system_from != self.me {
            self.notice(Notice::Pause(self.config.timers.token / 2));
            return;
        }
        self.ring_seq_max = self.ring_seq_max.max(join.ring_seq);
        match self.state {
            State::Stopped => {}
            State::Operational => {
                let stale = self.memb.contains(&join.system_from) && join.ring_seq < self.ring.seq;
                if !stale && !join.failed.contains(&self.me) {
                    self.process_join(&join, leave);
                }
            }
            State::Gather => self.process_join(&join, leave),
            State::Commit => {
                if self.concerns_new_ring(&join) {
                    self.process_join(&join, leave);
                    self.gather(GatherReason::JoinCommit);
                }
            }
            State::Recovery => {
                if self.concerns_new_ring(&join) {
                    self.process_join(&join, leave);
                    self.abandon_recovery();
                    self.gather(GatherReason::JoinRecovery);
                }
            }
        }
    }

    fn concerns_new_ring(&self, join: &Join) -> bool {
        self.new_memb.contains(&join.system_from) && join.ring_seq >= self.ring.seq
    }

    fn process_join(&mut self, join: &Join, leave: bool) {
        if leave {
            if let Some(&leaver) = join.failed.last() {
                nodes::add(&mut self.leavers, leaver);
            }
            self.notice(Notice::Leave(join.system_from));
        }
        let mut merged = false;
        if nodes::same(&join.proc, &self.proc) && nodes::same(&join.failed, &self.failed) {
            if !leave {
                nodes::add(&mut self.consensus, join.system_from);
            }
            if self.agreed() {
                return;
            }
        } else {
            let nothing_new = nodes::subset(&join.proc, &self.proc) && nodes::subset(&join.failed, &self.failed);
            if !nothing_new && !self.failed.contains(&join.system_from) {
                self.merge(join);
                merged = true;
            }
        }
        if !merged && self.state == State::Operational {
            self.gather(GatherReason::JoinOperational);
        }
    }

    /// Step 3: everybody agrees. True if this node went on to COMMIT. Outside GATHER the set of those who agreed is of
    /// an earlier attempt (or empty), and a new attempt follows anyway.
    fn agreed(&mut self) -> bool {
        if self.state != State::Gather || !self.consensus_reached() {
            return false;
        }
        if self.failed_to_recv {
            self.failed_to_recv = false;
            self.proc = vec![self.me];
            self.failed.clear();
            self.create_commit_token();
            return true;
        }
        if self.candidates().iter().min() == Some(&self.me) {
            self.create_commit_token();
            return true;
        }
        false
    }

    /// Step 5: takes over what is new in the other's lists, and starts again. What is not believed changes nothing, and
    /// then GATHER is not started anew either: two nodes that doubt each other's failed lists would otherwise answer
    /// each other's joins for ever, at the speed of the network, and neither's consensus timer would ever expire.
    fn merge(&mut self, join: &Join) {
        let before = (self.proc.len(), self.failed.len());
        for &node in &join.proc {
            self.add_proc(node);
        }
        if join.failed.contains(&self.me) {
            nodes::add(&mut self.failed, join.system_from);
        } else if self.memb.contains(&join.system_from) {
            for &node in &join.failed {
                if self.failed.len() < crate::wire::MAX_NODES {
                    nodes::add(&mut self.failed, node);
                }
            }
        }
        if self.state != State::Gather || before != (self.proc.len(), self.failed.len()) {
            self.gather(GatherReason::MergeJoin);
        }
    }
}
