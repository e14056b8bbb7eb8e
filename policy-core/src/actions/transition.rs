//! From the role that a primitive has to the role that it shall have `[AC-10]`.

use super::create::{create_op, find_exact};
use super::{migrate, recurring, unfence};
use crate::collectives;
use crate::model::{
    ActionFlags, ActionKey, Kinds, Level, Model, MultipleActive, NodeIx, ResourceFlags, ResourceIx, Role, Task,
};

/// Actions of all resources, in resource order `[AC-10]` `[CL-9]`.
pub fn resources(m: &mut Model) {
    for r in m.top.clone() {
        of(m, r);
    }
}

/// Actions of a resource and all below it.
pub fn of(m: &mut Model, r: ResourceIx) {
    if m[r].is_primitive() { transition(m, r) } else { collectives::actions(m, r) }
}

/// What one step of a role transition does `[AC-10.1]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Nothing,
    Stop,
    Start,
    Promote,
    Demote,
}

/// The next role on the way, and what leads to it; none if there is no way.
fn step(from: Role, to: Role) -> Option<(Role, Step)> {
    use Role::{Promoted, Started, Stopped, Unknown, Unpromoted};
    if to == Unknown {
        return None;
    }
    Some(match (from, to) {
        (Unknown, _) => (Stopped, Step::Stop),
        (Stopped, Stopped) => (Stopped, Step::Nothing),
        (Stopped, Started) => (Started, Step::Start),
        (Stopped, _) => (Unpromoted, Step::Start),
        (Started, Promoted) => (Promoted, Step::Promote),
        (Started, Stopped) => (Stopped, Step::Stop),
        (Started, _) => (to, Step::Nothing),
        (Unpromoted, Promoted) => (Promoted, Step::Promote),
        (Unpromoted, Unpromoted) => (Unpromoted, Step::Nothing),
        (Unpromoted, _) => (Stopped, Step::Stop),
        (Promoted, Promoted) => (Promoted, Step::Nothing),
        (Promoted, _) => (Unpromoted, Step::Demote),
    })
}

/// Where a resource is, and what that asks for `[AC-10.3]` steps 2 to 8.
struct Plan {
    assigned: Option<NodeIx>,
    needs_stop: bool,
    needs_promote: bool,
    may_migrate: bool,
    current: Option<NodeIx>,
}

/// The actions of a primitive `[AC-10.3]`.
fn transition(m: &mut Model, r: ResourceIx) {
    if m[r].next_role == Role::Unknown {
        m[r].next_role = if m[r].assigned.is_some() { Role::Started } else { Role::Stopped };
    }
    let plan = plan(m, r);
    restart(m, r, &plan);
    // [AC-10.3] step 10
    let mut role = m[r].role;
    while role != m[r].next_role {
        let Some((next, what)) = step(role, m[r].next_role).filter(|(_, what)| *what != Step::Nothing) else { break };
        act(m, r, what, plan.assigned, false);
        role = next;
    }
    recurring::plan(m, r);
    if let (true, Some(from), Some(to)) = (plan.may_migrate, plan.current, plan.assigned) {
        migrate::migrate(m, r, from, to);
    }
}

