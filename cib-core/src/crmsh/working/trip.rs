//! The round-trip test: can the language express an object? [SH-8.13]

use super::{Configuration, Object};
use crate::crmsh::equal::equal_object;
use crate::crmsh::ids::{Taken, assign};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::parse::{Origin, Statement, parse_line, with_references};
use crate::crmsh::text::Line;

impl Configuration<'_> {
    /// Decides whether the object is printed in the language or as XML; takes its ids if in the language.
    pub(super) fn test_round_trip(&mut self, object: Object) {
        if self.survives_round_trip(object) {
            self.only_xml.remove(&object.node);
            let ids = self.own_ids(object);
            self.taken.extend(ids);
        } else {
            self.only_xml.insert(object.node);
        }
    }

    fn survives_round_trip(&mut self, object: Object) -> bool {
        let rules = std::collections::BTreeSet::new();
        let text = self.printer(&rules, &[]).parts(object.keyword, object.node).join(" ");
        let mut dialect = self.dialect();
        if object.keyword != Keyword::FencingTopology {
            dialect.nodes.clear();
        }
        // Runs of operations that another set separates are told apart by nothing in the text.
        if self.doc.children_named(object.node, "operations").count() > 1 {
            return false;
        }
        let text = if dialect.ascii { with_references(&text) } else { text };
        let mut messages = Vec::new();
        let mut statement = match parse_line(&Line::typed(&text), Origin::File, &dialect, &mut messages) {
            Ok(statement) => statement,
            Err(error) => {
                self.messages.extend(error.messages(false));
                return false;
            }
        };
        if statement.keyword != object.keyword {
            return false;
        }
        self.complete(&mut statement, Some(object));
        let container = object.keyword.is_container();
        equal_object((&self.doc, object.node), (&statement.element, statement.element.root()), container)
    }

    /// Gives ids to a statement's element, taking over those of the object that it replaces; the ids that it then has.
    pub(super) fn complete(
        &self,
        statement: &mut Statement,
        old: Option<Object>,
    ) -> std::collections::BTreeSet<String> {
        let mut taken = Taken::new(&self.taken);
        let old = old.map(|object| (&self.doc, object.node));
        assign(&mut statement.element, statement.keyword, old, &mut taken);
        taken.since
    }
}
