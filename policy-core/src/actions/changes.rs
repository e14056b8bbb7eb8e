//! What has changed in the configuration since it was carried out `[AC-6]` `[AC-7.2]` `[AC-7.3]` `[ST-16.6]`.

use super::create::{create, create_op, reason_softly};
use super::fence::clear_failcount;
use super::operation::find_enabled;
use super::{recurring, unfence};
use crate::model::{
    ActionKey, DeferredCheck, EntryIx, HistoryIx, Kind, Kinds, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx,
    Symbol, Task,
};
use crate::ordering::order;
use crate::status::digest::{self, Match};
use crate::status::{active_range, fail_count};

/// Checks the history of every usable node against the configuration `[AC-6.1]`.
pub fn changes(m: &mut Model) {
    for node in m.nodes_in_order() {
        if !m[node].is(NodeFlags::MAINTENANCE) && !m[node].available() {
            continue;
        }
        for history in m[node].histories.clone() {
            if m[history].entries.is_empty() {
                continue;
            }
            for r in resources_of(m, m[history].id) {
                check_resource(m, r, node, history);
            }
        }
    }
}

/// The primitives that a history may be about, last found first.
fn resources_of(m: &Model, id: Symbol) -> Vec<ResourceIx> {
    let mut found: Vec<ResourceIx> = m.named(id).iter().copied().filter(|&r| m[r].is_primitive()).collect();
    if found.len() > 1 {
        found.sort_by_cached_key(|&r| m.position(r));
        found.dedup();
        found.reverse();
    }
    found
}

/// One resource on one node `[AC-6.2]`.
fn check_resource(m: &mut Model, r: ResourceIx, node: NodeIx, history: HistoryIx) {
    if m[r].is(ResourceFlags::REMOVED) {
        let top = m.top(r);
        if m[top].kind() != Kind::Clone || m[top].is(ResourceFlags::UNIQUE) {
            clean_up(m, r, node);
        }
        return;
    }
    let active = m[r].active.contains(&node);
    if agent_changed(m, r, node, history, active) {
        clean_up(m, r, node);
    }
    if !active {
        return;
    }
    let sorted = crate::status::order::sorted(m, history);
    for &entry in active_range(m, &sorted) {
        check_entry_of_active(m, r, node, entry);
    }
}

/// Whether the agent's type, class or provider is another than recorded; then an active resource is stopped `[AC-6.3]`.
fn agent_changed(m: &mut Model, r: ResourceIx, node: NodeIx, history: HistoryIx, active: bool) -> bool {
    let (h, c) = (&m[history], &m[r]);
    let differences = [h.agent != c.agent, h.class != c.class, h.provider != c.provider]
        .into_iter()
        .filter(|&differs| differs)
        .count();
    for _ in 0..differences {
        if active {
            unfence::trigger(m, Some(r), node, Some("Device definition changed"));
        }
    }
    if differences > 0 && active {
        create_op(m, r, Task::Stop, Some(node), false);
        m[r].flags.insert(ResourceFlags::START_PENDING);
    }
    differences > 0
}

/// Removes the history of a resource from a node `[AC-7.3]`.
fn clean_up(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if m[r].is(ResourceFlags::FAILED) || m[node].unclean() || !m[node].online() {
        return;
    }
    create_op(m, r, Task::Delete, Some(node), false);
    order(m, (r, Task::Stop), (r, Task::Delete), Kinds::ORDERED);
    order(m, (r, Task::Delete), (r, Task::Start), Kinds::ORDERED);
}

/// An entry of a resource that is active on the node `[AC-6.2]` step 5.
fn check_entry_of_active(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx) {
    let e = &m[entry];
    let (Some(task), interval_ms, call_id) = (e.task, e.interval_ms, e.call_id) else { return };
    if interval_ms > 0 && (m[r].is(ResourceFlags::MAINTENANCE) || m[node].is(NodeFlags::MAINTENANCE)) {
        recurring::cancel_call(m, r, task, interval_ms, node, &call_id.to_string());
        return;
    }
    let once = [Task::Monitor, Task::Start, Task::Promote, Task::MigrateFrom];
    let is = |wanted: &Task| task.text(&m.symbols).eq_ignore_ascii_case(wanted.text(&m.symbols));
    if interval_ms == 0 && !once.iter().any(is) {
        return;
    }
    if digest::needs_host_address(m, r) {
        m.deferred.push(DeferredCheck { resource: r, node, entry, active: true });
    } else {
        check_and_clear(m, r, node, entry);
    }
}

