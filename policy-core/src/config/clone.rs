//! Clones [IN-12.2] [CL-2] [CL-3].

use super::resources::resource;
use crate::model::{Element, Kind, Model, ResourceFlags, ResourceIx, Symbol, Variant, sym};
use cib_core::rules::{integer_with_minimum, is_true, parse_boolean};

/// How many resources a configuration may make: a bound on what a number in it can cost.
const MAX_INSTANCES: usize = 200_000;

/// Whether a clone, or something in one, is unique, by its own resolved meta-attributes [CL-2.3].
pub(super) fn is_unique(m: &Model, r: ResourceIx) -> bool {
    match m.meta(r, sym::GLOBALLY_UNIQUE) {
        Some(value) => parse_boolean(value) == Some(true),
        None => integer_with_minimum(m.meta(r, sym::CLONE_NODE_MAX), 0) > 1,
    }
}

/// Reads options and makes the instances.
pub(super) fn unpack(m: &mut Model, r: ResourceIx) -> bool {
    let Some(child) = child(m, m[r].element) else {
        let text = format!("{} has nothing to clone", m.id(r));
        m.config_error(text);
        return false;
    };
    options(m, r, child);
    if !m[r].meta.contains(sym::RESOURCE_STICKINESS) {
        let one = m.symbols.intern("1");
        m[r].meta.set(sym::RESOURCE_STICKINESS, one);
    }
    set_unique(m, r, m[r].is(ResourceFlags::UNIQUE));
    let maximum = |m: &Model| m[r].clone_state().map_or(0, |c| c.clone_max);
    if maximum(m) <= 0 {
        return match add_instance(m, r) {
            Some(instance) => {
                mark_removed(m, instance);
                true
            }
            None => false,
        };
    }
    if usize::try_from(maximum(m)).unwrap_or(0) > MAX_INSTANCES.saturating_sub(m.resources.len()) {
        let text = format!("Ignoring {} because it has too many instances ({})", m.id(r), maximum(m));
        m.config_error(text);
        return false;
    }
    // the limit may fall while instances are made
    let mut number = 0;
    while number < maximum(m) {
        if add_instance(m, r).is_none() {
            return false;
        }
        number += 1;
    }
    true
}

/// The first primitive or group is cloned.
fn child(m: &Model, element: Element) -> Option<Element> {
    m.config.children(element).find(|&c| matches!(m.config.name(c), "primitive" | "group"))
}

fn options(m: &mut Model, r: ResourceIx, child: Element) {
    let nodes = i32::try_from(m.nodes.len()).unwrap_or(i32::MAX).max(1);
    let number = |m: &Model, name: Symbol, default: i32| match m.meta(r, name) {
        None => default,
        text => integer_with_minimum(text, 0),
    };
    let (mut promoted_max, mut promoted_node_max) = (0, 0);
    if m[r].is(ResourceFlags::PROMOTABLE) {
        promoted_max = with_alias(m, r, sym::PROMOTED_MAX, sym::MASTER_MAX);
        promoted_node_max = with_alias(m, r, sym::PROMOTED_NODE_MAX, sym::MASTER_NODE_MAX);
    }
    let mut clone_node_max = number(m, sym::CLONE_NODE_MAX, 1);
    let clone_max = number(m, sym::CLONE_MAX, nodes);
    let ordered = is_true(m.meta(r, sym::ORDERED));
    let interleave = is_true(m.meta(r, sym::INTERLEAVE));
    let clone_min = m.meta(r, sym::CLONE_MIN).map(|text| integer_with_minimum(Some(text), 0));
    if !m[r].is(ResourceFlags::UNIQUE) && clone_node_max > 1 {
        let text = format!(
            "Ignoring clone-node-max of {clone_node_max} for {} because anonymous clones support only one instance per node",
            m.id(r)
        );
        m.config_error(text);
        clone_node_max = 1;
    }
    if let Some(state) = m[r].clone_state_mut() {
        state.clone_max = clone_max;
        state.clone_node_max = clone_node_max;
        state.promoted_max = promoted_max;
        state.promoted_node_max = promoted_node_max;
        state.ordered = ordered;
        state.interleave = interleave;
        state.clone_min = clone_min;
        state.child = Some(child);
    }
}

