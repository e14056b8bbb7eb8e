//! Assigning a clone [CL-4.1].

use super::assign_resource;
use super::instances::{Limits, distribute, sort_for_assignment};
use super::merge::incorporate;
use super::promotion::{add_promotion_scores, choose_roles};
use super::scores::print_tree;
use crate::model::{Model, NodeIx, ResourceFlags, ResourceIx};

/// Places the instances of a clone and, if it is promotable, chooses their roles.
pub(super) fn assign_clone(m: &mut Model, r: ResourceIx, preferred: Option<NodeIx>, stop_if_fail: bool) {
    if !m[r].is(ResourceFlags::UNASSIGNED) || m[r].is(ResourceFlags::ASSIGNING) {
        return;
    }
    let Some(clone) = m[r].clone_state() else { return };
    let limits = Limits { total: clone.clone_max, per_node: clone.clone_node_max };
    let promotable = m[r].is(ResourceFlags::PROMOTABLE);
    m[r].flags.insert(ResourceFlags::ASSIGNING);
    if promotable {
        add_promotion_scores(m, r);
    }
    for at in 0..m[r].this_with.len() {
        let c = m[r].this_with[at];
        let primary = m[c].primary;
        assign_resource(m, primary, preferred, stop_if_fail);
    }
    for c in m[r].with_this.clone() {
        incorporate(m, c, r);
    }
    print_tree(m, "pcmk__clone_assign", r);
    let mut instances = m[r].children.clone();
    sort_for_assignment(m, &mut instances);
    m[r].children.clone_from(&instances);
    distribute(m, r, &instances, limits);
    if promotable {
        choose_roles(m, r);
    }
    m[r].flags.remove(ResourceFlags::UNASSIGNED | ResourceFlags::ASSIGNING);
}
