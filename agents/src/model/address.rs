//! Addresses: `IPaddr2` and `IPaddr` [RA-12.2], [RA-12.3].

use super::behaviour::Behaviour;
use super::heartbeat::started;
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;

/// `IPaddr2`.
pub(super) struct IpAddr2;

impl IpAddr2 {
    /// Address with prefix, and interface; the interface that the routing table would give is `eth0`.
    fn address(scene: &Scene<'_>) -> Option<(String, String)> {
        let ip = scene.param("ip")?;
        let ip = if scene.flag("unique_clone_address", false) { Self::of_instance(scene, ip) } else { ip.to_owned() };
        let prefix = scene.param("cidr_netmask").or_else(|| scene.param("netmask"));
        let prefix = prefix.map_or_else(|| if ip.contains(':') { 64 } else { 24 }, prefix_length);
        let nic = scene.param("nic").unwrap_or("eth0").split(':').next().unwrap_or("eth0");
        Some((format!("{ip}/{prefix}"), nic.to_owned()))
    }

    /// The last octet is increased by the number of the clone's instance.
    fn of_instance(scene: &Scene<'_>, ip: &str) -> String {
        let number = scene.call.meta("clone").and_then(|n| n.parse::<u16>().ok()).unwrap_or(0);
        match ip.rsplit_once('.').and_then(|(net, host)| Some((net, host.parse::<u16>().ok()?))) {
            Some((net, host)) => format!("{net}.{}", host.saturating_add(number)),
            None => ip.to_owned(),
        }
    }

    /// Several nodes share the address by a multicast link address: no conflict.
    fn is_shared(scene: &Scene<'_>) -> bool {
        let instances = scene.call.meta("clone_max").and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
        instances > 1 && !scene.flag("unique_clone_address", false)
    }

    fn misconfigured(scene: &Scene<'_>) -> Option<Exit> {
        let action = scene.call.action.as_str();
        if scene.param("ip").is_none() && action != "stop" {
            return Some(because(6, "IP address (the ip parameter) is mandatory"));
        }
        let bad_clones = scene.call.meta("clone_max").is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n == 0));
        let lvs_clone = scene.is_clone() && scene.flag("lvs_support", false);
        let not_unique =
            scene.flag("unique_clone_address", false) && scene.call.meta("globally_unique") != Some("true");
        let label = scene.param("iflabel").map_or(0, |l| l.len() + 1 + scene.param("nic").unwrap_or("eth0").len());
        if bad_clones || lvs_clone || not_unique || label > 15 {
            return Some(exit(6));
        }
        let bad_number = |name: &str| scene.param(name).is_some_and(|v| v.parse::<u32>().is_err());
        (action == "validate-all" && (bad_number("arp_interval") || bad_number("arp_count"))).then(|| exit(6))
    }
}

/// A prefix length, or a dotted mask as one.
fn prefix_length(text: &str) -> u32 {
    if !text.contains('.') {
        return text.parse().unwrap_or(32);
    }
    text.split('.').filter_map(|octet| octet.parse::<u8>().ok()).map(u8::count_ones).sum()
}

impl Behaviour for IpAddr2 {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "meta-data" {
            return exit(0);
        }
        if let Some(bad) = Self::misconfigured(scene) {
            return bad;
        }
        let Some((address, nic)) = Self::address(scene) else { return exit(0) };
        let nic = if Self::is_shared(scene) { format!("{nic}#shared") } else { nic };
        let served = scene.here().addresses.get(&address) == Some(&nic);
        match scene.call.action.as_str() {
            "start" => {
                scene.here_mut().addresses.insert(address.clone(), nic);
                let ip = address.split('/').next().unwrap_or_default().to_owned();
                let node = scene.node.to_owned();
                scene.state.shared.arp.insert(ip, node);
                exit(0)
            }
            "stop" => {
                if served {
                    scene.here_mut().addresses.remove(&address);
                }
                exit(0)
            }
            "monitor" | "status" => exit(if served { 0 } else { 7 }),
            "validate-all" => exit(0),
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(Self::address(scene).is_some_and(|(address, _)| scene.here().addresses.contains_key(&address)))
    }
}

/// The older `IPaddr`: the same, with aliases of an interface.
pub(super) struct IpAddr;

impl Behaviour for IpAddr {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let ip = scene.param("ip");
        let dotted = ip.is_some_and(|ip| ip.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let action = scene.call.action.as_str();
        if !dotted && matches!(action, "start" | "validate-all") {
            return exit(6);
        }
        let Some((address, nic)) = IpAddr2::address(scene) else {
            return exit(if action == "monitor" { 7 } else { 0 });
        };
        let ip = ip.unwrap_or_default();
        let on =
            scene.here().addresses.iter().find(|(a, _)| a.split('/').next() == Some(ip)).map(|(_, nic)| nic.clone());
        match action {
            "start" => {
                scene.here_mut().addresses.insert(address, nic);
                let (ip, node) = (ip.to_owned(), scene.node.to_owned());
                scene.state.shared.arp.insert(ip, node);
                exit(0)
            }
            "stop" => {
                scene.here_mut().addresses.remove(&address);
                exit(0)
            }
            "monitor" => match on {
                None => exit(7),
                Some(other) if scene.param("nic").is_some() && other != nic => exit(1),
                Some(_) => exit(0),
            },
            "validate-all" | "meta-data" => exit(0),
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        IpAddr2.role(scene)
    }
}
