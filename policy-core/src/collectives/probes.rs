//! Probing collectives [CL-15].

use super::orderings::sort_by_number;
use crate::actions::{self, first_by_key};
use crate::model::{ActionKey, Kind, Kinds, Model, NodeIx, ProbeMode, ResourceFlags, ResourceIx, Task};
use crate::ordering::order;

/// Probes a group, clone or bundle on a node; whether any probe was created [CL-15].
pub fn probe(m: &mut Model, r: ResourceIx, node: NodeIx) -> bool {
    match m[r].kind() {
        Kind::Primitive => false,
        Kind::Group => {
            let mut any = false;
            for member in m[r].children.clone() {
                any |= actions::probe(m, member, node);
            }
            any
        }
        Kind::Clone => probe_clone(m, r, node),
        Kind::Bundle => probe_bundle(m, r, node),
    }
}

/// All instances of a unique clone, one of an anonymous one [CL-15.1].
fn probe_clone(m: &mut Model, c: ResourceIx, node: NodeIx) -> bool {
    if m[c].is(ResourceFlags::EXCLUSIVE_PROBES) {
        let exclusive = m[c].table.get(node).is_some_and(|entry| entry.probe == ProbeMode::Exclusive);
        if !exclusive {
            m[c].table.remove(node);
            return false;
        }
    }
    sort_by_number(m, c);
    let instances = m[c].children.clone();
    if m[c].is(ResourceFlags::UNIQUE) {
        let mut any = false;
        for instance in instances {
            any |= actions::probe(m, instance, node);
        }
        return any;
    }
    let known = |&&i: &&ResourceIx| m.leaves(i).into_iter().any(|leaf| m[leaf].known.contains(node));
    let assigned = |&&i: &&ResourceIx| m.assigned_location(i) == Some(node);
    let chosen = instances
        .iter()
        .find(|i| known(i))
        .or_else(|| instances.iter().find(|i| assigned(i)))
        .or_else(|| instances.first())
        .copied();
    chosen.is_some_and(|instance| actions::probe(m, instance, node))
}

/// Each replica's parts; the child on its bundle node only [CL-15.3].
fn probe_bundle(m: &mut Model, b: ResourceIx, node: NodeIx) -> bool {
    let Some(state) = m[b].bundle() else { return false };
    let (replicas, per_host) = (state.replicas.clone(), state.replicas_per_host);
    let mut any = false;
    for replica in &replicas {
        if let Some(ip) = replica.ip {
            any |= actions::probe(m, ip, node);
        }
        if let Some(child) = replica.child.filter(|_| replica.node == Some(node)) {
            any |= actions::probe(m, child, node);
        }
        if actions::probe(m, replica.container, node) {
            any = true;
            if per_host == 1 {
                for other in replicas.iter().filter(|other| other.number != replica.number) {
                    let (this, that) = (replica.container, other.container);
                    order(m, (this, Task::Monitor), (that, Task::Start), Kinds::ORDERED | Kinds::ONLY_SAME_NODE);
                }
            }
        }
        if let Some(connection) = replica.connection
            && actions::probe(m, connection, node)
        {
            any = true;
            let probe = first_by_key(m, connection, ActionKey::of(Task::Monitor), Some(node));
            if let Some(probe) = probe {
                order(m, (replica.container, Task::Start), probe, Kinds::NESTED_PROBE);
            }
        }
    }
    any
}
