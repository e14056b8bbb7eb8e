//! The process group service: joins, leaves, messages, and what a membership change means to all of them [QG-5].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::connection::{Connection, MAX_PART, Sending, State};
use super::processes::Processes;
use super::{ConnectionId, GroupName, Message, Part, Process, Reason};
use crate::config::CsError;
use crate::quorum::{Level, LogLine};
use crate::ring::Guarantee;
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{NodeId, RingId, WireError};

const SUBSYSTEM: &str = "CPG";
/// Largest message that is assembled from parts, unless set otherwise.
const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;

/// A process in a list handed to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Its node.
    pub node: NodeId,
    /// Its process id there.
    pub pid: u32,
    /// Why it is in the list.
    pub reason: Reason,
}

/// What the service tells one of its clients, or the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A message of the group the client is in.
    Message {
        /// The client.
        to: ConnectionId,
        /// The group.
        group: GroupName,
        /// Node of the sender.
        node: NodeId,
        /// Process id of the sender.
        pid: u32,
        /// The whole message, however it travelled.
        payload: Bytes,
    },
    /// The group changed.
    Change {
        /// The client.
        to: ConnectionId,
        /// The group.
        group: GroupName,
        /// Who is in it now.
        members: Vec<Address>,
        /// Who left, and why.
        left: Vec<Address>,
        /// Who came, and why.
        joined: Vec<Address>,
    },
    /// The ring changed, or the client asked to be told of it when it joined.
    Ring {
        /// The client.
        to: ConnectionId,
        /// The ring.
        ring: RingId,
        /// Its nodes.
        members: Vec<NodeId>,
    },
    /// For administrators.
    Log(LogLine),
}

/// The service. Clients connect, join one group each, and send to it; every member of a group sees the same messages
/// and changes in the same order.
pub struct Groups {
    me: NodeId,
    /// Newest first: the order in which clients are served.
    connections: Vec<Connection>,
    next_id: u64,
    processes: Processes,
    ring: RingId,
    /// Members of the ring that is being formed, or was last.
    members: Vec<NodeId>,
    /// Members of the last completed round.
    completed: Vec<NodeId>,
    completed_ring: RingId,
    /// Members of the last completed round that did not come along.
    lost: Vec<NodeId>,
    /// Entries of join lists in this round, latest first.
    kept: Vec<Process>,
    sent_in_round: bool,
    limit: usize,
    sends: VecDeque<Outgoing>,
    outputs: VecDeque<Output>,
}

