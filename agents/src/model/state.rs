//! What agents act upon: per node, and shared.

use crate::standard::Call;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// The truth about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Active (unpromoted, where it has roles).
    Started,
    /// Active in the promoted role.
    Promoted,
}

/// Something active on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance<'a> {
    /// The node.
    pub node: &'a str,
    /// Resource id, as the executor knows it.
    pub resource: &'a str,
    /// Its role.
    pub role: Role,
}

/// A use of shared things that destroys data or service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conflict {
    /// One address on several nodes.
    Address {
        /// The address.
        ip: String,
        /// Who holds it.
        nodes: Vec<String>,
    },
    /// A device with a file system for one node, mounted on several.
    Mount {
        /// The device.
        device: String,
        /// Who mounted it.
        nodes: Vec<String>,
    },
    /// A replicated device that is Primary on more nodes than it may.
    Primary {
        /// The resource.
        resource: String,
        /// Who is Primary.
        nodes: Vec<String>,
    },
    /// A replicated device whose copies have both been written.
    SplitBrain {
        /// The resource.
        resource: String,
    },
    /// A virtual machine that runs on several nodes.
    Domain {
        /// Its name.
        name: String,
        /// Where it runs.
        nodes: Vec<String>,
    },
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    /// May several nodes mount the device at once?
    pub(super) shared: bool,
}

/// What a node loses with its power.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Files in directories that do not outlive a boot: state files, pid files, pseudo resources.
    pub(super) files: BTreeMap<String, String>,
    /// Address with prefix, to the interface it is on.
    pub(super) addresses: BTreeMap<String, String>,
    /// By directory.
    pub(super) mounts: BTreeMap<String, Mount>,
    /// Virtual machines that run.
    pub(super) domains: BTreeSet<String>,
    /// Other things that can be there or not, by kind and name (`route:...`, `export:...`), with a value.
    pub(super) things: BTreeMap<String, String>,
    /// What is active, by resource id, with the call that was last seen of it.
    pub(super) instances: BTreeMap<String, (Role, Call)>,
    pub(super) down: bool,
}

/// What all nodes see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Who sent the last gratuitous ARP for an address.
    pub(super) arp: BTreeMap<String, String>,
    /// Outlet to node.
    pub(super) wiring: BTreeMap<String, String>,
    /// Nodes whose outlet is off.
    pub(super) powered_off: BTreeSet<String>,
    /// Pairs of nodes that cannot reach each other, the smaller name first.
    pub(super) cut: BTreeSet<(String, String)>,
    /// Hosts that do not answer to `ping`.
    pub(super) silent_hosts: BTreeSet<String>,
    /// Files on disks: they outlive a boot. By node.
    pub(super) disks: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) drbd: super::drbd::Replicas,
    pub(super) absent_devices: BTreeSet<String>,
    /// System id of a volume group.
    pub(super) volume_owner: BTreeMap<String, String>,
    /// Node and agent type.
    pub(super) missing_software: BTreeSet<(String, String)>,
    pub(super) measures: BTreeMap<(String, String), i64>,
    /// Fence devices whose switch cannot be reached.
    pub(super) unreachable_devices: BTreeSet<String>,
    pub(super) listing_agents: BTreeSet<String>,
    /// Nodes that a human confirmed to be down.
    pub(super) confirmed: BTreeSet<String>,
    /// Nodes that went down by themselves, and could still say so.
    pub(super) crashed: BTreeSet<String>,
    /// Messages on the shared disk of `fence_sbd`.
    pub(super) slots: BTreeMap<String, String>,
    pub(super) last_primary: BTreeMap<String, String>,
    /// Reservation keys registered with shared disks, by disk.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
}

impl Shared {
    pub(super) fn powered(&self, node: &str) -> bool {
        !self.powered_off.contains(node)
    }

    /// The node behind an outlet.
    pub(super) fn behind(&self, outlet: &str) -> String {
        self.wiring.get(outlet).cloned().unwrap_or_else(|| outlet.to_owned())
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) attributes: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) shared: Shared,
}

impl State {
    pub(super) fn new() -> Self {
        Self { nodes: BTreeMap::new(), attributes: BTreeMap::new(), shared: Shared::default() }
    }

    pub(super) fn node_mut(&mut self, name: &str) -> &mut Node {
        self.nodes.entry(name.to_owned()).or_default()
    }

