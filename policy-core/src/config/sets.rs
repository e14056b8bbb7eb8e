//! Name/value sets into tables [IN-5], and the references between elements.

use crate::model::{Document, Element, Model, NodeIx, ResourceIx, Symbol, Symbols, Task, TextMap};
use cib_core::rules::{Context, Evaluation, OperationKind, ResourceKind, Rules, Table, Values};
use rustc_hash::FxHashMap;

/// What the rules of a set can see beside the time [IN-5.4].
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// The node whose attributes they see.
    pub node: Option<NodeIx>,
    /// The resource whose class, provider and type they see.
    pub resource: Option<ResourceIx>,
    /// The operation they see.
    pub operation: Option<(Task, u32)>,
}

/// How a set meets what is already in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// `#default` removes what is there.
    Own,
    /// `#default` is ignored: the set is an ancestor's [IN-5.3].
    Inherited,
}

/// A table of a model as rules see it.
pub(crate) struct View<'a> {
    symbols: &'a Symbols,
    map: &'a TextMap,
}

impl Values for View<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        Some(self.symbols.text(self.map.get(self.symbols.find(name)?)?))
    }
}

impl Model {
    /// A table of this model as rules see it.
    #[must_use]
    pub fn values<'a>(&'a self, map: &'a TextMap) -> impl Values + 'a {
        View { symbols: &self.symbols, map }
    }

    /// The kind of a resource as rules see it.
    #[must_use]
    pub fn resource_kind(&self, resource: ResourceIx) -> ResourceKind<'_> {
        let r = &self[resource];
        let text = |s: Option<Symbol>| s.map(|s| self.text(s));
        ResourceKind { class: text(r.class), provider: text(r.provider), kind: text(r.agent) }
    }
}

/// Pairs that an evaluation adds to a table.
struct Filling<'a, 'd> {
    symbols: &'a Symbols,
    into: &'a mut TextMap,
    mode: Mode,
    new: Vec<Option<(&'d str, &'d str)>>,
    index: FxHashMap<&'d str, usize>,
}

impl<'d> Table<'d> for Filling<'_, 'd> {
    fn contains(&self, name: &str) -> bool {
        self.index.contains_key(name) || self.symbols.find(name).is_some_and(|s| self.into.contains(s))
    }

    fn insert(&mut self, name: &'d str, value: &'d str) {
        self.index.insert(name, self.new.len());
        self.new.push(Some((name, value)));
    }

    fn remove(&mut self, name: &str) {
        if self.mode == Mode::Inherited {
            return;
        }
        if let Some(at) = self.index.remove(name) {
            self.new[at] = None;
        }
        if let Some(symbol) = self.symbols.find(name) {
            self.into.remove(symbol);
        }
    }
}

/// Unpacks the sets of `owner` into `into`; entries that are there win.
pub(crate) fn evaluate(m: &mut Model, owner: Element, set: &str, scope: Scope, mode: Mode, into: &mut TextMap) {
    evaluate_preferring(m, owner, set, scope, mode, None, into);
}

/// As [`evaluate`], with the set of this id before all others.
pub(crate) fn evaluate_preferring(
    m: &mut Model,
    owner: Element,
    set: &str,
    scope: Scope,
    mode: Mode,
    preferred: Option<&str>,
    into: &mut TextMap,
) {
    if m.config.child(owner, set).is_none() {
        return;
    }
    let mut evaluation = Evaluation::default();
    let new = {
        let attributes = scope.node.map(|n| View { symbols: &m.symbols, map: &m[n].attributes });
        let base = m.rule_context();
        let context = Context {
            node_attributes: attributes.as_ref().map(|a| a as &dyn Values),
            resource: scope.resource.map(|r| m.resource_kind(r)).unwrap_or_default(),
            operation: scope
                .operation
                .map(|(task, interval_ms)| OperationKind { name: task.text(&m.symbols), interval_ms }),
            ..base
        };
        let mut filling = Filling { symbols: &m.symbols, into, mode, new: Vec::new(), index: FxHashMap::default() };
        Rules::new(&m.config).unpack(owner, set, &context, &mut evaluation, &mut filling, preferred);
        filling.new
    };
    for (name, value) in new.into_iter().flatten() {
        into.set(m.symbols.intern(name), m.symbols.intern(value));
    }
    m.note(evaluation);
}

