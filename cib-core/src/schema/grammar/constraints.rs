//! Constraints [CB-4.7].

use super::super::level::*;
use super::super::types::Type::{self, *};
use super::super::validator::{Attribute, Child, Times, may, must};
use super::rules::rule;
use super::{V, is_reference, section};
use crate::xml::NodeIx;
use Times::{Any, Optional, Some as Several};

pub(super) fn constraints(v: V<'_, '_>, n: NodeIx) {
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
