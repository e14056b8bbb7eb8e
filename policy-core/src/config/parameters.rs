//! Instance attributes of resources and operations [IN-13].

use super::sets::{Mode, Scope, evaluate};
use crate::model::{Element, Model, NodeIx, OpIx, ResourceIx, Task, TextMap};
use std::sync::Arc;

/// The parameters of a resource on a node; without a node, the default ones. Evaluated once and kept.
pub fn parameters(m: &mut Model, resource: ResourceIx, node: Option<NodeIx>) -> Arc<TextMap> {
    // without rules they are the same everywhere
    let key = if has_rules(m, resource) { (resource, node) } else { (resource, None) };
    if let Some(known) = m.parameters.get(&key) {
        return Arc::clone(known);
    }
    let mut table = TextMap::new();
    let scope = Scope { node: key.1, ..Scope::default() };
    let mut at = Some(resource);
    while let Some(r) = at {
        let element = m[r].element;
        if sets_of(m, element).any {
            evaluate(m, element, "instance_attributes", scope, Mode::Own, &mut table);
        }
        at = m[r].parent;
    }
    let table = Arc::new(table);
    m.parameters.insert(key, Arc::clone(&table));
    table
}

/// What is known about the instance attributes that stand in an element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sets {
    any: bool,
    rules: bool,
}

/// Looked for once: the members of a group all ask for the sets of the group.
fn sets_of(m: &mut Model, element: Element) -> Sets {
    let config = &m.config;
    *m.parameter_sets.entry(element).or_insert_with(|| Sets {
        any: config.children_named(element, "instance_attributes").next().is_some(),
        rules: config.children_named(element, "instance_attributes").any(|set| config.child(set, "rule").is_some()),
    })
}

fn has_rules(m: &mut Model, resource: ResourceIx) -> bool {
    let mut at = Some(resource);
    while let Some(r) = at {
        let element = m[r].element;
        if sets_of(m, element).rules {
            return true;
        }
        at = m[r].parent;
    }
    false
}

/// The instance attributes of an operation's definition, evaluated for a node.
pub fn op_parameters(m: &mut Model, op: OpIx, node: Option<NodeIx>) -> TextMap {
    let mut table = TextMap::new();
    if m[op].has_sets {
        let (element, scope) = (m[op].element, Scope { node, ..Scope::default() });
        evaluate(m, element, "instance_attributes", scope, Mode::Own, &mut table);
    }
    table
}

/// Unpacks `meta_attributes` sets for an action [IN-14.2]: those of its definition `op`, or with `None` those of `op_defaults`.
/// The caller puts the attributes of the definition and the probe timeout in between.
pub fn op_meta_sets(
    m: &mut Model,
    resource: ResourceIx,
    op: Option<OpIx>,
    task: Task,
    interval_ms: u32,
    table: &mut TextMap,
) {
    let scope = Scope { resource: Some(resource), operation: Some((task, interval_ms)), node: None };
    let owner = match op {
        Some(op) if m[op].has_sets => Some(m[op].element),
        Some(_) => None,
        None => m.op_defaults,
    };
    if let Some(owner) = owner {
        evaluate(m, owner, "meta_attributes", scope, Mode::Own, table);
    }
}
