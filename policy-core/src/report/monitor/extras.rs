//! Tickets, and constraints that keep resources away [SM-10.4].

use crate::config::constraints;
use crate::model::{Model, Role};
use crate::report::Display;
use crate::report::failures::c_time;
use crate::report::names::node_label;
use crate::report::text::Report;

/// Writes the tickets.
pub(super) fn tickets(m: &mut Model, printed: &mut bool, report: &mut Report) {
    read_constraints(m);
    if m.tickets.is_empty() {
        return;
    }
    if std::mem::replace(printed, true) {
        report.blank();
    }
    report.open("Tickets");
    for ticket in &m.tickets {
        let state = if ticket.granted { "granted" } else { "revoked" };
        let standby = if ticket.standby { " [standby]" } else { "" };
        let last = match ticket.last_granted {
            time if time > 0 => format!(" last-granted=\"{}\"", c_time(m, time)),
            _ => String::new(),
        };
        report.item(format_args!("{}\t{state}{standby}{last}", m.text(ticket.id)));
    }
    report.close();
}

/// Writes the location constraints with negative scores whose id begins with `prefix`.
pub(super) fn bans(m: &mut Model, prefix: &str, display: Display, printed: &mut bool, report: &mut Report) {
    read_constraints(m);
    let mut lines = Vec::new();
    for location in m.locations.iter().filter(|location| m.text(location.id).starts_with(prefix)) {
        let role = if location.role == Some(Role::Promoted) { "in Promoted role " } else { "" };
        for &(node, _) in location.nodes.iter().filter(|(_, score)| score.value() < 0) {
            lines.push(format!(
                "{}\tprevents {} from running {role}on {}",
                m.text(location.id),
                m.id(location.resource),
                node_label(m, node, display)
            ));
        }
    }
    if lines.is_empty() {
        return;
    }
    if std::mem::replace(printed, true) {
        report.blank();
    }
    report.open("Negative Location Constraints");
    lines.into_iter().for_each(|line| report.item(line));
    report.close();
}

/// The display of a status does not need the constraints otherwise.
fn read_constraints(m: &mut Model) {
    if m.locations.is_empty() && m.orders.is_empty() && m.colocations.is_empty() {
        constraints::unpack(m);
    }
}