/// Unpacks sets of another document (the status section) into a fresh table. Rules see the time only.
pub(crate) fn evaluate_foreign(m: &mut Model, doc: &Document, owner: Element, set: &str) -> TextMap {
    let mut into = TextMap::new();
    let mut evaluation = Evaluation::default();
    let new = {
        let context = m.rule_context();
        let mut filling = Filling {
            symbols: &m.symbols,
            into: &mut into,
            mode: Mode::Own,
            new: Vec::new(),
            index: FxHashMap::default(),
        };
        Rules::new(doc).unpack(owner, set, &context, &mut evaluation, &mut filling, None);
        filling.new
    };
    for (name, value) in new.into_iter().flatten() {
        into.set(m.symbols.intern(name), m.symbols.intern(value));
    }
    m.note(evaluation);
    into
}

/// Elements whose `id-ref` is followed where they stand.
const REFERRING: [&str; 7] =
    ["cluster_property_set", "instance_attributes", "meta_attributes", "utilization", "nvpair", "rule", "operations"];

/// How many elements references may add to the configuration: a document whose references multiply is refused the rest.
const MAX_COPIES: usize = 100_000;

/// Replaces every referring element by a copy of what it names [IN-1.3], so that nothing later needs to look for it.
/// References of `resource_set` stay: where they lead decides how the walk goes on [IN-15.6].
pub(crate) fn expand_references(m: &mut Model) {
    let doc = &m.config;
    let mut pending: Vec<Element> = doc.descendants(doc.root()).filter(|&n| refers(doc, n)).collect();
    if pending.is_empty() {
        return;
    }
    let mut targets: FxHashMap<(String, String), Option<Element>> = FxHashMap::default();
    for n in doc.descendants(doc.root()) {
        if let Some(id) = doc.id(n).filter(|_| REFERRING.contains(&doc.name(n))) {
            targets.entry((doc.name(n).to_owned(), id.to_owned())).and_modify(|t| *t = None).or_insert(Some(n));
        }
    }
    let mut copies = 0;
    while let Some(element) = pending.pop() {
        let name = m.config.name(element).to_owned();
        let reference = m.config.attr(element, "id-ref").unwrap_or_default().to_owned();
        let target = targets.get(&(name.clone(), reference.clone())).copied().flatten();
        let parent = m.config.parent(element);
        let (Some(target), Some(parent)) = (target, parent) else {
            m.config_error(format!(
                "Ignoring invalid {name} configuration: id-ref '{reference}' does not reference a valid object"
            ));
            m.config.remove(element);
            continue;
        };
        if copies <= MAX_COPIES {
            copies += 1 + m.config.descendants(target).count();
        }
        if copies > MAX_COPIES || is_inside(&m.config, element, target) {
            m.config.remove(element);
            continue;
        }
        let copy = m.config.duplicate(parent, Some(element), target);
        m.config.remove(element);
        let doc = &m.config;
        pending.extend(std::iter::once(copy).chain(doc.descendants(copy)).filter(|&n| refers(doc, n)));
    }
}

fn refers(doc: &Document, element: Element) -> bool {
    doc.attr(element, "id-ref").is_some() && REFERRING.contains(&doc.name(element))
}

fn is_inside(doc: &Document, element: Element, ancestor: Element) -> bool {
    let mut at = Some(element);
    while let Some(n) = at {
        if n == ancestor {
            return true;
        }
        at = doc.parent(n);
    }
    false
}
