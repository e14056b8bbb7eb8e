//! The constraints section, in document order, with templates and tags expanded [IN-15].

use super::reference::{Reference, names, reference, sets};
use super::resources::holder;
use crate::model::{Element, Model};
use crate::{ordering, placement};

/// Reads all constraints.
pub fn unpack(m: &mut Model) {
    let root = m.config.root();
    let Some(section) = m.config.path(root, &["configuration", "constraints"]) else { return };
    for element in m.config.children(section).collect::<Vec<_>>() {
        let kind = m.config.name(element).to_owned();
        if m.config.id(element).is_none() {
            m.config_error(format!("Ignoring <{kind}> constraint without id"));
            continue;
        }
        match kind.as_str() {
            "rsc_location" => {
                let expanded = expand_one(m, element, "rsc", "role", "role");
                if let Some(element) = expanded {
                    placement::unpack_location(m, element);
                }
            }
            "rsc_ticket" => {
                let expanded = expand_one(m, element, "rsc", "rsc-role", "role");
                if let Some(element) = expanded {
                    ordering::unpack_ticket(m, element);
                }
            }
            "rsc_colocation" => {
                if let Some(element) = expand_colocation(m, element) {
                    placement::unpack_colocation(m, element);
                }
            }
            "rsc_order" => {
                if let Some(element) = expand_order(m, element) {
                    ordering::unpack_order(m, element);
                }
            }
            _ => m.config_error(format!("Unsupported constraint type: {kind}")),
        }
    }
}

fn id(m: &Model, constraint: Element) -> String {
    m.config.id(constraint).unwrap_or_default().to_owned()
}

/// Tells that a name of a constraint is neither resource nor template nor tag.
fn ignore(m: &mut Model, constraint: Element, name: &str) -> Option<Element> {
    let text = format!("Ignoring constraint '{}' because '{name}' is not a valid resource or tag", id(m, constraint));
    m.config_error(text);
    None
}

/// A copy of a constraint without its sets, to be changed.
fn copy(m: &mut Model, constraint: Element) -> Element {
    let holder = holder(m);
    let copy = m.config.duplicate(holder, None, constraint);
    for set in m.config.children_named(copy, "resource_set").collect::<Vec<_>>() {
        m.config.remove(set);
    }
    copy
}

/// Expands templates and tags in the sets of a constraint; the constraint itself if there are none, or if a name is unknown
/// [IN-15.6].
fn expand_sets(m: &mut Model, constraint: Element) -> Element {
    let all = sets(m, constraint);
    let mut expanded: Vec<Vec<String>> = Vec::new();
    let mut found = false;
    for &set in &all {
        let mut members = Vec::new();
        for name in names(m, set) {
            match reference(m, &name) {
                Some(Reference::Resource(_)) => members.push(name),
                Some(Reference::Members(all)) => {
                    found = true;
                    members.extend(all.iter().map(|&s| m.text(s).to_owned()));
                }
                None => {
                    let text = format!(
                        "Ignoring resource sets for constraint '{}' because '{name}' is not a valid resource or tag",
                        id(m, constraint)
                    );
                    m.config_error(text);
                    return constraint;
                }
            }
        }
        expanded.push(members);
    }
    if !found {
        return constraint;
    }
    let copy = copy(m, constraint);
    for (set, members) in all.into_iter().zip(expanded) {
        let set = m.config.duplicate(copy, None, set);
        for old in m.config.children_named(set, "resource_ref").collect::<Vec<_>>() {
            m.config.remove(old);
        }
        add_members(m, set, &members);
    }
    copy
}

fn add_members(m: &mut Model, set: Element, members: &[String]) {
    for member in members {
        let reference = m.config.append(set, "resource_ref");
        m.config.set_attr(reference, "id", member);
    }
}

/// Puts the set that stands for `name` into a copied constraint: its members, not sequential, or the one resource.
fn add_set(m: &mut Model, constraint: Element, name: &str, members: Option<&[String]>) -> Element {
    let set = m.config.append(constraint, "resource_set");
    m.config.set_attr(set, "id", name);
    match members {
        Some(members) => {
            m.config.set_attr(set, "sequential", "false");
            add_members(m, set, members);
        }
        None => add_members(m, set, &[name.to_owned()]),
    }
    set
}

