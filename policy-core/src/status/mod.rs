//! CIB status to state: node states, operation history, failures.
//!
//! [`unpack`] walks the status section twice and a half: first the tickets and the states of cluster nodes, then the histories,
//! in passes until no node can be read any more, because the history of a host decides about its guests [ST-7]. Histories are
//! parsed once into [`crate::model::History`] and [`crate::model::Entry`]; nothing later needs the document.

mod active;
pub mod digest;
mod entry;
mod failcount;
mod find;
mod history;
mod migration;
mod node_state;
pub mod order;
mod passes;
mod read;
mod remote;

pub use failcount::{FailCounts, blocked_by_failure, fail_count};
pub use history::{active_range, start_and_stop};

use crate::model::{Document, Element, HistoryIx, Model, NodeIx, ResourceIx, Symbol};
use read::Names;
use std::ops::Range;

/// One `node_state`.
#[derive(Clone, Debug)]
pub(crate) struct NodeState {
    element: Element,
    id: Symbol,
    uname: Option<Symbol>,
    histories: Range<u32>,
}

/// The section while it is being read.
pub(crate) struct Status<'d> {
    cib: &'d Document,
    names: Names,
    states: Vec<NodeState>,
    /// Containers of bundles that have to stop because of a failure inside; the last is handled first [ST-7.4].
    containers_to_stop: Vec<ResourceIx>,
}

/// Reads the status section.
pub fn unpack(m: &mut Model, cib: &Document) {
    let Some(section) = crate::config::section(cib, "status") else {
        passes::close(
            m,
            &mut Status { cib, names: Names::of(cib), states: Vec::new(), containers_to_stop: Vec::new() },
        );
        return;
    };
    let mut status = Status { cib, names: Names::of(cib), states: Vec::new(), containers_to_stop: Vec::new() };
    for child in cib.children(section) {
        match cib.name(child) {
            "tickets" => node_state::tickets(m, cib, child),
            "node_state" => {
                if let Some(state) = read::node_state(m, &status, child) {
                    node_state::unpack(m, &status, &state);
                    status.states.push(state);
                }
            }
            _ => {}
        }
    }
    passes::run(m, &mut status);
    attach_histories(m, &status);
}

/// Gives each node the histories of its status entry, if it has exactly one.
fn attach_histories(m: &mut Model, status: &Status<'_>) {
    for at in 0..m.node_order.len() {
        let node = m.node_order[at];
        let name = m[node].name;
        let mut states = status.states.iter().filter(|s| s.uname == Some(name));
        if let (Some(state), None) = (states.next(), states.next()) {
            m[node].histories = state.histories.clone().map(|h| HistoryIx::new(h as usize)).collect();
        }
    }
}

/// The node that a status entry is about: by id, else by name [ST-5.1].
fn node_of(m: &Model, state: &NodeState) -> Option<NodeIx> {
    let id = m.text(state.id);
    m.node_by_id(id).or_else(|| m.node(m.text(state.uname?)))
}

/// Milliseconds to whole seconds [ST-1.3]: 1 to 999 are one second, otherwise half up.
#[must_use]
pub(crate) fn seconds(ms: u32) -> i64 {
    match ms {
        0 => 0,
        1..=999 => 1,
        _ => i64::from(ms / 1000) + i64::from(ms % 1000 >= 500),
    }
}
