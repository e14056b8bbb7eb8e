//! What a running node answers to its tools: the key store, votes, groups and links behind the control socket.

use std::collections::BTreeMap;
use std::time::Duration;

use totem_core::config::{Cmap, Config, CsError, QuorumSection, ShutdownFlag, Transport, Value};
use totem_core::member::{Member, Output};
use totem_core::quorum::{Flags, Output as VoteOutput, Roster};
use totem_core::wire::NodeId;

use super::control::{
    Answer, Event, GroupRow, LinkReport, LinkRow, MapName, NodeRow, QuorumReport, QuorumRow, Request, TypedValue,
    VoteReport, from_hex, to_hex,
};

/// Frame and header bytes that a message of the ring does not have, on IPv4 [QG-6.2].
const OVERHEAD: u32 = 90;
/// The reason that a killed node logs.
const KILL_REASON: &str = "Killed by corosync-cfgtool";

/// What a driver keeps beside a member in order to answer tools.
pub struct Desk {
    config: Config,
    map: Cmap,
    /// Counters as they were when a tool reset them.
    reset: Cmap,
    reopen_logs: bool,
    /// Links by node and number, as they were at the last look.
    connected: BTreeMap<(u32, u8), bool>,
}

/// Options that cannot change once votes are counted [QG-2.2].
const FIXED: [&str; 7] = [
    "quorum.allow_downscale",
    "quorum.wait_for_all",
    "quorum.last_man_standing",
    "quorum.last_man_standing_window",
    "quorum.expected_votes_tracking",
    "quorum.auto_tie_breaker",
    "quorum.auto_tie_breaker_node",
];

fn typed(value: &Value) -> TypedValue {
    let text = if let Value::Bin(bytes) = value { to_hex(bytes) } else { value.to_string() };
    TypedValue { kind: value.type_name().to_owned(), value: text }
}

fn untyped(value: &TypedValue) -> Result<Value, CsError> {
    if value.kind == "bin" {
        return from_hex(&value.value).map(Value::Bin).ok_or(CsError::InvalidParam);
    }
    Value::parse(&value.kind, &value.value).map_err(|_| CsError::InvalidParam)
}

fn answer(result: Result<(), CsError>) -> Answer {
    match result {
        Ok(()) => Answer::Ok,
        Err(error) => Answer::Error(error.code()),
    }
}

impl Desk {
    /// The desk of a node with this configuration.
    pub fn new(config: Config) -> Self {
        let mut map = config.view();
        if config.quorum.provider.is_some() {
            FIXED.iter().for_each(|key| map.make_read_only(key));
        }
        Desk { config, map, reset: Cmap::default(), reopen_logs: false, connected: BTreeMap::new() }
    }

    /// The configuration that tools see.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The key store that tools see.
    pub fn map(&self) -> &Cmap {
        &self.map
    }

    /// Takes in what a member told, and says what watchers should hear.
    pub fn note(&mut self, output: &Output) -> Vec<Event> {
        let mut events = Vec::new();
        match output {
            Output::Key(key, value) => {
                // Keys of the services are valid names; one that is not would be a mistake there, not here.
                let _ = self.map.set(key, value.clone());
            }
            Output::Votes(VoteOutput::Key(key, value)) => {
                let _ = self.map.set(key, value.clone());
            }
            Output::Votes(VoteOutput::Quorum { quorate, .. }) => events.push(Event::Quorum { quorate: *quorate }),
            _ => {}
        }
        events.extend(self.changes());
        events
    }

    fn changes(&mut self) -> Vec<Event> {
        let event = |change: totem_core::config::KeyChange| Event::Key {
            key: change.key,
            old: change.old.as_ref().map(typed),
            new: change.new.as_ref().map(typed),
        };
        self.map.take_changes().into_iter().map(event).collect()
    }

    /// Whether a tool asked for log files to be opened again since the last call.
    pub fn take_reopen_logs(&mut self) -> bool {
        std::mem::take(&mut self.reopen_logs)
    }

