//! Recurring operations: planned, cancelled, issued again `[AC-11]`.

use super::create::{create, create_op, find_exact, find_loose, set_meta};
use super::operation::find_enabled;
use super::unfence;
use crate::model::{
    ActionFlags, ActionIx, ActionKey, Kinds, Level, Model, NodeFlags, NodeIx, OpIx, ResourceFlags, ResourceIx, Role,
    Task, sym,
};
use crate::ordering::order;

/// Plans the recurring operations of a primitive `[AC-11.2]`.
pub(super) fn plan(m: &mut Model, r: ResourceIx) {
    if m[r].flags.any(ResourceFlags::BLOCKED | ResourceFlags::MAINTENANCE) {
        return;
    }
    let wanted = m[r].next_role != Role::Stopped || !m[r].is(ResourceFlags::MANAGED);
    let node = m[r].assigned_node().filter(|&node| wanted && !m[node].is(NodeFlags::MAINTENANCE));
    let start = node.map(|node| create_op(m, r, Task::Start, Some(node), true));
    for op in m[r].ops() {
        let Some(role) = qualifies(m, r, op) else { continue };
        if role == Role::Stopped {
            plan_for_stopped(m, r, op);
        } else if let Some(start) = start {
            plan_for_active(m, r, op, role, start);
        }
    }
}

/// The role that a recurring operation is for, Unknown without one; none if the operation is not to be planned `[AC-11.2]`.
fn qualifies(m: &mut Model, r: ResourceIx, op: OpIx) -> Option<Role> {
    let (name, interval, id) = (m[op].name, m[op].interval_ms, m[op].id);
    if interval == 0 || id == sym::EMPTY {
        return None;
    }
    let once = matches!(
        name,
        Task::Stop
            | Task::Start
            | Task::Demote
            | Task::Promote
            | Task::ReloadAgent
            | Task::MigrateTo
            | Task::MigrateFrom
    );
    if once {
        let text = format!("Ignoring {} because {} action cannot be recurring", m.text(id), name.text(&m.symbols));
        m.config_error(text);
        return None;
    }
    let mut same = m[r].ops().filter(|&o| m[o].name == name && m[o].interval_ms == interval && m[o].id != sym::EMPTY);
    let first = same.next();
    if let Some(second) = same.next() {
        if Some(op) != first {
            return None;
        }
        let text = format!(
            "Operation {} is duplicate of {} (do not use same name and interval combination more than once per resource)",
            m.text(m[second].id),
            m.text(id)
        );
        m.config_error(text);
        return None;
    }
    let role = match m[op].role {
        None => Role::Unknown,
        Some(text) => match Role::parse(m.text(text)) {
            Some(role) => role,
            None => {
                let text = format!("Ignoring {} role because {} is not a valid role", m.text(id), m.text(text));
                m.config_error(text);
                return None;
            }
        },
    };
    find_enabled(m, r, name, interval).map(|_| role)
}

fn key_of(m: &Model, op: OpIx) -> ActionKey {
    ActionKey::Op { task: m[op].name, interval_ms: m[op].interval_ms }
}

/// A monitor for an active role, on the assigned node `[AC-11.3]`.
fn plan_for_active(m: &mut Model, r: ResourceIx, op: OpIx, role: Role, start: ActionIx) {
    let Some(node) = m[r].assigned_node() else { return };
    let (key, name) = (key_of(m, op), m[op].name);
    let active: Vec<ActionIx> = find_exact(m, r, key, Some(node)).collect();
    let optional =
        m[start].optional() && !active.is_empty() && active.iter().all(|&a| !m[a].flags.has(ActionFlags::RESCHEDULE));
    let next = m[r].next_role;
    let matches = if role == Role::Unknown { next != Role::Promoted } else { role == next };
    if !matches {
        if optional {
            cancel_for_role(m, r, op, node);
        }
        return;
    }
    let monitor = create(m, r, key, name, Some(node), optional);
    if !m[start].runnable() || !m[node].online() || m[node].unclean() {
        m[monitor].flags.remove(ActionFlags::RUNNABLE);
    }
    if next == Role::Promoted {
        set_meta(m, monitor, "op_target_rc", "8");
    }
    if !m[r].is(ResourceFlags::MANAGED) {
        return;
    }
    let follows = Kinds::FIRST_IMPLIES_THEN | Kinds::BLOCKS;
    order(m, (r, Task::Start), monitor, follows);
    order(m, (r, Task::ReloadAgent), monitor, follows);
    if next == Role::Promoted {
        order(m, (r, Task::Promote), monitor, Kinds::ORDERED | Kinds::BLOCKS);
    } else if m[r].role == Role::Promoted {
        order(m, (r, Task::Demote), monitor, Kinds::ORDERED | Kinds::BLOCKS);
    }
}

