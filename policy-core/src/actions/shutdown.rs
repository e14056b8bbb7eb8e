//! Fencing and shutdown of nodes, and what waits for them `[AC-13.7]` `[AC-13.8]` `[AC-15]`.

use super::create::{by_name, find_loose, first};
use super::fence::{Fencing, can_be_fenced, fence, launcher};
use super::remote::newest_stop;
use crate::collectives;
use crate::model::{
    ActionFlags, ActionIx, ActionKey, Kind, Kinds, Level, Model, Needs, NodeFlags, NodeIx, ResourceFlags, ResourceIx,
    Task, sym,
};
use crate::ordering::order;

/// Fencing and shutdown, node by node `[AC-15]`.
pub fn fencing_and_shutdown(m: &mut Model) {
    let managed = m.resources.iter().any(|r| r.is_primitive() && r.is(ResourceFlags::MANAGED));
    if !managed {
        m.tell(Level::Notice, "Delaying fencing operations until there are resources to manage");
    }
    let mut of_dc: Option<(ActionIx, bool)> = None;
    let (mut fencings, mut shutdowns): (Vec<ActionIx>, Vec<ActionIx>) = (Vec::new(), Vec::new());
    let mut unfenced = false;
    for node in m.nodes_in_order() {
        if m[node].is_guest() {
            if managed && m[node].is(NodeFlags::REMOTE_RESET) && can_be_fenced(m, node) {
                fence_guest(m, node);
            }
            continue;
        }
        if m[node].unclean() && managed && can_be_fenced(m, node) {
            let text = format!("Scheduling node {} for fencing", m.node_name(node));
            m.tell(Level::Warning, text);
            let reason = Some("node is unclean");
            let action = fence(m, node, Fencing { required: true, reason, ..Fencing::default() });
            order_against_fencing(m, node, action);
            if m.dc == Some(node) {
                of_dc = Some((action, false));
            } else {
                if !m.options.concurrent_fencing
                    && let Some(&last) = fencings.last()
                {
                    m.relate(last, action, Kinds::ORDERED);
                }
                fencings.push(action);
            }
        } else if !m[node].is_remote_type() && m[node].online() && m[node].is(NodeFlags::SHUTDOWN) {
            let action = shut_down(m, node);
            if m.dc == Some(node) {
                of_dc = Some((action, true));
            } else {
                shutdowns.push(action);
            }
        }
        if m[node].unclean() && !can_be_fenced(m, node) {
            unfenced = true;
            let text = format!("Node {} is unclean but cannot be fenced", m.node_name(node));
            m.config_warning(text);
        }
    }
    if unfenced && !m.options.fencing_enabled {
        m.config_warning(
            "Resource functionality and data integrity cannot be guaranteed (configure, enable, and test fencing to correct this)",
        );
    }
    if let Some((last, is_shutdown)) = of_dc {
        order_dc_last(m, last, is_shutdown, &fencings, &shutdowns);
    }
}

/// The designated coordinator leaves last.
fn order_dc_last(m: &mut Model, last: ActionIx, is_shutdown: bool, fencings: &[ActionIx], shutdowns: &[ActionIx]) {
    if is_shutdown {
        for &action in shutdowns.iter().rev() {
            m.relate(action, last, Kinds::ORDERED);
        }
    }
    let first = if m.options.concurrent_fencing { 0 } else { fencings.len().saturating_sub(1) };
    for &action in fencings[first..].iter().rev() {
        m.relate(action, last, Kinds::ORDERED);
    }
}

/// The shutdown of a node, after all that must stop on it `[AC-15.1]`.
fn shut_down(m: &mut Model, node: NodeIx) -> ActionIx {
    let name = format!("do_shutdown-{}", m.node_name(node));
    let name = m.symbols.intern(&name);
    let (shutdown, _) = by_name(m, name, Task::DoShutdown);
    m[shutdown].node = Some(node);
    for at in (0..m.actions.len()).rev() {
        let stop = ActionIx::new(at);
        if m[stop].task != Task::Stop || m[stop].node != Some(node) {
            continue;
        }
        let Some(r) = m[stop].resource else { continue };
        if m[r].is(ResourceFlags::MAINTENANCE)
            || m[node].is(NodeFlags::MAINTENANCE)
            || !m[r].flags.any(ResourceFlags::MANAGED | ResourceFlags::BLOCKED)
        {
            continue;
        }
        m[stop].flags.remove(ActionFlags::OPTIONAL);
        order(m, stop, shutdown, Kinds::ORDERED | Kinds::BLOCKS);
    }
    m[shutdown].meta.set(sym::OP_NO_WAIT, sym::TRUE);
    shutdown
}

