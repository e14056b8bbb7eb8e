//! The threshold and the decision, whenever something they depend on has changed [QG-2.4, QG-2.5].

use super::log::Level;
use super::service::DEVICE;
use super::{Change, Decision, Electorate, Flags, Output, Situation, Threshold, VoteQuorum, Voter, decide, threshold};
use crate::config::Value;
use crate::wire::NodeId;

impl VoteQuorum {
    pub(super) fn electorate<'a>(&self, members: &'a [Voter]) -> Electorate<'a> {
        Electorate {
            members,
            device_votes: self.device.votes,
            device_casts: self.own_flags().has(Flags::CAST_VOTE),
            two_node: self.options.two_node,
            allow_downscale: self.options.allow_downscale,
            barrier: self.barrier,
            threshold: self.threshold,
        }
    }

    /// [QG-2.4].
    pub(super) fn recalculate(&mut self, may_fall: bool, by_nodes: bool) {
        let mut present = self.records.members().map(|r| r.votes).fold(0, u32::saturating_add);
        let mut count = u32::try_from(self.records.members().count()).unwrap_or(u32::MAX);
        if self.device.votes != 0 {
            present = present.saturating_add(self.device.votes);
            count += 1;
        }
        if present > self.own().expected {
            self.own().expected = present;
            self.outputs.push_back(Output::ExpectedVotes(present));
        }
        let expected = self.own().expected;
        if self.options.expected_votes_tracking && expected > self.tracked {
            self.tracked = expected;
            self.key("runtime.votequorum.ev_tracking_barrier", Value::U32(expected));
            self.outputs.push_back(Output::PersistTracking(expected));
        }
        let replaced = by_nodes.then_some(count).filter(|count| *count > 0);
        let change = Change { may_fall, expected: replaced };
        let result = threshold(&self.electorate(&self.records.voters()), change);
        self.threshold = result.quorum;
        if let Some(expected) = replaced {
            for member in self.records.members_mut() {
                member.expected = expected;
            }
        }
        self.decide(result);
    }

    /// [QG-2.5].
    pub(super) fn decide(&mut self, result: Threshold) {
        let members = self.records.member_ids();
        if result.votes >= result.quorum && !(self.waiting_blocks(result.votes)) {
            self.remember_ends(&members);
        }
        let claims = Flags::MASTER_WINS | Flags::CAST_VOTE;
        let decision = decide(&Situation {
            threshold: result,
            expected: self.own_record().expected,
            waiting: self.options.wait_for_all.then_some(self.waiting),
            tie_breaker: &self.options.tie_breaker,
            history: &self.history,
            current: &self.current,
            members: &members,
            master_wins: self.device.master_wins && self.records.members().any(|r| r.flags.has(claims)),
        });
        match decision {
            Decision::Waiting => {
                let expected = self.own_record().expected;
                let text = format!(
                    "Waiting for all cluster members. Current votes: {} expected_votes: {expected}",
                    result.votes
                );
                self.log(Level::Notice, text);
                return;
            }
            Decision::MasterWins => self.log(Level::Debug, "node is quorate as part of master_wins partition"),
            _ => {}
        }
        let quorate = decision.is_quorate();
        let changed = self.quorate != quorate;
        self.quorate = quorate;
        self.own().flags.put(Flags::QUORATE, quorate);
        if self.options.wait_for_all {
            self.set_waiting(!quorate);
        }
        if changed && !self.in_round {
            self.tell_decision();
        }
    }

    pub(super) fn waiting_blocks(&self, votes: u32) -> bool {
        self.options.wait_for_all && self.waiting && votes != self.own_record().expected
    }

    pub(super) fn remember_ends(&mut self, members: &[NodeId]) {
        let lowest = members.iter().copied().chain([self.me]).min();
        let highest = members.iter().copied().chain([self.me]).max();
        if self.history.lowest != lowest {
            self.history.lowest = lowest;
            self.key("runtime.votequorum.lowest_node_id", Value::U32(lowest.map_or(0, |id| id.0)));
        }
        if self.history.highest != highest {
            self.history.highest = highest;
            self.key("runtime.votequorum.highest_node_id", Value::U32(highest.map_or(0, |id| id.0)));
        }
    }

    pub(super) fn set_waiting(&mut self, on: bool) {
        self.own().flags.put(Flags::WAITING, on);
        if self.waiting != on {
            self.waiting = on;
            self.key("runtime.votequorum.wait_for_all_status", Value::U8(on.into()));
        }
    }

    pub(super) fn tell_decision(&mut self) {
        let (quorate, ring, members) = (self.quorate, self.ring, self.current.clone());
        self.outputs.push_back(Output::Decided { quorate, ring, members });
        let mut nodes: Vec<_> = self.records.iter().map(|r| (r.node, Some(r.state))).collect();
        if self.own_flags().has(Flags::REGISTERED) {
            nodes.push((DEVICE, None));
        }
        self.outputs.push_back(Output::Quorum { quorate, nodes });
    }
}
