//! Nodes and links: the node list and the interface sections together [QG-9.2, QG-10.2, TM-16.4, LK-16.2].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::error::{Invalid, Problem};
use super::host::{self, Host};
use super::{Cmap, LinkMode, Mode, Totem, Transport, Value, Warning};

/// Highest link number.
pub const MAX_LINK: u8 = 7;

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Position in the file, from 0.
    pub position: usize,
    /// Node id; never 0.
    pub id: u32,
    /// Whether the id was made from the address.
    pub id_from_address: bool,
    /// `name`.
    pub name: Option<String>,
    /// `quorum_votes`.
    pub votes: u32,
    /// Address on each link.
    pub addresses: BTreeMap<u8, IpAddr>,
}

/// One link of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Link number, 0 to 7.
    pub number: u8,
    /// The own address.
    pub bind: IpAddr,
    /// UDP port of both ends.
    pub port: u16,
    /// Hops that a multicast may travel.
    pub ttl: u8,
    /// Whether `udp` broadcasts.
    pub broadcast: bool,
    /// The group of `udp`.
    pub multicast: Option<IpAddr>,
    /// `knet_link_priority`.
    pub priority: u8,
    /// `knet_ping_interval`.
    pub ping_interval: Duration,
    /// `knet_ping_timeout`.
    pub ping_timeout: Duration,
    /// `knet_ping_precision`: samples of the latency.
    pub ping_precision: u32,
    /// `knet_pong_count`.
    pub pong_count: u32,
    /// `knet_transport`, `udp` or `sctp`.
    pub knet_transport: String,
}

/// Nodes in the order of the file, the own position and the own links.
pub(super) struct Membership {
    pub(super) nodes: Vec<Node>,
    pub(super) local: usize,
    pub(super) links: Vec<Link>,
    pub(super) implicit: bool,
}

/// Positions of all node sections with at least one key, ascending.
pub(super) fn positions(map: &Cmap) -> Vec<usize> {
    let mut all: Vec<usize> = map
        .prefixed("nodelist.node.")
        .filter_map(|(key, _)| key["nodelist.node.".len()..].split('.').next()?.parse().ok())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Link numbers above the allowed, in node and interface sections.
pub(super) fn check_link_numbers(map: &Cmap) -> Result<(), Invalid> {
    let too_large = |number: u32, key: &str| {
        Err(Invalid::new(Problem::LinkNumber(number)).at(key, number, format!("0..{MAX_LINK}")))
    };
    for (key, _) in map.prefixed("nodelist.node.") {
        let field = key.rsplit('.').next().unwrap_or("");
        let number =
            field.strip_prefix("ring").and_then(|rest| rest.strip_suffix("_addr")).and_then(|n| n.parse().ok());
        if let Some(number) = number
            && number > u32::from(MAX_LINK)
        {
            return too_large(number, key);
        }
    }
    for (key, _) in map.prefixed("totem.interface.") {
        let number = key["totem.interface.".len()..].split_once('.').and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number
            && number > u32::from(MAX_LINK)
        {
            return too_large(number, key);
        }
    }
    Ok(())
}

/// What is set for one link, before defaults.
struct LinkKeys<'a> {
    map: &'a Cmap,
    number: u8,
}

impl LinkKeys<'_> {
    fn key(&self, name: &str) -> String {
        format!("totem.interface.{}.{name}", self.number)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.map.get_str(&self.key(name))
    }

    fn nonzero(&self, name: &str) -> Option<u32> {
        self.map.get_u32(&self.key(name)).filter(|v| *v != 0)
    }

    fn build(&self, bind: IpAddr, totem: &Totem) -> Link {
        let number = self.number;
        let broadcast = self.text("broadcast") == Some("yes");
        let step = if broadcast { 2 } else { 1 };
        let port = self.map.get_u16(&self.key("mcastport")).filter(|p| *p != 0 || totem.transport != Transport::Knet);
        let pongs = self.nonzero("knet_pong_count").unwrap_or(2);
        let token = u32::try_from(totem.timers.token.as_millis()).unwrap_or(u32::MAX);
        let group = self.text("mcastaddr").and_then(|text| text.parse().ok());
        let group = if broadcast { Some(IpAddr::V4(Ipv4Addr::BROADCAST)) } else { group };
        let ms = |value: u32| Duration::from_millis(value.into());
        Link {
            number,
            bind,
            port: port.unwrap_or(5405 + step * u16::from(number)),
            ttl: self.map.get_u8(&self.key("ttl")).unwrap_or(1),
            broadcast,
            multicast: group
                .or_else(|| totem.cluster_name.as_deref().map(|name| multicast_group(name, number, bind.is_ipv6()))),
            priority: self.map.get_u8(&self.key("knet_link_priority")).unwrap_or(1),
            ping_interval: ms(self.nonzero("knet_ping_interval").unwrap_or(token / pongs.saturating_mul(2))),
            ping_timeout: ms(self.nonzero("knet_ping_timeout").unwrap_or(token / pongs)),
            ping_precision: self.nonzero("knet_ping_precision").unwrap_or(2048),
            pong_count: pongs,
            knet_transport: self.text("knet_transport").unwrap_or("udp").to_owned(),
        }
    }
}

