//! Who must be fenced, who can be, and the action that does it `[AC-13.1]` to `[AC-13.5]`.

use super::create::{by_name, create_op, reason_softly, set_meta};
use super::operation::seconds;
use super::unfence;
use crate::model::{
    ActionFlags, ActionIx, Kinds, Level, Model, NodeFlags, NodeIx, NodeKind, QuorumPolicy, ResourceFlags, ResourceIx,
    Symbol, Task, sym,
};

/// What a fencing action is asked for with.
#[derive(Clone, Copy, Default, Debug)]
pub struct Fencing<'a> {
    /// `on`, `off` or `reboot`; the option `fencing-action` if none.
    pub operation: Option<Symbol>,
    /// It has to be done.
    pub required: bool,
    /// Why, unless there is a reason already.
    pub reason: Option<&'a str>,
    /// Consider the option `priority-fencing-delay`.
    pub priority_delay: bool,
}

/// Marks a node for fencing, or recovers the guest or connection that stands for it `[AC-13.1]`.
pub fn mark_for_fencing(m: &mut Model, node: NodeIx, reason: &str, priority_delay: bool) {
    if m[node].is_guest() {
        recover_guest(m, node, reason);
    } else if m.is_dangling_guest(node) {
        if let Some(connection) = m[node].connection {
            m[connection].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
        }
    } else if m[node].is_remote() {
        mark_remote(m, node, reason);
    } else if !m[node].unclean() {
        warn(m, "Cluster", node, reason);
        m[node].flags.insert(NodeFlags::UNCLEAN);
        fence(m, node, Fencing { reason: Some(reason), priority_delay, ..Fencing::default() });
    }
}

fn warn(m: &mut Model, kind: &str, node: NodeIx, reason: &str) {
    let what = if can_be_fenced(m, node) { "will be fenced" } else { "is unclean" };
    m.tell(Level::Warning, format!("{kind} node {} {what}: {reason}", m.node_name(node)));
}

fn recover_guest(m: &mut Model, node: NodeIx, reason: &str) {
    let Some(launcher) = launcher(m, node) else { return };
    if m[launcher].is(ResourceFlags::FAILED) {
        return;
    }
    let (name, by) = (m.node_name(node).to_owned(), m.id(launcher).to_owned());
    if !m[launcher].is(ResourceFlags::MANAGED) {
        let text = format!(
            "Not fencing guest node {name} (otherwise would because {reason}): its guest resource {by} is unmanaged"
        );
        m.tell(Level::Notice, text);
        return;
    }
    let text = format!("Guest node {name} will be fenced (by recovering its guest resource {by}): {reason}");
    m.tell(Level::Warning, text);
    m[node].flags.insert(NodeFlags::REMOTE_RESET);
    m[launcher].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
}

fn mark_remote(m: &mut Model, node: NodeIx, reason: &str) {
    let unmanaged = m[node].connection.is_some_and(|c| !m[c].is(ResourceFlags::MANAGED));
    if unmanaged {
        let text = format!(
            "Not fencing remote node {} (otherwise would because {reason}): connection is unmanaged",
            m.node_name(node)
        );
        m.tell(Level::Notice, text);
    } else if !m[node].is(NodeFlags::REMOTE_RESET) {
        m[node].flags.insert(NodeFlags::REMOTE_RESET);
        warn(m, "Remote", node, reason);
    }
    m[node].flags.insert(NodeFlags::UNCLEAN);
    fence(m, node, Fencing { reason: Some(reason), ..Fencing::default() });
}

/// The resource that starts a guest node.
#[must_use]
pub fn launcher(m: &Model, node: NodeIx) -> Option<ResourceIx> {
    m[m[node].connection?].launcher
}

/// Whether there is a way to fence the node now `[AC-13.3]`.
#[must_use]
pub fn can_be_fenced(m: &Model, node: NodeIx) -> bool {
    can_be_fenced_within(m, node, NESTING)
}

/// How deep guests on guests are followed; more than one level is not supported anyway.
const NESTING: usize = 4;

