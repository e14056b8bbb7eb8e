//! 2.10 → 3.0 [CB-5.5].

use super::properties;
use super::tree::{above, all, append, attr, children, pair, plain_set, remove_if_empty};
use crate::xml::{Document, NodeIx};

const FOLDED: [&str; 3] = ["cluster_property_set", "instance_attributes", "meta_attributes"];
const COPY: &str = "_cibtr-2_";

pub(super) fn transform(doc: &mut Document, warnings: &mut Vec<String>) {
    unfold(doc);
    properties::transform(doc);
    for node in all(doc, &["node"]) {
        if doc.attr(node, "type") == Some("normal") {
            doc.set_attr(node, "type", "member");
        }
    }
    for resource in all(doc, &["primitive", "template"]) {
        fencing_parameters(doc, resource, warnings);
        resource_meta(doc, resource, warnings);
        operations(doc, resource);
    }
    for colocation in all(doc, &["rsc_colocation"]) {
        doc.remove_attr(colocation, "score-attribute");
        doc.remove_attr(colocation, "score-attribute-mangle");
    }
    let root = doc.root();
    doc.set_attr(root, "validate-with", "pacemaker-3.0");
    fold(doc);
}

// --- references

/// Puts copies in the place of references to sets.
fn unfold(doc: &mut Document) {
    for set in all(doc, &FOLDED) {
        let Some(id) = doc.attr(set, "id-ref").map(str::to_owned) else { continue };
        let name = doc.name(set).to_owned();
        let originals: Vec<NodeIx> =
            all(doc, &[&name]).into_iter().filter(|&n| doc.attr(n, "id") == Some(&id)).collect();
        let ([original], Some(parent)) = (&originals[..], doc.parent(set)) else { continue };
        let copy = doc.duplicate(parent, Some(set), *original);
        doc.set_attr(copy, "id", &format!("{COPY}{id}"));
        let inside: Vec<NodeIx> = doc.descendants(copy).filter(|&n| doc.name(n) != "resource_ref").collect();
        for n in inside {
            if let Some(inner) = doc.id(n).map(str::to_owned) {
                doc.set_attr(n, "id", &format!("_{COPY}{id}__{inner}"));
            }
        }
        doc.remove(set);
    }
}

/// Puts references in the place of copies that are still like their originals.
fn fold(doc: &mut Document) {
    for copy in all(doc, &FOLDED) {
        let Some(id) = doc.id(copy).and_then(|id| id.strip_prefix(COPY)).map(str::to_owned) else { continue };
        let original = all(doc, &[doc.name(copy)]).into_iter().find(|&n| n != copy && doc.id(n) == Some(&id));
        if original.is_some_and(|original| alike(doc, copy, original)) {
            doc.clear(copy);
            doc.clear_attrs(copy);
            doc.set_attr(copy, "id-ref", &id);
        }
    }
}

/// Whether two elements are equal but for ids.
fn alike(doc: &Document, a: NodeIx, b: NodeIx) -> bool {
    let attributes = |n: NodeIx| -> Vec<(&str, &str)> {
        let mut attributes: Vec<_> = doc.attrs(n).filter(|(name, _)| *name != "id").collect();
        attributes.sort_unstable();
        attributes
    };
    let (left, right): (Vec<_>, Vec<_>) = (doc.children(a).collect(), doc.children(b).collect());
    doc.name(a) == doc.name(b)
        && attributes(a) == attributes(b)
        && left.len() == right.len()
        && left.iter().zip(&right).all(|(&a, &b)| alike(doc, a, b))
}

// --- parameters of fencing devices

fn fencing_parameters(doc: &mut Document, resource: NodeIx, warnings: &mut Vec<String>) {
    for set in children(doc, resource, &["instance_attributes"]) {
        for pair in children(doc, set, &["nvpair"]) {
            let name = attr(doc, pair, "name");
            match name.as_str() {
                "pcmk_list_cmd" | "pcmk_monitor_cmd" | "pcmk_off_cmd" | "pcmk_on_cmd" | "pcmk_reboot_cmd"
                | "pcmk_status_cmd" => doc.set_attr(pair, "name", &name.replace("_cmd", "_action")),
                "pcmk_arg_map" => {
                    let value = attr(doc, pair, "value");
                    match value.strip_prefix("port:").filter(|rest| !rest.contains(',')) {
                        Some(rest) => {
                            doc.set_attr(pair, "name", "pcmk_host_argument");
                            doc.set_attr(pair, "value", rest);
                        }
                        None => {
                            warnings.push(format!("Dropping pcmk_arg_map of {}", attr(doc, resource, "id")));
                            doc.remove(pair);
                        }
                    }
                }
                _ => {}
            }
        }
        remove_if_emptied(doc, set);
    }
}

/// Removes a set that this transformation left without content.
fn remove_if_emptied(doc: &mut Document, set: NodeIx) {
    if doc.child(set, "rule").is_none() {
        remove_if_empty(doc, set);
    } else if doc.child(set, "nvpair").is_none() {
        doc.remove(set);
    }
}

// --- meta attributes of resources

