//! Rings in virtual time: scenarios by hand, and sweeps over seeds with every fault at once.

mod network;

use network::{FAIR, Network, Weather, id, ms};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;
use totem_core::ring::{Guarantee, State};

const TOKEN: u32 = 1000;

fn fair(seed: u64, nodes: usize) -> Network {
    let mut net = Network::new(seed, nodes, TOKEN);
    for i in 0..nodes {
        net.start(i);
    }
    net.settle(ms(20_000));
    net
}

#[test]
fn a_lone_node_forms_its_ring() {
    let net = fair(1, 1);
    let status = net.machines[0].ring.as_ref().unwrap().status();
    // boot identity 1, then one ring on [TM-19] item 1
    assert_eq!((status.ring.rep, status.ring.seq, status.state), (id(0), 5, State::Operational));
    assert_eq!(net.machines[0].stored, 5);
}

#[test]
fn three_nodes_form_one_ring_and_order_messages() {
    let mut net = fair(2, 3);
    for n in 0..200 {
        for i in 0..3 {
            assert!(net.submit(i, [10, 300, 3000][n % 3]));
        }
        net.run_until(net.now + ms(3));
    }
    net.finish();
    for m in &net.machines {
        assert_eq!(m.delivered, 600);
    }
}

#[test]
fn an_idle_ring_holds_the_token_and_lets_go_at_once() {
    let mut net = fair(3, 3);
    net.run_until(net.now + ms(3000));
    let before = net.datagrams;
    net.run_until(net.now + ms(3000));
    let idle = net.datagrams - before;
    // one rotation and one merge detect per hold time of 303 ms
    assert!((30..80).contains(&idle), "{idle} datagrams in 3 s of idleness");
    let start = net.now;
    assert!(net.submit(2, 10));
    while net.machines[0].delivered == 0 {
        net.run_until(net.now + Duration::from_micros(100));
        assert!(net.now < start + ms(10), "a hold cancel brings the token within a rotation or two");
    }
    net.finish();
}

#[test]
fn a_crashed_member_is_left_behind() {
    let mut net = fair(4, 3);
    net.crash(2, false);
    let took = net.settle(ms(20_000));
    let bound = net.config.timers.token + net.config.timers.consensus + ms(100);
    assert!(took <= bound, "{took:?} of {bound:?}");
    net.finish();
}

#[test]
fn a_leaver_is_gone_at_once() {
    let mut net = fair(5, 3);
    net.leave(1);
    assert!(net.settle(ms(1000)) <= ms(30));
    net.finish();
}

#[test]
fn two_halves_merge() {
    let mut net = fair(6, 4);
    for a in 0..4 {
        for b in 0..4 {
            net.cut[a][b] = a % 2 != b % 2;
        }
    }
    net.run_until(net.now + ms(10_000));
    assert!(!net.one_ring());
    net.heal();
    assert!(net.settle(ms(5000)) <= ms(1000));
    net.finish();
}

/// What only the sender has is not delivered, not even to the sender; the others' silence ends the ring, and then it is.
#[test]
fn a_safe_message_waits_for_every_member() {
    let mut net = fair(9, 3);
    net.submit_with(0, 100, Guarantee::Safe);
    net.run_until(net.now + ms(50));
    assert!(net.machines.iter().all(|m| m.delivered == 1));
    for to in 1..3 {
        net.cut[0][to] = true;
    }
    net.submit_with(0, 100, Guarantee::Safe);
    net.submit(0, 100);
    net.run_until(net.now + ms(500));
    assert!(net.machines.iter().all(|m| m.delivered == 1), "an agreed message stays behind the safe one");
    net.run_until(net.now + ms(10_000));
    assert_eq!(net.machines.iter().map(|m| m.delivered).collect::<Vec<_>>(), [3, 1, 1]);
    net.heal();
    net.settle(ms(5000));
    net.finish();
}

#[test]
fn a_message_split_over_a_join_reaches_everybody_whole() {
    let mut net = Network::new(7, 3, TOKEN);
    net.start(0);
    net.start(1);
    net.settle(ms(20_000));
    for n in 0..40 {
        net.submit(0, 60_000);
        if n == 10 {
            net.start(2);
        }
        net.run_until(net.now + ms(1));
    }
    net.settle(ms(20_000));
    net.finish();
    assert!(net.machines[2].delivered > 0);
}

#[test]
fn a_paused_member_comes_back() {
    let mut net = fair(8, 3);
    let until = net.now + ms(10_000);
    net.pause(1, until);
    net.run_until(until);
    net.settle(ms(20_000));
    net.finish();
}

#[test]
fn equal_seeds_run_equally() {
    let trace = || {
        let mut net = Network::new(99, 5, TOKEN);
        net.log = Some(Vec::new());
        storm(&mut net);
        (net.now, net.datagrams, net.log)
    };
    assert_eq!(trace(), trace());
}

/// How often each thing was done to rings.
type Tally = BTreeMap<&'static str, u64>;

