//! Rules [SH-8.6].

use super::{Printer, quote};
use crate::xml::NodeIx;

impl Printer<'_> {
    /// What follows the word `rule`.
    pub(super) fn rule(&self, rule: NodeIx) -> String {
        if let Some(reference) = self.doc.attr(rule, "id-ref") {
            return format!("$id-ref={reference}");
        }
        let mut words = Vec::new();
        if let Some(id) = self.doc.id(rule).filter(|id| self.referred_rules.contains(*id)) {
            words.push(format!("$id={id}"));
        }
        if let Some(role) = self.doc.attr(rule, "role") {
            words.push(format!("$role={role}"));
        }
        match self.score(rule) {
            Some(score) if score != "inf" => words.push(format!("{score}:")),
            _ => {}
        }
        let joint = format!(" {} ", self.doc.attr(rule, "boolean-op").unwrap_or("and"));
        let expressions: Vec<String> = self
            .doc
            .children(rule)
            .filter_map(|child| match self.doc.name(child) {
                "expression" => Some(self.expression(child)),
                "date_expression" => Some(self.date(child)),
                _ => None,
            })
            .collect();
        words.push(expressions.join(&joint));
        words.join(" ")
    }

    /// The score with its infinities as `inf`, or the score attribute.
    pub(super) fn score(&self, node: NodeIx) -> Option<String> {
        let score = self.doc.attr(node, "score").map(|score| score.replace("INFINITY", "inf"));
        score.or_else(|| self.doc.attr(node, "score-attribute").map(str::to_owned))
    }

    fn expression(&self, node: NodeIx) -> String {
        let (attribute, operation) = (self.attr(node, "attribute"), self.attr(node, "operation"));
        let Some(value) = self.doc.attr(node, "value") else { return format!("{operation} {attribute}") };
        let kind = self.doc.attr(node, "type").map(|kind| format!("{kind}:")).unwrap_or_default();
        match self.doc.attr(node, "value-source") {
            Some(source) if source != "literal" => format!("{attribute} {kind}{operation} {source}{{{value}}}"),
            _ => format!("{attribute} {kind}{operation} {value}"),
        }
    }

    fn date(&self, node: NodeIx) -> String {
        let operation = self.attr(node, "operation");
        let pairs = |node: NodeIx| {
            self.doc
                .attrs(node)
                .filter(|(name, _)| !matches!(*name, "id" | "operation"))
                .map(|(name, value)| format!("{name}={}", quote(value)))
        };
        let with_child = |child: &str| {
            let inner = self.doc.child(node, child);
            pairs(node).chain(inner.into_iter().flat_map(pairs)).collect::<Vec<_>>().join(" ")
        };
        match operation {
            "lt" => format!("date lt {}", quote(self.attr(node, "end"))),
            "gt" => format!("date gt {}", quote(self.attr(node, "start"))),
            "date_spec" => format!("date spec {}", with_child("date_spec")),
            _ => format!("date in {}", with_child("duration")),
        }
    }
}
