//! Describing a simulation.

use super::host::{Host, Power};
use super::network::MAX_LINKS;
use super::remote::RemoteHost;
use super::scenario::{At, Event, NetworkSetting};
use super::{Clock, Disk, Faults, Happening, Network, NodeIx, Simulation, check, observe};
use crate::node::NodeConfig;
use agents::model::World;
use cib_core::xml::Document;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use totem_core::config::Config;
use totem_core::link::Settings;

/// Seconds since the epoch at the beginning of every simulation: 2026-01-01 00:00:00 UTC.
pub(super) const EPOCH: u64 = 1_767_225_600;

/// Why a simulation cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration text is wrong.
    #[error("configuration: {0}")]
    Configuration(String),
    /// The keys for `corosync.conf` are wrong.
    #[error("corosync.conf: {0}")]
    Corosync(String),
    /// There are no nodes, or a name stands twice.
    #[error("nodes: {0}")]
    Nodes(String),
    /// More links than two nodes can have.
    #[error("links: {0} are more than 8")]
    Links(u8),
}

/// What a simulation is made of.
#[derive(Clone, Debug)]
pub struct Builder {
    seed: u64,
    nodes: Vec<String>,
    remotes: Vec<(String, Option<String>)>,
    totem: Vec<(String, String)>,
    quorum: Vec<(String, String)>,
    configuration: String,
    network: Vec<(NetworkSetting, Option<u8>)>,
    events: Vec<At<Event>>,
    faults: Option<Faults>,
    links: u8,
    interfaces: Vec<(u8, String, String)>,
    drift_ppm: i64,
    details: bool,
    mutation: Option<check::Mutation>,
    marks_until: Option<Duration>,
    stored: Vec<(String, String)>,
    feature_sets: Vec<(String, String)>,
}

impl Builder {
    pub(super) fn new(seed: u64) -> Self {
        Builder {
            seed,
            nodes: Vec::new(),
            remotes: Vec::new(),
            totem: Vec::new(),
            quorum: Vec::new(),
            configuration: String::new(),
            network: Vec::new(),
            events: Vec::new(),
            faults: None,
            links: 0,
            interfaces: Vec::new(),
            drift_ppm: 100,
            details: false,
            mutation: None,
            marks_until: None,
            stored: Vec::new(),
            feature_sets: Vec::new(),
        }
    }

