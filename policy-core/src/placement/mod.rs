//! Scores, and which node each resource gets.
//!
//! The passes, in the order of a run: [`health`], then (while constraints are read) [`unpack_location`] and
//! [`unpack_colocation`], [`criteria`], and [`assign`]. Everything is written into the node tables and the `assigned`
//! fields of the model's resources; the score lines are recorded on the way, if they are wanted.

mod affects;
mod bundle;
mod chain;
mod clone;
pub mod colocations;
pub mod compatible;
mod criteria;
mod group;
pub mod hashing;
mod health;
mod instances;
mod locations;
pub mod look;
mod merge;
mod order;
mod primitive;
mod promotion;
mod read_colocation;
mod read_location;
mod scores;
mod utilization;
mod why;

pub(crate) use chain::Chains;
pub use criteria::{criteria, reached_threshold};
pub use health::health;
pub use primitive::{assign_to, unassign, unassign_fully};
pub use read_colocation::unpack_colocation;
pub use read_location::unpack_location;
pub(crate) use why::explained;

use crate::model::{Effort, Kind, Model, NodeIx, PlacementStrategy, ResourceFlags, ResourceIx};

/// Chooses nodes and promotes [PL-2.1].
pub fn assign(m: &mut Model) {
    if m.options.placement != PlacementStrategy::Default {
        order::sort_resources(m);
    }
    scores::print_capacity(m, "Original");
    let top = m.top.clone();
    let is_connection = |m: &Model, r: ResourceIx| m[r].is(ResourceFlags::REMOTE_CONNECTION);
    if m.has_remote_nodes {
        // Connections first, so that it is settled whether their nodes will be up.
        for &r in top.iter().filter(|&&r| is_connection(m, r)).collect::<Vec<_>>() {
            let preferred = m[r].partial_target;
            assign_resource(m, r, preferred, true);
        }
    }
    for &r in &top {
        if !(m.has_remote_nodes && is_connection(m, r)) {
            assign_resource(m, r, None, true);
        }
    }
    scores::print_capacity(m, "Remaining");
    chain::forget(m);
}

/// Assign(R, preferred, stop-if-fail): the node of a primitive or colocated group, if it got one [PL-15], [PL-18],
/// [CL-4.1], [CL-8.3].
fn assign_resource(m: &mut Model, r: ResourceIx, preferred: Option<NodeIx>, stop_if_fail: bool) -> Option<NodeIx> {
    if m.effort.assigning >= Effort::ASSIGNING {
        // As in a loop: whoever asked sees an unassigned resource, which gets its turn later.
        merge::tell_exhausted(m);
        return None;
    }
    m.effort.assigning += 1;
    let node = assign_kind(m, r, preferred, stop_if_fail);
    m.effort.assigning -= 1;
    node
}

fn assign_kind(m: &mut Model, r: ResourceIx, preferred: Option<NodeIx>, stop_if_fail: bool) -> Option<NodeIx> {
    match m[r].kind() {
        Kind::Primitive => primitive::assign_primitive(m, r, preferred, stop_if_fail),
        Kind::Group => group::assign_group(m, r, preferred, stop_if_fail),
        Kind::Clone => {
            clone::assign_clone(m, r, preferred, stop_if_fail);
            None
        }
        Kind::Bundle => {
            bundle::assign_bundle(m, r, stop_if_fail);
            None
        }
    }
}