/// The group that a cluster's name stands for [TM-6.3].
pub fn multicast_group(cluster_name: &str, link: u8, ipv6: bool) -> IpAddr {
    let sum = cluster_name.bytes().fold(0i32, |v, b| v.wrapping_mul(2).wrapping_add(i32::from(b as i8)));
    let id = (sum as u32 & 0xffff) + u32::from(link);
    if ipv6 {
        IpAddr::V6(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, id as u16))
    } else {
        IpAddr::V4(Ipv4Addr::new(239, 192, (id >> 8) as u8, (id % 255) as u8))
    }
}

/// The node id that an IPv4 address stands for [TM-16.4].
pub fn node_id_of(address: Ipv4Addr, clear_high_bit: bool) -> u32 {
    let id = u32::from(address);
    if clear_high_bit { id & 0x7fff_ffff } else { id }
}

pub(super) fn read(
    map: &mut Cmap,
    host: &Host,
    totem: &Totem,
    mode: Mode,
    warnings: &mut Vec<Warning>,
) -> Result<Membership, Invalid> {
    check_link_numbers(map)?;
    let mut implicit = false;
    if positions(map).is_empty() {
        if mode == Mode::Legacy {
            implicit = build_implicit_list(map, host, warnings);
        }
        if !implicit {
            let bound = map.prefixed("totem.interface.").any(|(key, _)| key.ends_with(".bindnetaddr"));
            return Err(if bound { Problem::NoLocalNode } else { Problem::NoInterfaces }.into());
        }
    }
    let Some(local_position) = host::local_position(map, host) else {
        return Err(Problem::NoLocalNode.into());
    };
    let mut nodes = Vec::new();
    for position in positions(map) {
        nodes.push(read_node(map, host, totem, position, position == local_position)?);
    }
    let local = nodes.iter().position(|node| node.position == local_position).unwrap_or(0);
    let own = nodes[local].addresses.clone();
    if own.is_empty() {
        return Err(Problem::NoInterfaces.into());
    }
    let links: Vec<Link> =
        own.iter().map(|(number, bind)| LinkKeys { map, number: *number }.build(*bind, totem)).collect();
    if !implicit {
        let bound = |link: &Link| map.get_str(&format!("totem.interface.{}.bindnetaddr", link.number)).is_some();
        if links.iter().any(bound) {
            warnings.push(Warning::BindAddressWithNodeList);
        }
    }
    if map.prefixed("totem.interface.").any(|(key, _)| key.contains(".member.")) {
        warnings.push(Warning::MemberSection { ignored: !implicit });
    }
    for link in &links {
        let key = format!("totem.interface.{}.bindnetaddr", link.number);
        // A valid name by construction, and a value of the engine's own.
        let _ = map.set(&key, Value::Str(link.bind.to_string()));
        if let (Transport::Udp, Some(group)) = (totem.transport, link.multicast) {
            let _ = map.set(&format!("totem.interface.{}.mcastaddr", link.number), Value::Str(group.to_string()));
            let _ = map.set(&format!("totem.interface.{}.mcastport", link.number), Value::U16(link.port));
        }
    }
    Ok(Membership { nodes, local, links, implicit })
}

