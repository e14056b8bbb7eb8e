//! A network in virtual time for rings: loss, reorder, duplicates, one-way cuts, pauses, crashes, all from one seed.

#[path = "../../../harness/src/sim/evs.rs"]
#[allow(dead_code, unreachable_pub, clippy::duplicate_mod)]
pub(crate) mod evs;

use bytes::Bytes;
use evs::{Event, Evs, Token};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use totem_core::config::Timers;
use totem_core::ring::{Config, ConfigurationKind, Guarantee, Identity, Output, Ring, State};
use totem_core::wire::{NodeId, RingId};

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What the network does to a datagram.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Chance of loss, in thousandths.
    pub(crate) loss: u32,
    /// Chance of a second copy.
    pub(crate) duplicate: u32,
    /// Least and greatest delay in microseconds; a wide range reorders.
    pub(crate) delay: (u64, u64),
}

pub(crate) const FAIR: Weather = Weather { loss: 0, duplicate: 0, delay: (100, 300) };

pub(crate) struct Machine {
    pub(crate) ring: Option<Ring>,
    pub(crate) stored: u64,
    pub(crate) paused_until: Duration,
    pub(crate) waiting: Vec<Bytes>,
    pub(crate) submitted: u32,
    pub(crate) installed: Option<RingId>,
    pub(crate) delivered: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: Duration,
    order: u64,
    to: usize,
    datagram: Bytes,
}

pub(crate) struct Network {
    pub(crate) seed: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Duration,
    pub(crate) weather: Weather,
    pub(crate) machines: Vec<Machine>,
    /// `cut[a][b]`: nothing gets from a to b.
    pub(crate) cut: Vec<Vec<bool>>,
    pub(crate) evs: Evs,
    pub(crate) config: Config,
    pub(crate) log: Option<Vec<String>>,
    pub(crate) datagrams: u64,
    arrivals: BinaryHeap<Reverse<Arrival>>,
    order: u64,
}

/// What fills messages, again and again.
fn pattern(count: u32) -> [u8; 256] {
    std::array::from_fn(|k| k as u8 ^ count as u8)
}

pub(crate) fn id(i: usize) -> NodeId {
    NodeId(i as u32 + 1)
}

