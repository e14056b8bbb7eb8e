//! The cluster options that controllers read ([CT-1.7]).

use super::Controller;
use cib_core::rules::{Context, DateTime, Evaluation, Rules, is_true, parse_milliseconds};
use cib_core::xml::Document;
use std::collections::BTreeMap;
use std::time::Duration;

/// Options of the cluster as the controller uses them.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each is the option of that name
pub struct ControllerOptions {
    pub dc_deadtime: Duration,
    pub election_timeout: Duration,
    pub integration_timeout: Duration,
    pub finalization_timeout: Duration,
    pub shutdown_escalation: Duration,
    pub recheck_interval: Duration,
    pub transition_delay: Duration,
    pub node_pending_timeout: Duration,
    pub node_action_limit: usize,
    /// `load-threshold` as a share of one processor.
    pub load_threshold: f64,
    pub shutdown_lock: bool,
    pub fencing_max_attempts: u32,
    /// `fencing-reaction` is `panic`.
    pub fencing_panics: bool,
    /// `no-quorum-policy` is `fence` or `suicide`.
    pub fence_without_quorum: bool,
    /// `no-quorum-policy` is `ignore`.
    pub ignores_quorum: bool,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        ControllerOptions {
            dc_deadtime: seconds(20),
            election_timeout: seconds(120),
            integration_timeout: seconds(180),
            finalization_timeout: seconds(1800),
            shutdown_escalation: seconds(1200),
            recheck_interval: seconds(900),
            transition_delay: Duration::ZERO,
            node_pending_timeout: Duration::ZERO,
            node_action_limit: 0,
            load_threshold: 0.8,
            shutdown_lock: false,
            fencing_max_attempts: 10,
            fencing_panics: false,
            fence_without_quorum: false,
            ignores_quorum: false,
        }
    }
}

impl ControllerOptions {
    /// Reads the options of a document as of an epoch second. Values that cannot be read leave the default.
    pub fn read(doc: &Document, epoch: u64) -> (Self, bool) {
        let values = properties(doc, epoch);
        let get = |names: &[&str]| names.iter().find_map(|name| values.get(*name)).copied();
        let mut options = ControllerOptions::default();
        let duration = |names: &[&str], place: &mut Duration| {
            if let Some(ms) = get(names).and_then(|text| parse_milliseconds(text).ok()) {
                *place = Duration::from_millis(ms.max(0) as u64);
            }
        };
        duration(&["dc-deadtime"], &mut options.dc_deadtime);
        duration(&["election-timeout"], &mut options.election_timeout);
        duration(&["join-integration-timeout"], &mut options.integration_timeout);
        duration(&["join-finalization-timeout"], &mut options.finalization_timeout);
        duration(&["shutdown-escalation"], &mut options.shutdown_escalation);
        duration(&["cluster-recheck-interval"], &mut options.recheck_interval);
        duration(&["transition-delay"], &mut options.transition_delay);
        duration(&["node-pending-timeout"], &mut options.node_pending_timeout);
        options.node_action_limit = get(&["node-action-limit"]).and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        if let Some(percent) = get(&["load-threshold"]).and_then(|t| t.trim().trim_end_matches('%').trim().parse().ok())
        {
            options.load_threshold = f64::from(i16::clamp(percent, -1, 10_000)) / 100.0;
        }
        options.shutdown_lock = is_true(get(&["shutdown-lock"]));
        if let Some(n) = get(&["fencing-max-attempts", "stonith-max-attempts"]).and_then(|t| t.trim().parse().ok()) {
            options.fencing_max_attempts = n;
        }
        options.fencing_panics = get(&["fencing-reaction", "fence-reaction"]) == Some("panic");
        options.fence_without_quorum = matches!(get(&["no-quorum-policy"]), Some("fence" | "suicide"));
        options.ignores_quorum = get(&["no-quorum-policy"]) == Some("ignore");
        (options, values.contains_key("cluster-name"))
    }
}

fn properties(doc: &Document, epoch: u64) -> BTreeMap<&str, &str> {
    let mut values = BTreeMap::new();
    let context = Context::at(DateTime::from_epoch(i64::try_from(epoch).unwrap_or(i64::MAX), 0));
    if let Some(config) = doc.path(doc.root(), &["configuration", "crm_config"]) {
        let set = "cluster_property_set";
        let preferred = Some("cib-bootstrap-options");
        Rules::new(doc).unpack(config, set, &context, &mut Evaluation::default(), &mut values, preferred);
    }
    values
}

impl Controller {
    pub(super) fn read_options(&mut self, now: Duration, doc: &Document) {
        let (options, named) = ControllerOptions::read(doc, self.epoch_seconds(now));
        self.cluster_name_known = named;
        self.elector.timeout = options.election_timeout;
        self.panic_armed |= options.fence_without_quorum && self.me.watchdog;
        self.limits.default_max = match options.node_action_limit {
            0 => self.me.max_jobs,
            limit => limit,
        };
        let at = DateTime::from_epoch(i64::try_from(self.epoch_seconds(now)).unwrap_or(i64::MAX), 0);
        self.alerts = super::alert_targets::AlertTargets::read(doc, &Context::at(at));
        self.options = options;
        if self.is_dc {
            for id in self.peers.ids() {
                self.update_pending_timer(now, id);
            }
        }
    }
}
