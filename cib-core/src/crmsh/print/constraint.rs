//! Constraints [SH-8.7, SH-8.8].

use super::{Keyword, Printer};
use crate::xml::NodeIx;

impl Printer<'_> {
    pub(super) fn constraint(&self, keyword: Keyword, node: NodeIx, parts: &mut Vec<String>) {
        let (word, id) = (keyword.word(), self.attr(node, "id"));
        let tail = |name: &str| self.doc.attr(node, name).map(|value| format!(" {name}={value}")).unwrap_or_default();
        let head = match keyword {
            Keyword::Location => self.location(node),
            Keyword::Colocation => {
                let score = self.score(node).unwrap_or_default();
                let resources = self.resources(node, &["rsc", "with-rsc"], "role", 2);
                format!("{score}: {resources}{}", tail("node-attribute"))
            }
            Keyword::Order => {
                let kind = self.doc.attr(node, "kind").map(|kind| format!("{kind}: ")).unwrap_or_default();
                let resources = self.resources(node, &["first", "then"], "action", 2);
                format!("{kind}{resources}{}", tail("symmetrical"))
            }
            _ => {
                let resources = self.resources(node, &["rsc"], "role", 1);
                format!("{}: {resources}{}", self.attr(node, "ticket"), tail("loss-policy"))
            }
        };
        parts.push(format!("{word} {id} {head}"));
        if keyword == Keyword::Location {
            parts.extend(self.doc.children_named(node, "rule").map(|rule| format!("rule {}", self.rule(rule))));
        }
    }

    fn location(&self, node: NodeIx) -> String {
        let mut text = if let Some(resource) = self.doc.attr(node, "rsc") {
            resource.to_owned()
        } else if let Some(pattern) = self.doc.attr(node, "rsc-pattern") {
            format!("/{pattern}/")
        } else {
            format!("{{ {} }}", self.resource_sets(node, "role", 0))
        };
        for name in ["role", "resource-discovery"] {
            if let Some(value) = self.doc.attr(node, name) {
                text.push_str(&format!(" {name}={value}"));
            }
        }
        if let Some(score) = self.score(node) {
            text.push_str(&format!(" {score}: {}", self.attr(node, "node")));
        }
        text
    }

    /// The simple form, or sets. With at most `simple` references in all, a plain last set needs a mark to be read as one.
    fn resources(&self, node: NodeIx, attributes: &[&str], qualifier: &str, simple: usize) -> String {
        if self.doc.child(node, "resource_set").is_some() {
            return self.resource_sets(node, qualifier, simple);
        }
        let one = |attribute: &&str| {
            let name = self.doc.attr(node, attribute)?;
            let more = [qualifier, "instance"]
                .into_iter()
                .find_map(|kind| self.doc.attr(node, &format!("{attribute}-{kind}")));
            Some(match more {
                Some(more) => format!("{name}:{more}"),
                None => name.to_owned(),
            })
        };
        attributes.iter().filter_map(one).collect::<Vec<_>>().join(" ")
    }

    fn resource_sets(&self, node: NodeIx, qualifier: &str, simple: usize) -> String {
        let mut words = Vec::new();
        let (mut references, mut plain) = (0, false);
        for set in self.doc.children_named(node, "resource_set") {
            let is = |name: &str| self.doc.attr(set, name).is_none_or(|value| value == "true");
            let (sequential, require_all) = (is("sequential"), is("require-all"));
            plain = sequential && require_all;
            words.extend(match (require_all, sequential) {
                (false, _) => Some("[".to_owned()),
                (true, false) => Some("(".to_owned()),
                (true, true) => None,
            });
            let more = self.doc.attr(set, qualifier).map(|text| format!(":{text}")).unwrap_or_default();
            for reference in self.doc.children_named(set, "resource_ref") {
                words.push(format!("{}{more}", self.attr(reference, "id")));
                references += 1;
            }
            if !require_all {
                words.extend(sequential.then(|| "sequential=true".to_owned()));
                words.push("]".to_owned());
            } else if !sequential {
                words.push(")".to_owned());
            }
        }
        if plain && references <= simple {
            words.insert(0, "_rsc_set_".to_owned());
        }
        words.join(" ")
    }
}
