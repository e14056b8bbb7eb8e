//! Text: status, transition summary, scores.
//!
//! Everything is written through a [`Report`], which knows the layers of lists and keeps what goes to the two output streams in
//! order. Nothing here prints.

mod attributes;
pub mod changes;
mod clones;
mod explain;
mod failures;
mod grouped;
mod monitor;
mod names;
mod nodes;
mod picture;
mod resources;
mod scores;
mod text;

pub use explain::explain;
pub use failures::counts_line;
pub use monitor::{Fencing, FencingDisplay, FencingState, Wording, latest_fencing, sort_fencing};
pub use monitor::{Monitor, Summary, monitor};
pub use names::{execution_status_text, readable_interval, result_text};
pub use picture::svg;
pub use text::{Chunk, Report};

use crate::model::{Document, Model};

/// What a status display shows [SM-8] [SM-12].
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Display {
    /// Pending operations instead of roles.
    pub pending: bool,
    /// Resources that are not active.
    pub inactive: bool,
    /// Node attributes.
    pub attributes: bool,
    /// Fail counts and failures.
    pub failcounts: bool,
    /// Resources below the nodes where they run.
    pub by_node: bool,
    /// Primitives in numbers only.
    pub brief: bool,
    /// Every instance and every node in full, with ids and descriptions.
    pub detail: bool,
    /// Failed actions as the history has them, not in a sentence.
    pub technical: bool,
}

impl Display {
    /// What a simulation shows of the current status.
    #[must_use]
    pub fn current() -> Self {
        Self { pending: true, inactive: true, technical: true, ..Self::default() }
    }

    /// What a simulation shows of the status after it.
    #[must_use]
    pub fn revised() -> Self {
        Self { pending: false, ..Self::current() }
    }
}

/// Writes a status display under a title: a list of sections with blank lines between them [SM-8.1].
pub fn status(m: &mut Model, cib: &Document, display: Display, title: &str, report: &mut Report) {
    report.open(title);
    let mut printed = nodes::section(m, display, report);
    if printed {
        report.blank();
    }
    resources::section(m, display, report);
    printed = true;
    if display.attributes {
        attributes::section(m, display, &mut printed, report);
    }
    if display.failcounts {
        failures::counts_section(m, cib, display, &mut printed, report);
        failures::section(m, cib, display, &mut printed, report);
    }
    report.close();
}

pub use scores::scores;
