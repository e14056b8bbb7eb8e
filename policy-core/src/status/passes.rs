//! The order in which histories are read [ST-7].

use super::{NodeState, Status, history, remote};
use crate::actions::create_op;
use crate::model::{HistoryIx, Model, NodeFlags, NodeIx, NodeKind, ResourceFlags, Role, Task};

/// Reads all histories.
pub(super) fn run(m: &mut Model, status: &mut Status<'_>) {
    let states = std::mem::take(&mut status.states);
    while pass(m, status, &states, false) {}
    let all = m.options.fencing_enabled;
    pass(m, status, &states, all);
    status.states = states;
    close(m, status);
}

/// One sweep over the status entries; whether a node was read.
fn pass(m: &mut Model, status: &mut Status<'_>, states: &[NodeState], all: bool) -> bool {
    let mut progress = false;
    for state in states {
        if state.uname.is_none() {
            continue;
        }
        let Some(node) = super::node_of(m, state) else { continue };
        if m[node].is(NodeFlags::UNPACKED) || !(all || ready(m, node)) {
            continue;
        }
        if m[node].is_remote_type() {
            remote::determine_online(m, node);
            remote::attributes(m, status, state, node);
        }
        m[node].flags.insert(NodeFlags::UNPACKED);
        unpack_node(m, status, state, node);
        progress = true;
    }
    progress
}

/// Whether a node's history can be read before the final pass [ST-7.2].
fn ready(m: &Model, node: NodeIx) -> bool {
    let lock = m.options.shutdown_lock;
    if m[node].is_guest() {
        let Some(connection) = m[node].connection else { return false };
        let launcher = m[connection].launcher;
        m[connection].role == Role::Started && launcher.is_some_and(|l| m.role(l) == Role::Started)
    } else if m[node].is_remote() {
        m[node].connection.is_some_and(|c| lock || m[c].role == Role::Started)
    } else {
        m.options.fencing_enabled || lock || m[node].online()
    }
}

fn unpack_node(m: &mut Model, status: &mut Status<'_>, state: &NodeState, node: NodeIx) {
    let mut removed_launched = false;
    for at in state.histories.clone() {
        let history = HistoryIx::new(at as usize);
        if let Some(r) = history::unpack(m, status, history, node) {
            removed_launched |= m[r].is(ResourceFlags::REMOVED_LAUNCHED);
        }
    }
    if removed_launched {
        link_removed(m, state);
    }
}

/// Links removed resources with their launchers, which may have been found after them [ST-7.3].
fn link_removed(m: &mut Model, state: &NodeState) {
    for at in state.histories.clone() {
        let history = &m[HistoryIx::new(at as usize)];
        let (Some(container), id) = (history.container, history.id) else { continue };
        let (Some(launcher), Some(r)) = (m.resource(container), m.resource(id)) else { continue };
        if m[r].launcher.is_none() && m[r].is(ResourceFlags::REMOVED_LAUNCHED) {
            m[r].launcher = Some(launcher);
            m[launcher].launched.push(r);
            if let Some(node) = m[r].remote_node {
                m[node].kind = NodeKind::Guest;
            }
        }
    }
}

/// [ST-7.4]
pub(super) fn close(m: &mut Model, status: &mut Status<'_>) {
    for container in std::mem::take(&mut status.containers_to_stop).into_iter().rev() {
        if let Some(node) = m.current_node(container) {
            create_op(m, container, Task::Stop, Some(node), false);
        }
    }
    for at in 0..m.node_order.len() {
        let node = m.node_order[at];
        if !m[node].is_remote_type() {
            continue;
        }
        if let Some(connection) = m[node].connection.filter(|_| m[node].is(NodeFlags::SHUTDOWN)) {
            m[connection].next_role = Role::Stopped;
        }
        if !m[node].is(NodeFlags::UNPACKED) {
            remote::determine_online(m, node);
        }
    }
}