fn check_and_clear(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx) {
    if check_entry(m, r, node, entry) && fail_count(m, r, node, true, false, None).0.value() != 0 {
        clear_failcount(m, r, node, false);
    }
}

/// Checks that needed the assignment of a bundle's container, newest first `[AC-6.6]` `[ST-16.8]`.
pub fn deferred_changes(m: &mut Model) {
    let deferred = core::mem::take(&mut m.deferred);
    for check in deferred.into_iter().rev() {
        let DeferredCheck { resource, node, entry, active } = check;
        if active {
            check_and_clear(m, resource, node, entry);
        } else if digest::compare(m, resource, node, entry).differs() {
            clear_failcount(m, resource, node, false);
        }
    }
}

/// Whether what an entry was done with differs from what is configured now; sees to the consequences `[AC-6.4]`.
fn check_entry(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx) -> bool {
    let e = &m[entry];
    let (Some(task), interval_ms, call_id) = (e.task, e.interval_ms, e.call_id) else { return false };
    let can_reload = e.restart_digest.is_some();
    if interval_ms > 0 && find_enabled(m, r, task, interval_ms).is_none() {
        if m.options.cancel_removed_actions {
            recurring::cancel_call(m, r, task, interval_ms, node, &call_id.to_string());
        }
        return true;
    }
    let result = digest::compare(m, r, node, entry);
    let key_task = match task {
        Task::Monitor | Task::MigrateFrom | Task::Promote if interval_ms == 0 => Task::Start,
        task => task,
    };
    if m.sanitized && result != Match::Same && digest::only_private_changed(m, r, node, entry) {
        let magic = m[entry].magic_text.map_or("", |magic| m.text(magic)).to_owned();
        let text = format!(
            "Only 'private' parameters to {interval_ms}-interval {} for {} on {} changed: {magic}",
            key_task.text(&m.symbols),
            m.id(r),
            m.node_name(node),
        );
        m.notes.push(text);
        return false;
    }
    match result {
        Match::Same => return false,
        Match::Restart => force_restart(m, r, node, key_task, interval_ms),
        Match::Unknown | Match::Different if interval_ms > 0 => {
            recurring::reschedule(m, r, key_task, interval_ms, node)
        }
        Match::Unknown | Match::Different if can_reload => {
            unfence::trigger(m, Some(r), node, Some("Device parameters changed (reload)"));
            reload(m, r, node);
        }
        Match::Unknown | Match::Different => force_restart(m, r, node, key_task, interval_ms),
    }
    true
}

fn force_restart(m: &mut Model, r: ResourceIx, node: NodeIx, task: Task, interval_ms: u32) {
    let key = ActionKey::Op { task, interval_ms };
    let required = create(m, r, key, task, None, false);
    m[required].reason = Some("resource definition change".into());
    unfence::trigger(m, Some(r), node, Some("Device parameters changed"));
}

/// Makes the agent take over its new parameters without restart.
fn reload(m: &mut Model, r: ResourceIx, node: NodeIx) {
    if !m[r].is(ResourceFlags::MANAGED) || m[r].is(ResourceFlags::FAILED) {
        return;
    }
    if m[r].is(ResourceFlags::START_PENDING) {
        create_op(m, r, Task::Stop, Some(node), false);
        return;
    }
    m[r].flags.insert(ResourceFlags::RELOAD);
    let reload = create_op(m, r, Task::ReloadAgent, Some(node), false);
    reason_softly(m, reload, "resource definition change");
    for then in [Task::Stop, Task::Demote] {
        order(m, reload, (r, then), Kinds::ORDERED | Kinds::THEN_CANCELS_FIRST);
    }
}

/// Clears fail counts of removed resources `[AC-7.2]`.
pub fn removed_failcounts(m: &mut Model) {
    if !m.options.stop_removed_resources {
        return;
    }
    for r in m.top.clone() {
        if !m[r].is(ResourceFlags::REMOVED) {
            continue;
        }
        for node in m.nodes_in_order() {
            if m[node].online() && fail_count(m, r, node, true, false, None).0.value() != 0 {
                let clear = clear_failcount(m, r, node, false);
                order(m, clear, (r, Task::Stop), Kinds::ORDERED);
            }
        }
    }
}
