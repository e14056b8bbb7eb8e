//! Roles now and next to operations.

mod create;
mod fence;
mod operation;
mod unfence;

use crate::model::Model;

pub use create::{
    create, create_op, create_pseudo, find_exact, find_loose, first, first_by_key, reason_softly, set_meta, singleton,
};
pub use fence::{Fencing, can_be_fenced, clear_failcount, fence, launcher, mark_for_fencing};
pub use operation::{
    OnFail, failure_response, find as find_op, find_enabled as find_enabled_op, meta as op_meta,
    parameters as op_parameters,
};
pub use unfence::is_unfenced;

/// Implicit constraints, in resource order, recursively [AC-10.6] [CL-10] [PL-19] [OR-5].
pub fn implicit(_m: &mut Model) {}

/// Changes of the configuration against history [AC-6].
pub fn changes(_m: &mut Model) {}

/// Checks that needed the assignment [AC-6.6].
pub fn deferred_changes(_m: &mut Model) {}

/// Probes, node by node [AC-9].
pub fn probes(_m: &mut Model) {}

/// Clears fail counts of removed resources [AC-7.2].
pub fn removed_failcounts(_m: &mut Model) {}

/// Actions of each resource, in resource order [AC-10] [CL-9].
pub fn resources(_m: &mut Model) {}

/// Orderings for remote and guest nodes [AC-14].
pub fn remote_orderings(_m: &mut Model) {}

/// Fencing and shutdown, node by node [AC-15].
pub fn fencing_and_shutdown(_m: &mut Model) {}

/// The pseudo-action that has the maintenance state of remote nodes recorded [AC-16.4].
pub fn record_maintenance(m: &mut Model) {
    if !crate::graph::maintenance(m).is_empty() {
        let (a, _) = singleton(m, "maintenance_nodes");
        m[a].task = crate::model::Task::MaintenanceNodes;
        m[a].flags.insert(crate::model::ActionFlags::ALWAYS_IN_GRAPH);
    }
}
