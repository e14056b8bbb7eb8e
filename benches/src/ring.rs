//! Rings in memory: every datagram is handed over at once, time only moves when nothing is under way.

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use totem_core::config::Timers;
use totem_core::ring::{Config, ConfigurationKind, Guarantee, Identity, Output, Ring, State};
use totem_core::wire::NodeId;

/// Rings that exchange datagrams without loss or delay.
pub struct Rings {
    rings: Vec<Ring>,
    alive: Vec<bool>,
    under_way: VecDeque<(usize, Bytes)>,
    now: Duration,
    delivered: u64,
}

impl Rings {
    /// `n` members in one ring.
    pub fn formed(n: usize) -> Self {
        let config = Config::derive(Timers::with(&[], n));
        let rings = (0..n)
            .map(|i| {
                let identity = Identity { node: NodeId(i as u32 + 1), ring_sequence: 0, seed: 0 };
                let mut ring = Ring::new(config.clone(), identity, Duration::ZERO);
                ring.handle_interface_up(Duration::ZERO);
                ring
            })
            .collect();
        let mut rings =
            Self { rings, alive: vec![true; n], under_way: VecDeque::new(), now: Duration::ZERO, delivered: 0 };
        rings.until_formed();
        rings
    }

    /// Messages delivered so far, at all members.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Submits at member `i`; false when its queue is full.
    pub fn send(&mut self, i: usize, payload: &[u8]) -> bool {
        self.rings[i].send(&[payload], Guarantee::Agreed).is_ok()
    }

    /// The last member is gone without a word.
    pub fn crash_last(&mut self) {
        if let Some(last) = self.alive.iter().rposition(|&a| a) {
            self.alive[last] = false;
        }
    }

    /// Works until every member that is alive is in one ring with all others.
    pub fn until_formed(&mut self) {
        let members = self.alive.iter().filter(|&&a| a).count();
        while !self.living().all(|r| r.status().state == State::Operational && r.status().members.len() == members) {
            self.step();
        }
    }

    /// Works until `total` messages have been delivered.
    pub fn until_delivered(&mut self, total: u64) {
        while self.delivered < total {
            self.step();
        }
    }

    fn living(&self) -> impl Iterator<Item = &Ring> {
        self.rings.iter().zip(&self.alive).filter(|(_, alive)| **alive).map(|(ring, _)| ring)
    }

    /// One datagram, or, when none is under way, the next timer.
    pub fn step(&mut self) {
        for i in 0..self.rings.len() {
            if self.alive[i] {
                self.drain(i);
            }
        }
        if let Some((to, datagram)) = self.under_way.pop_front() {
            if self.alive[to] {
                self.rings[to].handle_datagram(self.now, datagram);
            }
            return;
        }
        let next = self.living().filter_map(Ring::poll_timeout).min();
        self.now = self.now.max(next.unwrap_or(self.now));
        for (ring, _) in self.rings.iter_mut().zip(&self.alive).filter(|(_, alive)| **alive) {
            if ring.poll_timeout().is_some_and(|at| at <= self.now) {
                ring.handle_timeout(self.now);
            }
        }
    }

    fn drain(&mut self, i: usize) {
        while let Some(output) = self.rings[i].poll_output() {
            match output {
                Output::Unicast { to, datagram } => self.under_way.push_back((to.0 as usize - 1, datagram)),
                Output::Multicast { datagram } => {
                    let others = (0..self.rings.len()).filter(|&to| to != i);
                    self.under_way.extend(others.map(|to| (to, datagram.clone())));
                }
                Output::Message(_) => self.delivered += 1,
                Output::Configuration(c) if c.kind == ConfigurationKind::Regular => self.rings[i].handle_synchronized(),
                _ => {}
            }
        }
    }
}
