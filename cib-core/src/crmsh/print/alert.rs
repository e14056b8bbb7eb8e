//! Alerts [SH-8.11].

use super::{Printer, quote, set_word};
use crate::xml::NodeIx;

impl Printer<'_> {
    pub(super) fn alert(&self, node: NodeIx, parts: &mut Vec<String>) {
        parts.push(format!("alert {} {}", self.attr(node, "id"), quote(self.attr(node, "path"))));
        self.description(node, parts);
        let names: Vec<&str> = self.doc.children(node).map(|child| self.doc.name(child)).collect();
        let first = names.iter().position(|name| *name == "recipient").unwrap_or(names.len());
        // A set behind a recipient would be read as the recipient's.
        let braced = names[first..].iter().any(|name| set_word(name, "", "").is_some());
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                "select" => parts.push(self.select(child)),
                "recipient" => parts.push(self.recipient(child, braced)),
                tag => {
                    if let Some(word) = set_word(tag, "attributes", "meta") {
                        parts.push(self.set(word, child));
                    }
                }
            }
        }
    }

    fn select(&self, node: NodeIx) -> String {
        let mut words = vec!["select".to_owned()];
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                "select_nodes" => words.push("nodes".to_owned()),
                "select_fencing" => words.push("fencing".to_owned()),
                "select_resources" => words.push("resources".to_owned()),
                "select_attributes" => {
                    words.push("attributes {".to_owned());
                    words.extend(self.doc.children(child).map(|attribute| self.attr(attribute, "name").to_owned()));
                    words.push("}".to_owned());
                }
                _ => {}
            }
        }
        words.join(" ")
    }

    fn recipient(&self, node: NodeIx, braced: bool) -> String {
        let mut words = vec!["to".to_owned()];
        words.extend(braced.then(|| "{".to_owned()));
        words.push(quote(self.attr(node, "value")).into_owned());
        if let Some(text) = self.doc.attr(node, "description") {
            words.push(format!("description={}", quote(text)));
        }
        for child in self.doc.children(node) {
            if let Some(word) = set_word(self.doc.name(child), "attributes", "meta") {
                words.push(self.set(word, child));
            }
        }
        words.extend(braced.then(|| "}".to_owned()));
        words.join(" ")
    }
}