impl Groups {
    /// A service without clients.
    pub fn new(me: NodeId) -> Self {
        Groups {
            me,
            connections: Vec::new(),
            next_id: 1,
            processes: Processes::default(),
            ring: RingId::default(),
            members: Vec::new(),
            completed: Vec::new(),
            completed_ring: RingId::default(),
            lost: Vec::new(),
            kept: Vec::new(),
            sent_in_round: false,
            limit: DEFAULT_LIMIT,
            sends: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Bounds the largest message that is assembled from parts; parts beyond it are dropped.
    pub fn with_message_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    // ---- clients -------------------------------------------------------------------------------------------

    /// A client with this process id connects.
    pub fn connect(&mut self, pid: u32) -> ConnectionId {
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        self.connections.insert(0, Connection::new(id, pid));
        id
    }

    fn connection(&mut self, id: ConnectionId) -> Result<&mut Connection, CsError> {
        self.connections.iter_mut().find(|c| c.id == id).ok_or(CsError::BadHandle)
    }

    /// Joins a group; the change that says so completes it. `tell_ring` asks for the ring's members too.
    ///
    /// # Errors
    /// By the state of the connection and of others of the same process [QG-5.2].
    pub fn join(&mut self, id: ConnectionId, group: GroupName, tell_ring: bool) -> Result<(), CsError> {
        let pid = self.connection(id)?.pid;
        if self.connections.iter().any(|c| c.pid == pid && c.group.as_ref() == Some(&group)) {
            return Err(CsError::Exist);
        }
        let process = Process { node: self.me, pid, group: group.clone() };
        if self.processes.contains(&process) {
            // Its leave has not been delivered yet.
            return Err(CsError::TryAgain);
        }
        let connection = self.connection(id)?;
        connection.check_join()?;
        connection.state = State::JoinStarted;
        connection.group = Some(group.clone());
        connection.wants_ring = tell_ring;
        self.send(Message::Join { group, pid });
        Ok(())
    }

    /// Leaves the group; the change that says so is the last one the client hears of it.
    ///
    /// # Errors
    /// By the state of the connection [QG-5.2].
    pub fn leave(&mut self, id: ConnectionId) -> Result<(), CsError> {
        let connection = self.connection(id)?;
        connection.check_leave()?;
        connection.state = State::LeaveStarted;
        let (pid, group) = (connection.pid, connection.group.clone().ok_or(CsError::NotExist)?);
        self.send(Message::Leave { group, pid, reason: Reason::Leave });
        Ok(())
    }

    /// The client is gone. Its group hears of it, also if its join was not delivered yet.
    pub fn disconnect(&mut self, id: ConnectionId) {
        let Some(at) = self.connections.iter().position(|c| c.id == id) else { return };
        let connection = self.connections.remove(at);
        if let (Some(group), true) = (connection.group, connection.state != State::LeaveStarted) {
            self.send(Message::Leave { group, pid: connection.pid, reason: Reason::ProcessDown });
        }
    }

    /// Sends to the group that the client joined. Messages of one client keep their order; one that is longer than a
    /// part goes out part by part, from the beginning again if the group changes meanwhile.
    ///
    /// # Errors
    /// [`CsError::NotExist`] outside a group, [`CsError::TooBig`] beyond what a receiver would assemble.
    pub fn multicast(&mut self, id: ConnectionId, payload: Bytes, guarantee: Guarantee) -> Result<(), CsError> {
        let limit = self.limit;
        let connection = self.connection(id)?;
        connection.check_multicast()?;
        if payload.len() > limit.max(MAX_PART) {
            return Err(CsError::TooBig);
        }
        connection.sending.push_back(Sending { payload, guarantee, done: 0, under_way: 0, interrupted: false });
        if connection.sending.len() == 1 {
            self.send_next(id);
        }
        Ok(())
    }

    /// Sends what the client's queue holds: whole messages at once, a large one up to its next part.
    fn send_next(&mut self, id: ConnectionId) {
        let me = self.me;
        loop {
            let Ok(connection) = self.connection(id) else { return };
            let (pid, Some(group)) = (connection.pid, connection.group.clone()) else { return };
            let Some(sending) = connection.sending.front_mut() else { return };
            let (total, guarantee) = (sending.payload.len(), sending.guarantee);
            let source = (me, id.0);
            if total <= MAX_PART {
                let payload = connection.sending.pop_front().map(|s| s.payload).unwrap_or_default();
                self.send_with(Message::Multicast { group, pid, source, payload }, guarantee);
                continue;
            }
            if sending.interrupted {
                (sending.done, sending.interrupted) = (0, false);
            }
            let end = (sending.done + MAX_PART).min(total);
            let part = match (sending.done, end == total) {
                (0, _) => Part::First,
                (_, false) => Part::Continued,
                (_, true) => Part::Last,
            };
            sending.under_way = end - sending.done;
            let payload = sending.payload.slice(sending.done..end);
            let message = Message::Partial { group, pid, source, total: total as u32, part, payload };
            self.send_with(message, guarantee);
            return;
        }
    }

    /// A part of an own large message came back in its place: the next one may go.
    fn part_returned(&mut self, token: u64, part: Part) {
        let id = ConnectionId(token);
        let Ok(connection) = self.connection(id) else { return };
        let Some(sending) = connection.sending.front_mut() else { return };
        if sending.under_way == 0 {
            return;
        }
        sending.done += std::mem::take(&mut sending.under_way);
        if part == Part::Last {
            connection.sending.pop_front();
        }
        self.send_next(id);
    }

    // ---- looking -------------------------------------------------------------------------------------------

    /// The members of a group, in list order; empty for a group that does not exist.
    pub fn membership(&self, group: &GroupName) -> Vec<Address> {
        let address = |p: &Process| Address { node: p.node, pid: p.pid, reason: Reason::None };
        self.processes.in_group(group).map(address).collect()
    }

    /// All processes of all groups in the order in which tools list them.
    pub fn listing(&self) -> Vec<Process> {
        self.processes.listing()
    }

    /// The names of all groups in the order in which tools list them: newest first.
    pub fn names(&self) -> Vec<GroupName> {
        let mut names: Vec<GroupName> = Vec::new();
        for process in self.processes.iter() {
            if !names.contains(&process.group) {
                names.insert(0, process.group.clone());
            }
        }
        names
    }

    // ---- delivery ------------------------------------------------------------------------------------------

    fn deliver_join(&mut self, node: NodeId, pid: u32, group: GroupName) {
        let process = Process { node, pid, group };
        if self.processes.contains(&process) {
            return;
        }
        let group = process.group.clone();
        self.processes.insert(process);
        self.change(&group, Vec::new(), vec![Address { node, pid, reason: Reason::Join }]);
    }

    fn deliver_leave(&mut self, node: NodeId, pid: u32, group: GroupName, reason: Reason) {
        self.change(&group, vec![Address { node, pid, reason }], Vec::new());
        self.processes.remove(&Process { node, pid, group });
    }

    /// Gives a message to every client in the group. The sender's node must have some process in it.
    fn deliver_message(&mut self, node: NodeId, pid: u32, group: GroupName, part: Option<Part>, payload: Bytes) {
        if !self.connections.iter().any(|c| c.hears(&group)) {
            return;
        }
        if !self.processes.in_group(&group).any(|p| p.node == node) {
            let text = "Unknown node -> we will not deliver message";
            self.outputs.push_back(Output::Log(LogLine::new(Level::Warning, SUBSYSTEM, text)));
            return;
        }
        let limit = self.limit;
        for connection in self.connections.iter_mut().filter(|c| c.hears(&group)) {
            let whole = match part {
                None => Some(payload.clone()),
                Some(part) => connection.assemble((node, pid), part, &payload, limit),
            };
            if let Some(payload) = whole {
                let (to, group) = (connection.id, group.clone());
                self.outputs.push_back(Output::Message { to, group, node, pid, payload });
            }
        }
    }

    /// Tells the group's clients of a change; own processes that joined have joined by it.
    fn change(&mut self, group: &GroupName, left: Vec<Address>, joined: Vec<Address>) {
        for address in joined.iter().filter(|a| a.node == self.me) {
            for connection in &mut self.connections {
                let same = connection.pid == address.pid && connection.group.as_ref() == Some(group);
                if same && connection.state == State::JoinStarted {
                    connection.state = State::Joined;
                }
            }
        }
        let gone = |a: &Address| left.iter().any(|l| l.node == a.node && l.pid == a.pid);
        let members: Vec<Address> = self.membership(group).into_iter().filter(|a| !gone(a)).collect();
        for connection in self.connections.iter_mut().filter(|c| c.hears(group)) {
            for address in &left {
                connection.forget((address.node, address.pid));
            }
            if let Some(sending) = connection.sending.front_mut() {
                sending.interrupted |= sending.done + sending.under_way > 0;
            }
            self.outputs.push_back(Output::Change {
                to: connection.id,
                group: group.clone(),
                members: members.clone(),
                left: left.clone(),
                joined: joined.clone(),
            });
        }
        let (ring, members) = (self.completed_ring, self.completed.clone());
        for connection in self.connections.iter_mut().filter(|c| c.wants_ring) {
            connection.wants_ring = false;
            self.outputs.push_back(Output::Ring { to: connection.id, ring, members: members.clone() });
        }
    }

    // ---- synchronisation -----------------------------------------------------------------------------------

    fn sync_init(&mut self, transitional: &[NodeId], members: &[NodeId], ring: RingId) {
        self.ring = ring;
        self.members = members.to_vec();
        self.lost = self.completed.iter().copied().filter(|id| !transitional.contains(id)).collect();
        self.sent_in_round = false;
    }

    fn sync_process(&mut self) {
        if std::mem::replace(&mut self.sent_in_round, true) {
            return;
        }
        let old_members = u32::try_from(self.completed.len()).unwrap_or(u32::MAX);
        self.send(Message::DownList { old_members, left: self.lost.clone() });
        let me = self.me;
        let own: Vec<_> = self.processes.iter().filter(|p| p.node == me).map(|p| (p.pid, p.group.clone())).collect();
        if !own.is_empty() {
            self.send(Message::JoinList(own));
        }
    }

    /// [QG-5.6], "activate", in its order.
    fn sync_activate(&mut self) {
        self.completed = self.members.clone();
        self.completed_ring = self.ring;
        let lost = std::mem::take(&mut self.lost);
        let gone = self.processes.remove_nodes(&lost);
        for (group, left) in by_group(gone, Reason::NodeDown) {
            self.change(&group, left, Vec::new());
        }
        let kept = std::mem::take(&mut self.kept);
        let mut fresh = Vec::new();
        for process in kept.iter().filter(|p| p.node != self.me) {
            if !self.processes.contains(process) {
                self.processes.insert(process.clone());
                fresh.push(process.clone());
            }
        }
        for (group, joined) in by_group(fresh, Reason::NodeUp) {
            self.change(&group, Vec::new(), joined);
        }
        let me = self.me;
        let zombies: Vec<Process> =
            self.processes.iter().filter(|p| p.node != me && !kept.contains(p)).cloned().collect();
        for Process { node, pid, group } in zombies {
            self.deliver_leave(node, pid, group, Reason::ProcessDown);
        }
        let (ring, members) = (self.ring, self.members.clone());
        for connection in &mut self.connections {
            connection.wants_ring = false;
            self.outputs.push_back(Output::Ring { to: connection.id, ring, members: members.clone() });
        }
    }

    fn send(&mut self, message: Message) {
        self.send_with(message, Guarantee::Agreed);
    }

    fn send_with(&mut self, message: Message, guarantee: Guarantee) {
        self.sends.push_back(Outgoing { guarantee, ..message.encode() });
    }
}

/// One change per group, groups in ascending order of their names up to the first zero.
fn by_group(processes: Vec<Process>, reason: Reason) -> Vec<(GroupName, Vec<Address>)> {
    let mut groups: BTreeMap<Vec<u8>, (GroupName, Vec<Address>)> = BTreeMap::new();
    for Process { node, pid, group } in processes {
        let entry = groups.entry(group.c_string().to_vec()).or_insert_with(|| (group, Vec::new()));
        entry.1.push(Address { node, pid, reason });
    }
    groups.into_values().collect()
}

impl Service for Groups {
    type Output = Output;

    fn id(&self) -> ServiceId {
        ServiceId::CPG
    }

    fn handle_message(&mut self, _now: Duration, message: &ServiceMessage) -> Result<(), WireError> {
        let node = message.from;
        match Message::decode(message.function, &message.data, message.order)? {
            Message::Join { group, pid } => self.deliver_join(node, pid, group),
            Message::Leave { group, pid, reason } => self.deliver_leave(node, pid, group, reason),
            Message::JoinList(entries) => {
                for (pid, group) in entries {
                    self.kept.insert(0, Process { node, pid, group });
                }
            }
            Message::Multicast { group, pid, payload, .. } => self.deliver_message(node, pid, group, None, payload),
            Message::Partial { group, pid, payload, part, source, .. } => {
                self.deliver_message(node, pid, group, Some(part), payload);
                if node == self.me {
                    self.part_returned(source.1, part);
                }
            }
            Message::DownList { left, .. } => {
                let text = format!("downlist left_list: {} received", left.len());
                self.outputs.push_back(Output::Log(LogLine::new(Level::Debug, SUBSYSTEM, text)));
            }
            Message::OldDownList => {
                let text = format!("downlist OLD from node {node}");
                self.outputs.push_back(Output::Log(LogLine::new(Level::Debug, SUBSYSTEM, text)));
            }
        }
        Ok(())
    }

    fn handle_sync(&mut self, _now: Duration, phase: SyncPhase<'_>) -> Progress {
        match phase {
            SyncPhase::Init { transitional, members, ring } => self.sync_init(transitional, members, ring),
            SyncPhase::Process => self.sync_process(),
            SyncPhase::Activate => self.sync_activate(),
            SyncPhase::Abort => self.kept.clear(),
        }
        Progress::Done
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        self.sends.pop_front()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
