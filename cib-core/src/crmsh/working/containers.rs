//! Containers and their members [SH-7.3, SH-7.5].

use super::create::Failed;
use super::{Configuration, Object};
use crate::crmsh::parse::{REFERENCE, Statement};
use crate::xml::NodeIx;

impl Configuration<'_> {
    /// A member must not be in another container than `own`. Missing members are told and left out.
    pub(super) fn check_members(&mut self, statement: &Statement, own: Option<Object>) -> Result<(), Failed> {
        let container = format!("{}:{}", statement.keyword.word(), statement.id());
        let (present, missing): (Vec<&str>, Vec<&str>) =
            statement.members().partition(|id| self.find_resource(id).is_some());
        for id in missing {
            self.error(format!("{} refers to missing object {id}", statement.id()));
        }
        for member in present.into_iter().filter_map(|id| self.find_resource(id)).collect::<Vec<_>>() {
            let holder = self.container_of(member.node).filter(|holder| Some(holder.node) != own.map(|own| own.node));
            if let Some(holder) = holder {
                let text = format!(
                    "Cannot create {container}: Child {} already in {}",
                    self.label(member),
                    self.label(holder)
                );
                self.error(text);
                return Err(Failed);
            }
        }
        Ok(())
    }

    /// Replaces the references inside a container by the resources they name.
    pub(super) fn adopt(&mut self, container: Object) {
        let references: Vec<NodeIx> = self.doc.children_named(container.node, REFERENCE).collect();
        for reference in references {
            let member = self.doc.id(reference).and_then(|id| self.find_resource(id));
            if let Some(member) = member.filter(|member| !self.is_inside(container.node, member.node)) {
                self.doc.relocate(member.node, container.node, Some(reference));
            }
            self.doc.remove(reference);
        }
    }

    /// Whether `node` is `outer` or inside it.
    pub(super) fn is_inside(&self, node: NodeIx, outer: NodeIx) -> bool {
        let mut at = Some(node);
        while let Some(current) = at {
            if current == outer {
                return true;
            }
            at = self.doc.parent(current);
        }
        false
    }

    /// Moves the members of a container to the end of the resources.
    pub(super) fn release(&mut self, members: Vec<NodeIx>) {
        let resources = self.section("resources");
        for member in members {
            self.doc.relocate(member, resources, None);
        }
    }

    /// The outermost container around a resource, or the resource itself.
    #[must_use]
    pub fn top_of(&self, resource: Object) -> Object {
        let mut top = resource;
        while let Some(container) = self.container_of(top.node) {
            top = container;
        }
        top
    }
}
