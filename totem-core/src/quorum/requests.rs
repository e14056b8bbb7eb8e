//! What clients and administrators ask of the vote quorum service: expectations, votes, leaving, a configuration that was
//! read again [QG-2.10, QG-2.15, QG-2.16].

use super::{Change, Electorate, Flags, Message, Output, Parameter, Roster, VoteQuorum, threshold};
use crate::config::{CsError, QuorumSection, Value};
use crate::wire::NodeId;

impl VoteQuorum {
    /// Asks all members to expect `votes` in the cluster.
    ///
    /// # Errors
    /// [`CsError::InvalidParam`] if more votes are present than that, or if it would end quorum.
    pub fn set_expected(&mut self, votes: u32) -> Result<(), CsError> {
        let voters = self.records.voters();
        let electorate = Electorate { allow_downscale: false, ..self.electorate(&voters) };
        let result = threshold(&electorate, Change { may_fall: true, expected: Some(votes) });
        if votes < result.votes || (self.quorate && result.quorum > result.votes) {
            return Err(CsError::InvalidParam);
        }
        for member in self.records.members_mut() {
            member.expected = votes;
        }
        self.send(Message::Reconfigure { node: self.me, value: votes, parameter: Parameter::ExpectedVotes });
        Ok(())
    }

    /// Asks all members to count `votes` for a node; 0 names this one.
    ///
    /// # Errors
    /// [`CsError::NameNotFound`] for an unknown node, [`CsError::InvalidParam`] if it would end quorum or halve it.
    pub fn set_votes(&mut self, node: NodeId, votes: u32) -> Result<(), CsError> {
        let node = if node.0 == 0 { self.me } else { node };
        let record = self.records.get_mut(node).ok_or(CsError::NameNotFound)?;
        let before = std::mem::replace(&mut record.votes, votes);
        let result = threshold(&self.electorate(&self.records.voters()), Change { may_fall: true, expected: None });
        if result.quorum < result.votes / 2 || result.quorum > result.votes {
            if let Some(record) = self.records.get_mut(node) {
                record.votes = before;
            }
            return Err(CsError::InvalidParam);
        }
        self.send(Message::Reconfigure { node, value: votes, parameter: Parameter::Votes });
        Ok(())
    }

    /// Asks all members to stop waiting for all.
    pub fn cancel_wait_for_all(&mut self) {
        self.send(Message::Reconfigure { node: self.me, value: 0, parameter: Parameter::CancelWaitForAll });
    }

    /// This node stops in order. Only with `allow_downscale` does that say anything to the others [QG-2.10].
    pub fn leave(&mut self) {
        if self.options.allow_downscale {
            self.own().flags.put(Flags::LEAVING, true);
            self.send_own_info();
        }
    }

    /// The configuration changed at run time [QG-2.16]. Not to be called while a reload is in progress.
    pub fn reconfigure(&mut self, section: &QuorumSection, roster: Option<Roster>) {
        let mut log = Vec::new();
        let registered = self.own_flags().has(Flags::REGISTERED);
        let tie_breaker = self.first_tie_breaker.clone();
        let reread = self.options.reread(section, roster, self.tracked, tie_breaker, registered, &mut log);
        self.outputs.extend(log.into_iter().map(Output::Log));
        let old = self.records.get(self.me).copied();
        if let Some(options) = reread {
            self.options = options;
            if self.options.wait_for_all_automatic && !self.options.wait_for_all {
                self.set_waiting(false);
            }
            let (votes, expected) = (self.options.votes, self.options.expected_votes);
            let own = self.own();
            own.votes = votes;
            own.expected = expected;
            self.device.votes = self.options.device.map_or(0, |d| d.votes);
            self.barrier = expected;
            self.key("runtime.votequorum.two_node", Value::U8(self.options.two_node.into()));
            self.key("runtime.votequorum.ev_barrier", Value::U32(expected));
            self.key("runtime.votequorum.atb_type", Value::U32(self.options.tie_breaker.number()));
            if self.options.device.is_some() {
                let can = self.options.device_can_operate;
                self.key("runtime.votequorum.qdevice_can_operate", Value::U8(can.into()));
            }
        }
        self.send_own_info();
        self.send_device_info();
        let (votes, expected) = (self.own().votes, self.own().expected);
        if old.is_none_or(|old| old.votes != votes) {
            self.send(Message::Reconfigure { node: self.me, value: votes, parameter: Parameter::Votes });
        }
        if old.is_none_or(|old| old.expected != expected) {
            self.send(Message::Reconfigure { node: self.me, value: expected, parameter: Parameter::ExpectedVotes });
        }
    }
}
