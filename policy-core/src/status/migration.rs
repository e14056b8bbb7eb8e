//! Live migrations in history [ST-11].

use super::entry::{Case, add_active, online_node, status};
use super::order::newer;
use crate::model::{EntryIx, HistoryIx, Model, NodeIx, ResourceFlags, Role, Symbol, Task};

/// Both ends of a migration as its entry names them; none if they do not fit the node where it was found.
fn ends(m: &mut Model, case: &Case, here: fn(&Model, &Case) -> Option<Symbol>) -> Option<(Symbol, Symbol)> {
    let entry = &m[case.entry];
    let id = entry.id.map_or("", |id| m.text(id)).to_owned();
    let (Some(source), Some(target)) = (entry.migrate_source, entry.migrate_target) else {
        m.config_error(format!("Ignoring resource history entry {id} without migrate_source and migrate_target"));
        return None;
    };
    let mine = here(m, case)?;
    if !m.text(mine).eq_ignore_ascii_case(m.node_name(case.node)) {
        let which = if mine == source { "migrate_source" } else { "migrate_target" };
        let text = format!(
            "Ignoring resource history entry {id} because {which}='{}' does not match {}",
            m.text(mine),
            m.node_name(case.node)
        );
        m.config_error(text);
        return None;
    }
    Some((source, target))
}

/// The histories of the resource on the node of this name.
fn histories<'m>(m: &'m Model, case: &Case, node: Symbol) -> &'m [HistoryIx] {
    m.histories_of.get(&(node, m[case.r].id)).map_or(&[], |all| all)
}

/// What has to fit beside the operation.
#[derive(Clone, Copy, Default)]
struct Wanted {
    source: Option<Symbol>,
    target: Option<Symbol>,
    rc: Option<i32>,
}

/// "one op": the only entry that fits.
fn one(m: &Model, case: &Case, task: Task, node: Symbol, wanted: Wanted) -> Option<EntryIx> {
    let mut found = histories(m, case, node).iter().flat_map(|&h| m[h].entries()).filter(|&e| {
        let e = &m[e];
        e.task == Some(task)
            && wanted.source.is_none_or(|s| e.migrate_source == Some(s))
            && wanted.target.is_none_or(|t| e.migrate_target == Some(t))
    });
    let (first, None) = (found.next()?, found.next()) else { return None };
    let e = &m[first];
    wanted.rc.is_none_or(|rc| e.rc == Some(rc) && e.status == Some(status::DONE)).then_some(first)
}

fn non_monitor_after(m: &Model, case: &Case, node: Symbol, entry: EntryIx) -> bool {
    let [history] = histories(m, case, node) else { return false };
    m[*history].entries().any(|e| {
        let task = m[e].task;
        let counts = matches!(task, Some(Task::Start | Task::Stop | Task::MigrateTo | Task::MigrateFrom));
        e != entry && counts && newer(m, e, entry)
    })
}

fn not_running_after(m: &Model, case: &Case, node: Symbol, entry: EntryIx) -> bool {
    let wanted = Wanted { rc: Some(7), ..Wanted::default() };
    one(m, case, Task::Monitor, node, wanted).is_some_and(|e| newer(m, e, entry))
}

fn unknown_on(m: &Model, case: &Case, node: Symbol) -> bool {
    !histories(m, case, node).iter().flat_map(|&h| m[h].entries()).any(|e| m[e].rc.is_some_and(|rc| rc != 193))
}

fn newer_state_after(m: &Model, case: &Case, node: Symbol, to: Option<EntryIx>, from: Option<EntryIx>) -> bool {
    let Some(mut reference) = from.or(to) else { return false };
    if let (Some(to), Some(from)) = (to, from)
        && m[from].migrate_source == Some(node)
    {
        reference = to;
    }
    non_monitor_after(m, case, node, reference) || not_running_after(m, case, node, reference)
}

fn fail(m: &mut Model, case: &Case) {
    let flags = &mut m[case.r].flags;
    flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
    flags.remove(ResourceFlags::MIGRATABLE);
}

fn dangle(m: &mut Model, case: &Case) {
    m[case.r].dangling.insert(0, case.node);
}

/// [ST-11.2]
pub(super) fn migrate_to_succeeded(m: &mut Model, case: &Case) {
    let Some((source, target)) = ends(m, case, |m, c| m[c.entry].migrate_source) else { return };
    let source_newer = non_monitor_after(m, case, source, case.entry);
    let from = one(m, case, Task::MigrateFrom, target, Wanted { source: Some(source), ..Wanted::default() });
    if from.is_some() && source_newer {
        return;
    }
    let rc = from.and_then(|f| m[f].rc).unwrap_or(0);
    let from_status = from.and_then(|f| m[f].status).unwrap_or(status::PENDING);
    let target_newer = newer_state_after(m, case, target, Some(case.entry), from);
    if source_newer && target_newer {
        return;
    }
    if rc == 0 && from_status == status::DONE {
        m[case.r].role = Role::Stopped;
        dangle(m, case);
        return;
    }
    m[case.r].role = Role::Started;
    let online_target = online_node(m, target);
    let active_on_target = online_target.filter(|_| !target_newer);
    if from_status != status::PENDING {
        match active_on_target {
            Some(node) => add_active(m, case, node, true),
            None => fail(m, case),
        }
        return;
    }
    if online_target.is_some() && unknown_on(m, case, target) {
        return;
    }
    match active_on_target {
        Some(node) => {
            add_active(m, case, node, false);
            if let Some(source) = online_node(m, source) {
                begin_partial(m, case, source, node);
            }
        }
        None if !source_newer => fail(m, case),
        None => {}
    }
}

fn begin_partial(m: &mut Model, case: &Case, source: NodeIx, target: NodeIx) {
    m[case.r].partial_source = Some(source);
    m[case.r].partial_target = Some(target);
}

/// [ST-11.3]
pub(super) fn migrate_to_failed(m: &mut Model, case: &Case) {
    let Some((source, target)) = ends(m, case, |m, c| m[c.entry].migrate_source) else { return };
    m[case.r].role = Role::Started;
    let wanted = Wanted { source: Some(source), rc: Some(0), ..Wanted::default() };
    let from = one(m, case, Task::MigrateFrom, target, wanted);
    if !unknown_on(m, case, target) && !newer_state_after(m, case, target, Some(case.entry), from) {
        if let Some(node) = online_node(m, target) {
            add_active(m, case, node, false);
        }
    } else if !non_monitor_after(m, case, source, case.entry) {
        dangle(m, case);
    }
}

/// [ST-11.4]
pub(super) fn migrate_from_failed(m: &mut Model, case: &Case) {
    let Some((source, target)) = ends(m, case, |m, c| m[c.entry].migrate_target) else { return };
    m[case.r].role = Role::Started;
    let wanted = Wanted { target: Some(target), rc: Some(0), ..Wanted::default() };
    let to = one(m, case, Task::MigrateTo, source, wanted);
    if !unknown_on(m, case, source)
        && !newer_state_after(m, case, source, to, Some(case.entry))
        && let Some(node) = online_node(m, source)
    {
        add_active(m, case, node, true);
    }
}
