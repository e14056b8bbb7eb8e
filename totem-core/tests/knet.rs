//! The link layer between machines on a network that cuts, loses and repeats.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use totem_core::config::{Cipher, Config, Crypto, Hash, Host, Mode};
use totem_core::link::{Guard, Knet, Output, Protection, Secret, Settings};
use totem_core::wire::NodeId;

const MS: Duration = Duration::from_millis(1);

fn config(nodes: u32, me: u32, mode: &str) -> Config {
    let list: String = (1..=nodes)
        .map(|n| format!("node {{\nring0_addr: 10.96.0.{n}\nring1_addr: 10.95.0.{n}\nname: n{n}\nnodeid: {n}\n}}\n"))
        .collect();
    let text = format!("totem {{\nversion: 2\ntoken: 1000\nlink_mode: {mode}\n}}\nnodelist {{\n{list}}}\n");
    Config::read(&text, Mode::Strict, &Host::new(format!("n{me}"), [])).unwrap()
}

fn protection(cipher: Cipher, hash: Hash, byte: u8) -> Protection {
    Protection::new(Crypto { cipher, hash }, Bytes::from(vec![byte; 128])).unwrap()
}

/// How a test's machines protect packets, with a byte of which their key is made.
#[derive(Clone, Copy)]
enum Key {
    Clear,
    Stock(u8),
    Own(u8),
}

impl Key {
    fn guard(self) -> Option<Guard> {
        match self {
            Key::Clear => None,
            Key::Stock(byte) => Some(protection(Cipher::Aes256, Hash::Sha256, byte).into()),
            Key::Own(byte) => Some(Secret::new("c", &[byte; 128]).unwrap().into()),
        }
    }
}

/// Machines and a network of two links; datagrams arrive at once, or never.
struct Net {
    nodes: BTreeMap<u32, Knet>,
    now: Duration,
    /// Links that are cut at a node.
    cut: Vec<(u32, u8)>,
    /// Largest UDP payload that passes.
    room: usize,
    /// Probes of sizes are lost before then.
    no_probes_until: Duration,
    delivered: BTreeMap<u32, Vec<Bytes>>,
    /// Data datagrams by link.
    carried: BTreeMap<u8, u64>,
    last: Vec<(SocketAddr, SocketAddr, Bytes)>,
    starts: u8,
}

impl Net {
    fn new(nodes: u32, mode: &str, key: Key) -> Net {
        let mut net = Net {
            nodes: BTreeMap::new(),
            now: Duration::ZERO,
            cut: Vec::new(),
            room: 1472,
            no_probes_until: Duration::ZERO,
            delivered: BTreeMap::new(),
            carried: BTreeMap::new(),
            last: Vec::new(),
            starts: 0,
        };
        (1..=nodes).for_each(|n| net.start(n, nodes, mode, key));
        net
    }

    fn start(&mut self, node: u32, nodes: u32, mode: &str, key: Key) {
        self.starts += 1;
        let settings = Settings {
            config: config(nodes, node, mode),
            protection: key.guard(),
            interface_mtu: BTreeMap::new(),
            seed: [self.starts; 32],
        };
        self.nodes.insert(node, Knet::new(settings, self.now));
    }

