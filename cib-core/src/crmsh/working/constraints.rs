//! Constraints that follow their resources [SH-7.5, SH-7.6].

use super::{Configuration, Object};
use crate::crmsh::keyword::Keyword;
use crate::xml::NodeIx;

/// Attributes that name a resource.
const SLOTS: [&str; 4] = ["rsc", "with-rsc", "first", "then"];

impl Configuration<'_> {
    pub(super) fn constraints(&self) -> Vec<Object> {
        self.objects().into_iter().filter(|object| object.keyword.is_constraint()).collect()
    }

    /// Resources that a constraint names, in print order, with repetitions.
    pub(super) fn constrained(&self, constraint: NodeIx) -> Vec<String> {
        let simple = SLOTS.iter().filter_map(|slot| self.doc.attr(constraint, slot));
        let references = self.references(constraint);
        simple
            .map(str::to_owned)
            .chain(references.iter().filter_map(|node| self.doc.id(*node)).map(str::to_owned))
            .collect()
    }

    /// The `resource_ref` elements of a constraint.
    fn references(&self, constraint: NodeIx) -> Vec<NodeIx> {
        let sets = self.doc.children_named(constraint, "resource_set");
        sets.flat_map(|set| self.doc.children_named(set, "resource_ref")).collect()
    }

    /// Replaces a name in a constraint; whether it was there.
    pub(super) fn replace_in_constraint(&mut self, constraint: Object, old: &str, new: &str) -> bool {
        let mut found = false;
        for slot in SLOTS {
            if self.doc.attr(constraint.node, slot) == Some(old) {
                self.doc.set_attr(constraint.node, slot, new);
                found = true;
            }
        }
        for reference in self.references(constraint.node) {
            if self.doc.id(reference) == Some(old) {
                self.doc.set_attr(reference, "id", new);
                found = true;
            }
        }
        if found {
            let label = self.label(constraint);
            self.inform(format!("modified {label} from {old} to {new}"));
            self.mark_changed(constraint);
        }
        found
    }

    /// Constraints on a member become constraints on its container.
    pub(super) fn redirect_constraints(&mut self, container: Object) {
        let id = self.object_id(container).to_owned();
        let members: Vec<String> =
            self.members(container.node).map(|member| self.object_id(member).to_owned()).collect();
        let mut touched = Vec::new();
        for member in members {
            for constraint in self.constraints() {
                if self.replace_in_constraint(constraint, &member, &id) && !touched.contains(&constraint) {
                    touched.push(constraint);
                }
            }
        }
        for constraint in touched {
            self.drop_repetitions(constraint.node);
            if self.references(constraint.node).len() == 2 {
                self.simplify(constraint);
            }
            if self.is_senseless(constraint, &id) {
                self.remove_element(constraint);
            } else {
                self.test_round_trip(constraint);
            }
        }
    }

    /// Of several references to one resource, only the last stays.
    fn drop_repetitions(&mut self, constraint: NodeIx) {
        let mut seen = Vec::new();
        for reference in self.references(constraint).into_iter().rev() {
            let id = self.doc.id(reference).map(str::to_owned);
            if seen.contains(&id) {
                self.doc.remove(reference);
            } else {
                seen.push(id);
            }
        }
        self.drop_empty_sets(constraint);
    }

    fn drop_empty_sets(&mut self, constraint: NodeIx) {
        let sets: Vec<NodeIx> = self.doc.children_named(constraint, "resource_set").collect();
        for set in sets {
            if self.doc.children(set).next().is_none() {
                self.doc.remove(set);
            }
        }
    }

    /// Turns the sets of a colocation or order with two references into the simple form.
    fn simplify(&mut self, constraint: Object) {
        let (attributes, kind) = match constraint.keyword {
            Keyword::Colocation => (["rsc", "with-rsc"], "role"),
            Keyword::Order => (["first", "then"], "action"),
            _ => return,
        };
        let sets: Vec<NodeIx> = self.doc.children_named(constraint.node, "resource_set").collect();
        let unordered =
            |set: &NodeIx| self.doc.attr(*set, "sequential") == Some("false") && self.doc.children(*set).count() > 1;
        if sets.iter().any(unordered) {
            return;
        }
        let mut resources: Vec<(String, Option<String>)> = Vec::new();
        for set in &sets {
            let qualifier = self.doc.attr(*set, kind).map(str::to_owned);
            for reference in self.doc.children_named(*set, "resource_ref") {
                resources.push((self.doc.id(reference).unwrap_or_default().to_owned(), qualifier.clone()));
            }
        }
        if sets.len() == 1 && constraint.keyword == Keyword::Colocation {
            // A set `a b` means "b with a".
            resources.reverse();
        }
        for set in sets {
            self.doc.remove(set);
        }
        for (attribute, (id, qualifier)) in attributes.into_iter().zip(resources) {
            self.doc.set_attr(constraint.node, attribute, &id);
            if let Some(qualifier) = qualifier {
                self.doc.set_attr(constraint.node, &format!("{attribute}-{kind}"), &qualifier);
            }
        }
    }

    /// Whether a constraint says nothing any more. `container` is the id that two resources may have become.
    fn is_senseless(&self, constraint: Object, container: &str) -> bool {
        let resources = self.constrained(constraint.node);
        let single = matches!(constraint.keyword, Keyword::Location | Keyword::Ticket);
        if constraint.keyword == Keyword::Location && self.doc.attr(constraint.node, "rsc-pattern").is_some() {
            return false;
        }
        let same = !single && resources.len() == 2 && resources.iter().all(|id| id == container);
        same || resources.len() < if single { 1 } else { 2 }
    }

    /// What happens to a constraint that names a removed object. `heir` takes the place of a container in the simple form.
    pub(super) fn drop_from_constraint(&mut self, constraint: Object, id: &str, heir: Option<&str>, quiet: bool) {
        let named = SLOTS.iter().any(|slot| self.doc.attr(constraint.node, slot) == Some(id));
        if let Some(heir) = heir.filter(|_| named) {
            self.replace_in_constraint(constraint, id, heir);
            self.test_round_trip(constraint);
            return;
        }
        let mut found = named;
        for slot in SLOTS {
            if self.doc.attr(constraint.node, slot) == Some(id) {
                for suffix in ["", "-role", "-action", "-instance"] {
                    self.doc.remove_attr(constraint.node, &format!("{slot}{suffix}"));
                }
            }
        }
        for reference in self.references(constraint.node) {
            if self.doc.id(reference) == Some(id) {
                self.doc.remove(reference);
                found = true;
            }
        }
        if !found {
            return;
        }
        self.drop_empty_sets(constraint.node);
        if self.references(constraint.node).len() == 2 {
            self.simplify(constraint);
        }
        let label = self.label(constraint);
        if self.is_senseless(constraint, "") {
            if !quiet {
                self.inform(format!("hanging {label} deleted"));
            }
            self.remove_element(constraint);
        } else {
            self.inform(format!("constraint {label} updated"));
            self.mark_changed(constraint);
            self.test_round_trip(constraint);
        }
    }
}
