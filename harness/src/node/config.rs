//! What a node is told about itself.

use policy_core::controller::{FEATURE_SET, FeatureSet};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use totem_core::config::{Config, Host, Mode};

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
        let local = totem.local_node();
        let (id, listed) = (local.id, local.name.clone());
        Ok(NodeConfig {
            id,
            name: listed.unwrap_or_else(|| name.to_owned()),
            cluster_name: totem.totem.cluster_name.clone().unwrap_or_else(|| "cluster".to_owned()),
            totem,
            epoch,
            seed: u64::from(id),
            life: 1,
            initial_cib: None,
            feature_set: FEATURE_SET.parse().expect("infallible"),
        })
    }

    /// Ids and names of all members.
    pub(super) fn names(&self) -> BTreeMap<u32, String> {
        let name = |n: &totem_core::config::Node| n.name.clone().unwrap_or_else(|| format!("node{}", n.id));
        self.totem.nodes.iter().map(|n| (n.id, name(n))).collect()
    }

    /// A name for this process that no other process of the cluster has.
    pub(super) fn uuid(&self) -> String {
        let s = self.seed;
        format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", self.id, s & 0xffff, (s >> 16) & 0xfff, (s >> 28) & 0xfff, s >> 16 & 0xffff_ffff_ffff)
    }
}
