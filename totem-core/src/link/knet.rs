//! Redundant links as one machine: heartbeats on every link, messages over the links that live [LK-3, LK-5, LK-10, LK-12].

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

use super::crypto::{Protection, Slots};
use super::heartbeat::{Change, Heartbeats, Timers};
use super::mtu::{self, Overhead, Search, Step};
use super::packet::{self, Body, Data, Heartbeat, Packet};
use super::window::{MAX_FRAGMENTS, MAX_MESSAGE, Window};
use crate::config::{Config, LinkMode};
use crate::quorum::{Level, LogLine};
use crate::wire::NodeId;

/// Where a message of the ring says to whom it goes [LK-3.3].
const TARGET: std::ops::Range<usize> = 9..13;
/// Every so many messages all hosts are told how far numbers went.
const FORCED_PING: u16 = u16::MAX / 8;
/// Stamps of own pings that a pong may echo.
const STAMPS: usize = 128;
/// Limits of the patience with probes of encrypted links.
const PATIENCE: std::ops::RangeInclusive<u32> = 2..=128;

/// What the machine wants done or tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram from the socket of a link.
    Transmit {
        /// The link.
        link: u8,
        /// The remote address.
        to: SocketAddr,
        /// The bytes.
        datagram: Bytes,
    },
    /// A message for the ring.
    Deliver(Bytes),
    /// A link came up or went down.
    Link {
        /// The host.
        host: NodeId,
        /// The link.
        link: u8,
        /// Which of the two.
        up: bool,
    },
    /// A host can be reached, or no longer.
    Host {
        /// The host.
        host: NodeId,
        /// Which of the two.
        reachable: bool,
    },
    /// Payload bytes of a fragment from now on.
    DataMtu(u32),
    /// For administrators.
    Log(LogLine),
}

/// One link to one host.
struct Path {
    remote: SocketAddr,
    priority: u8,
    beats: Heartbeats,
    mtu: u32,
    mtu_valid: bool,
    discovered: bool,
    search: Option<(Search, Duration)>,
    search_at: Duration,
    patience: u32,
    largest: u32,
    stamps: VecDeque<Duration>,
}

impl Path {
    fn usable(&self) -> bool {
        self.beats.connected && self.mtu_valid
    }
}

/// One remote host.
struct Host {
    paths: BTreeMap<u8, Path>,
    window: Window,
    reachable: bool,
    /// Order of links in round robin, first next.
    rotation: VecDeque<u8>,
}

/// Packets that were not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// No key opened them.
    pub unauthenticated: u64,
    /// Cut off, of another version or of an unknown type.
    pub malformed: u64,
    /// From a host, link or address that is not configured.
    pub unlisted: u64,
    /// From hosts that are not reachable yet.
    pub early: u64,
    /// Compressed by a method, none of which is supported.
    pub compressed: u64,
    /// For another node.
    pub misdirected: u64,
    /// Pongs to pings that were not sent.
    pub forged_pongs: u64,
}

/// The state of one link, to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// The host.
    pub host: NodeId,
    /// The link.
    pub link: u8,
    /// Its remote address.
    pub remote: SocketAddr,
    /// Judged alive.
    pub connected: bool,
    /// Largest payload that is known to pass.
    pub mtu: u32,
    /// How often it came up.
    pub ups: u32,
    /// How often it went down.
    pub downs: u32,
}

/// How the machine is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration: nodes, links, timers, mode.
    pub config: Config,
    /// Protection of packets; none sends and takes them in clear.
    pub protection: Option<Protection>,
    /// Largest IP packet that each link's interface takes; 65535 where it is not known.
    pub interface_mtu: BTreeMap<u8, u32>,
    /// Seed of salts; it must not repeat in the life of a key.
    pub seed: [u8; 32],
}