fn read_node(map: &Cmap, host: &Host, totem: &Totem, position: usize, own: bool) -> Result<Node, Invalid> {
    let key = |name: &str| format!("nodelist.node.{position}.{name}");
    let mut addresses = BTreeMap::new();
    for link in 0..=MAX_LINK {
        let name = key(&format!("ring{link}_addr"));
        let Some(text) = map.get_str(&name) else { continue };
        let Some(address) = host.resolve(text, totem.ip_version) else {
            let problem =
                if own { Problem::BindAddress(text.to_owned()) } else { Problem::NodeAddress(text.to_owned()) };
            return Err(Invalid::new(problem).at(name, text, "an address, or a name that resolves to one"));
        };
        addresses.insert(link, address);
    }
    let given = map.get_u32(&key("nodeid")).filter(|id| *id != 0);
    let shown = map.get_str(&key("ring0_addr")).unwrap_or("").to_owned();
    let id = match (given, addresses.get(&0)) {
        (Some(id), _) => id,
        (None, Some(IpAddr::V4(address))) if totem.transport != Transport::Knet => {
            node_id_of(*address, map.get_str("totem.clear_node_high_bit") == Some("yes"))
        }
        _ if own => return Err(Problem::KnetLocalNodeId.into()),
        _ => return Err(Problem::KnetNodeId(shown).into()),
    };
    if totem.transport == Transport::Knet && id > 0xffff {
        return Err(Invalid::new(Problem::KnetNodeIdTooLarge(shown)).at(key("nodeid"), id, "1..65535"));
    }
    Ok(Node {
        position,
        id,
        id_from_address: given.is_none(),
        name: map.get_str(&key("name")).map(str::to_owned),
        votes: map.get_u32(&key("quorum_votes")).unwrap_or(1),
        addresses,
    })
}

/// Makes a node list for files that have none: from `member` sections, or the own interface alone, in which case
/// peers are whoever speaks on the multicast group [QG-11 item 5].
fn build_implicit_list(map: &mut Cmap, host: &Host, warnings: &mut Vec<Warning>) -> bool {
    let clear = map.get_str("totem.clear_node_high_bit") == Some("yes");
    let mut rows: BTreeMap<usize, Vec<(u8, IpAddr)>> = BTreeMap::new();
    for link in 0..=MAX_LINK {
        let prefix = format!("totem.interface.{link}.member.");
        let members: Vec<IpAddr> = map
            .prefixed(&prefix)
            .filter_map(|(_, value)| if let Value::Str(text) = value { text.parse().ok() } else { None })
            .collect();
        // The store counts members from the last line to the first.
        for (position, address) in members.into_iter().rev().enumerate() {
            rows.entry(position).or_default().push((link, address));
        }
    }
    let members = !rows.is_empty();
    if !members {
        for link in 0..=MAX_LINK {
            let network = map.get_str(&format!("totem.interface.{link}.bindnetaddr")).and_then(|t| t.parse().ok());
            if let Some(address) = network.and_then(|network| host.address_in(network)) {
                rows.entry(0).or_default().push((link, address));
            }
        }
    }
    let made = !rows.is_empty();
    for (position, addresses) in rows {
        for (link, address) in addresses {
            let _ = map.set(&format!("nodelist.node.{position}.ring{link}_addr"), Value::Str(address.to_string()));
            if let (0, IpAddr::V4(v4)) = (link, address) {
                let id = Value::U32(node_id_of(v4, clear));
                let _ = map.set(&format!("nodelist.node.{position}.nodeid"), id);
            }
        }
    }
    if made {
        warnings.push(Warning::ImplicitNodeList { from_members: members });
    }
    made
}

impl Membership {
    /// Per interface [TM-16.2 item 3].
    pub(super) fn check_links(&self, map: &Cmap, totem: &Totem) -> Result<(), Invalid> {
        for link in &self.links {
            let key = |name: &str| format!("totem.interface.{}.{name}", link.number);
            if !matches!(link.knet_transport.as_str(), "udp" | "sctp") {
                return Err(Invalid::new(Problem::KnetTransport).at(
                    key("knet_transport"),
                    &link.knet_transport,
                    "udp or sctp",
                ));
            }
            if totem.transport == Transport::Udp && link.multicast.is_none() {
                return Err(Problem::NoMulticastAddress(link.number).into());
            }
            if link.port == 0 {
                return Err(Invalid::new(Problem::NoPort(link.number)).at(key("mcastport"), 0, "1..65535"));
            }
            if totem.transport != Transport::Udp && link.ttl != 1 {
                return Err(Invalid::new(Problem::Ttl(link.number)).at(key("ttl"), link.ttl, "1"));
            }
            if totem.transport != Transport::Knet && link.priority != 1 {
                let problem = Problem::LinkPriority(link.number);
                return Err(Invalid::new(problem).at(key("knet_link_priority"), link.priority, "1"));
            }
            if let (Transport::Udp, false, Some(group)) = (totem.transport, link.broadcast, link.multicast) {
                if group.is_ipv4() != link.bind.is_ipv4() {
                    return Err(Problem::MulticastFamily(link.number).into());
                }
                if !group.is_multicast() {
                    let allowed = "a multicast address";
                    return Err(Invalid::new(Problem::NotMulticast(link.number)).at(key("mcastaddr"), group, allowed));
                }
            }
        }
        let _ = map;
        Ok(())
    }