fn resource_meta(doc: &mut Document, resource: NodeIx, warnings: &mut Vec<String>) {
    for set in children(doc, resource, &["meta_attributes"]) {
        let pairs = children(doc, set, &["nvpair"]);
        let mut changed = false;
        let mut kept = false;
        for pair in pairs {
            let name = attr(doc, pair, "name");
            let new = match name.as_str() {
                "isolation" | "isolation-host" | "isolation-instance" | "isolation-wrapper" => {
                    Some(("target-role", "Stopped"))
                }
                "resource-failure-stickiness" | "resource_failure_stickiness" => {
                    if attr(doc, pair, "value") != "-INFINITY" {
                        doc.remove(pair);
                        changed = true;
                        continue;
                    }
                    Some(("migration-threshold", "1"))
                }
                _ => None,
            };
            match new {
                None => kept = true,
                // A converted pair survives only as the first of its set.
                Some(_) if kept => {
                    warnings.push(format!("Dropping {name} of {}", attr(doc, resource, "id")));
                    doc.remove(pair);
                    changed = true;
                }
                Some((name, value)) => {
                    doc.set_attr(pair, "name", name);
                    doc.set_attr(pair, "value", value);
                    kept = true;
                }
            }
        }
        if changed {
            remove_if_emptied(doc, set);
        }
    }
}

// --- operations

const MOVED_TO_META: [&str; 7] =
    ["interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout"];

fn operations(doc: &mut Document, resource: NodeIx) {
    let ops: Vec<NodeIx> = doc.descendants(resource).filter(|&n| doc.name(n) == "op").collect();
    let ops: Vec<NodeIx> =
        ops.into_iter().filter(|&op| above(doc, op, &["primitive", "template"]) == Some(resource)).collect();
    requires(doc, resource, &ops);
    for op in ops {
        instance_to_meta(doc, op);
    }
}

/// What an operation requires becomes what its resource requires.
fn requires(doc: &mut Document, resource: NodeIx, ops: &[NodeIx]) {
    let plain: Vec<NodeIx> = children(doc, resource, &["meta_attributes"]);
    let defined = plain.iter().any(|&set| doc.child(set, "rule").is_none() && pair(doc, set, "requires").is_some());
    let mut last = None;
    for &op in ops {
        let Some(value) = doc.attr(op, "requires").map(str::to_owned) else { continue };
        doc.remove_attr(op, "requires");
        if matches!(doc.attr(op, "name"), Some("start" | "promote")) {
            last = Some((attr(doc, op, "id"), value));
        }
    }
    let from_attribute = last.is_some();
    if let Some((op, value)) = last.filter(|_| !defined) {
        let id = format!("_2TO3_{}-meta", attr(doc, resource, "id"));
        let set = append(doc, resource, "meta_attributes", &[("id", &id)]);
        let id = format!("_2TO3_{op}-meta-requires");
        append(doc, set, "nvpair", &[("id", &id), ("name", "requires"), ("value", &value)]);
    }
    for &op in ops {
        let starts = matches!(doc.attr(op, "name"), Some("start" | "promote"));
        for set in children(doc, op, &["meta_attributes", "instance_attributes"]) {
            let Some(found) = pair(doc, set, "requires") else { continue };
            if starts && !defined && !from_attribute {
                let id = format!("_2TO3_{}", attr(doc, set, "id"));
                let home = doc.append(resource, "meta_attributes");
                if let Some(score) = doc.attr(set, "score").map(str::to_owned) {
                    doc.set_attr(home, "score", &score);
                }
                doc.set_attr(home, "id", &id);
                if let Some(rule) = doc.child(set, "rule") {
                    doc.duplicate(home, None, rule);
                }
                doc.relocate(found, home, None);
            } else {
                doc.remove(found);
            }
            remove_if_emptied(doc, set);
        }
    }
}

/// Instance attributes that an operation should have had as meta attributes.
fn instance_to_meta(doc: &mut Document, op: NodeIx) {
    for set in children(doc, op, &["instance_attributes"]) {
        let moved: Vec<NodeIx> = children(doc, set, &["nvpair"])
            .into_iter()
            .filter(|&pair| MOVED_TO_META.contains(&doc.attr(pair, "name").unwrap_or_default()))
            .collect();
        if moved.is_empty() {
            continue;
        }
        let rule = doc.child(set, "rule");
        let home = match rule {
            Some(rule) => {
                let id = format!("_2TO3_{}", attr(doc, set, "id"));
                let home = append(doc, op, "meta_attributes", &[("id", &id)]);
                doc.duplicate(home, None, rule);
                home
            }
            None => plain_set(doc, op, "meta_attributes").unwrap_or_else(|| {
                let id = format!("_2TO3_{}-meta", attr(doc, op, "id"));
                append(doc, op, "meta_attributes", &[("id", &id)])
            }),
        };
        for found in moved {
            let name = attr(doc, found, "name");
            if pair(doc, home, &name).is_some() {
                doc.remove(found);
            } else {
                doc.relocate(found, home, None);
            }
        }
        remove_if_emptied(doc, set);
    }
}
