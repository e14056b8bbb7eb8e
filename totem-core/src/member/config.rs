//! What a member is made from.

use crate::config::Timers;
use crate::quorum::Options;
use crate::ring;
use crate::wire::NodeId;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Which link a datagram came in on or goes out on, counting from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LinkIx(pub u8);

/// How messages travel. [TM-6]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// One datagram per node.
    Udpu,
    /// One datagram to a multicast group or broadcast address.
    Udp {
        /// The group, or the broadcast address, with its port.
        group: SocketAddr,
    },
}

/// A node of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its id.
    pub node: NodeId,
    /// Where it receives tokens, by link.
    pub addresses: Vec<SocketAddr>,
}

impl Peer {
    pub(super) fn has_address(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.ip() == ip)
    }
}

/// The configuration of a member.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Timers and bounds of the ring; its list of nodes is taken from `peers`.
    pub ring: ring::Config,
    /// How messages travel.
    pub transport: Transport,
    /// All nodes, this one included, in the order of the node list.
    pub peers: Vec<Peer>,
    /// Refuse datagrams from other addresses (`block_unlisted_ips`).
    pub block_unlisted: bool,
    /// Vote quorum; `None` makes every partition quorate.
    pub quorum: Option<Options>,
    /// `totem.config_version`.
    pub version: Option<u64>,
}

impl Config {
    /// Default timers for these nodes on `udpu`, at made-up addresses 10.0.x.x, without quorum: for tests and simulations.
    pub fn for_nodes(nodes: &[NodeId]) -> Self {
        let address = |n: NodeId| {
            let [_, b, c, d] = n.0.to_be_bytes();
            SocketAddr::from((Ipv4Addr::new(10, b, c, d), 5405))
        };
        Self {
            ring: ring::Config::derive(Timers::with(&[], nodes.len())),
            transport: Transport::Udpu,
            peers: nodes.iter().map(|&node| Peer { node, addresses: vec![address(node)] }).collect(),
            block_unlisted: true,
            quorum: None,
            version: None,
        }
    }

    /// What a read `corosync.conf` says. Links beyond the first, and encryption, belong to the link layer.
    pub fn of(config: &crate::config::Config, quorum: Option<Options>) -> Self {
        use crate::config::Transport as Configured;
        let first = config.links.first();
        let (number, port) = first.map_or((0, 5405), |l| (l.number, l.port));
        let group = first.and_then(|l| match l.broadcast {
            true => Some(IpAddr::from(Ipv4Addr::BROADCAST)),
            false => l.multicast,
        });
        let transport = match (config.totem.transport, group) {
            (Configured::Udp, Some(group)) => Transport::Udp { group: SocketAddr::new(group, port) },
            _ => Transport::Udpu,
        };
        let peers = config
            .nodes
            .iter()
            .map(|node| Peer {
                node: NodeId(node.id),
                addresses: node.addresses.get(&number).map(|ip| SocketAddr::new(*ip, port)).into_iter().collect(),
            })
            .collect();
        // what an administrator set is meant
        let set = ["totem.window_size", "totem.max_messages"].iter().any(|key| config.map.get_u32(key).is_some());
        let mut ring = ring::Config::of(&config.totem);
        let copies = if transport == Transport::Udpu { config.nodes.len().saturating_sub(1) } else { 1 };
        ring.kin_factor = match set {
            true => 1,
            false => ring::Config::kin_factor(ring.timers.window_size, ring.net_mtu, copies),
        };
        Self {
            ring,
            // the option speaks of udpu only [TM-6.3]
            block_unlisted: transport == Transport::Udpu && config.totem.block_unlisted_ips,
            transport,
            peers,
            quorum,
            version: config.map.get_u64("totem.config_version"),
        }
    }
}

/// Who a member is, and what it remembers from its former life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The own node id.
    pub node: NodeId,
    /// The ring sequence last made durable, 0 if none.
    pub ring_sequence: u64,
    /// The highest number of expected votes last made durable, 0 if none.
    pub tracked_votes: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Process id under which this member appears in its groups.
    pub process_id: u32,
}

impl Identity {
    /// A node that remembers nothing.
    pub fn new(node: NodeId, seed: u64) -> Self {
        Self { node, ring_sequence: 0, tracked_votes: 0, seed, process_id: 1 }
    }
}
