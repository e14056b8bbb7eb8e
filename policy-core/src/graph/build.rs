//! From actions to synapses, in the order of the graph `[OR-8]`.

use super::keep::{enters, keeps};
use super::{Graph, Header, Synapse, attributes, element};
use crate::collectives;
use crate::model::{ActionFlags, ActionIx, Input, Kind, Model, ResourceIx};
use crate::{actions, ordering};

/// Makes the graph from the actions `[OR-8.2]`.
pub fn build(m: &mut Model) -> Graph {
    let mut builder = Builder { graph: Graph { header: header(m), synapses: Vec::new() } };
    for at in 0..m.top.len() {
        let r = m.top[at];
        builder.resource(m, r);
    }
    actions::record_maintenance(m);
    for at in (0..m.actions.len()).rev() {
        builder.visit(m, ActionIx::new(at));
    }
    builder.graph.header.recheck_by = (m.recheck_by > 0).then_some(m.recheck_by);
    builder.graph
}

fn header(m: &Model) -> Header {
    let o = &m.options;
    let limit = m.text(o.migration_limit);
    let positive = cib_core::rules::parse_integer(limit).is_some_and(|n| n > 0);
    let failed_start = if o.start_failure_is_fatal { "INFINITY" } else { "1" };
    Header {
        cluster_delay: m.text(o.cluster_delay).to_owned(),
        fencing_timeout: m.text(o.fencing_timeout).to_owned(),
        failed_start_offset: failed_start.to_owned(),
        batch_limit: m.text(o.batch_limit).to_owned(),
        migration_limit: positive.then(|| limit.to_owned()),
        ..Header::default()
    }
}

struct Builder {
    graph: Graph,
}

impl Builder {
    /// A resource's actions and those below it, by variant `[OR-8.2]`.
    fn resource(&mut self, m: &mut Model, r: ResourceIx) {
        match m[r].kind() {
            Kind::Primitive => self.own(m, r),
            Kind::Group => {
                self.own(m, r);
                for child in m[r].children.clone() {
                    self.resource(m, child);
                }
            }
            Kind::Clone => {
                for at in (0..m[r].actions.len()).rev() {
                    let a = m[r].actions[at];
                    ordering::recompute(m, a, r, None, &mut smallvec::SmallVec::new());
                }
                collectives::create_notifications(m, r);
                for child in m[r].children.clone() {
                    self.resource(m, child);
                }
                self.own(m, r);
            }
            Kind::Bundle => {
                let Some(bundle) = m[r].bundle().cloned() else { return };
                if let Some(clone) = bundle.clone {
                    self.resource(m, clone);
                }
                for replica in &bundle.replicas {
                    for part in [replica.ip, Some(replica.container), replica.connection].into_iter().flatten() {
                        self.own(m, part);
                    }
                }
            }
        }
    }

    /// A resource's own actions, newest first.
    fn own(&mut self, m: &mut Model, r: ResourceIx) {
        for at in (0..m[r].actions.len()).rev() {
            let a = m[r].actions[at];
            self.visit(m, a);
        }
    }

    /// Merges an action's inputs, and gives it a synapse if it enters `[OR-8.3]`.
    fn visit(&mut self, m: &mut Model, a: ActionIx) {
        merge_inputs(m, a);
        if m[a].flags.has(ActionFlags::IN_GRAPH) || !enters(m, a) {
            return;
        }
        m[a].flags.insert(ActionFlags::IN_GRAPH);
        let action = attributes::action(m, a);
        let mut inputs = Vec::new();
        for at in 0..m[a].before.len() {
            if keeps(m, a, at) {
                m[a].before[at].graphed = true;
                let first = m[a].before[at].first;
                inputs.push(element::element(m, first));
            }
        }
        let resource = m[a].resource.map_or(0, |r| m[r].priority);
        let id = u32::try_from(self.graph.synapses.len()).unwrap_or(u32::MAX);
        self.graph.synapses.push(Synapse { id, priority: resource.max(m[a].priority), action, inputs });
    }
}

/// Inputs by ascending action id, one for each action with all its kinds `[OR-8.5]`. Afterwards the list is read forwards.
fn merge_inputs(m: &mut Model, a: ActionIx) {
    if m[a].flags.has(ActionFlags::DEDUPLICATED) {
        return;
    }
    m[a].flags.insert(ActionFlags::DEDUPLICATED);
    let inputs = &mut m[a].before;
    inputs.reverse();
    inputs.sort_by_key(|input| input.first);
    inputs.dedup_by(|later, kept: &mut Input| {
        if later.first != kept.first {
            return false;
        }
        kept.kinds.insert(later.kinds);
        true
    });
}
