//! Selections of objects: the arguments of `show` [SH-8.14].

use super::{Configuration, Object};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::print::{agent, glob};
use crate::xml::{Document, NodeIx, Style};

/// A selection of objects.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The objects, each once.
    pub objects: Vec<Object>,
    /// Words that matched nothing.
    pub missing: Vec<String>,
    /// Patterns of names whose values are hidden instead of the preferred ones.
    pub obscured: Option<Vec<String>>,
}

impl Configuration<'_> {
    /// The objects that filters name; all without a filter.
    #[must_use]
    pub fn select(&self, filters: &[&str]) -> Selection {
        let mut selection = Selection::default();
        let obscured: Vec<String> =
            filters.iter().filter_map(|word| word.strip_prefix("obscure:")).map(str::to_owned).collect();
        selection.obscured = (!obscured.is_empty()).then_some(obscured);
        let filters: Vec<&str> =
            filters.iter().copied().filter(|word| *word != "or" && !word.starts_with("obscure:")).collect();
        if filters.is_empty() {
            selection.objects = self.objects();
            return selection;
        }
        let mut words = filters.into_iter().peekable();
        while let Some(word) = words.next() {
            let mut found = self.select_one(word, &self.objects(), &mut selection.missing);
            while words.next_if_eq(&"and").is_some() {
                if let Some(word) = words.next() {
                    found = self.select_one(word, &found, &mut selection.missing);
                }
            }
            for object in found {
                if !selection.objects.contains(&object) {
                    selection.objects.push(object);
                }
            }
        }
        selection
    }

    fn select_one(&self, word: &str, among: &[Object], missing: &mut Vec<String>) -> Vec<Object> {
        let keep = |test: &dyn Fn(&Object) -> bool| among.iter().copied().filter(|object| test(object)).collect();
        if word == "changed" {
            return keep(&|object| {
                self.changed.contains(&(object.keyword == Keyword::Node, self.object_id(*object).to_owned()))
            });
        }
        if let Some(kind) = word.strip_prefix("type:") {
            return keep(&|object| object.keyword.word() == kind);
        }
        if let Some(tag) = word.strip_prefix("tag:") {
            let tag = self.named(tag).find(|object| object.keyword == Keyword::Tag);
            let ids: Vec<&str> =
                tag.into_iter().flat_map(|tag| self.doc.children(tag.node)).filter_map(|n| self.doc.id(n)).collect();
            return keep(&|object| ids.contains(&self.object_id(*object)));
        }
        if let Some(name) = word.strip_prefix("related:") {
            return keep(&|object| self.is_related(*object, name));
        }
        let named = |object: &Object| {
            let uname = self.doc.attr(object.node, "uname").filter(|_| object.keyword == Keyword::Node);
            glob(word, self.object_id(*object)) || uname.is_some_and(|uname| glob(word, uname))
        };
        let found: Vec<Object> = keep(&named);
        if found.is_empty() && !self.objects().iter().any(named) {
            missing.push(word.to_owned());
        }
        found
    }

    fn is_related(&self, object: Object, name: &str) -> bool {
        if glob(name, self.object_id(object)) {
            return true;
        }
        match object.keyword {
            Keyword::Primitive | Keyword::Template => {
                let kind = self.doc.attr(object.node, "type").unwrap_or_default();
                let class = self.doc.attr(object.node, "class").unwrap_or_default();
                kind == name
                    || format!("{class}:{kind}") == name
                    || agent(&self.doc, object.node) == name
                    || self.doc.attr(object.node, "provider").is_some_and(|p| format!("{class}:{p}:{kind}") == name)
            }
            Keyword::Tag => self.doc.children(object.node).any(|child| self.doc.id(child) == Some(name)),
            keyword if keyword.is_container() => self.members(object.node).any(|member| self.object_id(member) == name),
            keyword if keyword.is_constraint() => self.constrained(object.node).iter().any(|id| id == name),
            _ => false,
        }
    }

    /// The text of a selection.
    #[must_use]
    pub fn show_selection(&self, selection: &Selection) -> String {
        let obscured = selection.obscured.as_ref().unwrap_or(&self.preferences.obscured);
        self.text_of(selection.objects.clone(), obscured)
    }

    /// The text of a selection, nothing hidden.
    #[must_use]
    pub fn save_selection(&self, selection: &Selection) -> String {
        self.text_of(selection.objects.clone(), &[])
    }

    /// The document of a selection: the outermost elements of its objects in their sections.
    #[must_use]
    pub fn select_document(&self, selection: &Selection) -> Document {
        let mut doc = Document::new("cib");
        let root = doc.root();
        for (name, value) in self.doc.attrs(self.doc.root()) {
            doc.set_attr(root, name, value);
        }
        let configuration = doc.append(root, "configuration");
        for section in ["crm_config", "nodes", "resources", "constraints"] {
            doc.append(configuration, section);
        }
        let selected: Vec<NodeIx> = selection.objects.iter().map(|object| self.top_of(*object).node).collect();
        let Some(own) = self.doc.child(self.doc.root(), "configuration") else { return doc };
        for section in self.doc.children(own) {
            let name = self.doc.name(section);
            if selected.contains(&section) {
                doc.copy(configuration, &self.doc, section);
                continue;
            }
            for node in self.doc.children(section).filter(|node| selected.contains(node)) {
                let target = match doc.child(configuration, name) {
                    Some(target) => target,
                    None => doc.append(configuration, name),
                };
                doc.copy(target, &self.doc, node);
            }
        }
        doc
    }

    /// The XML text of a selection, secret values hidden.
    #[must_use]
    pub fn show_xml(&self, selection: &Selection, hide: bool) -> String {
        let mut doc = self.select_document(selection);
        let none = Vec::new();
        let obscured = if hide { selection.obscured.as_ref().unwrap_or(&self.preferences.obscured) } else { &none };
        let pairs: Vec<NodeIx> = doc.descendants(doc.root()).filter(|node| doc.name(*node) == "nvpair").collect();
        for pair in pairs {
            let secret = doc.attr(pair, "name").is_some_and(|name| obscured.iter().any(|pattern| glob(pattern, name)));
            if secret && doc.attr(pair, "value").is_some() {
                doc.set_attr(pair, "value", "******");
            }
        }
        format!("<?xml version=\"1.0\" ?>\n{}\n", doc.write_node(doc.root(), Style::Pretty))
    }
}
