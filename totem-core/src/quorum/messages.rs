//! What other nodes announce, and this one to itself [QG-2.13, QG-2.14].

use super::log::Level;
use super::service::DEVICE;
use super::{Flags, NodeState, Output, Parameter, VoteQuorum};
use crate::config::Value;
use crate::wire::NodeId;

impl VoteQuorum {
    /// [QG-2.13]. `from` announces node `node`.
    pub(super) fn handle_node_info(&mut self, from: NodeId, node: NodeId, votes: u32, expected: u32, flags: Flags) {
        if node == DEVICE {
            self.handle_device_info(from, votes);
            return;
        }
        let (quorate, own_expected) = (self.quorate, self.own_record().expected);
        let tracking = self.options.expected_votes_tracking;
        let (record, fresh) = self.records.entry(node);
        let before = *record;
        record.flags = flags;
        record.votes = votes;
        record.state = NodeState::Member;
        let leaving = flags.has(Flags::LEAVING);
        if leaving {
            record.state = NodeState::Leaving;
        }
        let announced = flags.has(Flags::QUORATE);
        let adopts = !quorate && announced;
        if adopts {
            self.own().expected = expected;
        }
        let own_expected = if adopts { expected } else { own_expected };
        let (record, _) = self.records.entry(node);
        record.expected = if announced || tracking { expected } else { own_expected };
        let after = *record;
        if votes > 1 && self.options.last_man_standing {
            self.disable_last_man_standing();
        }
        if fresh || node == self.me || flags.has(Flags::FIRST) || before != after {
            self.recalculate(leaving || adopts, leaving);
        }
        if self.options.wait_for_all && announced && !flags.has(Flags::WAITING) {
            // Whoever joins a partition that runs need not wait any longer; it shows at the next calculation.
            self.set_waiting_silently(false);
        }
    }

    /// The step above changes the status alone, not the flag that goes with it.
    pub(super) fn set_waiting_silently(&mut self, on: bool) {
        if self.waiting != on {
            self.waiting = on;
            self.key("runtime.votequorum.wait_for_all_status", Value::U8(on.into()));
        }
    }

    pub(super) fn handle_device_info(&mut self, from: NodeId, votes: u32) {
        let sender_quorate = self.records.get(from).is_some_and(|r| r.flags.has(Flags::QUORATE));
        let before = self.device.votes;
        self.device.votes = if !self.quorate && sender_quorate { votes } else { before.max(votes) };
        if self.device.votes != before {
            self.recalculate(false, false);
        }
    }

    pub(super) fn disable_last_man_standing(&mut self) {
        self.options.last_man_standing = false;
        self.window_ends = None;
        self.log(
            Level::Warning,
            "Last Man Standing feature is supported only when allcluster nodes votes are set to 1. Disabling LMS.",
        );
    }

    /// [QG-2.14].
    pub(super) fn handle_reconfigure(&mut self, from: NodeId, node: NodeId, value: u32, parameter: Parameter) {
        match parameter {
            Parameter::ExpectedVotes => {
                if value != 0 {
                    for member in self.records.members_mut() {
                        member.expected = value;
                    }
                }
                let expected = self.own_record().expected;
                self.outputs.push_back(Output::ExpectedVotes(expected));
                self.barrier = value;
                self.key("runtime.votequorum.ev_barrier", Value::U32(value));
                if self.options.expected_votes_tracking {
                    let tracked = self.tracked;
                    let own = self.own();
                    own.expected = own.expected.max(tracked);
                }
                self.recalculate(true, false);
            }
            Parameter::Votes => {
                if let Some(record) = self.records.get_mut(node) {
                    record.votes = value;
                    self.recalculate(true, false);
                }
            }
            Parameter::CancelWaitForAll => {
                self.waiting = false;
                self.key("runtime.votequorum.wait_for_all_status", Value::U8(0));
                self.log(Level::Info, format!("wait_for_all_status reset by user on node {from}."));
                self.recalculate(false, false);
            }
            Parameter::Unknown(_) => {}
        }
    }
}
