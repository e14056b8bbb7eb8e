//! Whole members over links that protect packets in this engine's own way, on a network with somebody who records
//! everything and plays it again: as it was, altered, to others, to its own sender, and to later lives of everybody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use totem_core::config::{Config, Host, Mode};
use totem_core::groups::GroupName;
use totem_core::link::{Knet, Refusals, Secret, Settings};
use totem_core::member::{self, Busy, Identity, LinkIx, Member, Output};
use totem_core::ring::{ConfigurationKind, Guarantee};
use totem_core::wire::NodeId;

const NODES: u32 = 3;
const DELAY: Duration = Duration::from_micros(200);

fn config(me: u32, model: &str) -> Config {
    let list: String = (1..=NODES)
        .map(|n| format!("node {{\nring0_addr: 10.96.0.{n}\nring1_addr: 10.95.0.{n}\nname: n{n}\nnodeid: {n}\n}}\n"))
        .collect();
    let text = format!(
        "totem {{\nversion: 2\ncluster_name: c\ntoken: 1000\nlink_mode: active\n{model}}}\nquorum {{\nprovider: corosync_votequorum\n}}\nnodelist {{\n{list}}}\n"
    );
    Config::read(&text, Mode::Legacy, &Host::new(format!("n{me}"), [])).unwrap()
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    to: u32,
    link: u8,
    from: SocketAddr,
    bytes: Bytes,
}

