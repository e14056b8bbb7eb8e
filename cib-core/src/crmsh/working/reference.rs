//! References between sets [SH-6].

use super::Configuration;
use crate::crmsh::keyword::Keyword;
use crate::xml::NodeIx;

impl Configuration<'_> {
    /// Resolves the references inside an element: one that names an object becomes the id of the object's first element of the same tag.
    pub(super) fn resolve_references(&mut self, node: NodeIx) {
        let all: Vec<NodeIx> = core::iter::once(node).chain(self.doc.descendants(node)).collect();
        for element in all {
            let Some(id) = self.doc.attr(element, "id-ref").map(str::to_owned) else { continue };
            let tag = self.doc.name(element).to_owned();
            if tag == "nvpair" {
                continue;
            }
            match self.first_of(&id, &tag, element) {
                Some((target, many)) => {
                    if many {
                        self.warn(format!("{id} contains more than one {tag}, using first"));
                    }
                    self.doc.set_attr(element, "id-ref", &target);
                }
                None => self.check_reference(&id),
            }
        }
    }

    /// Id of the first element with this tag inside the object, and whether there are more.
    fn first_of(&self, id: &str, tag: &str, referring: NodeIx) -> Option<(String, bool)> {
        let object = self.find_other(id).filter(|object| object.keyword != Keyword::Node)?;
        let inside = self.doc.descendants(object.node).filter(|node| *node != referring && self.doc.name(*node) == tag);
        let mut ids = inside.filter_map(|node| self.doc.id(node));
        let first = ids.next()?.to_owned();
        Some((first, ids.next().is_some()))
    }

    fn check_reference(&mut self, id: &str) {
        let named = |node: &NodeIx| {
            self.doc.id(*node) == Some(id) && !matches!(self.doc.name(*node), "resource_ref" | "obj_ref")
        };
        match self.doc.descendants(self.doc.root()).filter(named).count() {
            0 => self.error(format!("Reference not found: {id}")),
            1 => {}
            _ => self.error(format!("Ambiguous reference to {id}")),
        }
    }
}
