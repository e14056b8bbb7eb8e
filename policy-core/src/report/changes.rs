//! What will change: the rows of the transition summary [SM-6].

use super::text::Report;
use crate::actions::find_loose;
use crate::model::{ActionIx, ActionKey, Kind, Model, MultipleActive, NodeIx, ResourceFlags, ResourceIx, Role, Task};

/// One row about a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What is done: `Start`, `Move`, …
    pub word: &'static str,
    /// The resource.
    pub resource: ResourceIx,
    /// Where from, where to, in which roles.
    pub details: String,
    /// Why, or why not.
    pub reason: Option<String>,
}

/// Computes the rows without showing them; this gives nodes to node-less actions [SM-6.6].
pub fn settle(m: &mut Model) {
    let _ = changes(m);
}

/// Writes the transition summary.
pub fn summary(m: &mut Model, report: &mut Report) {
    report.open("Transition Summary");
    for text in node_rows(m) {
        report.item(text);
    }
    let rows = changes(m);
    let (mut id_width, mut details_width) = (5, 5);
    for row in &rows {
        let length = m.id(row.resource).len();
        if length > id_width {
            id_width = length + 2;
        }
        details_width = details_width.max(row.details.len());
    }
    for row in rows {
        let id = m.id(row.resource);
        let reason = row.reason.map_or(String::new(), |reason| format!("  {reason}"));
        // widths count bytes
        let id_pad = id_width.saturating_sub(id.len());
        let details_pad = details_width.saturating_sub(row.details.len());
        report.item(format_args!(
            "{:<8}   {id}{:id_pad$}   ( {:details_pad$}{} ){reason}",
            row.word, "", "", row.details
        ));
    }
    report.close();
}

/// Rows about nodes [SM-6.1].
fn node_rows(m: &Model) -> Vec<String> {
    let mut rows = Vec::new();
    for action in m.actions.iter().rev() {
        if action.resource.is_some() || action.optional() {
            continue;
        }
        let word = match action.task {
            Task::DoShutdown => "Shutdown".to_owned(),
            Task::Stonith => {
                let operation = m.symbols.find("stonith_action").and_then(|n| action.meta.get(n));
                format!("Fence ({})", operation.map_or("", |o| m.text(o)))
            }
            _ => continue,
        };
        let (Some(node), Some(reason)) = (action.node, &action.reason) else { continue };
        let launcher = m[node].connection.filter(|_| m[node].is_guest()).and_then(|c| m[c].launcher);
        let inside = launcher.map_or(String::new(), |l| format!(" (resource: {})", m.id(l)));
        rows.push(format!("{word} {}{inside} '{reason}'", m.node_name(node)));
    }
    rows
}

/// Rows about resources, in order [SM-6.2].
pub fn changes(m: &mut Model) -> Vec<Change> {
    let mut rows = Vec::new();
    for at in 0..m.top.len() {
        collect(m, m.top[at], &mut rows);
    }
    rows
}

fn collect(m: &mut Model, r: ResourceIx, rows: &mut Vec<Change>) {
    match m[r].kind() {
        Kind::Primitive => primitive(m, r, rows),
        Kind::Bundle => {
            let replicas = m[r].bundle().map_or(Vec::new(), |b| b.replicas.clone());
            for replica in replicas {
                let parts = [replica.ip, Some(replica.container), replica.connection, replica.child];
                for part in parts.into_iter().flatten() {
                    collect(m, part, rows);
                }
            }
        }
        Kind::Group | Kind::Clone => {
            for at in 0..m[r].children.len() {
                collect(m, m[r].children[at], rows);
            }
        }
    }
}

/// The actions that decide a row.
struct Acts {
    start: Option<ActionIx>,
    stop: Option<ActionIx>,
    promote: Option<ActionIx>,
    demote: Option<ActionIx>,
}

/// The earliest action of the resource for this task on the node, or on any node.
fn find(m: &mut Model, r: ResourceIx, task: Task, node: Option<NodeIx>) -> Option<ActionIx> {
    find_loose(m, r, ActionKey::of(task), node).first().copied()
}

fn acts(m: &mut Model, r: ResourceIx, current: Option<NodeIx>, next: Option<NodeIx>) -> Acts {
    let start = find(m, r, Task::Start, next);
    let stop_on = if start.is_some_and(|s| m[s].runnable()) { current } else { None };
    let mut stop = find(m, r, Task::Stop, stop_on);
    let unexpected = m[r].active.len() > 1 && m[r].multiple_active == MultipleActive::StopUnexpected;
    if stop.is_none() && unexpected {
        stop = find(m, r, Task::Stop, None);
    }
    Acts { start, stop, promote: find(m, r, Task::Promote, next), demote: find(m, r, Task::Demote, next) }
}

/// What a row shows.
struct Row {
    word: &'static str,
    from: Option<NodeIx>,
    to: Option<NodeIx>,
    action: Option<ActionIx>,
    source: Option<ActionIx>,
}

