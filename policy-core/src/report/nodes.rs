//! The node list [SM-8.2].

use super::Display;
use super::monitor::feature_set;
use super::names::node_label;
use super::text::{Report, bracketed};
use crate::model::{HealthStrategy, Model, NodeFlags, NodeIx};

/// Writes the node list; whether there was anything to write.
pub(super) fn section(m: &Model, display: Display, report: &mut Report) -> bool {
    if m.nodes.is_empty() {
        return false;
    }
    report.open("Node List");
    const LISTS: [&str; 5] = ["Online", "OFFLINE", "RemoteOnline", "RemoteOFFLINE", "GuestOnline"];
    let mut lists: [Vec<NodeIx>; 5] = Default::default();
    for &n in &m.node_order {
        if display.detail || is_individual(m, n) {
            report.item(line(m, n, display));
            continue;
        }
        let node = &m[n];
        let list = match (node.is_guest(), node.is_remote_type(), node.online()) {
            (true, _, true) => 4,
            (true, _, false) => continue,
            (false, true, true) => 2,
            (false, true, false) => 3,
            (false, false, true) => 0,
            (false, false, false) => 1,
        };
        lists[list].push(n);
    }
    for (title, list) in LISTS.iter().zip(&lists) {
        if !list.is_empty() {
            report.item(format_args!("{title}: {}", bracketed(list.iter().map(|&n| m.node_name(n)))));
        }
    }
    report.close();
    true
}

/// Whether a node has a line of its own.
fn is_individual(m: &Model, n: NodeIx) -> bool {
    let special = NodeFlags::UNCLEAN | NodeFlags::PENDING | NodeFlags::STANDBY | NodeFlags::MAINTENANCE;
    m[n].flags.any(special) || (m[n].is(NodeFlags::FAIL_STANDBY) && m[n].online()) || health(m, n).is_some()
}

/// [SM-8.3]
pub(super) fn line(m: &Model, n: NodeIx, display: Display) -> String {
    let node = &m[n];
    let kind = match (node.is_guest(), node.is_remote_type()) {
        (true, _) => "GuestNode",
        (false, true) => "RemoteNode",
        (false, false) => "Node",
    };
    let health = health(m, n).map_or(String::new(), |colour| format!(" (health is {colour})"));
    let up = !node.is_remote_type() && node.online() && node.is(NodeFlags::EXPECTED_UP);
    let features = if display.detail && up { format!(", feature set {}", feature_set(m, n)) } else { String::new() };
    format!("{kind} {}: {}{health}{features}", node_label(m, n, display), state(m, n))
}

fn state(m: &Model, n: NodeIx) -> &'static str {
    let node = &m[n];
    let online = node.online();
    if node.unclean() {
        return match (online, node.is(NodeFlags::PENDING)) {
            (true, _) => "UNCLEAN (online)",
            (false, true) => "UNCLEAN (pending)",
            (false, false) => "UNCLEAN (offline)",
        };
    }
    if node.is(NodeFlags::PENDING) {
        return "pending";
    }
    if node.is(NodeFlags::FAIL_STANDBY) && online {
        return "standby (on-fail)";
    }
    if node.is(NodeFlags::STANDBY) {
        return match (online, node.active.is_empty()) {
            (false, _) => "OFFLINE (standby)",
            (true, true) => "standby",
            (true, false) => "standby (with active resources)",
        };
    }
    match (node.is(NodeFlags::MAINTENANCE), online) {
        (true, true) => "maintenance",
        (true, false) => "OFFLINE (maintenance)",
        (false, true) => "online",
        (false, false) => "OFFLINE",
    }
}

/// The colour of a node that is not green [SM-8.4].
fn health(m: &Model, n: NodeIx) -> Option<&'static str> {
    if m.options.health_strategy == HealthStrategy::None {
        return None;
    }
    let (red, yellow, green) = (m.options.health_red, m.options.health_yellow, m.options.health_green);
    let mut colour = None;
    for (name, value) in m[n].attributes.iter() {
        if !m.text(name).starts_with("#health") {
            continue;
        }
        let value = m.text(value);
        let score = m.parse_score(value);
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        let named = ["red", "yellow", "green"].iter().any(|w| is(w));
        if is("red") || (!named && score.is_some_and(|s| s <= red)) {
            return Some("RED");
        }
        if is("yellow") || (!named && yellow != green && score.is_some_and(|s| s <= yellow)) {
            colour = Some("YELLOW");
        }
    }
    colour
}
