//! Cluster options.

use super::{Score, Symbol};

/// `no-quorum-policy`, resolved [IN-8.3].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum QuorumPolicy {
    /// Stop everything.
    #[default]
    Stop,
    /// Keep what runs, start nothing.
    Freeze,
    /// Carry on.
    Ignore,
    /// Demote everything promoted.
    Demote,
    /// Fence all nodes of the partition.
    Fence,
}

/// `node-health-strategy` [IN-9.5].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum HealthStrategy {
    /// Health plays no part.
    #[default]
    None,
    /// Leave red nodes.
    MigrateOnRed,
    /// Run on green nodes only.
    OnlyGreen,
    /// Scores by colour, from a base.
    Progressive,
    /// Scores by colour.
    Custom,
}

/// `placement-strategy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PlacementStrategy {
    /// Count resources.
    #[default]
    Default,
    /// Heed capacities.
    Utilization,
    /// Heed capacities and use few nodes.
    Minimal,
    /// Heed capacities and spread by them.
    Balanced,
}

/// Cluster options as the scheduler uses them [IN-8.2].
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct ClusterOptions {
    /// `cluster-name`
    pub cluster_name: Option<Symbol>,
    /// `no-quorum-policy`
    pub no_quorum_policy: QuorumPolicy,
    /// `shutdown-lock`
    pub shutdown_lock: bool,
    /// `shutdown-lock-limit`; 0 is none
    pub shutdown_lock_limit_ms: u32,
    /// `symmetric-cluster`
    pub symmetric_cluster: bool,
    /// `maintenance-mode`
    pub maintenance_mode: bool,
    /// `start-failure-is-fatal`
    pub start_failure_is_fatal: bool,
    /// `enable-startup-probes`
    pub enable_startup_probes: bool,
    /// `fence-remote-without-quorum`
    pub fence_remote_without_quorum: bool,
    /// `fencing-enabled`
    pub fencing_enabled: bool,
    /// `fencing-action`
    pub fencing_action: Symbol,
    /// `fencing-timeout`
    pub fencing_timeout_ms: u32,
    /// `have-watchdog`
    pub have_watchdog: bool,
    /// `concurrent-fencing`
    pub concurrent_fencing: bool,
    /// `startup-fencing`, false when fencing is disabled
    pub startup_fencing: bool,
    /// `priority-fencing-delay`
    pub priority_fencing_delay_ms: u32,
    /// `node-pending-timeout`
    pub node_pending_timeout_ms: u32,
    /// `cluster-delay` as written or by default
    pub cluster_delay: Symbol,
    /// `fencing-timeout` as written or by default
    pub fencing_timeout: Symbol,
    /// `batch-limit` as written or by default
    pub batch_limit: Symbol,
    /// `migration-limit` as written or by default
    pub migration_limit: Symbol,
    /// `stop-all-resources`
    pub stop_all_resources: bool,
    /// `stop-removed-resources`
    pub stop_removed_resources: bool,
    /// `cancel-removed-actions`
    pub cancel_removed_actions: bool,
    /// `node-health-strategy`
    pub health_strategy: HealthStrategy,
    /// Base of the health sum.
    pub health_base: Score,
    /// What `red` is worth.
    pub health_red: Score,
    /// What `yellow` is worth.
    pub health_yellow: Score,
    /// What `green` is worth.
    pub health_green: Score,
    /// `placement-strategy`
    pub placement: PlacementStrategy,
}

impl ClusterOptions {
    /// The options of an empty configuration.
    #[must_use]
    pub fn defaults(symbols: &mut super::Symbols) -> Self {
        Self {
            cluster_name: None,
            no_quorum_policy: QuorumPolicy::Stop,
            shutdown_lock: false,
            shutdown_lock_limit_ms: 0,
            symmetric_cluster: true,
            maintenance_mode: false,
            start_failure_is_fatal: true,
            enable_startup_probes: true,
            fence_remote_without_quorum: false,
            fencing_enabled: true,
            fencing_action: super::sym::REBOOT,
            fencing_timeout_ms: 60_000,
            have_watchdog: false,
            concurrent_fencing: true,
            startup_fencing: true,
            priority_fencing_delay_ms: 0,
            node_pending_timeout_ms: 0,
            cluster_delay: symbols.intern("60s"),
            fencing_timeout: symbols.intern("60s"),
            batch_limit: symbols.intern("0"),
            migration_limit: symbols.intern("-1"),
            stop_all_resources: false,
            stop_removed_resources: true,
            cancel_removed_actions: true,
            health_strategy: HealthStrategy::None,
            health_base: Score::ZERO,
            health_red: Score::ZERO,
            health_yellow: Score::ZERO,
            health_green: Score::ZERO,
            placement: PlacementStrategy::Default,
        }
    }
}
