//! Clones in the resource list [SM-9.5].

use super::resources::{description, in_parentheses, is_disabled, masked_probe_failure, resource, unmanaged_word};
use super::text::{Report, bracketed};
use super::{Display, names::result_text};
use crate::model::{Model, NodeIx, ResourceFlags, ResourceIx, Role, sym};
use std::collections::BTreeMap;

/// Instances that are not written in full.
#[derive(Default)]
struct Lists {
    promoted: Vec<NodeIx>,
    started: Vec<NodeIx>,
}

/// The title, written when the first line below it is.
struct Title {
    text: String,
    open: bool,
}

impl Title {
    fn open(&mut self, report: &mut Report) {
        if !self.open {
            report.open(&self.text);
            self.open = true;
        }
    }
}

/// Writes a clone.
pub(super) fn clone(m: &Model, r: ResourceIx, display: Display, report: &mut Report) {
    let mut title = Title { text: title(m, r) + &description(m, r, display), open: false };
    let mut lists = Lists::default();
    for &instance in &m[r].children {
        if display.detail || is_full(m, r, instance, display, &mut lists) {
            title.open(report);
            resource(m, instance, display, report);
        }
    }
    active_lists(m, r, &mut lists, &mut title, report);
    if display.inactive && !display.detail {
        stopped_lists(m, r, &lists, &mut title, report);
    }
    if title.open {
        report.close();
    }
}

fn title(m: &Model, r: ResourceIx) -> String {
    let mut attributes = Vec::new();
    if m[r].is(ResourceFlags::PROMOTABLE) {
        attributes.push("promotable");
    }
    if m[r].is(ResourceFlags::UNIQUE) {
        attributes.push("unique");
    }
    if is_disabled(m, r) {
        attributes.push("disabled");
    }
    attributes.extend(unmanaged_word(m, r));
    let child = m[r].clone_state().and_then(|c| c.child).and_then(|c| m.config.id(c)).unwrap_or_default();
    format!("Clone Set: {} [{child}]{}", m.id(r), in_parentheses(&attributes))
}

/// Whether an instance is written in full; otherwise it is collected or left out.
fn is_full(m: &Model, clone: ResourceIx, i: ResourceIx, display: Display, lists: &mut Lists) -> bool {
    if m[clone].is(ResourceFlags::UNIQUE) {
        return m.is_active(i, false) || !m[i].is(ResourceFlags::REMOVED);
    }
    if display.pending && m[i].pending.is_some() {
        return true;
    }
    if !m.is_active(i, false) {
        // the nodes without an instance are listed instead
        return false;
    }
    let odd = m.family(i).iter().any(|&part| {
        let flags = m[part].flags;
        flags.any(ResourceFlags::REMOVED | ResourceFlags::FAILED) || !flags.has(ResourceFlags::MANAGED)
    });
    if odd || !m.is_active(i, true) {
        return true;
    }
    let Some(node) = m.current_location(i) else { return true };
    if !m[node].online() && m[node].unclean() {
        return true;
    }
    if m.role(i) == Role::Promoted {
        lists.promoted.push(node)
    } else {
        lists.started.push(node)
    }
    false
}

fn sort(m: &Model, nodes: &mut [NodeIx]) {
    nodes.sort_by(|&a, &b| cib_core::rules::compare_names(m.node_name(a), m.node_name(b)));
}

/// The configured target role: the clone's, else the first instance's.
fn target_role(m: &Model, r: ResourceIx) -> Option<Role> {
    let of = |r: ResourceIx| m.meta(r, sym::TARGET_ROLE).and_then(Role::parse);
    of(r).or_else(|| m[r].children.first().and_then(|&c| of(c)))
}

fn active_lists(m: &Model, r: ResourceIx, lists: &mut Lists, title: &mut Title, report: &mut Report) {
    sort(m, &mut lists.promoted);
    sort(m, &mut lists.started);
    let word = match (m[r].is(ResourceFlags::PROMOTABLE), target_role(m, r)) {
        (true, Some(Role::Unpromoted)) => "Unpromoted (target-role)",
        (true, _) => "Unpromoted",
        (false, _) => "Started",
    };
    for (word, nodes) in [("Promoted", &lists.promoted), (word, &lists.started)] {
        if !nodes.is_empty() {
            title.open(report);
            report.item(format_args!("{word}: {}", bracketed(nodes.iter().map(|&n| m.node_name(n)))));
        }
    }
}

fn stopped_lists(m: &Model, r: ResourceIx, lists: &Lists, title: &mut Title, report: &mut Report) {
    let active = lists.promoted.len() + lists.started.len();
    let clone_max = m[r].clone_state().map_or(0, |c| c.clone_max);
    let mut nodes: Vec<NodeIx> = if m[r].is(ResourceFlags::UNIQUE) || usize::try_from(clone_max).unwrap_or(0) <= active
    {
        Vec::new()
    } else if m[r].table.is_empty() {
        m[r].known.iter().collect()
    } else {
        m[r].table.insertion_order().to_vec()
    };
    nodes.retain(|n| !m[r].active.contains(n));
    sort(m, &mut nodes);
    let mut by_text: BTreeMap<String, Vec<NodeIx>> = BTreeMap::new();
    for node in nodes {
        let text = if let Some(rc) = masked_probe_failure(m, r, Some(node)) {
            format!("Stopped ({})", result_text(rc))
        } else if target_role(m, r) == Some(Role::Stopped) {
            "Stopped (disabled)".to_owned()
        } else {
            "Stopped".to_owned()
        };
        by_text.entry(text).or_default().push(node);
    }
    if by_text.is_empty() && active == 0 {
        title.open(report);
    }
    for (text, nodes) in by_text {
        title.open(report);
        report.item(format_args!("{text}: {}", bracketed(nodes.iter().map(|&n| m.node_name(n)))));
    }
}
