//! The tools' texts against outputs of the real ones: what a section shows is read into a report, and the report must
//! print the section again, byte for byte.

use std::path::PathBuf;

use totem_core::config::Value;

use super::{cfgtool, cmapctl, cpgtool, quorumtool};
use crate::drive::control::{
    GroupRow, LinkReport, LinkRow, NodeRow, QuorumReport, QuorumRow, TypedValue, VoteReport, to_hex,
};

fn outputs() -> Option<String> {
    let root = std::env::var_os("METRONOME_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let file = root.join("corosync/tool-outputs.txt");
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        println!("skipped: no corpus at {}", file.display());
    }
    text
}

/// One status as printed: the report it shows, and its date.
fn read_status(block: &str) -> (QuorumReport, String) {
    let value = |key: &str| {
        let line = block.lines().find(|l| l.starts_with(key)).unwrap_or_else(|| panic!("no {key} in {block}"));
        line.get(18..).unwrap_or("").to_owned()
    };
    let number = |key: &str| value(key).split(' ').next().unwrap().parse::<u32>().unwrap();
    let node = number("Node ID:");
    let column = block.contains("   Qdevice Name");
    let mut report = QuorumReport {
        provider: Some(value("Quorum provider:")),
        node,
        ring: value("Ring ID:"),
        quorate: value("Quorate:") == "Yes",
        members: Vec::new(),
        votes: None,
    };
    let mut votes = VoteReport {
        expected: number("Expected votes:"),
        highest: number("Highest expected:"),
        total: number("Total votes:"),
        quorum: number("Quorum: "),
        flags: value("Flags:").split_whitespace().map(str::to_owned).collect(),
        ..VoteReport::default()
    };
    let table = block.split("Name\n").nth(1).unwrap();
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(id) = words.first().and_then(|w| w.parse::<u32>().ok()) else { break };
        if id == 0 {
            votes.device = Some(words[2].to_owned());
            votes.device_casts = words.len() == 3;
            votes.device_votes = if votes.device_casts {
                words[1].parse().unwrap()
            } else {
                words[4].trim_end_matches(')').parse().unwrap()
            };
            continue;
        }
        let mut row = QuorumRow { node: id, votes: words[1].parse().unwrap(), ..QuorumRow::default() };
        row.name = Some(words[if column { 3 } else { 2 }].to_owned());
        if column && words[2] != "NR" {
            let parts: Vec<&str> = words[2].split(',').collect();
            (row.registered, row.alive) = (true, parts[0] == "A");
            (row.casts, row.master_wins) = (parts[1] == "V", parts[2] == "MW");
        }
        report.members.push(row);
    }
    report.votes = Some(votes);
    (report, value("Date:"))
}

#[test]
fn every_status_of_the_real_quorum_tool_prints_again() {
    let Some(text) = outputs() else { return };
    let mut seen = 0;
    for part in text.split("Quorum information\n").skip(1) {
        let end = part.find("exit=").unwrap();
        let block = format!("Quorum information\n{}", &part[..end]);
        let (report, date) = read_status(&block);
        assert_eq!(quorumtool::status(&report, quorumtool::Display::default(), &date), block);
        seen += 1;
    }
    println!("{seen} statuses");
    assert!(seen >= 13);
}

/// The output behind a heading `== command`, up to its status.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let at = text.find(&format!("== {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let body = &text[at..];
    let body = &body[body.find('\n').unwrap() + 1..];
    &body[..body.find("exit=").unwrap()]
}

#[test]
fn every_table_of_the_real_group_tool_prints_again() {
    let Some(text) = outputs() else { return };
    let row = |group: &[u8], pid, node: u32| GroupRow {
        group: to_hex(group),
        pid,
        node,
        addresses: vec![format!("10.97.0.{node}")],
    };
    let rows = [row(b"gr\\x\tz", 15368, 3), row(b"grpA", 15349, 1), row(b"grpA", 15369, 3), row(b"grpA", 15352, 2)];
    let display = cpgtool::Display::default();
    for (heading, display) in [
        ("corosync-cpgtool ", display),
        ("corosync-cpgtool -n", cpgtool::Display { names_only: true, ..display }),
        ("corosync-cpgtool -e", cpgtool::Display { plain: true, ..display }),
        ("corosync-cpgtool -d:", cpgtool::Display { delimiter: Some(':'), ..display }),
        ("corosync-cpgtool -n -d:", cpgtool::Display { names_only: true, delimiter: Some(':'), ..display }),
        ("corosync-cpgtool -e -n", cpgtool::Display { names_only: true, plain: true, ..display }),
    ] {
        let printed = String::from_utf8(cpgtool::table(&rows, display)).unwrap();
        assert_eq!(printed, section(&text, heading), "{heading}");
    }
}