    pub(super) fn node_down(&mut self, now: Duration, name: &str) {
        self.nodes.insert(name.to_owned(), Node { down: true, ..Node::default() });
        self.attributes.remove(name);
        self.shared.drbd.node_down(now, name, &self.shared.cut);
    }

    pub(super) fn node_up(&mut self, _now: Duration, name: &str) {
        self.nodes.insert(name.to_owned(), Node::default());
        self.shared.powered_off.remove(name);
        self.shared.slots.remove(name);
    }

    pub(super) fn is_up(&self, name: &str) -> bool {
        self.nodes.get(name).is_some_and(|node| !node.down)
    }

    pub(super) fn is_cut(&self, a: &str, b: &str) -> bool {
        let pair = if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        self.shared.cut.contains(&pair)
    }

    pub(super) fn settle_replicas(&mut self, now: Duration) {
        self.shared.drbd.settle(now, &self.shared.cut);
    }

    /// What a power switch lists: wired outlets, else the nodes.
    pub(super) fn outlets(&self) -> Vec<String> {
        if self.shared.wiring.is_empty() {
            return self.nodes.keys().cloned().collect();
        }
        self.shared.wiring.keys().cloned().collect()
    }

    pub(super) fn set_link(&mut self, now: Duration, a: &str, b: &str, connected: bool) {
        let pair = if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        if connected {
            self.shared.cut.remove(&pair);
        } else {
            self.shared.cut.insert(pair);
        }
        self.settle_replicas(now);
    }

    pub(super) fn set_attribute(&mut self, node: &str, name: &str, value: Option<&str>) {
        let attributes = self.attributes.entry(node.to_owned()).or_default();
        match value {
            Some(value) => attributes.insert(name.to_owned(), value.to_owned()),
            None => attributes.remove(name),
        };
    }

    pub(super) fn attribute(&self, node: &str, name: &str) -> Option<&str> {
        self.attributes.get(node)?.get(name).map(String::as_str)
    }

    /// Notes what is true after a run.
    pub(super) fn observe(&mut self, node: &str, call: &Call, role: Option<Role>) {
        let instances = &mut self.node_mut(node).instances;
        match role {
            Some(role) => instances.insert(call.resource.clone(), (role, call.clone())),
            None => instances.remove(&call.resource),
        };
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = Instance<'_>> {
        self.nodes.iter().filter(|(_, node)| !node.down).flat_map(|(name, node)| {
            node.instances.iter().map(move |(resource, (role, _))| Instance { node: name, resource, role: *role })
        })
    }

    pub(super) fn owners_of_address(&self, ip: &str) -> Vec<&str> {
        let holds = |node: &Node| node.addresses.keys().any(|a| a.split('/').next() == Some(ip));
        self.nodes.iter().filter(|(_, node)| !node.down && holds(node)).map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let mut addresses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut mounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut domains: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, node) in self.nodes.iter().filter(|(_, node)| !node.down) {
            for (address, _) in node.addresses.iter().filter(|(_, interface)| !interface.ends_with("#shared")) {
                addresses.entry(address.split('/').next().unwrap_or(address)).or_default().insert(name);
            }
            for mount in node.mounts.values().filter(|mount| !mount.shared) {
                mounts.entry(&mount.device).or_default().insert(name);
            }
            for domain in &node.domains {
                domains.entry(domain).or_default().insert(name);
            }
        }
        let several = |nodes: &BTreeSet<&str>| nodes.len() > 1;
        let names = |nodes: &BTreeSet<&str>| nodes.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let mut found = Vec::new();
        for (ip, nodes) in addresses.iter().filter(|(_, nodes)| several(nodes)) {
            found.push(Conflict::Address { ip: (*ip).to_owned(), nodes: names(nodes) });
        }
        for (device, nodes) in mounts.iter().filter(|(_, nodes)| several(nodes)) {
            found.push(Conflict::Mount { device: (*device).to_owned(), nodes: names(nodes) });
        }
        for (name, nodes) in domains.iter().filter(|(_, nodes)| several(nodes)) {
            found.push(Conflict::Domain { name: (*name).to_owned(), nodes: names(nodes) });
        }
        let drbd = &self.shared.drbd;
        for (resource, nodes) in drbd.primaries() {
            if nodes.len() > 1 && !drbd.two_primaries.contains(resource) {
                found.push(Conflict::Primary { resource: resource.to_owned(), nodes });
            }
        }
        found.extend(drbd.split.iter().map(|resource| Conflict::SplitBrain { resource: resource.clone() }));
        found
    }
}