    /// Names of the nodes; ids count from 1.
    #[must_use]
    pub fn nodes<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.nodes = names.iter().map(|n| n.as_ref().to_owned()).collect();
        self
    }

    /// A remote host: it runs agents, and is no member of the ring.
    #[must_use]
    pub fn remote(mut self, name: &str) -> Self {
        self.remotes.push((name.to_owned(), None));
        self
    }

    /// A guest: a remote host that boots when the resource that contains it starts, and ends with it.
    #[must_use]
    pub fn guest(mut self, name: &str, container: &str) -> Self {
        self.remotes.push((name.to_owned(), Some(container.to_owned())));
        self
    }

    /// The ring runs over so many redundant links, from 1 to 8, as the transport knet has them; without this, and with 0, over one
    /// network of plain datagrams.
    #[must_use]
    pub fn links(mut self, links: u8) -> Self {
        self.links = links;
        self
    }

    /// A key of the `interface` section of one link.
    #[must_use]
    pub fn link(mut self, link: u8, key: &str, value: &str) -> Self {
        self.interfaces.push((link, key.to_owned(), value.to_owned()));
        self
    }

    /// A key of the `totem` section of `corosync.conf`.
    #[must_use]
    pub fn totem(mut self, key: &str, value: &str) -> Self {
        self.totem.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A key of the `quorum` section of `corosync.conf`.
    #[must_use]
    pub fn quorum(mut self, key: &str, value: &str) -> Self {
        self.quorum.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Configuration text in the crm language, on every node's disk before it starts.
    #[must_use]
    pub fn configure(mut self, text: &str) -> Self {
        self.configuration.push_str(text);
        self
    }

    /// The CIB that one node finds on its disk, as XML, instead of the configured one.
    #[must_use]
    pub fn stored_cib(mut self, node: &str, xml: &str) -> Self {
        self.stored.push((node.to_owned(), xml.to_owned()));
        self
    }

    /// The feature set that the software of one node has.
    #[must_use]
    pub fn feature_set(mut self, node: &str, version: &str) -> Self {
        self.feature_sets.push((node.to_owned(), version.to_owned()));
        self
    }

    /// A property of the network from the start, on one link or on all.
    #[must_use]
    pub fn network(mut self, setting: NetworkSetting, link: Option<u8>) -> Self {
        self.network.push((setting, link));
        self
    }

    /// Something that happens at a time.
    #[must_use]
    pub fn at(mut self, time: Duration, event: Event) -> Self {
        self.events.push(At { time, what: event, line: 0 });
        self
    }

    /// Many things that happen.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = At<Event>>) -> Self {
        self.events.extend(events);
        self
    }

    /// Random faults, drawn from the seed.
    #[must_use]
    pub fn faults(mut self, faults: &Faults) -> Self {
        self.faults = Some(faults.clone());
        self
    }

    /// Clocks drift by up to this many parts in a million.
    #[must_use]
    pub fn drift(mut self, ppm: i64) -> Self {
        self.drift_ppm = ppm;
        self
    }

    /// Keep every line of every node's log.
    #[must_use]
    pub fn details(mut self, on: bool) -> Self {
        self.details = on;
        self
    }

    /// Break a rule on purpose, to see the checkers find it.
    #[must_use]
    pub fn mutation(mut self, mutation: check::Mutation) -> Self {
        self.mutation = Some(mutation);
        self
    }

    /// Every ten seconds until then an operator writes a number, to see later that it was kept.
    #[must_use]
    pub fn marks(mut self, until: Duration) -> Self {
        self.marks_until = Some(until);
        self
    }

    /// The configuration as a CIB.
    ///
    /// # Errors
    /// The text is wrong: line, column and what was expected.
    pub fn cib(configuration: &str) -> Result<Document, BuildError> {
        let mut doc = crate::node::empty_cib();
        cib_core::crmsh::configure(&mut doc, configuration).map_err(|e| BuildError::Configuration(e.to_string()))?;
        cib_core::schema::upgrade(&mut doc).map_err(|e| BuildError::Configuration(e.to_string()))?;
        Ok(doc)
    }

    /// Makes the simulation; all nodes start within its first second.
    ///
    /// # Errors
    /// Nodes or configuration are wrong.
    pub fn build(self) -> Result<Simulation, BuildError> {
        if self.nodes.is_empty() {
            return Err(BuildError::Nodes("at least one is needed".to_owned()));
        }
        if usize::from(self.links) > MAX_LINKS {
            return Err(BuildError::Links(self.links));
        }
        let doc = Self::cib(&self.configuration)?;
        let conf = self.corosync_conf();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut hosts = Vec::new();
        for (i, name) in self.nodes.iter().enumerate() {
            let epoch = Duration::from_secs(EPOCH);
            let addresses: Vec<IpAddr> =
                (0..usize::from(self.links.max(1))).map(|link| address_of(i, link).ip()).collect();
            let mut config =
                NodeConfig::new(name, &addresses, &conf, epoch).map_err(|e| BuildError::Corosync(e.to_string()))?;
            config.seed = rng.random();
            config.links = (self.links > 0).then(|| knet(&config.totem));
            let own = |all: &[(String, String)]| all.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
            config.initial_cib = own(&self.stored).or_else(|| Some(doc.write()));
            if let Some(version) = own(&self.feature_sets) {
                config.feature_set = version.parse().expect("infallible");
            }
            config.observed = true;
            if let Some(check::Mutation::Node(mutation)) = self.mutation {
                config.mutation = Some(mutation);
            }
            let lies = self.mutation == Some(check::Mutation::AcknowledgeEarly);
            hosts.push(Host {
                name: name.clone(),
                config,
                node: None,
                disk: Disk::new(lies),
                clock: Clock::drifting(if self.drift_ppm > 0 {
                    rng.random_range(-self.drift_ppm..=self.drift_ppm)
                } else {
                    0
                }),
                calendar_off: 0,
                wakes_at: None,
                power: Power::Booting,
                boot: 0,
                paused: None,
            });
        }
        let mut network = Network::new(self.links.max(1).into());
        for &(setting, link) in &self.network {
            network.set(setting, link);
        }
        let check = check::Checker::new(&doc, &self.nodes);
        let mut simulation = Simulation {
            now: Duration::ZERO,
            rng,
            hosts,
            remotes: self.remotes.iter().map(|(n, c)| RemoteHost::new(n, c.as_deref())).collect(),
            links: std::collections::BTreeMap::new(),
            next_connection: 0,
            alerts: Vec::new(),
            network,
            world: World::new("metronome"),
            queue: BinaryHeap::new(),
            lag: Duration::ZERO,
            order: 0,
            lines: Vec::new(),
            details: self.details,
            observer: observe::Observer::default(),
            world_changes: 0,
            check,
            steps: 0,
        };
        for node in 0..simulation.hosts.len() {
            let at = Duration::from_millis(simulation.rng.random_range(0..1000));
            simulation.schedule(at, Happening::Booted { node });
        }
        for remote in 0..simulation.remotes.len() {
            if simulation.remotes[remote].container.is_none() {
                simulation.remote_boot(remote);
            }
        }
        let mut events = self.events;
        if let Some(faults) = &self.faults {
            let (resources, switches) = (check::primitives(&doc), check::switches(&doc));
            events.extend(faults.plan(self.seed, &self.nodes, self.links, &resources, &switches));
        }
        let marks = self.marks_until.map_or(0, |until| until.as_secs() / 10);
        for number in 3..marks {
            simulation.schedule(Duration::from_secs(number * 10), Happening::Mark { number });
        }
        for event in events {
            simulation.schedule(event.time, Happening::Script(Box::new(event.what)));
        }
        Ok(simulation)
    }
}