struct World {
    members: BTreeMap<u32, Member>,
    stored: BTreeMap<u32, u64>,
    now: Duration,
    arrivals: BinaryHeap<Reverse<(Duration, u64, Datagram)>>,
    order: u64,
    recorded: Vec<Datagram>,
    attack: bool,
    attacks: u64,
    lives: u8,
    rng: ChaCha8Rng,
    heard: BTreeMap<u32, Vec<Bytes>>,
    rings: BTreeMap<u32, Vec<Vec<NodeId>>>,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            members: BTreeMap::new(),
            stored: BTreeMap::new(),
            now: Duration::ZERO,
            arrivals: BinaryHeap::new(),
            order: 0,
            recorded: Vec::new(),
            attack: false,
            attacks: 0,
            lives: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            heard: BTreeMap::new(),
            rings: BTreeMap::new(),
        }
    }

    fn start(&mut self, node: u32) {
        self.lives += 1;
        let config = config(node, "crypto_model: metronome\n");
        let settings = Settings {
            protection: Some(Secret::new("c", &[7; 256]).unwrap().into()),
            interface_mtu: [(0, 1500), (1, 1500)].into(),
            seed: [self.lives; 32],
            config: config.clone(),
        };
        let links = Knet::new(settings, self.now);
        let ring_sequence = self.stored.get(&node).copied().unwrap_or(0);
        let identity = Identity { ring_sequence, ..Identity::new(NodeId(node), 7) };
        let mut member = Member::over_links(member::Config::of(&config, None), identity, links, self.now).unwrap();
        member.join(GroupName::new("g").unwrap()).unwrap();
        self.members.insert(node, member);
        self.drain(node);
    }

    fn post(&mut self, delay: Duration, datagram: Datagram) {
        self.order += 1;
        self.arrivals.push(Reverse((self.now + delay, self.order, datagram)));
    }

    fn drain(&mut self, node: u32) {
        while let Some(output) = self.members.get_mut(&node).and_then(Member::poll_output) {
            match output {
                Output::PersistRingSequence(sequence) => drop(self.stored.insert(node, sequence)),
                Output::Transmit { link: LinkIx(link), to, datagram } => {
                    let IpAddr::V4(ip) = to.ip() else { panic!("{to}") };
                    let from = format!("10.{}.0.{node}:{}", 96 - link, 5405 + u16::from(link)).parse().unwrap();
                    let datagram = Datagram { to: ip.octets()[3].into(), link, from, bytes: datagram };
                    self.recorded.push(datagram.clone());
                    self.post(DELAY, datagram);
                    if self.attack {
                        self.play_again();
                    }
                }
                Output::Message { payload, .. } => self.heard.entry(node).or_default().push(payload),
                Output::Configuration(change) if change.kind == ConfigurationKind::Regular => {
                    self.rings.entry(node).or_default().push(change.members);
                }
                _ => {}
            }
        }
    }

    /// One datagram out of all that was ever sent: to whom it went, to somebody else, or altered.
    fn play_again(&mut self) {
        let mut datagram = self.recorded[self.rng.random_range(0..self.recorded.len())].clone();
        match self.rng.random_range(0..4) {
            0 => {
                let mut bytes = datagram.bytes.to_vec();
                let at = self.rng.random_range(0..bytes.len());
                bytes[at] ^= self.rng.random_range(1..=255u8);
                datagram.bytes = bytes.into();
            }
            1 => {
                datagram.to = self.rng.random_range(1..=NODES);
                let link = datagram.link;
                let from = self.rng.random_range(1..=NODES);
                datagram.from = format!("10.{}.0.{from}:{}", 96 - link, 5405 + u16::from(link)).parse().unwrap();
            }
            _ => {}
        }
        self.attacks += 1;
        let delay = Duration::from_micros(self.rng.random_range(0..5000));
        self.post(delay, datagram);
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.arrivals.peek().map(|Reverse((at, ..))| *at);
            let timer = self.members.values().filter_map(Member::poll_timeout).min();
            let Some(at) = [arrival, timer].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            // Never the same instant twice for timers: a real clock moves on too.
            self.now = at.max(self.now);
            if arrival == Some(at) {
                let Reverse((_, _, datagram)) = self.arrivals.pop().unwrap();
                let now = self.now;
                if let Some(member) = self.members.get_mut(&datagram.to) {
                    member.handle_datagram(now, LinkIx(datagram.link), datagram.from, datagram.bytes);
                    self.drain(datagram.to);
                }
                continue;
            }
            self.now += Duration::from_micros(10);
            for node in self.members.keys().copied().collect::<Vec<_>>() {
                let now = self.now;
                let member = self.members.get_mut(&node).unwrap();
                if member.poll_timeout().is_some_and(|at| at <= now) {
                    member.handle_timeout(now);
                    self.drain(node);
                }
            }
        }
        self.now = end;
    }

    /// Sends `count` messages at every node, one after the other.
    fn talk(&mut self, stamp: &str, count: usize) {
        for k in 0..count {
            for node in self.members.keys().copied().collect::<Vec<_>>() {
                let text = format!("{stamp} {node} {k} {}", "x".repeat(k * 131 % 3000));
                let group = GroupName::new("g").unwrap();
                let member = self.members.get_mut(&node).unwrap();
                match member.send(&group, text.into(), Guarantee::Agreed) {
                    Ok(()) => {}
                    Err(busy @ Busy::Synchronising) => panic!("membership changed: {busy}"),
                    Err(other) => panic!("{other}"),
                }
                self.drain(node);
            }
            self.run(Duration::from_millis(20));
        }
    }

    fn members_seen(&self) -> BTreeMap<u32, usize> {
        self.rings.iter().map(|(node, rings)| (*node, rings.len())).collect()
    }

    fn refusals(&self, node: u32) -> Refusals {
        self.members[&node].status().links.unwrap().refusals()
    }
}

