//! Orderings of what happens on remote and guest nodes with their connections `[AC-14]`.

use super::create::first;
use super::fence::{launcher, mark_for_fencing};
use crate::model::{ActionIx, Kinds, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Role, Task};
use crate::ordering::order;

/// What a remote node's connection will be `[AC-14.2]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Connection {
    /// Not known.
    Unknown,
    /// Up all the time.
    Alive,
    /// Down for a moment.
    Resting,
    /// Down as wanted.
    Stopped,
    /// Lost.
    Failed,
}

/// The state of a connection `[AC-14.2]`.
pub(super) fn connection_state(m: &Model, connection: ResourceIx) -> Connection {
    let c = &m[connection];
    let current = m.current_node(connection);
    let next = m.next_role(connection);
    if next == Role::Stopped || c.assigned.is_none() {
        if current.is_some_and(|node| m[node].unclean()) {
            return Connection::Failed;
        }
        if !c.is(ResourceFlags::FAILED) {
            return Connection::Stopped;
        }
        // The node's own request counts, not that it goes down with the connection.
        let fenced =
            c.remote_node.is_some_and(|node| m[node].is(NodeFlags::REMOTE_FENCED) && !m.shutdown_requested(node));
        if next == Role::Stopped && c.reconnect_interval_ms > 0 && fenced {
            return Connection::Unknown;
        }
        return Connection::Failed;
    }
    match current {
        None => Connection::Unknown,
        Some(node) if m[node].unclean() || !m[node].online() => Connection::Resting,
        Some(_) if c.active.len() > 1 && c.partial_source.is_some() && c.partial_target.is_some() => {
            Connection::Resting
        }
        Some(_) => Connection::Alive,
    }
}

/// Orders all actions on remote and guest nodes, newest first `[AC-14.1]`.
pub fn remote_orderings(m: &mut Model) {
    if !m.has_remote_nodes {
        return;
    }
    for at in (0..m.actions.len()).rev() {
        let a = ActionIx::new(at);
        let Some(r) = m[a].resource else { continue };
        if m[r].is(ResourceFlags::REMOTE_CONNECTION) && m[a].task == Task::ClearFailcount {
            order(m, a, (r, Task::Start), Kinds::ORDERED);
            continue;
        }
        let Some(node) = m[a].node.filter(|&n| m[n].is_remote_type()) else { continue };
        let Some(connection) = m[node].connection.filter(|_| !m[a].pseudo()) else { continue };
        if m[a].task == Task::Start {
            for at in (0..m[r].actions.len()).rev() {
                let stop = m[r].actions[at];
                if m[stop].task == Task::Stop && m[stop].node != Some(node) {
                    order(m, (connection, Task::Start), stop, Kinds::ORDERED);
                }
            }
        }
        let task = match m[a].task {
            Task::MigrateTo | Task::MigrateFrom => Task::Stop,
            task => task,
        };
        if m[node].is_guest() {
            order_on_guest(m, a, task, node, connection);
        } else {
            order_on_remote(m, a, task, node, connection);
        }
    }
}

fn after_start(m: &mut Model, connection: ResourceIx, a: ActionIx, extra: Kinds) {
    order(m, (connection, Task::Start), a, Kinds::GUEST_OK | Kinds::BLOCKS | extra);
}

fn before_stop(m: &mut Model, a: ActionIx, connection: ResourceIx, extra: Kinds) {
    order(m, a, (connection, Task::Stop), Kinds::GUEST_OK | extra);
}

/// An operation that repeats: its meta interval is above 0.
fn is_recurring(m: &Model, a: ActionIx) -> bool {
    let interval = m[a].meta.get(crate::model::sym::INTERVAL);
    interval.is_some_and(|interval| m.text(interval).parse::<u32>().is_ok_and(|ms| ms > 0))
}

fn order_on_remote(m: &mut Model, a: ActionIx, task: Task, node: NodeIx, connection: ResourceIx) {
    let state = connection_state(m, connection);
    let implied = Kinds::FIRST_IMPLIES_THEN;
    match task {
        Task::Start | Task::Promote => {
            let extra = if state == Connection::Failed { implied } else { Kinds::NONE };
            after_start(m, connection, a, extra);
        }
        Task::Stop => match state {
            Connection::Alive => before_stop(m, a, connection, Kinds::THEN_IMPLIES_FIRST),
            Connection::Failed => {
                mark_for_fencing(m, node, "resources are active but connection is unrecoverable", false);
            }
            _ if m.next_role(connection) == Role::Stopped => before_stop(m, a, connection, Kinds::THEN_IMPLIES_FIRST),
            _ => after_start(m, connection, a, Kinds::NONE),
        },
        Task::Demote => {
            if matches!(state, Connection::Resting | Connection::Unknown) {
                after_start(m, connection, a, Kinds::NONE);
            }
        }
        _ if is_recurring(m, a) => after_start(m, connection, a, implied),
        _ => {
            if task == Task::Monitor && state == Connection::Failed {
                mark_for_fencing(m, node, "resources are in unknown state and connection is unrecoverable", false);
            }
            if state == Connection::Stopped && m.current_node(connection).is_some() {
                before_stop(m, a, connection, Kinds::BLOCKS);
            } else {
                after_start(m, connection, a, Kinds::NONE);
            }
        }
    }
}

fn order_on_guest(m: &mut Model, a: ActionIx, task: Task, node: NodeIx, connection: ResourceIx) {
    let Some(guest) = launcher(m, node) else { return };
    let failed = m[guest].is(ResourceFlags::FAILED);
    if failed {
        mark_for_fencing(m, node, "container failed", false);
    }
    match task {
        Task::Start | Task::Promote => {
            let kinds = Kinds::GUEST_OK | Kinds::BLOCKS | Kinds::FIRST_IMPLIES_THEN;
            order(m, (guest, Task::Start), a, kinds);
            after_start(m, connection, a, Kinds::NONE);
        }
        Task::Stop | Task::Demote => {
            if !failed {
                before_stop(m, a, connection, Kinds::NONE);
            }
        }
        _ if is_recurring(m, a) => {
            // Cancellations and user-defined operations are not known by name here.
            let known = matches!(
                task,
                Task::Monitor
                    | Task::Notify
                    | Task::DoShutdown
                    | Task::Stonith
                    | Task::Running
                    | Task::Stopped
                    | Task::Promoted
                    | Task::Demoted
                    | Task::Notified
            );
            if known {
                after_start(m, connection, a, Kinds::FIRST_IMPLIES_THEN);
            }
        }
        _ => after_start(m, connection, a, Kinds::NONE),
    }
}

/// The newest stop of a resource.
pub(super) fn newest_stop(m: &Model, r: ResourceIx) -> Option<ActionIx> {
    first(m, r, Task::Stop, None)
}
