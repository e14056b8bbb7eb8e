//! What a node records while its confirmation of a join is under way.
//!
//! The coordinator puts the confirmed history in the place of the one in the CIB ([CT-4.7]). What the node has written between
//! sending its confirmation and that moment is not in the confirmation: the end of an operation that was still running would be
//! lost, and nobody would ever learn of it ("every operation in flight ends in exactly one of: confirmed by result, ..."
//! [CT-12.1]). So the node keeps these writes, and makes them once more when it sees that its history has been replaced. Those
//! that came after the replacement change nothing the second time.

use super::changes::node_state_of;
use super::{CibChange, CibWrite, Controller, WriteEnd};
use cib_core::xml::{Document, NodeIx};

/// The origin of entries in a confirmed history.
pub(super) const REFRESH: &str = "build_active_RAs";

/// Writes to the own history since the last confirmation, each with the entries it is about: a later one about the same entries
/// takes the place of an earlier one. `None`: no confirmation is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct SinceConfirmed(Option<Vec<(String, CibWrite)>>);

impl SinceConfirmed {
    /// A confirmation is sent now, to another node or to this one: what a coordinator puts in place of its own history is up to date.
    pub(super) fn begin(&mut self, to_another: bool) {
        self.0 = to_another.then(Vec::new);
    }

    fn keep(&mut self, about: String, write: &CibWrite) {
        if let Some(writes) = &mut self.0 {
            writes.retain(|(known, _)| *known != about);
            writes.push((about, write.clone()));
        }
    }

    fn writes(&self) -> Vec<CibWrite> {
        self.0.iter().flatten().map(|(_, write)| write.clone()).collect()
    }
}

impl Controller {
    /// Writes to the history of a node; `about` names the entries.
    pub(super) fn write_history(&mut self, node: &str, about: String, write: CibWrite) {
        if node == self.own.place.uuid {
            self.since_confirmed.keep(about, &write);
        }
        self.write(vec![write], WriteEnd::Nothing);
    }

    /// Removes what a path finds in the history of a node.
    pub(super) fn delete_in_history(&mut self, node: &str, xpath: String) {
        self.write_history(node, xpath.clone(), CibWrite::Delete { xpath });
    }

    /// The CIB has changed: where the coordinator has put the confirmed history in place, what was recorded since is written
    /// again. A CIB that is new as a whole (`patch` is none) may or may not hold it.
    pub(super) fn renew_history(&mut self, changes: &[CibChange], patch: Option<&Document>) {
        let writes = self.since_confirmed.writes();
        if let Some(patch) = patch {
            if self.since_confirmed.0.is_none() || !changes.iter().any(|change| self.replaces_history(change, patch)) {
                return;
            }
            self.since_confirmed.0 = None;
        }
        if !writes.is_empty() {
            self.write(writes, WriteEnd::Nothing);
        }
    }

    /// Whether a change brings entries of a confirmed history of this node.
    fn replaces_history(&self, change: &CibChange, patch: &Document) -> bool {
        let Some(object) = change.object else { return false };
        let me = self.own.place.uuid.as_str();
        let mine = node_state_of(&change.path)
            .map_or_else(|| patch.name(object) == "node_state" && patch.id(object) == Some(me), |node| node == me);
        let confirmed = |n: NodeIx| patch.attr(n, "crm-debug-origin") == Some(REFRESH);
        mine && std::iter::once(object).chain(patch.descendants(object)).any(confirmed)
    }
}
