//! The head of the display [SM-12.2, SM-12.3].

use super::Monitor;
use crate::model::{Document, Model, NodeFlags, QuorumPolicy};
use crate::report::failures::{c_time, instances};
use crate::report::names::node_label;
use crate::report::text::Report;

/// Lines of the summary.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Summary {
    /// The messaging layer.
    pub stack: bool,
    /// The designated coordinator.
    pub dc: bool,
    /// Now, and when the configuration was changed last.
    pub times: bool,
    /// Numbers of nodes and resources.
    pub counts: bool,
    /// Cluster options.
    pub options: bool,
}

impl Summary {
    /// All lines or none.
    #[must_use]
    pub fn all(on: bool) -> Self {
        Self { stack: on, dc: on, times: on, counts: on, options: on }
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self { stack: true, dc: true, times: true, counts: true, options: false }
    }
}

/// Writes the summary; whether there was anything to write.
pub(super) fn section(m: &Model, cib: &Document, what: &Monitor, clock: i64, report: &mut Report) -> bool {
    let lines = lines(m, cib, what, clock);
    if lines.is_empty() {
        return false;
    }
    report.open("Cluster Summary");
    lines.into_iter().for_each(|line| report.item(line));
    report.close();
    true
}

fn lines(m: &Model, cib: &Document, what: &Monitor, clock: i64) -> Vec<String> {
    let wanted = what.summary;
    let mut lines = Vec::new();
    if wanted.stack {
        lines.push(format!("Stack: {}", option(m, "cluster-infrastructure").unwrap_or("unknown")));
    }
    // That there is none is always told.
    if wanted.dc || m.dc.is_none() {
        lines.push(format!("Current DC: {}", coordinator(m, what)));
    }
    if wanted.times {
        lines.push(format!("Last updated: {}", c_time(m, clock)));
        lines.push(last_change(cib));
    }
    if wanted.counts {
        lines.extend(counts(m));
    }
    if wanted.options {
        lines.extend(options(m));
    }
    lines
}

/// A cluster property that the scheduler has no use for.
fn option<'m>(m: &'m Model, name: &str) -> Option<&'m str> {
    let doc = &m.config;
    let sets = doc.path(doc.root(), &["configuration", "crm_config"])?;
    let pairs = doc.children_named(sets, "cluster_property_set").flat_map(|set| doc.children_named(set, "nvpair"));
    pairs.filter(|&pair| doc.attr(pair, "name") == Some(name)).find_map(|pair| doc.attr(pair, "value"))
}

fn coordinator(m: &Model, what: &Monitor) -> String {
    let Some(dc) = m.dc else { return "NONE".to_owned() };
    let mixed = if has_mixed_versions(m) { "MIXED-VERSION " } else { "" };
    format!(
        "{} (version {}) - {mixed}partition {} quorum",
        node_label(m, dc, what.display),
        option(m, "dc-version").unwrap_or("unknown"),
        if m.quorate { "with" } else { "WITHOUT" }
    )
}

/// What a node says that it understands.
pub(in crate::report) fn feature_set(m: &Model, node: crate::model::NodeIx) -> &str {
    m.attribute(node, "#feature-set").unwrap_or("<3.15.1")
}

fn has_mixed_versions(m: &Model) -> bool {
    let up = m.nodes_in_order().filter(|&n| !m[n].is_remote_type() && m[n].online() && m[n].is(NodeFlags::EXPECTED_UP));
    let sets: Vec<&str> = up.map(|n| feature_set(m, n)).collect();
    sets.windows(2).any(|pair| pair[0] != pair[1])
}

/// Two blanks after the colon, as it has always been.
fn last_change(cib: &Document) -> String {
    let get = |name: &str| cib.attr(cib.root(), name).filter(|value| !value.is_empty());
    let mut line = format!("Last change:  {}", get("cib-last-written").unwrap_or_default());
    for (word, name) in [("by", "update-user"), ("via", "update-client"), ("on", "update-origin")] {
        if let Some(value) = get(name) {
            line.push_str(&format!(" {word} {value}"));
        }
    }
    line
}

fn counts(m: &Model) -> [String; 2] {
    let (all, disabled, blocked) = instances(m);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let note = match (disabled, blocked) {
        (0, 0) => String::new(),
        (disabled, 0) => format!(" ({disabled} DISABLED)"),
        (0, blocked) => format!(" ({blocked} BLOCKED from further action due to failure)"),
        _ => format!(" ({disabled} DISABLED, {blocked} BLOCKED from further action due to failure)"),
    };
    let nodes = m.nodes.len();
    [
        format!("{nodes} node{} configured", plural(nodes)),
        format!("{all} resource instance{} configured{note}", plural(all)),
    ]
}

fn options(m: &Model) -> [String; 3] {
    let policy = match m.options.no_quorum_policy {
        QuorumPolicy::Freeze => "Freeze resources",
        QuorumPolicy::Stop => "Stop ALL resources",
        QuorumPolicy::Demote => "Demote promotable resources and stop all other resources",
        QuorumPolicy::Ignore => "Ignore",
        QuorumPolicy::Fence => "Fence nodes in partition",
    };
    [
        format!("Fencing of failed nodes {}", if m.options.fencing_enabled { "enabled" } else { "disabled" }),
        format!("Cluster is {}", if m.options.symmetric_cluster { "symmetric" } else { "asymmetric" }),
        format!("No quorum policy: {policy}"),
    ]
}

/// Tells that the cluster does not act, if so.
pub(super) fn maintenance(m: &Model, report: &mut Report) -> bool {
    let (title, text) = if m.options.maintenance_mode {
        (
            "              *** Resource management is DISABLED ***",
            "  The cluster will not attempt to start, stop or recover services",
        )
    } else if m.options.stop_all_resources {
        ("    *** Resource management is DISABLED ***", "  The cluster will keep all resources stopped")
    } else {
        return false;
    };
    report.blank();
    report.info(title);
    report.info(text);
    true
}