    fn carry(&mut self) {
        loop {
            let mut moving = Vec::new();
            for (id, knet) in &mut self.nodes {
                while let Some(output) = knet.poll_output() {
                    match output {
                        Output::Transmit { link, to, datagram } => moving.push((*id, link, to, datagram)),
                        Output::Deliver(message) => self.delivered.entry(*id).or_default().push(message),
                        _ => {}
                    }
                }
            }
            if moving.is_empty() {
                return;
            }
            for (from, link, to, datagram) in moving {
                let std::net::IpAddr::V4(ip) = to.ip() else { continue };
                let target = u32::from(ip.octets()[3]);
                let source: SocketAddr =
                    format!("10.{}.0.{from}:{}", 96 - link, 5405 + u16::from(link)).parse().unwrap();
                if datagram.len() > self.room {
                    self.nodes.get_mut(&from).unwrap().handle_too_long(self.now, link, to, None);
                    continue;
                }
                if datagram.first() == Some(&1) && datagram.get(1) == Some(&0) {
                    *self.carried.entry(link).or_default() += 1;
                }
                if datagram.get(1) == Some(&0x83) && self.now < self.no_probes_until {
                    continue;
                }
                if self.cut.contains(&(from, link)) || self.cut.contains(&(target, link)) {
                    continue;
                }
                self.last.push((source, to, datagram.clone()));
                if let Some(knet) = self.nodes.get_mut(&target) {
                    knet.handle_datagram(self.now, source, &datagram);
                }
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.carry();
            let next = self.nodes.values().filter_map(Knet::poll_timeout).min().unwrap();
            if next > end {
                break;
            }
            // Never the same instant twice: a real clock moves on too.
            self.now = next.max(self.now + MS);
            for knet in self.nodes.values_mut() {
                if knet.poll_timeout().is_some_and(|at| at <= self.now) {
                    knet.handle_timeout(self.now);
                }
            }
        }
        self.now = end;
    }

    fn send(&mut self, from: u32, to: Option<u32>, message: &[u8]) {
        let now = self.now;
        self.nodes.get_mut(&from).unwrap().send(now, to.map(NodeId), &Bytes::copy_from_slice(message));
        self.carry();
    }

    fn received(&mut self, node: u32) -> Vec<Bytes> {
        self.delivered.remove(&node).unwrap_or_default()
    }

    fn up(&self, node: u32) -> Vec<(u32, u8)> {
        self.nodes[&node].links().filter(|l| l.connected).map(|l| (l.host.0, l.link)).collect()
    }
}

#[test]
fn links_come_up_find_their_size_and_carry_large_messages() {
    for key in [Key::Clear, Key::Stock(7), Key::Own(7)] {
        let mut net = Net::new(3, "passive", key);
        net.run(Duration::from_secs(3));
        assert_eq!(net.up(1), [(2, 0), (2, 1), (3, 0), (3, 1)]);
        assert_eq!(
            net.nodes[&1].data_mtu(),
            match key {
                Key::Clear => 1446,
                Key::Stock(_) => 1397,
                Key::Own(_) => 1398,
            }
        );
        let message: Vec<u8> = (0..60_000u32).map(|i| if i < 13 { 0 } else { i as u8 }).collect();
        net.send(1, None, &message);
        for node in [2, 3] {
            let got = net.received(node);
            assert_eq!((got.len(), &got[0][..]), (1, &message[..]));
        }
        // A token goes to one host, and says so.
        net.send(1, Some(2), &[9; 40]);
        assert_eq!(u32::from_le_bytes(net.received(2)[0][9..13].try_into().unwrap()), 2);
        assert!(net.received(3).is_empty());
    }
}

#[test]
fn one_of_two_links_may_fail_without_the_host_ever_being_lost() {
    for (mode, key) in [
        ("passive", Key::Stock(7)),
        ("active", Key::Stock(7)),
        ("rr", Key::Stock(7)),
        ("passive", Key::Own(7)),
        ("active", Key::Own(7)),
        ("rr", Key::Own(7)),
    ] {
        let mut net = Net::new(2, mode, key);
        net.run(Duration::from_secs(15));
        net.cut.push((2, 0));
        // Within the timeout and twice the latency the link is found dead, and messages take the other one.
        net.run(Duration::from_millis(1300));
        assert_eq!(net.up(1), [(2, 1)], "{mode}");
        assert!(net.nodes[&1].is_reachable(NodeId(2)));
        net.send(1, None, &[0; 5000]);
        assert_eq!(net.received(2).len(), 1, "{mode}");
        net.cut.clear();
        net.run(Duration::from_secs(5));
        assert_eq!(net.up(1), [(2, 0), (2, 1)], "{mode}");
        net.send(1, None, &[0; 100]);
        assert_eq!(net.received(2).len(), 1, "{mode}");
    }
}

/// Probes are lost on a bad line like anything else: a host that answers is not given up for them. [LK-11.4]
#[test]
fn lost_probes_do_not_cost_a_link() {
    let mut net = Net::new(2, "passive", Key::Clear);
    net.run(Duration::from_secs(15));
    assert_eq!(net.nodes[&1].data_mtu(), 1446);
    // The next search on every link begins after 30 s.
    net.no_probes_until = Duration::from_secs(33);
    for _ in 0..300 {
        net.run(Duration::from_millis(100));
        assert!(net.nodes[&1].is_reachable(NodeId(2)) && net.nodes[&2].is_reachable(NodeId(1)), "{:?}", net.now);
    }
    assert_eq!(net.nodes[&1].data_mtu(), 1446);
    // A path that does carry less is found out.
    net.room = 972;
    net.run(Duration::from_secs(60));
    assert_eq!(net.nodes[&1].data_mtu(), 946);
    net.send(1, None, &[0; 5000]);
    assert_eq!(net.received(2).len(), 1);
}

/// Released programs take a preferred link back at once, and lose the ring if it goes down again soon: then its silence is judged
/// with up to ten times the timeout [LK-9.4].
#[test]
fn a_link_that_was_down_carries_messages_again_when_it_has_been_up_for_long() {
    let mut net = Net::new(2, "passive", Key::Clear);
    net.run(Duration::from_secs(15));
    let carrying = |net: &mut Net| {
        net.carried.clear();
        (0..10).for_each(|_| net.send(1, None, &[0; 50]));
        assert_eq!(net.received(2).len(), 10);
        let in_use = net.nodes[&1].links().filter(|l| l.in_use).map(|l| l.link);
        assert_eq!(in_use.collect::<Vec<_>>(), net.carried.keys().copied().collect::<Vec<_>>());
        net.carried.clone().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(carrying(&mut net), [(0, 10)]);
    net.cut.push((2, 0));
    net.run(Duration::from_millis(1300));
    net.cut.clear();
    net.run(Duration::from_secs(3));
    assert_eq!(net.up(1), [(2, 0), (2, 1)]);
    assert_eq!(carrying(&mut net), [(1, 10)]);
    // The only link that is up carries them, trusted or not.
    net.cut.push((2, 1));
    net.run(Duration::from_millis(1300));
    assert_eq!(carrying(&mut net), [(0, 10)]);
    net.cut.clear();
    net.run(Duration::from_secs(10));
    assert_eq!(carrying(&mut net), [(0, 10)]);
}

#[test]
fn modes_use_links_as_their_names_say() {
    for (mode, wanted) in
        [("passive", [(0, 100)].as_slice()), ("active", &[(0, 100), (1, 100)]), ("rr", &[(0, 50), (1, 50)])]
    {
        let mut net = Net::new(2, mode, Key::Clear);
        net.run(Duration::from_secs(3));
        net.carried.clear();
        (0..100).for_each(|_| net.send(1, None, &[0; 50]));
        assert_eq!(net.carried.iter().map(|(l, n)| (*l, *n)).collect::<Vec<_>>(), wanted, "{mode}");
        assert_eq!(net.received(2).len(), 100, "{mode}");
    }
}

#[test]
fn a_wrong_key_an_altered_bit_and_a_copy_change_nothing() {
    let mut net = Net::new(2, "passive", Key::Stock(7));
    net.run(Duration::from_secs(3));
    net.last.clear();
    net.send(1, None, &[0; 50]);
    assert_eq!(net.received(2).len(), 1);
    let (from, _, datagram) = net.last[0].clone();
    let now = net.now;
    let victim = net.nodes.get_mut(&2).unwrap();
    victim.handle_datagram(now, from, &datagram);
    for bit in 0..datagram.len() * 8 {
        let mut altered = datagram.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        victim.handle_datagram(now, from, &altered.into());
    }
    assert_eq!(victim.refusals().unauthenticated, datagram.len() as u64 * 8);
    for cut in 0..datagram.len() {
        victim.handle_datagram(now, from, &datagram.slice(..cut));
    }
    net.carry();
    assert!(net.received(2).is_empty());

    let mut strangers = Net::new(1, "passive", Key::Stock(7));
    strangers.start(1, 2, "passive", Key::Stock(7));
    strangers.start(2, 2, "passive", Key::Stock(8));
    strangers.run(Duration::from_secs(5));
    assert!(strangers.up(1).is_empty());
    assert!(strangers.nodes[&1].refusals().unauthenticated > 10);
}

#[test]
fn a_restarted_host_is_heard_again() {
    for key in [Key::Clear, Key::Stock(7), Key::Own(7)] {
        restart(key);
    }
}

fn restart(key: Key) {
    let mut net = Net::new(2, "passive", key);
    net.run(Duration::from_secs(3));
    (0..50).for_each(|_| net.send(2, None, &[0; 50]));
    assert_eq!(net.received(1).len(), 50);
    // A ping tells how far it went; a restart is seen by one that says zero after it.
    net.run(Duration::from_secs(1));
    // So quickly that no link goes down.
    net.start(2, 2, "passive", key);
    net.run(Duration::from_secs(2));
    net.send(2, None, &[0; 13]);
    assert_eq!(net.received(1).len(), 1);
}

#[test]
fn keys_change_under_a_running_ring() {
    let mut net = Net::new(2, "passive", Key::Stock(7));
    net.run(Duration::from_secs(3));
    for node in [1, 2] {
        net.nodes
            .get_mut(&node)
            .unwrap()
            .load_protection(Duration::ZERO, Some(protection(Cipher::Aes128, Hash::Sha512, 9).into()));
    }
    net.nodes.get_mut(&1).unwrap().activate_protection();
    net.send(1, None, &[0; 2000]);
    net.send(2, None, &[0; 2000]);
    assert_eq!((net.received(1).len(), net.received(2).len()), (1, 1));
    net.nodes.get_mut(&2).unwrap().activate_protection();
    for node in [1, 2] {
        net.nodes.get_mut(&node).unwrap().drop_old_protection();
    }
    net.run(Duration::from_secs(10));
    net.send(1, None, &[0; 2000]);
    assert_eq!(net.received(2).len(), 1);
    assert_eq!(net.nodes[&1].data_mtu(), 1365);
}

/// Two nodes pass through the change before the third's own message comes back: the third follows when it hears them, and
/// nobody forgets the old keys while it still sends with them.
#[test]
fn a_slow_node_is_not_cut_off_by_a_change_of_keys() {
    let mut net = Net::new(3, "passive", Key::Stock(7));
    net.run(Duration::from_secs(3));
    for node in [1, 2, 3] {
        net.nodes
            .get_mut(&node)
            .unwrap()
            .load_protection(Duration::ZERO, Some(protection(Cipher::Aes128, Hash::Sha512, 9).into()));
    }
    for node in [1, 2] {
        net.nodes.get_mut(&node).unwrap().activate_protection();
        net.nodes.get_mut(&node).unwrap().drop_old_protection();
    }
    net.send(3, None, &[3; 2000]); // still with the old keys
    assert_eq!((net.received(1).len(), net.received(2).len()), (1, 1));
    net.send(1, None, &[1; 2000]);
    net.send(2, None, &[2; 2000]);
    assert_eq!(net.received(3).len(), 2);
    net.send(3, None, &[3; 2000]); // it has heard both
    assert_eq!((net.received(1).len(), net.received(2).len()), (2, 2)); // and each other's
    net.nodes.get_mut(&3).unwrap().drop_old_protection();
    net.run(Duration::from_secs(10));
    net.send(3, None, &[3; 2000]);
    assert_eq!(net.received(1).len(), 1);
    let refused = |n| net.nodes[&n].refusals().unauthenticated;
    assert_eq!([1, 2, 3].map(refused), [0; 3]);
    // Who comes with the old keys now is not heard.
    net.start(2, 3, "passive", Key::Stock(7));
    net.run(Duration::from_secs(3));
    assert!(net.nodes[&1].refusals().unauthenticated > 5);
}

// ---- the own way of protection ----------------------------------------------------------------------------

/// Gives a machine a datagram again.
fn again(net: &mut Net, node: u32, (from, _, datagram): &(SocketAddr, SocketAddr, Bytes)) {
    let now = net.now;
    net.nodes.get_mut(&node).unwrap().handle_datagram(now, *from, datagram);
    net.carry();
}

fn meant_for(node: u32, (_, to, _): &(SocketAddr, SocketAddr, Bytes)) -> bool {
    to.ip().to_string().ends_with(&format!(".{node}"))
}

#[test]
fn nothing_is_heard_twice_or_by_another_or_changed_or_turned_round() {
    let mut net = Net::new(3, "active", Key::Own(7));
    net.run(Duration::from_secs(3));
    net.last.clear();
    net.send(1, None, &[0; 5000]);
    net.send(1, Some(2), &[0; 40]);
    net.run(Duration::from_secs(2));
    assert_eq!((net.received(2).len(), net.received(3).len()), (2, 1));
    let recorded = std::mem::take(&mut net.last);
    let links = net.nodes[&2].links().collect::<Vec<_>>();
    let before = net.nodes[&2].refusals();
    let mine = recorded.iter().filter(|d| meant_for(2, d)).count() as u64;
    for datagram in recorded.iter().filter(|d| meant_for(2, d)) {
        again(&mut net, 2, datagram);
        let mut altered = datagram.clone();
        let mut bytes = altered.2.to_vec();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        altered.2 = bytes.into();
        again(&mut net, 2, &altered);
    }
    let after = net.nodes[&2].refusals();
    assert_eq!(after.replayed - before.replayed, mine);
    assert_eq!(after.unauthenticated - before.unauthenticated, mine);
    // What goes to one is nothing to another, and what one sent is nothing to itself.
    for datagram in recorded.iter().filter(|d| meant_for(2, d)) {
        again(&mut net, 3, datagram);
        again(&mut net, 1, datagram);
    }
    assert!((1..=3).all(|node| net.received(node).is_empty()));
    assert_eq!(net.nodes[&2].links().collect::<Vec<_>>(), links);
    for node in [1, 3] {
        let refusals = net.nodes[&node].refusals();
        assert_eq!(refusals.misdirected + refusals.unlisted + refusals.replayed, mine, "{refusals:?}");
    }
}

#[test]
fn a_life_that_is_over_cannot_be_played_again() {
    for receiver_restarts_too in [false, true] {
        let mut net = Net::new(2, "passive", Key::Own(7));
        net.run(Duration::from_secs(3));
        net.last.clear();
        (0..20).for_each(|n| net.send(2, None, &[n; 50]));
        net.run(Duration::from_secs(2));
        let recorded: Vec<_> = std::mem::take(&mut net.last).into_iter().filter(|d| meant_for(1, d)).collect();
        assert!(recorded.len() > 20);
        net.start(2, 2, "passive", Key::Own(7));
        if receiver_restarts_too {
            net.start(1, 2, "passive", Key::Own(7));
        }
        net.run(Duration::from_secs(3));
        net.received(1);
        let before = net.nodes[&1].links().collect::<Vec<_>>();
        for datagram in &recorded {
            again(&mut net, 1, datagram);
        }
        assert!(net.received(1).is_empty());
        assert_eq!(net.nodes[&1].links().collect::<Vec<_>>(), before);
        let refusals = net.nodes[&1].refusals();
        // Who remembers the old life knows it; who does not asks for a proof that never comes.
        let counted = if receiver_restarts_too { refusals.unproven } else { refusals.replayed };
        assert!(counted >= recorded.len() as u64, "{refusals:?}");
        // And the living one is still heard.
        net.send(2, None, &[9; 50]);
        assert_eq!(net.received(1).len(), 1);
    }
}

#[test]
fn a_dead_host_is_not_kept_alive_by_what_it_once_said() {
    let mut net = Net::new(2, "passive", Key::Own(7));
    net.run(Duration::from_secs(12));
    net.last.clear();
    net.run(Duration::from_secs(2));
    let recorded: Vec<_> = std::mem::take(&mut net.last).into_iter().filter(|d| meant_for(1, d)).collect();
    net.nodes.remove(&2);
    for _ in 0..20 {
        for datagram in &recorded {
            again(&mut net, 1, datagram);
        }
        net.run(Duration::from_millis(200));
    }
    assert!(net.up(1).is_empty());
}

#[test]
fn own_and_stock_and_clear_never_understand_each_other() {
    for (one, other) in [
        (Key::Own(7), Key::Stock(7)),
        (Key::Own(7), Key::Clear),
        (Key::Own(7), Key::Own(8)),
        (Key::Stock(7), Key::Clear),
    ] {
        let mut net = Net::new(1, "passive", one);
        net.start(1, 2, "passive", one);
        net.start(2, 2, "passive", other);
        net.run(Duration::from_secs(5));
        assert!(net.up(1).is_empty() && net.up(2).is_empty());
        let count = |n: u32| {
            let r = net.nodes[&n].refusals();
            r.other_key + r.unauthenticated + r.malformed
        };
        assert!(count(1) > 10 && count(2) > 10);
        assert!(!matches!(one, Key::Own(_)) || net.nodes[&1].refusals().other_key > 10);
    }
}

/// Loads a key in the own mode; returns its name.
fn load_own(net: &mut Net, node: u32, key: u8) -> u32 {
    let now = net.now;
    net.nodes.get_mut(&node).unwrap().load_protection(now, Key::Own(key).guard())
}

/// The announcement of one node comes to these at one place in the order of messages; which of them are to go on.
fn announce(net: &mut Net, by: u32, name: u32, to: &[u32]) -> Vec<bool> {
    let now = net.now;
    to.iter().map(|n| net.nodes.get_mut(n).unwrap().announced(now, NodeId(by), name)).collect()
}

#[test]
fn own_keys_change_when_all_have_announced_them() {
    let mut net = Net::new(2, "passive", Key::Own(7));
    net.run(Duration::from_secs(3));
    let names = [load_own(&mut net, 1, 9), load_own(&mut net, 2, 9)];
    assert_eq!(announce(&mut net, 1, names[0], &[1, 2]), [false, false]);
    net.send(1, None, &[0; 2000]);
    net.send(2, None, &[0; 2000]);
    assert_eq!((net.received(1).len(), net.received(2).len()), (1, 1));
    assert_eq!(announce(&mut net, 2, names[1], &[1, 2]), [true, true]);
    net.last.clear();
    for node in [1, 2] {
        net.nodes.get_mut(&node).unwrap().drop_old_protection();
    }
    net.run(Duration::from_secs(10));
    net.send(1, None, &[0; 2000]);
    assert_eq!(net.received(2).len(), 1);
    assert_eq!(net.up(1), [(2, 0), (2, 1)]);
    assert_eq!(net.nodes[&1].links().map(|l| l.downs).sum::<u32>(), 0);
    assert_eq!([1, 2].map(|n| net.nodes[&n].protection().cloned()), [Key::Own(9).guard(), Key::Own(9).guard()]);
}

/// One node has read another key, or none: everybody stays with the old one, and can try again.
#[test]
fn own_keys_stay_where_one_node_has_others() {
    let mut net = Net::new(2, "passive", Key::Own(7));
    net.run(Duration::from_secs(3));
    let names = [load_own(&mut net, 1, 9), load_own(&mut net, 2, 8)];
    assert_eq!(announce(&mut net, 1, names[0], &[1, 2]), [false, false]);
    assert_eq!(announce(&mut net, 2, names[1], &[1, 2]), [false, false]);
    load_own(&mut net, 1, 9);
    assert_eq!(announce(&mut net, 1, names[0], &[1, 2]), [false, false]);
    net.run(Duration::from_secs(11));
    net.send(1, None, &[0; 2000]);
    net.send(2, None, &[0; 2000]);
    assert_eq!((net.received(1).len(), net.received(2).len()), (1, 1));
    assert_eq!([1, 2].map(|n| net.nodes[&n].protection().cloned()), [Key::Own(7).guard(), Key::Own(7).guard()]);
    assert_eq!(net.nodes[&1].links().map(|l| l.downs).sum::<u32>(), 0);
}

/// A node that the change passed by is heard for a while, then not any more.
#[test]
fn old_own_keys_end_at_a_fixed_time_after_the_change() {
    let mut net = Net::new(2, "passive", Key::Own(7));
    net.run(Duration::from_secs(3));
    let name = load_own(&mut net, 1, 9);
    announce(&mut net, 1, name, &[1]);
    assert_eq!(announce(&mut net, 2, name, &[1]), [true]);
    net.send(2, None, &[0; 2000]);
    assert_eq!(net.received(1).len(), 1);
    net.run(Duration::from_secs(11));
    let before = net.nodes[&1].refusals().other_key;
    net.run(Duration::from_secs(2));
    assert!(net.nodes[&1].refusals().other_key > before + 2);
}