/// The link layer of one node.
pub struct Knet {
    me: NodeId,
    mode: LinkMode,
    slots: Slots,
    pending_slot: usize,
    hosts: BTreeMap<NodeId, Host>,
    sequence: u16,
    random: ChaCha12Rng,
    data_mtu: u32,
    manual_mtu: u32,
    search_interval: Duration,
    block_unlisted: bool,
    refusals: Refusals,
    outputs: VecDeque<Output>,
}

impl Knet {
    /// A link layer with all links down; the first pings are due at once.
    pub fn new(settings: Settings, now: Duration) -> Self {
        let Settings { config, protection, interface_mtu, seed } = settings;
        let me = NodeId(config.local_node().id);
        let slots = Slots::new(protection);
        let overhead = Overhead::of(slots.sending());
        let mut hosts = BTreeMap::new();
        for node in config.nodes.iter().filter(|node| node.id != me.0) {
            let path = |link: &crate::config::Link| {
                let address = *node.addresses.get(&link.number)?;
                Some((
                    link.number,
                    Path {
                        remote: SocketAddr::new(address, link.port),
                        priority: link.priority.max(1),
                        beats: Heartbeats::new(now, Timers::of(link)),
                        mtu: overhead.initial(address),
                        mtu_valid: true,
                        discovered: false,
                        search: None,
                        search_at: now,
                        patience: *PATIENCE.start(),
                        largest: interface_mtu.get(&link.number).copied().unwrap_or(mtu::LARGEST),
                        stamps: VecDeque::new(),
                    },
                ))
            };
            let paths = config.links.iter().filter_map(path).collect();
            let host = Host { paths, window: Window::new(), reachable: false, rotation: VecDeque::new() };
            hosts.insert(NodeId(node.id), host);
        }
        Knet {
            me,
            mode: config.totem.link_mode,
            data_mtu: overhead.minimum(),
            slots,
            pending_slot: 0,
            hosts,
            sequence: 0,
            random: ChaCha12Rng::from_seed(seed),
            manual_mtu: config.totem.knet.mtu,
            search_interval: Duration::from_secs(config.totem.knet.pmtud_interval.into()),
            block_unlisted: config.totem.block_unlisted_ips,
            refusals: Refusals::default(),
            outputs: VecDeque::new(),
        }
    }

    // ---- sending -------------------------------------------------------------------------------------------

    /// Sends a message of the ring: to one host, or to all that can be reached. What goes to oneself is delivered.
    pub fn send(&mut self, now: Duration, to: Option<NodeId>, message: &Bytes) {
        let mut message = BytesMut::from(&message[..]);
        if message.len() >= TARGET.end {
            message[TARGET].copy_from_slice(&to.map_or(0, |node| node.0).to_le_bytes());
        }
        let message = message.freeze();
        if to == Some(self.me) {
            self.outputs.push_back(Output::Deliver(message));
            return;
        }
        let wanted = |id: &NodeId| to.is_none_or(|node| node == *id);
        let targets: Vec<NodeId> =
            self.hosts.iter().filter(|(id, host)| wanted(id) && host.reachable).map(|(id, _)| *id).collect();
        if targets.is_empty() || message.is_empty() || message.len() > MAX_MESSAGE {
            return;
        }
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        if self.sequence.is_multiple_of(FORCED_PING) {
            self.ping_everywhere(now);
        }
        let packets = self.fragments(&message, to.is_none());
        for id in targets {
            for link in self.links_to(id) {
                let Some(remote) = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map(|p| p.remote) else {
                    continue;
                };
                for datagram in &packets {
                    self.outputs.push_back(Output::Transmit { link, to: remote, datagram: datagram.clone() });
                }
            }
        }
    }

