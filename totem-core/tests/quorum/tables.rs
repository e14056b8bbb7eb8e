//! Golden tables. A case is a title, options as in `quorum {}`, and events; under each event stands what every ring
//! shows then: its members, expected votes, highest expected, total votes, threshold, verdict and flags.
//!
//! To write a new case: put down the events, run the tests with `REWRITE_TABLES=1`, and check every new line by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use totem_core::config::{Accounts, Mode, QuorumSection, parse};
use totem_core::quorum::{Flags, Info};
use totem_core::wire::NodeId;

use crate::cluster::Cluster;

fn numbers(words: &[&str]) -> Vec<u32> {
    words.iter().map(|w| w.parse().expect("a node id")).collect()
}

fn line(info: &Info) -> String {
    let mut text = format!(
        "expected {} highest {} total {} quorum {} {}",
        info.expected,
        info.highest_expected,
        info.total,
        info.quorum,
        if info.quorate { "quorate" } else { "blocked" }
    );
    for (on, word) in [
        (info.two_node, "2Node"),
        (info.wait_for_all, "WaitForAll"),
        (info.last_man_standing, "LastManStanding"),
        (info.auto_tie_breaker, "AutoTieBreaker"),
        (info.allow_downscale, "AllowDownscale"),
        (info.flags.has(Flags::REGISTERED), "Qdevice"),
    ] {
        if on {
            text.push(' ');
            text.push_str(word);
        }
    }
    text
}

/// What each ring shows; members that differ from the first are shown by themselves.
fn show(cluster: &Cluster, out: &mut String) {
    for ring in cluster.rings() {
        let lines: Vec<String> =
            ring.iter().map(|n| line(&cluster.running[n].service.info(NodeId(0)).expect("oneself is known"))).collect();
        let names = ring.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        if lines.iter().all(|l| *l == lines[0]) {
            writeln!(out, "{names}: {}", lines[0]).unwrap();
        } else {
            for (node, line) in ring.iter().zip(lines) {
                writeln!(out, "{names} at {node}: {line}").unwrap();
            }
        }
    }
}

fn event(cluster: &mut Cluster, words: &[&str]) -> String {
    let ok = |result: Result<(), totem_core::config::CsError>| match result {
        Ok(()) => String::new(),
        Err(error) => format!("{error}\n"),
    };
    let node = |at: usize| words[at].parse::<u32>().expect("a node id");
    let now = cluster.now;
    let mut said = String::new();
    match words[0] {
        "start" => {
            if let Err(error) = cluster.start(&numbers(&words[1..])) {
                return format!("{error}\n");
            }
        }
        "kill" => cluster.kill(&numbers(&words[1..])),
        "leave" => cluster.leave(&numbers(&words[1..])),
        "wait" => cluster.wait(Duration::from_millis(words[1].parse().expect("milliseconds"))),
        "split" => {
            let sides = words[1..].split(|w| *w == "|").map(numbers).collect();
            cluster.split(sides);
        }
        "merge" => cluster.split(vec![(1..=cluster.size).collect()]),
        verb => {
            let service = &mut cluster.running.get_mut(&node(1)).expect("a running node").service;
            let ring = service.members().0;
            let answer = match verb {
                "expected" => service.set_expected(words[2].parse().unwrap()),
                "votes" => service.set_votes(NodeId(node(2)), words[3].parse().unwrap()),
                "cancel" => {
                    service.cancel_wait_for_all();
                    Ok(())
                }
                "register" => service.device_register("dev").map(drop),
                "unregister" => service.device_unregister("dev"),
                "poll" => service.device_poll(now, "dev", words[2] == "yes", ring),
                "master_wins" => service.device_master_wins("dev", words[2] == "on"),
                other => panic!("no such event: {other}"),
            };
            said = ok(answer);
            cluster.settle();
        }
    }
    said
}

fn run(case: &str) -> String {
    let mut out = String::new();
    let mut keys = String::new();
    let mut size = 0;
    let mut votes = BTreeMap::new();
    let mut cluster: Option<Cluster> = None;
    for (at, text) in case.lines().enumerate() {
        if let Some(events) = text.strip_prefix("> ") {
            let cluster = cluster.get_or_insert_with(|| {
                let conf = format!("quorum {{\n{keys}}}\n");
                let map = parse(&conf, Mode::Strict, &Accounts::default()).expect("options of a case").map;
                Cluster::new(size, QuorumSection::read(&map), votes.clone())
            });
            writeln!(out, "{text}").unwrap();
            for single in events.split("; ") {
                let said = event(cluster, &single.split_whitespace().collect::<Vec<_>>());
                out.push_str(&said);
            }
            show(cluster, &mut out);
        } else if cluster.is_none() {
            writeln!(out, "{text}").unwrap();
            if let Some(nodes) = text.strip_prefix("nodes: ") {
                for (n, v) in nodes.split_whitespace().enumerate() {
                    votes.insert(n as u32 + 1, v.parse().expect("votes of a node"));
                    size = n as u32 + 1;
                }
            } else if at > 0 {
                keys.push_str(text);
                keys.push('\n');
            }
        }
    }
    out
}

fn check(name: &str, file: &str) {
    let cases: Vec<&str> = file.split("\n\n").collect();
    assert!(cases.len() > 1, "{name} holds cases");
    let mut wrong = String::new();
    let mut rewritten = String::new();
    for case in cases {
        let expected = case.trim();
        if expected.is_empty() || expected.starts_with('#') {
            writeln!(rewritten, "{expected}\n").unwrap();
            continue;
        }
        let actual = run(expected);
        rewritten.push_str(&actual);
        rewritten.push('\n');
        if actual.trim() != expected {
            writeln!(wrong, "--- {name} expects\n{expected}\n--- and is told\n{actual}").unwrap();
        }
    }
    if std::env::var_os("REWRITE_TABLES").is_some() {
        let path = format!("{}/tests/quorum/tables/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, rewritten.trim_end().to_owned() + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn majorities() {
    check("majorities", include_str!("tables/majorities.txt"));
}

#[test]
fn two_nodes() {
    check("two_nodes", include_str!("tables/two_nodes.txt"));
}

#[test]
fn tie_breakers() {
    check("tie_breakers", include_str!("tables/tie_breakers.txt"));
}

#[test]
fn shrinking() {
    check("shrinking", include_str!("tables/shrinking.txt"));
}

#[test]
fn devices() {
    check("devices", include_str!("tables/devices.txt"));
}
