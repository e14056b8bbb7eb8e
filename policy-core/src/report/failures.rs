//! Fail counts, failed actions, and the line of counts [SM-3.2] [SM-10.2] [SM-10.3].

use super::names::{execution_status_text, result_text};
use super::resources::is_disabled;
use super::text::Report;
use crate::model::{Document, Kind, Model, ResourceFlags, ResourceIx, Role, Task};
use crate::status::fail_count;
use cib_core::rules::DateTime;

/// The line about disabled and blocked instances, if there are any.
#[must_use]
pub fn counts_line(m: &Model) -> Option<String> {
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
    (disabled > 0 || blocked > 0).then(|| {
        format!(
            "{disabled} of {all} resource instances DISABLED and {blocked} BLOCKED from further action due to failure"
        )
    })
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
fn c_time(m: &Model, seconds: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let time = DateTime::from_epoch(seconds, m.utc_offset);
    let (month, day) = time.month_and_day();
    let (hour, minute, second) = time.hour_minute_second();
    let weekday = DAYS[(seconds.saturating_add(i64::from(m.utc_offset)).div_euclid(86_400)).rem_euclid(7) as usize];
    let month = MONTHS[(month.clamp(1, 12) - 1) as usize];
    format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {}", time.year())
}

/// Fail counts by node, in the order of the status section.
pub(super) fn counts_section(m: &mut Model, cib: &Document, printed: &mut bool, report: &mut Report) {
    let Some(status) = crate::config::section(cib, "status") else { return };
    let names = cib.children_named(status, "node_state").filter_map(|s| cib.attr(s, "uname"));
    let nodes: Vec<_> = names.filter_map(|name| m.node(name)).filter(|&n| m[n].online()).collect();
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
            let (count, last) = fail_count(m, r, node, true, false, None);
            if count.value() <= 0 || !m[r].is_primitive() {
                continue;
            }
            if !opened {
                report.open(&format!("Node: {}", m.node_name(node)));
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

/// Failed actions, in technical form.
pub(super) fn section(m: &Model, cib: &Document, printed: &mut bool, report: &mut Report) {
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
        let mut text = format!(
            "{} on {} '{}' ({rc}): call={}, status='{}'",
            m.text(key),
            m.node_name(failed.node),
            result_text(rc),
            entry.call_id,
            execution_status_text(status)
        );
        if let Some(reason) = entry.exit_reason.map(|r| m.text(r)).filter(|r| !r.is_empty()) {
            text.push_str(&format!(", exitreason='{reason}'"));
        }
        if let Some(time) = entry.last_change.filter(|&t| t > 0) {
            text.push_str(&format!(", last-rc-change='{}'", c_time(m, time)));
        }
        for (attribute, word) in [("queue-time", "queued"), ("exec-time", "exec")] {
            if let Some(value) = m.entry_attribute(cib, failed.entry, attribute).filter(|v| !v.is_empty()) {
                text.push_str(&format!(", {word}={value}ms"));
            }
        }
        report.item(text);
    }
    if opened {
        report.close();
    }
}