    /// Each fragment is protected once: all hosts and links get the same bytes.
    fn fragments(&mut self, message: &Bytes, broadcast: bool) -> Vec<Bytes> {
        let unit = (self.data_mtu as usize).max(MAX_MESSAGE.div_ceil(MAX_FRAGMENTS.into()));
        let count = message.len().div_ceil(unit);
        (0..count)
            .map(|n| {
                let data = Data {
                    sequence: self.sequence,
                    compress: 0,
                    broadcast,
                    fragments: count as u8,
                    fragment: if count == 1 { 0 } else { n as u8 + 1 },
                    channel: 0,
                    payload: message.slice(n * unit..((n + 1) * unit).min(message.len())),
                };
                self.seal(&Packet { from: self.me, max_version: packet::VERSION, body: Body::Data(data) }.encode())
            })
            .collect()
    }

    fn seal(&mut self, clear: &Bytes) -> Bytes {
        let Some(protection) = self.slots.sending() else { return clear.clone() };
        let mut salt = [0; 16];
        self.random.fill_bytes(&mut salt);
        protection.seal(clear, &salt)
    }

    /// The links over which the next message to a host goes [LK-10.2].
    fn links_to(&mut self, id: NodeId) -> Vec<u8> {
        let mode = self.mode;
        let Some(host) = self.hosts.get_mut(&id) else { return Vec::new() };
        let usable = || host.paths.iter().filter(|(_, path)| path.usable());
        match mode {
            LinkMode::Passive => usable()
                .max_by_key(|(link, path)| (path.priority, std::cmp::Reverse(**link)))
                .map(|(link, _)| *link)
                .into_iter()
                .collect(),
            LinkMode::Active => usable().map(|(link, _)| *link).collect(),
            LinkMode::RoundRobin => {
                let next = host.rotation.pop_front();
                host.rotation.extend(next);
                next.into_iter().collect()
            }
        }
    }

    fn transmit(&mut self, link: u8, to: SocketAddr, clear: &Bytes) {
        let datagram = self.seal(clear);
        self.outputs.push_back(Output::Transmit { link, to, datagram });
    }

    fn ping(&mut self, now: Duration, id: NodeId, link: u8, timed: bool) {
        let sequence = self.sequence;
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        path.stamps.push_back(now);
        if path.stamps.len() > STAMPS {
            path.stamps.pop_front();
        }
        let remote = path.remote;
        let mut time = [0; 16];
        time[..8].copy_from_slice(&now.as_secs().to_le_bytes());
        time[8..].copy_from_slice(&u64::from(now.subsec_nanos()).to_le_bytes());
        let body = Body::Ping(Heartbeat { link, time, sequence, timed });
        let clear = Packet { from: self.me, max_version: packet::VERSION, body }.encode();
        self.transmit(link, remote, &clear);
    }

    fn ping_everywhere(&mut self, now: Duration) {
        let all: Vec<(NodeId, u8)> =
            self.hosts.iter().flat_map(|(id, host)| host.paths.keys().map(|link| (*id, *link))).collect();
        for (id, link) in all {
            self.ping(now, id, link, false);
        }
    }

    // ---- receiving -----------------------------------------------------------------------------------------

    /// One datagram from the socket of some link. Whatever is wrong with it, nothing but a counter changes.
    pub fn handle_datagram(&mut self, now: Duration, from: SocketAddr, datagram: &Bytes) {
        let Ok(clear) = self.slots.open(datagram) else {
            self.refusals.unauthenticated += 1;
            return;
        };
        let Ok(packet) = Packet::decode(&clear) else {
            self.refusals.malformed += 1;
            return;
        };
        let id = packet.from;
        let Some(link) = self.link_of(&packet, from.ip()) else {
            self.refusals.unlisted += 1;
            return;
        };
        match packet.body {
            Body::Ping(beat) => {
                let Some(host) = self.hosts.get_mut(&id) else { return };
                host.window.ping(beat.sequence, beat.timed);
                let Some(remote) = host.paths.get(&link).map(|p| p.remote) else { return };
                let pong = packet::pong_to(&clear, self.me);
                self.transmit(link, remote, &pong);
            }
            Body::Pong(beat) => self.handle_pong(now, id, link, &beat),
            Body::Probe { .. } => {
                let Some(remote) = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map(|p| p.remote) else {
                    return;
                };
                let reply = packet::reply_to(&clear, self.me);
                self.transmit(link, remote, &reply);
            }
            Body::ProbeReply { size, .. } => self.handle_reply(now, id, link, u16::from_le_bytes(size).into()),
            Body::Data(data) => self.handle_data(id, &data),
        }
    }

