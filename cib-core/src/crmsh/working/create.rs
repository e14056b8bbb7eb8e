//! Creating and merging objects [SH-7.3].

use super::{Configuration, Object};
use crate::crmsh::ids::{Taken, assign_below};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::parse::{Origin, Statement, is_object_id, parse_line, parse_tokens};
use crate::crmsh::text::{Line, Token};
use crate::rules::parse_milliseconds;
use crate::xml::{Document, NodeIx};

/// A command that failed; its messages say why.
pub(super) struct Failed;

impl Configuration<'_> {
    /// Carries out one typed statement, such as `primitive p Dummy`.
    ///
    /// Gives whether it succeeded; messages say why not.
    pub fn execute(&mut self, text: &str) -> bool {
        let mut messages = Vec::new();
        let parsed = parse_line(&Line::typed(text), Origin::Typed, &self.dialect(), &mut messages);
        self.messages.append(&mut messages);
        match parsed {
            Ok(statement) => self.create(&statement),
            Err(error) => {
                self.messages.extend(error.messages(false));
                false
            }
        }
    }

    /// Carries out one typed statement that is already split into words.
    pub fn execute_words(&mut self, words: &[String]) -> bool {
        let mut line = String::new();
        let mut tokens = Vec::new();
        for word in words {
            if !line.is_empty() {
                line.push(' ');
            }
            tokens.push(Token { text: word.clone(), offset: line.len() });
            line.push_str(word);
        }
        let mut messages = Vec::new();
        let parsed = parse_tokens(&Line::typed(&line), tokens, Origin::Typed, &self.dialect(), &mut messages);
        self.messages.append(&mut messages);
        match parsed {
            Ok(statement) => self.create(&statement),
            Err(error) => {
                self.messages.extend(error.messages(false));
                false
            }
        }
    }

    /// Creates the object of a statement, or merges it into the one there is.
    pub fn create(&mut self, statement: &Statement) -> bool {
        self.enter(statement).is_ok()
    }

    pub(super) fn enter(&mut self, statement: &Statement) -> Result<Object, Failed> {
        let keyword = statement.keyword;
        if keyword == Keyword::Monitor {
            return self.add_monitor(statement);
        }
        if keyword.is_property_set() {
            return self.merge_set(statement);
        }
        let element = &statement.element;
        if keyword == Keyword::Node {
            let uname = element.attr(element.root(), "uname").unwrap_or_default();
            if let Some(node) = self.find_node(statement.id()).or_else(|| self.find_node(uname)) {
                return Ok(self.merge_node(node, statement));
            }
        } else if let Some(found) = self.find_other(statement.id()) {
            self.error(format!(
                "Cannot create {} with ID '{}': Found existing {} with same ID.",
                keyword.word(),
                statement.id(),
                found.keyword.word()
            ));
            return Err(Failed);
        }
        self.insert_new(statement)
    }

    fn insert_new(&mut self, statement: &Statement) -> Result<Object, Failed> {
        let keyword = statement.keyword;
        self.check_members(statement, None)?;
        let mut statement = statement.clone();
        let ids = self.complete(&mut statement, None);
        let section = self.section(keyword.section());
        let node = self.doc.copy(section, &statement.element, statement.element.root());
        let object = Object { keyword, node };
        self.taken.extend(ids);
        self.add_comments(node, &statement.comments);
        self.adopt(object);
        self.register(object);
        self.finish(object);
        Ok(object)
    }

    /// What follows every creation or change of an object.
    pub(super) fn finish(&mut self, object: Object) {
        self.resolve_references(object.node);
        if object.keyword.is_container() {
            self.redirect_constraints(object);
        }
        self.rename_parameters(object);
        self.mark_changed(object);
        self.test_round_trip(object);
    }

    /// Merges a property set or defaults, creating the set where there is none.
    pub(super) fn merge_set(&mut self, statement: &Statement) -> Result<Object, Failed> {
        let keyword = statement.keyword;
        let element = &statement.element;
        let id = element.attr(element.root(), "id-ref").unwrap_or(statement.id()).to_owned();
        let object = match self.find_other(&id) {
            Some(object) if object.keyword == keyword => object,
            Some(found) => {
                self.error(format!(
                    "Cannot create {} with ID '{id}': Found existing {} with same ID.",
                    keyword.word(),
                    found.keyword.word()
                ));
                return Err(Failed);
            }
            None => {
                if !is_object_id(&id) {
                    self.error(format!("{id}: invalid object id"));
                    return Err(Failed);
                }
                let section = self.section(keyword.section());
                let node = self.doc.append(section, keyword.element());
                self.doc.set_attr(node, "id", &id);
                let object = Object { keyword, node };
                self.register(object);
                object
            }
        };
        let mut statement = statement.clone();
        let ids = self.complete(&mut statement, Some(object));
        self.taken.extend(ids);
        self.merge_pairs(object.node, &statement.element, statement.element.root());
        self.add_comments(object.node, &statement.comments);
        self.finish(object);
        Ok(object)
    }

    /// Pairs overwrite the value of the pair with their name or are appended; rules replace those with their id or are appended.
    fn merge_pairs(&mut self, set: NodeIx, new: &Document, from: NodeIx) {
        for child in new.children(from) {
            let (name, value) = (new.attr(child, "name"), new.attr(child, "value"));
            match (new.name(child), name, value) {
                ("nvpair", Some(name), Some(value)) => {
                    let old =
                        self.doc.children_named(set, "nvpair").find(|pair| self.doc.attr(*pair, "name") == Some(name));
                    match old {
                        Some(pair) => self.doc.set_attr(pair, "value", value),
                        None => {
                            self.doc.copy(set, new, child);
                        }
                    }
                }
                ("nvpair", ..) => {
                    self.doc.copy(set, new, child);
                }
                _ => {
                    let old = self
                        .doc
                        .children(set)
                        .find(|old| new.id(child).is_some() && self.doc.id(*old) == new.id(child));
                    let next = self.doc.children(set).find(|node| self.doc.name(*node) == "nvpair");
                    self.doc.copy_before(set, old.or(next), new, child);
                    if let Some(old) = old {
                        self.doc.remove(old);
                    }
                }
            }
        }
    }

    /// Sets that the node lacks are added; pairs of the others are merged by name.
    fn merge_node(&mut self, node: Object, statement: &Statement) -> Object {
        let mut statement = statement.clone();
        let ids = self.complete(&mut statement, Some(node));
        self.taken.extend(ids);
        let new = &statement.element;
        for set in new.children(new.root()) {
            match self.doc.child(node.node, new.name(set)) {
                Some(old) => self.merge_pairs(old, new, set),
                None => {
                    self.doc.copy(node.node, new, set);
                }
            }
        }
        self.finish(node);
        node
    }

    /// Adds an operation to a primitive [SH-4.16].
    fn add_monitor(&mut self, statement: &Statement) -> Result<Object, Failed> {
        let id = statement.target.as_deref().unwrap_or_default();
        let op = &statement.element;
        let interval = op.attr(op.root(), "interval").unwrap_or_default();
        let object = match self.find_other(id) {
            None => Err(format!("object {id} does not exist")),
            Some(object) if object.keyword != Keyword::Primitive => Err(format!("{id} is not a primitive")),
            Some(object) if self.has_monitor(object.node, interval) => {
                Err(format!("{id} already has a monitor op with interval {interval}"))
            }
            Some(object) => Ok(object),
        };
        let object = match object {
            Ok(object) => object,
            Err(text) => {
                self.error(text);
                return Err(Failed);
            }
        };
        let operations = match self.doc.child(object.node, "operations") {
            Some(operations) => operations,
            None => self.doc.append(object.node, "operations"),
        };
        let node = self.doc.copy(operations, op, op.root());
        let prefix = self.doc.id(operations).unwrap_or(id).to_owned();
        let mut taken = Taken::new(&self.taken);
        assign_below(&mut self.doc, node, &prefix, &mut taken);
        let since = taken.since;
        self.taken.extend(since);
        self.finish(object);
        Ok(object)
    }

    /// Whether a primitive has a monitor with the same time between its runs.
    fn has_monitor(&self, primitive: NodeIx, interval: &str) -> bool {
        let wanted = parse_milliseconds(interval).ok();
        let operations = self.doc.children_named(primitive, "operations");
        let mut ops = operations.flat_map(|node| self.doc.children_named(node, "op"));
        ops.any(|op| {
            self.doc.attr(op, "name") == Some("monitor")
                && self.doc.attr(op, "interval").and_then(|own| parse_milliseconds(own).ok()) == wanted
        })
    }

    /// A parameter that the agent knows with underscores for hyphens is renamed [SH-7.7].
    fn rename_parameters(&mut self, object: Object) {
        if !matches!(object.keyword, Keyword::Primitive | Keyword::Template) {
            return;
        }
        let sets: Vec<NodeIx> = self.doc.children_named(object.node, "instance_attributes").collect();
        let pairs: Vec<NodeIx> = sets.into_iter().flat_map(|set| self.doc.children_named(set, "nvpair")).collect();
        let dashed = |pair: &NodeIx| self.doc.attr(*pair, "name").is_some_and(|name| name.contains('-'));
        let pairs: Vec<NodeIx> = pairs.into_iter().filter(dashed).collect();
        if pairs.is_empty() {
            return;
        }
        let Some(meta) = self.agent_meta_data(object.node) else { return };
        let knows = |name: &str| meta.parameters.iter().any(|parameter| parameter.name == name);
        for pair in pairs {
            let name = self.doc.attr(pair, "name").unwrap_or_default();
            let renamed = name.replace('-', "_");
            if !knows(name) && knows(&renamed) {
                self.doc.set_attr(pair, "name", &renamed);
            }
        }
    }

    /// Meta-data of the agent of a primitive, its template, or a template.
    pub(super) fn agent_meta_data(&self, node: NodeIx) -> Option<crate::crmsh::dialect::AgentMetaData> {
        let node = match self.doc.attr(node, "template") {
            Some(template) => self.find_other(template).filter(|object| object.keyword == Keyword::Template)?.node,
            None => node,
        };
        let class = self.doc.attr(node, "class")?;
        self.agents.meta_data(class, self.doc.attr(node, "provider"), self.doc.attr(node, "type")?)
    }
}