    /// Puts another configuration in place of the one that was read before, as a reload does.
    pub fn replace_config(&mut self, config: Config, member: &mut Member) -> Vec<Event> {
        let view = config.view();
        let gone: Vec<String> = self
            .map
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| {
                let reread = ["logging.", "totem.", "nodelist.", "quorum.", "uidgid.config.", "nozzle."];
                reread.iter().any(|p| key.starts_with(p)) && view.get(key).is_none()
            })
            .collect();
        for key in gone {
            self.map.remove(&key);
        }
        for (key, value) in view.iter().filter(|(key, _)| !key.starts_with("runtime.")) {
            let _ = self.map.set(key, value.clone());
        }
        let _ = self.map.set("config.reload_status", Value::I32(1));
        self.config = config;
        self.reread_quorum(member);
        self.changes()
    }

    fn reread_quorum(&self, member: &mut Member) {
        let section = QuorumSection::read(&self.map);
        let roster = Roster::of(&self.config);
        member.with_votes(|votes| votes.reconfigure(&section, roster));
    }

    /// Answers one request; what changes by it is told by [`events`](Desk::events).
    pub fn answer(&mut self, now: Duration, member: &mut Member, request: Request) -> Answer {
        let votes = |result: Option<Result<(), CsError>>| answer(result.unwrap_or(Err(CsError::NotSupported)));
        match request {
            Request::Quorum => Answer::Quorum(self.quorum(member)),
            Request::SetExpected { votes: v } => votes(member.with_votes(|s| s.set_expected(v))),
            Request::SetVotes { node, votes: v } => votes(member.with_votes(|s| s.set_votes(NodeId(node), v))),
            Request::UnregisterDevice => votes(member.with_votes(|s| {
                let name = s.info(NodeId(0))?.device;
                s.device_unregister(&name)
            })),
            Request::Groups => Answer::Groups(self.groups(member)),
            Request::Links => Answer::Links(self.links(member)),
            Request::Addresses { node } => {
                let node = if node == 0 { self.config.local_node().id } else { node };
                match self.config.node(node) {
                    Some(_) => Answer::Addresses(self.addresses(node)),
                    None => Answer::Error(CsError::NotExist.code()),
                }
            }
            Request::Reload => {
                member.with_control(|control| control.reload());
                Answer::Ok
            }
            Request::ReopenLogs => {
                self.reopen_logs = true;
                Answer::Ok
            }
            Request::Kill { node } => {
                let joined = self.map.get_str(&format!("runtime.members.{node}.status")) == Some("joined");
                answer(member.with_control(|control| control.kill(NodeId(node), KILL_REASON, joined)))
            }
            Request::Shutdown { force } => {
                let flag = if force { ShutdownFlag::Regardless } else { ShutdownFlag::Request };
                answer(member.with_control(|control| control.try_shutdown(now, u64::MAX, flag)))
            }
            Request::Get { map, keys } => {
                let stats = self.stats(member);
                let store = if map == MapName::Stats { &stats } else { &self.map };
                let found = |key: String| store.get(&key).map(typed).map(|value| (key, value));
                Answer::Keys(keys.into_iter().filter_map(found).collect())
            }
            Request::List { map, prefixes } => {
                let stats = self.stats(member);
                let store = if map == MapName::Stats { &stats } else { &self.map };
                let wanted = |key: &str| prefixes.is_empty() || prefixes.iter().any(|p| key.starts_with(p));
                Answer::Keys(store.iter().filter(|(k, _)| wanted(k)).map(|(k, v)| (k.to_owned(), typed(v))).collect())
            }
            Request::Set { key, value } => {
                let result = untyped(&value).and_then(|value| self.map.client_set(&key, value));
                if result.is_ok() {
                    self.key_was_set(&key, member);
                }
                answer(result)
            }
            Request::Delete { key } => {
                let result = self.map.client_remove(&key);
                if result.is_ok() && key.starts_with("quorum.") {
                    self.reread_quorum(member);
                }
                answer(result)
            }
            Request::ClearStats { what } => {
                if what == "totem" || what == "knet" || what == "all" {
                    let all = super::counters::of(member, &Cmap::default());
                    let prefix = match what.as_str() {
                        "totem" => "stats.srp.",
                        "knet" => "stats.knet.",
                        _ => "stats.",
                    };
                    for (key, value) in all.prefixed(prefix) {
                        let _ = self.reset.set(key, value.clone());
                    }
                }
                Answer::Ok
            }
            Request::Watch => Answer::Ok,
            // A ring alone knows nothing of what runs above it.
            Request::Cluster(_) => Answer::Error(CsError::NotSupported.code()),
        }
    }

    /// What changed in the key store since the last look.
    pub fn events(&mut self) -> Vec<Event> {
        self.changes()
    }

    /// Some keys act when they are written [QG-2.16].
    fn key_was_set(&mut self, key: &str, member: &mut Member) {
        if key == "quorum.cancel_wait_for_all" {
            if self.map.get_u8(key).is_some_and(|v| v >= 1) {
                let _ = self.map.set(key, Value::U8(0));
                member.with_votes(|votes| votes.cancel_wait_for_all());
            }
        } else if key.starts_with("quorum.") {
            self.reread_quorum(member);
        }
    }

    fn addresses(&self, node: u32) -> Vec<String> {
        self.config.node(node).map(|n| n.addresses.values().map(ToString::to_string).collect()).unwrap_or_default()
    }

    fn quorum(&self, member: &Member) -> QuorumReport {
        let status = member.status();
        let node = self.config.local_node().id;
        let mut report = QuorumReport {
            provider: self.config.quorum.provider.clone(),
            node,
            ring: status.ring.ring.to_string(),
            quorate: status.quorate,
            members: Vec::new(),
            votes: None,
        };
        let Some(votes) = status.votes else { return report };
        let (ring, members) = votes.members();
        report.ring = ring.to_string();
        for id in members {
            let Ok(info) = votes.info(*id) else { continue };
            report.members.push(QuorumRow {
                node: id.0,
                votes: info.votes,
                name: self.config.node(id.0).and_then(|n| n.name.clone()),
                addresses: self.addresses(id.0),
                registered: info.flags.has(Flags::REGISTERED),
                alive: info.flags.has(Flags::ALIVE),
                casts: info.flags.has(Flags::CAST_VOTE),
                master_wins: info.flags.has(Flags::MASTER_WINS),
            });
        }
        if let Ok(info) = votes.info(NodeId(0)) {
            let flags = [
                (info.two_node, "2Node"),
                (info.quorate, "Quorate"),
                (info.wait_for_all, "WaitForAll"),
                (info.last_man_standing, "LastManStanding"),
                (info.auto_tie_breaker, "AutoTieBreaker"),
                (info.allow_downscale, "AllowDownscale"),
                (info.flags.has(Flags::REGISTERED), "Qdevice"),
            ];
            let any_registered = report.members.iter().any(|row| row.registered);
            report.votes = Some(VoteReport {
                expected: info.expected,
                highest: info.highest_expected,
                total: info.total,
                quorum: info.quorum,
                flags: flags.iter().filter(|(on, _)| *on).map(|(_, word)| (*word).to_owned()).collect(),
                device: any_registered.then_some(info.device),
                device_votes: info.device_votes,
                device_casts: info.flags.has(Flags::CAST_VOTE),
            });
        }
        report
    }

    fn groups(&self, member: &Member) -> Vec<GroupRow> {
        let row = |process: totem_core::groups::Process| GroupRow {
            group: to_hex(process.group.as_bytes()),
            pid: process.pid,
            node: process.node.0,
            addresses: self.addresses(process.node.0),
        };
        member.status().groups.listing().into_iter().map(row).collect()
    }

    fn links(&self, member: &Member) -> LinkReport {
        let config = &self.config;
        let own = config.local_node();
        let knet = config.totem.transport == Transport::Knet;
        let status = member.status();
        let members = status.ring.members;
        let states: Vec<totem_core::link::LinkStatus> =
            status.links.map(|links| links.links().collect()).unwrap_or_default();
        let mut nodes: Vec<NodeRow> = config
            .nodes
            .iter()
            .map(|node| {
                let id = NodeId(node.id);
                let reachable = match status.links {
                    Some(links) => links.is_reachable(id),
                    None => members.contains(&id),
                };
                let state = |number: u8| states.iter().find(|s| s.host == id && s.link == number);
                let link = |(number, address): (&u8, &std::net::IpAddr)| LinkRow {
                    link: *number,
                    enabled: true,
                    connected: state(*number).map_or(reachable, |s| s.connected),
                    mtu: state(*number).map_or(config.totem.net_mtu.saturating_sub(OVERHEAD), |s| s.mtu),
                    from: if knet {
                        own.addresses.get(number).map_or_else(String::new, ToString::to_string)
                    } else {
                        address.to_string()
                    },
                    to: if knet { address.to_string() } else { String::new() },
                };
                NodeRow { node: node.id, reachable, links: node.addresses.iter().map(link).collect() }
            })
            .collect();
        nodes.sort_by_key(|node| node.node);
        let word = |link: &totem_core::config::Link| if knet { link.knet_transport.clone() } else { String::new() };
        let links = config.links.iter().map(|link| (link.number, word(link))).collect();
        LinkReport { node: own.id, transport: config.totem.transport.name().to_owned(), nodes, links }
    }

    fn stats(&self, member: &Member) -> Cmap {
        super::counters::of(member, &self.reset)
    }

    /// Links that came up or went down since the last look.
    pub fn link_events(&mut self, member: &Member) -> Vec<Event> {
        let Some(links) = member.status().links else { return Vec::new() };
        let mut events = Vec::new();
        for link in links.links() {
            let before = self.connected.insert((link.host.0, link.link), link.connected).unwrap_or(false);
            if before != link.connected {
                events.push(Event::Link { node: link.host.0, link: link.link, connected: link.connected });
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totem_core::config::{Host, Mode};
    use totem_core::member::Identity;
    use totem_core::quorum::Options;

    fn node() -> (Desk, Member) {
        let text = "totem {\nversion: 2\ntransport: udpu\n}\nquorum {\nprovider: corosync_votequorum\n}\nnodelist {\nnode {\nring0_addr: 10.0.0.1\nname: a\nnodeid: 1\n}\nnode {\nring0_addr: 10.0.0.2\nname: b\nnodeid: 2\n}\n}\n";
        let config = Config::read(text, Mode::Strict, &Host::new("a", [])).unwrap();
        let options = Options::at_start(&config.quorum, Roster::of(&config), 0, &mut Vec::new()).unwrap();
        let member_config = totem_core::member::Config::of(&config, Some(options));
        let mut member = Member::new(member_config, Identity::new(NodeId(1), 7), Duration::ZERO).unwrap();
        let mut desk = Desk::new(config);
        while let Some(output) = member.poll_output() {
            desk.note(&output);
        }
        (desk, member)
    }

    #[test]
    fn keys_of_configuration_and_run_time() {
        let (mut desk, mut member) = node();
        let get = |desk: &mut Desk, member: &mut Member, key: &str| {
            let request = Request::Get { map: MapName::Icmap, keys: vec![key.into()] };
            match desk.answer(Duration::ZERO, member, request) {
                Answer::Keys(found) => found.first().map(|(_, v)| v.value.clone()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(get(&mut desk, &mut member, "runtime.config.totem.token").as_deref(), Some("3000"));
        assert_eq!(get(&mut desk, &mut member, "runtime.votequorum.this_node_id").as_deref(), Some("1"));
        let value = TypedValue { kind: "u32".into(), value: "3".into() };
        let set = |key: &str| Request::Set { key: key.into(), value: value.clone() };
        assert_eq!(desk.answer(Duration::ZERO, &mut member, set("totem.version")), Answer::Error(11));
        assert_eq!(desk.answer(Duration::ZERO, &mut member, set("my.key")), Answer::Ok);
        assert_eq!(desk.events().len(), 1);
        assert_eq!(get(&mut desk, &mut member, "my.key").as_deref(), Some("3"));
        assert_eq!(get(&mut desk, &mut member, "nosuch"), None);
        assert_eq!(desk.answer(Duration::ZERO, &mut member, set("quorum.wait_for_all")), Answer::Error(11));
    }

    #[test]
    fn refusals_carry_the_numbers_of_the_original() {
        let (mut desk, mut member) = node();
        let mut ask = |request| desk.answer(Duration::ZERO, &mut member, request);
        assert_eq!(ask(Request::Kill { node: 9 }), Answer::Error(12));
        assert_eq!(ask(Request::SetVotes { node: 9, votes: 1 }), Answer::Error(17));
        assert_eq!(ask(Request::UnregisterDevice), Answer::Error(12));
        assert_eq!(ask(Request::Addresses { node: 2 }), Answer::Addresses(vec!["10.0.0.2".into()]));
        assert_eq!(ask(Request::Addresses { node: 3 }), Answer::Error(12));
        let Answer::Quorum(report) = ask(Request::Quorum) else { panic!("no report") };
        assert!(!report.quorate);
        assert_eq!(report.votes.unwrap().expected, 2);
    }
}
