//! Looks and changes that several transformations need.

use crate::xml::{Document, NodeIx};

/// The elements that hold name/value pairs.
pub(super) const NVSETS: [&str; 4] = ["cluster_property_set", "instance_attributes", "meta_attributes", "utilization"];

pub(super) fn configuration(doc: &Document) -> Option<NodeIx> {
    doc.child(doc.root(), "configuration")
}

/// All elements of the configuration with one of these names, in document order.
pub(super) fn all(doc: &Document, names: &[&str]) -> Vec<NodeIx> {
    let Some(configuration) = configuration(doc) else { return Vec::new() };
    doc.descendants(configuration).filter(|&n| names.contains(&doc.name(n))).collect()
}

/// Child elements with one of these names.
pub(super) fn children(doc: &Document, n: NodeIx, names: &[&str]) -> Vec<NodeIx> {
    doc.children(n).filter(|&c| names.contains(&doc.name(c))).collect()
}

pub(super) fn attr(doc: &Document, n: NodeIx, name: &str) -> String {
    doc.attr(n, name).unwrap_or_default().to_owned()
}

pub(super) fn is_one_of(doc: &Document, n: NodeIx, names: &[&str]) -> bool {
    names.contains(&doc.name(n))
}

/// The name/value pair with a name.
pub(super) fn pair(doc: &Document, set: NodeIx, name: &str) -> Option<NodeIx> {
    doc.children_named(set, "nvpair").find(|&pair| doc.attr(pair, "name") == Some(name))
}

/// The first set without a rule (and that is not a mere reference).
pub(super) fn plain_set(doc: &Document, parent: NodeIx, name: &str) -> Option<NodeIx> {
    doc.children_named(parent, name).find(|&set| doc.child(set, "rule").is_none() && doc.attr(set, "id-ref").is_none())
}

/// Appends an element with attributes.
pub(super) fn append(doc: &mut Document, parent: NodeIx, name: &str, attributes: &[(&str, &str)]) -> NodeIx {
    let n = doc.append(parent, name);
    attributes.iter().for_each(|(name, value)| doc.set_attr(n, name, value));
    n
}

/// Removes a set that has neither pairs nor a reference.
pub(super) fn remove_if_empty(doc: &mut Document, set: NodeIx) {
    if doc.child(set, "nvpair").is_none() && doc.attr(set, "id-ref").is_none() {
        doc.remove(set);
    }
}

/// The nearest element above with one of these names.
pub(super) fn above(doc: &Document, n: NodeIx, names: &[&str]) -> Option<NodeIx> {
    core::iter::successors(doc.parent(n), |&n| doc.parent(n)).find(|&n| is_one_of(doc, n, names))
}
