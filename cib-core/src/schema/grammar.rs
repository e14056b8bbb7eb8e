//! What a document may contain: one function per element [CB-4].
//!
//! The tables are those of `pacemaker-4.0`; earlier schemas are told as differences by level. Documents older than
//! `pacemaker-3.0` are checked against 3.0 plus everything that the later transformations know how to bring up to date.

use super::level::*;
use super::types::Type::{self, *};
use super::validator::{Attribute, Child, Problem, Times, Validator, may, must};
use crate::xml::NodeIx;
use Times::{Any, One, Optional, Some as Several};

type V<'v, 'a> = &'v mut Validator<'a>;

pub(super) fn document(v: V<'_, '_>) {
    let (doc, root) = (v.doc, v.doc.root());
    if doc.name(root) != "cib" {
        return v.report(root, Problem::Other("the root element must be 'cib'"));
    }
    v.attributes(
        root,
        &[
            must("validate-with", Text),
            must("admin_epoch", Natural),
            must("epoch", Natural),
            must("num_updates", Natural),
            may("crm_feature_set", Text),
            may("have-quorum", Bool),
            may("dc-uuid", Text),
            may("cib-last-written", Text),
            may("update-origin", Text),
            may("update-client", Text),
            may("update-user", Text),
            may("no-quorum-panic", Bool),
            may("remote-tls-port", Natural),
            may("remote-clear-port", Natural),
            may("execution-date", Text),
        ],
    );
    v.children(root, &[("configuration", One, configuration), ("status", Optional, |_, _| {})]);
    let mut order = doc.children(root).map(|n| doc.name(n));
    if order.next() == Some("status") && order.next() == Some("configuration") {
        v.report(root, Problem::Other("'configuration' must stand before 'status'"));
    }
}

fn configuration(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[]);
    v.children(
        n,
        &[
            ("crm_config", One, |v, n| section(v, n, &[("cluster_property_set", Any, property_set)])),
            ("nodes", One, |v, n| section(v, n, &[("node", Any, node)])),
            ("resources", One, resources),
            ("constraints", One, constraints),
            ("rsc_defaults", Optional, |v, n| section(v, n, &[("meta_attributes", Any, resource_meta)])),
            ("op_defaults", Optional, |v, n| section(v, n, &[("meta_attributes", Any, operation_meta)])),
            ("fencing-topology", Optional, |v, n| section(v, n, &[("fencing-level", Any, fencing_level)])),
            ("acls", Optional, acls),
            ("tags", Optional, |v, n| section(v, n, &[("tag", Any, tag)])),
            ("alerts", Optional, |v, n| section(v, n, &[("alert", Any, alert)])),
        ],
    );
}

/// An element without attributes.
fn section(v: V<'_, '_>, n: NodeIx, children: &[Child]) {
    v.attributes(n, &[]);
    v.children(n, children);
}

fn empty(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[]);
    v.children(n, &[]);
}

/// Whether the element only refers to another one; then it has nothing else.
fn is_reference(v: V<'_, '_>, n: NodeIx) -> bool {
    if !v.has(n, "id-ref") {
        return false;
    }
    v.attributes(n, &[must("id-ref", IdRef)]);
    v.children(n, &[]);
    true
}

// --- name/value sets [CB-4.2, CB-4.3]

fn nvset(v: V<'_, '_>, n: NodeIx) {
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
pub(super) const REFUSED_INFRASTRUCTURE: &[&str] =
    &["heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman"];

fn property_set(v: V<'_, '_>, n: NodeIx) {
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

fn resource_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, _| level >= V4_0 && name == "restart-type");
}

fn primitive_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    let isolation = ["isolation", "isolation-host", "isolation-instance", "isolation-wrapper"];
    nvset_without(v, n, |name, _| match level {
        V4_0.. => name == "restart-type",
        V3_0.. => isolation.contains(&name),
        _ => false,
    });
}