fn move_attribute(m: &mut Model, from: Element, name: &str, to: Element, new_name: &str) {
    if let Some(value) = m.config.attr(from, name).map(str::to_owned) {
        m.config.set_attr(to, new_name, &value);
        m.config.remove_attr(from, name);
    }
}

/// The members of a template or tag; `None` for a resource.
fn members_of(m: &Model, found: &Reference) -> Option<Vec<String>> {
    match found {
        Reference::Resource(_) => None,
        Reference::Members(all) => Some(all.iter().map(|&s| m.text(s).to_owned()).collect()),
    }
}

/// A constraint about one reference: location or ticket.
fn expand_one(m: &mut Model, constraint: Element, attribute: &str, role: &str, set_role: &str) -> Option<Element> {
    if m.config.child(constraint, "resource_set").is_some() {
        return Some(expand_sets(m, constraint));
    }
    let Some(name) = m.config.attr(constraint, attribute).map(str::to_owned) else { return Some(constraint) };
    let Some(found) = reference(m, &name) else { return ignore(m, constraint, &name) };
    let Some(members) = members_of(m, &found) else { return Some(constraint) };
    let copy = copy(m, constraint);
    let set = add_set(m, copy, &name, Some(&members));
    move_attribute(m, copy, role, set, set_role);
    m.config.remove_attr(copy, attribute);
    Some(copy)
}

/// [IN-15.3]
fn expand_colocation(m: &mut Model, constraint: Element) -> Option<Element> {
    if m.config.child(constraint, "resource_set").is_some() {
        return Some(expand_sets(m, constraint));
    }
    let ends = both_ends(m, constraint, ["rsc", "with-rsc"])?;
    let [(dependent, left), (primary, right)] = &ends[..] else { return Some(constraint) };
    if left.is_some() && right.is_some() {
        let text =
            format!("Ignoring constraint '{}' because two templates or tags cannot be colocated", id(m, constraint));
        m.config_error(text);
        return None;
    }
    if left.is_none() && right.is_none() {
        return Some(constraint);
    }
    let copy = copy(m, constraint);
    let first = add_set(m, copy, dependent, left.as_deref());
    move_attribute(m, copy, "rsc-role", first, "role");
    let second = add_set(m, copy, primary, right.as_deref());
    move_attribute(m, copy, "with-rsc-role", second, "role");
    m.config.remove_attr(copy, "rsc");
    m.config.remove_attr(copy, "with-rsc");
    Some(copy)
}

/// [IN-15.4]
fn expand_order(m: &mut Model, constraint: Element) -> Option<Element> {
    if m.config.child(constraint, "resource_set").is_some() {
        return Some(expand_sets(m, constraint));
    }
    let ends = both_ends(m, constraint, ["first", "then"])?;
    let [(first, left), (then, right)] = &ends[..] else { return Some(constraint) };
    if left.is_none() && right.is_none() {
        return Some(constraint);
    }
    let copy = copy(m, constraint);
    let set = add_set(m, copy, first, left.as_deref());
    move_attribute(m, copy, "first-action", set, "action");
    let set = add_set(m, copy, then, right.as_deref());
    move_attribute(m, copy, "then-action", set, "action");
    m.config.remove_attr(copy, "first");
    m.config.remove_attr(copy, "then");
    Some(copy)
}

/// A name and the members it stands for, if it is a template or tag.
type Expanded = (String, Option<Vec<String>>);

/// Both names of a constraint. A constraint that lacks one is left to whoever stores it; one with an unknown name is ignored.
fn both_ends(m: &mut Model, constraint: Element, attributes: [&str; 2]) -> Option<Vec<Expanded>> {
    let mut ends = Vec::new();
    for attribute in attributes {
        let Some(name) = m.config.attr(constraint, attribute).map(str::to_owned) else { return Some(ends) };
        let Some(found) = reference(m, &name) else {
            ignore(m, constraint, &name);
            return None;
        };
        let members = members_of(m, &found);
        ends.push((name, members));
    }
    Some(ends)
}
