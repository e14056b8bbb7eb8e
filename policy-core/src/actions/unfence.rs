//! Unfencing: a node is switched on at its fence devices before resources that need it start `[AC-13.6]`.

use super::create::set_meta;
use super::fence::{Fencing, fence};
use crate::model::{ActionIx, Kinds, Level, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, sym};
use crate::status::digest;

/// Computes the digests of all unfencing devices into the meta of a fencing action; whether a device's definition has changed.
pub(super) fn add_digests(m: &mut Model, a: ActionIx, node: NodeIx) -> bool {
    let (mut all, mut secure) = (String::new(), String::new());
    let mut changed = false;
    for device in devices(m) {
        let (of_all, of_secure) = digest::of_unfencing(m, device, node);
        let item =
            |digest: &str| format!("{}:{}:{digest}", m.id(device), m[device].agent.map_or("", |agent| m.text(agent)));
        let (of_all, of_secure) = (item(&of_all), item(&of_secure));
        changed |= definition_changed(m, device, node, &of_all, &of_secure);
        all.push_str(&of_all);
        all.push(',');
        secure.push_str(&of_secure);
        secure.push(',');
    }
    set_meta(m, a, "digests-all", &all);
    set_meta(m, a, "digests-secure", &secure);
    changed
}

/// Fence devices that unfence, the last found first.
fn devices(m: &Model) -> Vec<ResourceIx> {
    let leaves = m.top.iter().flat_map(|&r| m.leaves(r));
    let mut found: Vec<ResourceIx> = leaves
        .filter(|&r| {
            m[r].is(ResourceFlags::FENCE_DEVICE)
                && (m[r].is(ResourceFlags::NEEDS_UNFENCING)
                    || m.meta(r, "provides").is_some_and(|provides| provides.eq_ignore_ascii_case("unfencing")))
        })
        .collect();
    found.reverse();
    found
}

/// Compares with what the node was unfenced with `[ST-16.9]`.
fn definition_changed(m: &mut Model, device: ResourceIx, node: NodeIx, all: &str, secure: &str) -> bool {
    let Some(recorded) = m.attribute(node, sym::DIGESTS_ALL) else { return false };
    if recorded.contains(all) {
        return false;
    }
    let (id, name) = (m.id(device).to_owned(), m.node_name(node).to_owned());
    if m.attribute(node, sym::DIGESTS_SECURE).is_some_and(|recorded| recorded.contains(secure)) {
        if m.sanitized {
            m.notes.push(format!("Only 'private' parameters to {id} for unfencing {name} changed"));
        }
        return false;
    }
    let text = format!("Unfencing node {name} because the definition of {id} changed");
    m.tell(Level::Notice, text.clone());
    m.notes.push(format!("notice: {text}"));
    if m.sanitized {
        m.notes.push(format!("Parameters to {id} for unfencing {name} changed, try '{secure}'"));
    }
    true
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
