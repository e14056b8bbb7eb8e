//! Several vote quorum services joined by a perfect ring per partition: every message reaches all members of its
//! sender's partition in one order, and services synchronise in lockstep, as [TM-14.3] wants it.

use std::collections::BTreeMap;
use std::time::Duration;

use totem_core::config::QuorumSection;
use totem_core::quorum::{Options, Output, Roster, VoteQuorum};
use totem_core::sync::{Progress, Service, ServiceMessage, SyncPhase};
use totem_core::wire::{ByteOrder, NodeId, RingId};

pub(crate) struct Member {
    pub(crate) service: VoteQuorum,
    /// Members of the last completed round, for transitional lists.
    completed: Vec<NodeId>,
    ring: RingId,
    pub(crate) told: Vec<Output>,
}

pub(crate) struct Cluster {
    pub(crate) size: u32,
    section: QuorumSection,
    votes: BTreeMap<u32, u32>,
    pub(crate) running: BTreeMap<u32, Member>,
    /// Partitions of the network, each a set of node ids, running or not.
    pub(crate) partitions: Vec<Vec<u32>>,
    pub(crate) now: Duration,
    sequence: u64,
}

impl Cluster {
    pub(crate) fn new(size: u32, section: QuorumSection, votes: BTreeMap<u32, u32>) -> Self {
        let partitions = vec![(1..=size).collect()];
        Cluster { size, section, votes, running: BTreeMap::new(), partitions, now: Duration::ZERO, sequence: 1 }
    }

    fn votes_of(&self, node: u32) -> u32 {
        self.votes.get(&node).copied().unwrap_or(1)
    }

    pub(crate) fn options(&self, node: u32) -> Result<Options, String> {
        let all = (1..=self.size).map(|n| self.votes_of(n)).sum();
        let roster = Roster { own_votes: self.votes_of(node), nodes: self.size, votes: all };
        Options::at_start(&self.section, Some(roster), 0, &mut Vec::new()).map_err(|e| e.to_string())
    }

    /// Starts nodes that are not running; the ring they find is formed at once.
    pub(crate) fn start(&mut self, nodes: &[u32]) -> Result<(), String> {
        for node in nodes {
            let service = VoteQuorum::new(NodeId(*node), self.options(*node)?, 0);
            let fresh = Member { service, completed: Vec::new(), ring: RingId::default(), told: Vec::new() };
            self.running.insert(*node, fresh);
        }
        self.form_rings(|member| member.completed.is_empty());
        Ok(())
    }

    /// Nodes end without a word.
    pub(crate) fn kill(&mut self, nodes: &[u32]) {
        for node in nodes {
            self.running.remove(node);
        }
        self.form_rings(|_| false);
    }

    /// Nodes end in order.
    pub(crate) fn leave(&mut self, nodes: &[u32]) {
        for node in nodes {
            if let Some(member) = self.running.get_mut(node) {
                member.service.leave();
            }
            self.settle();
            self.kill(&[*node]);
        }
    }

    pub(crate) fn split(&mut self, partitions: Vec<Vec<u32>>) {
        self.partitions = partitions;
        self.form_rings(|_| false);
    }

    /// A new ring in every partition whose members differ from its last ring, or where `force` asks for it.
    fn form_rings(&mut self, force: impl Fn(&Member) -> bool) {
        for partition in self.partitions.clone() {
            let members: Vec<NodeId> =
                partition.iter().filter(|n| self.running.contains_key(n)).map(|n| NodeId(*n)).collect();
            let changed = members.iter().any(|n| {
                let member = &self.running[&n.0];
                member.completed != members || force(member)
            });
            if changed {
                self.form_ring(&members);
            }
        }
    }

    fn form_ring(&mut self, members: &[NodeId]) {
        self.sequence += 4;
        let ring = RingId::new(*members.iter().min().expect("a ring has members"), self.sequence);
        let before: BTreeMap<NodeId, RingId> = members.iter().map(|n| (*n, self.running[&n.0].ring)).collect();
        for node in members {
            let together: Vec<NodeId> = members
                .iter()
                .copied()
                .filter(|other| other == node || (before[other] == before[node] && before[node] != RingId::default()))
                .collect();
            let now = self.now;
            let member = self.member(*node);
            let transitional = if member.completed.is_empty() { Vec::new() } else { together };
            member.service.handle_sync(now, SyncPhase::Init { transitional: &transitional, members, ring });
            member.ring = ring;
        }
        self.settle();
        // Process is asked again at every token; a device that owes its poll holds the round up to its timeout.
        loop {
            let mut all = true;
            for node in members {
                let now = self.now;
                all &= self.member(*node).service.handle_sync(now, SyncPhase::Process) == Progress::Done;
            }
            self.settle();
            if all {
                break;
            }
            let next = members.iter().filter_map(|n| self.running[&n.0].service.poll_timeout()).min();
            self.now = self.now.max(next.expect("a round that waits has a timer"));
            self.fire();
        }
        for node in members {
            let now = self.now;
            let member = self.member(*node);
            member.service.handle_sync(now, SyncPhase::Activate);
            member.completed = members.to_vec();
        }
        self.settle();
    }

    fn member(&mut self, node: NodeId) -> &mut Member {
        self.running.get_mut(&node.0).expect("members run")
    }

    /// Delivers everything that waits to be sent, in rounds of the token, until nothing is left.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut sent = Vec::new();
            for (id, member) in &mut self.running {
                while let Some(outgoing) = member.service.poll_send() {
                    sent.push((NodeId(*id), member.ring, outgoing));
                }
                while let Some(output) = member.service.poll_output() {
                    member.told.push(output);
                }
            }
            if sent.is_empty() {
                return;
            }
            for (from, ring, outgoing) in sent {
                let function = u16::from_le_bytes([outgoing.head[0], outgoing.head[1]]);
                let message = ServiceMessage { from, function, order: ByteOrder::Little, data: outgoing.head };
                for member in self.running.values_mut().filter(|m| m.ring == ring && ring != RingId::default()) {
                    member.service.handle_message(self.now, &message).expect("own messages decode");
                }
            }
        }
    }

    fn fire(&mut self) {
        let now = self.now;
        for member in self.running.values_mut() {
            if member.service.poll_timeout().is_some_and(|at| at <= now) {
                member.service.handle_timeout(now);
            }
        }
        self.settle();
    }

    /// Lets time pass, with every timer at its moment.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.running.values().filter_map(|m| m.service.poll_timeout()).min() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.fire();
        }
        self.now = end;
    }

    /// Rings with their members, lowest first.
    pub(crate) fn rings(&self) -> Vec<Vec<u32>> {
        let mut rings: BTreeMap<RingId, Vec<u32>> = BTreeMap::new();
        for (id, member) in &self.running {
            rings.entry(member.ring).or_default().push(*id);
        }
        let mut all: Vec<_> = rings.into_values().collect();
        all.sort();
        all
    }
}
