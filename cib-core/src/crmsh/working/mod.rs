//! The working copy: a configuration with its objects, changed by statements and commands [SH-1.3, SH-7].

mod apply;
mod check;
mod check_operations;
mod constraints;
mod containers;
mod create;
mod edit;
mod filter;
mod index;
mod read;
mod reference;
mod remove;
mod trip;

use std::collections::BTreeSet;

pub use apply::Method;
pub use check::{Checked, Strictness};
pub use edit::EditError;
pub use filter::Selection;

use super::dialect::{Agents, Dialect, NoAgents};
use super::keyword::Keyword;
use super::message::{Level, Message};
use super::print::Printer;
use crate::xml::{Document, NodeIx};

/// One object of the working copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Its kind.
    pub keyword: Keyword,
    /// Its element.
    pub node: NodeIx,
}

/// What the user may choose about the working copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// Print objects in the order of their ids within a rank.
    pub sort: bool,
    /// Patterns of names whose values are hidden by [`Configuration::show`].
    pub obscured: Vec<String>,
    /// Turn old role names into new ones.
    pub new_role_names: bool,
    /// Replace characters outside ASCII in files by references, as the released program does.
    pub ascii: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Preferences { sort: true, obscured: vec!["passw*".to_owned()], new_role_names: false, ascii: false }
    }
}

/// The working copy.
///
/// Commands leave messages, drained by [`Configuration::take_messages`]. A command that fails leaves the copy as it was, except where the
/// released program goes on (a container whose member does not exist).
#[derive(Clone)]
pub struct Configuration<'a> {
    doc: Document,
    /// What the user chose.
    pub preferences: Preferences,
    agents: &'a dyn Agents,
    index: index::Index,
    taken: BTreeSet<String>,
    /// Objects that the language cannot express.
    only_xml: BTreeSet<NodeIx>,
    /// Created or changed since the copy was read, as (is a node, id).
    changed: BTreeSet<(bool, String)>,
    messages: Vec<Message>,
}

impl Configuration<'static> {
    /// A working copy of the configuration of `cib`, knowing nothing of agents.
    #[must_use]
    pub fn new(cib: &Document) -> Configuration<'static> {
        Configuration::with_agents(cib, &NoAgents, Preferences::default())
    }
}

impl<'a> Configuration<'a> {
    /// A working copy of the configuration of `cib`.
    #[must_use]
    pub fn with_agents(cib: &Document, agents: &'a dyn Agents, preferences: Preferences) -> Configuration<'a> {
        let mut copy = Configuration {
            doc: cib.clone(),
            preferences,
            agents,
            index: index::Index::default(),
            taken: BTreeSet::new(),
            only_xml: BTreeSet::new(),
            changed: BTreeSet::new(),
            messages: Vec::new(),
        };
        copy.read(cib);
        copy
    }

    /// The document: the `cib` element without its `status`.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.doc
    }

    /// Messages since they were last taken.
    pub fn take_messages(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.messages)
    }

    /// Whether an object was created, changed or removed since the copy was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Writes the configuration of the working copy over that of `cib`. Its `status` and versions stay.
    pub fn commit(&mut self, cib: &mut Document) {
        if let Some(schema) = self.doc.attr(self.doc.root(), "validate-with") {
            let root = cib.root();
            cib.set_attr(root, "validate-with", schema);
        }
        let Some(new) = self.doc.child(self.doc.root(), "configuration") else { return };
        let root = cib.root();
        match cib.child(root, "configuration") {
            Some(old) => {
                let stated = read::stated_defaults(cib, old);
                let copied = cib.copy_before(root, Some(old), &self.doc, new);
                cib.remove(old);
                read::restate_defaults(cib, copied, &stated);
            }
            None => {
                let first = cib.first_node(root);
                cib.copy_before(root, first, &self.doc, new);
            }
        }
        self.changed.clear();
    }

    /// The dialect in which texts for this copy are read.
    #[must_use]
    pub fn dialect(&self) -> Dialect<'a> {
        Dialect {
            schema: self.doc.attr(self.doc.root(), "validate-with").unwrap_or("pacemaker-3.9").to_owned(),
            new_role_names: self.preferences.new_role_names,
            agents: self.agents,
            nodes: self.node_names(),
            ascii: self.preferences.ascii,
        }
    }

    /// Names of the cluster nodes, in document order.
    #[must_use]
    pub fn node_names(&self) -> Vec<String> {
        let nodes = self.objects_of(Keyword::Node);
        nodes.filter_map(|object| self.doc.attr(object.node, "uname")).map(str::to_owned).collect()
    }

    /// The keyword and id of an object, as messages name it.
    fn label(&self, object: Object) -> String {
        format!("{}:{}", object.keyword.word(), self.object_id(object))
    }

    /// The id by which commands address an object.
    #[must_use]
    pub fn object_id(&self, object: Object) -> &str {
        match object.keyword {
            Keyword::FencingTopology => "fencing_topology",
            _ => self.doc.id(object.node).unwrap_or_default(),
        }
    }

    fn printer<'p>(&'p self, referred_rules: &'p BTreeSet<String>, obscured: &'p [String]) -> Printer<'p> {
        let node_count = self.objects_of(Keyword::Node).count();
        Printer { doc: &self.doc, referred_rules, node_count, obscured, ascii: self.preferences.ascii }
    }

    /// Objects in the order in which they are printed [SH-8.2].
    #[must_use]
    pub fn in_print_order(&self, mut objects: Vec<Object>) -> Vec<Object> {
        if self.preferences.sort {
            objects.sort_by(|a, b| {
                let rank = a.keyword.print_rank().cmp(&b.keyword.print_rank());
                rank.then_with(|| self.object_id(*a).cmp(self.object_id(*b)))
            });
        } else {
            objects.sort_by_key(|object| object.keyword.print_rank());
        }
        objects
    }

    /// The text of objects, in print order; nothing for no objects.
    fn text_of(&self, objects: Vec<Object>, obscured: &[String]) -> String {
        let rules = self.referred_rules();
        let printer = self.printer(&rules, obscured);
        let mut text = String::new();
        for object in self.in_print_order(objects) {
            text.push_str(&printer.show(object.keyword, object.node, self.only_xml.contains(&object.node)));
            text.push('\n');
        }
        text
    }

    /// The whole configuration in the language, with the values of secret names hidden.
    #[must_use]
    pub fn show(&self) -> String {
        self.text_of(self.objects(), &self.preferences.obscured)
    }

    /// The whole configuration in the language, to be read again.
    #[must_use]
    pub fn save(&self) -> String {
        self.text_of(self.objects(), &[])
    }

    /// Ids of rules that another rule refers to.
    fn referred_rules(&self) -> BTreeSet<String> {
        let all = self.doc.descendants(self.doc.root());
        let rules = all.filter(|node| self.doc.name(*node) == "rule");
        rules.filter_map(|rule| self.doc.attr(rule, "id-ref")).map(str::to_owned).collect()
    }

    fn say(&mut self, level: Level, text: String) {
        self.messages.push(Message { level, line: None, text });
    }

    fn error(&mut self, text: String) {
        self.say(Level::Error, text);
    }

    fn warn(&mut self, text: String) {
        self.say(Level::Warning, text);
    }

    fn inform(&mut self, text: String) {
        self.say(Level::Info, text);
    }

    fn mark_changed(&mut self, object: Object) {
        self.changed.insert((object.keyword == Keyword::Node, self.object_id(object).to_owned()));
    }
}

impl core::fmt::Debug for Configuration<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Configuration").field("objects", &self.objects().len()).finish_non_exhaustive()
    }
}
