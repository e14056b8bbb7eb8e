//! The single-ring protocol: one file per state, timers, flow control, retransmission, message store. [TM-7] to [TM-12]

mod config;
mod output;

pub use config::{Config, ConfigError, Keys};
pub use output::{ConfigurationChange, ConfigurationKind, GatherReason, Guarantee, Message, Notice, Output};

/// Who this member is: what the configuration does not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The own node id, not 0.
    pub node: crate::wire::NodeId,
    /// The ring sequence that was last made durable, 0 if none. [TM-8.3]
    pub ring_sequence: u64,
    /// Seed of the random delay before joins.
    pub seed: u64,
}