fn plan(m: &mut Model, r: ResourceIx) -> Plan {
    let (current, assigned) = (m.current_node(r), m[r].assigned_node());
    let (all, happy) = m.count_active(r);
    for node in m[r].dangling.clone() {
        let stop = create_op(m, r, Task::Stop, Some(node), false);
        m[stop].flags.insert(ActionFlags::MIGRATION_ABORT);
    }
    let moving = current.is_some() && assigned.is_some() && current != assigned && m[r].next_role >= Role::Started;
    let mut plan = Plan {
        assigned,
        current,
        needs_stop: moving,
        needs_promote: false,
        may_migrate: moving && migrate::may_migrate(m, r, current, assigned),
    };
    let (source, target) = (m[r].partial_source, m[r].partial_target);
    let both = source.is_some() && target.is_some();
    let mut multiple = false;
    if both && plan.may_migrate && all == 2 && current == source && assigned == target {
        // The migration goes on.
    } else if source.is_some() || target.is_some() {
        plan.needs_stop = true;
        plan.may_migrate = false;
        m[r].partial_source = None;
        m[r].partial_target = None;
    } else {
        multiple = if m[r].is(ResourceFlags::NEEDS_FENCING) { all > 1 } else { happy > 1 };
    }
    if multiple {
        plan.needs_stop |= stops_multiple(m, r, all);
    } else {
        m[r].flags.remove(ResourceFlags::STOP_UNEXPECTED);
    }
    if m[r].is(ResourceFlags::START_PENDING) {
        let start = create_op(m, r, Task::Start, assigned, true);
        m[start].flags.insert(ActionFlags::ALWAYS_IN_GRAPH);
    }
    if moving {
        return plan;
    }
    if m[r].is(ResourceFlags::FAILED) {
        if m[r].is(ResourceFlags::STOP_IF_FAILED) {
            plan.needs_stop = true;
        } else if m[r].next_role == Role::Promoted {
            plan.needs_promote = true;
        }
    } else if m[r].is(ResourceFlags::BLOCKED) {
        plan.needs_stop = true;
    } else if m[r].role > Role::Started && current.is_some() && assigned.is_some() {
        let start = create_op(m, r, Task::Start, assigned, true);
        plan.needs_stop |= m[start].required();
    }
    plan
}

/// A resource that is active more than once; whether that alone asks for a stop `[AC-10.4]`.
fn stops_multiple(m: &mut Model, r: ResourceIx, count: usize) -> bool {
    let (text, stops) = match m[r].multiple_active {
        MultipleActive::StopStart => ("attempting recovery", true),
        MultipleActive::StopOnly => ("shutting it down", false),
        MultipleActive::Block => ("leaving it alone", false),
        MultipleActive::StopUnexpected => ("stopping unexpected instances", true),
    };
    if m[r].multiple_active == MultipleActive::StopUnexpected {
        m[r].flags.insert(ResourceFlags::STOP_UNEXPECTED);
    }
    let class = m[r].class.map_or("Untyped", |class| m.text(class)).to_owned();
    let text = format!("{class} resource {} might be active on {count} nodes ({text})", m.id(r));
    m.tell(Level::Error, text);
    stops
}

/// Down to Stopped and up again, all of it optional unless a stop is needed `[AC-10.3]` step 9. This pair is what later turns into
/// a restart.
fn restart(m: &mut Model, r: ResourceIx, plan: &Plan) {
    m[r].flags.insert(ResourceFlags::RESTARTING);
    let original = m[r].role;
    let mut role = original;
    while role != Role::Stopped {
        let Some((next, what)) = step(role, Role::Stopped).filter(|(_, what)| *what != Step::Nothing) else { break };
        act(m, r, what, plan.assigned, !plan.needs_stop);
        role = next;
    }
    while original <= m[r].next_role && role != original && !m[r].is(ResourceFlags::BLOCKED) {
        let Some((next, what)) = step(role, original).filter(|(_, what)| *what != Step::Nothing) else { break };
        let required = plan.needs_stop || (next == Role::Promoted && plan.needs_promote);
        act(m, r, what, plan.assigned, !required);
        role = next;
    }
    m[r].flags.remove(ResourceFlags::RESTARTING);
}

fn act(m: &mut Model, r: ResourceIx, what: Step, node: Option<NodeIx>, optional: bool) {
    match what {
        Step::Nothing => {}
        Step::Stop => stop(m, r, optional),
        Step::Start => start(m, r, node, optional),
        Step::Promote => promote(m, r, node, optional),
        Step::Demote => demote(m, r, optional),
    }
}

