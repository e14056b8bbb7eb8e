//! Colocation constraints as they are written [PL-10.2], [PL-10.3], [IN-15.3].

use cib_core::rules::parse_boolean;

use super::colocations;
use crate::config::reference;
use crate::model::{Colocation, Element, Model, ResourceFlags, ResourceIx, Role, Score, Symbol, sym};

/// What all colocations made from one constraint have in common.
#[derive(Clone, Copy)]
struct Common {
    id: Symbol,
    score: Score,
    node_attribute: Symbol,
    influence: Option<bool>,
}

/// One side of a colocation.
#[derive(Clone, Copy)]
struct End {
    resource: ResourceIx,
    role: Option<Role>,
}

/// A `resource_set` as far as it could be resolved.
struct Set {
    id: Symbol,
    score: Score,
    role: Option<Role>,
    sequential: bool,
    reversed: bool,
    members: Vec<ResourceIx>,
}

/// Stores an `rsc_colocation` whose templates and tags are already expanded [PL-10].
pub fn unpack_colocation(m: &mut Model, constraint: Element) {
    let id = m.config.id(constraint).unwrap_or_default().to_owned();
    let id = m.symbols.intern(&id);
    let attr = |m: &Model, name: &str| m.config.attr(constraint, name).map(str::to_owned);
    let score = match attr(m, "score") {
        None => Score::ZERO,
        Some(text) => match m.parse_score(&text) {
            Some(score) => score,
            None => {
                let message = format!("Ignoring constraint '{}' because '{text}' is not a valid score", m.text(id));
                m.config_error(message);
                return;
            }
        },
    };
    let influence = influence(m, constraint, id);
    let mut common = Common { id, score, node_attribute: sym::UNAME, influence };
    let sets = reference::sets(m, constraint);
    if !sets.is_empty() {
        unpack_sets(m, &sets, common);
        return;
    }
    if let Some(name) = attr(m, "node-attribute") {
        common.node_attribute = m.symbols.intern(&name);
    }
    let Some(dependent) = simple_end(m, constraint, "rsc", "rsc-role", id) else { return };
    let Some(primary) = simple_end(m, constraint, "with-rsc", "with-rsc-role", id) else { return };
    colocate(m, dependent, primary, common);
}

/// An explicit and valid `influence`.
fn influence(m: &mut Model, constraint: Element, id: Symbol) -> Option<bool> {
    let text = m.config.attr(constraint, "influence")?.to_owned();
    let influence = parse_boolean(&text);
    if influence.is_none() {
        let message = format!("Constraint '{}' has invalid value for influence (using default)", m.text(id));
        m.config_error(message);
    }
    influence
}

fn simple_end(m: &mut Model, constraint: Element, rsc: &str, role: &str, id: Symbol) -> Option<End> {
    let name = m.config.attr(constraint, rsc).unwrap_or_default().to_owned();
    let Some(resource) = reference::resource(m, &name) else {
        let message = format!("Ignoring constraint '{}' because resource '{name}' does not exist", m.text(id));
        m.config_error(message);
        return None;
    };
    let role = m.config.attr(constraint, role).map(str::to_owned);
    Some(End { resource, role: parse_role(m, role.as_deref(), id)? })
}

/// Started and no role are the same; the outer `None` is an invalid role [PL-10.1].
#[allow(clippy::option_option)]
fn parse_role(m: &mut Model, role: Option<&str>, id: Symbol) -> Option<Option<Role>> {
    let Some(text) = role else { return Some(None) };
    match Role::parse(text) {
        Some(Role::Started) => Some(None),
        Some(role) if role != Role::Unknown => Some(Some(role)),
        _ => {
            let message = format!("Ignoring constraint {}: Invalid role '{text}'", m.text(id));
            m.config_error(message);
            None
        }
    }
}