fn primitive_instance(v: V<'_, '_>, n: NodeIx) {
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

fn operation_meta(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    nvset_without(v, n, |name, _| match level {
        V4_0.. => matches!(name, "can_fail" | "role_after_failure"),
        V3_0.. => name == "requires",
        _ => false,
    });
}

fn operation_instance(v: V<'_, '_>, n: NodeIx) {
    let level = v.level;
    let names =
        ["interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout", "requires"];
    nvset_without(v, n, |name, _| level == V3_0 && names.contains(&name));
}

// --- rules [CB-4.4]

fn rule(v: V<'_, '_>, n: NodeIx) {
    if is_reference(v, n) {
        return;
    }
    let score = if v.has(n, "score-attribute") { may("score-attribute", Text) } else { may("score", Score) };
    v.attributes(n, &[must("id", Id), may("boolean-op", Words(&["or", "and"])), may("role", Text), score]);
    let new: &[Child] = &[("rsc_expression", Any, rsc_expression), ("op_expression", Any, op_expression)];
    let children: Vec<Child> = [
        ("expression", Any, expression as fn(V<'_, '_>, NodeIx)),
        ("date_expression", Any, date_expression),
        ("rule", Any, rule),
    ]
    .into_iter()
    .chain(new.iter().copied().filter(|_| v.level >= V3_4))
    .collect();
    v.children(n, &children);
    if v.doc.children(n).next().is_none() {
        v.report(n, Problem::Other("a rule needs at least one expression"));
    }
}

fn expression(v: V<'_, '_>, n: NodeIx) {
    let types: &[&str] =
        if v.level >= V3_5 { &["string", "integer", "number", "version"] } else { &["string", "number", "version"] };
    v.attributes(
        n,
        &[
            must("id", Id),
            must("attribute", Text),
            must("operation", Words(&["lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"])),
            may("value", Text),
            may("type", Words(types)),
            may("value-source", Words(&["literal", "param", "meta"])),
        ],
    );
    v.children(n, &[]);
}

fn rsc_expression(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), may("class", Text), may("provider", Text), may("type", Text)]);
    v.children(n, &[]);
}

fn op_expression(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("name", Text), may("interval", Text)]);
    v.children(n, &[]);
}

fn date_expression(v: V<'_, '_>, n: NodeIx) {
    let operation = v.doc.attr(n, "operation").unwrap_or_default();
    let operations = must("operation", Words(&["in_range", "gt", "lt", "date_spec", "eq", "neq"]));
    let (id, start, end) = (must("id", Id), must("start", Text), must("end", Text));
    match operation {
        "gt" => {
            v.attributes(n, &[id, operations, start]);
            v.children(n, &[]);
        }
        "lt" => {
            v.attributes(n, &[id, operations, end]);
            v.children(n, &[]);
        }
        "date_spec" => {
            v.attributes(n, &[id, operations]);
            v.children(n, &[("date_spec", One, date_spec)]);
        }
        "in_range" => {
            let (has_start, has_end) = (v.has(n, "start"), v.has(n, "end"));
            let duration = v.doc.child(n, "duration").is_some();
            v.attributes(n, &[id, operations, may("start", Text), may("end", Text)]);
            v.children(n, &[("duration", Optional, duration_element)]);
            if !has_start && !has_end {
                v.report(n, Problem::Other("'start' or 'end' is needed"));
            } else if v.level < V3_9 && has_end == duration {
                v.report(n, Problem::Other("either 'end' or a duration after 'start' is needed"));
            }
        }
        _ => v.attributes(
            n,
            &[
                id,
                must("operation", Words(&["in_range", "gt", "lt", "date_spec"])),
                may("start", Text),
                may("end", Text),
            ],
        ),
    }
}

const DATE_BEFORE_3_9: &[&str] =
    &["hours", "monthdays", "weekdays", "yearsdays", "months", "weeks", "years", "weekyears", "moon"];

