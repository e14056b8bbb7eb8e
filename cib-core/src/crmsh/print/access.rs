//! Access control [SH-8.10].

use super::{Keyword, Printer, quote};
use crate::crmsh::parse::as_shortcut;
use crate::xml::NodeIx;

impl Printer<'_> {
    pub(super) fn access(&self, keyword: Keyword, node: NodeIx, parts: &mut Vec<String>) {
        parts.push(format!("{} {}", keyword.word(), self.attr(node, "id")));
        self.description(node, parts);
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                "acl_permission" => parts.push(self.permission(child)),
                "role" => parts.push(self.attr(child, "id").to_owned()),
                "role_ref" => parts.push(format!("role:{}", self.attr(child, "id"))),
                right @ ("read" | "write" | "deny") => {
                    let names = [("ref", "ref"), ("tag", "tag"), ("attribute", "attribute")];
                    parts.push(self.right(right, child, &names));
                }
                _ => {}
            }
        }
    }

    fn permission(&self, node: NodeIx) -> String {
        let names = [("reference", "ref"), ("attribute", "attr"), ("object-type", "type")];
        self.right(self.attr(node, "kind"), node, &names)
    }

    /// A right with its path, as a shortcut where one says the same, and its other attributes under their words.
    fn right(&self, right: &str, node: NodeIx, names: &[(&str, &str)]) -> String {
        let mut words = vec![right.to_owned()];
        if let Some(text) = self.doc.attr(node, "description") {
            words.push(format!("description={}", quote(text)));
        }
        if let Some(xpath) = self.doc.attr(node, "xpath") {
            words.push(as_shortcut(xpath).unwrap_or_else(|| format!("xpath:{}", quote(xpath))));
        }
        for (attribute, word) in names {
            if let Some(value) = self.doc.attr(node, attribute) {
                words.push(format!("{word}:{value}"));
            }
        }
        words.join(" ")
    }
}
