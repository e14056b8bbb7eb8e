//! The node attribute manager ([CT-8]): transient attributes, held in memory on every node and written to the CIB by one
//! elected writer.
//!
//! A request is checked and expanded where it is made, broadcast in total order, and applied by every node when the
//! broadcast arrives: all memories stay equal. Dampened attributes are written when nothing has changed for their delay.

mod request;
mod values;
mod waiting;
mod write;

pub use request::{AttributeError, Message, Request, SyncPoint, Update};
pub use values::{Attribute, Value};

use crate::controller::{Ballot, CibWrite, ElectionState, Elector, FeatureSet, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What the driver has to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send to the ordered group of the attribute managers; comes back to this node, too.
    Broadcast(Message),
    /// Write to the CIB, all or nothing; answer with [`Attributes::handle_written`].
    Write {
        /// Number of the write.
        call: u64,
        /// What to write.
        writes: Vec<CibWrite>,
    },
    /// A value has been sent to the CIB: what alerts tell ([CT-10.2]).
    Written {
        /// Attribute.
        name: String,
        /// Node.
        node: String,
        /// The value.
        value: Option<String>,
    },
    /// A client of [`Attributes::request_and_wait`] is answered.
    Answered {
        /// Its number.
        ticket: u64,
        /// `false`: it has waited in vain, which a tool shows as exit code 124.
        in_time: bool,
    },
    /// A value has changed on this node's copy; text as logs show it.
    Changed {
        /// Attribute.
        name: String,
        /// Node.
        node: String,
        /// Value before.
        old: Option<String>,
        /// Value now.
        new: Option<String>,
    },
}

/// The attribute manager of one node.
#[derive(Debug)]
pub struct Attributes {
    me: NodeId,
    name: String,
    feature_set: FeatureSet,
    age: Duration,
    started: Duration,
    table: BTreeMap<String, Attribute>,
    nodes: BTreeMap<NodeId, Node>,
    removed: BTreeSet<String>,
    elector: Elector,
    writer: Option<NodeId>,
    shutting_down: bool,
    calls: u64,
    /// The latest write that has ended.
    completed: u64,
    writing: BTreeMap<u64, Vec<String>>,
    timers: BTreeMap<String, Duration>,
    waiting: BTreeMap<u64, waiting::Waiting>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Debug)]
struct Node {
    name: String,
    active: bool,
}

impl Attributes {
    /// A manager that starts now, with an age for elections. Its node's attributes in the CIB are outdated.
    pub fn new(me: NodeId, name: &str, age: Duration, now: Duration) -> Self {
        let mut manager = Attributes {
            me,
            name: name.to_owned(),
            feature_set: crate::controller::FEATURE_SET.parse().expect("infallible"),
            age,
            started: now,
            table: BTreeMap::new(),
            nodes: BTreeMap::from([(me, Node { name: name.to_owned(), active: false })]),
            removed: BTreeSet::new(),
            elector: Elector::new(Duration::from_secs(120)),
            writer: None,
            shutting_down: false,
            calls: 0,
            completed: 0,
            writing: BTreeMap::new(),
            timers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outputs: VecDeque::new(),
        };
        manager.erase_from_cib(name);
        manager
    }