fn date_parts(v: V<'_, '_>, n: NodeIx, names: &[&'static str]) {
    let names = if v.level < V3_9 { DATE_BEFORE_3_9 } else { names };
    let attributes: Vec<Attribute> =
        core::iter::once(must("id", Id)).chain(names.iter().map(|&name| may(name, Text))).collect();
    v.attributes(n, &attributes);
    v.children(n, &[]);
}

fn duration_element(v: V<'_, '_>, n: NodeIx) {
    let names = [
        "years",
        "months",
        "weeks",
        "days",
        "hours",
        "minutes",
        "seconds",
        "monthdays",
        "weekdays",
        "yearsdays",
        "weekyears",
        "moon",
    ];
    date_parts(v, n, &names);
}

fn date_spec(v: V<'_, '_>, n: NodeIx) {
    let names = [
        "years",
        "months",
        "monthdays",
        "hours",
        "minutes",
        "seconds",
        "yeardays",
        "weekyears",
        "weeks",
        "weekdays",
        "yearsdays",
        "moon",
    ];
    let count = if v.level >= V4_0 { names.len() - 1 } else { names.len() };
    date_parts(v, n, &names[..count]);
}

// --- nodes [CB-4.5]

fn node(v: V<'_, '_>, n: NodeIx) {
    let types: &[&str] = match v.level {
        V4_0.. => &["member", "remote"],
        V3_0.. => &["member", "ping", "remote"],
        _ => &["normal", "member", "ping", "remote"],
    };
    v.attributes(
        n,
        &[
            must("id", Text),
            must("uname", Text),
            may("type", Words(types)),
            may("description", Text),
            may("score", Score),
        ],
    );
    v.children(n, &[("instance_attributes", Any, nvset), ("utilization", Any, nvset)]);
}

// --- resources [CB-4.6]

fn resources(v: V<'_, '_>, n: NodeIx) {
    let mut children: Vec<Child> = vec![
        ("primitive", Any, primitive),
        ("template", Any, template),
        ("group", Any, group),
        ("clone", Any, clone),
        ("bundle", Any, bundle),
    ];
    if v.level < V4_0 {
        children.push(("master", Any, clone));
    }
    section(v, n, &children);
}

const INSTANCE_AND_META: [Child; 2] = [("instance_attributes", Any, nvset), ("meta_attributes", Any, resource_meta)];

const AGENT_SETS: [Child; 4] = [
    ("instance_attributes", Any, primitive_instance),
    ("meta_attributes", Any, primitive_meta),
    ("utilization", Any, nvset),
    ("operations", Optional, operations),
];

/// The attributes that name a resource agent.
fn agent(v: V<'_, '_>, n: NodeIx) -> Vec<Attribute> {
    let classes: &[&str] = if v.level >= V4_0 {
        &["ocf", "lsb", "heartbeat", "stonith", "service", "systemd"]
    } else {
        &["ocf", "lsb", "heartbeat", "stonith", "upstart", "service", "systemd", "nagios"]
    };
    let provider = (v.doc.attr(n, "class") == Some("ocf")).then_some(must("provider", Text));
    [must("class", Words(classes)), must("type", Text)].into_iter().chain(provider).collect()
}

fn primitive(v: V<'_, '_>, n: NodeIx) {
    let mut attributes = vec![must("id", Id), may("description", Text)];
    if v.has(n, "template") {
        attributes.push(must("template", IdRef));
    } else {
        attributes.extend(agent(v, n));
    }
    v.attributes(n, &attributes);
    v.children(n, &AGENT_SETS);
}

fn template(v: V<'_, '_>, n: NodeIx) {
    let mut attributes = vec![must("id", Id), may("description", Text)];
    attributes.extend(agent(v, n));
    v.attributes(n, &attributes);
    v.children(n, &AGENT_SETS);
}

fn group(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), may("description", Text)]);
    let [instance, meta] = INSTANCE_AND_META;
    v.children(n, &[instance, meta, ("primitive", Several, primitive)]);
}

fn clone(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), may("description", Text)]);
    let [instance, meta] = INSTANCE_AND_META;
    v.children(n, &[instance, meta, ("primitive", Any, primitive), ("group", Any, group)]);
    exactly_one(v, n, &["primitive", "group"], "exactly one primitive or group is needed");
}

fn exactly_one(v: V<'_, '_>, n: NodeIx, names: &[&str], otherwise: &'static str) {
    if v.doc.children(n).filter(|&c| names.contains(&v.doc.name(c))).count() != 1 {
        v.report(n, Problem::Other(otherwise));
    }
}

