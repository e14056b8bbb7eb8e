//! Where resources are active [ST-13].

use crate::model::{Kind, Model, MultipleActive, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Role, Score};

/// Adds a node to the active nodes of a resource [ST-13.1].
pub(super) fn add(m: &mut Model, r: ResourceIx, node: NodeIx, failed: bool) {
    if m[r].active.contains(&node) {
        return;
    }
    m[r].active.push(node);
    if m[r].is_primitive() {
        m[node].active.push(r);
        add_priority(m, r, node, failed);
        if m[node].is(NodeFlags::MAINTENANCE) {
            m[r].flags.remove(ResourceFlags::MANAGED);
            m[r].flags.insert(ResourceFlags::MAINTENANCE);
        }
    }
    if !m[r].is(ResourceFlags::MANAGED) {
        m.trace(r, |m| format!("{} on {}: active there and not managed", Score::INFINITY, m.node_name(node)));
        m.adjust(r, Some(node), Score::INFINITY);
        let mut at = m[r].parent;
        while let Some(parent) = at {
            m[parent].active.push(node);
            at = m[parent].parent;
        }
        return;
    }
    if m[r].is_primitive() && m.active_count(r) > 1 {
        multiply_active(m, r);
    }
    if let Some(parent) = m[r].parent {
        add(m, parent, node, false);
    }
}

fn multiply_active(m: &mut Model, r: ResourceIx) {
    match m[r].multiple_active {
        MultipleActive::StopOnly => m.ban_everywhere(r),
        MultipleActive::Block => {
            block(m, r);
            let parent = m[r].parent.filter(|&p| {
                matches!(m[p].kind(), Kind::Group | Kind::Bundle) && m[p].multiple_active == MultipleActive::Block
            });
            if let Some(parent) = parent {
                for at in 0..m[parent].children.len() {
                    let child = m[parent].children[at];
                    block(m, child);
                }
            }
        }
        MultipleActive::StopStart | MultipleActive::StopUnexpected => {}
    }
}

fn block(m: &mut Model, r: ResourceIx) {
    m[r].flags.remove(ResourceFlags::MANAGED);
    m[r].flags.insert(ResourceFlags::BLOCKED);
}

/// [ST-13.2]
fn add_priority(m: &mut Model, r: ResourceIx, node: NodeIx, failed: bool) {
    if m[r].priority == 0 || failed {
        return;
    }
    let priority = m[r].priority.saturating_add(i32::from(m[r].role == Role::Promoted));
    m[node].priority = m[node].priority.saturating_add(priority);
    let launcher = m[node].connection.filter(|_| m[node].is_guest()).and_then(|c| m[c].launcher);
    if let Some(launcher) = launcher {
        for host in m[launcher].active.clone() {
            m[host].priority = m[host].priority.saturating_add(priority);
        }
    }
}