/// The address of a node on a link.
pub(super) fn address_of(node: NodeIx, link: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 95 - link as u8, 0, node as u8 + 1)), 5405 + link as u16)
}

/// The node and link of an address.
pub(super) fn place_of(address: SocketAddr) -> Option<(NodeIx, usize)> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let [10, net, 0, host] = ip.octets() else { return None };
    Some((usize::from(host.checked_sub(1)?), usize::from(95u8.checked_sub(net)?)))
}

/// Bytes of the largest packet that an interface takes, as on Ethernet.
const INTERFACE_MTU: u32 = 1500;

/// The redundant links of a node; their seed is another at every start.
fn knet(config: &Config) -> Settings {
    let interface_mtu = config.links.iter().map(|link| (link.number, INTERFACE_MTU)).collect();
    Settings { config: config.clone(), protection: None, interface_mtu, seed: [0; 32] }
}

impl Builder {
    /// The `corosync.conf` that all nodes share.
    fn corosync_conf(&self) -> String {
        let transport = if self.links > 0 { "knet" } else { "udpu" };
        let mut text = format!("totem {{\n  version: 2\n  cluster_name: metronome\n  transport: {transport}\n");
        for (key, value) in &self.totem {
            text.push_str(&format!("  {key}: {value}\n"));
        }
        for link in 0..self.links {
            text.push_str(&format!("  interface {{\n    linknumber: {link}\n"));
            for (_, key, value) in self.interfaces.iter().filter(|(of, ..)| *of == link) {
                text.push_str(&format!("    {key}: {value}\n"));
            }
            text.push_str("  }\n");
        }
        text.push_str("}\nquorum {\n  provider: corosync_votequorum\n");
        for (key, value) in &self.quorum {
            text.push_str(&format!("  {key}: {value}\n"));
        }
        text.push_str("}\nnodelist {\n");
        for (i, name) in self.nodes.iter().enumerate() {
            text.push_str("  node {\n");
            for link in 0..usize::from(self.links.max(1)) {
                text.push_str(&format!("    ring{link}_addr: {}\n", address_of(i, link).ip()));
            }
            text.push_str(&format!("    name: {name}\n    nodeid: {}\n  }}\n", i + 1));
        }
        text.push_str("}\n");
        text
    }
}