fn bundle(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), may("description", Text)]);
    let [instance, meta] = INSTANCE_AND_META;
    let mut children: Vec<Child> = vec![
        instance,
        meta,
        ("docker", Any, container),
        ("network", Optional, network),
        ("storage", Optional, |v, n| section(v, n, &[("storage-mapping", Any, storage_mapping)])),
        ("primitive", Optional, primitive),
    ];
    if v.level >= V3_2 {
        children.push(("podman", Any, container));
    }
    if v.level < V4_0 {
        children.push(("rkt", Any, container));
    }
    v.children(n, &children);
    exactly_one(v, n, &["docker", "podman", "rkt"], "exactly one container element is needed");
}

fn container(v: V<'_, '_>, n: NodeIx) {
    let mut attributes = vec![
        must("image", Text),
        may("replicas", Int),
        may("replicas-per-host", Int),
        may("run-command", Text),
        may("network", Text),
        may("options", Text),
    ];
    let promoted = if v.level < V4_0 && v.has(n, "masters") { "masters" } else { "promoted-max" };
    attributes.push(may(promoted, Int));
    v.attributes(n, &attributes);
    v.children(n, &[]);
}

fn network(v: V<'_, '_>, n: NodeIx) {
    v.attributes(
        n,
        &[
            may("ip-range-start", Text),
            may("control-port", Int),
            may("host-interface", Text),
            may("host-netmask", Int),
            may("add-host", Bool),
        ],
    );
    v.children(n, &[("port-mapping", Any, port_mapping)]);
}

fn port_mapping(v: V<'_, '_>, n: NodeIx) {
    if v.has(n, "range") {
        v.attributes(n, &[must("id", Id), must("range", Range)]);
    } else {
        v.attributes(n, &[must("id", Id), must("port", Int), may("internal-port", Int)]);
    }
    v.children(n, &[]);
}

fn storage_mapping(v: V<'_, '_>, n: NodeIx) {
    let source = if v.has(n, "source-dir-root") { "source-dir-root" } else { "source-dir" };
    v.attributes(n, &[must("id", Id), must(source, Text), must("target-dir", Text), may("options", Text)]);
    v.children(n, &[]);
}

fn operations(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[may("id", Id), may("id-ref", IdRef)]);
    v.children(n, &[("op", Any, op)]);
}

fn op(v: V<'_, '_>, n: NodeIx) {
    let roles: &[&str] = if v.level >= V3_7 {
        &["Stopped", "Started", "Promoted", "Unpromoted", "Slave", "Master"]
    } else {
        &["Stopped", "Started", "Slave", "Master"]
    };
    let failures: &[&str] = if v.level >= V3_4 {
        &["ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container"]
    } else {
        &["ignore", "block", "stop", "restart", "standby", "fence", "restart-container"]
    };
    let delay = if v.has(n, "interval-origin") { "interval-origin" } else { "start-delay" };
    let mut attributes = vec![
        must("id", Id),
        must("name", Text),
        must("interval", Text),
        may("description", Text),
        may(delay, Text),
        may("timeout", Text),
        may("enabled", Bool),
        may("record-pending", Bool),
        may("role", Words(roles)),
        may("on-fail", Words(failures)),
    ];
    if v.level < V3_0 {
        attributes.push(may("requires", Text));
    }
    v.attributes(n, &attributes);
    v.children(n, &[("instance_attributes", Any, operation_instance), ("meta_attributes", Any, operation_meta)]);
}

// --- constraints [CB-4.7]

fn constraints(v: V<'_, '_>, n: NodeIx) {
    let children: [Child; 4] = [
        ("rsc_location", Any, location),
        ("rsc_colocation", Any, colocation),
        ("rsc_order", Any, order),
        ("rsc_ticket", Any, ticket),
    ];
    section(v, n, &children);
}

fn roles(v: V<'_, '_>) -> Type {
    Words(if v.level >= V3_7 {
        &["Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"]
    } else {
        &["Stopped", "Started", "Master", "Slave"]
    })
}

const ACTIONS: Type = Words(&["start", "promote", "demote", "stop"]);
const KINDS: Type = Words(&["Optional", "Mandatory", "Serialize"]);

fn has_sets(v: V<'_, '_>, n: NodeIx) -> bool {
    v.doc.child(n, "resource_set").is_some()
}

/// The element that schemas before 4.0 allow in constraints.
fn lifetime(v: V<'_, '_>) -> Option<Child> {
    (v.level < V4_0).then_some(("lifetime", Optional, |v, n| section(v, n, &[("rule", Several, rule)])))
}

