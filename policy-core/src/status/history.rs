//! The history of one resource on one node [ST-8.1], and what follows from all of it [ST-12].

use super::{Status, active, entry, find, order};
use crate::actions::{OnFail, create, create_op, find_exact, mark_for_fencing};
use crate::model::{
    ActionFlags, ActionKey, EntryIx, HistoryIx, Level, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Role, Task,
};

/// Reads one `lrm_resource`; the resource it was attributed to.
pub(super) fn unpack(m: &mut Model, status: &mut Status<'_>, history: HistoryIx, node: NodeIx) -> Option<ResourceIx> {
    let lock = m.options.shutdown_lock;
    let empty = m[history].entries.is_empty();
    if empty && !lock {
        return None;
    }
    let name = m[history].id;
    let r = match find::resource(m, name, node) {
        Some(r) => r,
        None if empty => return None,
        None => find::removed(m, status.cib, history)?,
    };
    if lock {
        shutdown_lock(m, history, r, node);
    }
    let saved = std::mem::replace(&mut m[r].role, Role::Unknown);
    let sorted = order::sorted(m, history);
    let mut so_far = entry::SoFar::new();
    for &e in &sorted {
        entry::unpack(m, r, node, e, &mut so_far);
    }
    recurring(m, r, node, &sorted);
    settle(m, status, r, node, so_far.on_fail);
    apply_target_role(m, r);
    m[r].role = m[r].role.max(saved);
    Some(r)
}

/// [ST-14], first half: a lock recorded in history.
fn shutdown_lock(m: &mut Model, history: HistoryIx, r: ResourceIx, node: NodeIx) {
    let time = m[history].lock;
    if time == 0 {
        return;
    }
    let limit = m.options.shutdown_lock_limit_ms;
    if limit > 0 && m.now > time.saturating_add(super::seconds(limit)) {
        create_op(m, r, Task::LrmDelete, Some(node), false);
    } else {
        m[r].lock_node = Some(node);
        m[r].lock_time = time;
    }
}

/// Positions of the last start and the last stop among sorted entries [ST-12.1].
#[must_use]
pub fn start_and_stop(m: &Model, sorted: &[EntryIx]) -> (Option<usize>, Option<usize>) {
    let (mut start, mut stop, mut implied_monitor, mut implied_clone) = (None, None, None, None);
    for (at, &e) in sorted.iter().enumerate() {
        let e = &m[e];
        let Some(task) = e.task else { continue };
        let is = |wanted: Task| task == wanted || task.text(&m.symbols).eq_ignore_ascii_case(wanted.text(&m.symbols));
        if is(Task::Stop) && e.status == Some(0) {
            stop = Some(at);
        } else if is(Task::Start) || is(Task::MigrateFrom) {
            start = Some(at);
        } else if implied_monitor <= stop && is(Task::Monitor) {
            if matches!(e.rc, Some(0 | 8)) {
                implied_monitor = Some(at);
            }
        } else if is(Task::Promote) || is(Task::Demote) {
            implied_clone = Some(at);
        }
    }
    (start.or(implied_clone).or(implied_monitor), stop)
}

/// The part of the sorted entries that belongs to the current run of the resource: from its start on; empty if it was stopped.
#[must_use]
pub fn active_range<'e>(m: &Model, sorted: &'e [EntryIx]) -> &'e [EntryIx] {
    match start_and_stop(m, sorted) {
        (start, stop) if start < stop => &[],
        (Some(start), _) => &sorted[start..],
        (None, _) => sorted,
    }
}

/// Recurring operations in force [ST-12.2].
fn recurring(m: &mut Model, r: ResourceIx, node: NodeIx, sorted: &[EntryIx]) {
    let (start, stop) = start_and_stop(m, sorted);
    for (at, &e) in sorted.iter().enumerate() {
        if !m[node].online() {
            return;
        }
        let before = if start < stop { stop.is_some_and(|s| at <= s) } else { start.is_some_and(|s| at < s) };
        let entry = &m[e];
        let (Some(task), interval_ms) = (entry.task, entry.interval_ms) else { continue };
        if before || interval_ms == 0 || entry.status == Some(-1) {
            continue;
        }
        create(m, r, ActionKey::Op { task, interval_ms }, task, Some(node), true);
    }
}

