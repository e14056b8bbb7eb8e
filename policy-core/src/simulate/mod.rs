//! Carrying a graph out against a copy of the CIB, with injections.
//!
//! [`inject`] changes the copy as a tester asks: nodes come and go, tickets are granted, operations fail. [`execute`] then does
//! what a schedule's graph says, one action after the other, each with its expected result unless a failure is asked for, and
//! writes the results into the status section. Nothing happens outside the document.

mod action;
mod execute;
mod inject;
mod key;
mod record;
mod state;

pub use execute::{Failure, execute};
pub use inject::{Injections, inject};
pub use key::{OperationKey, parse_key};

use crate::model::{Document, Element};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The history elements of one node state, by their ids.
type Histories = FxHashMap<Box<str>, SmallVec<[Element; 1]>>;

/// A copy of the CIB that is being changed.
pub struct Copy<'a> {
    /// The document.
    pub cib: &'a mut Document,
    /// The real time, in seconds since the epoch, for what is recorded.
    pub clock: i64,
    /// Nodes that are not configured are added to the configuration (some node was asked to come up).
    pub add_nodes: bool,
    /// Where histories are: of each node state that was asked for one.
    histories: FxHashMap<Element, Histories>,
}

impl<'a> Copy<'a> {
    /// A copy at this real time (seconds since the epoch) that does or does not add nodes to the configuration.
    #[must_use]
    pub fn new(cib: &'a mut Document, clock: i64, add_nodes: bool) -> Self {
        Self { cib, clock, add_nodes, histories: FxHashMap::default() }
    }
}

impl Copy<'_> {
    /// The status section, made if there is none.
    fn status(&mut self) -> Element {
        let root = self.cib.root();
        match self.cib.child(root, "status") {
            Some(status) => status,
            None => self.cib.append(root, "status"),
        }
    }

    /// Counts a change.
    fn changed(&mut self) {
        let root = self.cib.root();
        let updates = self.cib.attr(root, "num_updates").and_then(cib_core::rules::parse_integer).unwrap_or(0);
        self.cib.set_attr(root, "num_updates", &updates.saturating_add(1).to_string());
    }
}
