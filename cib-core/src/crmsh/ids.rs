//! Generated ids [SH-5].

use std::collections::BTreeSet;

use super::keyword::Keyword;
use crate::xml::{Document, NodeIx};

/// Elements that never get an id.
const WITHOUT_ID: [&str; 14] = [
    "resource_ref",
    "obj_ref",
    super::parse::REFERENCE,
    "operations",
    "fencing-topology",
    "network",
    "docker",
    "rkt",
    "storage",
    "select",
    "select_attributes",
    "select_fencing",
    "select_nodes",
    "select_resources",
];

/// The ids that are taken: those of the working copy, and those that were given or generated since.
pub(super) struct Taken<'a> {
    before: &'a BTreeSet<String>,
    pub(super) since: BTreeSet<String>,
}

impl<'a> Taken<'a> {
    pub(super) fn new(before: &'a BTreeSet<String>) -> Taken<'a> {
        Taken { before, since: BTreeSet::new() }
    }

    fn has(&self, id: &str) -> bool {
        self.before.contains(id) || self.since.contains(id)
    }

    /// `wanted`, or the first of `wanted-0` to `wanted-98` that is free.
    pub(super) fn free(&self, wanted: String) -> String {
        if !self.has(&wanted) {
            return wanted;
        }
        (0..99).map(|n| format!("{wanted}-{n}")).find(|id| !self.has(id)).unwrap_or(wanted)
    }
}

/// Gives an id to every element of `doc` that needs one and has none, taking over those of the element that is replaced.
pub(super) fn assign(doc: &mut Document, keyword: Keyword, old: Option<(&Document, NodeIx)>, taken: &mut Taken<'_>) {
    let prefix = match keyword {
        Keyword::Primitive | Keyword::Template => "rsc",
        Keyword::Group | Keyword::Clone | Keyword::Ms => "grp",
        Keyword::Location => "location",
        Keyword::FencingTopology => "fencing",
        Keyword::Node => "node",
        _ => "",
    };
    let (old_doc, old_node) = old.unzip();
    let mut used = BTreeSet::new();
    let root = doc.root();
    Assignment { doc, old: old_doc, used: &mut used, taken }.visit(root, prefix, old_node, None);
}

/// Gives ids to one new element below a parent that is already in a document, as an operation that is added.
pub(super) fn assign_below(doc: &mut Document, node: NodeIx, prefix: &str, taken: &mut Taken<'_>) {
    let mut used = BTreeSet::new();
    Assignment { doc, old: None, used: &mut used, taken }.visit(node, prefix, None, None);
}

struct Assignment<'d, 'o, 't> {
    doc: &'d mut Document,
    old: Option<&'o Document>,
    used: &'d mut BTreeSet<NodeIx>,
    taken: &'d mut Taken<'t>,
}

impl Assignment<'_, '_, '_> {
    /// `matched` is what the element's children look for partners below; `partner` is the element's own partner.
    fn visit(&mut self, node: NodeIx, prefix: &str, matched: Option<NodeIx>, partner: Option<NodeIx>) {
        let tag = self.doc.name(node).to_owned();
        let without = self.doc.attr(node, "id-ref").is_some() || WITHOUT_ID.contains(&tag.as_str());
        if !without && self.doc.id(node).is_none() {
            let id = self.new_id(node, &tag, prefix, partner);
            self.doc.set_attr(node, "id", &id);
        }
        let own = self.doc.id(node).map(str::to_owned);
        if let Some(id) =
            own.as_ref().filter(|_| !matches!(tag.as_str(), "resource_ref" | "obj_ref" | super::parse::REFERENCE))
        {
            self.taken.since.insert(id.clone());
        }
        let inner = match (tag.as_str(), self.doc.attr(node, "uname"), own) {
            ("node", Some(uname), _) => uname.to_owned(),
            (_, _, Some(id)) => id,
            _ => prefix.to_owned(),
        };
        let children: Vec<NodeIx> = self.doc.children(node).collect();
        for child in children {
            let partner = self.partner(child, matched);
            self.used.extend(partner);
            self.visit(child, &inner, partner.or(matched), partner);
        }
    }

    fn new_id(&self, node: NodeIx, tag: &str, prefix: &str, partner: Option<NodeIx>) -> String {
        if let Some(id) = partner.and_then(|partner| self.old?.id(partner)) {
            return id.to_owned();
        }
        if let Some(uname) = self.doc.attr(node, "uname") {
            return uname.to_owned();
        }
        let attr = |name: &str| self.doc.attr(node, name).unwrap_or_default();
        let number = tag != "node" && !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = if number { format!("num-{prefix}") } else { prefix.to_owned() };
        let wanted = match tag {
            "nvpair" => format!("{prefix}-{}", attr("name")),
            "op" => match self.doc.attr(node, "interval") {
                Some(interval) => format!("{prefix}-{}-{interval}", attr("name")),
                None => format!("{prefix}-{}", attr("name")),
            },
            "date_expression" => format!("{prefix}-expression"),
            "instance_attributes"
            | "meta_attributes"
            | "utilization"
            | "rule"
            | "expression"
            | "duration"
            | "date_spec"
            | "read"
            | "write"
            | "deny" => format!("{prefix}-{tag}"),
            _ => prefix,
        };
        self.taken.free(wanted)
    }

    /// The old element that this one replaces [SH-5.3].
    fn partner(&self, child: NodeIx, matched: Option<NodeIx>) -> Option<NodeIx> {
        let (old, parent) = (self.old?, matched?);
        let tag = self.doc.name(child);
        let equal: &[&str] = match tag {
            "node" => &["uname"],
            "nvpair" => &["name"],
            "op" => &["name", "interval"],
            "rule" => &["score", "score-attribute", "role"],
            "expression" => &["attribute", "operation", "value"],
            "fencing-level" => &["target", "devices"],
            "alert" => &["path"],
            "recipient" => &["value"],
            _ => &[],
        };
        let own_id = self.doc.id(child);
        old.children_named(parent, tag).find(|candidate| {
            !self.used.contains(candidate)
                && equal.iter().all(|name| old.attr(*candidate, name) == self.doc.attr(child, name))
                && (own_id.is_none() || own_id == old.id(*candidate))
        })
    }
}
