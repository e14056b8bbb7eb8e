//! Printing of objects [SH-8].

mod access;
mod alert;
mod bundle;
mod constraint;
mod fencing;
mod rule;
mod value;

pub(super) use value::{glob, quote};

use super::keyword::Keyword;
use super::parse::with_references;
use crate::xml::{Document, Kind, NodeIx, Style};

/// What printing needs to know of the whole working copy.
pub(super) struct Printer<'a> {
    pub(super) doc: &'a Document,
    /// Ids of rules that other rules refer to.
    pub(super) referred_rules: &'a std::collections::BTreeSet<String>,
    /// How many nodes the cluster has.
    pub(super) node_count: usize,
    /// Patterns of names whose values are hidden.
    pub(super) obscured: &'a [String],
    /// Write characters outside ASCII as references in XML.
    pub(super) ascii: bool,
}

impl Printer<'_> {
    /// The parts of an object: its head, then one for each child.
    pub(super) fn parts(&self, keyword: Keyword, node: NodeIx) -> Vec<String> {
        let mut parts = Vec::new();
        match keyword {
            Keyword::Location | Keyword::Colocation | Keyword::Order | Keyword::Ticket => {
                self.constraint(keyword, node, &mut parts);
            }
            Keyword::FencingTopology => self.fencing(node, &mut parts),
            Keyword::Role | Keyword::User | Keyword::AclTarget | Keyword::AclGroup => {
                self.access(keyword, node, &mut parts);
            }
            Keyword::Property | Keyword::RscDefaults | Keyword::OpDefaults => self.property(keyword, node, &mut parts),
            Keyword::Alert => self.alert(node, &mut parts),
            Keyword::Bundle => self.bundle(node, &mut parts),
            _ => {
                parts.push(self.head(keyword, node));
                self.description(node, &mut parts);
                self.sets(keyword, node, &mut parts);
            }
        }
        parts
    }

    /// The object as it is shown; `plain` if it cannot be expressed in the language.
    pub(super) fn show(&self, keyword: Keyword, node: NodeIx, as_xml: bool) -> String {
        let mut text = String::new();
        for comment in self.comments(node) {
            text.push_str(comment);
            text.push('\n');
        }
        if as_xml {
            text.push_str("xml ");
            let element = self.element(node);
            let element = if self.ascii { with_references(&element) } else { element };
            text.push_str(&element.trim_end().replace('\n', " \\\n"));
        } else {
            text.push_str(&self.parts(keyword, node).join(" \\\n\t"));
        }
        text
    }

    fn element(&self, node: NodeIx) -> String {
        let mut copy = self.doc.fragment(node);
        let comments: Vec<NodeIx> = copy.nodes(copy.root()).filter(|n| copy.kind(*n) == Kind::Comment).collect();
        for comment in comments {
            copy.remove(comment);
        }
        copy.write_node(copy.root(), Style::Pretty)
    }

    /// The comments of an object.
    fn comments(&self, node: NodeIx) -> impl Iterator<Item = &str> {
        self.doc.nodes(node).filter(|n| self.doc.kind(*n) == Kind::Comment).filter_map(|n| self.doc.text(n))
    }

    pub(super) fn attr(&self, node: NodeIx, name: &str) -> &str {
        self.doc.attr(node, name).unwrap_or_default()
    }

    fn description(&self, node: NodeIx, parts: &mut Vec<String>) {
        if let Some(text) = self.doc.attr(node, "description") {
            parts.push(format!("description={}", quote(text)));
        }
    }

    fn head(&self, keyword: Keyword, node: NodeIx) -> String {
        let (word, id) = (keyword.word(), self.attr(node, "id"));
        match keyword {
            Keyword::Node => self.node_head(node),
            Keyword::Primitive => match self.doc.attr(node, "template") {
                Some(template) => format!("{word} {id} @{template}"),
                None => format!("{word} {id} {}", agent(self.doc, node)),
            },
            Keyword::Template => format!("{word} {id} {}", agent(self.doc, node)),
            Keyword::Group | Keyword::Clone | Keyword::Ms => {
                let members =
                    self.doc.children(node).filter(|child| matches!(self.doc.name(*child), "primitive" | "group"));
                join([word, id].into_iter().chain(members.filter_map(|child| self.doc.id(child))))
            }
            Keyword::Tag => {
                let members = self.doc.children_named(node, "obj_ref").filter_map(|child| self.doc.id(child));
                join([word, id].into_iter().chain(members))
            }
            _ => format!("{word} {id}"),
        }
    }

    fn node_head(&self, node: NodeIx) -> String {
        let (id, uname) = (self.attr(node, "id"), self.attr(node, "uname"));
        let kind = match self.doc.attr(node, "type") {
            None | Some("normal") => String::new(),
            Some(kind) => format!(":{kind}"),
        };
        if id == uname {
            format!("node {uname}{kind}")
        } else if value::is_bare(id) {
            format!("node {id}: {uname}{kind}")
        } else {
            format!("node $id={} {uname}{kind}", quote(id))
        }
    }

    fn property(&self, keyword: Keyword, node: NodeIx, parts: &mut Vec<String>) {
        let id = self.attr(node, "id");
        parts.push(match self.doc.attr(node, "id-ref") {
            Some(reference) => format!("{} $id-ref={reference}", keyword.word()),
            None if value::is_bare(id) => format!("{} {id}:", keyword.word()),
            None => format!("{} $id={}", keyword.word(), quote(id)),
        });
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                "rule" => parts.push(format!("rule {}", self.rule(child))),
                "nvpair" => parts.push(self.pair(child)),
                _ => {}
            }
        }
    }

    /// The sets and operations of a node, resource or template.
    fn sets(&self, keyword: Keyword, node: NodeIx, parts: &mut Vec<String>) {
        let params = if keyword == Keyword::Node { "attributes" } else { "params" };
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                "operations" => self.operations(child, parts),
                tag => {
                    if let Some(word) = set_word(tag, params, "meta") {
                        parts.push(self.set(word, child));
                    }
                }
            }
        }
    }

    fn operations(&self, node: NodeIx, parts: &mut Vec<String>) {
        if let Some(reference) = self.doc.attr(node, "id-ref") {
            parts.push(format!("operations  $id-ref={reference}"));
        } else if let Some(id) = self.doc.id(node) {
            parts.push(format!("operations $id={id}"));
        }
        for op in self.doc.children_named(node, "op") {
            let attributes = self.doc.attrs(op).filter(|(name, _)| !matches!(*name, "id" | "name"));
            let attributes = attributes.map(|(name, value)| format!("{name}={}", quote(value)));
            let head = ["op".to_owned(), self.attr(op, "name").to_owned()];
            parts.push(head.into_iter().chain(attributes).collect::<Vec<_>>().join(" "));
            self.description(op, parts);
            for child in self.doc.children(op) {
                if let Some(word) = set_word(self.doc.name(child), "op_params", "op_meta") {
                    parts.push(self.set(word, child));
                }
            }
        }
    }

    /// A set with its keyword.
    pub(super) fn set(&self, word: &str, set: NodeIx) -> String {
        let mut words = vec![word.to_owned()];
        if let Some(reference) = self.doc.attr(set, "id-ref") {
            words.push(format!("$id-ref={reference}"));
        }
        if let Some(score) = self.doc.attr(set, "score") {
            words.push(format!("{score}:"));
        }
        for rule in self.doc.children_named(set, "rule") {
            words.push(format!("rule {}", self.rule(rule)));
        }
        words.extend(self.doc.children_named(set, "nvpair").map(|pair| self.pair(pair)));
        words.join(" ")
    }

    /// A pair [SH-8.3].
    pub(super) fn pair(&self, pair: NodeIx) -> String {
        let name = self.doc.attr(pair, "name");
        if let Some(reference) = self.doc.attr(pair, "id-ref") {
            return match name {
                Some(name) => format!("@{reference}:{name}"),
                None => format!("@{reference}"),
            };
        }
        let name = name.unwrap_or_default();
        match self.doc.attr(pair, "value") {
            None => name.to_owned(),
            Some(_) if self.obscured.iter().any(|pattern| glob(pattern, name)) => format!("{name}=\"******\""),
            Some(value) => format!("{name}={}", quote(value)),
        }
    }
}

/// The keyword of a set's element.
pub(super) fn set_word<'a>(tag: &str, params: &'a str, meta: &'a str) -> Option<&'a str> {
    match tag {
        "instance_attributes" => Some(params),
        "meta_attributes" => Some(meta),
        "utilization" => Some("utilization"),
        _ => None,
    }
}

/// The agent of a primitive or template, as short as it can be.
pub(super) fn agent(doc: &Document, node: NodeIx) -> String {
    let (class, provider) = (doc.attr(node, "class"), doc.attr(node, "provider"));
    let kind = doc.attr(node, "type").unwrap_or_default();
    match (class, provider) {
        (_, Some("heartbeat")) | (None, None) | (Some("ocf"), None) => kind.to_owned(),
        (class, provider) => {
            let parts = [class, provider, Some(kind)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(":")
        }
    }
}

pub(super) fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
