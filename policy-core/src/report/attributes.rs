//! Node attributes [SM-10.1].

use super::Display;
use super::names::node_label;
use super::text::Report;
use crate::config;
use crate::model::{Model, NodeIx, Symbol};
use cib_core::rules::parse_integer;

/// Writes the attributes of each online node.
pub(super) fn section(m: &mut Model, display: Display, printed: &mut bool, report: &mut Report) {
    let mut opened = false;
    for node in m.nodes_in_order() {
        if !m[node].online() {
            continue;
        }
        let mut shown: Vec<(Symbol, Symbol)> =
            m[node].attributes.iter().filter(|&(name, _)| is_shown(m.text(name))).collect();
        if shown.is_empty() {
            continue;
        }
        shown.sort_by(|a, b| m.text(a.0).cmp(m.text(b.0)));
        if !opened {
            if *printed {
                report.blank();
            }
            report.open("Node Attributes");
            (opened, *printed) = (true, true);
        }
        report.open(&format!("Node: {}", node_label(m, node, display)));
        for (name, value) in shown {
            let connectivity = connectivity(m, node, name, value);
            report.item(format_args!("{:<32}\t: {:<10}{connectivity}", m.text(name), m.text(value)));
        }
        report.close();
    }
    if opened {
        report.close();
    }
}

fn is_shown(name: &str) -> bool {
    const HIDDEN: [&str; 6] = ["fail-count", "last-failure", "shutdown", "terminate", "standby", "#"];
    !HIDDEN.iter().any(|prefix| name.starts_with(prefix))
}

/// What a ping resource on the node makes of the attribute that it sets.
fn connectivity(m: &mut Model, node: NodeIx, name: Symbol, value: Symbol) -> String {
    for r in m[node].active.clone() {
        let is_ping = m[r].agent.is_some_and(|a| matches!(m.text(a), "ping" | "pingd"));
        if !is_ping {
            continue;
        }
        let parameters = config::parameters(m, r, Some(node));
        let get = |n: &str| m.symbols.find(n).and_then(|n| parameters.get(n)).map(|v| m.text(v));
        if !get("name").unwrap_or("pingd").eq_ignore_ascii_case(m.text(name)) {
            continue;
        }
        let hosts = get("host_list").unwrap_or_default().split_ascii_whitespace().count() as i64;
        let multiplier = get("multiplier").and_then(parse_integer).unwrap_or(1);
        let expected = hosts.saturating_mul(multiplier);
        let actual = parse_integer(m.text(value)).unwrap_or(0);
        if actual <= 0 {
            return "\t: Connectivity is lost".to_owned();
        }
        if actual < expected {
            return format!("\t: Connectivity is degraded (Expected={expected})");
        }
    }
    String::new()
}