fn can_be_fenced_within(m: &Model, node: NodeIx, depth: usize) -> bool {
    if m[node].is_guest() {
        let hosts = launcher(m, node).map_or(&[][..], |launcher| &m[launcher].active);
        return hosts.iter().all(|&host| m[host].online() || (depth > 0 && can_be_fenced_within(m, host, depth - 1)));
    }
    if !m.options.fencing_enabled || !m.has_fence_device {
        return false;
    }
    if m.quorate || m.options.no_quorum_policy == QuorumPolicy::Ignore {
        return true;
    }
    m[node].online() && (m.options.fence_remote_without_quorum || !may_be_active_elsewhere(m, node))
}

/// Whether a remote node's connection may be up on a node that this partition does not see.
fn may_be_active_elsewhere(m: &Model, node: NodeIx) -> bool {
    m[node].kind == NodeKind::Remote
        && m[node].connection.is_some_and(|c| m[c].table.iter().any(|(allowed, _)| !m[allowed].online()))
}

/// Creates or reuses the fencing action of a node `[AC-13.4]`.
pub fn fence(m: &mut Model, node: NodeIx, fencing: Fencing<'_>) -> ActionIx {
    let operation = fencing.operation.unwrap_or(m.options.fencing_action);
    let key = format!("stonith-{}-{}", m.node_name(node), m.text(operation));
    let key = m.symbols.intern(&key);
    let (a, new) = by_name(m, key, Task::Stonith);
    let mut required = fencing.required;
    if new {
        m[a].node = Some(node);
        m[a].flags.insert(ActionFlags::OPTIONAL);
        let (name, id) = (m[node].name, m[node].id);
        let meta = [("on_node", name), ("on_node_uuid", id), ("stonith_action", operation)];
        for (meta, value) in meta {
            let meta = m.symbols.intern(meta);
            m[a].meta.set(meta, value);
        }
        if m.unfencing {
            required |= unfence::add_digests(m, a, node);
        }
    }
    let delay = m.symbols.intern("priority-fencing-delay");
    if m.options.priority_fencing_delay_ms > 0 && (fencing.priority_delay || m[a].meta.contains(delay)) {
        let seconds = priority_delay(m, node).to_string();
        set_meta(m, a, "priority-fencing-delay", &seconds);
    }
    if required && can_be_fenced(m, node) {
        m[a].flags.remove(ActionFlags::OPTIONAL);
    }
    if let Some(reason) = fencing.reason {
        reason_softly(m, a, reason);
    }
    a
}

/// How long to wait before fencing the node of the highest priority in an even split, so that it may win, in seconds `[AC-13.5]`.
fn priority_delay(m: &Model, node: NodeIx) -> i64 {
    if m[node].is_remote_type() || m[node].online() {
        return 0;
    }
    let cluster = m.nodes.iter().filter(|n| !n.is_remote_type());
    let (mut count, mut online, mut lowest, mut highest) = (0usize, 0usize, i32::MAX, i32::MIN);
    for n in cluster {
        count += 1;
        online += usize::from(n.online());
        lowest = lowest.min(n.priority);
        highest = highest.max(n.priority);
    }
    if online > count / 2 || lowest == highest || m[node].priority < highest {
        return 0;
    }
    seconds(m.options.priority_fencing_delay_ms)
}

/// Requests that a fail count be cleared `[AC-7.1]`; `from_history` while an entry of the history is being read.
pub fn clear_failcount(m: &mut Model, r: ResourceIx, node: NodeIx, from_history: bool) -> ActionIx {
    let a = create_op(m, r, Task::ClearFailcount, Some(node), false);
    let (name, value) = (sym::OP_NO_WAIT, sym::TRUE);
    m[a].meta.set(name, value);
    if from_history
        && m[r].reconnect_interval_ms > 0
        && m.options.fencing_enabled
        && let Some(remote) = m.node(m.id(r))
    {
        let fencing = fence(m, remote, Fencing::default());
        m.relate(fencing, a, Kinds::FIRST_IMPLIES_THEN);
    }
    a
}
