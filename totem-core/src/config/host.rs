//! Which node of the list this host is, and which address a name means. The facts come from the driver [QG-10].

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Cmap;

/// One address of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// The address.
    pub address: IpAddr,
    /// Length of its network prefix in bits.
    pub prefix: u8,
    /// The name it resolves back to, if it does.
    pub name: Option<String>,
}

/// What the driver knows about the host and its resolver; no core crate asks the system itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The host name, as `uname -n` prints it.
    pub name: String,
    /// All addresses of all interfaces.
    pub addresses: Vec<HostAddress>,
    /// What names resolve to, in the resolver's order; see [`names_to_resolve`].
    pub resolved: BTreeMap<String, Vec<IpAddr>>,
}

impl Host {
    /// A host with one name and some addresses in networks of 24 bits (IPv4) or 64 bits (IPv6).
    pub fn new(name: impl Into<String>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses
            .into_iter()
            .map(|address| HostAddress { address, prefix: if address.is_ipv4() { 24 } else { 64 }, name: None })
            .collect();
        Host { name: name.into(), addresses, resolved: BTreeMap::new() }
    }

    fn has(&self, address: &IpAddr) -> bool {
        self.addresses.iter().any(|own| own.address == *address)
    }

    /// All addresses of a name; a written address means itself.
    fn lookup(&self, name: &str) -> Vec<IpAddr> {
        match name.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolved.get(name).cloned().unwrap_or_default(),
        }
    }

    /// The one address of a name that the preferred family allows [QG-10.2].
    pub(super) fn resolve(&self, name: &str, version: IpVersion) -> Option<IpAddr> {
        let all = self.lookup(name);
        let find = |v6: bool| all.iter().copied().find(|address| address.is_ipv6() == v6);
        match version {
            IpVersion::V4 => find(false),
            IpVersion::V6 => find(true),
            IpVersion::V6Then4 => find(true).or_else(|| find(false)),
            IpVersion::V4Then6 => find(false).or_else(|| find(true)),
        }
    }

    /// The own address in the network that `network` names: an exact match first [QG-11 item 5].
    pub(super) fn address_in(&self, network: IpAddr) -> Option<IpAddr> {
        let exact = self.addresses.iter().find(|own| own.address == network);
        exact
            .or_else(|| self.addresses.iter().find(|own| same_network(own.address, network, own.prefix)))
            .map(|a| a.address)
    }
}

fn same_network(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32u32.saturating_sub(prefix.into());
            (u32::from(a) ^ u32::from(b)).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128u32.saturating_sub(prefix.into());
            (u128::from(a) ^ u128::from(b)).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Which address families names may resolve to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpVersion {
    /// `ipv4`.
    V4,
    /// `ipv6`.
    V6,
    /// `ipv6-4`: IPv6 where there is one, the default.
    #[default]
    V6Then4,
    /// `ipv4-6`.
    V4Then6,
}

/// Name and first address of each node section, in key order: `node.10` comes before `node.2`.
fn entries(map: &Cmap) -> Vec<(usize, Option<&str>, Option<&str>)> {
    let mut positions: Vec<usize> = Vec::new();
    for (key, _) in map.prefixed("nodelist.node.") {
        let position = key["nodelist.node.".len()..].split('.').next().and_then(|p| p.parse().ok());
        if let Some(position) = position
            && positions.last() != Some(&position)
        {
            positions.push(position);
        }
    }
    positions
        .into_iter()
        .map(|n| {
            let text = |key| map.get_str(&format!("nodelist.node.{n}.{key}"));
            (n, text("name"), text("ring0_addr"))
        })
        .collect()
}

/// The names in a configuration that are no addresses: what the driver should put into [`Host::resolved`].
pub fn names_to_resolve(map: &Cmap) -> Vec<String> {
    let mut names: Vec<String> = map
        .prefixed("nodelist.node.")
        .filter(|(key, _)| key.ends_with("_addr") || key.ends_with(".name"))
        .filter_map(|(_, value)| if let super::Value::Str(text) = value { Some(text.clone()) } else { None })
        .filter(|text| text.parse::<IpAddr>().is_err())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The position of the own entry in the node list. Names are compared before any address is [QG-10.1].
pub(super) fn local_position(map: &Cmap, host: &Host) -> Option<usize> {
    let entries = entries(map);
    let find = |wanted: &dyn Fn(&str) -> bool| {
        entries
            .iter()
            .find(|(_, name, ring0)| name.is_some_and(wanted) || ring0.is_some_and(wanted))
            .map(|(position, ..)| *position)
    };
    let mut name = host.name.as_str();
    loop {
        if let Some(position) = find(&|text| text == name) {
            return Some(position);
        }
        match name.rsplit_once('.') {
            Some((shorter, _)) => name = shorter,
            None => break,
        }
    }
    let label = |text: &str| text.split('.').next().unwrap_or("").to_owned();
    let own_label = label(&host.name);
    // An address is not a name with labels: cutting it at its first dot must not match anything.
    if let Some(position) = find(&|text| text.parse::<IpAddr>().is_err() && label(text) == own_label) {
        return Some(position);
    }
    for own in &host.addresses {
        if let Some(name) = &own.name {
            let short = label(name);
            if let Some(position) = find(&|text| text == name).or_else(|| find(&|text| text == short)) {
                return Some(position);
            }
        }
        let numeric = own.address.to_string();
        if let Some(position) = find(&|text| text == numeric) {
            return Some(position);
        }
    }
    find(&|text| host.lookup(text).iter().any(|address| host.has(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;

    fn map(nodes: &[(&str, &str)]) -> Cmap {
        let mut map = Cmap::default();
        for (n, (name, addr)) in nodes.iter().enumerate() {
            if !name.is_empty() {
                map.set(&format!("nodelist.node.{n}.name"), Value::Str((*name).into())).unwrap();
            }
            map.set(&format!("nodelist.node.{n}.ring0_addr"), Value::Str((*addr).into())).unwrap();
        }
        map
    }

    #[test]
    fn the_host_name_is_shortened_label_by_label_and_beats_addresses() {
        let host = Host::new("n2.site.example", ["10.0.0.1".parse().unwrap()]);
        assert_eq!(local_position(&map(&[("n1", "10.0.0.1"), ("n2", "10.0.0.2")]), &host), Some(1));
        assert_eq!(local_position(&map(&[("", "10.0.0.9"), ("n2.site", "10.0.0.2")]), &host), Some(1));
        assert_eq!(local_position(&map(&[("", "10.0.0.9"), ("n2.elsewhere", "10.0.0.2")]), &host), Some(1));
        assert_eq!(local_position(&map(&[("", "10.0.0.9"), ("", "10.0.0.1")]), &host), Some(1));
        assert_eq!(local_position(&map(&[("", "10.0.0.9")]), &host), None);
    }

    #[test]
    fn two_entries_with_one_name_the_first_is_local() {
        let host = Host::new("same", []);
        assert_eq!(local_position(&map(&[("", "same"), ("", "same")]), &host), Some(0));
    }

    #[test]
    fn a_network_names_the_interface_in_it() {
        let host = Host::new("x", ["10.11.8.10".parse().unwrap(), "192.168.1.7".parse().unwrap()]);
        assert_eq!(host.address_in("192.168.1.0".parse().unwrap()), Some("192.168.1.7".parse().unwrap()));
        assert_eq!(host.address_in("192.168.2.0".parse().unwrap()), None);
    }
}
