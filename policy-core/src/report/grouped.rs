//! Resources below the nodes where they run, and in numbers only [SM-12.4].

use super::Display;
use super::nodes::line;
use super::resources::{agent, displayed_id, primitive};
use super::text::Report;
use crate::model::{Model, NodeIx, ResourceFlags, ResourceIx};
use std::collections::BTreeMap;

/// Writes each node with its resources.
pub(super) fn nodes(m: &Model, display: Display, report: &mut Report) {
    report.open("Node List");
    for &n in &m.node_order {
        if display.brief && m[n].active.is_empty() {
            continue;
        }
        report.open(&line(m, n, display));
        report.open("Resources");
        if display.brief {
            brief(m, &m[n].active, Some(n), false, report);
        } else {
            let internal = |r: &&ResourceIx| display.detail || !m[**r].is(ResourceFlags::INTERNAL);
            for &r in m[n].active.iter().filter(internal) {
                report.item(primitive(m, r, displayed_id(m, r), None, display));
            }
        }
        report.close();
        report.close();
    }
    report.close();
}

/// Writes how many primitives of each agent are active, on each node or on `only`; with `totals` out of how many.
pub(super) fn brief(m: &Model, primitives: &[ResourceIx], only: Option<NodeIx>, totals: bool, report: &mut Report) {
    let mut agents: BTreeMap<String, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
    for &r in primitives {
        let (all, places) = agents.entry(agent(m, r)).or_default();
        *all += 1;
        for &n in m[r].active.iter().filter(|&&n| only.is_none_or(|only| only == n)) {
            *places.entry(m.node_name(n)).or_default() += 1;
        }
    }
    for (agent, (all, places)) in agents {
        let total = if totals { format!("/{all}") } else { String::new() };
        for (node, count) in &places {
            let node = if only.is_some() { "" } else { node };
            report.item(format_args!("{count}{total}\t({agent}):\tActive {node}"));
        }
        if places.is_empty() && totals {
            report.item(format_args!("0{total}\t({agent}):\tActive"));
        }
    }
}
