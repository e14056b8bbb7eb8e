//! `start` is never asked of a node whose shutdown request the coordinator has seen, nor of one that it has seen in standby
//! ([CT-12.1] I3).

use super::NodeIx;
use super::host::Host;
use cib_core::xml::Document;
use policy_core::controller::Event;
use std::collections::BTreeSet;

/// What each coordinator has seen.
#[derive(Debug, Default)]
pub(super) struct Starts {
    seen: Vec<Seen>,
}

/// What one node has seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Who asked it to leave.
    leaving: BTreeSet<String>,
    /// Who is in standby in its copy of the CIB, as it was before the present input.
    standby: BTreeSet<String>,
    changes: u64,
    /// Nodes in standby that were asked to start something, unless the present input has told that they are no longer.
    asked: Vec<(String, String)>,
}

impl Starts {
    pub(super) fn new(nodes: usize) -> Self {
        Starts { seen: vec![Seen::default(); nodes] }
    }

    /// A machine's software has ended.
    pub(super) fn down(&mut self, at: NodeIx, machine: &str) {
        self.seen[at] = Seen::default();
        for seen in &mut self.seen {
            seen.leaving.remove(machine);
        }
    }

    /// A line of a controller; what is wrong with it.
    pub(super) fn hear(&mut self, at: NodeIx, me: &str, event: &Event) -> Option<String> {
        match event {
            Event::ShutdownAsked { node } => {
                self.seen[at].leaving.insert(node.clone());
                None
            }
            Event::Initiating { task, operation_key, node, .. } if task == "start" => {
                let seen = &mut self.seen[at];
                if seen.standby.contains(node) {
                    seen.asked.push((node.clone(), operation_key.clone()));
                }
                let leaves = seen.leaving.contains(node);
                leaves.then(|| format!("{me} asks {node} for {operation_key}, which has asked to leave"))
            }
            _ => None,
        }
    }

    /// After every input to a node; what was wrong with what it asked for.
    pub(super) fn look(&mut self, hosts: &[Host], at: NodeIx) -> Option<String> {
        let node = hosts[at].node().filter(|n| n.is_dc())?;
        let seen = &mut self.seen[at];
        if std::mem::replace(&mut seen.changes, node.cib_changes()) != node.cib_changes() {
            seen.standby = in_standby(node.cib());
        }
        let asked = std::mem::take(&mut seen.asked);
        let (name, key) = asked.into_iter().find(|(name, _)| seen.standby.contains(name))?;
        Some(format!("{} asks {name} for {key}, which is in standby", hosts[at].name))
    }
}

/// Names of the nodes with the attribute `standby`, in `nodes` or in `status`.
fn in_standby(cib: &Document) -> BTreeSet<String> {
    let configured = cib.path(cib.root(), &["configuration", "nodes"]);
    let transient = cib.path(cib.root(), &["status"]);
    let mut found = BTreeSet::new();
    for node in configured.into_iter().chain(transient).flat_map(|top| cib.children(top)) {
        let sets = match cib.name(node) {
            "node_state" => cib.child(node, "transient_attributes"),
            _ => Some(node),
        };
        let mut pairs = sets
            .into_iter()
            .flat_map(|s| cib.children_named(s, "instance_attributes"))
            .flat_map(|s| cib.children_named(s, "nvpair"));
        let set =
            pairs.any(|p| cib.attr(p, "name") == Some("standby") && cib_core::rules::is_true(cib.attr(p, "value")));
        if let (true, Some(name)) = (set, cib.attr(node, "uname")) {
            found.insert(name.to_owned());
        }
    }
    found
}