/// [SM-6.3]
fn primitive(m: &mut Model, r: ResourceIx, rows: &mut Vec<Change>) {
    let current = m.current_node(r);
    let next = m[r].assigned_node();
    if current.is_none() && m[r].is(ResourceFlags::REMOVED) {
        return;
    }
    if !m[r].active.is_empty() && m[r].role == Role::Stopped {
        m[r].role = Role::Started;
    }
    if !m[r].is(ResourceFlags::MANAGED) || (current.is_none() && next.is_none()) {
        return;
    }
    let acts = acts(m, r, current, next);
    let found = if m[r].role == m[r].next_role {
        same_role(m, r, current, next, &acts)
    } else if is_plain_stop(m, r, &acts) {
        for node in m[r].active.clone() {
            let stop = find(m, r, Task::Stop, Some(node));
            let source = if stop.is_some_and(|s| m[s].reason.is_some()) { stop } else { acts.start };
            add(m, r, Row { word: "Stop", from: Some(node), to: None, action: stop, source }, rows);
        }
        None
    } else {
        other_role(m, r, current, next, &acts)
    };
    if let Some(row) = found {
        add(m, r, row, rows);
    }
}

fn same_role(m: &mut Model, r: ResourceIx, current: Option<NodeIx>, next: Option<NodeIx>, acts: &Acts) -> Option<Row> {
    next?;
    let plain = |word, from, to, action| Row { word, from, to, action, source: action };
    let migrate = find(m, r, Task::MigrateFrom, next);
    if current.is_some() && migrate.is_some_and(|a| m[a].runnable()) {
        return Some(plain("Migrate", current, next, acts.start));
    }
    if m[r].is(ResourceFlags::RELOAD) {
        return Some(plain("Reload", current, next, acts.start));
    }
    let Some(start) = acts.start.filter(|&s| m[s].required()) else {
        let both = acts.demote.is_some_and(|d| m[d].required()) && acts.promote.is_some_and(|p| m[p].required());
        return both.then_some(Row {
            word: "Re-promote",
            from: current,
            to: next,
            action: acts.promote,
            source: acts.demote,
        });
    };
    let failed = m[r].is(ResourceFlags::FAILED);
    if !m[start].runnable() {
        let source = if acts.stop.is_some_and(|s| m[s].reason.is_some()) { acts.stop } else { acts.start };
        return Some(Row { word: "Stop", from: current, to: None, action: acts.stop, source });
    }
    if current.is_some() && current != next {
        return Some(plain(if failed { "Recover" } else { "Move" }, current, next, acts.stop));
    }
    if failed {
        return Some(plain("Recover", current, None, acts.stop));
    }
    Some(plain("Restart", current, next, acts.start))
}

fn is_plain_stop(m: &Model, r: ResourceIx, acts: &Acts) -> bool {
    acts.stop.is_some() && (m[r].next_role == Role::Stopped || acts.start.is_some_and(|s| !m[s].runnable()))
}

fn other_role(m: &Model, r: ResourceIx, current: Option<NodeIx>, next: Option<NodeIx>, acts: &Acts) -> Option<Row> {
    let row = |word, action: Option<ActionIx>| Row { word, from: current, to: next, action, source: action };
    let must_stop = m[r].is(ResourceFlags::FAILED) && m[r].is(ResourceFlags::STOP_IF_FAILED);
    if acts.stop.is_some() && must_stop {
        return Some(Row { source: acts.start, ..row("Recover", acts.stop) });
    }
    if current.is_some() && next.is_some() && current != next {
        return Some(row("Move", acts.stop));
    }
    if m[r].is(ResourceFlags::RELOAD) {
        return Some(row("Reload", acts.start));
    }
    if acts.stop.is_some_and(|s| m[s].required()) {
        return Some(row("Restart", acts.start));
    }
    if m[r].role == Role::Promoted {
        return Some(row("Demote", acts.demote));
    }
    if m[r].next_role == Role::Promoted {
        return Some(row("Promote", acts.promote));
    }
    if m[r].role == Role::Stopped && m[r].next_role > Role::Stopped {
        return Some(row("Start", acts.start));
    }
    None
}

fn add(m: &Model, r: ResourceIx, row: Row, rows: &mut Vec<Change>) {
    let reason = row.source.or(row.action).and_then(|a| m[a].reason.as_deref());
    let runnable = row.action.is_some_and(|a| m[a].runnable());
    let reason = match (reason, runnable) {
        (Some(reason), true) => Some(format!("due to {reason}")),
        (Some(reason), false) => Some(format!("due to {reason} (blocked)")),
        (None, true) => None,
        (None, false) => Some("blocked".to_owned()),
    };
    rows.push(Change { word: row.word, resource: r, details: details(m, r, row.from, row.to), reason });
}

/// [SM-6.4]
fn details(m: &Model, r: ResourceIx, from: Option<NodeIx>, to: Option<NodeIx>) -> String {
    let (role, next) = (m[r].role, m[r].next_role);
    let need_role = role > Role::Started || next > Role::Unpromoted;
    let same_role = role == next;
    let same_host = from.is_some() && from == to;
    let name = |n: Option<NodeIx>| n.map_or("", |n| m.node_name(n));
    let (f, t) = (name(from), name(to));
    match (from, to) {
        (None, _) if need_role => format!("{role} -> {next} {t}"),
        (None, _) => t.to_owned(),
        (_, None) if need_role => format!("{role} {f}"),
        (_, None) => f.to_owned(),
        _ if need_role && same_role && same_host => format!("{role} {f}"),
        _ if same_role && same_host => f.to_owned(),
        _ if need_role && same_role => format!("{f} -> {t} {role}"),
        _ if same_role => format!("{f} -> {t}"),
        _ if same_host => format!("{role} -> {next} {f}"),
        _ => format!("{role} {f} -> {next} {t}"),
    }
}
