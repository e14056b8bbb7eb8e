//! Why a resource is where it is, and why something is done with it.

use super::names::readable_interval;
use crate::model::{ActionFlags, ActionKey, Kind, Model, NodeIx, ResourceFlags, ResourceIx, Role};
use std::fmt::Write;

/// How many nodes are listed with their scores.
const NODES: usize = 8;
/// How many recorded decisions are listed.
const DECISIONS: usize = 16;

/// Tells in a few lines which scores, constraints and failures decided the node of a resource, and which actions follow. A
/// collective is explained by its primitives. What was recorded while deciding is only there if it was wanted
/// ([`crate::model::Wants::trace`]).
#[must_use]
pub fn explain(m: &Model, resource: ResourceIx) -> String {
    let mut text = String::new();
    for r in m.leaves(resource) {
        primitive(m, r, &mut text);
    }
    text
}

fn name(m: &Model, node: Option<NodeIx>) -> String {
    node.map_or_else(|| "nowhere".to_owned(), |n| m.node_name(n).to_owned())
}

fn primitive(m: &Model, r: ResourceIx, text: &mut String) {
    let resource = &m[r];
    let (from, to) = (m.current_node(r), resource.assigned_node());
    let next = if resource.next_role == Role::Unknown && to.is_none() { Role::Stopped } else { resource.next_role };
    let _ = writeln!(text, "{}: {} on {} -> {next} on {}", m.id(r), resource.role, name(m, from), name(m, to));
    for line in state(m, r) {
        let _ = writeln!(text, "  {line}");
    }
    scores(m, r, text);
    decisions(m, r, text);
    constraints(m, r, text);
    actions(m, r, text);
}

/// Flags that keep the cluster from acting freely.
fn state(m: &Model, r: ResourceIx) -> Vec<String> {
    let flags = m[r].flags;
    let mut lines = Vec::new();
    if flags.has(ResourceFlags::BLOCKED) {
        lines.push("blocked: nothing is done with it after a failure".to_owned());
    } else if flags.has(ResourceFlags::MAINTENANCE) {
        lines.push("in maintenance: left alone".to_owned());
    } else if !flags.has(ResourceFlags::MANAGED) {
        lines.push("unmanaged: left alone".to_owned());
    }
    if flags.has(ResourceFlags::FAILED) {
        lines.push("failed".to_owned());
    }
    if flags.has(ResourceFlags::REMOVED) {
        lines.push("not configured any more, or beyond clone-max".to_owned());
    }
    if let Some(role) = m[r].target_role {
        lines.push(format!("target role {role}"));
    }
    if let Some(node) = m[r].lock_node {
        lines.push(format!("locked to {} until it comes back from its shutdown", m.node_name(node)));
    }
    lines
}

fn scores(m: &Model, r: ResourceIx, text: &mut String) {
    let mut rows: Vec<_> = m.node_order.iter().filter_map(|&n| Some((n, m[r].table.score(n)?))).collect();
    if rows.is_empty() {
        let _ = writeln!(text, "  scores: no node is allowed");
        return;
    }
    rows.sort_by_key(|&(_, score)| std::cmp::Reverse(score));
    let shown: Vec<String> = rows
        .iter()
        .take(NODES)
        .map(|&(n, score)| {
            let unavailable = if m[n].available() { "" } else { " (not available)" };
            format!("{} {score}{unavailable}", m.node_name(n))
        })
        .collect();
    let more = if rows.len() > NODES { format!(", and {} more", rows.len() - NODES) } else { String::new() };
    let _ = writeln!(text, "  scores: {}{more}", shown.join(", "));
}

fn decisions(m: &Model, r: ResourceIx, text: &mut String) {
    let of_it = |other: ResourceIx| m.is_ancestor(other, r);
    let lines: Vec<&str> = m.trace.iter().filter(|(subject, _)| of_it(*subject)).map(|(_, t)| t.as_str()).collect();
    for line in lines.iter().take(DECISIONS) {
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > DECISIONS {
        let _ = writeln!(text, "  and {} more", lines.len() - DECISIONS);
    }
}

fn constraints(m: &Model, r: ResourceIx, text: &mut String) {
    let mut at = Some(r);
    while let Some(of) = at {
        for &c in &m[of].this_with {
            let c = &m[c];
            let id = m.text(c.id);
            let said = |&(subject, ref line): &(ResourceIx, String)| {
                m.is_ancestor(subject, r) && line.strip_prefix(id).is_some_and(|rest| rest.starts_with(','))
            };
            if m.trace.iter().any(said) {
                continue;
            }
            let role = c.primary_role.map_or(String::new(), |role| format!("{role} "));
            let place = name(m, m.assigned_location(c.primary));
            let _ = writeln!(text, "  {id}: with {role}{} (on {place}), {}", m.id(c.primary), c.score);
        }
        at = m[of].parent.filter(|&p| m[p].kind() != Kind::Bundle);
    }
}

fn actions(m: &Model, r: ResourceIx, text: &mut String) {
    for &a in &m[r].actions {
        let action = &m[a];
        if action.optional() {
            continue;
        }
        let interval = match action.key {
            ActionKey::Op { interval_ms, .. } if interval_ms > 0 => {
                format!(" every {}", readable_interval(interval_ms))
            }
            _ => String::new(),
        };
        let reason = action.reason.as_deref().map_or(String::new(), |r| format!(", {r}"));
        let blocked = if action.flags.has(ActionFlags::RUNNABLE) { "" } else { " (cannot run)" };
        let task = action.task.text(&m.symbols);
        let _ = writeln!(text, "  {task}{interval} on {}{blocked}{reason}", name(m, action.node));
    }
}