/// Stores one colocation, and the orderings that a mandatory anti-colocation implies [PL-10.6].
fn colocate(m: &mut Model, dependent: End, primary: End, common: Common) {
    if common.score == Score::ZERO {
        return;
    }
    let influence = common.influence.unwrap_or_else(|| m[dependent.resource].is(ResourceFlags::CRITICAL));
    colocations::insert(
        m,
        Colocation {
            id: common.id,
            dependent: dependent.resource,
            primary: primary.resource,
            score: common.score,
            dependent_role: dependent.role,
            primary_role: primary.role,
            node_attribute: common.node_attribute,
            influence,
            explicit: true,
        },
    );
    if common.score.is_neg_infinite() {
        crate::ordering::anti_colocation(m, (dependent.resource, dependent.role), (primary.resource, primary.role));
    }
}

/// Within each set, then between it and the one before [PL-10.3].
fn unpack_sets(m: &mut Model, sets: &[Element], common: Common) {
    let mut before: Option<Set> = None;
    for &element in sets {
        if m.config.id(element).is_none() {
            continue;
        }
        let Some(set) = read_set(m, element, common) else { continue };
        within(m, &set, common);
        if let Some(before) = &before {
            between(m, before, &set, common);
        }
        before = Some(set);
    }
}

fn read_set(m: &mut Model, element: Element, common: Common) -> Option<Set> {
    let id = m.config.id(element).unwrap_or_default().to_owned();
    let id = m.symbols.intern(&id);
    let attr = |m: &Model, name: &str| m.config.attr(element, name).map(str::to_owned);
    let score = match attr(m, "score") {
        None => common.score,
        Some(text) => match m.parse_score(&text) {
            Some(score) => score,
            None => {
                let message = format!("Ignoring resource set '{}' because of invalid score '{text}'", m.text(id));
                m.config_error(message);
                return None;
            }
        },
    };
    let role = attr(m, "role");
    let role = parse_role(m, role.as_deref(), id)?;
    let sequential = attr(m, "sequential").and_then(|text| parse_boolean(&text)).unwrap_or(true);
    let reversed = attr(m, "ordering").is_some_and(|text| !text.eq_ignore_ascii_case("group"));
    let mut members = Vec::new();
    for name in reference::names(m, element) {
        let Some(resource) = reference::resource(m, &name) else {
            let message = format!("{}: No resource found for {name}", m.text(id));
            m.config_error(message);
            break;
        };
        members.push(resource);
    }
    Some(Set { id, score, role, sequential, reversed, members })
}

fn within(m: &mut Model, set: &Set, common: Common) {
    if set.score == Score::ZERO || !set.sequential {
        return;
    }
    let end = |resource| End { resource, role: set.role };
    let common = Common { id: set.id, score: set.score, ..common };
    for (at, &later) in set.members.iter().enumerate().skip(1) {
        let influence = Some(common.influence.unwrap_or_else(|| m[later].is(ResourceFlags::CRITICAL)));
        let common = Common { influence, ..common };
        if set.score.is_negative() {
            for &earlier in &set.members[..at] {
                colocate(m, end(later), end(earlier), common);
            }
        } else if set.reversed {
            colocate(m, end(set.members[at - 1]), end(later), common);
        } else {
            colocate(m, end(later), end(set.members[at - 1]), common);
        }
    }
}

/// The earlier set depends on the later one.
fn between(m: &mut Model, s: &Set, t: &Set, common: Common) {
    let first = if s.sequential { s.members.get(..1) } else { None };
    let dependents = first.unwrap_or(if s.sequential { &[] } else { &s.members });
    let last = t.members.len().saturating_sub(1);
    let primaries = if t.sequential { &t.members[last..] } else { &t.members[..] };
    for &dependent in dependents {
        for &primary in primaries {
            let ends = (End { resource: dependent, role: s.role }, End { resource: primary, role: t.role });
            colocate(m, ends.0, ends.1, common);
        }
    }
}
