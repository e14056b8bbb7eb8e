//! Probes: asking nodes whether a resource is active there `[AC-9]`.

use super::create::{create_op, set_meta};
use super::fence::{launcher, mark_for_fencing};
use super::remote::{Connection, connection_state};
use super::unfence;
use crate::collectives;
use crate::model::{
    ActionFlags, Kind, Kinds, Model, NodeFlags, NodeIx, ProbeMode, ResourceFlags, ResourceIx, Role, Task,
};
use crate::ordering::order;

/// Probes of all resources, node by node `[AC-9.1]`.
pub fn probes(m: &mut Model) {
    if !m.options.enable_startup_probes {
        return;
    }
    for node in m.nodes_in_order() {
        if !m[node].online() {
            let failed =
                m[node].is_remote() && m[node].connection.is_some_and(|c| connection_state(m, c) == Connection::Failed);
            if failed {
                mark_for_fencing(m, node, "the connection is unrecoverable", false);
            }
            continue;
        }
        if m[node].unclean() || !m[node].is(NodeFlags::PROBES_ALLOWED) {
            continue;
        }
        for r in m.top.clone() {
            probe(m, r, node);
        }
    }
}

/// Probes a resource on a node, or what is below it; whether there is any probe `[AC-9.2]`.
pub fn probe(m: &mut Model, r: ResourceIx, node: NodeIx) -> bool {
    match m[r].kind() {
        Kind::Primitive => probe_primitive(m, r, node),
        Kind::Group if is_never_probed(m, r, node) => false,
        _ => collectives::probe(m, r, node),
    }
}

/// What must not run on a remote node is not probed there `[AC-9.3]` 2.
fn is_never_probed(m: &Model, r: ResourceIx, node: NodeIx) -> bool {
    let resource = &m[r];
    let launches = || resource.launched.iter().any(|&c| m[c].is(ResourceFlags::REMOTE_CONNECTION));
    m[node].is_remote_type()
        && (resource.flags.any(ResourceFlags::FENCE_DEVICE | ResourceFlags::REMOTE_CONNECTION)
            || (m[node].is_guest() && launches()))
}

fn probe_primitive(m: &mut Model, r: ResourceIx, node: NodeIx) -> bool {
    let inside = m[r].launcher.is_some() && !m[r].is(ResourceFlags::REMOTE_CONNECTION);
    if is_never_probed(m, r, node)
        || inside
        || m[r].is(ResourceFlags::REMOVED)
        || m[r].known.contains(node)
        || !discovers(m, r, node)
        || waits_for_guest(m, r, node)
    {
        return false;
    }
    let probe = create_op(m, r, Task::Monitor, Some(node), false);
    // Unmanaged resources are probed, too.
    m[probe].flags.remove(ActionFlags::OPTIONAL);
    unfence::order_after(m, r, node, probe, Kinds::ORDERED);
    if !m[r].active.contains(&node) {
        set_meta(m, probe, "op_target_rc", "7");
    } else if m[r].role == Role::Promoted {
        set_meta(m, probe, "op_target_rc", "8");
    }
    // Found with the released scheduler: where unfencing is in use, the probe of a cloned fence device comes before its own start, as
    // one before the clone's start would close a loop.
    let top = m.top(r);
    let unfences = m.unfencing && m[r].is(ResourceFlags::FENCE_DEVICE);
    let target = if m[top].kind() == Kind::Clone && !unfences { top } else { r };
    let blocks = !m[probe].runnable() && m.locations_of(target, true, false, false).is_empty();
    let kinds = if blocks { Kinds::ORDERED | Kinds::BLOCKS } else { Kinds::ORDERED };
    order(m, probe, (target, Task::Start), kinds);
    order(m, probe, (target, Task::ReloadAgent), Kinds::ORDERED);
    true
}

/// Whether the probe modes of resource and node allow it `[AC-9.3]` 7 and 8.
fn discovers(m: &Model, r: ResourceIx, node: NodeIx) -> bool {
    let entry = m[r].table.get(node).map(|entry| entry.probe);
    let top = m.top(r);
    let exclusive = m[r].is(ResourceFlags::EXCLUSIVE_PROBES) || m[top].is(ResourceFlags::EXCLUSIVE_PROBES);
    if exclusive && entry != Some(ProbeMode::Exclusive) {
        return false;
    }
    entry.unwrap_or(m[node].base.probe) != ProbeMode::Never
}

/// Whether the node is a guest that is not up, or will not stay; then the start waits for what decides that `[AC-9.3]` 9 and 10.
fn waits_for_guest(m: &mut Model, r: ResourceIx, node: NodeIx) -> bool {
    if !m[node].is_guest() {
        return false;
    }
    let Some(guest) = launcher(m, node) else { return false };
    let top = m.top(r);
    if m.role(guest) == Role::Stopped {
        if m[guest].assigned_node().is_some_and(|host| !m[guest].known.contains(host)) {
            order(m, (guest, Task::Monitor), (top, Task::Start), Kinds::ORDERED);
        }
        return true;
    }
    let moves =
        m.role(guest) > Role::Stopped && m[guest].assigned_node().is_some_and(|host| !m[guest].active.contains(&host));
    let stops = m[node].flags.any(NodeFlags::REMOTE_RESET | NodeFlags::UNCLEAN)
        || m[guest].is(ResourceFlags::FAILED)
        || m.next_role(guest) == Role::Stopped
        || moves;
    if stops {
        order(m, (guest, Task::Stop), (top, Task::Start), Kinds::ORDERED);
    }
    stops
}
