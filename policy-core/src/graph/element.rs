//! How an action is named in the graph: element, key and place `[OR-10.2]`.

use super::{Element, ElementKind, Place};
use crate::model::{ActionIx, ActionKey, Model, NodeIx, Symbol, Task, sym};

/// The element of an action, as triggers show it. Sets the meta values of its node `[OR-10.2]` 5.
pub(super) fn element(m: &mut Model, a: ActionIx) -> Element {
    let task = m[a].task;
    let cluster = matches!(task, Task::Stonith | Task::DoShutdown | Task::ClearFailcount | Task::LrmDelete);
    let kind = match (task, m[a].pseudo()) {
        (Task::Stonith, true) => ElementKind::Pseudo,
        _ if cluster => ElementKind::Cluster,
        (_, true) => ElementKind::Pseudo,
        _ => ElementKind::Resource,
    };
    let placed = cluster || kind != ElementKind::Pseudo;
    let node = m[a].node.filter(|_| placed);
    if let Some(node) = node {
        let (on_node, on_node_uuid) = (m.symbols.intern("on_node"), m.symbols.intern("on_node_uuid"));
        let (name, id) = (m[node].name, m[node].id);
        m[a].meta.set(on_node, name);
        m[a].meta.set(on_node_uuid, id);
    }
    let own_key = m.key(a);
    let (key, internal_key) = match history_key(m, a) {
        Some(key) => (key, Some(own_key)),
        None => (own_key, None),
    };
    Element {
        kind,
        on_cib: task == Task::LrmDelete,
        id: u32::try_from(a.id()).unwrap_or(u32::MAX),
        operation: task.text(&m.symbols).to_owned(),
        key,
        internal_key,
        node: node.map(|n| Place { name: m.node_name(n).to_owned(), uuid: m.text(m[n].id).to_owned() }),
        router: node.and_then(|_| router(m, a)).map(|n| m.node_name(n).to_owned()),
    }
}

fn meta(m: &Model, a: ActionIx, name: &str) -> Option<Symbol> {
    m[a].meta.get(m.symbols.find(name)?)
}

/// The text of a meta value, empty if there is none.
pub(super) fn meta_text<'m>(m: &'m Model, a: ActionIx, name: &str) -> &'m str {
    meta(m, a, name).map_or("", |value| m.text(value))
}

/// The key under the name that history knows the resource by `[OR-10.2]` 4.
fn history_key(m: &Model, a: ActionIx) -> Option<String> {
    let id = m.text(m[m[a].resource?].history_id?);
    if m[a].task == Task::Notify {
        let (when, operation) = (meta_text(m, a, "notify_type"), meta_text(m, a, "notify_operation"));
        return Some(format!("{id}_{when}_notify_{operation}_0"));
    }
    Some(format!("{id}_{}_{}", shown_task(m, a), interval(m, a)))
}

/// The cancelled task of a cancel, else the task.
pub(super) fn shown_task(m: &Model, a: ActionIx) -> &str {
    m[a].cancelled.unwrap_or(m[a].task).text(&m.symbols)
}

/// The meta interval as text.
pub(super) fn interval(m: &Model, a: ActionIx) -> &str {
    m[a].meta.get(sym::INTERVAL).map_or("0", |interval| m.text(interval))
}

/// The cluster node that holds the connection to the action's remote node `[AC-14.4]`.
fn router(m: &Model, a: ActionIx) -> Option<NodeIx> {
    let node = m[a].node?;
    if !m[node].is_remote_type() || m[a].task == Task::Stonith {
        return None;
    }
    let connection = m[node].connection?;
    let (began, ended) = (m.current_node(connection), m[connection].assigned_node());
    let (Some(from), Some(to)) = (began, ended) else { return began.or(ended) };
    if from == to {
        return Some(from);
    }
    let partial = m[connection].launcher.is_none() && m[connection].partial_target.is_some();
    let task = match m[a].key {
        ActionKey::Notify { .. } if m[a].task == Task::Notify => meta_text(m, a, "notify_operation"),
        _ => m[a].task.text(&m.symbols),
    };
    let leaving =
        ["cancel", "stop", "demote", "migrate_from", "migrate_to"].iter().any(|t| t.eq_ignore_ascii_case(task));
    Some(if leaving && !partial { from } else { to })
}
