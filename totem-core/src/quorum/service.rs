//! The vote quorum service: records of all nodes, the threshold, the decision, and the messages that keep them equal
//! on all members [QG-2].

use std::collections::VecDeque;
use std::time::Duration;

use super::log::{Level, LogLine};
use super::records::Records;
use super::{Flags, History, Info, Message, NodeState, Options, Output, Record, SUBSYSTEM, TieBreaker};
use crate::config::{CsError, Value};
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{NodeId, RingId, WireError};

/// The device has no node; its messages carry this id.
pub(super) const DEVICE: NodeId = NodeId(0);

/// The service.
pub struct VoteQuorum {
    pub(super) me: NodeId,
    pub(super) options: Options,
    pub(super) first_tie_breaker: TieBreaker,
    pub(super) records: Records,
    pub(super) device: super::device_slot::DeviceSlot,
    pub(super) threshold: u32,
    pub(super) quorate: bool,
    pub(super) current: Vec<NodeId>,
    pub(super) ring: RingId,
    pub(super) history: History,
    pub(super) barrier: u32,
    pub(super) tracked: u32,
    pub(super) waiting: bool,
    pub(super) in_round: bool,
    pub(super) sent_in_round: bool,
    pub(super) window_ends: Option<Duration>,
    pub(super) sends: VecDeque<Message>,
    pub(super) outputs: VecDeque<Output>,
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

    pub(super) fn own_record(&self) -> Record {
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
