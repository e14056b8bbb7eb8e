//! Injections [SM-4].

use super::record::Outcome;
use super::state::{Agent, Target};
use super::{Copy, parse_key};
use crate::model::{Element, Model};
use crate::report::Report;
use cib_core::rules::parse_integer;

/// What to change before scheduling.
#[derive(Clone, Debug, Default)]
pub struct Injections {
    /// Value for `have-quorum`.
    pub quorum: Option<String>,
    /// Value for the option `have-watchdog`.
    pub watchdog: Option<String>,
    /// Nodes that come up.
    pub node_up: Vec<String>,
    /// Nodes that go down.
    pub node_down: Vec<String>,
    /// Nodes that fail.
    pub node_fail: Vec<String>,
    /// Tickets to grant.
    pub ticket_grant: Vec<String>,
    /// Tickets to revoke.
    pub ticket_revoke: Vec<String>,
    /// Tickets to put in standby.
    pub ticket_standby: Vec<String>,
    /// Tickets to activate.
    pub ticket_activate: Vec<String>,
    /// Operation results: `RESOURCE_TASK_INTERVAL@NODE=RC`.
    pub operations: Vec<String>,
}

impl Injections {
    /// Whether there is anything to do. A quorum value alone does not count [SM-3].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lists = [
            &self.node_up,
            &self.node_down,
            &self.node_fail,
            &self.ticket_grant,
            &self.ticket_revoke,
            &self.ticket_standby,
            &self.ticket_activate,
            &self.operations,
        ];
        self.watchdog.is_none() && lists.iter().all(|l| l.is_empty())
    }
}

/// Changes the copy. `model` is what it was read into before.
///
/// # Errors
/// What cannot be done at all, such as a node without id; the copy holds what was done before.
pub fn inject(copy: &mut Copy<'_>, model: &Model, what: &Injections, report: &mut Report) -> Result<(), String> {
    report.open("Performing Requested Modifications");
    if let Some(quorum) = &what.quorum {
        report.item(format_args!("Setting quorum: {quorum}"));
    }
    if let Some(watchdog) = &what.watchdog {
        report.item(format_args!("Setting watchdog: {watchdog}"));
    }
    if let Some(quorum) = &what.quorum {
        let root = copy.cib.root();
        copy.cib.set_attr(root, "have-quorum", quorum);
        copy.changed();
    }
    if let Some(watchdog) = &what.watchdog {
        set_watchdog(copy, watchdog);
    }
    nodes(copy, what, report)?;
    let tickets = [
        (&what.ticket_grant, "Granting ticket", "", "granted", "true"),
        (&what.ticket_revoke, "Revoking ticket", "", "granted", "false"),
        (&what.ticket_standby, "Making ticket", " standby", "standby", "true"),
        (&what.ticket_activate, "Activating ticket", "", "standby", "false"),
    ];
    for (ids, words, after, attribute, value) in tickets {
        for id in ids {
            report.item(format_args!("{words} {id}{after}"));
            set_ticket(copy, id, attribute, value);
        }
    }
    for spec in &what.operations {
        report.item(format_args!("Injecting {spec} into the configuration"));
        operation(copy, model, spec, report)?;
    }
    report.close();
    Ok(())
}

fn nodes(copy: &mut Copy<'_>, what: &Injections, report: &mut Report) -> Result<(), String> {
    for name in &what.node_up {
        report.item(format_args!("Bringing node {name} online"));
        let state = copy.node_state(name, None)?;
        copy.set_state(state, Target::Up, "crm_simulate");
    }
    for name in &what.node_down {
        report.item(format_args!("Taking node {name} offline"));
        let state = copy.node_state(name, None)?;
        copy.set_state(state, Target::Down, "crm_simulate");
        copy.forget(state);
    }
    for name in &what.node_fail {
        report.item(format_args!("Failing node {name}"));
        let state = copy.node_state(name, None)?;
        copy.set_state(state, Target::Fail, "crm_simulate");
    }
    Ok(())
}

