//! Fail counts, failed actions, and the line of counts [SM-3.2] [SM-10.2] [SM-10.3].

use super::Display;
use super::names::{execution_status_text, node_label, readable_interval, result_text};
use super::resources::is_disabled;
use super::text::Report;
use crate::model::{Document, EntryIx, Kind, Model, NodeIx, ResourceFlags, ResourceIx, Role, Task};
use crate::status::fail_count;
use cib_core::rules::DateTime;

/// The line about disabled and blocked instances, if there are any.
#[must_use]
pub fn counts_line(m: &Model) -> Option<String> {
    let (all, disabled, blocked) = instances(m);
    (disabled > 0 || blocked > 0).then(|| {
        format!(
            "{disabled} of {all} resource instances DISABLED and {blocked} BLOCKED from further action due to failure"
        )
    })
}

/// How many instances there are, how many of them are disabled, and how many blocked.
pub(super) fn instances(m: &Model) -> (usize, usize, usize) {
    let (mut all, mut disabled, mut blocked) = (0, 0, 0);
    for &top in &m.top {
        count(m, top, &mut |r| {
            if m[r].is(ResourceFlags::REMOVED) && m[r].role <= Role::Stopped {
                return;
            }
            all += 1;
            disabled += usize::from(is_disabled(m, r));
            blocked += usize::from(m[r].is(ResourceFlags::BLOCKED));
        });
    }
    (all, disabled, blocked)
}

fn count(m: &Model, r: ResourceIx, each: &mut impl FnMut(ResourceIx)) {
    match m[r].kind() {
        Kind::Primitive => each(r),
        Kind::Bundle => {
            for replica in m[r].bundle().map_or(&[][..], |b| &b.replicas) {
                let parts = [replica.ip, replica.child, Some(replica.container), replica.connection];
                parts.into_iter().flatten().for_each(&mut *each);
            }
        }
        Kind::Group | Kind::Clone => {
            for &child in &m[r].children {
                count(m, child, each);
            }
        }
    }
}

/// A time as the C library writes it, in local time.
pub(super) fn c_time(m: &Model, seconds: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let time = DateTime::from_epoch(seconds, m.utc_offset);
    let (month, day) = time.month_and_day();
    let (hour, minute, second) = time.hour_minute_second();
    let weekday = DAYS[(seconds.saturating_add(i64::from(m.utc_offset)).div_euclid(86_400)).rem_euclid(7) as usize];
    let month = MONTHS[(month.clamp(1, 12) - 1) as usize];
    format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {}", time.year())
}

/// The online nodes that have an entry in the status section, in its order.
pub(super) fn nodes_with_status(m: &Model, cib: &Document) -> Vec<NodeIx> {
    let Some(status) = crate::config::section(cib, "status") else { return Vec::new() };
    let names = cib.children_named(status, "node_state").filter_map(|s| cib.attr(s, "uname"));
    names.filter_map(|name| m.node(name)).filter(|&n| m[n].online()).collect()
}

/// Fail counts by node, in the order of the status section.
pub(super) fn counts_section(m: &mut Model, cib: &Document, display: Display, printed: &mut bool, report: &mut Report) {
    let nodes = nodes_with_status(m, cib);
    if nodes.is_empty() {
        return;
    }
    if *printed {
        report.blank();
    }
    *printed = true;
    report.open("Migration Summary");
    for node in nodes {
        let mut opened = false;
        for history in m[node].histories.clone() {
            let id = m[history].id;
            let Some(r) = m.resource(id) else { continue };
            let (count, last) = fail_count(m, r, node, false, false, None);
            if count.value() <= 0 || !m[r].is_primitive() {
                continue;
            }
            if !opened {
                report.open(&format!("Node: {}", node_label(m, node, display)));
                opened = true;
            }
            let when = if last > 0 { format!(" last-failure='{}'", c_time(m, last)) } else { String::new() };
            report.item(format_args!(
                "{}: migration-threshold={} fail-count={}{when}",
                m.text(id),
                m[r].migration_threshold.value(),
                count.value()
            ));
        }
        if opened {
            report.close();
        }
    }
    report.close();
}

/// Failed actions.
pub(super) fn section(m: &Model, cib: &Document, display: Display, printed: &mut bool, report: &mut Report) {
    let mut opened = false;
    for failed in &m.failed {
        let entry = &m[failed.entry];
        let (Some(key), Some(rc), Some(status)) = (entry.key, entry.rc, entry.status) else { continue };
        let probe = entry.task == Some(Task::Monitor) && entry.interval_ms == 0;
        if probe && (rc == 5 || rc == 2 || status == 7) {
            continue;
        }
        if !opened {
            if *printed {
                report.blank();
            }
            report.open("Failed Resource Actions");
            (opened, *printed) = (true, true);
        }
        let on = m.node_name(failed.node);
        report.item(if display.technical || display.detail {
            technical(m, cib, failed.entry, (m.text(key), on), (rc, status))
        } else {
            friendly(m, cib, failed.entry, (m.text(key), on), (rc, status))
        });
    }
    if opened {
        report.close();
    }
}

/// As the history has it.
fn technical(m: &Model, cib: &Document, e: EntryIx, (key, on): (&str, &str), (rc, status): (i32, i32)) -> String {
    let entry = &m[e];
    let mut text = format!(
        "{key} on {on} '{}' ({rc}): call={}, status='{}'",
        result_text(rc),
        entry.call_id,
        execution_status_text(status)
    );
    if let Some(reason) = exit_reason(m, e) {
        text.push_str(&format!(", exitreason='{reason}'"));
    }
    if let Some(time) = entry.last_change.filter(|&t| t > 0) {
        text.push_str(&format!(", last-rc-change='{}'", c_time(m, time)));
    }
    for (attribute, word) in [("queue-time", "queued"), ("exec-time", "exec")] {
        if let Some(value) = m.entry_attribute(cib, e, attribute).filter(|v| !v.is_empty()) {
            text.push_str(&format!(", {word}={value}ms"));
        }
    }
    text
}

fn exit_reason(m: &Model, e: EntryIx) -> Option<&str> {
    m[e].exit_reason.map(|reason| m.text(reason)).filter(|reason| !reason.is_empty())
}

/// As a sentence.
fn friendly(m: &Model, cib: &Document, e: EntryIx, (key, on): (&str, &str), (rc, status): (i32, i32)) -> String {
    let entry = &m[e];
    let task = entry.task.map_or("", |task| task.text(&m.symbols));
    let resource = key.strip_suffix(&format!("_{task}_{}", entry.interval_ms)).unwrap_or(key);
    let action = match entry.task {
        Some(Task::Monitor) if entry.interval_ms == 0 => "probe".to_owned(),
        _ if entry.interval_ms > 0 => format!("{}-interval {task}", readable_interval(entry.interval_ms)),
        _ => task.to_owned(),
    };
    let mut text = format!("{resource} {action} on {on} ");
    let reason = exit_reason(m, e);
    if status == 0 {
        text.push_str(&format!("returned '{}'", result_text(rc)));
        text.extend(reason.map(|reason| format!(" ({reason})")));
    } else {
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        text.push_str(&format!("could not be executed ({}{reason})", execution_status_text(status)));
    }
    if let Some(time) = entry.last_change.filter(|&t| t > 0) {
        text.push_str(&format!(" at {}", c_time(m, time)));
    }
    let time = m.entry_attribute(cib, e, "exec-time").and_then(|time| time.parse().ok()).filter(|&time: &u32| time > 0);
    text.extend(time.map(|time| format!(" after {}", readable_interval(time))));
    text
}
