//! 1.3 → 2.0: access control [CB-5.4].

use super::tree::{all, attr, children};
use crate::xml::{Document, NodeIx};

const RULES: [&str; 3] = ["read", "write", "deny"];

pub(super) fn transform(doc: &mut Document) {
    for role_ref in all(doc, &["role_ref"]) {
        doc.rename(role_ref, "role");
    }
    for acls in all(doc, &["acls"]) {
        for subject in children(doc, acls, &["acl_role", "acl_user"]) {
            let rules = children(doc, subject, &RULES);
            rules.iter().for_each(|&rule| convert(doc, rule));
            if doc.name(subject) == "acl_user" {
                user(doc, acls, subject, &rules);
            }
        }
    }
    let root = doc.root();
    doc.set_attr(root, "validate-with", "pacemaker-2.0");
}

/// A rule of its own kind becomes a permission.
fn convert(doc: &mut Document, rule: NodeIx) {
    let kind = doc.name(rule).to_owned();
    let given = |name| doc.attr(rule, name).map(str::to_owned);
    let (id, attribute) = (attr(doc, rule, "id"), given("attribute"));
    let mut attributes = vec![("id", id), ("kind", kind)];
    match (given("ref"), given("tag"), given("xpath")) {
        (Some(reference), ..) => attributes.push(("reference", reference)),
        (None, Some(tag), _) => {
            attributes.push(("object-type", tag));
            attributes.extend(attribute.map(|a| ("attribute", a)));
        }
        (None, None, xpath) => {
            let condition = attribute.map_or(String::new(), |a| format!("[@{a}]"));
            attributes.push(("xpath", xpath.unwrap_or_default() + &condition));
        }
    }
    doc.rename(rule, "acl_permission");
    doc.clear_attrs(rule);
    attributes.iter().for_each(|(name, value)| doc.set_attr(rule, name, value));
}

/// A user with rules of its own gets a role for them.
fn user(doc: &mut Document, acls: NodeIx, user: NodeIx, rules: &[NodeIx]) {
    doc.rename(user, "acl_target");
    if doc.child(user, "role").is_some() || rules.is_empty() {
        return;
    }
    let id = format!("auto-{}", attr(doc, user, "id"));
    let position = doc.position(user) + 1;
    let role = doc.insert(acls, position, "acl_role");
    doc.set_attr(role, "id", &id);
    rules.iter().for_each(|&rule| doc.relocate(rule, role, None));
    let reference = doc.append(user, "role");
    doc.set_attr(reference, "id", &id);
}