fn location(v: V<'_, '_>, n: NodeIx) {
    let mut attributes = vec![must("id", Id), may("resource-discovery", Words(&["always", "never", "exclusive"]))];
    let sets = has_sets(v, n);
    if !sets {
        let which = if v.has(n, "rsc-pattern") { must("rsc-pattern", Text) } else { must("rsc", IdRef) };
        attributes.extend([which, may("role", roles(v))]);
    }
    let rules = v.doc.child(n, "rule").is_some();
    if !rules {
        attributes.extend([must("score", Score), must("node", Text)]);
    }
    v.attributes(n, &attributes);
    let times = if v.level >= V4_0 { Optional } else { Any };
    let children: Vec<Child> = [("resource_set", Any, resource_set as fn(V<'_, '_>, NodeIx)), ("rule", Any, rule)]
        .into_iter()
        .map(|(name, _, check)| (name, if name == "rule" { times } else { Any }, check))
        .chain(lifetime(v))
        .collect();
    v.children(n, &children);
}

fn constraint(v: V<'_, '_>, n: NodeIx, attributes: &[Attribute]) {
    v.attributes(n, attributes);
    let children: Vec<Child> =
        [("resource_set", Any, resource_set as fn(V<'_, '_>, NodeIx))].into_iter().chain(lifetime(v)).collect();
    v.children(n, &children);
}

fn colocation(v: V<'_, '_>, n: NodeIx) {
    let mut attributes = vec![must("id", Id)];
    let old = ["score-attribute", "score-attribute-mangle"].into_iter().find(|name| v.level < V3_0 && v.has(n, name));
    attributes.push(old.map_or(may("score", Score), |name| may(name, Text)));
    if v.level >= V3_6 {
        attributes.push(may("influence", Text));
    }
    if !has_sets(v, n) {
        attributes.extend([
            must("rsc", IdRef),
            must("with-rsc", IdRef),
            may("node-attribute", Text),
            may("rsc-role", roles(v)),
            may("with-rsc-role", roles(v)),
        ]);
    }
    constraint(v, n, &attributes);
}

fn order(v: V<'_, '_>, n: NodeIx) {
    let strength = if v.has(n, "kind") { may("kind", KINDS) } else { may("score", Score) };
    let mut attributes = vec![must("id", Id), may("symmetrical", Bool), may("require-all", Bool), strength];
    if !has_sets(v, n) {
        attributes.extend([
            must("first", IdRef),
            must("then", IdRef),
            may("first-action", ACTIONS),
            may("then-action", ACTIONS),
        ]);
    }
    constraint(v, n, &attributes);
}

fn ticket(v: V<'_, '_>, n: NodeIx) {
    let losses = Words(&["stop", "demote", "fence", "freeze"]);
    let mut attributes = vec![must("id", Id), must("ticket", Text), may("loss-policy", losses)];
    if !has_sets(v, n) {
        attributes.extend([must("rsc", IdRef), may("rsc-role", roles(v))]);
    }
    v.attributes(n, &attributes);
    v.children(n, &[("resource_set", Any, resource_set)]);
}

fn resource_set(v: V<'_, '_>, n: NodeIx) {
    if is_reference(v, n) {
        return;
    }
    let strength = if v.has(n, "kind") { may("kind", KINDS) } else { may("score", Score) };
    let attributes = [
        must("id", Id),
        may("sequential", Bool),
        may("require-all", Bool),
        may("ordering", Words(&["group", "listed"])),
        may("action", ACTIONS),
        may("role", roles(v)),
        strength,
    ];
    v.attributes(n, &attributes);
    v.children(
        n,
        &[("resource_ref", Several, |v, n| {
            v.attributes(n, &[must("id", IdRef)]);
            v.children(n, &[]);
        })],
    );
}

// --- the rest [CB-4.8]

