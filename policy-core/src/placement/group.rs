//! Assigning a group [PL-18].

use super::assign_resource;
use super::scores::print_tree;
use crate::model::{Model, NodeIx, ResourceFlags, ResourceIx};

/// Assigns all members of a group, in order [PL-18.2]. Returns the first node that a member of a colocated group got.
pub(super) fn assign_group(
    m: &mut Model,
    r: ResourceIx,
    preferred: Option<NodeIx>,
    stop_if_fail: bool,
) -> Option<NodeIx> {
    if !m[r].is(ResourceFlags::UNASSIGNED) || m[r].is(ResourceFlags::ASSIGNING) {
        return None;
    }
    let Some(&first) = m[r].children.first() else {
        m[r].flags.remove(ResourceFlags::UNASSIGNED);
        return None;
    };
    m[r].flags.insert(ResourceFlags::ASSIGNING);
    m[r].role = m[first].role;
    print_tree(m, "pcmk__group_assign", r);
    let mut found = None;
    for at in 0..m[r].children.len() {
        let member = m[r].children[at];
        found = found.or(assign_resource(m, member, preferred, stop_if_fail));
    }
    m[r].next_role = m[first].next_role;
    m[r].flags.remove(ResourceFlags::ASSIGNING | ResourceFlags::UNASSIGNED);
    found.filter(|_| m[r].group().is_some_and(|group| group.colocated))
}
