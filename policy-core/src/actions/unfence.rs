//! Unfencing: a node is switched on at its fence devices before resources that need it start `[AC-13.6]`.

use super::fence::{Fencing, fence};
use crate::model::{ActionIx, Kinds, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, sym};

/// Computes the digests of all unfencing devices into the meta of a fencing action; whether a device's definition has changed.
pub(super) fn add_digests(_m: &mut Model, _a: ActionIx, _node: NodeIx) -> bool {
    false
}

/// Whether the node has been unfenced.
#[must_use]
pub fn is_unfenced(m: &Model, node: NodeIx) -> bool {
    m.attribute(node, "#node-unfenced").is_some_and(|value| value != "0")
}

/// The node's `on` action, optional.
pub(super) fn on_action(m: &mut Model, node: NodeIx) -> ActionIx {
    fence(m, node, Fencing { operation: Some(sym::ON), ..Fencing::default() })
}

/// Requires that a node, or every node that a fence device may use, be unfenced.
pub(super) fn trigger(m: &mut Model, r: Option<ResourceIx>, node: NodeIx, reason: Option<&str>) {
    if !m.unfencing || r.is_some_and(|r| !m[r].is(ResourceFlags::FENCE_DEVICE)) {
        return;
    }
    let fit = |m: &Model, n: NodeIx| m[n].online() && !m[n].is(NodeFlags::UNCLEAN) && !m[n].is(NodeFlags::SHUTDOWN);
    let request = Fencing { operation: Some(sym::ON), required: true, reason, priority_delay: false };
    if fit(m, node) {
        fence(m, node, request);
    } else if let Some(r) = r {
        let allowed: Vec<NodeIx> = m[r].table.iter().map(|(n, _)| n).collect();
        for n in allowed {
            if fit(m, n) {
                fence(m, n, request);
            }
        }
    }
}

/// Orders an action after the unfencing of its node, if the resource asks for it.
pub(super) fn order_after(m: &mut Model, r: ResourceIx, node: NodeIx, action: ActionIx, kinds: Kinds) {
    let device = m[r].is(ResourceFlags::FENCE_DEVICE) && m.unfencing;
    if !device && !m[r].is(ResourceFlags::NEEDS_UNFENCING) {
        return;
    }
    let on = on_action(m, node);
    m.relate(on, action, kinds);
    if !is_unfenced(m, node) {
        let reason = format!("required by {} {}", m.id(r), m[action].task.text(&m.symbols));
        trigger(m, None, node, Some(&reason));
    }
}
