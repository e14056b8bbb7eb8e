//! What 4.0 no longer supports: agents, containers, options, and what refers to them [CB-5.6 step 5].

use hashbrown::HashSet;

use super::tree::{all, attr, children};
use crate::xml::{Document, NodeIx};

pub(super) fn transform(doc: &mut Document, warnings: &mut Vec<String>) {
    options(doc, warnings);
    let dropped = resources(doc, warnings);
    if !dropped.is_empty() {
        constraints(doc, &dropped);
    }
}

fn options(doc: &mut Document, warnings: &mut Vec<String>) {
    for set in all(doc, &["meta_attributes"]) {
        let parent = doc.parent(set).map(|parent| doc.name(parent).to_owned()).unwrap_or_default();
        let id = attr(doc, set, "id");
        for pair in children(doc, set, &["nvpair"]) {
            let name = attr(doc, pair, "name");
            let text = match (parent.as_str(), name.as_str()) {
                ("op" | "op_defaults", "can_fail" | "role_after_failure") => {
                    format!("Dropping {name} meta-attribute from {id} because it is no longer supported")
                }
                ("primitive" | "template" | "group" | "clone" | "bundle" | "rsc_defaults", "restart-type") => format!(
                    "Dropping restart-type meta-attribute from {id} because it is no longer supported. Consider setting the \"kind\" attribute for relevant constraints"
                ),
                _ => continue,
            };
            warnings.push(text);
            doc.remove(pair);
        }
    }
}

/// Removes resources; gives the ids of all that went.
fn resources(doc: &mut Document, warnings: &mut Vec<String>) -> HashSet<String> {
    let mut dropped: HashSet<String> = HashSet::new();
    let is_gone = |doc: &Document, n: NodeIx, dropped: &HashSet<String>| {
        let class = doc.attr(n, "class").unwrap_or_default().to_ascii_lowercase();
        let template = doc.attr(n, "template").unwrap_or_default();
        matches!(class.as_str(), "nagios" | "upstart") || dropped.contains(template)
    };
    for name in ["template", "primitive"] {
        for agent in all(doc, &[name]) {
            if is_gone(doc, agent, &dropped) {
                let (id, class) = (attr(doc, agent, "id"), attr(doc, agent, "class"));
                let class = if class.is_empty() { "nagios or upstart".into() } else { class };
                warnings.push(format!("Dropping resource {id} because {class} resources are no longer supported"));
                dropped.insert(id);
                doc.remove(agent);
            }
        }
    }
    for bundle in all(doc, &["bundle"]) {
        if doc.child(bundle, "rkt").is_some() {
            let id = attr(doc, bundle, "id");
            warnings.push(format!("Dropping bundle resource {id} because rkt containers are no longer supported"));
            dropped.extend(doc.child(bundle, "primitive").and_then(|p| doc.id(p)).map(str::to_owned));
            dropped.insert(id);
            doc.remove(bundle);
        }
    }
    for (name, content) in [("group", &["primitive"][..]), ("clone", &["primitive", "group"])] {
        for collective in all(doc, &[name]) {
            if children(doc, collective, content).is_empty() {
                let id = attr(doc, collective, "id");
                warnings.push(format!("Dropping resource {id} because it has no members any more"));
                dropped.insert(id);
                doc.remove(collective);
            }
        }
    }
    dropped
}

fn constraints(doc: &mut Document, dropped: &HashSet<String>) {
    for reference in all(doc, &["resource_ref"]) {
        if doc.id(reference).is_some_and(|id| dropped.contains(id)) {
            doc.remove(reference);
        }
    }
    for constraint in all(doc, &["rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"]) {
        let sets = children(doc, constraint, &["resource_set"]);
        let mut left = sets.len();
        for set in &sets {
            if doc.child(*set, "resource_ref").is_none() && doc.attr(*set, "id-ref").is_none() {
                doc.remove(*set);
                left -= 1;
            }
        }
        let refers = |name| doc.attr(constraint, name).is_some_and(|id| dropped.contains(id));
        if ["rsc", "with-rsc", "first", "then"].into_iter().any(refers) || (left == 0 && !sets.is_empty()) {
            doc.remove(constraint);
        }
    }
}
