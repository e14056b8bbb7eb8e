//! Deleting, erasing, renaming [SH-7.6, SH-7.8, SH-7.9].

use super::{Configuration, Object};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::parse::is_object_id;
use crate::xml::NodeIx;

impl Configuration<'_> {
    /// Removes the element of an object that has no members, and forgets it.
    pub(super) fn remove_element(&mut self, object: Object) {
        self.mark_changed(object);
        self.unregister(object);
        self.doc.remove(object.node);
    }

    /// Deletes objects by id. An id that names nothing is an error, unless `force`; then nothing is deleted.
    pub fn delete(&mut self, ids: &[&str], force: bool) -> bool {
        let mut objects: Vec<Object> = Vec::new();
        let mut missing = false;
        for id in ids {
            match self.find(id) {
                Some(object) => {
                    if object.keyword == Keyword::Template {
                        objects.extend(self.users_of_template(id));
                    }
                    objects.push(object);
                }
                None if force => {}
                None => {
                    self.error(format!("object {id} does not exist"));
                    missing = true;
                }
            }
        }
        if missing {
            return false;
        }
        objects.sort_unstable();
        objects.dedup();
        let users: Vec<Object> =
            objects.iter().copied().filter(|object| !ids.contains(&self.object_id(*object))).collect();
        let users: Vec<Object> = users
            .into_iter()
            .filter(|object| object.keyword == Keyword::Primitive && self.doc.attr(object.node, "template").is_some())
            .collect();
        for object in users {
            let label = self.label(object);
            self.inform(format!("hanging {label} deleted"));
        }
        self.remove_all(objects, false);
        true
    }

    fn users_of_template(&self, template: &str) -> Vec<Object> {
        let all = self.objects().into_iter().filter(|object| object.keyword == Keyword::Primitive);
        all.filter(|object| self.doc.attr(object.node, "template") == Some(template)).collect()
    }

    /// Removes objects in reverse print order.
    pub(super) fn remove_all(&mut self, objects: Vec<Object>, quiet: bool) {
        let ids: Vec<(bool, String)> = self
            .in_print_order(objects)
            .into_iter()
            .rev()
            .map(|object| (object.keyword == Keyword::Node, self.object_id(object).to_owned()))
            .collect();
        for (node, id) in ids {
            // It may have gone with another.
            let object = if node { self.find_node(&id) } else { self.find_other(&id) };
            if let Some(object) = object {
                self.remove_object(object, quiet);
            }
        }
    }

    /// Removes one object with everything that hangs on it.
    fn remove_object(&mut self, object: Object, quiet: bool) {
        if let Some(container) = self.container_of(object.node)
            && self.members(container.node).count() == 1
        {
            self.remove_object(container, quiet);
        }
        let members: Vec<NodeIx> =
            self.members(object.node).filter(|_| object.keyword.is_container()).map(|m| m.node).collect();
        let heir = members.first().and_then(|member| self.doc.id(*member)).map(str::to_owned);
        self.release(members);
        let id = self.object_id(object).to_owned();
        self.remove_element(object);
        if object.keyword.is_resource() {
            self.drop_from_tags(&id, quiet);
            for constraint in self.constraints() {
                self.drop_from_constraint(constraint, &id, heir.as_deref(), quiet);
            }
        }
    }

    fn drop_from_tags(&mut self, id: &str, quiet: bool) {
        let tags: Vec<Object> = self.objects_of(Keyword::Tag).collect();
        for tag in tags {
            let references: Vec<NodeIx> =
                self.doc.children_named(tag.node, "obj_ref").filter(|node| self.doc.id(*node) == Some(id)).collect();
            if references.is_empty() {
                continue;
            }
            for reference in references {
                self.doc.remove(reference);
            }
            if self.doc.children(tag.node).next().is_none() {
                let label = self.label(tag);
                if !quiet {
                    self.inform(format!("hanging {label} deleted"));
                }
                self.remove_element(tag);
            } else {
                self.mark_changed(tag);
            }
        }
    }

    /// Removes everything but the nodes.
    pub fn erase(&mut self) {
        let leaves: Vec<(bool, String)> = self
            .objects()
            .into_iter()
            .filter(|object| !object.keyword.is_constraint() && object.keyword != Keyword::Node)
            .filter(|object| !object.keyword.is_container() || self.members(object.node).next().is_none())
            .map(|object| (false, self.object_id(object).to_owned()))
            .collect();
        for (_, id) in leaves {
            if let Some(object) = self.find_other(&id) {
                self.remove_object(object, true);
            }
        }
        // Constraints that name nothing that exists.
        for constraint in self.constraints() {
            self.remove_element(constraint);
        }
    }

    /// Removes the nodes.
    pub fn erase_nodes(&mut self) {
        let nodes: Vec<Object> = self.objects_of(Keyword::Node).collect();
        for node in nodes {
            self.remove_element(node);
        }
    }

    /// Renames an object; constraints follow, ids inside the object stay.
    pub fn rename(&mut self, old: &str, new: &str) -> bool {
        if self.find(new).is_some() {
            self.error(format!("{new}: id is already in use"));
            return false;
        }
        let Some(object) = self.find(old) else {
            self.error(format!("object {old} does not exist"));
            return false;
        };
        if object.keyword == Keyword::Node {
            self.error("cannot rename nodes".to_owned());
            return false;
        }
        if object.keyword == Keyword::FencingTopology {
            return true;
        }
        if !is_object_id(new) {
            self.error(format!("{new}: invalid object id"));
            return false;
        }
        self.index.drop(&self.doc, object);
        self.taken.remove(old);
        self.doc.set_attr(object.node, "id", new);
        self.taken.insert(new.to_owned());
        self.register(object);
        if object.keyword.is_resource() {
            for constraint in self.constraints() {
                self.replace_in_constraint(constraint, old, new);
            }
        }
        self.changed.insert((false, old.to_owned()));
        self.mark_changed(object);
        true
    }
}