    /// The link that a packet belongs to: by the number it carries and its source, or by its source alone [LK-5].
    fn link_of(&self, packet: &Packet, source: IpAddr) -> Option<u8> {
        let host = self.hosts.get(&packet.from)?;
        let listed = |path: &Path| path.remote.ip() == source || !self.block_unlisted;
        match &packet.body {
            Body::Ping(Heartbeat { link, .. })
            | Body::Pong(Heartbeat { link, .. })
            | Body::Probe { link, .. }
            | Body::ProbeReply { link, .. } => host.paths.get(link).filter(|path| listed(path)).map(|_| *link),
            Body::Data(_) => host.paths.iter().find(|(_, path)| path.remote.ip() == source).map(|(link, _)| *link),
        }
    }

    fn handle_pong(&mut self, now: Duration, id: NodeId, link: u8, beat: &Heartbeat) {
        let half = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&beat.time[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let stamp = Duration::from_secs(half(0)).saturating_add(Duration::from_nanos(half(8)));
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        // Only a stamp that was sent on this link counts: a recorded pong cannot keep a dead link up for long.
        if !path.stamps.contains(&stamp) {
            self.refusals.forged_pongs += 1;
            return;
        }
        if path.beats.pong(now, now.saturating_sub(stamp)) == Change::Up {
            path.discovered = false;
            path.mtu_valid = true;
            path.search = None;
            path.search_at = now;
            self.link_changed(id, link, true);
        }
    }

    fn handle_data(&mut self, id: NodeId, data: &Data) {
        let Some(host) = self.hosts.get_mut(&id) else { return };
        if !host.reachable {
            self.refusals.early += 1;
            return;
        }
        let Some(whole) = host.window.take(data) else { return };
        if whole.compress != 0 {
            self.refusals.compressed += 1;
            let text = format!("Received packet with unknown compress model {}", whole.compress);
            self.log(Level::Error, text);
            return;
        }
        let target = whole.message.get(TARGET).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if whole.channel != 0 || (target != 0 && target != self.me.0) {
            self.refusals.misdirected += 1;
            return;
        }
        host.window.mark_delivered(data.sequence);
        self.outputs.push_back(Output::Deliver(whole.message));
    }

    /// The system reports that packets to this address cannot arrive.
    pub fn handle_transport_error(&mut self, link: u8, remote: SocketAddr) {
        for path in self.hosts.values_mut().filter_map(|h| h.paths.get_mut(&link)) {
            if path.remote.ip() == remote.ip() {
                path.beats.transport_error();
            }
        }
    }

    /// The system refused a datagram as too long; it may have said what would pass.
    pub fn handle_too_long(&mut self, now: Duration, link: u8, remote: SocketAddr, system_mtu: Option<u32>) {
        let found = self.hosts.iter_mut().find_map(|(id, host)| {
            let path = host.paths.get_mut(&link).filter(|p| p.remote == remote)?;
            path.search.as_mut().map(|(search, _)| (*id, search.refused(system_mtu)))
        });
        if let Some((id, step)) = found {
            self.search_step(now, id, link, step);
        }
    }

    // ---- time ----------------------------------------------------------------------------------------------

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let all: Vec<(NodeId, u8)> =
            self.hosts.iter().flat_map(|(id, host)| host.paths.keys().map(|link| (*id, *link))).collect();
        for (id, link) in all {
            let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { continue };
            if path.beats.tick(now) == Change::Down {
                path.search = None;
                self.link_changed(id, link, false);
            }
            let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { continue };
            if path.beats.ping_due(now) {
                self.ping(now, id, link, true);
            }
            self.search_timers(now, id, link);
        }
    }

