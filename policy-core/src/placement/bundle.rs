//! Assigning a bundle: containers, addresses, connections, children, roles [CL-8.3].

use super::assign_resource;
use super::clone::assign_clone;
use super::colocations;
use super::instances::{Limits, distribute, sort_for_assignment};
use super::scores::print_tree;
use crate::model::{Colocation, Model, NodeIx, Replica, ResourceFlags, ResourceIx, Score, sym};

/// Places everything in a bundle. There is no check whether that happened already (sic) [CL-8.6].
pub(super) fn assign_bundle(m: &mut Model, r: ResourceIx, stop_if_fail: bool) {
    let Some(bundle) = m[r].bundle() else { return };
    let (replicas, clone) = (bundle.replicas.clone(), bundle.clone);
    let limits =
        Limits { total: i32::try_from(replicas.len()).unwrap_or(i32::MAX), per_node: bundle.replicas_per_host };
    let outer = m[r].is(ResourceFlags::ASSIGNING);
    m[r].flags.insert(ResourceFlags::ASSIGNING);
    print_tree(m, "pcmk__bundle_assign", r);
    let mut containers: Vec<ResourceIx> = replicas.iter().map(|replica| replica.container).collect();
    sort_for_assignment(m, &mut containers);
    distribute(m, r, &containers, limits);
    for replica in &replicas {
        assign_parts(m, replica, clone, stop_if_fail);
    }
    if let Some(clone) = clone {
        let inside: Vec<NodeIx> = replicas.iter().filter_map(|replica| replica.node).collect();
        for (node, entry) in m[clone].table.iter_mut() {
            entry.score = if inside.contains(&node) { Score::ZERO } else { Score::NEG_INFINITY };
        }
        assign_clone(m, clone, None, stop_if_fail);
    }
    m[r].flags.set(ResourceFlags::ASSIGNING, outer);
    m[r].flags.remove(ResourceFlags::UNASSIGNED);
}

fn assign_parts(m: &mut Model, replica: &Replica, clone: Option<ResourceIx>, stop_if_fail: bool) {
    if let Some(ip) = replica.ip {
        assign_resource(m, ip, None, stop_if_fail);
    }
    if let Some(connection) = replica.connection {
        let host = m[replica.container].assigned.map(|assigned| assigned.node);
        if let Some(host_connection) = host.and_then(|host| m[host].connection) {
            // A connection cannot be nested in another one's node, so it runs where that one runs.
            let id = m.symbols.intern("#replica-remote-with-host-remote");
            colocations::insert(
                m,
                Colocation {
                    id,
                    dependent: connection,
                    primary: host_connection,
                    score: Score::INFINITY,
                    dependent_role: None,
                    primary_role: None,
                    node_attribute: sym::UNAME,
                    influence: true,
                    explicit: false,
                },
            );
        }
        assign_resource(m, connection, None, stop_if_fail);
    }
    if let (Some(child), Some(clone)) = (replica.child, clone) {
        assign_child(m, child, clone, replica.node, stop_if_fail);
    }
}

/// The child runs on its own bundle node or nowhere [CL-8.3] step 3c.
fn assign_child(m: &mut Model, child: ResourceIx, clone: ResourceIx, home: Option<NodeIx>, stop_if_fail: bool) {
    let failed = home.is_some_and(|home| super::reached_threshold(m, child, home).is_some());
    for (node, entry) in m[child].table.iter_mut() {
        if Some(node) != home {
            entry.score = Score::NEG_INFINITY;
        } else if !failed {
            entry.score = Score::INFINITY;
        }
    }
    let outer = m[clone].is(ResourceFlags::ASSIGNING);
    m[clone].flags.insert(ResourceFlags::ASSIGNING);
    assign_resource(m, child, home, stop_if_fail);
    m[clone].flags.set(ResourceFlags::ASSIGNING, outer);
}