/// A number under its name or its old name, 1 by default.
fn with_alias(m: &mut Model, r: ResourceIx, name: Symbol, alias: Symbol) -> i32 {
    let mut value = m.meta(r, name).map(str::to_owned);
    if value.is_none() {
        value = m.meta(r, alias).map(str::to_owned);
        if value.is_some() {
            let (old, new) = (m.text(alias).to_owned(), m.text(name).to_owned());
            let text = format!(
                "Support for the {old} meta-attribute (such as in {}) is deprecated and will be removed in a future release. \
                 Use the {new} meta-attribute instead.",
                m.id(r)
            );
            m.config_warning(text);
        }
    }
    value.map_or(1, |text| integer_with_minimum(Some(&text), 0))
}

fn set_unique(m: &mut Model, r: ResourceIx, unique: bool) {
    m[r].flags.set(ResourceFlags::UNIQUE, unique);
    m[r].meta.set(sym::GLOBALLY_UNIQUE, if unique { sym::TRUE } else { sym::FALSE });
}

/// Makes the next instance [CL-3.1].
pub(super) fn add_instance(m: &mut Model, clone: ResourceIx) -> Option<ResourceIx> {
    let state = m[clone].clone_state()?;
    let (number, child) = (state.next_number, state.child?);
    let instance = resource(m, child, Some(clone), Some(number))?;
    m[clone].children.push(instance);
    let state = m[clone].clone_state_mut()?;
    state.next_number += 1;
    let maximum = state.clone_max.to_string();
    let maximum = m.symbols.intern(&maximum);
    m[instance].meta.set(sym::CLONE_MAX, maximum);
    Some(instance)
}

/// Marks an instance and all below it as removed [CL-3.4].
pub(super) fn mark_removed(m: &mut Model, instance: ResourceIx) {
    for r in m.family(instance) {
        m[r].flags.insert(ResourceFlags::REMOVED);
    }
}

impl Model {
    /// Makes an instance beyond `clone-max` for history that fits no other, and marks it removed [ST-8.3].
    pub(crate) fn add_removed_instance(&mut self, clone: ResourceIx) -> Option<ResourceIx> {
        let instance = add_instance(self, clone)?;
        mark_removed(self, instance);
        Some(instance)
    }
}

/// Checks that the class of a cloned primitive can do what its clone wants; may make the clone anonymous.
pub(super) fn check_instance(m: &mut Model, r: ResourceIx) -> bool {
    let top = m.top(r);
    if m[top].kind() != Kind::Clone {
        return true;
    }
    let class = m[r].class.map_or("", |c| m.text(c)).to_owned();
    let is = |wanted: &str| class.eq_ignore_ascii_case(wanted);
    if m[r].is(ResourceFlags::UNIQUE) && !is("ocf") && !is("stonith") {
        let text = format!(
            "Ignoring globally-unique for {} because {class} resources such as {} can be used only as anonymous clones",
            m.id(top),
            m.id(r)
        );
        m.config_warning(text);
        let nodes = i32::try_from(m.nodes.len()).unwrap_or(i32::MAX);
        if let Variant::Clone(state) = &mut m[top].variant {
            state.clone_node_max = 1;
            state.clone_max = state.clone_max.min(nodes);
        }
        for part in m.family(top) {
            set_unique(m, part, false);
        }
        let mut at = Some(r);
        while let Some(part) = at.filter(|&p| p != top) {
            set_unique(m, part, false);
            at = m[part].parent;
        }
    }
    if m[top].is(ResourceFlags::PROMOTABLE) && !is("ocf") {
        let text = format!(
            "Resource {} is of type {class} and therefore cannot be used as a promotable clone resource",
            m.id(r)
        );
        m.config_error(text);
        return false;
    }
    true
}
