//! Messages and states captured from real daemons: every message decodes to the fields beside it and re-encodes to the
//! same bytes apart from padding, and a replay leads to the states that the real tools printed [QG-17].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use totem_core::config::{Accounts, Mode, QuorumSection, parse};
use totem_core::quorum::{Options, Roster, VoteQuorum};
use totem_core::sync::{Service, ServiceMessage, SyncPhase};
use totem_core::wire::{ByteOrder, NodeId, RingId};
use totem_core::{config, groups, quorum};

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("METRONOME_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"));
    let folder = root.join("corosync");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

/// One captured message.
struct Captured {
    kind: String,
    fields: BTreeMap<String, String>,
    line: String,
    data: Bytes,
}

impl Captured {
    fn number(&self, field: &str) -> u32 {
        self.fields[field].parse().unwrap()
    }

    fn ring(&self) -> RingId {
        let (rep, seq) = self.fields["ring"].split_once('.').unwrap();
        RingId::new(NodeId(u32::from_str_radix(rep, 16).unwrap()), u64::from_str_radix(seq, 16).unwrap())
    }
}

fn unhex(text: &str) -> Bytes {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<_>>().into()
}

fn read(folder: &std::path::Path, name: &str) -> Vec<Captured> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let fields = std::fs::read_to_string(folder.join(format!("{name}.fields"))).unwrap();
    text.lines()
        .zip(fields.lines())
        .map(|(text, fields)| {
            let (kind, hex) = text.split_once(' ').unwrap();
            let pairs = fields.split(' ').filter_map(|f| f.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
            // The first `ring=` is the ring of the message itself.
            let mut map = BTreeMap::new();
            for (key, value) in pairs {
                map.entry(key).or_insert(value);
            }
            Captured { kind: kind.to_owned(), fields: map, line: fields.to_owned(), data: unhex(hex) }
        })
        .collect()
}

const FILES: [&str; 5] =
    ["form-reconfigure-kill", "groups", "partition-merge", "quorum-device", "wait-for-all-downscale"];

/// Zeroes the padding of a structure, so that two of them compare.
fn without_padding(kind: &str, data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    let mut blank = |from: usize, to: usize| {
        for byte in out.iter_mut().take(to.min(data.len())).skip(from) {
            *byte = 0;
        }
    };
    blank(4, 8);
    blank(12, 16);
    let name_pad = |blank: &mut dyn FnMut(usize, usize), at: usize| blank(at + 4, at + 8);
    match kind {
        "cpg-procjoin" | "cpg-procleave" => {
            name_pad(&mut blank, 16);
            blank(156, 160);
            blank(164, 168);
        }
        "cpg-joinlist" => {
            blank(20, 24);
            for at in (24..data.len()).step_by(144) {
                blank(at + 4, at + 8);
                name_pad(&mut blank, at + 8);
            }
        }
        "cpg-mcast" => {
            name_pad(&mut blank, 16);
            blank(156, 160);
            blank(164, 168);
            blank(172, 176);
        }
        "cpg-downlist" => {
            blank(20, 24);
            blank(28, 32);
            let left = u32::from_le_bytes(data[24..28].try_into().unwrap()) as usize;
            blank(32 + 4 * left, data.len());
        }
        "cmap-mcast" => {
            for (from, to) in [(17, 24), (25, 32), (33, 40), (41, 48), (50, 56)] {
                blank(from, to);
            }
            blank(48 + 265, 48 + 272);
        }
        "cfg-killnode" => {
            blank(20, 24);
            blank(26, 32);
            blank(32 + usize::from(u16::from_le_bytes([data[24], data[25]])), data.len());
        }
        "cfg-reload" => blank(20, 32),
        "vq-reconfigure" => blank(25, 32),
        "vq-qdevice-reg" => {
            let name = data[20..275].iter().position(|b| *b == 0).unwrap();
            blank(20 + name, data.len());
        }
        _ => {}
    }
    out
}

#[test]
fn every_message_of_real_daemons_decodes_and_reencodes() {
    let Some(folder) = corpus() else { return };
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for file in FILES {
        for captured in read(&folder, file) {
            let function = u16::from_le_bytes([captured.data[0], captured.data[1]]);
            let encoded = match captured.kind.split('-').next().unwrap() {
                "vq" => {
                    let message = quorum::Message::decode(function, &captured.data, ByteOrder::Little).unwrap();
                    check_vote(&captured, &message);
                    message.encode()
                }
                "cmap" => {
                    let message = config::ConfigVersion::decode(function, &captured.data, ByteOrder::Little).unwrap();
                    assert_eq!(message.version, None);
                    message.encode()
                }
                "cfg" => {
                    let message = config::ControlMessage::decode(function, &captured.data, ByteOrder::Little).unwrap();
                    if let config::ControlMessage::KillNode { node, reason } = &message {
                        assert_eq!(node.0, captured.number("nodeid"));
                        assert!(captured.line.contains(&format!(":{reason}")), "{reason:?} {}", captured.line);
                    }
                    message.encode(NodeId(captured.number("from")))
                }
                "cpg" if !captured.kind.ends_with("-head") => {
                    let message = groups::Message::decode(function, &captured.data, ByteOrder::Little).unwrap();
                    check_group(&captured, &message);
                    message.encode()
                }
                _ => continue,
            };
            let again = [&encoded.head[..], &encoded.payload[..]].concat();
            let kind = captured.kind.as_str();
            assert_eq!(without_padding(kind, &again), without_padding(kind, &captured.data), "{}", captured.line);
            *seen.entry(captured.kind).or_default() += 1;
        }
    }
    println!("{seen:?}");
    for kind in ["vq-nodeinfo", "vq-reconfigure", "vq-qdevice-reg", "cpg-procjoin", "cpg-procleave", "cpg-joinlist"] {
        assert!(seen.contains_key(kind), "no {kind} in the corpus");
    }
}

