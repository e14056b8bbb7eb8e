//! What a scenario says about its configuration, checked before anything runs.

use crate::node::empty_cib;
use crate::sim::scenario::{Condition, Event, Scenario};
use cib_core::xml::Document;
use std::collections::BTreeSet;

/// Checks the configuration, what is configured later, and that all resources exist that the scenario speaks of.
///
/// # Errors
/// The first mistake as `LINE:COLUMN: what was expected`.
pub(super) fn check(text: &str, scenario: &Scenario) -> Result<(), String> {
    let mut doc = empty_cib();
    configure(&mut doc, &scenario.configuration, scenario.configuration_line)?;
    for event in &scenario.events {
        match &event.what {
            Event::Configure(more, line) => configure(&mut doc, more, *line)?,
            Event::Crm(line) => {
                if let Some(ids) = line.strip_prefix("configure delete ") {
                    let unknown = ids.split_whitespace().find(|id| doc.find_id(doc.root(), id).is_none());
                    if let Some(id) = unknown {
                        return Err(format!(
                            "{}:{}: nothing here has the id '{id}'",
                            event.line,
                            column(text, event.line, id)
                        ));
                    }
                } else if let Some(more) = line.strip_prefix("configure ") {
                    let column = column(text, event.line, more);
                    configure(&mut doc, more, event.line).map_err(|error| shifted(&error, column))?;
                }
            }
            _ => {}
        }
    }
    resources(text, scenario, &doc)
}

/// Applies configuration text that begins on `line` of the file.
fn configure(doc: &mut Document, text: &str, line: usize) -> Result<(), String> {
    let text = format!("{text}\n");
    if let Err(error) = cib_core::crmsh::parse(&text) {
        let place = format!("{}:{}: {error}", line + error.line.saturating_sub(1), error.column);
        let expected = error.expected.join(", ");
        return Err(if expected.is_empty() { place } else { format!("{place}\n  expected: {expected}") });
    }
    cib_core::crmsh::configure(doc, &text).map(|_| ()).map_err(|error| {
        let error = error.to_string();
        let (below, column) = best_place(&text, &error);
        format!("{}:{column}: {error}", line + below)
    })
}

/// What does not fit together has no place of its own: the line that shares most words with the message, and the column of the last
/// of them.
fn best_place(text: &str, message: &str) -> (usize, usize) {
    let words: BTreeSet<&str> =
        message.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let shared = |line: &str| line.split_whitespace().filter(|w| words.contains(w)).count();
    let best = text.lines().enumerate().max_by_key(|(i, line)| (shared(line), std::cmp::Reverse(*i)));
    let Some((at, line)) = best.filter(|(_, line)| shared(line) > 0) else { return (0, 1) };
    let last = line.split_whitespace().rfind(|w| words.contains(w)).and_then(|w| line.rfind(w)).unwrap_or(0);
    (at, line[..last].chars().count() + 1)
}

/// The column of `part` in a line of the file, from 1.
fn column(text: &str, line: usize, part: &str) -> usize {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    line.find(part).map_or(1, |byte| line[..byte].chars().count() + 1)
}

/// The message with its column moved to where its text begins.
fn shifted(error: &str, by: usize) -> String {
    let mut parts = error.splitn(3, ':');
    match (parts.next(), parts.next().and_then(|c| c.parse::<usize>().ok()), parts.next()) {
        (Some(line), Some(column), Some(what)) => format!("{line}:{}:{what}", column + by - 1),
        _ => error.to_owned(),
    }
}

/// Every resource that the scenario names must be configured.
fn resources(text: &str, scenario: &Scenario, doc: &Document) -> Result<(), String> {
    let top = doc.path(doc.root(), &["configuration", "resources"]);
    let known: BTreeSet<&str> = top.into_iter().flat_map(|t| doc.descendants(t)).filter_map(|n| doc.id(n)).collect();
    let primitive = |n| matches!(doc.name(n), "primitive" | "group" | "clone" | "master");
    let names = top.into_iter().flat_map(|t| doc.descendants(t)).filter(|&n| primitive(n)).filter_map(|n| doc.id(n));
    let names: Vec<&str> = names.collect();
    let unknown =
        |(line, name): &(usize, &str)| (*line > 0 && !known.contains(name)).then_some((*line, (*name).to_owned()));
    match named(scenario).iter().find_map(unknown) {
        None => Ok(()),
        Some((line, name)) => {
            let column = column(text, line, &name);
            Err(format!("{line}:{column}: expected a resource ({}), found '{name}'", names.join(", ")))
        }
    }
}

/// The resources that events and expectations name, with their lines.
fn named(scenario: &Scenario) -> Vec<(usize, &str)> {
    let events = scenario.events.iter().filter_map(|e| match &e.what {
        Event::Kill(resource, _) | Event::Agent { resource, .. } => Some((e.line, resource.as_str())),
        _ => None,
    });
    let expected = scenario.expectations.iter().filter_map(|e| Some((e.line, of_condition(&e.what)?)));
    let lasting = scenario.invariants.iter().filter_map(|i| Some((i.line, of_condition(&i.condition)?)));
    let recovered = scenario.recoveries.iter().map(|r| (r.line, r.resource.as_str()));
    events.chain(expected).chain(lasting).chain(recovered).collect()
}

fn of_condition(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Not(inner) => of_condition(inner),
        Condition::Started(r, _) | Condition::Promoted(r, _) | Condition::Stopped(r, _) => Some(r),
        Condition::Instances(r, _) | Condition::FailCount(r, _, _) => Some(r),
        Condition::AtMostOne(r) | Condition::AtMostOnePromoted(r) => Some(r),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::parse;

    #[test]
    fn mistakes_are_told_with_their_place() {
        let wrong = |text: &str| check(text, &parse(text).unwrap()).unwrap_err();
        let head = "nodes a b\nconfigure {\n primitive ip ocf:heartbeat:IPaddr2\n}\n";
        assert_eq!(wrong(&format!("{head}by 5s web started\n")), "5:7: expected a resource (ip), found 'web'");
        assert!(wrong("nodes a\nconfigure {\n\n primitiv ip Dummy\n}\n").starts_with("4:2: "));
        assert!(wrong(&format!("{head}at 5s configure {{\n clon x ip\n}}\n")).starts_with("6:2: "));
        assert!(wrong(&format!("{head}at 5s crm configure clon x ip\n")).starts_with("5:21: "));
        assert!(wrong(&format!("{head}at 5s crm configure delete ip web\n")).starts_with("5:31: nothing"));
        let stray = wrong("nodes a\nconfigure {\n primitive ip Dummy\n colocation x inf: ip nothere\n}\n");
        assert!(stray.starts_with("4:23: "), "{stray}");
        let text = format!("{head}at 5s kill ip on a\nalways at most one ip\n");
        assert_eq!(check(&text, &parse(&text).unwrap()), Ok(()));
    }
}
