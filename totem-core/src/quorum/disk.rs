//! A shared disk as quorum device: every node writes a slot and reads all of them [QG-4.9].
//!
//! Per new ring: a node first stops voting and says so in its slot. The partition that is chosen from the live slots votes
//! yes only when every live slot outside it is silent; a slot that stands still for `patience` intervals is dead. A node
//! whose own slot was not seen on the disk for one interval less than that takes its vote back: it is not there any longer
//! when others count it as dead.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::device::{Device, DeviceInput, DeviceOutput};
use super::slot::Slot;
use crate::wire::{NodeId, RingId};

/// What is known of another node's slot.
struct Seen {
    slot: Slot,
    unchanged: u32,
}

/// The device.
pub struct SharedDisk {
    node: NodeId,
    interval: Duration,
    patience: u32,
    score: i64,
    ring: Option<(RingId, Vec<NodeId>)>,
    generation: u64,
    /// Intervals since the ring changed: before `patience` of them nothing is known of the others.
    age: u32,
    votes: bool,
    seen: BTreeMap<NodeId, Seen>,
    next: Option<Duration>,
    /// When slots were handed out to be written, until they are seen on the disk.
    writes: VecDeque<(u64, Duration)>,
    /// When the youngest own slot that was seen on the disk was handed out.
    proven: Duration,
    outputs: VecDeque<DeviceOutput>,
}

