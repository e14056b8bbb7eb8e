//! Cluster options [IN-8].

use super::sets::{Mode, Scope, evaluate_preferring};
use crate::model::{HealthStrategy, Level, Model, PlacementStrategy, QuorumPolicy, Score, TextMap};
use cib_core::rules::{parse_boolean, parse_integer, parse_interval, parse_percentage};

/// How an option's value is checked [IN-8.2].
#[derive(Clone, Copy, Debug)]
enum Check {
    Text,
    Boolean,
    Duration,
    Integer,
    Positive,
    Percentage,
    OneOf(&'static [&'static str]),
    Exactly(&'static [&'static str]),
}

impl Check {
    fn accepts(self, value: &str) -> bool {
        let infinite = matches!(value, "INFINITY" | "+INFINITY" | "-INFINITY");
        match self {
            Self::Text => true,
            Self::Boolean => parse_boolean(value).is_some(),
            Self::Duration => parse_interval(value).is_ok(),
            Self::Integer => infinite || parse_integer(value).is_some(),
            Self::Positive => matches!(value, "INFINITY" | "+INFINITY") || parse_integer(value).is_some_and(|v| v > 0),
            Self::Percentage => parse_percentage(value).is_some(),
            Self::OneOf(words) => words.iter().any(|w| w.eq_ignore_ascii_case(value)),
            Self::Exactly(words) => words.contains(&value),
        }
    }
}

struct Known {
    name: &'static str,
    alias: Option<&'static str>,
    check: Check,
    default: Option<&'static str>,
}

const fn known(name: &'static str, alias: Option<&'static str>, check: Check, default: Option<&'static str>) -> Known {
    Known { name, alias, check, default }
}

/// All options, in the order in which they are looked at.
const OPTIONS: &[Known] = &[
    known("dc-version", None, Check::Text, None),
    known("cluster-infrastructure", None, Check::Text, None),
    known("cluster-name", None, Check::Text, None),
    known("dc-deadtime", None, Check::Duration, Some("20s")),
    known("cluster-recheck-interval", None, Check::Duration, Some("15min")),
    known("election-timeout", None, Check::Duration, Some("2min")),
    known("shutdown-escalation", None, Check::Duration, Some("20min")),
    known("join-integration-timeout", None, Check::Duration, Some("3min")),
    known("join-finalization-timeout", None, Check::Duration, Some("30min")),
    known("transition-delay", None, Check::Duration, Some("0s")),
    known(
        "no-quorum-policy",
        None,
        Check::OneOf(&["stop", "freeze", "ignore", "demote", "fence", "suicide"]),
        Some("stop"),
    ),
    known("shutdown-lock", None, Check::Boolean, Some("false")),
    known("shutdown-lock-limit", None, Check::Duration, Some("0")),
    known("enable-acl", None, Check::Boolean, Some("false")),
    known("symmetric-cluster", None, Check::Boolean, Some("true")),
    known("maintenance-mode", None, Check::Boolean, Some("false")),
    known("start-failure-is-fatal", None, Check::Boolean, Some("true")),
    known("enable-startup-probes", None, Check::Boolean, Some("true")),
    known("fence-remote-without-quorum", None, Check::Boolean, Some("false")),
    known("fencing-enabled", Some("stonith-enabled"), Check::Boolean, Some("true")),
    known("fencing-action", Some("stonith-action"), Check::Exactly(&["reboot", "off"]), Some("reboot")),
    known("fencing-reaction", Some("fence-reaction"), Check::Text, Some("stop")),
    known("fencing-timeout", Some("stonith-timeout"), Check::Duration, Some("60s")),
    known("have-watchdog", None, Check::Boolean, Some("false")),
    known("fencing-watchdog-timeout", Some("stonith-watchdog-timeout"), Check::Text, Some("0")),
    known("fencing-max-attempts", Some("stonith-max-attempts"), Check::Positive, Some("10")),
    known("concurrent-fencing", None, Check::Boolean, Some("true")),
    known("startup-fencing", None, Check::Boolean, Some("true")),
    known("priority-fencing-delay", None, Check::Duration, Some("0")),
    known("node-pending-timeout", None, Check::Duration, Some("0")),
    known("cluster-delay", None, Check::Duration, Some("60s")),
    known("load-threshold", None, Check::Percentage, Some("80%")),
    known("node-action-limit", None, Check::Integer, Some("0")),
    known("batch-limit", None, Check::Integer, Some("0")),
    known("migration-limit", None, Check::Integer, Some("-1")),
    known("cluster-ipc-limit", None, Check::Text, None),
    known("stop-all-resources", None, Check::Boolean, Some("false")),
    known("stop-removed-resources", Some("stop-orphan-resources"), Check::Boolean, Some("true")),
    known("cancel-removed-actions", Some("stop-orphan-actions"), Check::Boolean, Some("true")),
    known("pe-error-series-max", None, Check::Integer, Some("-1")),
    known("pe-warn-series-max", None, Check::Integer, Some("5000")),
    known("pe-input-series-max", None, Check::Integer, Some("4000")),
    known(
        "node-health-strategy",
        None,
        Check::OneOf(&["none", "migrate-on-red", "only-green", "progressive", "custom"]),
        Some("none"),
    ),
    known("node-health-base", None, Check::Integer, Some("0")),
    known("node-health-green", None, Check::Integer, Some("0")),
    known("node-health-yellow", None, Check::Integer, Some("0")),
    known("node-health-red", None, Check::Integer, Some("-INFINITY")),
    known(
        "placement-strategy",
        None,
        Check::OneOf(&["default", "utilization", "minimal", "balanced"]),
        Some("default"),
    ),
];

