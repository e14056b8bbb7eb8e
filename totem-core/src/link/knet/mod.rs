//! Redundant links as one machine: heartbeats on every link, messages over the links that live [LK-3, LK-5, LK-10, LK-12].

mod paths;
mod receive;
mod rekey;
mod send;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

use self::rekey::Rekeying;
use super::crypto::{Guard, Slots};
use super::heartbeat::{Heartbeats, Timers};
use super::mtu::{self, Search};
use super::sentry::Sentry;
use super::window::Window;
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
    /// The last search found less than before, or too little.
    doubted: bool,
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
    /// The link that passive mode takes.
    chosen: Option<u8>,
    /// Order of links in round robin, first next.
    rotation: VecDeque<u8>,
}

impl Host {
    /// The link to take in passive mode: the highest priority, among equals the lowest number [LK-10.2]. But a link that was down a
    /// short time ago stands behind those that were not: its next silence would be noticed late [LK-9.4], too late for the ring.
    /// Released programs take it back at once: three members of 3.1.7 with `token: 1000` formed six new rings while their first
    /// link went down and up seven times for 3 s each.
    fn best(&self) -> Option<u8> {
        let usable = self.paths.iter().filter(|(_, path)| path.usable());
        let rank = |(link, path): &(&u8, &Path)| (Reverse(path.beats.patience()), path.priority, Reverse(**link));
        usable.max_by_key(rank).map(|(link, _)| *link)
    }
}

/// Packets that were not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Altered, cut off, or not sealed with the key that is loaded.
    pub unauthenticated: u64,
    /// Of another key or kind of protection, as they say themselves; only the own mode can tell.
    pub other_key: u64,
    /// Heard before, or of a start of the sender that is over; only the own mode can tell.
    pub replayed: u64,
    /// Of a start of the sender that has not proven itself yet; only the own mode asks for that.
    pub unproven: u64,
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
    /// Messages to the host go over it, alone or with others or in turn. [LK-10.2]
    pub in_use: bool,
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
    pub protection: Option<Guard>,
    /// Largest IP packet that each link's interface takes; 65535 where it is not known.
    pub interface_mtu: BTreeMap<u8, u32>,
    /// Seed of salts, of the boot's number and of challenges; it must not repeat in the life of a key.
    pub seed: [u8; 32],
}

/// The link layer of one node.
pub struct Knet {
    me: NodeId,
    mode: LinkMode,
    slots: Slots,
    rekeying: Option<Rekeying>,
    hosts: BTreeMap<NodeId, Host>,
    sequence: u16,
    random: ChaCha12Rng,
    sentry: Sentry,
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
        let overhead = slots.overhead();
        let mut random = ChaCha12Rng::from_seed(seed);
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
                        doubted: false,
                        search: None,
                        search_at: now,
                        patience: *PATIENCE.start(),
                        largest: interface_mtu.get(&link.number).copied().unwrap_or(mtu::LARGEST),
                        stamps: VecDeque::new(),
                    },
                ))
            };
            let paths = config.links.iter().filter_map(path).collect();
            let host = Host { paths, window: Window::new(), reachable: false, chosen: None, rotation: VecDeque::new() };
            hosts.insert(NodeId(node.id), host);
        }
        Knet {
            me,
            mode: config.totem.link_mode,
            data_mtu: overhead.minimum(),
            slots,
            rekeying: None,
            hosts,
            sequence: 0,
            sentry: Sentry::new(random.next_u64()),
            random,
            manual_mtu: config.totem.knet.mtu,
            search_interval: Duration::from_secs(config.totem.knet.pmtud_interval.into()),
            block_unlisted: config.totem.block_unlisted_ips,
            refusals: Refusals::default(),
            outputs: VecDeque::new(),
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(LogLine::new(level, "KNET", text)));
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

    /// All links to all hosts.
    pub fn links(&self) -> impl Iterator<Item = LinkStatus> {
        self.hosts.iter().flat_map(move |(id, host)| {
            host.paths.iter().map(move |(link, path)| LinkStatus {
                host: *id,
                link: *link,
                remote: path.remote,
                connected: path.beats.connected,
                in_use: if self.mode == LinkMode::Passive { host.chosen == Some(*link) } else { path.usable() },
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
