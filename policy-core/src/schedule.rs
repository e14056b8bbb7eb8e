//! The driver: the passes of one run, in order.

use crate::graph::Graph;
use crate::model::{Document, Model, Wants};
use crate::{actions, config, graph, ordering, placement, report, status};
use cib_core::rules::DateTime;

/// How a run is set up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// "Now", unless the document's `execution-date` is to count [IN-7].
    pub now: Option<DateTime>,
    /// Offset from UTC in which dates without a zone are meant and shown, in seconds.
    pub utc_offset: i32,
    /// The real time, in seconds since the epoch, used if neither `now` nor the document tells.
    pub clock: i64,
    /// What to record beside the decisions.
    pub wants: Wants,
}

impl Options {
    /// Options for a run at this time.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self { now: Some(DateTime::from_epoch(now, 0)), clock: now, ..Self::default() }
    }
}

/// Why a document cannot be scheduled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The root element is not `cib`.
    #[error("root element is <{0}>, not <cib>")]
    NotACib(String),
}

/// What has to be done, and everything that led to it.
#[derive(Debug)]
pub struct Schedule {
    /// All that is known and decided.
    pub model: Model,
    /// The transition graph.
    pub graph: Graph,
}

impl Schedule {
    /// Tells in a few lines what decided the place and the actions of the resource of this name; `None` if there is none. What led
    /// to its scores is only told if [`Wants::trace`] was set.
    #[must_use]
    pub fn explain(&self, resource: &str) -> Option<String> {
        let found = self.model.resource(resource).or_else(|| self.model.resource(format!("{resource}:0").as_str()))?;
        Some(report::explain(&self.model, found))
    }
}

/// Schedules the document: a pure function of the document and the time.
///
/// # Errors
/// [`Error`] if the document is not a CIB at all. Invalid parts of one are reported in [`Model::messages`] and skipped.
pub fn schedule(cib: &Document, options: &Options) -> Result<Schedule, Error> {
    let mut model = Model::read(cib, options)?;
    let graph = model.decide();
    Ok(Schedule { model, graph })
}

impl Model {
    /// Reads configuration and status: steps 2 to 9 of a run. The result is what a status display shows.
    ///
    /// # Errors
    /// [`Error`] if the document is not a CIB at all.
    pub fn read(cib: &Document, options: &Options) -> Result<Self, Error> {
        let mut model = config::unpack(cib, options)?;
        if !model.unreadable {
            status::unpack(&mut model, cib);
        }
        Ok(model)
    }

    /// Decides what has to be done: steps 11 to 26 of a run. To be called once.
    pub fn decide(&mut self) -> Graph {
        if self.unreadable {
            return graph::build(self);
        }
        placement::health(self);
        config::constraints::unpack(self);
        placement::criteria(self);
        actions::implicit(self);
        actions::changes(self);
        placement::assign(self);
        if self.wants.location_only {
            return Graph::default();
        }
        actions::deferred_changes(self);
        actions::probes(self);
        actions::removed_failcounts(self);
        actions::resources(self);
        actions::remote_orderings(self);
        actions::fencing_and_shutdown(self);
        ordering::apply(self);
        report::changes::settle(self);
        graph::build(self)
    }
}
