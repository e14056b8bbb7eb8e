//! A node that the CIB calls a member of the join has confirmed the latest join in which it took part ([CT-12.1] I6).

use super::NodeIx;
use super::host::Host;
use policy_core::controller::State;

/// When each coordinator was looked at last.
#[derive(Debug, Default)]
pub(super) struct Joins {
    changes: Vec<u64>,
}

impl Joins {
    pub(super) fn new(nodes: usize) -> Self {
        Joins { changes: vec![u64::MAX; nodes] }
    }

    /// After every input to a node that coordinates and works, in a ring that is stable: a node of its group that its CIB calls a
    /// member without reason. While offers are out, what the CIB says is that of the join before.
    pub(super) fn look(&mut self, hosts: &[Host], at: NodeIx, settled: impl Fn(NodeIx) -> bool) -> Option<String> {
        let dc = hosts[at].node().filter(|n| n.is_dc())?;
        if !matches!(dc.state(), State::PolicyEngine | State::TransitionEngine | State::Idle) || !settled(at) {
            return None;
        }
        if std::mem::replace(&mut self.changes[at], dc.cib_changes()) == dc.cib_changes() {
            return None;
        }
        let cib = dc.cib();
        let states = cib.path(cib.root(), &["status"]).into_iter().flat_map(|s| cib.children_named(s, "node_state"));
        for name in states.filter(|&n| cib.attr(n, "join") == Some("member")).filter_map(|n| cib.attr(n, "uname")) {
            let Some(other) = hosts.iter().position(|h| h.name == name) else { continue };
            let Some(node) = hosts[other].node() else { continue };
            if !settled(other)
                || hosts[other].paused.is_some()
                || (node.ring(), node.group()) != (dc.ring(), dc.group())
            {
                continue;
            }
            let status = node.status().controller;
            // Who has just come back took part in none yet: until it is asked to, the CIB keeps what the join before its loss said.
            if status.join_asked.is_some() && status.join_asked != status.join_confirmed {
                let (asked, confirmed) = (status.join_asked, status.join_confirmed);
                return Some(format!(
                    "{} calls {name} a member, which asked to join (coordinator, round) {asked:?} and confirmed {confirmed:?}",
                    hosts[at].name
                ));
            }
        }
        None
    }
}
