//! A one-shot display of a CIB, as `crm_mon` gives it [SM-12].

mod extras;
mod fencing;
mod operations;
mod summary;

pub use fencing::{Fencing, FencingDisplay, FencingState, Wording, latest as latest_fencing, sort as sort_fencing};
pub use summary::Summary;
pub(super) use summary::feature_set;

use super::{Display, attributes, failures, grouped, nodes, resources, text::Report};
use crate::model::{Document, Model};

/// What is shown, and how.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Monitor {
    /// Lines of the summary.
    pub summary: Summary,
    /// That the cluster does not act on its own.
    pub maintenance: bool,
    /// The nodes.
    pub nodes: bool,
    /// The resources.
    pub resources: bool,
    /// Attributes of nodes.
    pub attributes: bool,
    /// The history of operations.
    pub operations: bool,
    /// Fail counts, unless the history is shown.
    pub failcounts: bool,
    /// Failed actions.
    pub failures: bool,
    /// What was fenced, where a cluster was asked for it.
    pub fencing: FencingDisplay,
    /// Tickets.
    pub tickets: bool,
    /// Location constraints that keep resources away, if their id begins with this.
    pub bans: Option<String>,
    /// When operations were, and how long they took.
    pub timing: bool,
    /// How nodes and resources are written.
    pub display: Display,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            summary: Summary::default(),
            maintenance: true,
            nodes: true,
            resources: true,
            attributes: false,
            operations: false,
            failcounts: false,
            failures: true,
            fencing: FencingDisplay::default(),
            tickets: false,
            bans: None,
            timing: false,
            display: Display { pending: true, ..Display::default() },
        }
    }
}

impl Monitor {
    /// Applies a list of sections, separated by commas, as after `--include` (`on`) or `--exclude`.
    ///
    /// # Errors
    /// The first word that names no section.
    pub fn select(&mut self, words: &str, on: bool) -> Result<(), String> {
        for word in words.split(',').filter(|word| !word.is_empty()) {
            self.select_one(word, on).ok_or_else(|| word.to_owned())?;
        }
        Ok(())
    }

    fn select_one(&mut self, word: &str, on: bool) -> Option<()> {
        let usual = Self::default();
        match word {
            "all" | "none" => self.set_all(on == (word == "all")),
            "default" | "defaults" => {
                self.set_all(false);
                let history = self.fencing.history.take();
                let (display, timing, fencing) =
                    (self.display, self.timing, FencingDisplay { history, ..usual.fencing });
                *self = Self { display, timing, fencing, ..usual };
            }
            "stack" => self.summary.stack = on,
            "dc" => self.summary.dc = on,
            "times" => self.summary.times = on,
            "counts" => self.summary.counts = on,
            "options" => self.summary.options = on,
            "summary" => {
                self.summary = Summary { options: self.summary.options, ..Summary::all(on) };
                self.maintenance = on;
            }
            "maint-mode" => self.maintenance = on,
            "nodes" => self.nodes = on,
            "resources" => self.resources = on,
            "attributes" => self.attributes = on,
            "operations" => self.operations = on,
            "failcounts" => self.failcounts = on,
            "failures" => self.failures = on,
            "tickets" => self.tickets = on,
            "bans" => self.bans = on.then(String::new),
            "fencing" => {
                let fencing = &mut self.fencing;
                (fencing.failed, fencing.pending, fencing.succeeded) = (on, on, on);
            }
            "fencing-failed" => self.fencing.failed = on,
            "fencing-pending" => self.fencing.pending = on,
            "fencing-succeeded" => self.fencing.succeeded = on,
            _ => self.bans = Some(word.strip_prefix("bans:").filter(|_| on)?.to_owned()),
        }
        Some(())
    }

    /// Everything, but the options of the cluster, or nothing.
    fn set_all(&mut self, on: bool) {
        self.summary = Summary { options: false, ..Summary::all(on) };
        self.bans = on.then(String::new);
        for section in [
            &mut self.maintenance,
            &mut self.nodes,
            &mut self.resources,
            &mut self.attributes,
            &mut self.operations,
            &mut self.failcounts,
            &mut self.failures,
            &mut self.fencing.failed,
            &mut self.fencing.pending,
            &mut self.fencing.succeeded,
            &mut self.tickets,
        ] {
            *section = on;
        }
    }
}

/// Writes the display of a document and what was read of it; `clock` is the real time in seconds since the epoch.
pub fn monitor(m: &mut Model, cib: &Document, what: &Monitor, clock: i64, report: &mut Report) {
    let display = what.display;
    let mut printed = summary::section(m, cib, what, clock, report);
    if what.maintenance && summary::maintenance(m, report) {
        printed = true;
    }
    let blank = |printed: &mut bool, report: &mut Report| {
        if std::mem::replace(printed, true) {
            report.blank();
        }
    };
    if what.nodes && !m.nodes.is_empty() {
        blank(&mut printed, report);
        if display.by_node {
            grouped::nodes(m, display, report);
        } else {
            nodes::section(m, display, report);
        }
    }
    if what.resources && (!display.by_node || display.inactive) {
        blank(&mut printed, report);
        resources::section(m, display, report);
    }
    if what.attributes {
        attributes::section(m, display, &mut printed, report);
    }
    if what.operations {
        operations::section(m, cib, what, &mut printed, report);
    } else if what.failcounts {
        failures::counts_section(m, cib, display, &mut printed, report);
    }
    if what.failures {
        failures::section(m, cib, display, &mut printed, report);
    }
    let wording = Wording { technical: display.detail, utc_offset: m.utc_offset, ..Wording::default() };
    what.fencing.write_failed(wording, &mut printed, report);
    if what.tickets {
        extras::tickets(m, &mut printed, report);
    }
    if let Some(prefix) = &what.bans {
        extras::bans(m, prefix, display, &mut printed, report);
    }
    what.fencing.write_others(wording, &mut printed, report);
}
