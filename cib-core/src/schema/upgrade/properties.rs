//! Cluster properties on the way from 2.10 to 3.0 [CB-5.5].

use super::tree::{append, attr, children, configuration, pair, plain_set, remove_if_empty};
use crate::schema::grammar::REFUSED_INFRASTRUCTURE;
use crate::xml::{Document, NodeIx};

/// What becomes of a property.
enum Fate {
    Keep,
    Drop,
    Rename(String),
    /// To a section, as a name, with this value if it changes.
    Move(&'static str, &'static str, Option<&'static str>),
}

fn fate(name: &str, value: &str) -> Fate {
    match name {
        "cluster-infrastructure" if REFUSED_INFRASTRUCTURE.contains(&value) => Fate::Drop,
        "cluster_recheck_interval"
        | "dc_deadtime"
        | "election_timeout"
        | "no_quorum_policy"
        | "remove_after_stop"
        | "shutdown_escalation"
        | "startup_fencing"
        | "stonith_action"
        | "stonith_enabled"
        | "stop_orphan_actions"
        | "stop_orphan_resources"
        | "symmetric_cluster" => Fate::Rename(name.replace('_', "-")),
        "transition_idle_timeout" => Fate::Rename("cluster-delay".into()),
        "default-action-timeout" | "default_action_timeout" => Fate::Move("op_defaults", "timeout", None),
        "default-resource-stickiness" | "default_resource_stickiness" => {
            Fate::Move("rsc_defaults", "resource-stickiness", None)
        }
        "is-managed-default" | "is_managed_default" => Fate::Move("rsc_defaults", "is-managed", None),
        "default-resource-failure-stickiness" | "default_resource_failure_stickiness" if value == "-INFINITY" => {
            Fate::Move("rsc_defaults", "migration-threshold", Some("1"))
        }
        "default-resource-failure-stickiness"
        | "default_resource_failure_stickiness"
        | "default-migration-threshold"
        | "default_migration_threshold"
        | "expected-quorum-votes"
        | "notification-agent"
        | "notification-recipient" => Fate::Drop,
        _ => Fate::Keep,
    }
}

pub(super) fn transform(doc: &mut Document) {
    let Some(configuration) = configuration(doc) else { return };
    let mut moves: Vec<(NodeIx, NodeIx, &str, &str, Option<&str>)> = Vec::new();
    for crm_config in children(doc, configuration, &["crm_config"]) {
        for set in children(doc, crm_config, &["cluster_property_set"]) {
            for pair in children(doc, set, &["nvpair"]) {
                match fate(&attr(doc, pair, "name"), &attr(doc, pair, "value")) {
                    Fate::Keep => {}
                    Fate::Drop => doc.remove(pair),
                    Fate::Rename(name) => doc.set_attr(pair, "name", &name),
                    Fate::Move(section, name, value) => moves.push((set, pair, section, name, value)),
                }
            }
        }
    }
    for wanted in ["op_defaults", "rsc_defaults"] {
        for &(set, pair, _, name, value) in moves.iter().filter(|m| m.2 == wanted) {
            doc.set_attr(pair, "name", name);
            if let Some(value) = value {
                doc.set_attr(pair, "value", value);
            }
            place(doc, configuration, set, pair, wanted);
        }
    }
    for crm_config in children(doc, configuration, &["crm_config"]) {
        for set in children(doc, crm_config, &["cluster_property_set"]) {
            remove_if_empty(doc, set);
        }
    }
}

/// Puts a pair into the defaults section. As in the released transformations, a value is lost if its property set has a
/// rule, or the section is there but has no set without one.
fn place(doc: &mut Document, configuration: NodeIx, set: NodeIx, moved: NodeIx, section: &str) {
    let home = if doc.child(set, "rule").is_some() {
        None
    } else if let Some(target) = doc.child(configuration, section) {
        plain_set(doc, target, "meta_attributes")
    } else {
        let target = doc.append(configuration, section);
        let id = format!("_2TO3_-{}", section.replace('_', "-"));
        Some(append(doc, target, "meta_attributes", &[("id", &id)]))
    };
    let name = attr(doc, moved, "name");
    match home.filter(|&home| pair(doc, home, &name).is_none()) {
        Some(home) => doc.relocate(moved, home, None),
        None => doc.remove(moved),
    }
}
