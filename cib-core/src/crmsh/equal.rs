//! Equality of elements for the round-trip test [SH-8.13].

use super::parse::REFERENCE;
use crate::xml::{Document, NodeIx};

/// An element in its document.
type At<'a> = (&'a Document, NodeIx);

/// Whether the object `own` is what `parsed` describes. Members of containers are compared by their ids, in order.
pub(super) fn equal_object(own: At<'_>, parsed: At<'_>, container: bool) -> bool {
    if !container {
        return equal(own, parsed);
    }
    let member = |(doc, node): At<'_>| matches!(doc.name(node), "primitive" | "group" | REFERENCE);
    let ids = |(doc, node): At<'_>| -> Vec<String> {
        doc.children(node)
            .filter(|child| member((doc, *child)))
            .filter_map(|child| doc.id(child))
            .map(str::to_owned)
            .collect()
    };
    let rest = |(doc, node): At<'_>| doc.children(node).filter(|child| !member((doc, *child))).collect();
    same_element(own, parsed) && ids(own) == ids(parsed) && equal_children(own, rest(own), parsed, rest(parsed))
}

fn equal(a: At<'_>, b: At<'_>) -> bool {
    let children = |(doc, node): At<'_>| doc.children(node).collect();
    same_element(a, b) && equal_children(a, children(a), b, children(b))
}

/// Same name, same attributes in any order.
fn same_element((a, x): At<'_>, (b, y): At<'_>) -> bool {
    a.name(x) == b.name(y)
        && a.attr_count(x) == b.attr_count(y)
        && a.attrs(x).all(|(name, value)| b.attr(y, name) == Some(value))
}

/// Children pairwise, after sorting both sides by tag and attributes; primitives keep their order, and so do all children of a set
/// of resources.
fn equal_children(a: At<'_>, x: Vec<NodeIx>, b: At<'_>, y: Vec<NodeIx>) -> bool {
    if x.len() != y.len() {
        return false;
    }
    let (mut x, mut y) = (x, y);
    if a.0.name(a.1) != "resource_set" {
        x.sort_by_cached_key(|node| sort_key((a.0, *node)));
        y.sort_by_cached_key(|node| sort_key((b.0, *node)));
    }
    x.into_iter().zip(y).all(|(x, y)| equal((a.0, x), (b.0, y)))
}

fn sort_key((doc, node): At<'_>) -> (String, String) {
    let tag = doc.name(node).to_owned();
    if tag == "primitive" {
        return (tag, String::new());
    }
    let mut attributes: Vec<String> = doc.attrs(node).map(|(name, value)| format!("{name}{value}")).collect();
    attributes.sort_unstable();
    (tag, attributes.concat())
}