    /// The next output; drain until `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Attributes::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let waiting = self.waiting.values().map(|w| w.until);
        self.timers.values().copied().chain(self.elector.deadline()).chain(waiting).min()
    }

    /// All attributes with their values, by name.
    pub fn status(&self) -> &BTreeMap<String, Attribute> {
        &self.table
    }

    /// Whether this node writes the CIB.
    pub fn is_writer(&self) -> bool {
        self.elector.state() == ElectionState::Won
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.elector.deadline().is_some_and(|at| at <= now) {
            self.elector.win();
            self.become_writer();
        }
        self.give_up_waiting(now);
        let due: Vec<String> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(n, _)| n.clone()).collect();
        for name in due {
            self.timers.remove(&name);
            self.write_or_elect(now, &name);
        }
    }

    /// Nodes that came into the group or left it, with their names.
    pub fn handle_group(&mut self, now: Duration, joined: &[(NodeId, String)], left: &[NodeId]) {
        for (id, name) in joined {
            self.nodes.insert(*id, Node { name: name.clone(), active: true });
            if *id != self.me && self.is_writer() {
                self.outputs.push_back(Output::Broadcast(self.sync_response(Some(*id))));
            }
        }
        if !joined.is_empty() && self.is_writer() {
            self.write_waiting();
        }
        for id in left {
            self.node_left(now, *id);
        }
        if self.elector.state() == ElectionState::InProgress && self.elector.check(self.active()) {
            self.become_writer();
        }
        if joined.iter().any(|(id, _)| *id == self.me) {
            self.vote(now);
        }
    }

    fn active(&self) -> usize {
        self.nodes.values().filter(|n| n.active).count()
    }

    fn node_left(&mut self, now: Duration, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.active = false;
        let name = node.name.clone();
        self.elector.forget(id);
        self.stop_waiting_for(id);
        let was_writer = self.writer == Some(id);
        if was_writer {
            self.writer = None;
            self.elector.forget_loss();
        }
        self.forget_values(&name);
        if self.is_writer() {
            self.erase_from_cib(&name);
        } else {
            self.removed.insert(name);
            if self.writer.is_none() && !self.shutting_down {
                self.vote(now);
            }
        }
    }

    fn forget_values(&mut self, node: &str) {
        for attribute in self.table.values_mut() {
            attribute.values.remove(&node.to_lowercase());
        }
    }

    // --- election of the writer ([CT-8.7]) ---------------------------------------------------------------------------

    fn vote(&mut self, now: Duration) {
        if self.nodes.get(&self.me).is_some_and(|n| n.active) {
            let ballot = self.elector.vote(now, self.me, self.age + (now - self.started), self.feature_set.clone());
            self.outputs.push_back(Output::Broadcast(Message::Vote { to: None, ballot }));
        }
    }

    fn count(&mut self, now: Duration, from: NodeId, ballot: &Ballot) {
        let Some(peer) = self.nodes.get(&from) else { return };
        let me = crate::controller::Candidate {
            id: self.me,
            name: &self.name,
            active: self.nodes.get(&self.me).is_some_and(|n| n.active),
        };
        let candidate = crate::controller::Candidate { id: from, name: &peer.name, active: peer.active };
        let before = self.elector.state();
        let age = self.age + (now - self.started);
        let known = self.nodes.len();
        let may_win = !self.shutting_down;
        let (state, answer) = self.elector.count(now, me, age, &self.feature_set, may_win, candidate, ballot, known);
        if let Some(ballot) = answer {
            self.outputs.push_back(Output::Broadcast(Message::Vote { to: Some(from), ballot }));
        }
        match state {
            ElectionState::Start => {
                self.writer = None;
                self.vote(now);
            }
            ElectionState::Lost => {
                if self.writer.is_none() || before != ElectionState::Lost {
                    self.writer = Some(from);
                }
            }
            ElectionState::InProgress => {
                if self.elector.check(self.active()) {
                    self.become_writer();
                }
            }
            ElectionState::Won => {}
        }
    }

    fn become_writer(&mut self) {
        self.writer = Some(self.me);
        self.outputs.push_back(Output::Broadcast(self.sync_response(None)));
        for node in std::mem::take(&mut self.removed) {
            self.erase_from_cib(&node);
        }
        self.write_all();
    }

    fn sync_response(&self, to: Option<NodeId>) -> Message {
        Message::Sync { to, from_writer: true, attributes: self.table.clone() }
    }

    /// This node wants to leave: it cannot become writer any more.
    pub fn shutdown(&mut self) {
        self.shutting_down = true;
    }
}

#[cfg(test)]
mod tests;