/// What the accumulated result means [ST-12.3].
fn settle(m: &mut Model, status: &mut Status<'_>, r: ResourceIx, node: NodeIx, on_fail: OnFail) {
    let is_active = m[r].role > Role::Stopped;
    if m[r].role != Role::Unknown {
        know(m, r, node);
    }
    if is_active && !m[node].online() && !m[node].is(NodeFlags::MAINTENANCE) && m[r].is(ResourceFlags::MANAGED) {
        active_on_lost_node(m, r, node);
    }
    let effective = if m[node].unclean() { OnFail::Ignore } else { on_fail };
    respond(m, status, r, node, effective, is_active);
    let remote = m[r].is(ResourceFlags::REMOTE_CONNECTION).then(|| m.node(m.id(r))).flatten();
    if let Some(remote) = remote.filter(|&n| m[r].is(ResourceFlags::FAILED) && m[n].unclean()) {
        m[remote].flags.insert(NodeFlags::SEEN);
    }
    if is_active {
        announce(m, r, node);
        active::add(m, r, node, on_fail != OnFail::Ignore);
        match effective {
            OnFail::Ignore => {}
            OnFail::Demote | OnFail::Block => m[r].flags.insert(ResourceFlags::FAILED),
            _ => m[r].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED),
        }
    } else if m[r].history_id.is_some_and(|id| m.text(id).contains(':')) {
        m.set_history_id(r, None);
    } else {
        let stops: Vec<_> = find_exact(m, r, ActionKey::of(Task::Stop), Some(node)).collect();
        for stop in stops {
            m[stop].flags.insert(ActionFlags::OPTIONAL);
        }
    }
    if m[r].role == Role::Stopped
        && !m[r].active.is_empty()
        && m[r].partial_target.is_some()
        && m[r].partial_source == Some(node)
    {
        m[r].role = Role::Started;
    }
}

fn announce(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if m[r].is(ResourceFlags::REMOVED) && m[r].is(ResourceFlags::MANAGED) {
        let text = format!(
            "Removed resource {} is active on {} and will be stopped when possible",
            m.id(r),
            m.node_name(node)
        );
        m.tell(Level::Notice, text);
    }
}

/// Adds the node to the known nodes of the resource and its ancestors, up to the first that is unique.
fn know(m: &mut Model, r: ResourceIx, node: NodeIx) {
    let mut at = Some(r);
    while let Some(r) = at {
        m[r].known.insert(node);
        if m[r].is(ResourceFlags::UNIQUE) {
            break;
        }
        at = m[r].parent;
    }
}

/// Step 2: active on a node that is not there.
fn active_on_lost_node(m: &mut Model, r: ResourceIx, node: NodeIx) {
    let plain = format!("{} is thought to be active there", m.id(r));
    if m[node].is_guest() {
        m[r].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
        mark_for_fencing(m, node, &plain, false);
    } else if m.options.fencing_enabled {
        let connection = m[node].connection.filter(|_| m[node].is_remote());
        if connection.is_some_and(|c| !m[c].is(ResourceFlags::FAILED)) {
            m[node].flags.remove(NodeFlags::SEEN);
            let reason = format!(
                "{} is active there (fencing will be revoked if remote connection can be re-established elsewhere)",
                m.id(r)
            );
            mark_for_fencing(m, node, &reason, false);
        } else {
            mark_for_fencing(m, node, &plain, false);
        }
    }
}

/// Step 4: carries out the failure response.
fn respond(m: &mut Model, status: &mut Status<'_>, r: ResourceIx, node: NodeIx, on_fail: OnFail, is_active: bool) {
    let failed = ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED;
    match on_fail {
        OnFail::Ignore => {}
        OnFail::Demote => {
            m[r].flags.insert(ResourceFlags::FAILED);
            create_op(m, r, Task::Demote, Some(node), false);
        }
        OnFail::Fence => {
            let reason = format!("{} failed there", m.id(r));
            mark_for_fencing(m, node, &reason, false);
        }
        OnFail::Standby => m[node].flags.insert(NodeFlags::STANDBY | NodeFlags::FAIL_STANDBY),
        OnFail::Block => {
            m[r].flags.remove(ResourceFlags::MANAGED);
            m[r].flags.insert(ResourceFlags::BLOCKED);
        }
        OnFail::Ban => entry::ban(m, r, Some(node), "failed there, on-fail=migrate"),
        OnFail::Stop => m[r].next_role = Role::Stopped,
        OnFail::Restart => {
            if is_active {
                m[r].flags.insert(failed);
                create_op(m, r, Task::Stop, Some(node), false);
            }
        }
        OnFail::RestartLauncher => {
            m[r].flags.insert(failed);
            match m[r].launcher {
                Some(launcher) if m.in_bundle(r) => status.containers_to_stop.push(launcher),
                Some(launcher) => {
                    create_op(m, launcher, Task::Stop, Some(node), false);
                }
                None if is_active => {
                    create_op(m, r, Task::Stop, Some(node), false);
                }
                None => {}
            }
        }
        OnFail::ResetRemote => reset_remote(m, r, node, is_active),
    }
}

fn reset_remote(m: &mut Model, r: ResourceIx, node: NodeIx, is_active: bool) {
    m[r].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
    let remote = m.node(m.id(r)).filter(|&n| {
        m.options.fencing_enabled
            && m[r].is(ResourceFlags::REMOTE_CONNECTION)
            && m[n].is_remote()
            && !m[n].is(NodeFlags::REMOTE_FENCED)
    });
    if let Some(remote) = remote {
        mark_for_fencing(m, remote, "remote connection is unrecoverable", false);
    }
    if is_active {
        create_op(m, r, Task::Stop, Some(node), false);
    }
    if m[r].reconnect_interval_ms > 0 {
        m[r].next_role = Role::Stopped;
    }
}

/// [ST-12.6]
fn apply_target_role(m: &mut Model, r: ResourceIx) {
    if let Some(target) = m[r].target_role
        && (m[r].next_role == Role::Unknown || target < m[r].next_role)
    {
        m[r].next_role = target;
    }
}
