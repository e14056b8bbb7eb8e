//! 3.10 → 4.0, up to the removal of what is no longer supported [CB-5.6].

use core::cmp::Reverse;
use hashbrown::{HashMap, HashSet};

use super::removals;
use super::tree::{NVSETS, above, all, append, attr, children, configuration, is_one_of};
use crate::xml::{Document, NodeIx};

/// Begins all ids that are made here.
pub(super) const PREFIX: &str = "pcmk__3_10_upgrade-";

/// What is known of a document while it is transformed.
#[derive(Default)]
pub(super) struct State {
    /// Elements that stand for references and become references again.
    pub(super) copies: HashSet<NodeIx>,
    /// Ids that something outside of lifetimes of colocations and orders refers to.
    referenced: HashSet<String>,
}

pub(super) fn transform(doc: &mut Document, warnings: &mut Vec<String>) {
    let mut state = State::default();
    resolve(doc, &mut state);
    sort_sets(doc);
    rename(doc, warnings);
    duplicates(doc);
    ping_nodes(doc);
    masters(doc);
    split_locations(doc, &mut state);
    lifetimes(doc, &state, warnings);
    removals::transform(doc, warnings);
    restore(doc, &state);
    let root = doc.root();
    doc.set_attr(root, "validate-with", "pacemaker-4.0");
}

// --- references

/// Puts copies in the place of references.
fn resolve(doc: &mut Document, state: &mut State) {
    let Some(configuration) = configuration(doc) else { return };
    // References in what is copied are followed too; a chain longer than this is a circle.
    for _ in 0..16 {
        let mut originals: HashMap<String, NodeIx> = HashMap::new();
        let mut references = Vec::new();
        for n in doc.descendants(configuration) {
            match (doc.id(n), doc.attr(n, "id-ref")) {
                (_, Some(reference)) => references.push((n, reference.to_owned())),
                (Some(id), None) if !is_one_of(doc, n, &["resource_ref", "obj_ref", "role"]) => {
                    originals.entry(id.to_owned()).or_insert(n);
                }
                _ => {}
            }
        }
        if references.is_empty() {
            return;
        }
        for (n, id) in references {
            let lifetime = above(doc, n, &["lifetime"]).and_then(|l| doc.parent(l));
            if lifetime.is_none_or(|c| doc.name(c) == "rsc_location") {
                state.referenced.insert(id.clone());
            }
            let original = originals.get(&id).copied().filter(|&o| doc.is_alive(o) && doc.name(o) == doc.name(n));
            let (Some(original), Some(parent)) = (original, doc.parent(n)) else { continue };
            // An element cannot stand inside itself.
            if core::iter::successors(Some(n), |&n| doc.parent(n)).any(|up| up == original) {
                continue;
            }
            let name = doc.attr(n, "name").map(str::to_owned);
            let copy = doc.duplicate(parent, Some(n), original);
            match name.filter(|_| doc.name(n) == "nvpair") {
                Some(name) => {
                    doc.set_attr(copy, "id", &format!("{PREFIX}{id}-{name}"));
                    doc.set_attr(copy, "name", &name);
                }
                None => state.copies.extend(core::iter::once(copy).chain(doc.descendants(copy))),
            }
            doc.remove(n);
        }
    }
}

/// Puts references in the place of copies, where what they refer to is still there.
fn restore(doc: &mut Document, state: &State) {
    let Some(configuration) = configuration(doc) else { return };
    let mut known: HashSet<String> = HashSet::new();
    let elements: Vec<NodeIx> = doc.descendants(configuration).collect();
    let by_id = |doc: &Document, n: NodeIx| !is_one_of(doc, n, &["resource_ref", "obj_ref", "role", "node"]);
    for &n in elements.iter().filter(|n| !state.copies.contains(*n)) {
        known.extend(doc.id(n).filter(|_| by_id(doc, n)).map(str::to_owned));
    }
    for n in elements {
        if !doc.is_alive(n) || !by_id(doc, n) {
            continue;
        }
        let Some(id) = doc.id(n).map(str::to_owned).filter(|_| state.copies.contains(&n)) else { continue };
        if !known.insert(id.clone()) {
            doc.clear(n);
            doc.clear_attrs(n);
            doc.set_attr(n, "id-ref", &id);
        }
    }
    for permission in all(doc, &["acl_permission"]) {
        if doc.attr(permission, "reference").is_some_and(|id| !known.contains(id)) {
            doc.rename_attr(permission, "reference", "xpath");
            doc.set_attr(permission, "xpath", "/*[false()]");
        }
    }
}

// --- name/value sets

