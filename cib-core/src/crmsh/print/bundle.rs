//! Bundles [SH-8.12].

use super::{Printer, quote};
use crate::xml::NodeIx;

impl Printer<'_> {
    pub(super) fn bundle(&self, node: NodeIx, parts: &mut Vec<String>) {
        parts.push(format!("bundle {}", self.attr(node, "id")));
        self.description(node, parts);
        for child in self.doc.children(node) {
            match self.doc.name(child) {
                word @ ("docker" | "podman" | "rkt" | "network" | "storage") => {
                    let mut words = vec![word.to_owned()];
                    words.extend(self.attributes(child));
                    for mapping in self.doc.children(child) {
                        words.push(self.doc.name(mapping).to_owned());
                        words.extend(self.attributes(mapping));
                    }
                    parts.push(words.join(" "));
                }
                "primitive" => parts.push(format!("primitive {}", self.attr(child, "id"))),
                "meta_attributes" => parts.push(self.set("meta", child)),
                _ => {}
            }
        }
    }

    fn attributes(&self, node: NodeIx) -> impl Iterator<Item = String> {
        self.doc.attrs(node).map(|(name, value)| format!("{name}={}", quote(value)))
    }
}
