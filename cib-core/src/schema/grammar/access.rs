//! Access control [CB-4.8].

use super::super::level::*;
use super::super::types::Type::{self, *};
use super::super::validator::{Attribute, Child, Times, may, must};
use super::{V, section};
use crate::xml::NodeIx;
use Times::{Any, Some as Several};

pub(super) fn acls(v: V<'_, '_>, n: NodeIx) {
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

// --- before 2.0

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
