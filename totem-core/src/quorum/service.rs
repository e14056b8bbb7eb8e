//! The vote quorum service: records of all nodes, the threshold, the decision, and the messages that keep them equal
//! on all members [QG-2].

use std::collections::VecDeque;
use std::time::Duration;

use super::log::{Level, LogLine};
use super::records::Records;
use super::{
    Change, Decision, Electorate, Flags, History, Message, NodeState, Options, Parameter, Record, Roster, SUBSYSTEM,
    Situation, TieBreaker, decide, threshold,
};
use crate::config::{CsError, QuorumSection, Value};
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{NodeId, RingId, WireError};

/// The device has no node; its messages carry this id.
pub(super) const DEVICE: NodeId = NodeId(0);

/// What the service tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For the quorum service, before clients hear of it: the end of a round, or a change between rounds.
    Decided {
        /// Whether the partition may act.
        quorate: bool,
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// The state, for clients: all nodes ever known.
    Quorum {
        /// Whether the partition may act.
        quorate: bool,
        /// Every node with its state; the device, where it is registered here, is last with state `None`.
        nodes: Vec<(NodeId, Option<NodeState>)>,
    },
    /// The members of a new ring, before it is decided upon.
    NodeList {
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// The expectation changed.
    ExpectedVotes(u32),
    /// A run-time key has a new value.
    Key(&'static str, Value),
    /// The highest expectation ever must be remembered across restarts.
    PersistTracking(u32),
    /// The answer to the device's registration, which was waiting for its own message.
    Registered(Result<(), CsError>),
    /// For administrators.
    Log(LogLine),
}

/// The state clients and tools ask for [QG-2.15].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Whom it is about.
    pub node: NodeId,
    /// Where that node is.
    pub state: NodeState,
    /// Its votes.
    pub votes: u32,
    /// Its expectation.
    pub expected: u32,
    /// The highest expectation of all members.
    pub highest_expected: u32,
    /// Votes of all members, and of the device if it votes for that node.
    pub total: u32,
    /// The threshold.
    pub quorum: u32,
    /// `two_node`.
    pub two_node: bool,
    /// Whether this partition may act.
    pub quorate: bool,
    /// `wait_for_all`.
    pub wait_for_all: bool,
    /// `last_man_standing`.
    pub last_man_standing: bool,
    /// `auto_tie_breaker`.
    pub auto_tie_breaker: bool,
    /// `allow_downscale`.
    pub allow_downscale: bool,
    /// What that node says of itself and of its device.
    pub flags: Flags,
    /// Name of the device, empty where none was ever registered.
    pub device: String,
    /// Votes of the device.
    pub device_votes: u32,
}

/// The service.
pub struct VoteQuorum {
    pub(super) me: NodeId,
    pub(super) options: Options,
    first_tie_breaker: TieBreaker,
    pub(super) records: Records,
    pub(super) device: super::device_slot::DeviceSlot,
    threshold: u32,
    pub(super) quorate: bool,
    current: Vec<NodeId>,
    pub(super) ring: RingId,
    history: History,
    barrier: u32,
    tracked: u32,
    waiting: bool,
    in_round: bool,
    sent_in_round: bool,
    window_ends: Option<Duration>,
    sends: VecDeque<Message>,
    outputs: VecDeque<Output>,
}

impl VoteQuorum {
    /// A node that starts. Its first message and, where it is quorate alone, its first decision are ready at once.
    pub fn new(me: NodeId, options: Options, tracked: u32) -> Self {
        let mut records = Records::default();
        let (own, _) = records.entry(me);
        own.state = NodeState::Member;
        own.votes = options.votes;
        own.expected = options.expected_votes;
        own.flags = Flags::FIRST;
        let mut service = VoteQuorum {
            me,
            first_tie_breaker: options.tie_breaker.clone(),
            records,
            device: super::device_slot::DeviceSlot::new(options.device.map_or(0, |d| d.votes)),
            threshold: 0,
            quorate: false,
            current: Vec::new(),
            ring: RingId::default(),
            history: History::default(),
            barrier: options.expected_votes,
            tracked,
            waiting: options.wait_for_all,
            in_round: false,
            sent_in_round: false,
            window_ends: None,
            sends: VecDeque::new(),
            outputs: VecDeque::new(),
            options,
        };
        service.publish_start();
        if service.waiting {
            service.own().flags.put(Flags::WAITING, true);
        }
        service.recalculate(false, false);
        service.send_own_info();
        service
    }

    fn publish_start(&mut self) {
        self.key("runtime.votequorum.this_node_id", Value::U32(self.me.0));
        self.key("runtime.votequorum.two_node", Value::U8(self.options.two_node.into()));
        self.key("runtime.votequorum.ev_barrier", Value::U32(self.barrier));
        if self.options.tie_breaker.is_on() {
            self.key("runtime.votequorum.atb_type", Value::U32(self.options.tie_breaker.number()));
        }
        if self.waiting {
            self.key("runtime.votequorum.wait_for_all_status", Value::U8(1));
        }
        if self.options.device.is_some() {
            let can = self.options.device_can_operate;
            self.key("runtime.votequorum.qdevice_can_operate", Value::U8(can.into()));
        }
        if self.options.expected_votes_tracking {
            self.key("runtime.votequorum.ev_tracking_barrier", Value::U32(self.tracked));
        }
    }

    // ---- looking -------------------------------------------------------------------------------------------

    /// Whether this partition may act.
    pub fn is_quorate(&self) -> bool {
        self.quorate
    }

    /// The options in effect.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The ring and its members, in their order.
    pub fn members(&self) -> (RingId, &[NodeId]) {
        (self.ring, &self.current)
    }

    /// All nodes ever known, in the order of notifications.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    /// What is known of a node; 0 asks for this one.
    ///
    /// # Errors
    /// [`CsError::NotExist`] for a node that has never told of itself.
    pub fn info(&self, node: NodeId) -> Result<Info, CsError> {
        let node = if node.0 == 0 { self.me } else { node };
        let record = self.records.get(node).ok_or(CsError::NotExist)?;
        let mut total = self.records.members().map(|r| r.votes).fold(0, u32::saturating_add);
        if record.flags.has(Flags::CAST_VOTE) {
            total = total.saturating_add(self.device.votes);
        }
        Ok(Info {
            node,
            state: record.state,
            votes: record.votes,
            expected: record.expected,
            highest_expected: self.records.members().map(|r| r.expected).max().unwrap_or(0),
            total,
            quorum: self.threshold,
            two_node: self.options.two_node,
            quorate: self.quorate,
            wait_for_all: self.options.wait_for_all,
            last_man_standing: self.options.last_man_standing,
            auto_tie_breaker: self.options.tie_breaker.is_on(),
            allow_downscale: self.options.allow_downscale,
            flags: record.flags,
            device: self.device.name.clone().unwrap_or_default(),
            device_votes: self.device.votes,
        })
    }

    // ---- requests of clients -------------------------------------------------------------------------------

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

    // ---- calculation ---------------------------------------------------------------------------------------

    fn electorate<'a>(&self, members: &'a [super::Voter]) -> Electorate<'a> {
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
    fn recalculate(&mut self, may_fall: bool, by_nodes: bool) {
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
    fn decide(&mut self, result: super::Threshold) {
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

    fn waiting_blocks(&self, votes: u32) -> bool {
        self.options.wait_for_all && self.waiting && votes != self.own_record().expected
    }

    fn remember_ends(&mut self, members: &[NodeId]) {
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

    fn set_waiting(&mut self, on: bool) {
        self.own().flags.put(Flags::WAITING, on);
        if self.waiting != on {
            self.waiting = on;
            self.key("runtime.votequorum.wait_for_all_status", Value::U8(on.into()));
        }
    }

    fn tell_decision(&mut self) {
        let (quorate, ring, members) = (self.quorate, self.ring, self.current.clone());
        self.outputs.push_back(Output::Decided { quorate, ring, members });
        let mut nodes: Vec<_> = self.records.iter().map(|r| (r.node, Some(r.state))).collect();
        if self.own_flags().has(Flags::REGISTERED) {
            nodes.push((DEVICE, None));
        }
        self.outputs.push_back(Output::Quorum { quorate, nodes });
    }

    // ---- messages ------------------------------------------------------------------------------------------

    /// [QG-2.13]. `from` announces node `node`.
    fn handle_node_info(&mut self, from: NodeId, node: NodeId, votes: u32, expected: u32, flags: Flags) {
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
    fn set_waiting_silently(&mut self, on: bool) {
        if self.waiting != on {
            self.waiting = on;
            self.key("runtime.votequorum.wait_for_all_status", Value::U8(on.into()));
        }
    }

    fn handle_device_info(&mut self, from: NodeId, votes: u32) {
        let sender_quorate = self.records.get(from).is_some_and(|r| r.flags.has(Flags::QUORATE));
        let before = self.device.votes;
        self.device.votes = if !self.quorate && sender_quorate { votes } else { before.max(votes) };
        if self.device.votes != before {
            self.recalculate(false, false);
        }
    }

    fn disable_last_man_standing(&mut self) {
        self.options.last_man_standing = false;
        self.window_ends = None;
        self.log(
            Level::Warning,
            "Last Man Standing feature is supported only when allcluster nodes votes are set to 1. Disabling LMS.",
        );
    }

    /// [QG-2.14].
    fn handle_reconfigure(&mut self, from: NodeId, node: NodeId, value: u32, parameter: Parameter) {
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

    // ---- synchronisation -----------------------------------------------------------------------------------

    /// [QG-2.9], "init".
    fn sync_init(&mut self, now: Duration, members: &[NodeId], ring: RingId) {
        self.in_round = true;
        self.sent_in_round = false;
        if members.len() > 1 {
            self.own().flags.put(Flags::FIRST, false);
        }
        let gone: Vec<NodeId> = self.current.iter().copied().filter(|id| !members.contains(id)).collect();
        for node in &gone {
            if let Some(record) = self.records.get_mut(*node) {
                record.state = NodeState::Dead;
            }
        }
        self.start_window(now, members, !gone.is_empty());
        self.history.previous = std::mem::replace(&mut self.current, members.to_vec());
        self.ring = ring;
        self.device_enters_round(now);
    }

    /// Last man standing: expectations follow the members after a while [QG-2.8].
    fn start_window(&mut self, now: Duration, members: &[NodeId], some_left: bool) {
        if !self.options.last_man_standing {
            return;
        }
        let count = members.len() as u64;
        let quorum = u64::from(self.threshold);
        let lowest_here = || {
            let lowest = self.history.lowest;
            lowest.is_some_and(|id| self.records.members().any(|r| r.node == id))
        };
        if (count >= quorum && some_left) || (count <= quorum && self.options.tie_breaker.is_on() && lowest_here()) {
            self.window_ends = Some(now + self.options.last_man_standing_window);
        }
    }

    fn sync_process(&mut self) -> Progress {
        if !self.sent_in_round {
            self.sent_in_round = true;
            self.send_own_info();
            self.send_device_info();
            if let Some(name) = self.device.name.clone() {
                self.send(Message::Device { register: true, name });
            }
            let (ring, members) = (self.ring, self.current.clone());
            self.outputs.push_back(Output::NodeList { ring, members });
        }
        if self.own_flags().has(Flags::REGISTERED) && self.device.awaits_poll {
            Progress::Again
        } else {
            Progress::Done
        }
    }

    fn sync_activate(&mut self) {
        self.recalculate(false, false);
        self.tell_decision();
        self.in_round = false;
    }

    // ---- small things --------------------------------------------------------------------------------------

    /// The own record, made at start and never removed.
    pub(super) fn own(&mut self) -> &mut Record {
        let me = self.me;
        self.records.entry(me).0
    }

    fn own_record(&self) -> Record {
        let absent = Record { node: self.me, votes: 0, expected: 0, state: NodeState::Dead, flags: Flags::default() };
        self.records.get(self.me).copied().unwrap_or(absent)
    }

    pub(super) fn own_flags(&self) -> Flags {
        self.own_record().flags
    }

    pub(super) fn send(&mut self, message: Message) {
        self.sends.push_back(message);
    }

    pub(super) fn send_own_info(&mut self) {
        let own = self.own_record();
        self.send(Message::NodeInfo { node: own.node, votes: own.votes, expected: own.expected, flags: own.flags });
    }

    pub(super) fn send_device_info(&mut self) {
        let votes = self.device.votes;
        self.send(Message::NodeInfo { node: DEVICE, votes, expected: 0, flags: Flags(0) });
    }

    pub(super) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(LogLine::new(level, SUBSYSTEM, text)));
    }

    pub(super) fn key(&mut self, key: &'static str, value: Value) {
        self.outputs.push_back(Output::Key(key, value));
    }

    pub(super) fn tell(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

impl Service for VoteQuorum {
    type Output = Output;

    fn id(&self) -> ServiceId {
        ServiceId::VOTEQUORUM
    }

    fn handle_message(&mut self, _now: Duration, message: &ServiceMessage) -> Result<(), WireError> {
        match Message::decode(message.function, &message.data, message.order)? {
            Message::NodeInfo { node, votes, expected, flags } => {
                self.handle_node_info(message.from, node, votes, expected, flags);
            }
            Message::Reconfigure { node, value, parameter } => {
                self.handle_reconfigure(message.from, node, value, parameter);
            }
            Message::Device { register: true, name } => self.handle_registration(message.from, name),
            Message::Device { register: false, .. } => self.handle_unregistration(),
            Message::DeviceRename { old, new } => {
                if self.device.name.as_ref() == Some(&old) {
                    self.device.name = Some(new);
                }
            }
        }
        Ok(())
    }

    fn handle_sync(&mut self, now: Duration, phase: SyncPhase<'_>) -> Progress {
        match phase {
            SyncPhase::Init { members, ring, .. } => self.sync_init(now, members, ring),
            SyncPhase::Process => return self.sync_process(),
            SyncPhase::Activate => self.sync_activate(),
            SyncPhase::Abort => {}
        }
        Progress::Done
    }

    fn handle_timeout(&mut self, now: Duration) {
        if self.window_ends.is_some_and(|at| at <= now) {
            self.window_ends = None;
            if self.quorate {
                self.recalculate(true, true);
            }
        }
        self.device_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [self.window_ends, self.device.expires].into_iter().flatten().min()
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        self.sends.pop_front().map(|message| message.encode())
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
