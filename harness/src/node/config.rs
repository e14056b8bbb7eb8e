//! What a node is told about itself.

use super::stored::Stored;
use policy_core::controller::{FEATURE_SET, FeatureSet};
use std::time::Duration;

/// What the configuration of a node comes to.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Text of `corosync.conf`.
    pub corosync: String,
    /// Ids and names of all members.
    pub members: Vec<(u32, String)>,
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
    /// The node `id` called `name` of the cluster that `corosync` describes.
    ///
    /// # Errors
    /// The text is no `corosync.conf`, or does not hold this node.
    pub fn new(id: u32, name: &str, corosync: &str, epoch: Duration) -> Result<Self, NodeError> {
        let config = totem_core::config::Config::parse(corosync).map_err(|e| NodeError::Corosync(e.to_string()))?;
        let members = config.members().map(|m| (m.id, m.name.clone())).collect();
        Ok(NodeConfig {
            id,
            name: name.to_owned(),
            cluster_name: "metronome".to_owned(),
            corosync: corosync.to_owned(),
            members,
            epoch,
            seed: u64::from(id),
            life: 1,
            initial_cib: None,
            feature_set: FEATURE_SET.parse().expect("infallible"),
        })
    }
}
