//! Nodes and resources [CB-4.5, CB-4.6].

use super::super::level::*;
use super::super::types::Type::*;
use super::super::validator::{Attribute, Child, Times, may, must};
use super::sets::{nvset, operation_instance, operation_meta, primitive_instance, primitive_meta, resource_meta};
use super::{V, exactly_one, section};
use crate::xml::NodeIx;
use Times::{Any, Optional, Some as Several};

pub(super) fn node(v: V<'_, '_>, n: NodeIx) {
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

pub(super) fn resources(v: V<'_, '_>, n: NodeIx) {
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