    /// What the original can do and this engine cannot, told before anything is lost by it.
    pub(super) fn check_supported(&self, totem: &Totem) -> Result<(), Invalid> {
        if let Some(model) = &totem.knet.compression_model {
            let (key, problem) = ("totem.knet_compression_model", Problem::Compression(model.clone()));
            return Err(Invalid::new(problem).at(key, model, "leave the key out, on all nodes"));
        }
        if let Some(link) = self.links.iter().find(|link| link.knet_transport == "sctp") {
            let key = format!("totem.interface.{}.knet_transport", link.number);
            return Err(Invalid::new(Problem::KnetSctp).at(key, "sctp", "udp"));
        }
        Ok(())
    }

    /// Names, link counts, families, duplicates, modes and transport [TM-16.2 items 6, 7, 9, 10].
    pub(super) fn check_nodes(&self) -> Result<(), Invalid> {
        let links = self.links.len();
        if links > 1 {
            if self.nodes.iter().any(|node| node.name.is_none()) && !self.implicit {
                return Err(Problem::NamesNeeded.into());
            }
            if self.nodes.iter().any(|node| node.addresses.len() != links) {
                return Err(Problem::LinkCounts.into());
            }
            for link in &self.links {
                let other = self
                    .nodes
                    .iter()
                    .find(|node| node.addresses.get(&link.number).is_some_and(|a| a.is_ipv4() != link.bind.is_ipv4()));
                if let Some(other) = other {
                    let (first, second) = (self.nodes[self.local].position, other.position);
                    return Err(Problem::LinkFamilies { link: link.number, first, second }.into());
                }
            }
        }
        let mut seen = BTreeMap::new();
        for node in &self.nodes {
            if seen.insert(node.id, node.position).is_some() {
                let generated = match (node.id_from_address, node.addresses.get(&0)) {
                    (true, Some(address)) => format!("(autogenerated from {address})"),
                    _ => String::new(),
                };
                let key = format!("nodelist.node.{}.nodeid", node.position);
                let problem = Problem::DuplicateNodeId { id: node.id, generated };
                return Err(Invalid::new(problem).at(key, node.id, "an id that no other node has"));
            }
        }
        Ok(())
    }

    pub(super) fn check_transport(&self, map: &Cmap, totem: &Totem, mode: Mode) -> Result<(), Invalid> {
        let redundant = mode == Mode::Legacy && matches!(map.get_str("totem.rrp_mode"), Some("active" | "passive"));
        if totem.transport != Transport::Knet {
            if self.links.len() > 1 && !redundant {
                return Err(Problem::TooManyInterfaces(self.links.len()).into());
            }
            // Older releases encrypted multicast too; an implicit node list marks a file of theirs [QG-11 item 6].
            if totem.is_protected() && mode == Mode::Strict {
                return Err(Problem::CryptoNeedsKnet.into());
            }
        }
        debug_assert!(matches!(totem.link_mode, LinkMode::Passive | LinkMode::Active | LinkMode::RoundRobin));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_names() {
        assert_eq!(multicast_group("t", 0, false).to_string(), "239.192.0.116");
    }

    #[test]
    fn ids_of_addresses() {
        assert_eq!(node_id_of(Ipv4Addr::new(10, 11, 8, 10), true), 168_495_114);
        assert_eq!(node_id_of(Ipv4Addr::new(172, 16, 35, 10), true), 739_255_050);
        assert_eq!(node_id_of(Ipv4Addr::new(10, 98, 0, 1), false), 174_194_689);
    }
}
