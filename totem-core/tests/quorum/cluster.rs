//! Several vote quorum services joined by a perfect ring per partition: every message reaches all members of its
//! sender's partition in one order, and services synchronise in lockstep, as [TM-14.3] wants it. A round may take time:
//! a device that owes its poll holds it up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use totem_core::config::QuorumSection;
use totem_core::quorum::{Options, Output, Roster, VoteQuorum};
use totem_core::sync::{Progress, Service, ServiceMessage, SyncPhase};
use totem_core::wire::{ByteOrder, NodeId, RingId};

pub(crate) struct Member {
    pub(crate) service: VoteQuorum,
    /// Members of the last ring, for transitional lists.
    last: Vec<NodeId>,
    pub(crate) ring: RingId,
    /// Whether the ring's round is over: before that the node serves nobody.
    pub(crate) settled: bool,
    /// What the service told since somebody looked.
    pub(crate) told: Vec<Output>,
}

/// A synchronisation that is not over.
struct Round {
    members: Vec<NodeId>,
    ready: BTreeSet<NodeId>,
}

pub(crate) struct Cluster {
    pub(crate) size: u32,
    section: QuorumSection,
    votes: BTreeMap<u32, u32>,
    pub(crate) running: BTreeMap<u32, Member>,
    /// Partitions of the network, each a set of node ids, running or not.
    pub(crate) partitions: Vec<Vec<u32>>,
    rounds: Vec<Round>,
    pub(crate) now: Duration,
    sequence: u64,
}

impl Cluster {
    pub(crate) fn new(size: u32, section: QuorumSection, votes: BTreeMap<u32, u32>) -> Self {
        Cluster {
            size,
            section,
            votes,
            running: BTreeMap::new(),
            partitions: vec![(1..=size).collect()],
            rounds: Vec::new(),
            now: Duration::ZERO,
            sequence: 1,
        }
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
            let ring = RingId::default();
            self.running.insert(*node, Member { service, last: Vec::new(), ring, settled: false, told: Vec::new() });
        }
        self.form_rings();
        Ok(())
    }

    /// Nodes end without a word.
    pub(crate) fn kill(&mut self, nodes: &[u32]) {
        for node in nodes {
            self.running.remove(node);
        }
        self.form_rings();
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
        self.form_rings();
    }

    /// A new ring in every partition whose running members are not those of the ring they are in.
    fn form_rings(&mut self) {
        for partition in self.partitions.clone() {
            let members: Vec<NodeId> =
                partition.iter().filter(|n| self.running.contains_key(n)).map(|n| NodeId(*n)).collect();
            let changed = members.iter().any(|n| {
                let member = &self.running[&n.0];
                member.last != members || member.ring != self.running[&members[0].0].ring
            });
            if changed {
                self.begin_round(&members);
            }
        }
        self.pump();
    }

    fn begin_round(&mut self, members: &[NodeId]) {
        self.sequence += 4;
        let ring = RingId::new(*members.iter().min().expect("a ring has members"), self.sequence);
        let before: BTreeMap<NodeId, RingId> = members.iter().map(|n| (*n, self.running[&n.0].ring)).collect();
        for round in &mut self.rounds {
            round.members.retain(|n| !members.contains(n));
        }
        self.rounds.retain(|round| !round.members.is_empty());
        for node in members {
            let together: Vec<NodeId> = members
                .iter()
                .copied()
                .filter(|other| other == node || (before[other] == before[node] && before[node] != RingId::default()))
                .collect();
            let now = self.now;
            let member = self.running.get_mut(&node.0).expect("members run");
            if !member.settled {
                member.service.handle_sync(now, SyncPhase::Abort);
            }
            let transitional = if member.last.is_empty() { Vec::new() } else { together };
            member.service.handle_sync(now, SyncPhase::Init { transitional: &transitional, members, ring });
            (member.ring, member.settled, member.last) = (ring, false, members.to_vec());
        }
        self.rounds.push(Round { members: members.to_vec(), ready: BTreeSet::new() });
    }

    /// Lets every round go as far as it goes now.
    pub(crate) fn pump(&mut self) {
        self.settle();
        let mut rounds = std::mem::take(&mut self.rounds);
        for round in &mut rounds {
            for node in &round.members {
                let (now, running) = (self.now, &mut self.running);
                let Some(member) = running.get_mut(&node.0) else { continue };
                if member.service.handle_sync(now, SyncPhase::Process) == Progress::Done {
                    round.ready.insert(*node);
                }
            }
        }
        self.settle();
        let (over, open): (Vec<_>, Vec<_>) =
            rounds.into_iter().partition(|round| round.members.iter().all(|n| round.ready.contains(n)));
        for node in over.iter().flat_map(|round| &round.members) {
            let (now, running) = (self.now, &mut self.running);
            if let Some(member) = running.get_mut(&node.0) {
                member.service.handle_sync(now, SyncPhase::Activate);
                member.settled = true;
            }
        }
        self.rounds = open;
        self.settle();
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

    pub(crate) fn next_timer(&self) -> Option<Duration> {
        self.running.values().filter_map(|m| m.service.poll_timeout()).min()
    }

    /// Moves to a moment and lets the timers that are due fire.
    pub(crate) fn move_to(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let now = self.now;
        for member in self.running.values_mut() {
            if member.service.poll_timeout().is_some_and(|at| at <= now) {
                member.service.handle_timeout(now);
            }
        }
        self.pump();
    }

    /// Lets time pass, with every timer at its moment.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.next_timer().filter(|at| *at <= end) {
            self.move_to(at);
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
