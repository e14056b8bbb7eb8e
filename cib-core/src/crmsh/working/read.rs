//! Filling the working copy [SH-1.3].

use std::collections::BTreeMap;

use super::Configuration;
use crate::crmsh::keyword::Keyword;
use crate::xml::{Document, Kind, NodeIx};

/// Attributes that state a default: element, attribute, value.
const DEFAULTS: [(&str, &str, &str); 5] = [
    ("node", "type", "normal"),
    ("resource_set", "sequential", "true"),
    ("resource_set", "require-all", "true"),
    ("rule", "boolean-op", "and"),
    ("expression", "type", "string"),
];

/// Elements with an id that state a default, as (element, id, attribute, value).
pub(super) fn stated_defaults(
    cib: &Document,
    below: NodeIx,
) -> BTreeMap<(String, String), Vec<(&'static str, &'static str)>> {
    let mut stated: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for node in cib.descendants(below) {
        // The default type of an expression is not kept.
        for (element, attribute, value) in DEFAULTS.into_iter().filter(|(element, ..)| *element != "expression") {
            if cib.name(node) == element
                && cib.attr(node, attribute) == Some(value)
                && let Some(id) = cib.id(node)
            {
                stated.entry((element.to_owned(), id.to_owned())).or_default().push((attribute, value));
            }
        }
    }
    stated
}

/// Gives elements the defaults that they stated before: a commit does not touch what was not changed [SH-10].
pub(super) fn restate_defaults(
    cib: &mut Document,
    below: NodeIx,
    stated: &BTreeMap<(String, String), Vec<(&'static str, &'static str)>>,
) {
    if stated.is_empty() {
        return;
    }
    let nodes: Vec<NodeIx> = cib.descendants(below).collect();
    for node in nodes {
        let Some(id) = cib.id(node) else { continue };
        let Some(attributes) = stated.get(&(cib.name(node).to_owned(), id.to_owned())) else { continue };
        for (attribute, value) in attributes {
            if cib.attr(node, attribute).is_none() {
                cib.set_attr(node, attribute, value);
            }
        }
    }
}

impl Configuration<'_> {
    /// Takes the configuration of `cib`, dropping all changes.
    pub fn read(&mut self, cib: &Document) {
        self.doc = cib.clone();
        self.changed.clear();
        self.only_xml.clear();
        self.taken.clear();
        let root = self.doc.root();
        let status: Vec<NodeIx> = self.doc.children_named(root, "status").collect();
        for node in status {
            self.doc.remove(node);
        }
        self.doc.drop_text();
        self.drop_defaults();
        self.members_last();
        self.warn_of_strangers();
        self.reindex();
        let objects = self.objects();
        for object in &objects {
            self.comments_first(object.node);
        }
        for object in objects {
            self.test_round_trip(object);
        }
    }

    fn drop_defaults(&mut self) {
        let nodes: Vec<NodeIx> = self.doc.descendants(self.doc.root()).collect();
        for node in nodes {
            for (element, attribute, value) in DEFAULTS {
                if self.doc.name(node) == element && self.doc.attr(node, attribute) == Some(value) {
                    self.doc.remove_attr(node, attribute);
                }
            }
        }
    }

    /// Moves the members of containers behind their other children.
    fn members_last(&mut self) {
        let containers: Vec<NodeIx> = self
            .doc
            .descendants(self.doc.root())
            .filter(|node| matches!(self.doc.name(*node), "group" | "clone" | "master" | "bundle"))
            .collect();
        for container in containers {
            let members: Vec<NodeIx> = self
                .doc
                .children(container)
                .filter(|node| matches!(self.doc.name(*node), "primitive" | "group"))
                .collect();
            for member in members {
                self.doc.relocate(member, container, None);
            }
        }
    }

    /// Moves the comments of an object before its first element and marks them.
    fn comments_first(&mut self, node: NodeIx) {
        let comments: Vec<NodeIx> = self.doc.nodes(node).filter(|n| self.doc.kind(*n) == Kind::Comment).collect();
        let texts: Vec<String> =
            comments.iter().map(|n| self.doc.text(*n).unwrap_or_default().trim().to_owned()).collect();
        for comment in comments {
            self.doc.remove(comment);
        }
        self.add_comments(node, &texts);
    }

    /// Puts comments before the first element of `node`, those that it has already left out.
    pub(super) fn add_comments(&mut self, node: NodeIx, comments: &[String]) {
        let first = self.doc.children(node).next();
        for text in comments {
            let marked = if text.starts_with('#') { text.clone() } else { format!("# {text}") };
            // Two hyphens would end the comment in XML; of three, the first time leaves two.
            let marked = marked.replace("--", "- -").replace("--", "- -");
            let marked = marked.strip_suffix('-').map(|text| format!("{text}- ")).unwrap_or(marked);
            let known =
                self.doc.nodes(node).any(|n| self.doc.kind(n) == Kind::Comment && self.doc.text(n) == Some(&marked));
            if !known {
                let comment = self.doc.append_comment(node, &marked);
                if first.is_some() {
                    self.doc.relocate(comment, node, first);
                }
            }
        }
    }

    fn warn_of_strangers(&mut self) {
        let Some(configuration) = self.doc.child(self.doc.root(), "configuration") else { return };
        let mut strangers = Vec::new();
        for section in self.doc.children(configuration) {
            let name = self.doc.name(section);
            let known = Keyword::all().any(|keyword| keyword.section() == name);
            for node in self.doc.children(section).filter(|_| known) {
                if Keyword::of_element(self.doc.name(node), name).is_none() {
                    strangers.push(self.doc.name(node).to_owned());
                }
            }
        }
        for name in strangers {
            self.warn(format!("unrecognized CIB element {name}"));
        }
    }
}