/// A running monitor of another role ends before the role changes.
fn cancel_for_role(m: &mut Model, r: ResourceIx, op: OpIx, node: NodeIx) {
    let cancel = cancel(m, r, m[op].name, m[op].interval_ms, node);
    let then = match (m[r].role, m[r].next_role) {
        (Role::Unpromoted | Role::Started, Role::Promoted) => Task::Promote,
        (Role::Unpromoted | Role::Started, Role::Stopped) => Task::Stop,
        (Role::Promoted, _) => Task::Demote,
        _ => return,
    };
    order(m, cancel, (r, then), Kinds::BLOCKS);
}

/// A monitor that checks that the resource is not active, everywhere but where it shall be `[AC-11.4]`.
fn plan_for_stopped(m: &mut Model, r: ResourceIx, op: OpIx) {
    if m.is_anonymous(r) {
        let text = format!(
            "Ignoring {} because recurring monitors for the Stopped role are not supported for anonymous clones",
            m.text(m[op].id)
        );
        m.tell(Level::Notice, text);
        return;
    }
    let (key, name) = (key_of(m, op), m[op].name);
    let assigned = m[r].assigned_node();
    for node in m.nodes_in_order() {
        let active = find_exact(m, r, key, Some(node)).next().is_some();
        let same = assigned.is_some_and(|n| m.node_name(n).eq_ignore_ascii_case(m.node_name(node)));
        if same {
            if active {
                let cancel = cancel(m, r, name, m[op].interval_ms, node);
                if matches!(m[r].next_role, Role::Started | Role::Unpromoted) {
                    order(m, cancel, (r, Task::Start), Kinds::BLOCKS);
                }
            }
            continue;
        }
        let monitor = create(m, r, key, name, Some(node), active);
        set_meta(m, monitor, "op_target_rc", "7");
        let managed = m[r].is(ResourceFlags::MANAGED);
        if managed {
            for probe in find_loose(m, r, ActionKey::of(Task::Monitor), Some(node)) {
                m.relate(probe, monitor, Kinds::BLOCKS);
            }
        }
        let stops: Vec<ActionIx> = find_exact(m, r, ActionKey::of(Task::Stop), Some(node)).collect();
        for stop in stops {
            if !managed && m[stop].required() && m[monitor].required() {
                m[monitor].flags.insert(ActionFlags::OPTIONAL);
            }
            if !m[stop].runnable() {
                m[monitor].flags.remove(ActionFlags::RUNNABLE);
            }
            if managed {
                order(m, stop, monitor, Kinds::FIRST_IMPLIES_THEN | Kinds::BLOCKS);
            }
        }
        if !m[node].online() || m[node].unclean() {
            m[monitor].flags.remove(ActionFlags::RUNNABLE);
        }
    }
}

/// Creates the action that ends a recurring operation; the operation's own action becomes it `[AC-11.5]`.
pub(super) fn cancel(m: &mut Model, r: ResourceIx, name: Task, interval_ms: u32, node: NodeIx) -> ActionIx {
    let key = ActionKey::Op { task: name, interval_ms };
    let cancel = create(m, r, key, Task::Cancel, Some(node), false);
    m[cancel].task = Task::Cancel;
    m[cancel].cancelled = Some(name);
    let operation = m.symbols.intern("operation");
    m[cancel].meta.set(operation, name.symbol());
    set_meta(m, cancel, "interval", &interval_ms.to_string());
    cancel
}

/// Ends a recurring operation that history knows by its call id `[AC-11.5]`. Of several entries for it, the oldest tells the id, as
/// `crm_simulate` 2.1.5 has it.
pub(super) fn cancel_call(m: &mut Model, r: ResourceIx, name: Task, interval_ms: u32, node: NodeIx, call_id: &str) {
    let cancel = cancel(m, r, name, interval_ms, node);
    let (name, value) = (m.symbols.intern("call-id"), m.symbols.intern(call_id));
    m[cancel].meta.set_if_absent(name, value);
    order(m, (r, Task::Stop), cancel, Kinds::ORDERED);
}

/// Marks an active recurring operation to be issued again `[AC-11.6]`.
pub(super) fn reschedule(m: &mut Model, r: ResourceIx, name: Task, interval_ms: u32, node: NodeIx) {
    unfence::trigger(m, Some(r), node, Some("Device parameters changed (reschedule)"));
    let key = ActionKey::Op { task: name, interval_ms };
    let a = create(m, r, key, name, Some(node), true);
    m[a].flags.insert(ActionFlags::RESCHEDULE);
}
