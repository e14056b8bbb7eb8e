//! What constraints refer to: resources, templates and tags [IN-15.1].

use crate::model::{Element, Model, ResourceIx, Symbol};

/// What a reference means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// One resource.
    Resource(ResourceIx),
    /// The members of a template or tag, in order.
    Members(Vec<Symbol>),
}

/// The resource that `name` refers to: by id, or by history id; then it is the outermost one.
#[must_use]
pub fn resource(m: &Model, name: &str) -> Option<ResourceIx> {
    let found = m.resource(name)?;
    Some(if m.id(found) == name { found } else { m.top(found) })
}

/// The resource, template or tag that `name` refers to. Tells why there is none.
pub fn reference(m: &mut Model, name: &str) -> Option<Reference> {
    if let Some(found) = resource(m, name) {
        return Some(Reference::Resource(found));
    }
    let symbol = m.symbols.find(name);
    if let Some(derived) = symbol.and_then(|s| m.templates.get(&s)) {
        return Some(Reference::Members(derived.clone()));
    }
    if is_template(m, name) {
        m.tell(crate::model::Level::Notice, format!("Ignoring template '{name}' because no resource uses it"));
        return None;
    }
    if let Some(objects) = symbol.and_then(|s| m.tags.get(&s)) {
        return Some(Reference::Members(objects.clone()));
    }
    m.config_warning(format!("No resource, template, or tag named '{name}'"));
    None
}

fn is_template(m: &Model, name: &str) -> bool {
    m.config
        .path(m.config.root(), &["configuration", "resources"])
        .is_some_and(|r| m.config.children_named(r, "template").any(|t| m.config.id(t) == Some(name)))
}

/// The resource sets of a constraint in order. A set given by reference is replaced by its original, and the walk goes on with
/// the siblings of the original [IN-15.6].
#[must_use]
pub fn sets(m: &Model, constraint: Element) -> Vec<Element> {
    let doc = &m.config;
    let mut sets = Vec::new();
    let mut at = doc.child(constraint, "resource_set");
    while let Some(set) = at {
        let Some(original) = original(m, set) else { break };
        if sets.contains(&original) {
            break;
        }
        sets.push(original);
        at = next_set(m, original);
    }
    sets
}

fn original(m: &Model, set: Element) -> Option<Element> {
    let doc = &m.config;
    let Some(id) = doc.attr(set, "id-ref") else { return Some(set) };
    let wanted = doc.find_name("resource_set")?;
    let mut found = doc.descendants(doc.root()).filter(|&n| doc.name_ix(n) == Some(wanted) && doc.id(n) == Some(id));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn next_set(m: &Model, set: Element) -> Option<Element> {
    let doc = &m.config;
    let mut at = doc.next_node(set);
    while let Some(node) = at {
        if doc.is_element(node) && doc.name(node) == "resource_set" {
            return Some(node);
        }
        at = doc.next_node(node);
    }
    None
}

/// The names that a set lists, in order.
#[must_use]
pub fn names(m: &Model, set: Element) -> Vec<String> {
    m.config.children_named(set, "resource_ref").map(|r| m.config.id(r).unwrap_or_default().to_owned()).collect()
}

/// The resources that a set lists, in order.
///
/// # Errors
/// The first name that is no resource, after the resources before it.
pub fn members(m: &Model, set: Element) -> Result<Vec<ResourceIx>, (Vec<ResourceIx>, String)> {
    let mut found = Vec::new();
    for name in names(m, set) {
        match resource(m, &name) {
            Some(r) => found.push(r),
            None => return Err((found, name)),
        }
    }
    Ok(found)
}