fn check_vote(captured: &Captured, message: &quorum::Message) {
    match message {
        quorum::Message::NodeInfo { node, votes, expected, flags } => {
            let named = captured.fields["flags"].split('(').next().unwrap().to_owned();
            assert_eq!(node.0, captured.number("nodeid"));
            assert_eq!((*votes, *expected), (captured.number("votes"), captured.number("expected_votes")));
            assert_eq!(flags.0.to_string(), named);
        }
        quorum::Message::Reconfigure { node, value, .. } => {
            assert_eq!((node.0, *value), (captured.number("nodeid"), captured.number("value")));
        }
        quorum::Message::Device { register, name } => {
            assert_eq!(*register, captured.fields["operation"] == "1");
            assert_eq!(*name, captured.fields["name"]);
        }
        quorum::Message::DeviceRename { .. } => {}
    }
}

fn check_group(captured: &Captured, message: &groups::Message) {
    let shown = |name: &groups::GroupName| format!("{}:", name.as_bytes().len());
    match message {
        groups::Message::Join { group, pid } | groups::Message::Leave { group, pid, .. } => {
            assert_eq!(*pid, captured.number("pid"));
            assert!(captured.fields["group"].starts_with(&shown(group)));
        }
        groups::Message::JoinList(entries) => {
            assert_eq!(entries.len() as u32, captured.number("entries"));
            for (pid, _) in entries {
                assert!(captured.line.contains(&format!("pid={pid}")));
            }
        }
        groups::Message::Multicast { pid, payload, source, .. } => {
            assert_eq!((*pid, payload.len() as u32), (captured.number("pid"), captured.number("msglen")));
            assert_eq!(source.0.0, captured.number("source_nodeid"));
        }
        groups::Message::DownList { old_members, left } => {
            assert_eq!(*old_members, captured.number("old_members"));
            assert_eq!(left.len() as u32, captured.number("left_nodes"));
        }
        groups::Message::Partial { .. } | groups::Message::OldDownList => {}
    }
}

/// Members of each ring: whoever sent a service build message in it.
fn members_of(captured: &[Captured], ring: RingId) -> Vec<NodeId> {
    let mut all: Vec<NodeId> = captured
        .iter()
        .filter(|c| c.kind == "sync-build" && c.ring() == ring)
        .map(|c| NodeId(c.number("from")))
        .collect();
    all.sort();
    all
}

/// Replays one file at `me`: a new ring where the ring of the messages changes, "process" with the first vote message
/// of the own node in it, "activate" before the first message that follows the last barrier.
struct Replay {
    service: VoteQuorum,
    ring: RingId,
    members: Vec<NodeId>,
    barriers: usize,
    active: bool,
}

impl Replay {
    fn new(me: u32, keys: &str, nodes: u32) -> Self {
        let map = parse(&format!("quorum {{\n{keys}\n}}\n"), Mode::Strict, &Accounts::default()).unwrap().map;
        let roster = Some(Roster { own_votes: 1, nodes, votes: nodes });
        let options = Options::at_start(&QuorumSection::read(&map), roster, 0, &mut Vec::new()).unwrap();
        let service = VoteQuorum::new(NodeId(me), options, 0);
        Replay { service, ring: RingId::default(), members: Vec::new(), barriers: 0, active: true }
    }

    fn step(&mut self, all: &[Captured], captured: &Captured) {
        let ring = captured.ring();
        let me = self.service.info(NodeId(0)).unwrap().node;
        let members = members_of(all, ring);
        if !members.contains(&me) {
            return;
        }
        if ring != self.ring {
            self.ring = ring;
            let transitional: Vec<NodeId> = self.members.iter().copied().filter(|m| members.contains(m)).collect();
            self.members = members.clone();
            (self.barriers, self.active) = (0, false);
            let phase = SyncPhase::Init { transitional: &transitional, members: &members, ring };
            self.service.handle_sync(Duration::ZERO, phase);
        }
        match captured.kind.as_str() {
            "sync-barrier" => {
                self.barriers += 1;
                if self.barriers == 3 * members.len() {
                    self.service.handle_sync(Duration::ZERO, SyncPhase::Process);
                }
                // The fourth service is vote quorum.
                if self.barriers == 4 * members.len() && !self.active {
                    self.active = true;
                    self.service.handle_sync(Duration::ZERO, SyncPhase::Activate);
                }
            }
            kind if kind.starts_with("vq-") => {
                let function = u16::from_le_bytes([captured.data[0], captured.data[1]]);
                let from = NodeId(captured.number("from"));
                let data = captured.data.clone();
                let message = ServiceMessage { from, function, order: ByteOrder::Little, data };
                self.service.handle_message(Duration::ZERO, &message).unwrap();
            }
            _ => {}
        }
        // What the engine itself would send is replaced by what the real daemon sent.
        while self.service.poll_send().is_some() {}
        while self.service.poll_output().is_some() {}
    }