/// Sets stand behind everything else, in the order in which they are evaluated.
fn sort_sets(doc: &mut Document) {
    let Some(configuration) = configuration(doc) else { return };
    let parents: Vec<NodeIx> = doc.descendants(configuration).collect();
    for parent in parents {
        let mut sets = children(doc, parent, &NVSETS);
        if sets.is_empty() {
            continue;
        }
        sets.sort_by_key(|&set| {
            let first = doc.name(set) == "cluster_property_set" && doc.id(set) == Some("cib-bootstrap-options");
            let score = doc.attr(set, "score").map(crate::schema::types::trim);
            let score = score.and_then(crate::cib::parse_score).unwrap_or(0);
            (Reverse(first), Reverse(score))
        });
        sets.into_iter().for_each(|set| doc.relocate(set, parent, None));
    }
}

/// Names and values that have others now.
fn rename(doc: &mut Document, warnings: &mut Vec<String>) {
    for pair in all(doc, &["nvpair"]) {
        if doc.attr(pair, "value").is_none() && doc.attr(pair, "id-ref").is_none() {
            let id = attr(doc, pair, "id");
            warnings.push(format!("Dropping nvpair {id} because it has no value"));
            doc.remove(pair);
        }
    }
    for spec in all(doc, &["date_spec"]) {
        if doc.attr(spec, "moon").is_some() {
            let id = attr(doc, spec, "id");
            warnings
                .push(format!("Dropping moon attribute from date spec {id} because moon phase is no longer supported"));
            doc.remove_attr(spec, "moon");
        }
    }
    for set in all(doc, &["cluster_property_set"]) {
        for pair in children(doc, set, &["nvpair"]) {
            let id = attr(doc, pair, "id");
            match doc.attr(pair, "name").unwrap_or_default() {
                "crmd-finalization-timeout" => doc.set_attr(pair, "name", "join-finalization-timeout"),
                "crmd-integration-timeout" => doc.set_attr(pair, "name", "join-integration-timeout"),
                "crmd-transition-delay" => doc.set_attr(pair, "name", "transition-delay"),
                "stonith-action" if doc.attr(pair, "value") == Some("poweroff") => doc.set_attr(pair, "value", "off"),
                "remove-after-stop" => {
                    warnings
                        .push(format!("Dropping nvpair {id} because the remove-after-stop property is unsupported"));
                    doc.remove(pair);
                }
                _ => {}
            }
        }
    }
    for level in all(doc, &["fencing-level"]) {
        let index = attr(doc, level, "index");
        if !crate::schema::types::Type::Positive(9).accepts(&index) {
            let id = attr(doc, level, "id");
            warnings.push(format!("Dropping fencing level {id} because its index is greater than 9"));
            doc.remove(level);
        }
    }
}

/// Of several pairs with one name in a set, the one that counts stays.
fn duplicates(doc: &mut Document) {
    const DEFAULT: &str = "#default";
    for set in all(doc, &NVSETS) {
        let pairs = children(doc, set, &["nvpair"]);
        let facts: Vec<(String, bool)> =
            pairs.iter().map(|&pair| (attr(doc, pair, "name"), doc.attr(pair, "value") == Some(DEFAULT))).collect();
        // By name: the last place, the last default, and whether a value counts already.
        let mut last: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
        for (i, (name, default)) in facts.iter().enumerate() {
            let entry = last.entry(name).or_insert((i, None));
            entry.0 = i;
            if *default {
                entry.1 = Some(i);
            }
        }
        let mut counting: HashSet<&str> = HashSet::new();
        let mut dropped = Vec::new();
        for (i, (name, default)) in facts.iter().enumerate() {
            let (end, last_default) = last[name.as_str()];
            let gone = if *default {
                counting.remove(name.as_str());
                end > i
            } else {
                !counting.insert(name) || last_default.is_some_and(|d| d > i)
            };
            if gone {
                dropped.push(pairs[i]);
            }
        }
        dropped.into_iter().for_each(|pair| doc.remove(pair));
    }
}

// --- nodes and resources

fn ping_nodes(doc: &mut Document) {
    let constraints = configuration(doc).and_then(|c| doc.child(c, "constraints"));
    for node in all(doc, &["node"]) {
        if doc.attr(node, "type") != Some("ping") {
            continue;
        }
        doc.set_attr(node, "type", "member");
        let uname = attr(doc, node, "uname");
        if let Some(constraints) = constraints {
            let id = format!("{PREFIX}ping-node-ban-{uname}");
            let attributes = [
                ("id", id.as_str()),
                ("rsc-pattern", ".*"),
                ("node", &uname),
                ("score", "-INFINITY"),
                ("resource-discovery", "never"),
            ];
            append(doc, constraints, "rsc_location", &attributes);
        }
    }
}

fn masters(doc: &mut Document) {
    for master in all(doc, &["master"]) {
        doc.rename(master, "clone");
        let id = format!("{PREFIX}promotable-legacy-{}-meta_attributes", attr(doc, master, "id"));
        let set = doc.insert(master, 0, "meta_attributes");
        doc.set_attr(set, "id", &id);
        doc.set_attr(set, "score", "INFINITY");
        let pair = format!("{id}-promotable");
        append(doc, set, "nvpair", &[("id", &pair), ("name", "promotable"), ("value", "true")]);
    }
    for container in all(doc, &["docker", "podman", "rkt"]) {
        doc.rename_attr(container, "masters", "promoted-max");
    }
}

