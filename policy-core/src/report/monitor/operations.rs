//! The history of operations [SM-10.2].

use super::Monitor;
use crate::model::{Document, EntryIx, HistoryIx, Model, NodeIx, Task};
use crate::report::failures::{c_time, nodes_with_status};
use crate::report::names::{node_label, result_text};
use crate::report::resources::displayed_id;
use crate::report::text::Report;
use crate::status::fail_count;

/// Writes the operations of each online node that has a status.
pub(super) fn section(m: &mut Model, cib: &Document, what: &Monitor, printed: &mut bool, report: &mut Report) {
    let nodes = nodes_with_status(m, cib);
    if nodes.is_empty() {
        return;
    }
    if std::mem::replace(printed, true) {
        report.blank();
    }
    report.open("Operations");
    for node in nodes {
        let mut opened = false;
        for history in m[node].histories.clone() {
            let entries = shown(m, history);
            let Some(title) = title(m, history, node).filter(|_| !entries.is_empty()) else { continue };
            if !std::mem::replace(&mut opened, true) {
                report.open(&format!("Node: {}", node_label(m, node, what.display)));
            }
            report.open(&title);
            for entry in entries {
                report.item(line(m, cib, entry, what.timing));
            }
            report.close();
        }
        if opened {
            report.close();
        }
    }
    report.close();
}

/// The entries of a history that are shown, by the number of the call.
fn shown(m: &Model, history: HistoryIx) -> Vec<EntryIx> {
    let mut entries: Vec<EntryIx> = m[history]
        .entries()
        .filter(|&e| {
            let entry = &m[e];
            let probe = entry.task == Some(Task::Monitor) && entry.interval_ms == 0;
            entry.task.is_some_and(|task| task != Task::Notify) && !(probe && entry.rc == Some(7))
        })
        .collect();
    entries.sort_by_key(|&e| m[e].call_id);
    entries
}

fn title(m: &mut Model, history: HistoryIx, node: NodeIx) -> Option<String> {
    let r = m.resource(m[history].id).filter(|&r| m[r].is_primitive())?;
    let (count, last) = fail_count(m, r, node, false, false, None);
    let mut text = format!("{}: migration-threshold={}", displayed_id(m, r), m[r].migration_threshold.value());
    if count.value() > 0 {
        text.push_str(&format!(" fail-count={}", count.value()));
    }
    if last > 0 {
        text.push_str(&format!(" last-failure='{}'", c_time(m, last)));
    }
    Some(text)
}

fn line(m: &Model, cib: &Document, e: EntryIx, timing: bool) -> String {
    let entry = &m[e];
    let task = match entry.task {
        Some(Task::Monitor) if entry.interval_ms == 0 => "probe".to_owned(),
        Some(task) => task.text(&m.symbols).to_owned(),
        None => String::new(),
    };
    let mut text = format!("({}) {task}", entry.call_id);
    if entry.interval_ms > 0 || timing {
        text.push(':');
    }
    if entry.interval_ms > 0 {
        text.push_str(&format!(" interval=\"{}ms\"", entry.interval_ms));
    }
    if !timing {
        return text;
    }
    if let Some(time) = entry.last_change.filter(|&time| time > 0) {
        text.push_str(&format!(" last-rc-change=\"{}\"", c_time(m, time)));
    }
    for (attribute, word) in [("exec-time", "exec-time"), ("queue-time", "queue-time")] {
        if let Some(value) = m.entry_attribute(cib, e, attribute).filter(|value| !value.is_empty()) {
            text.push_str(&format!(" {word}=\"{value}ms\""));
        }
    }
    let rc = entry.rc.unwrap_or(0);
    text.push_str(&format!(" rc={rc} ({})", result_text(rc)));
    text
}
