//! Who a controller is.

use super::{FeatureSet, NodeId};
use std::time::Duration;

/// The feature set of this specification.
pub const FEATURE_SET: &str = "3.20.5";

/// Who a controller is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Id of the node.
    pub id: NodeId,
    /// Name of the node.
    pub name: String,
    /// Feature set to announce.
    pub feature_set: FeatureSet,
    /// `dc-version` to write as coordinator.
    pub version: String,
    /// `cluster-name` to write if none is known.
    pub cluster_name: Option<String>,
    /// Marks the transitions of this process; 36 characters, unique in the life of the cluster.
    pub uuid: String,
    /// Age of the process at the driver's origin: what elections compare.
    pub age: Duration,
    /// Seconds since the epoch at the driver's origin.
    pub epoch: Duration,
    /// A watchdog daemon runs.
    pub watchdog: bool,
    /// `standby`, `online` or nothing: what to set at the first join.
    pub start_state: Option<bool>,
    /// How many jobs this node takes without load.
    pub max_jobs: usize,
}

impl Identity {
    /// A node with an id and a name, all else by default.
    pub fn new(id: NodeId, name: &str) -> Self {
        Identity {
            id,
            name: name.to_owned(),
            feature_set: FEATURE_SET.parse().expect("infallible"),
            version: concat!(env!("CARGO_PKG_VERSION"), "-metronome").to_owned(),
            cluster_name: None,
            uuid: format!("{id:08x}-0000-4000-8000-000000000000"),
            age: Duration::ZERO,
            epoch: Duration::ZERO,
            watchdog: false,
            start_state: None,
            max_jobs: 8,
        }
    }
}