impl Network {
    pub(crate) fn new(seed: u64, nodes: usize, token: u32) -> Self {
        let mut config = Config::derive(Timers::with(&[("token", token)], nodes));
        config.validate().unwrap();
        config.nodes = (0..nodes).map(id).collect();
        Self {
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Duration::ZERO,
            weather: FAIR,
            machines: (0..nodes)
                .map(|_| Machine {
                    ring: None,
                    stored: 0,
                    paused_until: Duration::ZERO,
                    waiting: Vec::new(),
                    submitted: 0,
                    installed: None,
                    delivered: 0,
                })
                .collect(),
            cut: vec![vec![false; nodes]; nodes],
            evs: Evs::new(),
            config,
            log: std::env::var_os("RING_LOG").map(|_| Vec::new()),
            datagrams: 0,
            arrivals: BinaryHeap::new(),
            order: 0,
        }
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(what());
        }
    }

    #[track_caller]
    pub(crate) fn fail(&self, what: String) -> ! {
        if let Some(log) = &self.log {
            for line in log {
                println!("{line}");
            }
        }
        panic!(
            "seed {} at {:?}: {what}\nrerun: RING_SEED={} RING_LOG=1 cargo test -p totem-core --test ring one_seed -- --nocapture",
            self.seed, self.now, self.seed
        );
    }

    pub(crate) fn start(&mut self, i: usize) {
        let identity = Identity { node: id(i), ring_sequence: self.machines[i].stored, seed: self.seed };
        // rings are as wide as their narrowest member
        let kin_factor = 1 + (self.seed + i as u64) as u32 % self.config.kin_factor;
        let mut ring = Ring::new(Config { kin_factor, ..self.config.clone() }, identity, self.now);
        ring.handle_interface_up(self.now);
        self.machines[i].ring = Some(ring);
        self.machines[i].paused_until = Duration::ZERO;
        self.say(|| format!("start {}", id(i)));
        self.drain(i);
    }

    pub(crate) fn crash(&mut self, i: usize, forget: bool) {
        let m = &mut self.machines[i];
        if m.ring.take().is_none() {
            return;
        }
        m.waiting.clear();
        m.submitted = 0;
        m.installed = None;
        if forget {
            m.stored = 0;
        }
        let result = self.evs.observe(id(i), Event::Crashed { forgot: forget });
        self.say(|| format!("crash {} forget {forget}", id(i)));
        if let Err(v) = result {
            self.fail(v.to_string());
        }
    }

    pub(crate) fn pause(&mut self, i: usize, until: Duration) {
        self.machines[i].paused_until = until;
        let now = self.now;
        self.say(|| format!("{now:?} pause {} until {until:?}", id(i)));
    }

    /// Submits a message of `size` bytes at node `i`, if its queue has room.
    pub(crate) fn submit(&mut self, i: usize, size: usize) -> bool {
        self.submit_with(i, size, Guarantee::Agreed)
    }

    pub(crate) fn submit_with(&mut self, i: usize, size: usize, guarantee: Guarantee) -> bool {
        let life = self.evs.life(id(i));
        let now = self.now;
        let m = &mut self.machines[i];
        if m.paused_until > now {
            return false;
        }
        let Some(ring) = &mut m.ring else { return false };
        let token = Token { node: id(i), life, count: m.submitted };
        let mut head = [0u8; 16];
        head[2..6].copy_from_slice(&token.node.0.to_le_bytes());
        head[6..10].copy_from_slice(&token.life.to_le_bytes());
        head[10..14].copy_from_slice(&token.count.to_le_bytes());
        head[14] = guarantee as u8;
        let body: Vec<u8> = pattern(token.count).iter().copied().cycle().take(size).collect();
        if ring.send(&[&head, &body], guarantee).is_err() {
            return false;
        }
        m.submitted += 1;
        if let Err(v) = self.evs.observe(id(i), Event::Submitted(token)) {
            self.fail(v.to_string());
        }
        self.drain(i);
        true
    }

    pub(crate) fn leave(&mut self, i: usize) {
        let now = self.now;
        if let Some(ring) = &mut self.machines[i].ring {
            ring.shutdown(now);
        }
        self.drain(i);
        self.crash(i, false);
    }

    fn transmit(&mut self, from: usize, to: usize, datagram: &Bytes) {
        self.datagrams += 1;
        if self.cut[from][to] || self.rng.random_range(0..1000) < self.weather.loss {
            return;
        }
        let copies = 1 + u32::from(self.rng.random_range(0..1000) < self.weather.duplicate);
        for _ in 0..copies {
            let delay = self.rng.random_range(self.weather.delay.0..=self.weather.delay.1);
            self.order += 1;
            self.arrivals.push(Reverse(Arrival {
                at: self.now + Duration::from_micros(delay),
                order: self.order,
                to,
                datagram: datagram.clone(),
            }));
        }
    }

    fn drain(&mut self, i: usize) {
        while let Some(output) = self.machines[i].ring.as_mut().and_then(Ring::poll_output) {
            match output {
                Output::PersistRingSequence(seq) => self.machines[i].stored = seq,
                Output::Unicast { to, datagram } => self.transmit(i, to.0 as usize - 1, &datagram),
                Output::Multicast { datagram } => {
                    for to in (0..self.machines.len()).filter(|&to| to != i) {
                        self.transmit(i, to, &datagram);
                    }
                }
                Output::Message(m) => self.delivered(i, &m),
                Output::Configuration(change) => {
                    let now = self.now;
                    self.say(|| format!("{now:?} {} {change:?}", id(i)));
                    if let Err(v) = self.evs.observe(id(i), Event::Changed(&change)) {
                        self.fail(v.to_string());
                    }
                    if change.kind == ConfigurationKind::Regular {
                        let m = &mut self.machines[i];
                        m.installed = Some(change.ring);
                        m.ring.as_mut().unwrap().handle_synchronized();
                    }
                }
                Output::Notice(n) => {
                    let now = self.now;
                    self.say(|| format!("{now:?} {} {n}", id(i)));
                }
                Output::TokenAccepted | Output::CheckInterface => {}
            }
        }
    }

    fn delivered(&mut self, i: usize, m: &totem_core::ring::Message) {
        if m.payload.len() == 2 {
            return; // the message to nobody that precedes a restart
        }
        let word = |at: usize| u32::from_le_bytes(m.payload[at..at + 4].try_into().unwrap());
        let token = Token { node: NodeId(word(2)), life: word(6), count: word(10) };
        let pattern = pattern(token.count);
        let intact = m.payload[16..].chunks(pattern.len()).all(|part| *part == pattern[..part.len()]);
        if !intact {
            self.fail(format!("{token:?} was damaged"));
        }
        self.machines[i].delivered += 1;
        let safe = m.payload[14] == Guarantee::Safe as u8;
        let event = Event::Delivered { token, from: m.from, ring: m.ring, seq: m.seq, safe };
        if let Err(v) = self.evs.observe(id(i), event) {
            self.fail(v.to_string());
        }
    }

    /// The earliest thing to happen.
    fn next(&self) -> Option<(Duration, Option<usize>)> {
        let arrival = self.arrivals.peek().map(|a| (a.0.at, None));
        let timers = self.machines.iter().enumerate().filter_map(|(i, m)| {
            let at = m.ring.as_ref()?.poll_timeout()?;
            Some((at.max(m.paused_until), Some(i)))
        });
        timers.chain(arrival).min_by_key(|&(at, who)| (at, who))
    }

    /// Runs until `end`.
    pub(crate) fn run_until(&mut self, end: Duration) {
        let mut steps = 0;
        while let Some((at, who)) = self.next().filter(|n| n.0 <= end) {
            steps = if at > self.now { 0 } else { steps + 1 };
            if steps > 100_000 {
                let states: Vec<_> = self
                    .alive()
                    .iter()
                    .map(|&i| format!("{:?}", self.machines[i].ring.as_ref().unwrap().status()))
                    .collect();
                self.fail(format!("time stands still\n{}", states.join("\n")));
            }
            self.now = self.now.max(at);
            match who {
                Some(i) => self.wake(i),
                None => self.arrive(),
            }
        }
        self.now = self.now.max(end);
    }

    fn wake(&mut self, i: usize) {
        let now = self.now;
        let waiting = std::mem::take(&mut self.machines[i].waiting);
        for datagram in waiting {
            if let Some(ring) = &mut self.machines[i].ring {
                ring.handle_datagram(now, datagram);
            }
            self.drain(i);
        }
        if let Some(ring) = &mut self.machines[i].ring {
            ring.handle_timeout(now);
        }
        self.drain(i);
    }

    fn arrive(&mut self) {
        let Some(Reverse(arrival)) = self.arrivals.pop() else { return };
        let (now, i) = (self.now, arrival.to);
        let m = &mut self.machines[i];
        if m.paused_until > now {
            if m.ring.is_some() && m.waiting.len() < 500 {
                m.waiting.push(arrival.datagram);
            }
            return;
        }
        let Some(ring) = &mut m.ring else { return };
        ring.handle_datagram(now, arrival.datagram);
        self.drain(i);
    }

    pub(crate) fn heal(&mut self) {
        self.cut.iter_mut().for_each(|row| row.fill(false));
        self.weather = FAIR;
        let now = self.now;
        for m in &mut self.machines {
            m.paused_until = m.paused_until.min(now);
        }
        self.say(|| format!("{now:?} heal"));
    }

    pub(crate) fn alive(&self) -> Vec<usize> {
        (0..self.machines.len()).filter(|&i| self.machines[i].ring.is_some()).collect()
    }

    /// Whether all running nodes are operational members of one ring that has exactly them.
    pub(crate) fn one_ring(&self) -> bool {
        let alive = self.alive();
        let want: Vec<NodeId> = alive.iter().map(|&i| id(i)).collect();
        let rings: Vec<_> = alive.iter().map(|&i| self.machines[i].ring.as_ref().unwrap().status()).collect();
        rings.iter().all(|s| s.state == State::Operational && s.members == want && s.ring == rings[0].ring)
    }

    /// Runs on fair weather until all running nodes form one ring, at most `bound`; returns how long it took.
    pub(crate) fn settle(&mut self, bound: Duration) -> Duration {
        let start = self.now;
        while !self.one_ring() {
            if self.now >= start + bound {
                let states: Vec<_> = self
                    .alive()
                    .iter()
                    .map(|&i| {
                        let s = self.machines[i].ring.as_ref().unwrap().status();
                        format!(
                            "{}: {:?} {} {:?} proc {:?} failed {:?}",
                            s.node, s.state, s.ring, s.members, s.proc, s.failed
                        )
                    })
                    .collect();
                self.fail(format!("[TM-15] invariant 17: no common ring after {bound:?}\n{}", states.join("\n")));
            }
            self.run_until(self.now + ms(10));
        }
        self.now - start
    }

    /// Runs until nothing waits to be sent, then judges the whole run.
    pub(crate) fn finish(&mut self) {
        for _ in 0..2000 {
            self.run_until(self.now + ms(20));
            let idle = self.alive().iter().all(|&i| {
                let s = self.machines[i].ring.as_ref().unwrap().status();
                s.queued == 0 && s.aru == s.high_seq && s.high_delivered == s.high_seq
            });
            if idle {
                break;
            }
        }
        self.run_until(self.now + ms(50));
        let alive: Vec<_> = self.alive().into_iter().map(id).collect();
        if let Err(v) = self.evs.finish(&alive) {
            self.fail(v.to_string());
        }
        for i in self.alive() {
            let s = self.machines[i].ring.as_ref().unwrap().status();
            if s.unfinished > 0 {
                self.fail(format!("node {} holds {} bytes of unfinished messages", s.node, s.unfinished));
            }
        }
    }
}
