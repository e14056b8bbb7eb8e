//! Which instance of one collective belongs to an instance of another [CL-5.4].

use super::look::{any_flag, attribute_for, host_of, replicas};
use super::order::sorted_nodes;
use crate::model::{Kind, Model, NodeIx, NodeKind, ResourceFlags, ResourceIx, Role, Symbol};

/// The instances of a clone in list order, or the containers of a bundle.
#[must_use]
pub fn instances(m: &Model, collective: ResourceIx) -> Vec<ResourceIx> {
    match m[collective].kind() {
        Kind::Bundle => replicas(m, collective).iter().map(|replica| replica.container).collect(),
        _ => m[collective].children.clone(),
    }
}

/// The instance of `collective` compatible with `r`: on the same node, or on nodes with the same value of an attribute,
/// optionally only in one role; by history or as assigned [CL-5.4].
#[must_use]
pub fn compatible(
    m: &Model,
    r: ResourceIx,
    collective: ResourceIx,
    wanted: Option<Role>,
    current: bool,
    attribute: Option<Symbol>,
) -> Option<ResourceIx> {
    let role = |x| if current { m.role(x) } else { m.next_role(x) };
    let place = |x| if current { m.current_location(x) } else { m.assigned_location(x) };
    let candidates: Vec<(ResourceIx, NodeIx)> = instances(m, collective)
        .into_iter()
        .filter(|&instance| wanted.is_none_or(|wanted| role(instance) == wanted))
        .filter(|&instance| !any_flag(m, instance, ResourceFlags::BLOCKED))
        .filter_map(|instance| Some((instance, place(instance)?)))
        .collect();
    let on = |node: NodeIx| {
        let matches = |&&(instance, home): &&(ResourceIx, NodeIx)| match attribute {
            None => home == node,
            Some(attribute) => {
                let there = attribute_for(m, home, attribute, instance);
                let here = attribute_for(m, node, attribute, r);
                match (there, here) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    (None, None) => true,
                    _ => false,
                }
            }
        };
        candidates.iter().find(matches).map(|&(instance, _)| instance)
    };
    if let Some(node) = place(r) {
        return on(node);
    }
    sorted_nodes(m, &m[r].table, None).into_iter().find_map(|(node, _)| on(node))
}

/// The container of a bundle that is assigned to this node and not blocked.
#[must_use]
pub(super) fn compatible_on(m: &Model, bundle: ResourceIx, node: NodeIx) -> Option<ResourceIx> {
    instances(m, bundle).into_iter().find(|&container| {
        m.assigned_location(container) == Some(node) && !any_flag(m, container, ResourceFlags::BLOCKED)
    })
}

/// A bundle node's host (where its container is assigned); any other node itself.
#[must_use]
pub(super) fn host_node(m: &Model, node: NodeIx) -> Option<NodeIx> {
    if m[node].kind == NodeKind::Bundle { host_of(m, node) } else { Some(node) }
}