fn udpu() -> LinkReport {
    let node = |id: u32, connected| NodeRow {
        node: id,
        reachable: connected,
        links: vec![LinkRow {
            link: 0,
            enabled: true,
            connected,
            mtu: 1410,
            from: format!("10.97.0.{id}"),
            to: String::new(),
        }],
    };
    LinkReport {
        node: 1,
        transport: "udpu".into(),
        nodes: vec![node(1, true), node(2, true), node(3, false)],
        links: vec![(0, String::new())],
    }
}

fn knet(connected: bool) -> LinkReport {
    let node = |id: u32| NodeRow {
        node: id,
        reachable: id == 1 || connected,
        links: vec![LinkRow {
            link: 0,
            enabled: true,
            connected: id == 1 || connected,
            mtu: 1397,
            from: "10.97.0.1".into(),
            to: format!("10.97.0.{id}"),
        }],
    };
    LinkReport { node: 1, transport: "knet".into(), nodes: vec![node(1), node(2)], links: vec![(0, "udp".into())] }
}

#[test]
fn links_and_nodes_print_as_the_real_configuration_tool_shows_them() {
    let Some(text) = outputs() else { return };
    let report = udpu();
    let all = format!("{}{}{}", cfgtool::links(&report, false), cfgtool::links(&report, true), cfgtool::nodes(&report));
    assert!(text.contains(&all), "{all}");
    for (up, heading) in [(true, ""), (false, " (node 2 down)")] {
        let report = knet(up);
        for (command, printed) in [
            ("-s", cfgtool::links(&report, false)),
            ("-s -b", cfgtool::links(&report, true)),
            ("-n", cfgtool::nodes(&report)),
        ] {
            let wanted = format!("## cfgtool {command}{heading}\n{printed}## cfgtool");
            assert!(text.contains(&wanted), "{wanted}");
        }
    }
}

#[test]
fn every_key_of_the_real_key_tool_prints_again() {
    let Some(text) = outputs() else { return };
    let listing = text.split("### corosync-cmapctl  (all keys").nth(1).unwrap();
    let mut seen = 0;
    for line in listing.lines().skip(1).take_while(|l| !l.is_empty()) {
        let (key, rest) = line.split_once(" (").unwrap();
        let (kind, value) = rest.split_once(") = ").unwrap();
        let parsed = Value::parse(kind, value).unwrap();
        let typed = TypedValue { kind: parsed.type_name().into(), value: parsed.to_string() };
        assert_eq!(cmapctl::key_line(key, &typed, false), line);
        seen += 1;
    }
    println!("{seen} keys");
    assert!(seen > 130);
}

#[test]
fn the_view_of_a_node_has_the_keys_of_a_real_one() {
    let Some(text) = outputs() else { return };
    let conf = "totem {\nversion: 2\ncluster_name: qg\ntransport: udpu\ntoken: 1000\n}\nquorum {\nprovider: corosync_votequorum\n}\nsystem {\nallow_knet_handle_fallback: yes\nsched_rr: no\nstate_dir: /var/lib/corosync\n}\nnodelist {\nnode {\nring0_addr: 10.97.0.1\nname: q1\nnodeid: 1\n}\nnode {\nring0_addr: 10.97.0.2\nname: q2\nnodeid: 2\n}\nnode {\nring0_addr: 10.97.0.3\nname: q3\nnodeid: 3\n}\n}\nlogging {\nto_stderr: yes\nto_logfile: yes\nto_syslog: no\nlogfile: /var/log/cluster/corosync.log\ndebug: on\ntimestamp: hires\n}\n";
    let host = totem_core::config::Host::new("q1", []);
    let config = totem_core::config::Config::read(conf, totem_core::config::Mode::Strict, &host).unwrap();
    let view = config.view();
    let listing = text.split("### corosync-cmapctl  (all keys").nth(1).unwrap();
    let mut missing = Vec::new();
    for line in listing.lines().skip(1).take_while(|l| !l.is_empty()) {
        let key = line.split(" (").next().unwrap();
        // Resource monitoring is not offered, members and votes are told by the services, counters differ.
        let told = ["resources.", "runtime.members.", "runtime.votequorum."].iter().any(|p| key.starts_with(p));
        let counter = key.ends_with(".tx") || key.ends_with(".rx");
        if told {
            continue;
        }
        let ours = view.get(key).map(|v| {
            let typed = TypedValue { kind: v.type_name().into(), value: v.to_string() };
            cmapctl::key_line(key, &typed, false)
        });
        if ours.is_none() || (!counter && ours.as_deref() != Some(line)) {
            missing.push(format!("{line} <> {ours:?}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