    fn state(&self) -> (u32, u32, u32, u32, bool) {
        let info = self.service.info(NodeId(0)).unwrap();
        (info.expected, info.highest_expected, info.total, info.quorum, info.quorate)
    }
}

/// `(expected, highest, total, quorum, quorate)` of a section of the tools' outputs.
fn printed(folder: &std::path::Path, heading: &str, nth: usize) -> (u32, u32, u32, u32, bool) {
    let text = std::fs::read_to_string(folder.join("tool-outputs.txt")).unwrap();
    let section = text.split("\n### ").find(|s| s.starts_with(heading)).unwrap_or_else(|| panic!("no {heading}"));
    let block = section.split("Quorum information\n").nth(nth + 1).unwrap();
    let value = |key: &str| {
        let line = block.lines().find(|l| l.starts_with(key)).unwrap();
        line[18..].split_whitespace().next().unwrap().to_owned()
    };
    let number = |key: &str| value(key).parse().unwrap();
    let quorate = value("Quorate:") == "Yes";
    (number("Expected votes:"), number("Highest expected:"), number("Total votes:"), number("Quorum:"), quorate)
}

#[test]
fn replay_of_a_partition_reaches_the_state_that_the_real_tool_printed() {
    let Some(folder) = corpus() else { return };
    let all = read(&folder, "partition-merge");
    let mut replay = Replay::new(1, "provider: corosync_votequorum", 3);
    for captured in all.iter().take_while(|c| c.fields["ring"] != "1.15") {
        replay.step(&all, captured);
    }
    assert_eq!(replay.state(), printed(&folder, "corosync-quorumtool -s  (three nodes, majority side", 0));
}

#[test]
fn replay_of_a_reconfiguration_follows_expected_votes_and_votes() {
    let Some(folder) = corpus() else { return };
    let all = read(&folder, "form-reconfigure-kill");
    let mut replay = Replay::new(1, "provider: corosync_votequorum", 3);
    let mut states = Vec::new();
    for captured in &all {
        replay.step(&all, captured);
        if captured.kind == "vq-reconfigure" {
            states.push(replay.state());
        }
    }
    // Expected votes 4; two votes for node 2, and one again; expected votes 3; waiting cancelled.
    let expected = [(4, 4, 3, 3, true), (4, 4, 4, 3, true), (4, 4, 3, 3, true), (3, 3, 3, 2, true), (3, 3, 3, 2, true)];
    assert_eq!(states, expected);
    assert_eq!(replay.state(), (3, 3, 1, 2, false));
}

#[test]
fn replay_around_a_device_reaches_the_states_that_the_real_tool_printed() {
    let Some(folder) = corpus() else { return };
    let all = read(&folder, "quorum-device");
    let mut replay = Replay::new(1, "provider: corosync_votequorum\ndevice {\nmodel: net\n}", 2);
    let series = |nth| printed(&folder, "series: quorumtool -s around a quorum device", nth);
    let mut at = BTreeMap::new();
    for captured in &all {
        replay.step(&all, captured);
        let key = format!("{} {}", captured.fields["ring"], captured.fields.get("seq").cloned().unwrap_or_default());
        at.insert(key, replay.state());
    }
    // After node 2 registered and voted, registration here, a vote, no vote, master wins, a lost device, a partition.
    assert_eq!(at["1.9 16"], series(0));
    assert_eq!(at["1.9 18"], series(1));
    assert_eq!(at["1.9 20"], series(2));
    assert_eq!(at["1.9 21"], series(3));
    assert_eq!(at["1.9 22"], series(4));
    assert_eq!(at["1.9 24"], series(5));
    assert_eq!(at["1.d 8"], series(6));
    assert_eq!(at["1.d 9"], series(7));
}

#[test]
fn replay_of_waiting_and_an_orderly_leave() {
    let Some(folder) = corpus() else { return };
    let all = read(&folder, "wait-for-all-downscale");
    let mut replay = Replay::new(1, "provider: corosync_votequorum\nwait_for_all: 1\nallow_downscale: 1", 2);
    let mut last = BTreeMap::new();
    for captured in &all {
        replay.step(&all, captured);
        last.insert(captured.fields["ring"].clone(), replay.state());
    }
    assert_eq!(last["1.5"], (2, 2, 1, 2, false));
    assert_eq!(last["1.d"], (1, 1, 1, 2, false));
    assert!(last["1.12"].4, "both are there again: {last:?}");
}
