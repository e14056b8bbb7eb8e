//! The sockets under a ring member: one for each link, opened as the configuration asks. Whoever drives the member, in a
//! loop of its own or on a runtime, sends and receives through them.

use super::keys;
use super::ring::RingError;
use super::ring_udp::{RingSocketOptions, RingSockets};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use totem_core::config::{Config, Host, Problem, Transport as Configured};
use totem_core::link::Settings;
use totem_core::member;
use totem_core::wire::NodeId;

/// The host as the configuration reader wants to know it: its name and the addresses of its interfaces.
pub fn host() -> Host {
    let name = nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok()).unwrap_or_default();
    host_called(name)
}

/// The same under another name.
pub fn host_called(name: impl Into<String>) -> Host {
    Host::new(name, addresses().into_iter().map(|(_, ip)| ip))
}

fn addresses() -> Vec<(String, IpAddr)> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|i| {
            let address = i.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
            Some((i.interface_name, v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))?))
        })
        .collect()
}

/// Index of the interface that has this address, 0 if none.
fn interface_of(ip: IpAddr) -> u32 {
    let name = addresses().into_iter().find(|(_, a)| *a == ip).map(|(name, _)| name);
    name.and_then(|n| nix::net::if_::if_nametoindex(n.as_str()).ok()).unwrap_or(0)
}

/// Largest packet that the interface with this address takes.
fn mtu_of(ip: IpAddr) -> Option<u32> {
    let name = addresses().into_iter().find(|(_, a)| *a == ip).map(|(name, _)| name)?;
    fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok()
}

/// The sockets of one member.
pub struct Transport {
    /// One for each link, by number; `udp` and `udpu` have the first alone.
    sockets: BTreeMap<u8, RingSockets>,
}

impl From<RingSockets> for Transport {
    fn from(sockets: RingSockets) -> Self {
        Self { sockets: BTreeMap::from([(0, sockets)]) }
    }
}

impl Transport {
    /// Opens the sockets that a configuration asks for, and says what its links are made of if it has any: then the member
    /// is to run over them, and otherwise over plain datagrams.
    ///
    /// # Errors
    /// If the configuration asks for what this transport cannot do, the key cannot be read, or the system refuses.
    pub fn open(config: &Config) -> Result<(Self, Option<Settings>), RingError> {
        // Files of older releases ask for redundancy and encryption without knet; both are offered over these links,
        // among members of this engine.
        if config.totem.transport == Configured::Knet || config.links.len() > 1 || config.totem.is_protected() {
            if config.implicit_nodes && config.nodes.len() < 2 {
                return Err(RingError::Config(Problem::CryptoNeedsKnet.to_string()));
            }
            // The links' packets have 16 bits for a node; ids made from addresses are longer.
            if let Some(node) = config.nodes.iter().find(|node| node.id > u32::from(u16::MAX)) {
                let address = node.addresses.values().next().map_or_else(String::new, ToString::to_string);
                return Err(RingError::Config(Problem::KnetNodeIdTooLarge(address).to_string()));
            }
            let (transport, settings) = Self::open_links(config)?;
            return Ok((transport, Some(settings)));
        }
        let plain = member::Config::of(config, None);
        let node = NodeId(config.local_node().id);
        let own = plain.peers.iter().find(|p| p.node == node).and_then(|p| p.addresses.first().copied());
        let own = own.ok_or_else(|| RingError::Config("this node has no address on the first link".into()))?;
        let group = match plain.transport {
            member::Transport::Udp { group } => Some(group),
            member::Transport::Udpu => None,
        };
        let options = RingSocketOptions {
            own,
            group,
            ttl: config.links.first().map_or(1, |l| l.ttl),
            dscp: config.totem.ip_dscp,
            interface: if own.is_ipv6() { interface_of(own.ip()) } else { 0 },
        };
        Ok((RingSockets::open(&options).map_err(RingError::Sockets)?.into(), None))
    }

    /// Redundant links: one socket for each, and the key file if packets are protected.
    fn open_links(config: &Config) -> Result<(Self, Settings), RingError> {
        let mut sockets = BTreeMap::new();
        let mut interface_mtu = BTreeMap::new();
        for link in &config.links {
            let options = RingSocketOptions {
                own: SocketAddr::new(link.bind, link.port),
                group: None,
                ttl: 1,
                dscp: config.totem.ip_dscp,
                interface: 0,
            };
            sockets.insert(link.number, RingSockets::open(&options).map_err(RingError::Sockets)?);
            interface_mtu.extend(mtu_of(link.bind).map(|mtu| (link.number, mtu)));
        }
        let protection = keys::protection(config)?;
        let seed = random().map_err(|error| RingError::Store { path: "/dev/urandom".into(), error })?;
        Ok((Self { sockets }, Settings { config: config.clone(), protection, interface_mtu, seed }))
    }

    /// What to wait on for datagrams.
    pub fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.values().flat_map(RingSockets::readable)
    }

    /// How many bytes the system holds for the link that has the least room.
    pub fn receive_room(&self) -> usize {
        self.sockets.values().map(RingSockets::receive_room).min().unwrap_or(0)
    }

    /// Puts a datagram into the batch of its link.
    pub fn queue(&mut self, link: u8, to: SocketAddr, datagram: Bytes) {
        if let Some(sockets) = self.sockets.get_mut(&link) {
            sockets.queue(to, datagram);
        }
    }

    /// Sends all batches.
    pub fn flush(&mut self) {
        self.sockets.values_mut().for_each(RingSockets::flush);
    }

    /// Hands over what waits, with the number of its link. Returns how often something came.
    ///
    /// # Errors
    /// If a socket cannot be read any more.
    pub fn receive(&mut self, mut hand: impl FnMut(u8, SocketAddr, Bytes)) -> io::Result<usize> {
        let mut total = 0;
        for (link, sockets) in &mut self.sockets {
            total += sockets.receive(|from, datagram| hand(*link, from, datagram))?;
        }
        Ok(total)
    }

    /// Datagrams sent, received, dropped.
    pub fn counts(&self) -> (u64, u64, u64) {
        self.sockets.values().map(RingSockets::counts).fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2))
    }
}

/// Bytes of the system's chance.
///
/// # Errors
/// If the system has none.
pub fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
