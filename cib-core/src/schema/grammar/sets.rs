//! Name/value sets, and the names that may not be used in them [CB-4.2, CB-4.3].

use super::super::level::*;
use super::super::types::Type::*;
use super::super::validator::{Attribute, Problem, Times, may, must};
use super::rules::rule;
use super::{V, is_reference};
use crate::xml::NodeIx;
use Times::{Any, Optional};

pub(super) fn nvset(v: V<'_, '_>, n: NodeIx) {
    if !is_reference(v, n) {
        v.attributes(n, &[must("id", Id), may("score", Score)]);
        v.children(n, &[("rule", Optional, rule), ("nvpair", Any, nvpair)]);
    }
}

fn nvpair(v: V<'_, '_>, n: NodeIx) {
    if v.has(n, "id-ref") {
        let name = (v.level < V4_0).then_some(may("name", Text));
        let attributes: Vec<Attribute> = [must("id-ref", IdRef)].into_iter().chain(name).collect();
        v.attributes(n, &attributes);
    } else {
        let value = if v.level >= V4_0 { must("value", Text) } else { may("value", Text) };
        v.attributes(n, &[must("id", Id), must("name", Text), value]);
    }
    v.children(n, &[]);
}

/// A set in which some names may not be used.
fn nvset_without(v: V<'_, '_>, n: NodeIx, refused: impl Fn(&str, &str) -> bool) {
    nvset(v, n);
    let doc = v.doc;
    for pair in doc.children_named(n, "nvpair") {
        let name = doc.attr(pair, "name").unwrap_or_default();
        if refused(name, doc.attr(pair, "value").unwrap_or_default()) {
            v.report(pair, Problem::RefusedName(name.into()));
        }
    }
}

/// Property names that schemas 3.0 to 3.10 refuse.
const REFUSED_PROPERTIES_3: &[&str] = &[
    "cluster_recheck_interval",
    "dc_deadtime",
    "default-action-timeout",
    "default_action_timeout",
    "default-migration-threshold",
    "default_migration_threshold",
    "default-resource-failure-stickiness",
    "default_resource_failure_stickiness",
    "default-resource-stickiness",
    "default_resource_stickiness",
    "election_timeout",
    "expected-quorum-votes",
    "is-managed-default",
    "is_managed_default",
    "no_quorum_policy",
    "notification-agent",
    "notification-recipient",
    "remove_after_stop",
    "shutdown_escalation",
    "startup_fencing",
    "stonith_action",
    "stonith_enabled",
    "stop_orphan_actions",
    "stop_orphan_resources",
    "symmetric_cluster",
    "transition_idle_timeout",
];

/// Values of `cluster-infrastructure` that schemas 3.0 to 3.10 refuse.
pub(in crate::schema) const REFUSED_INFRASTRUCTURE: &[&str] =
    &["heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman"];

pub(super) fn property_set(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, value| {
        if level >= V4_0 {
            let names =
                ["crmd-finalization-timeout", "crmd-integration-timeout", "crmd-transition-delay", "remove-after-stop"];
            names.contains(&name) || (name == "stonith-action" && value == "poweroff")
        } else {
            level >= V3_0
                && (REFUSED_PROPERTIES_3.contains(&name)
                    || (name == "cluster-infrastructure" && REFUSED_INFRASTRUCTURE.contains(&value)))
        }
    });
}

pub(super) fn resource_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, _| level >= V4_0 && name == "restart-type");
}

pub(super) fn primitive_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    let isolation = ["isolation", "isolation-host", "isolation-instance", "isolation-wrapper"];
    nvset_without(v, n, |name, _| match level {
        V4_0.. => name == "restart-type",
        V3_0.. => isolation.contains(&name),
        _ => false,
    });
}

pub(super) fn primitive_instance(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, _| level == V3_0 && FENCING_COMMANDS.contains(&name));
}

const FENCING_COMMANDS: &[&str] = &[
    "pcmk_arg_map",
    "pcmk_list_cmd",
    "pcmk_monitor_cmd",
    "pcmk_off_cmd",
    "pcmk_on_cmd",
    "pcmk_reboot_cmd",
    "pcmk_status_cmd",
];

pub(super) fn operation_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, _| match level {
        V4_0.. => matches!(name, "can_fail" | "role_after_failure"),
        V3_0.. => name == "requires",
        _ => false,
    });
}

pub(super) fn operation_instance(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    let names =
        ["interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout", "requires"];
    nvset_without(v, n, |name, _| level == V3_0 && names.contains(&name));
}