fn fencing_level(v: V<'_, '_>, n: NodeIx) {
    let max = if v.level >= V4_0 { 9 } else { u32::MAX };
    let mut attributes = vec![must("id", Id), must("index", Positive(max)), must("devices", Devices)];
    if v.has(n, "target-pattern") {
        attributes.push(must("target-pattern", Text));
    } else if v.has(n, "target-attribute") || v.has(n, "target-value") {
        attributes.extend([must("target-attribute", Text), must("target-value", Text)]);
    } else {
        attributes.push(must("target", Text));
    }
    v.attributes(n, &attributes);
    v.children(n, &[]);
}

fn tag(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id)]);
    v.children(
        n,
        &[("obj_ref", Several, |v, n| {
            let ty = if v.level >= V3_3 { Text } else { IdRef };
            v.attributes(n, &[must("id", ty)]);
            v.children(n, &[]);
        })],
    );
}

fn alert(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("path", Text), may("description", Text)]);
    v.children(
        n,
        &[
            ("meta_attributes", Any, nvset),
            ("instance_attributes", Any, nvset),
            ("select", Optional, |v, n| {
                let children: [Child; 4] = [
                    ("select_attributes", Optional, |v, n| section(v, n, &[("attribute", Any, alert_attribute)])),
                    ("select_fencing", Optional, empty),
                    ("select_nodes", Optional, empty),
                    ("select_resources", Optional, empty),
                ];
                section(v, n, &children);
            }),
            ("recipient", Any, |v, n| {
                v.attributes(n, &[must("id", Id), must("value", Text), may("description", Text)]);
                v.children(n, &[("meta_attributes", Any, nvset), ("instance_attributes", Any, nvset)]);
            }),
        ],
    );
}

fn alert_attribute(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("name", Text)]);
    v.children(n, &[]);
}

fn acls(v: V<'_, '_>, n: NodeIx) {
    if v.level < V2_0 {
        return section(v, n, &[("acl_user", Any, acl_user), ("acl_role", Any, acl_role_1)]);
    }
    let children: [Child; 3] = [
        ("acl_target", Any, |v, n| acl_subject(v, n, Text)),
        ("acl_group", Any, |v, n| acl_subject(v, n, Id)),
        ("acl_role", Any, |v, n| {
            v.attributes(n, &[must("id", Id), may("description", Text)]);
            v.children(n, &[("acl_permission", Any, acl_permission)]);
        }),
    ];
    section(v, n, &children);
}

fn acl_subject(v: V<'_, '_>, n: NodeIx, id: Type) {
    let name = (v.level >= V3_8).then_some(may("name", Text));
    let attributes: Vec<Attribute> = [must("id", id)].into_iter().chain(name).collect();
    v.attributes(n, &attributes);
    v.children(
        n,
        &[("role", Any, |v, n| {
            v.attributes(n, &[must("id", IdRef)]);
            v.children(n, &[]);
        })],
    );
}

fn acl_permission(v: V<'_, '_>, n: NodeIx) {
    let kinds = Words(&["read", "write", "deny"]);
    let mut attributes = vec![must("id", Id), must("kind", kinds), may("description", Text)];
    if v.has(n, "xpath") {
        attributes.push(must("xpath", Text));
    } else if v.has(n, "reference") {
        attributes.push(must("reference", IdRef));
    } else {
        attributes.extend([must("object-type", Text), may("attribute", Text)]);
    }
    v.attributes(n, &attributes);
    v.children(n, &[]);
}

// --- access control before 2.0

const ACL_RULES_1: [Child; 3] = [("read", Any, acl_rule_1), ("write", Any, acl_rule_1), ("deny", Any, acl_rule_1)];

fn acl_user(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id)]);
    if v.doc.child(n, "role_ref").is_some() {
        v.children(
            n,
            &[("role_ref", Several, |v, n| {
                v.attributes(n, &[must("id", IdRef)]);
                v.children(n, &[]);
            })],
        );
    } else {
        v.children(n, &ACL_RULES_1);
    }
}

fn acl_role_1(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id)]);
    v.children(n, &ACL_RULES_1);
}

fn acl_rule_1(v: V<'_, '_>, n: NodeIx) {
    let which = if v.has(n, "ref") {
        must("ref", IdRef)
    } else if v.has(n, "tag") {
        must("tag", Text)
    } else {
        must("xpath", Text)
    };
    v.attributes(n, &[must("id", Id), which, may("attribute", Text)]);
    v.children(n, &[]);
}
