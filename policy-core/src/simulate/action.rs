//! One simulated action [SM-7.3] [SM-7.6].

use super::Copy;
use super::execute::{Done, Failure};
use super::record::Outcome;
use super::state::{Agent, Target};
use crate::graph::{Action, ElementKind, Graph};
use crate::model::Model;
use crate::report::Report;
use crate::status::digest;
use cib_core::rules::parse_integer;

/// Carries out one action.
pub(super) fn perform(
    copy: &mut Copy<'_>,
    model: &Model,
    graph: &Graph,
    action: &Action,
    failures: &[Failure],
    report: &mut Report,
) -> Done {
    let element = &action.element;
    let node = element.node.as_ref().map(|n| n.name.as_str());
    match element.kind {
        ElementKind::Pseudo => {
            let on = node.map_or(String::new(), |n| format!(" on {n}"));
            report.item(format_args!("Pseudo action:   {}{on}", element.key));
            Done::Confirmed
        }
        ElementKind::Cluster if element.operation == "stonith" => fence(copy, action, report),
        ElementKind::Cluster => {
            let of = action.primitive.as_ref().map_or(String::new(), |p| format!(" for {}", p.id));
            report.item(format_args!("Cluster action:  {}{of} on {}", element.operation, node.unwrap_or_default()));
            Done::Confirmed
        }
        ElementKind::Resource => resource(copy, model, graph, action, failures, report),
    }
}

fn fence(copy: &mut Copy<'_>, action: &Action, report: &mut Report) -> Done {
    let Some(node) = &action.element.node else { return Done::Impossible };
    let operation = action.attribute("CRM_meta_stonith_action").unwrap_or_default();
    report.item(format_args!("Fencing {} ({operation})", node.name));
    if !operation.eq_ignore_ascii_case("on")
        && let Ok(state) = copy.node_state(&node.name, Some(&node.uuid))
    {
        copy.set_state(state, Target::Down, "simulate_fencing_action");
        copy.forget(state);
    }
    Done::Confirmed
}

/// The name that a resource is shown under.
fn display_name<'a>(model: &Model, id: &'a str, long_id: Option<&'a str>) -> &'a str {
    let known = |name: &str| model.symbols.find(name).is_some_and(|s| !model.named(s).is_empty());
    match long_id {
        _ if known(id) => id,
        Some(long) if known(long) => long,
        _ => id,
    }
}

fn resource(
    copy: &mut Copy<'_>,
    model: &Model,
    graph: &Graph,
    action: &Action,
    failures: &[Failure],
    report: &mut Report,
) -> Done {
    let element = &action.element;
    let (Some(primitive), Some(node)) = (&action.primitive, &element.node) else { return Done::Impossible };
    let name = display_name(model, &primitive.id, primitive.long_id.as_deref());
    let operation = element.operation.as_str();
    match operation {
        "delete" | "meta-data" => {
            report.item(format_args!("Resource action: {name:<15} delete on {}", node.name));
            return Done::Confirmed;
        }
        "reprobe" => return Done::Confirmed,
        _ => {}
    }
    let interval_ms =
        action.attribute("CRM_meta_interval").and_then(parse_integer).and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
    let expected = action.attribute("CRM_meta_op_target_rc").and_then(parse_integer).map_or(0, |v| v as i32);
    let id = if element.router.is_some() { &node.name } else { &node.uuid };
    let Ok(state) = copy.node_state(&node.name, Some(id)) else { return Done::Impossible };
    let agent = Agent {
        class: primitive.class.as_deref(),
        provider: primitive.provider.as_deref(),
        kind: primitive.agent.as_deref(),
    };
    let Some(history) = copy.history(state, &[name, &primitive.id], &primitive.id, agent, report) else {
        return Done::Impossible;
    };
    let interval = if interval_ms > 0 { format!("={interval_ms}") } else { String::new() };
    report.item(format_args!("Resource action: {name:<15} {operation}{interval} on {}", node.name));
    let mut rc = expected;
    let asked = asked_failure(failures, &[name, &primitive.id], operation, interval_ms, &node.name, report);
    if let Some((matched, asked_rc)) = asked {
        rc = asked_rc;
        report.info(format_args!("Pretending action {} failed with rc={rc}", element.id));
        let fatal = |offset: &str| offset == "INFINITY";
        let infinite = (operation == "start" && fatal(&graph.header.failed_start_offset))
            || (operation == "stop" && fatal(&graph.header.failed_stop_offset));
        copy.add_failure(state, matched, operation, interval_ms, rc, infinite, report);
    }
    let digest = digest_of(action, interval_ms);
    let meta = |n: &str| action.attribute(n);
    let outcome = Outcome {
        resource: &primitive.id,
        task: operation,
        interval_ms,
        rc,
        expected,
        exit_reason: "User-injected result",
        node: &node.name,
        notify: meta("CRM_meta_notify_type").zip(meta("CRM_meta_notify_operation")),
        migration: meta("CRM_meta_migrate_source").zip(meta("CRM_meta_migrate_target")),
        digest: Some(&digest),
    };
    copy.record(history, &outcome);
    if asked.is_some() { Done::Failed } else { Done::Confirmed }
}

/// The first failure that is asked for of this operation: under which name, and with which result.
fn asked_failure<'a>(
    failures: &[Failure],
    names: &[&'a str; 2],
    operation: &str,
    interval_ms: u32,
    node: &str,
    report: &mut Report,
) -> Option<(&'a str, i32)> {
    for spec in failures {
        for name in names {
            let start = format!("{name}_{operation}_{interval_ms}@{node}=");
            let Some(head) = spec.get(..start.len()).filter(|h| h.eq_ignore_ascii_case(&start)) else { continue };
            match parse_integer(&spec[head.len()..]) {
                Some(rc) => return Some((name, rc as i32)),
                None => {
                    report.error(format_args!("Invalid failed operation '{spec}' (result code must be integer)"));
                    break;
                }
            }
        }
    }
    None
}

/// The digest that is recorded with a result [ST-16.10].
fn digest_of(action: &Action, interval_ms: u32) -> String {
    let mut pairs: Vec<(&str, &str)> = action
        .attributes
        .iter()
        .chain(&action.params)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !digest::is_excluded(name) || (interval_ms > 0 && *name == "CRM_meta_timeout"))
        .collect();
    pairs.sort_unstable();
    digest::hash_text(pairs.into_iter())
}