    /// When to call [`handle_timeout`](Knet::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let search = |path: &Path| match &path.search {
            Some((_, at)) => *at,
            None if path.beats.connected => path.search_at,
            None => Duration::MAX,
        };
        self.hosts.values().flat_map(|h| h.paths.values()).map(|p| p.beats.next().min(search(p))).min()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn search_timers(&mut self, now: Duration, id: NodeId, link: u8) {
        let overhead = Overhead::of(self.slots.sending());
        let encrypted = self.slots.sending().is_some();
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        if !path.beats.connected || !path.beats.has_pinged() {
            return;
        }
        let step = match &mut path.search {
            None if now >= path.search_at && self.manual_mtu > 0 => {
                Step::Found(overhead.data(self.manual_mtu.saturating_sub(mtu::path_overhead(path.remote.ip()))))
            }
            None if now >= path.search_at => {
                let (search, step) = Search::begin(overhead, path.remote.ip(), path.largest);
                path.search = Some((search, Duration::MAX));
                step
            }
            Some((search, at)) if *at <= now => {
                if encrypted && path.patience < *PATIENCE.end() {
                    path.patience *= 2;
                    search.again()
                } else {
                    search.unanswered()
                }
            }
            _ => return,
        };
        self.search_step(now, id, link, step);
    }

    fn handle_reply(&mut self, now: Duration, id: NodeId, link: u8, size: u32) {
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        let Some((search, _)) = path.search.as_mut() else { return };
        let step = if search.size() == size { search.answered() } else { search.unanswered() };
        if path.patience > *PATIENCE.start() {
            path.patience /= 2;
        }
        self.search_step(now, id, link, step);
    }

    fn search_step(&mut self, now: Duration, id: NodeId, link: u8, step: Step) {
        let overhead = Overhead::of(self.slots.sending());
        let encrypted = self.slots.sending().is_some();
        let interval = self.search_interval;
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        match step {
            Step::Probe { size, clear } => {
                let patience = if encrypted { path.patience } else { 1 };
                if let Some((_, at)) = path.search.as_mut() {
                    *at = now + path.beats.effective_timeout() * patience;
                }
                let fill = (clear as usize).saturating_sub(packet::PROBE_LEN);
                let body = Body::Probe { link, size: (size as u16).to_le_bytes(), fill };
                let remote = path.remote;
                let clear = Packet { from: self.me, max_version: packet::VERSION, body }.encode();
                self.transmit(link, remote, &clear);
            }
            Step::Found(found) => {
                let old = std::mem::replace(&mut path.mtu, found);
                path.mtu_valid = found >= overhead.minimum();
                path.discovered = true;
                path.search = None;
                path.search_at = now + interval;
                if old != found {
                    let text = format!("PMTUD link change for host: {id} link: {link} from {old} to {found}");
                    self.log(Level::Info, text);
                }
                self.recompute(id);
            }
            Step::Failed => {
                path.search = None;
                path.search_at = now + interval;
                self.log(
                    Level::Error,
                    "Aborting PMTUD process: Too many attempts. MTU might have changed during discovery.",
                );
                self.recompute(id);
            }
        }
    }

    // ---- state of links and hosts --------------------------------------------------------------------------

    fn link_changed(&mut self, id: NodeId, link: u8, up: bool) {
        self.outputs.push_back(Output::Link { host: id, link, up });
        let word = if up { "up" } else { "down" };
        self.log(Level::Info, format!("host: {id} link: {link} is {word}"));
        self.recompute(id);
    }

    /// [LK-10.2] for one host, and the fragment size of the node [LK-11.5].
    fn recompute(&mut self, id: NodeId) {
        let mode = self.mode;
        let Some(host) = self.hosts.get_mut(&id) else { return };
        host.rotation = host.paths.iter().filter(|(_, path)| path.usable()).map(|(link, _)| *link).collect();
        let reachable = !host.rotation.is_empty();
        let changed = std::mem::replace(&mut host.reachable, reachable) != reachable;
        if !reachable {
            host.window.reset(0);
        }
        let usable = host.rotation.len();
        if changed {
            self.outputs.push_back(Output::Host { host: id, reachable });
            if !reachable {
                self.log(Level::Warning, format!("host: {id} has no active links"));
            }
        }
        if mode != LinkMode::Passive {
            self.log(Level::Info, format!("host: {id} has {usable} active links"));
        } else if let Some(link) = self.links_to(id).first().copied() {
            let priority = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map_or(0, |p| p.priority);
            self.log(Level::Info, format!("host: {id} (passive) best link: {link} (pri: {priority})"));
        }
        let minimum = Overhead::of(self.slots.sending()).minimum();
        let of_path = |path: &Path| if path.discovered { path.mtu } else { minimum };
        let paths = self.hosts.values().flat_map(|h| h.paths.values());
        let data_mtu = paths.filter(|p| p.usable()).map(of_path).min().unwrap_or(minimum);
        if data_mtu != self.data_mtu {
            self.data_mtu = data_mtu;
            self.outputs.push_back(Output::DataMtu(data_mtu));
            self.log(Level::Info, format!("Global data MTU changed to: {data_mtu}"));
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(LogLine::new(level, "KNET", text)));
    }

    // ---- keys ----------------------------------------------------------------------------------------------

    /// Loads changed keys beside those in use; both are accepted from now on [LK-14].
    pub fn load_protection(&mut self, protection: Option<Protection>) {
        self.pending_slot = self.slots.load(protection);
    }

    /// Phase 1 came back: sends with the changed keys.
    pub fn activate_protection(&mut self) {
        self.slots.activate(self.pending_slot);
        for path in self.hosts.values_mut().flat_map(|h| h.paths.values_mut()) {
            path.discovered = false;
            path.search = None;
            path.search_at = Duration::ZERO;
        }
        let ids: Vec<NodeId> = self.hosts.keys().copied().collect();
        ids.into_iter().for_each(|id| self.recompute(id));
    }

    /// Phase 2 came back: the old keys are forgotten.
    pub fn drop_old_protection(&mut self) {
        self.slots.clean_up();
    }

    /// Timers and priorities of a configuration that was read again.
    pub fn set_links(&mut self, config: &Config) {
        for settings in &config.links {
            for path in self.hosts.values_mut().filter_map(|h| h.paths.get_mut(&settings.number)) {
                path.beats.set_timers(Timers::of(settings));
                path.priority = settings.priority.max(1);
            }
        }
        let ids: Vec<NodeId> = self.hosts.keys().copied().collect();
        ids.into_iter().for_each(|id| self.recompute(id));
    }

    // ---- looking -------------------------------------------------------------------------------------------

    /// All links to all hosts.
    pub fn links(&self) -> impl Iterator<Item = LinkStatus> {
        self.hosts.iter().flat_map(|(id, host)| {
            host.paths.iter().map(|(link, path)| LinkStatus {
                host: *id,
                link: *link,
                remote: path.remote,
                connected: path.beats.connected,
                mtu: path.mtu,
                ups: path.beats.ups,
                downs: path.beats.downs,
            })
        })
    }

    /// Whether messages reach a host.
    pub fn is_reachable(&self, host: NodeId) -> bool {
        self.hosts.get(&host).is_some_and(|h| h.reachable)
    }

    /// Packets that were not taken.
    pub fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Payload bytes of a fragment.
    pub fn data_mtu(&self) -> u32 {
        self.data_mtu
    }
}