/// Values by option, after defaults.
struct Values(TextMap);

impl Values {
    fn text<'a>(&self, m: &'a Model, name: &str) -> &'a str {
        m.symbols.find(name).and_then(|n| self.0.get(n)).map_or("", |v| m.text(v))
    }

    fn is(&self, m: &Model, name: &str) -> bool {
        parse_boolean(self.text(m, name)) == Some(true)
    }

    fn duration(&self, m: &Model, name: &str) -> u32 {
        parse_interval(self.text(m, name)).unwrap_or(0)
    }

    fn score(&self, m: &Model, name: &str) -> Score {
        match self.text(m, name) {
            "INFINITY" | "+INFINITY" => Score::INFINITY,
            "-INFINITY" => Score::NEG_INFINITY,
            text => Score::clamped(parse_integer(text).unwrap_or(0)),
        }
    }
}

/// Reads the options and what follows from them.
pub(super) fn unpack(m: &mut Model) {
    let mut configured = TextMap::new();
    if let Some(section) = super::section(&m.config, "crm_config") {
        let preferred = Some("cib-bootstrap-options");
        evaluate_preferring(
            m,
            section,
            "cluster_property_set",
            Scope::default(),
            Mode::Own,
            preferred,
            &mut configured,
        );
    }
    let values = look_up(m, &configured);
    store(m, &values);
    set_health(m, &values);
    m.options.no_quorum_policy = quorum_policy(m, values.text(m, "no-quorum-policy").to_owned());
    if !m.quorate && m.options.no_quorum_policy != QuorumPolicy::Ignore {
        m.tell(Level::Warning, "Fencing and resource management disabled due to lack of quorum");
    }
}

/// Looks each option up by its name, its alias, its default [IN-8.1].
fn look_up(m: &mut Model, configured: &TextMap) -> Values {
    let mut values = TextMap::new();
    for option in OPTIONS {
        let find = |m: &Model, name: &str| m.symbols.find(name).and_then(|n| configured.get(n));
        let mut value = find(m, option.name);
        if value.is_none() {
            value = option.alias.and_then(|alias| find(m, alias));
            if let (Some(_), Some(alias)) = (value, option.alias) {
                m.config_warning(format!(
                    "Support for legacy name '{alias}' for cluster option '{}' is deprecated and will be removed in a future release",
                    option.name
                ));
            }
        }
        if let Some(text) = value.map(|v| m.text(v).to_owned())
            && !option.check.accepts(&text)
        {
            m.config_error(format!(
                "Using default value for cluster option '{}' because '{text}' is invalid",
                option.name
            ));
            value = None;
        }
        if let Some(value) = value.or_else(|| option.default.map(|d| m.symbols.intern(d))) {
            let name = m.symbols.intern(option.name);
            values.set(name, value);
        }
    }
    Values(values)
}

