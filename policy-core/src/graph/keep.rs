//! Which actions enter the graph, and which inputs they wait for `[OR-8.4]` `[OR-9]`.

use smallvec::SmallVec;

use crate::model::{ActionFlags, ActionIx, ActionKey, Kind, Kinds, Level, Model, NodeFlags, ResourceFlags, Task, sym};

/// Whether the set is exactly this kind.
pub(crate) fn is_just(kinds: Kinds, kind: Kinds) -> bool {
    kinds == kind
}

/// Whether the action gets a synapse `[OR-8.4]`.
pub(crate) fn enters(m: &mut Model, a: ActionIx) -> bool {
    let action = &m[a];
    if !action.runnable() || (action.optional() && !action.flags.has(ActionFlags::ALWAYS_IN_GRAPH)) {
        return false;
    }
    if let Some(r) = action.resource
        && !m[r].is(ResourceFlags::MANAGED)
        && action.task != Task::Monitor
        && action.meta.get(sym::INTERVAL).is_none_or(|interval| m.text(interval) == "0")
    {
        return false;
    }
    if action.pseudo() || matches!(action.task, Task::Stonith | Task::DoShutdown) {
        return true;
    }
    let wrong = match action.node {
        None => "because it was not assigned to a node (bug?)",
        Some(_) if action.flags.has(ActionFlags::ON_DC) => return true,
        Some(node) => {
            let node = &m[node];
            if node.is_guest() && !node.is(NodeFlags::REMOTE_RESET) {
                return true;
            }
            match (node.online(), node.unclean()) {
                (true, false) => return true,
                (false, _) => "because it was scheduled for offline node (bug?)",
                (true, true) => "because it was scheduled for unclean node (bug?)",
            }
        }
    };
    let text = format!("Skipping action {} ({}) {wrong}", m.key(a), a.id());
    m.tell(Level::Error, text);
    false
}

/// Whether the key is that of a stop.
fn is_stop(m: &Model, a: ActionIx) -> bool {
    match m[a].key {
        ActionKey::Op { task, interval_ms: 0 } | ActionKey::Notify { operation: task, .. } => task == Task::Stop,
        _ => false,
    }
}

/// Whether an input of the action is waited for; may disable it `[OR-9.3]`.
pub(crate) fn keeps(m: &mut Model, a: ActionIx, at: usize) -> bool {
    const CANNOT_CHANGE: Kinds = Kinds::ORDERED.with(Kinds::SHOWS_THEN).with(Kinds::SHOWS_FIRST);
    let input = m[a].before[at];
    let (f, kinds) = (input.first, input.kinds);
    if input.graphed {
        return true;
    }
    if kinds.is_empty() {
        return false;
    }
    let runnable = m[f].runnable();
    if !runnable && (kinds.without(CANNOT_CHANGE).is_empty() || kinds.any(Kinds::MIN_RUNNABLE | Kinds::MIGRATION_CHAIN))
    {
        return false;
    }
    let migratable = m[f].flags.has(ActionFlags::MIGRATABLE);
    if migratable && (kinds.has(Kinds::ONLY_IF_UNMIGRATABLE) || (is_just(kinds, Kinds::ORDERED) && is_stop(m, f))) {
        return false;
    }
    if is_just(kinds, Kinds::LOAD) || is_just(kinds, Kinds::ONLY_IF_REQUIRED_SAME_NODE) {
        let kept = if is_just(kinds, Kinds::LOAD) { frees_the_node(m, a, f) } else { is_there_too(m, a, f) };
        if !kept {
            m[a].before[at].kinds = Kinds::NONE;
        }
        return kept;
    }
    if is_ignored_failed_stop(m, a, f) {
        let text = format!(
            "Ignoring requirement that {} complete before {}: unmanaged failed resources cannot prevent clone shutdown",
            m.key(f),
            m.key(a)
        );
        m.tell(Level::Warning, text);
        return false;
    }
    let shown = m[f].flags.any(ActionFlags::ALWAYS_IN_GRAPH | ActionFlags::IN_GRAPH);
    m[f].required() || shown || enters(m, f)
}

/// A load ordering holds only for the node that is used.
fn frees_the_node(m: &Model, a: ActionIx, f: ActionIx) -> bool {
    if m[a].task == Task::MigrateTo
        && let Some(r) = m[a].resource
    {
        return m[f].node.is_some() && m[f].node == m[r].assigned_node();
    }
    m[f].node.is_some() && m[f].node == m[a].node && m[f].required()
}

/// An anti-colocation holds only if the other one has to leave the very node.
fn is_there_too(m: &Model, a: ActionIx, f: ActionIx) -> bool {
    let differ = matches!((m[f].node, m[a].node), (Some(x), Some(y)) if x != y);
    !differ && m[f].required()
}

fn is_ignored_failed_stop(m: &Model, a: ActionIx, f: ActionIx) -> bool {
    let (Some(first), Some(then)) = (m[f].resource, m[a].resource) else { return false };
    first != then
        && m[first].is(ResourceFlags::FAILED)
        && !m[first].is(ResourceFlags::MANAGED)
        && is_stop(m, f)
        && m[then].kind() == Kind::Clone
}

/// Whether an input of `start` leads back to `start` `[OR-9.4]`. Iterative: chains may be long.
pub(crate) fn closes_loop(m: &mut Model, start: ActionIx, at: usize) -> bool {
    let mut path: Vec<(ActionIx, usize)> = Vec::new();
    let mut marked: SmallVec<[ActionIx; 16]> = SmallVec::new();
    let mut found = step(m, start, (start, at), &mut path, &mut marked);
    while !found && let Some(&mut (a, ref mut left)) = path.last_mut() {
        if *left == 0 {
            path.pop();
            continue;
        }
        *left -= 1;
        let at = *left;
        found = step(m, start, (a, at), &mut path, &mut marked);
    }
    for a in marked {
        m[a].flags.remove(ActionFlags::LOOP_MARK);
    }
    found
}

/// Looks at one input; goes on from its action unless that was visited. What was visited once without success cannot lead to
/// `start` by another way either, so marks stay until the end, which keeps the search linear.
fn step(
    m: &mut Model,
    start: ActionIx,
    (a, at): (ActionIx, usize),
    path: &mut Vec<(ActionIx, usize)>,
    marked: &mut SmallVec<[ActionIx; 16]>,
) -> bool {
    let f = m[a].before[at].first;
    if m[f].flags.has(ActionFlags::LOOP_MARK) || !keeps(m, a, at) {
        return false;
    }
    if f == start {
        return true;
    }
    m[f].flags.insert(ActionFlags::LOOP_MARK);
    marked.push(f);
    path.push((f, m[f].before.len()));
    false
}
