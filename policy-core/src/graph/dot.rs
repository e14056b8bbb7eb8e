//! The graph as a DOT file `[OR-11]`.

use core::fmt::Write as _;

use super::element::{interval, meta_text, shown_task};
use crate::model::{ActionFlags, ActionIx, Kinds, Model, ResourceFlags, Task};

/// What a DOT file shows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct DotOptions {
    /// Also actions that are not in the graph, and their orderings.
    pub all_actions: bool,
    /// Action numbers.
    pub verbose: bool,
}

/// Writes the actions of a run, and what they wait for, as DOT text. The graph must have been built.
#[must_use]
pub fn dot(m: &Model, options: DotOptions) -> String {
    let mut out = String::from(" digraph \"g\" {\n");
    let mut drawn = vec![false; m.actions.len()];
    let newest_first = || (0..m.actions.len()).rev().map(ActionIx::new);
    for a in newest_first() {
        let Some((style, color, font)) = look(m, a, options) else { continue };
        drawn[a.index()] = true;
        let name = name(m, a, options);
        let _ = writeln!(out, "\"{name}\" [ style={style} color=\"{color}\" fontcolor=\"{font}\"]");
    }
    for a in newest_first() {
        for input in &m[a].before {
            let both = drawn[a.index()] && drawn[input.first.index()];
            let style = if input.graphed {
                "bold"
            } else if !input.kinds.is_empty() && ((both && input.kinds != Kinds::LOAD) || options.all_actions) {
                "dashed"
            } else {
                continue;
            };
            let (first, then) = (name(m, input.first, options), name(m, a, options));
            let _ = writeln!(out, "\"{first}\" -> \"{then}\" [ style = {style}]");
        }
    }
    out.push_str("}\n");
    out
}

/// Style, colour and font colour of an action, if it is shown `[OR-11.2]`.
fn look(m: &Model, a: ActionIx, options: DotOptions) -> Option<(&'static str, &'static str, &'static str)> {
    let action = &m[a];
    let font = if action.pseudo() { "orange" } else { "black" };
    if action.flags.has(ActionFlags::IN_GRAPH) {
        return Some(("bold", "green", font));
    }
    if action.resource.is_some_and(|r| !m[r].is(ResourceFlags::MANAGED)) {
        return options.all_actions.then_some(("dashed", "red", "purple"));
    }
    if action.optional() {
        return options.all_actions.then_some(("dashed", "blue", font));
    }
    Some(("dashed", "red", font))
}

/// The name of an action `[OR-11.4]`.
fn name(m: &Model, a: ActionIx, options: DotOptions) -> String {
    let action = &m[a];
    let prefix = if action.task == Task::Cancel { "Cancel " } else { "" };
    let host = match action.node {
        Some(node) => Some(m.node_name(node)),
        None => (!action.pseudo()).then_some("<none>"),
    };
    let at = |text: String| match host {
        Some(host) => format!("{prefix}{text} {host}"),
        None => format!("{prefix}{text}"),
    };
    let history = action.resource.and_then(|r| m[r].history_id).map(|id| m.text(id));
    let mut text = if let Some(id) = history {
        if matches!(action.task, Task::Notify | Task::Notified) {
            let (when, operation) = (meta_text(m, a, "notify_key_type"), meta_text(m, a, "notify_key_operation"));
            at(format!("{id}_{when}_notify_{operation}_0"))
        } else {
            at(format!("{id}_{}_{}", shown_task(m, a), interval(m, a)))
        }
    } else if action.task == Task::Stonith {
        at(format!("stonith '{}'", meta_text(m, a, "stonith_action")))
    } else if host.is_none() {
        m.key(a)
    } else if action.resource.is_some() {
        at(m.key(a))
    } else {
        at(shown_task(m, a).to_owned())
    };
    if options.verbose {
        let _ = write!(text, " ({})", a.id());
    }
    text
}