impl SharedDisk {
    /// A device that writes every `interval`, and takes a slot that did not change in `patience` intervals for dead.
    pub fn new(node: NodeId, interval: Duration, patience: u32) -> Self {
        SharedDisk {
            node,
            interval,
            patience: patience.max(2),
            score: 0,
            ring: None,
            generation: 0,
            age: 0,
            votes: false,
            seen: BTreeMap::new(),
            next: None,
            writes: VecDeque::new(),
            proven: Duration::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// When a vote must be taken back unless the disk shows the own slot before.
    fn lease_ends(&self) -> Option<Duration> {
        self.votes.then(|| self.proven + self.interval * (self.patience - 1))
    }

    fn write(&mut self, now: Duration) {
        let Some((ring, members)) = self.ring.clone() else { return };
        self.generation += 1;
        self.next = Some(now + self.interval);
        if self.writes.len() >= self.patience as usize {
            self.writes.pop_front();
        }
        self.writes.push_back((self.generation, now));
        let (node, generation, score, silent) = (self.node, self.generation, self.score, !self.votes);
        self.outputs.push_back(DeviceOutput::WriteSlot(Slot { node, ring, members, generation, score, silent }));
    }

    /// Whether this node's partition is the one that votes.
    fn wins(&self, live: &[&Slot], members: &[NodeId]) -> bool {
        let standing = |inside: bool| {
            let side = live.iter().filter(|s| members.contains(&s.node) == inside);
            let (mut count, mut score, mut lowest) = (0, 0, u32::MAX);
            for slot in side {
                count += 1;
                score += slot.score;
                lowest = lowest.min(slot.node.0);
            }
            (count, score, std::cmp::Reverse(lowest))
        };
        standing(true) > standing(false)
    }

    fn decide(&mut self) {
        let Some((ring, members)) = self.ring.clone() else { return };
        let own = Slot {
            node: self.node,
            ring,
            members: members.clone(),
            generation: self.generation,
            score: self.score,
            silent: !self.votes,
        };
        let mut live: Vec<&Slot> =
            self.seen.values().filter(|s| s.unchanged < self.patience).map(|s| &s.slot).collect();
        live.push(&own);
        let partners_agree = live.iter().filter(|s| members.contains(&s.node)).all(|s| s.ring == ring);
        let others_silent = live.iter().filter(|s| !members.contains(&s.node)).all(|s| s.silent);
        let known = self.age >= self.patience;
        let yes = known && partners_agree && others_silent && self.wins(&live, &members);
        self.votes = yes;
        self.outputs.push_back(DeviceOutput::Vote { yes, ring });
    }
}

impl Device for SharedDisk {
    fn handle_input(&mut self, now: Duration, input: DeviceInput) {
        match input {
            DeviceInput::Ring { ring, members } => {
                self.ring = Some((ring, members));
                self.votes = false;
                self.age = 0;
                self.write(now);
            }
            DeviceInput::Checked(passed) => self.score = if passed { 1 } else { -1 },
            DeviceInput::Slots(slots) => {
                let own = slots.iter().find(|s| s.node == self.node).map(|s| s.generation);
                while let Some((generation, at)) = self.writes.front().copied().filter(|(g, _)| Some(*g) <= own) {
                    self.writes.pop_front();
                    if Some(generation) == own {
                        self.proven = at;
                    }
                }
                self.age = self.age.saturating_add(1);
                for slot in slots.into_iter().filter(|s| s.node != self.node) {
                    let node = slot.node;
                    let unchanged = match self.seen.get(&node) {
                        Some(seen) if seen.slot.generation == slot.generation => seen.unchanged.saturating_add(1),
                        _ => 0,
                    };
                    self.seen.insert(node, Seen { slot, unchanged });
                }
                if now < self.proven + self.interval * (self.patience - 1) {
                    self.decide();
                }
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Duration) {
        if self.lease_ends().is_some_and(|at| at <= now)
            && let Some((ring, _)) = self.ring
        {
            self.votes = false;
            self.outputs.push_back(DeviceOutput::Vote { yes: false, ring });
        }
        if self.next.is_some_and(|at| at <= now) {
            self.write(now);
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [self.next, self.lease_ends()].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes with one disk; `alive` nodes write and read every interval. Returns who votes yes in each interval.
    fn run(partitions: &[&[u32]], alive: &[u32], rounds: u32) -> Vec<Vec<u32>> {
        let interval = Duration::from_secs(1);
        let mut disk: BTreeMap<u32, Slot> = BTreeMap::new();
        let mut nodes: BTreeMap<u32, SharedDisk> = BTreeMap::new();
        for (n, members) in partitions.iter().enumerate() {
            for node in members.iter().filter(|n| alive.contains(n)) {
                let mut device = SharedDisk::new(NodeId(*node), interval, 3);
                let ring = RingId::new(NodeId(members[0]), 5 + n as u64);
                let members = members.iter().copied().map(NodeId).collect();
                device.handle_input(Duration::ZERO, DeviceInput::Ring { ring, members });
                nodes.insert(*node, device);
            }
        }
        let mut history = Vec::new();
        for round in 0..rounds {
            let now = interval * round;
            let mut yes = Vec::new();
            for (id, device) in &mut nodes {
                device.handle_timeout(now);
                while let Some(output) = device.poll_output() {
                    if let DeviceOutput::WriteSlot(slot) = output {
                        disk.insert(*id, slot);
                    }
                }
                device.handle_input(now, DeviceInput::Slots(disk.values().cloned().collect()));
                while let Some(output) = device.poll_output() {
                    if output == (DeviceOutput::Vote { yes: true, ring: device.ring.as_ref().unwrap().0 }) {
                        yes.push(*id);
                    }
                }
            }
            history.push(yes);
        }
        history
    }

    #[test]
    fn of_two_halves_one_votes_and_never_both() {
        let history = run(&[&[1], &[2]], &[1, 2], 10);
        assert!(history.iter().all(|yes| yes.len() <= 1), "{history:?}");
        assert_eq!(history.last().unwrap(), &[1]);
    }

    #[test]
    fn a_node_alone_votes_when_the_other_slot_stands_still() {
        let history = run(&[&[1], &[2]], &[2], 10);
        assert_eq!(history.last().unwrap(), &[2]);
        assert!(history[0].is_empty());
    }

    /// Node 1 has the vote when its disk begins to hang, and the network is cut: its vote ends before node 2's begins.
    #[test]
    fn a_node_whose_disk_hangs_gives_its_vote_back_in_time() {
        let interval = Duration::from_secs(1);
        let step = Duration::from_millis(100);
        let patience = 5;
        let both = vec![NodeId(1), NodeId(2)];
        let mut nodes: BTreeMap<u32, SharedDisk> =
            (1..=2).map(|n| (n, SharedDisk::new(NodeId(n), interval, patience))).collect();
        let mut disk: BTreeMap<u32, Slot> = BTreeMap::new();
        let mut votes = BTreeMap::from([(1, false), (2, false)]);
        let mut history = Vec::new();
        for tick in 0..400 {
            let now = step * tick;
            let rings = match tick {
                0 => vec![(1, RingId::new(NodeId(1), 5), both.clone()), (2, RingId::new(NodeId(1), 5), both.clone())],
                200 => vec![
                    (1, RingId::new(NodeId(1), 9), vec![NodeId(1)]),
                    (2, RingId::new(NodeId(2), 9), vec![NodeId(2)]),
                ],
                _ => Vec::new(),
            };
            for (node, ring, members) in rings {
                nodes.get_mut(&node).unwrap().handle_input(now, DeviceInput::Ring { ring, members });
            }
            for (id, device) in &mut nodes {
                if device.poll_timeout().is_some_and(|at| at <= now) {
                    device.handle_timeout(now);
                }
                let mut wrote = false;
                while let Some(output) = device.poll_output() {
                    match output {
                        // From the tenth second of the split on, what node 1 writes and reads never comes back.
                        DeviceOutput::WriteSlot(_) if *id == 1 && tick > 300 => {}
                        DeviceOutput::WriteSlot(slot) => {
                            disk.insert(*id, slot);
                            wrote = true;
                        }
                        DeviceOutput::Vote { yes, .. } => drop(votes.insert(*id, yes)),
                        _ => {}
                    }
                }
                if wrote {
                    device.handle_input(now, DeviceInput::Slots(disk.values().cloned().collect()));
                    while let Some(output) = device.poll_output() {
                        if let DeviceOutput::Vote { yes, .. } = output {
                            votes.insert(*id, yes);
                        }
                    }
                }
            }
            history.push((votes[&1], votes[&2]));
        }
        assert!(history[200..].iter().all(|(one, two)| !(*one && *two)), "both had the vote");
        assert_eq!((history[299], history[399]), ((true, false), (false, true)));
    }
}