#[test]
fn an_attacker_who_replays_and_alters_everything_changes_nothing() {
    for seed in 0..2 {
        let mut world = World::new(seed);
        (1..=NODES).for_each(|node| world.start(node));
        world.run(Duration::from_secs(8));
        let all: Vec<NodeId> = (1..=NODES).map(NodeId).collect();
        assert!(world.rings.values().all(|rings| rings.last() == Some(&all)));

        world.attack = true;
        let before = world.members_seen();
        world.talk("first", 40);
        assert_eq!(world.members_seen(), before);
        let want = 40 * NODES as usize;
        assert!(world.heard.values().all(|heard| heard.len() == want && *heard == world.heard[&1]));

        // One member dies and starts anew, while its former life is still being played.
        world.members.remove(&2);
        world.run(Duration::from_secs(8));
        world.start(2);
        world.run(Duration::from_secs(12));
        assert!(world.rings.values().all(|rings| rings.last() == Some(&all)), "{:?}", world.rings);
        world.heard.clear();
        let before = world.members_seen();
        world.talk("second", 40);
        assert_eq!(world.members_seen(), before);
        assert!(world.heard.values().all(|heard| heard.len() == want && *heard == world.heard[&1]));

        // All die; the whole record is played to their next lives, which must not even notice.
        world.members.clear();
        world.arrivals.clear();
        (1..=NODES).for_each(|node| world.start(node));
        world.run(Duration::from_secs(12));
        assert!(world.rings.values().all(|rings| rings.last() == Some(&all)));
        world.heard.clear();
        world.talk("third", 40);
        assert!(world.heard.values().all(|heard| heard.len() == want && *heard == world.heard[&1]));
        let counted: Vec<Refusals> = (1..=NODES).map(|node| world.refusals(node)).collect();
        for refusals in &counted {
            assert!(refusals.replayed > 0 && refusals.unproven > 0 && refusals.unauthenticated > 0, "{refusals:?}");
            assert!(refusals.misdirected > 0 && refusals.unlisted > 0, "{refusals:?}");
            assert_eq!(refusals.forged_pongs, 0, "{refusals:?}");
        }
        println!("seed {seed}: {} of {} datagrams played again; {:?}", world.attacks, world.recorded.len(), counted[0]);
    }
}

#[test]
fn the_key_of_the_configuration_names_the_mode() {
    use totem_core::config::CryptoModel;
    let read = |text: &str| {
        Config::read(
            &format!("totem {{\nversion: 2\n{text}}}\nnodelist {{\nnode {{\nring0_addr: 10.0.0.1\nnodeid: 1\n}}\n}}\n"),
            Mode::Legacy,
            &Host::new("a", ["10.0.0.1".parse().unwrap()]),
        )
        .map_err(Box::new)
    };
    let own = read("crypto_model: metronome\n").unwrap();
    assert_eq!(own.totem.crypto_model, CryptoModel::Metronome);
    assert!(own.totem.is_protected() && own.warnings.is_empty());
    let stock = read("crypto_model: openssl\ncrypto_cipher: aes256\ncrypto_hash: sha256\n").unwrap();
    assert_eq!(stock.totem.crypto_model, CryptoModel::Stock);
    let warned = read("crypto_model: metronome\ncrypto_cipher: aes256\ncrypto_hash: sha256\n").unwrap();
    assert_eq!(warned.warnings.len(), 2);
    let error = read("crypto_model: metronome\ncrypto_hash: none\n").unwrap_err();
    assert_eq!(error.report("f"), "crypto_model metronome always encrypts and signs");
    let error = read("crypto_model: gnutls\n").unwrap_err();
    assert_eq!(error.report("f"), "parser error: f:3: Invalid crypto model. Should be nss, openssl or metronome");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    use totem_core::config::Error;
    let read = |text: &str| {
        Config::read(
            &format!("totem {{\nversion: 2\n{text}}}\nnodelist {{\nnode {{\nring0_addr: 10.0.0.1\nnodeid: 1\n}}\n}}\n"),
            Mode::Legacy,
            &Host::new("a", ["10.0.0.1".parse().unwrap()]),
        )
        .map_err(Box::new)
    };
    for (text, said, place) in [
        (
            "knet_compression_model: zlib\n",
            "knet_compression_model zlib is not supported: messages are neither compressed nor decompressed here",
            "line 3, totem.knet_compression_model: zlib (allowed: leave the key out, on all nodes)",
        ),
        (
            "interface {\nknet_transport: sctp\n}\n",
            "Unrecognised knet_transport. only 'udp' is supported",
            "line 4, totem.interface.0.knet_transport: sctp (allowed: udp)",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.report("f"), said);
        let Error::Invalid(invalid) = *error else { panic!("{error}") };
        assert_eq!(invalid.place().as_deref(), Some(place));
    }
    let error = read("knet_compression_model: none\n").unwrap_err();
    assert!(error.report("f").starts_with("parser error: f:3: Invalid compression model. Should be zlib, lz4"));
}
