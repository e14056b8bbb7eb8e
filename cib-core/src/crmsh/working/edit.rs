//! Small changes: `set`, `modgroup`, `default-timeouts` [SH-11].

use super::{Configuration, Object};
use crate::crmsh::ids::{Taken, assign_below};
use crate::crmsh::keyword::Keyword;
use crate::rules::is_true;
use crate::xml::NodeIx;

/// Why a small change was not made. `Display` gives the released program's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EditError(pub String);

fn fail<T>(text: String) -> Result<T, EditError> {
    Err(EditError(text))
}

impl Configuration<'_> {
    /// `set ID.[OP.][INTERVAL.]NAME VALUE`.
    ///
    /// # Errors
    /// The path does not lead to one attribute.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), EditError> {
        let parts: Vec<&str> = path.split('.').collect();
        if !(2..=4).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
            return fail(format!("Invalid path: \"{path}\"; Valid path: \"id.[op_type.][interval.]name\""));
        }
        let (id, name) = (parts[0], parts[parts.len() - 1]);
        let Some(object) = self.find(id) else { return fail(format!("Object {id} not found")) };
        match parts[..] {
            [_, name] => {
                let pairs: Vec<NodeIx> = self
                    .doc
                    .descendants(object.node)
                    .filter(|node| self.doc.name(*node) == "nvpair" && self.doc.attr(*node, "name") == Some(name))
                    .collect();
                match pairs[..] {
                    [] => return fail(format!("Attribute not found: {path}")),
                    [pair] => self.doc.set_attr(pair, "value", value),
                    _ => return fail(format!("Expected 1 attribute named {name}, found {}", pairs.len())),
                }
            }
            _ => {
                let op = self.find_operation(object, id, parts[1], (parts.len() == 4).then(|| parts[2]))?;
                if !crate::crmsh::parse::is_xml_name(name) {
                    return fail(format!("Attribute not found: {path}"));
                }
                self.doc.set_attr(op, name, value);
            }
        }
        self.finish(object);
        Ok(())
    }

    fn find_operation(
        &self,
        object: Object,
        id: &str,
        name: &str,
        interval: Option<&str>,
    ) -> Result<NodeIx, EditError> {
        let ops: Vec<NodeIx> =
            self.operations(object.node).filter(|op| self.doc.attr(*op, "name") == Some(name)).collect();
        if ops.is_empty() {
            return fail(format!("Operation \"{name}\" not found for resource {id}"));
        }
        match interval {
            None if ops.len() > 1 => fail(format!("Should specify interval of {name}")),
            None => Ok(ops[0]),
            Some(interval) => {
                let wanted = format!("{id}-{name}-{interval}");
                let op = ops.into_iter().find(|op| self.doc.id(*op) == Some(&wanted));
                op.ok_or_else(|| {
                    EditError(format!("Operation \"{name}\" interval \"{interval}\" not found for resource {id}"))
                })
            }
        }
    }

    /// The operations of a primitive or template.
    pub(super) fn operations(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> {
        self.doc.children_named(node, "operations").flat_map(|operations| self.doc.children_named(operations, "op"))
    }

    /// `modgroup G add P [after|before Q]`, `modgroup G remove P`.
    ///
    /// # Errors
    /// Wrong words, no such group, no such member.
    pub fn modgroup(&mut self, group: &str, arguments: &[&str]) -> Result<(), EditError> {
        let [command, rest @ ..] = arguments else { return fail("modgroup subcommand  unknown".to_owned()) };
        if !matches!(*command, "add" | "remove") {
            return fail(format!("modgroup subcommand {command} unknown"));
        }
        let [member, place @ ..] = rest else { return fail("Expected member".to_owned()) };
        match place {
            [] => {}
            [_] | [_, _, _, ..] => {
                return fail(format!("Expected 'after|before <id>' ({} arguments given)", place.len()));
            }
            [word, _] if !matches!(*word, "after" | "before") => {
                return fail(format!("Expected after|before (found {word})"));
            }
            _ if *command != "add" => return fail(format!("Expected add (found {command})")),
            _ => {}
        }
        let Some(object) = self.find_other(group) else { return fail(format!("group {group} does not exist")) };
        if object.keyword != Keyword::Group {
            return fail(format!("element {group} is not a group"));
        }
        let mut members: Vec<String> = self.members(object.node).map(|m| self.object_id(m).to_owned()).collect();
        let position = |members: &[String], id: &str| {
            members.iter().position(|own| own == id).ok_or_else(|| EditError(format!("{id} is not member of {group}")))
        };
        if *command == "remove" {
            let at = position(&members, member)?;
            members.remove(at);
        } else {
            let at = match place {
                [word, other] => position(&members, other)? + usize::from(*word == "after"),
                _ => members.len(),
            };
            members.insert(at, (*member).to_owned());
        }
        self.rearrange(object, &members)
    }

    /// Gives a group these members in this order.
    fn rearrange(&mut self, group: Object, members: &[String]) -> Result<(), EditError> {
        let mut nodes = Vec::new();
        for id in members {
            let Some(member) = self.find_resource(id) else {
                return fail(format!("{} refers to missing object {id}", self.object_id(group)));
            };
            if member.keyword != Keyword::Primitive {
                return fail(format!("a group may contain only primitives; {id} is {}", member.keyword.word()));
            }
            if nodes.contains(&member.node) {
                return fail(format!("in group {} child {id} listed more than once", self.object_id(group)));
            }
            match self.container_of(member.node) {
                Some(holder) if holder.node != group.node => {
                    return fail(format!("{id} already in use at {}", self.object_id(holder)));
                }
                _ => nodes.push(member.node),
            }
        }
        let dropped: Vec<NodeIx> = self.members(group.node).map(|m| m.node).filter(|m| !nodes.contains(m)).collect();
        self.release(dropped);
        for node in nodes {
            self.doc.relocate(node, group.node, None);
        }
        if self.members(group.node).next().is_none() {
            return fail(format!("group {} has no members", self.object_id(group)));
        }
        // Constraints on a new member stay as they are here.
        self.mark_changed(group);
        self.test_round_trip(group);
        Ok(())
    }

    /// `default-timeouts ID…`: operations get the timeouts that their agents advise.
    pub fn default_timeouts(&mut self, ids: &[&str]) -> bool {
        let mut fine = true;
        for id in ids {
            match self.find(id) {
                None => {
                    self.error(format!("object {id} does not exist"));
                    fine = false;
                }
                Some(object) if object.keyword != Keyword::Primitive => {
                    self.warn(format!("element {id} is not a primitive"));
                }
                Some(object) => self.advise_timeouts(object),
            }
        }
        fine
    }

    fn advise_timeouts(&mut self, object: Object) {
        let Some(meta) = self.agent_meta_data(object.node) else { return };
        let id = self.object_id(object).to_owned();
        let mut wanted = vec!["start", "stop"];
        if self.meta_is_true(object.node, "allow-migrate") {
            wanted.extend(["migrate_to", "migrate_from"]);
        }
        if self.container_of(object.node).is_some_and(|holder| self.is_promotable(self.top_of(holder))) {
            wanted.extend(["promote", "demote"]);
        }
        let advice = |name: &str| {
            meta.actions
                .iter()
                .find(|action| action.name == name)
                .and_then(|action| action.advice("timeout"))
                .map(str::to_owned)
        };
        let ops: Vec<NodeIx> = self.operations(object.node).collect();
        for op in &ops {
            let name = self.doc.attr(*op, "name").unwrap_or_default();
            if (name == "monitor" || wanted.contains(&name))
                && let Some(timeout) = advice(name)
            {
                self.doc.set_attr(*op, "timeout", &timeout);
            }
        }
        for name in wanted {
            let present = ops.iter().any(|op| self.doc.attr(*op, "name") == Some(name));
            if let Some(timeout) = advice(name).filter(|_| !present) {
                self.add_operation(object, &id, &[("name", name), ("timeout", &timeout), ("interval", "0")]);
            }
        }
        self.finish(object);
    }

    /// Adds an operation to a primitive.
    pub fn add_operation(&mut self, object: Object, id: &str, attributes: &[(&str, &str)]) -> NodeIx {
        let operations = match self.doc.child(object.node, "operations") {
            Some(operations) => operations,
            None => self.doc.append(object.node, "operations"),
        };
        let op = self.doc.append(operations, "op");
        for (name, value) in attributes {
            self.doc.set_attr(op, name, value);
        }
        let prefix = self.doc.id(operations).unwrap_or(id).to_owned();
        let mut taken = Taken::new(&self.taken);
        assign_below(&mut self.doc, op, &prefix, &mut taken);
        let since = taken.since;
        self.taken.extend(since);
        op
    }

    /// An id for a new element: `wanted`, or with the first number that makes it free.
    #[must_use]
    pub fn free_id(&self, wanted: &str) -> String {
        Taken::new(&self.taken).free(wanted.to_owned())
    }

    /// Whether a meta attribute of the element is set to a true word.
    pub(super) fn meta_is_true(&self, node: NodeIx, name: &str) -> bool {
        let sets = self.doc.children_named(node, "meta_attributes");
        let mut pairs = sets.flat_map(|set| self.doc.children_named(set, "nvpair"));
        pairs.any(|pair| self.doc.attr(pair, "name") == Some(name) && is_true(self.doc.attr(pair, "value")))
    }

    /// Whether a container is an `ms` or a clone with `promotable` true.
    #[must_use]
    pub fn is_promotable(&self, object: Object) -> bool {
        object.keyword == Keyword::Ms
            || (object.keyword == Keyword::Clone && self.meta_is_true(object.node, "promotable"))
    }

    /// Changes the document of the working copy directly, for commands that work below the level of objects; then every object is
    /// looked at anew.
    pub fn with_document(&mut self, change: impl FnOnce(&mut crate::xml::Document)) {
        change(&mut self.doc);
        // No object by name: what was changed below the objects counts all the same.
        self.changed.insert((false, String::new()));
        self.reindex();
        let before = core::mem::take(&mut self.only_xml);
        for object in self.objects() {
            if before.contains(&object.node) {
                self.only_xml.insert(object.node);
            } else {
                self.test_round_trip(object);
            }
        }
    }
}
