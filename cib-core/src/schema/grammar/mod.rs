//! What a document may contain: one function per element [CB-4].
//!
//! The tables are those of `pacemaker-4.0`; earlier schemas are told as differences by level. Documents older than
//! `pacemaker-3.0` are checked against 3.0 plus everything that the later transformations know how to bring up to date.

mod access;
mod alerts;
mod constraints;
mod resources;
mod rules;
mod sets;

use super::level::*;
use super::types::Type::*;
use super::validator::{Child, Problem, Times, Validator, may, must};
use crate::xml::NodeIx;
use Times::{Any, One, Optional, Some as Several};

pub(super) use sets::REFUSED_INFRASTRUCTURE;

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
            ("crm_config", One, |v, n| section(v, n, &[("cluster_property_set", Any, sets::property_set)])),
            ("nodes", One, |v, n| section(v, n, &[("node", Any, resources::node)])),
            ("resources", One, resources::resources),
            ("constraints", One, constraints::constraints),
            ("rsc_defaults", Optional, |v, n| section(v, n, &[("meta_attributes", Any, sets::resource_meta)])),
            ("op_defaults", Optional, |v, n| section(v, n, &[("meta_attributes", Any, sets::operation_meta)])),
            ("fencing-topology", Optional, |v, n| section(v, n, &[("fencing-level", Any, fencing_level)])),
            ("acls", Optional, access::acls),
            ("tags", Optional, |v, n| section(v, n, &[("tag", Any, tag)])),
            ("alerts", Optional, |v, n| section(v, n, &[("alert", Any, alerts::alert)])),
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

fn exactly_one(v: V<'_, '_>, n: NodeIx, names: &[&str], otherwise: &'static str) {
    if v.doc.children(n).filter(|&c| names.contains(&v.doc.name(c))).count() != 1 {
        v.report(n, Problem::Other(otherwise));
    }
}

// --- fencing and tags [CB-4.8]

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
