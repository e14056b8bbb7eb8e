//! Applying a whole text [SH-7.4].

use std::collections::BTreeSet;

use super::create::Failed;
use super::{Configuration, Object};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::message::{CrmError, Level, Message};
use crate::crmsh::parse::{Statement, parse_file};
use crate::crmsh::text::{Line, logical_lines};
use crate::xml::NodeIx;

/// What a text does to the objects that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// They stay.
    Update,
    /// Everything but the nodes is erased first.
    Replace,
    /// They are removed; sets of properties are merged.
    Push,
    /// They are removed, and everything is replaced: `edit` and `filter`.
    Edit,
}

impl Configuration<'_> {
    /// Applies a text to the working copy: all of it, or nothing.
    ///
    /// Gives whether it succeeded; messages say why not.
    pub fn load(&mut self, text: &str, method: Method) -> bool {
        let before = self.clone();
        if method == Method::Replace {
            self.erase();
        }
        let selected = self.objects();
        let ok = self.load_over(text, method, selected);
        if !ok {
            let messages = self.take_messages();
            *self = before;
            self.messages = messages;
        }
        ok
    }

    /// As [`Self::load`], for a file that is refused as a whole where its words cannot be told apart.
    ///
    /// # Errors
    /// An open quote, a trailing backslash, or a control character.
    pub fn load_file(&mut self, text: &str, method: Method) -> Result<bool, CrmError> {
        let split = |line: &Line| line.is_comment() || line.text.to_ascii_lowercase().starts_with("xml ");
        for line in logical_lines(text) {
            if !split(&line) {
                line.tokens()?;
            }
        }
        Ok(self.load(text, method))
    }

    /// Applies a changed text of some objects: what it does not name any more is removed. All of it, or nothing.
    pub fn edit(&mut self, text: &str, objects: Vec<Object>) -> bool {
        let before = self.clone();
        let done = self.load_over(text, Method::Edit, objects);
        if !done {
            let messages = self.take_messages();
            *self = before;
            self.messages = messages;
        }
        done
    }

    /// Applies a text that stands for the objects `selected`.
    pub(super) fn load_over(&mut self, text: &str, method: Method, selected: Vec<Object>) -> bool {
        let parsed = parse_file(text, &self.dialect());
        self.messages.extend(parsed.messages);
        self.check_references_of(&parsed.statements);
        let unique = self.check_unique(&parsed.statements);
        if !parsed.errors.is_empty() || !unique {
            return false;
        }
        let mut statements = parsed.statements;
        for pass in [true, false] {
            let of_pass = |keyword: Keyword| (keyword == Keyword::Node) == pass;
            let (now, later) = statements.into_iter().partition(|statement| of_pass(statement.keyword));
            statements = later;
            let now: Vec<Statement> = now;
            let existing = selected.iter().copied().filter(|object| of_pass(object.keyword)).collect();
            if self.apply(now, method, existing).is_err() {
                return false;
            }
        }
        true
    }

    /// References of a text that name nothing in the working copy yet, even if the text itself makes it [SH-6].
    fn check_references_of(&mut self, statements: &[Statement]) {
        for statement in statements {
            let doc = &statement.element;
            for node in doc.descendants(doc.root()).filter(|node| doc.name(*node) != "nvpair") {
                let Some(id) = doc.attr(node, "id-ref") else { continue };
                if self.doc.find_id(self.doc.root(), id).is_none() {
                    let text = format!("Reference not found: {id}");
                    self.messages.push(Message { level: Level::Error, line: Some(statement.line), text });
                }
            }
        }
    }

    /// No id twice in a text; nodes have their own.
    fn check_unique(&mut self, statements: &[Statement]) -> bool {
        let mut seen = BTreeSet::new();
        let mut unique = true;
        for statement in statements.iter().filter(|statement| statement.keyword != Keyword::Monitor) {
            let node = statement.keyword == Keyword::Node;
            if !seen.insert((node, statement.id())) {
                let kind = if node { "node" } else { "resource" };
                let text = format!("Duplicate {kind}: {}", statement.id());
                self.messages.push(Message { level: Level::Error, line: Some(statement.line), text });
                unique = false;
            }
        }
        unique
    }

    fn apply(&mut self, statements: Vec<Statement>, method: Method, existing: Vec<Object>) -> Result<(), Failed> {
        let removes = matches!(method, Method::Push | Method::Edit);
        let selected: BTreeSet<NodeIx> = existing.iter().map(|object| object.node).collect();
        let (mut make, mut update) = (Vec::new(), Vec::new());
        let mut strangers = Vec::new();
        for statement in statements {
            match self.existing(&statement) {
                Some(object) if selected.contains(&object.node) => update.push((statement, object)),
                Some(_) if removes => strangers.push(statement.id().to_owned()),
                _ => make.push(statement),
            }
        }
        if !strangers.is_empty() {
            self.error(format!("Elements {} already exist", strangers.join(", ")));
            return Err(Failed);
        }
        let kept: BTreeSet<NodeIx> = update.iter().map(|(_, object)| object.node).collect();
        let gone: Vec<Object> = existing.into_iter().filter(|object| removes && !kept.contains(&object.node)).collect();
        let (first, rest) = gone.into_iter().partition(|object| object.keyword.is_constraint());
        let (containers, rest): (Vec<Object>, Vec<Object>) =
            Vec::into_iter(rest).partition(|object: &Object| object.keyword.is_container());
        self.remove_all(first, true);
        self.remove_all(containers, true);
        make.sort_by_key(|statement| statement.keyword.creation_rank());
        let mut touched = Vec::new();
        for statement in make {
            touched.push(self.enter(&statement)?);
        }
        for (statement, object) in update {
            touched.extend(self.update(statement, object, method)?);
        }
        self.remove_all(rest, true);
        // Every object is looked at: each has its own message.
        let mut fine = true;
        for object in touched {
            fine &= self.check_structure(object);
        }
        if fine { Ok(()) } else { Err(Failed) }
    }

    /// The object that a statement describes anew.
    fn existing(&self, statement: &Statement) -> Option<Object> {
        let element = &statement.element;
        match statement.keyword {
            Keyword::Node => {
                let uname = element.attr(element.root(), "uname").unwrap_or_default();
                self.find_node(statement.id()).or_else(|| self.find_node(uname))
            }
            Keyword::Monitor => None,
            keyword if keyword.is_property_set() => {
                let id = element.attr(element.root(), "id-ref").unwrap_or(statement.id());
                self.find_other(id)
            }
            _ => self.find_other(statement.id()),
        }
    }

    /// Replaces an object in place; nothing if it is the same. Sets of properties are merged.
    fn update(&mut self, mut statement: Statement, object: Object, method: Method) -> Result<Option<Object>, Failed> {
        if statement.keyword != object.keyword {
            self.error(format!(
                "Cannot create {} with ID '{}': Found existing {} with same ID.",
                statement.keyword.word(),
                statement.id(),
                object.keyword.word()
            ));
            return Err(Failed);
        }
        if object.keyword.is_property_set() && method != Method::Edit {
            return self.merge_set(&statement).map(Some);
        }
        self.check_members(&statement, Some(object))?;
        let ids = self.complete(&mut statement, Some(object));
        let parent = self.doc.parent(object.node).ok_or(Failed)?;
        let old_members: Vec<NodeIx> =
            self.members(object.node).filter(|_| object.keyword.is_container()).map(|m| m.node).collect();
        let node = self.doc.copy_before(parent, Some(object.node), &statement.element, statement.element.root());
        let new = Object { keyword: object.keyword, node };
        self.add_comments(node, &statement.comments);
        self.unregister(object);
        self.adopt(new);
        let dropped = old_members.into_iter().filter(|member| self.doc.parent(*member) == Some(object.node)).collect();
        self.release(dropped);
        self.doc.remove(object.node);
        self.taken.extend(ids);
        self.register(new);
        self.finish(new);
        Ok(Some(new))
    }

    /// What must hold of an object that a text made or changed; messages say what does not.
    fn check_structure(&mut self, object: Object) -> bool {
        if self.doc.parent(object.node).is_none() {
            return true;
        }
        let before = self.messages.len();
        if object.keyword.is_container() {
            let kind = object.keyword;
            let wrong: Vec<Object> = self
                .members(object.node)
                .filter(|member| match kind {
                    Keyword::Group | Keyword::Bundle => member.keyword != Keyword::Primitive,
                    _ => !matches!(member.keyword, Keyword::Primitive | Keyword::Group),
                })
                .collect();
            for member in wrong {
                let (id, word) = (self.object_id(member).to_owned(), member.keyword.word());
                self.error(match kind {
                    Keyword::Group => format!("a group may contain only primitives; {id} is {word}"),
                    _ => format!("{} may contain a primitive or a group; {id} is {word}", kind.word()),
                });
            }
        }
        if object.keyword.is_constraint() {
            let id = self.object_id(object).to_owned();
            for resource in self.constrained(object.node) {
                if self.find_resource(&resource).is_none() && self.find_tag(&resource).is_none() {
                    self.error(format!("constraint {id} references a resource {resource} which doesn't exist"));
                }
            }
        }
        self.messages.len() == before || !self.messages[before..].iter().any(|message| message.level == Level::Error)
    }

    /// The tag with this id, which may stand for resources in constraints.
    pub(super) fn find_tag(&self, id: &str) -> Option<Object> {
        self.named(id).find(|object| matches!(object.keyword, Keyword::Tag | Keyword::Template))
    }
}