/// Whether the resource is left running on this node while it is stopped elsewhere `[AC-10.2]`.
fn is_expected(m: &Model, r: ResourceIx, node: Option<NodeIx>) -> bool {
    m[r].is(ResourceFlags::STOP_UNEXPECTED | ResourceFlags::RESTARTING)
        && m[r].next_role > Role::Stopped
        && node.is_some()
        && m[r].assigned_node() == node
}

/// Stops everywhere.
fn stop(m: &mut Model, r: ResourceIx, mut optional: bool) {
    for node in m[r].active.clone() {
        if is_expected(m, r, Some(node)) {
            continue;
        }
        if let Some(target) = m[r].partial_target {
            if node == target && m[r].assigned_node() == Some(node) {
                continue;
            }
            optional = false;
        }
        let stop = create_op(m, r, Task::Stop, Some(node), optional);
        if m[r].assigned.is_none() {
            m[stop].reason = Some("node availability".into());
        } else if m[r].is(ResourceFlags::RESTARTING | ResourceFlags::STOP_UNEXPECTED) {
            m[stop].reason = Some("being multiply active".into());
        }
        if !m[r].is(ResourceFlags::MANAGED) {
            m[stop].flags.remove(ActionFlags::RUNNABLE);
        }
        if m[r].is(ResourceFlags::NEEDS_UNFENCING) {
            let on = unfence::on_action(m, node);
            m.relate(stop, on, Kinds::THEN_IMPLIES_FIRST);
            if !unfence::is_unfenced(m, node) {
                let text = format!("Stopping {} until {} can be unfenced", m.id(r), m.node_name(node));
                m.tell(Level::Error, text);
            }
        }
    }
}

fn start(m: &mut Model, r: ResourceIx, node: Option<NodeIx>, optional: bool) {
    let start = create_op(m, r, Task::Start, node, true);
    if let Some(node) = node {
        unfence::order_after(m, r, node, start, Kinds::FIRST_IMPLIES_THEN);
    }
    if !optional && m[start].runnable() {
        m[start].flags.remove(ActionFlags::OPTIONAL);
    }
    if is_expected(m, r, node) {
        m[start].flags.insert(ActionFlags::PSEUDO);
    }
}

fn promote(m: &mut Model, r: ResourceIx, node: Option<NodeIx>, optional: bool) {
    let runnable = find_exact(m, r, ActionKey::of(Task::Start), node).all(|start| m[start].runnable());
    if !runnable {
        let promotes: Vec<_> = find_exact(m, r, ActionKey::of(Task::Promote), node).collect();
        for promote in promotes {
            m[promote].flags.remove(ActionFlags::RUNNABLE);
        }
        return;
    }
    let promote = create_op(m, r, Task::Promote, node, optional);
    if is_expected(m, r, node) {
        m[promote].flags.insert(ActionFlags::PSEUDO);
    }
}

/// Demotes everywhere.
fn demote(m: &mut Model, r: ResourceIx, optional: bool) {
    for node in m[r].active.clone() {
        if !is_expected(m, r, Some(node)) {
            create_op(m, r, Task::Demote, Some(node), optional);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, Step, step};

    #[test]
    fn every_transition_ends() {
        let roles = [Role::Stopped, Role::Started, Role::Unpromoted, Role::Promoted];
        for from in roles {
            for to in roles {
                let mut role = from;
                let mut steps = 0;
                while role != to {
                    let Some((next, what)) = step(role, to) else { panic!("no way from {from} to {to}") };
                    if what == Step::Nothing {
                        break;
                    }
                    role = next;
                    steps += 1;
                    assert!(steps < 5, "from {from} to {to}");
                }
            }
        }
        assert_eq!(step(Role::Stopped, Role::Promoted), Some((Role::Unpromoted, Step::Start)));
        assert_eq!(step(Role::Promoted, Role::Stopped), Some((Role::Unpromoted, Step::Demote)));
    }
}