/// Every fault at once, then peace.
fn storm(net: &mut Network) -> Tally {
    let mut tally = Tally::new();
    let nodes = net.machines.len();
    let wide = net.rng.random_range(300..5000);
    let weather = Weather {
        loss: [0, 10, 50, 150, 300][net.rng.random_range(0..5)],
        duplicate: [0, 10, 100][net.rng.random_range(0..3)],
        delay: (50, wide),
    };
    for i in 0..nodes {
        net.start(i);
        if net.rng.random_range(0..3) == 0 {
            let late = net.rng.random_range(0..2000);
            net.run_until(net.now + ms(late));
        }
    }
    net.weather = weather.clone();
    let heavy =
        [("loss of 30 %", weather.loss == 300), ("duplicates", weather.duplicate > 0), ("reorder", wide > 1000)];
    heavy.into_iter().filter(|(_, on)| *on).for_each(|(name, _)| *tally.entry(name).or_default() += 1);
    for _ in 0..net.rng.random_range(3..10) {
        for _ in 0..net.rng.random_range(1..30) {
            let i = net.rng.random_range(0..nodes);
            let size = [8, 100, 1300, 1500, 9000, 40_000][net.rng.random_range(0..6)];
            for _ in 0..net.rng.random_range(1..6) {
                let guarantee = [Guarantee::Agreed, Guarantee::Safe][net.rng.random_range(0..2)];
                net.submit_with(i, size, guarantee);
            }
            let pause = net.rng.random_range(0..120);
            net.run_until(net.now + ms(pause));
        }
        *tally.entry(disturb(net, nodes, &weather)).or_default() += 1;
        let calm = net.rng.random_range(0..4000);
        net.run_until(net.now + ms(calm));
    }
    net.heal();
    for i in 0..nodes {
        if net.machines[i].ring.is_none() {
            net.start(i);
        }
    }
    tally
}

/// One fault; says which.
fn disturb(net: &mut Network, nodes: usize, weather: &Weather) -> &'static str {
    let i = net.rng.random_range(0..nodes);
    match net.rng.random_range(0..9) {
        0 => {
            net.crash(i, false);
            "crash"
        }
        1 => {
            net.crash(i, true);
            // a machine that lost its disk is away longer than any old datagram lives
            net.run_until(net.now + ms(2500));
            "crash that forgets the ring sequence"
        }
        2 => {
            let long = net.rng.random_range(100..8000);
            net.pause(i, net.now + ms(long));
            if long > u64::from(TOKEN) { "pause past the token timeout" } else { "pause" }
        }
        3 => {
            // up to three partitions
            let side: Vec<u32> = (0..nodes).map(|_| net.rng.random_range(0..3)).collect();
            for a in 0..nodes {
                for b in 0..nodes {
                    net.cut[a][b] = side[a] != side[b];
                }
            }
            net.say(|| format!("partition {side:?}"));
            let sides = (0..3).filter(|s| side.contains(s)).count();
            ["partition in 1", "partition in 2", "partition in 3"][sides - 1]
        }
        4 => {
            let to = net.rng.random_range(0..nodes);
            net.cut[i][to] = true;
            net.say(|| format!("one-way cut {} to {}", id(i), id(to)));
            "one-way cut"
        }
        5 => {
            for to in 0..nodes {
                net.cut[to][i] = true;
            }
            net.say(|| format!("deaf {}", id(i)));
            "deaf"
        }
        6 => {
            net.heal();
            net.weather = weather.clone();
            "heal"
        }
        7 => {
            net.leave(i);
            "leave"
        }
        _ => {
            if net.machines[i].ring.is_none() {
                net.start(i);
                return "restart";
            }
            "nothing"
        }
    }
}

/// What a run was: how long one ring took after healing, deliveries, configurations, and what was done.
fn run(seed: u64) -> (Duration, u64, u64, Tally) {
    let nodes = 3 + (seed % 5) as usize;
    let mut net = Network::new(seed, nodes, TOKEN);
    let tally = storm(&mut net);
    // every partition may first have to find out what it lost, then merge, each within token and consensus
    let bound = (net.config.timers.token + net.config.timers.consensus) * 6;
    let took = net.settle(bound);
    for i in 0..nodes {
        net.submit(i, 100);
    }
    net.finish();
    assert!(net.weather.loss == FAIR.loss);
    for line in net.log.iter().flatten() {
        println!("{line}");
    }
    (took, net.evs.deliveries(), net.evs.configurations(), tally)
}

/// `RING_SEED=n RING_LOG=1 cargo test -p totem-core --test ring one_seed -- --nocapture`
#[test]
fn one_seed() {
    let seed = std::env::var("RING_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    println!("{:?}", run(seed));
}

/// The whole of it: `RING_SEEDS=20000 cargo test --release -p totem-core --test ring sweep -- --nocapture`; parts of it from
/// `RING_FROM`.
#[test]
fn sweep() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(default);
    let (from, count) = (number("RING_FROM", 1), number("RING_SEEDS", 100));
    let (mut longest, mut deliveries, mut configurations) = (Duration::ZERO, 0, 0);
    let mut tally = Tally::new();
    for seed in from..from + count {
        let (took, d, c, faults) = run(seed);
        faults.into_iter().for_each(|(name, n)| *tally.entry(name).or_default() += n);
        longest = longest.max(took);
        deliveries += d;
        configurations += c;
    }
    println!(
        "{count} seeds: {deliveries} deliveries, {configurations} configurations, one ring at most {longest:?} after healing"
    );
    println!("{tally:?}");
    assert!(deliveries > 0 && configurations > 0);
}
