//! What a node is told about itself.

use super::stored::Stored;
use policy_core::controller::{FEATURE_SET, FeatureSet};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use totem_core::config::{Config, Host, Mode};
use totem_core::link::{Knet, Settings};
use totem_core::member::{self, Identity, Member};
use totem_core::quorum;
use totem_core::wire::NodeId;

/// What the configuration of a node comes to.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// `corosync.conf`, read.
    pub totem: totem_core::config::Config,
    /// Seconds since the epoch at the driver's origin of time.
    pub epoch: Duration,
    /// Seed of its chance: delays, names of its process.
    pub seed: u64,
    /// Counts the starts of this node; must grow with each.
    pub life: u32,
    /// The CIB of a node whose disk holds none.
    pub initial_cib: Option<String>,
    /// The feature set to announce.
    pub feature_set: FeatureSet,
    /// Redundant or protected links that the ring runs over; plain datagrams without.
    pub links: Option<Settings>,
    /// Bytes of datagrams that the driver's sockets hold, if that is a limit.
    pub receive_room: Option<usize>,
    /// The process id under which it appears in groups.
    pub process_id: u32,
    /// Tells every message and change of the ring as [`super::Event::Order`].
    pub observed: bool,
    /// A rule that is broken, for tests of checkers.
    #[doc(hidden)]
    pub mutation: Option<super::Mutation>,
}

/// Why a node cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// `corosync.conf` is wrong.
    #[error("corosync.conf: {0}")]
    Corosync(String),
}

impl NodeConfig {
    /// The node of this host, called `name` and with these addresses, in the cluster that `corosync` describes.
    ///
    /// # Errors
    /// The text is no `corosync.conf`, or does not hold this host.
    pub fn new(name: &str, addresses: &[IpAddr], corosync: &str, epoch: Duration) -> Result<Self, NodeError> {
        let host = Host::new(name, addresses.iter().copied());
        let totem = Config::read(corosync, Mode::Legacy, &host).map_err(|e| NodeError::Corosync(e.to_string()))?;
        Ok(NodeConfig::of(totem, name, epoch))
    }

    /// The local node of a configuration that was read; called `name` if the configuration has no name for it.
    pub fn of(totem: Config, name: &str, epoch: Duration) -> Self {
        let local = totem.local_node();
        let (id, listed) = (local.id, local.name.clone());
        NodeConfig {
            id,
            name: listed.unwrap_or_else(|| name.to_owned()),
            cluster_name: totem.totem.cluster_name.clone().unwrap_or_else(|| "cluster".to_owned()),
            totem,
            epoch,
            seed: u64::from(id),
            life: 1,
            initial_cib: None,
            feature_set: FEATURE_SET.parse().expect("infallible"),
            links: None,
            receive_room: None,
            process_id: 1,
            observed: false,
            mutation: None,
        }
    }

    /// The ring member of this node.
    pub(super) fn member(&self, stored: &Stored, now: Duration) -> Result<Member, NodeError> {
        let invalid = |e: &dyn std::fmt::Display| NodeError::Corosync(e.to_string());
        let quorum = self.quorum(stored.tracked_votes())?;
        let identity = Identity {
            ring_sequence: stored.ring_sequence(),
            tracked_votes: stored.tracked_votes(),
            process_id: self.process_id,
            ..Identity::new(NodeId(self.id), self.seed)
        };
        let mut config = member::Config::of(&self.totem, quorum);
        if let Some(room) = self.receive_room {
            config.ring = config.ring.within_room(room);
        }
        match self.links.clone() {
            None => Member::new(config, identity, now),
            Some(links) => Member::over_links(config, identity, Knet::new(links, now), now),
        }
        .map_err(|e| invalid(&e))
    }

    /// The vote quorum's options, if it is the provider.
    fn quorum(&self, tracked: u32) -> Result<Option<quorum::Options>, NodeError> {
        if self.totem.quorum.provider.as_deref() != Some("corosync_votequorum") {
            return Ok(None);
        }
        let roster = quorum::Roster::of(&self.totem);
        quorum::Options::at_start(&self.totem.quorum, roster, tracked, &mut Vec::new())
            .map(Some)
            .map_err(|refusal| NodeError::Corosync(refusal.to_string()))
    }

    /// Ids and names of all members.
    pub(super) fn names(&self) -> BTreeMap<u32, String> {
        let name = |n: &totem_core::config::Node| n.name.clone().unwrap_or_else(|| format!("node{}", n.id));
        self.totem.nodes.iter().map(|n| (n.id, name(n))).collect()
    }

    /// A name for this process that no other process of the cluster has.
    pub(super) fn uuid(&self) -> String {
        let s = self.seed;
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            self.id,
            s & 0xffff,
            (s >> 16) & 0xfff,
            (s >> 28) & 0xfff,
            s >> 16 & 0xffff_ffff_ffff
        )
    }
}