fn set_watchdog(copy: &mut Copy<'_>, value: &str) {
    let Some(config) = copy.cib.path(copy.cib.root(), &["configuration", "crm_config"]) else { return };
    let pair = copy
        .cib
        .descendants(config)
        .find(|&n| copy.cib.name(n) == "nvpair" && copy.cib.attr(n, "name") == Some("have-watchdog"));
    if let Some(pair) = pair {
        copy.cib.set_attr(pair, "value", value);
    } else {
        let set = copy
            .cib
            .children_named(config, "cluster_property_set")
            .find(|&s| copy.cib.id(s) == Some("cib-bootstrap-options"));
        let set = set.unwrap_or_else(|| {
            let set = copy.cib.append(config, "cluster_property_set");
            copy.cib.set_attr(set, "id", "cib-bootstrap-options");
            set
        });
        append_pair(copy, set, "cib-bootstrap-options-have-watchdog", "have-watchdog", value);
    }
    copy.changed();
}

fn append_pair(copy: &mut Copy<'_>, set: Element, id: &str, name: &str, value: &str) {
    let pair = copy.cib.append(set, "nvpair");
    copy.cib.set_attr(pair, "id", id);
    copy.cib.set_attr(pair, "name", name);
    copy.cib.set_attr(pair, "value", value);
}

fn set_ticket(copy: &mut Copy<'_>, id: &str, attribute: &str, value: &str) {
    let status = copy.status();
    let tickets = match copy.cib.child(status, "tickets") {
        Some(tickets) => tickets,
        None => copy.cib.append(status, "tickets"),
    };
    let known = copy.cib.children_named(tickets, "ticket_state").find(|&t| copy.cib.id(t) == Some(id));
    let ticket = known.unwrap_or_else(|| {
        let ticket = copy.cib.append(tickets, "ticket_state");
        copy.cib.set_attr(ticket, "id", id);
        ticket
    });
    copy.cib.set_attr(ticket, attribute, value);
    copy.changed();
}

/// [SM-4.2]
fn operation(copy: &mut Copy<'_>, model: &Model, spec: &str, report: &mut Report) -> Result<(), String> {
    let at = spec.find('@');
    let equals = at.and_then(|at| spec[at..].find('=').map(|e| at + e));
    let fields = match (at, equals) {
        (Some(at), Some(equals)) => match parse_integer(&spec[equals + 1..]) {
            Some(rc) => Ok((&spec[..at], &spec[at + 1..equals], rc as i32)),
            None => Err(2),
        },
        (Some(_), None) => Err(2),
        _ => Err(usize::from(!spec.is_empty())),
    };
    let (key, node, rc) = match fields {
        Ok(fields) => fields,
        Err(found) => {
            report.error(format_args!("Invalid operation spec: {spec}.  Only found {found} fields"));
            return Ok(());
        }
    };
    let parsed = parse_key(key);
    let name = parsed.map_or(key, |p| p.resource);
    let (Some(key), Some(r)) = (parsed, model.resource(name)) else {
        report.error(format_args!("Invalid resource name: {name}"));
        return Ok(());
    };
    let state = copy.node_state(node, None)?;
    let infinite = key.task == "stop" || (key.task == "start" && model.options.start_failure_is_fatal);
    copy.add_failure(state, name, key.task, key.interval_ms, rc, infinite, report);
    let text = |s: Option<crate::model::Symbol>| s.map(|s| model.text(s));
    let agent = Agent { class: text(model[r].class), provider: text(model[r].provider), kind: text(model[r].agent) };
    if let Some(history) = copy.history(state, &[name], name, agent, report) {
        let id = copy.cib.id(history).unwrap_or_default().to_owned();
        let outcome = Outcome {
            resource: &id,
            task: key.task,
            interval_ms: key.interval_ms,
            rc,
            expected: 0,
            exit_reason: "Simulated action result",
            node,
            notify: None,
            migration: None,
            digest: None,
        };
        copy.record(history, &outcome);
    }
    Ok(())
}
