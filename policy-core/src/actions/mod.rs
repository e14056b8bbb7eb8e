//! Roles now and next to operations.

mod changes;
mod create;
mod fence;
mod implicit;
mod migrate;
mod operation;
mod probe;
mod recurring;
mod remote;
mod shutdown;
mod transition;
mod unfence;

use crate::model::Model;

pub use changes::{changes, deferred_changes, removed_failcounts};
pub use create::{
    create, create_op, create_pseudo, find_exact, find_loose, first, first_by_key, reason_softly, set_meta, singleton,
};
pub use fence::{Fencing, can_be_fenced, clear_failcount, fence, launcher, mark_for_fencing};
pub use implicit::{implicit, implicit_of};
pub use operation::{
    OnFail, failure_response, find as find_op, find_enabled as find_enabled_op, meta as op_meta,
    parameters as op_parameters,
};
pub use probe::{probe, probes};
pub use remote::remote_orderings;
pub use shutdown::fencing_and_shutdown;
pub use transition::{of, resources};
pub use unfence::is_unfenced;

/// The pseudo-action that has the maintenance state of remote nodes recorded [AC-16.4].
pub fn record_maintenance(m: &mut Model) {
    if !crate::graph::maintenance(m).is_empty() {
        let (a, _) = singleton(m, "maintenance_nodes");
        m[a].task = crate::model::Task::MaintenanceNodes;
        m[a].flags.insert(crate::model::ActionFlags::ALWAYS_IN_GRAPH);
    }
}