// --- location constraints

/// A constraint with several rules becomes several constraints.
fn split_locations(doc: &mut Document, state: &mut State) {
    for location in all(doc, &["rsc_location"]) {
        let rules = children(doc, location, &["rule"]);
        let (count, Some(parent)) = (rules.len(), doc.parent(location)) else { continue };
        if count < 2 {
            continue;
        }
        let id = attr(doc, location, "id");
        let ids: Vec<String> = (1..=count).map(|k| format!("{PREFIX}{id}-{k}")).collect();
        let sets = children(doc, location, &["resource_set"]);
        let lifetimes = children(doc, location, &["lifetime"]);
        for (k, (&rule, id)) in rules.iter().zip(&ids).enumerate() {
            let part = doc.insert(parent, doc.position(location), "rsc_location");
            let attributes: Vec<(String, String)> =
                doc.attrs(location).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            attributes.iter().for_each(|(name, value)| doc.set_attr(part, name, value));
            doc.set_attr(part, "id", id);
            for &n in sets.iter().chain(core::iter::once(&rule)).chain(&lifetimes) {
                let copy = doc.duplicate(part, None, n);
                if k > 0 && n != rule || state.copies.contains(&n) {
                    state.copies.extend(core::iter::once(copy).chain(doc.descendants(copy)));
                }
            }
        }
        doc.remove(location);
        let conditions: Vec<String> = ids.iter().map(|id| format!("@id = '{id}'")).collect();
        for permission in all(doc, &["acl_permission"]) {
            if doc.attr(permission, "reference") == Some(&id) {
                doc.rename_attr(permission, "reference", "xpath");
                doc.set_attr(permission, "xpath", &format!("//*[{}]", conditions.join(" or ")));
            }
        }
    }
}

/// Lifetimes become rules, or go.
fn lifetimes(doc: &mut Document, state: &State, warnings: &mut Vec<String>) {
    let mut kept = Vec::new();
    for lifetime in all(doc, &["lifetime"]) {
        let Some(constraint) = doc.parent(lifetime) else { continue };
        if doc.name(constraint) == "rsc_location" {
            location_lifetime(doc, constraint, lifetime);
            continue;
        }
        let id = attr(doc, constraint, "id");
        warnings.push(format!("Dropping lifetime of constraint {id} because it is no longer supported"));
        for rule in children(doc, lifetime, &["rule"]) {
            let wanted = doc.id(rule).is_some_and(|id| state.referenced.contains(id));
            if wanted && !state.copies.contains(&rule) {
                kept.push((constraint, rule));
            }
        }
        if kept.iter().all(|(c, _)| *c != constraint) {
            doc.remove(lifetime);
        }
    }
    let constraints = configuration(doc).and_then(|c| doc.child(c, "constraints"));
    let (Some(constraints), false) = (constraints, kept.is_empty()) else { return };
    let id = format!("{PREFIX}coloc-order-lifetime-rules");
    let location = append(doc, constraints, "rsc_location", &[("id", &id), ("rsc-pattern", "a^")]);
    let outer = append(doc, location, "rule", &[("id", &format!("{id}-rule")), ("score", "-INFINITY")]);
    for &(_, rule) in &kept {
        doc.relocate(rule, outer, None);
    }
    for (constraint, _) in kept {
        children(doc, constraint, &["lifetime"]).into_iter().for_each(|l| doc.remove(l));
    }
}

fn location_lifetime(doc: &mut Document, location: NodeIx, lifetime: NodeIx) {
    let id = attr(doc, location, "id");
    let own = doc.child(location, "rule");
    let (node, score) = (attr(doc, location, "node"), attr(doc, location, "score"));
    doc.remove_attr(location, "node");
    doc.remove_attr(location, "score");
    let both = format!("{PREFIX}{id}-lifetime-and-rule");
    let both = append(doc, location, "rule", &[("id", &both), ("boolean-op", "and")]);
    match own {
        Some(rule) => doc.relocate(rule, both, None),
        None => {
            let id = format!("{PREFIX}{id}-node-score-rule");
            let rule = append(doc, both, "rule", &[("id", &id), ("score", &score)]);
            let expr = format!("{id}-expr");
            let attributes = [("id", expr.as_str()), ("attribute", "#uname"), ("operation", "eq"), ("value", &node)];
            append(doc, rule, "expression", &attributes);
        }
    }
    let rules = children(doc, lifetime, &["rule"]);
    let home = if rules.len() > 1 {
        let id = format!("{PREFIX}{id}-lifetime-or-rule");
        append(doc, both, "rule", &[("id", &id), ("boolean-op", "or")])
    } else {
        both
    };
    rules.into_iter().for_each(|rule| doc.relocate(rule, home, None));
    doc.remove(lifetime);
}