/// A guest is fenced by recovering what launches it; a pseudo-action stands for that `[AC-13.7]`.
fn fence_guest(m: &mut Model, node: NodeIx) {
    let Some(guest) = launcher(m, node) else { return };
    let stop = newest_stop(m, guest);
    let starts = first(m, guest, Task::Start, None).is_some();
    let operation = if starts { sym::REBOOT } else { sym::OFF };
    let reason = Some("guest is unclean");
    let fencing = fence(m, node, Fencing { operation: Some(operation), required: true, reason, priority_delay: false });
    m[fencing].flags.insert(ActionFlags::PSEUDO | ActionFlags::RUNNABLE);
    let implied = Kinds::BLOCKS | Kinds::FIRST_IMPLIES_THEN;
    match stop {
        Some(stop) if m[stop].pseudo() => {
            if let Some(host) = m[stop].node {
                let host = fence(m, host, Fencing { required: true, ..Fencing::default() });
                m.relate(host, fencing, implied);
            }
        }
        Some(stop) => {
            m.relate(stop, fencing, implied);
        }
        None => {
            if let Some(stop) = m[node].connection.and_then(|c| newest_stop(m, c)) {
                m.relate(stop, fencing, Kinds::ORDERED);
            }
        }
    }
    order_against_fencing(m, node, fencing);
}

/// Orders all resources against the fencing of a node `[AC-13.8]`.
fn order_against_fencing(m: &mut Model, node: NodeIx, fencing: ActionIx) {
    for at in 0..m.top.len() {
        for r in m.leaves(m.top[at]) {
            if m[r].is(ResourceFlags::MANAGED) {
                order_starts(m, r, node, fencing);
                imply_stops(m, r, node, fencing);
            }
        }
    }
}

fn order_starts(m: &mut Model, r: ResourceIx, node: NodeIx, fencing: ActionIx) {
    for at in (0..m[r].actions.len()).rev() {
        let a = m[r].actions[at];
        match m[a].needs {
            Needs::Nothing => {}
            Needs::Fencing => {
                m.relate(fencing, a, Kinds::ORDERED);
            }
            Needs::Quorum => {
                if m[a].task == Task::Start && m[r].table.contains(node) && !is_known(m, r, node) {
                    m.relate(fencing, a, Kinds::ORDERED | Kinds::BLOCKS);
                }
            }
        }
    }
}

/// Whether it is known what the resource is on the node; for an instance of an anonymous clone, what any of them is.
fn is_known(m: &Model, r: ResourceIx, node: NodeIx) -> bool {
    if m[r].known.contains(node) {
        return true;
    }
    m[r].parent.is_some_and(|parent| {
        m[parent].kind() == Kind::Clone && !m[parent].is(ResourceFlags::UNIQUE) && m[parent].known.contains(node)
    })
}

/// What is active on a fenced node is stopped and demoted by the fencing itself.
fn imply_stops(m: &mut Model, r: ResourceIx, node: NodeIx, fencing: ActionIx) {
    let implicit = m[r].is(ResourceFlags::NEEDS_FENCING) || m[node].is_guest();
    let bundled = m.in_bundle(r);
    let implied = ActionFlags::PSEUDO | ActionFlags::RUNNABLE;
    let top_stop = {
        let top = m.top(r);
        newest_stop(m, top)
    };
    for stop in find_loose(m, r, ActionKey::of(Task::Stop), Some(node)) {
        m[stop].flags.insert(implied);
        if implicit {
            if !bundled {
                m.relate(fencing, stop, Kinds::GUEST_OK);
            }
            if let Some(top_stop) = top_stop {
                m.relate(fencing, top_stop, Kinds::GUEST_OK);
            }
        }
        if m[r].is(ResourceFlags::NOTIFY) {
            collectives::notify_fenced_stop(m, stop, fencing);
        }
    }
    for demote in find_loose(m, r, ActionKey::of(Task::Demote), Some(node)) {
        if m[node].online() && !m[node].unclean() && !m[r].is(ResourceFlags::FAILED) {
            continue;
        }
        m[demote].flags.insert(implied);
        if implicit && !bundled {
            m.relate(fencing, demote, Kinds::GUEST_OK | Kinds::ORDERED);
        }
    }
}