fn store(m: &mut Model, values: &Values) {
    let text = |m: &mut Model, name: &str| {
        let text = values.text(m, name).to_owned();
        m.symbols.intern(&text)
    };
    let name = values.text(m, "cluster-name").to_owned();
    m.options.cluster_name =
        (m.symbols.find("cluster-name").and_then(|n| values.0.get(n)).is_some()).then(|| m.symbols.intern(&name));
    m.options.shutdown_lock = values.is(m, "shutdown-lock");
    m.options.shutdown_lock_limit_ms =
        if m.options.shutdown_lock { values.duration(m, "shutdown-lock-limit") } else { 0 };
    m.options.symmetric_cluster = values.is(m, "symmetric-cluster");
    m.options.maintenance_mode = values.is(m, "maintenance-mode");
    m.options.start_failure_is_fatal = values.is(m, "start-failure-is-fatal");
    m.options.enable_startup_probes = values.is(m, "enable-startup-probes");
    m.options.fence_remote_without_quorum = values.is(m, "fence-remote-without-quorum");
    m.options.fencing_enabled = values.is(m, "fencing-enabled");
    m.options.fencing_action = text(m, "fencing-action");
    m.options.fencing_timeout = text(m, "fencing-timeout");
    m.options.fencing_timeout_ms = values.duration(m, "fencing-timeout");
    m.options.have_watchdog = values.is(m, "have-watchdog");
    m.has_fence_device = m.options.have_watchdog;
    m.options.concurrent_fencing = values.is(m, "concurrent-fencing");
    m.options.startup_fencing = m.options.fencing_enabled && values.is(m, "startup-fencing");
    m.options.priority_fencing_delay_ms = values.duration(m, "priority-fencing-delay");
    m.options.node_pending_timeout_ms = values.duration(m, "node-pending-timeout");
    m.options.cluster_delay = text(m, "cluster-delay");
    m.options.batch_limit = text(m, "batch-limit");
    m.options.migration_limit = text(m, "migration-limit");
    m.options.stop_all_resources = values.is(m, "stop-all-resources");
    m.options.stop_removed_resources = values.is(m, "stop-removed-resources");
    m.options.cancel_removed_actions = values.is(m, "cancel-removed-actions");
    m.options.placement = match values.text(m, "placement-strategy").to_ascii_lowercase().as_str() {
        "utilization" => PlacementStrategy::Utilization,
        "minimal" => PlacementStrategy::Minimal,
        "balanced" => PlacementStrategy::Balanced,
        _ => PlacementStrategy::Default,
    };
    for name in ["enable-startup-probes", "concurrent-fencing", "stop-removed-resources", "cancel-removed-actions"] {
        if !values.is(m, name) {
            m.config_warning(format!(
                "Support for the '{name}' cluster option is deprecated and will be removed in a future release"
            ));
        }
    }
    if !m.options.startup_fencing {
        m.tell(Level::Warning, "Blind faith: not fencing unseen nodes");
    }
}

/// What the health colours are worth [IN-9.5].
fn set_health(m: &mut Model, values: &Values) {
    let strategy = match values.text(m, "node-health-strategy").to_ascii_lowercase().as_str() {
        "migrate-on-red" => HealthStrategy::MigrateOnRed,
        "only-green" => HealthStrategy::OnlyGreen,
        "progressive" => HealthStrategy::Progressive,
        "custom" => HealthStrategy::Custom,
        _ => HealthStrategy::None,
    };
    let (red, yellow, green, base) = match strategy {
        HealthStrategy::None => (Score::ZERO, Score::ZERO, Score::ZERO, Score::ZERO),
        HealthStrategy::MigrateOnRed => (Score::NEG_INFINITY, Score::ZERO, Score::ZERO, Score::ZERO),
        HealthStrategy::OnlyGreen => (Score::NEG_INFINITY, Score::NEG_INFINITY, Score::ZERO, Score::ZERO),
        HealthStrategy::Progressive | HealthStrategy::Custom => (
            values.score(m, "node-health-red"),
            values.score(m, "node-health-yellow"),
            values.score(m, "node-health-green"),
            if strategy == HealthStrategy::Progressive { values.score(m, "node-health-base") } else { Score::ZERO },
        ),
    };
    m.options.health_strategy = strategy;
    (m.options.health_red, m.options.health_yellow, m.options.health_green) = (red, yellow, green);
    m.options.health_base = base;
}

/// [IN-8.3] [ST-3.1]
fn quorum_policy(m: &mut Model, configured: String) -> QuorumPolicy {
    match configured.to_ascii_lowercase().as_str() {
        "ignore" => QuorumPolicy::Ignore,
        "freeze" => QuorumPolicy::Freeze,
        "demote" => QuorumPolicy::Demote,
        "fence" | "suicide" => {
            if !m.options.fencing_enabled {
                m.config_error("Resetting no-quorum-policy to 'stop' because fencing is disabled");
                return QuorumPolicy::Stop;
            }
            let panic = m.config.attr(m.config.root(), "no-quorum-panic").and_then(parse_integer).unwrap_or(0);
            if m.quorate || panic != 0 {
                QuorumPolicy::Fence
            } else {
                let text = "Resetting no-quorum-policy to 'stop': cluster has never had quorum";
                m.tell(Level::Notice, text);
                QuorumPolicy::Stop
            }
        }
        _ => QuorumPolicy::Stop,
    }
}
