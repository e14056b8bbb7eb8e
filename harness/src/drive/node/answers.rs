//! What a node answers to tools of the cluster: at once, or when a later output of the node says how it ended.

use crate::drive::cluster::{Answer, AttributeRow, FencingRow, NodeReport, Request};
use crate::node::{Node, Reply, Request as Ask};
use cib_core::cib::Request as CibRequest;
use cib_core::xml::{Document, Limits};
use policy_core::controller::State;
use std::time::Duration;

/// When a tool hears.
pub(super) enum When {
    /// Now.
    Now(Answer),
    /// When the node replies with the number.
    Later,
}

fn refused(reason: impl ToString) -> When {
    When::Now(Answer::Refused { reason: reason.to_string() })
}

/// Gives a request to a node; `number` names it for a later [`Reply`].
pub(super) fn answer(node: &mut Node, now: Duration, number: u64, request: Request) -> When {
    let ask = match request {
        Request::Status => return When::Now(Answer::Status(report(node, now))),
        Request::FencingHistory { target } => return When::Now(Answer::Fencing(history(node, target.as_deref()))),
        Request::Attributes { name, node: of } => {
            return When::Now(Answer::Attributes(attributes(node, name.as_deref(), of.as_deref())));
        }
        Request::Leave => {
            node.shutdown(now);
            return When::Now(Answer::Accepted);
        }
        Request::Cib { command } => match command_of(&command) {
            Ok(request) => Ask::Cib { number, request: Box::new(request) },
            Err(reason) => return refused(reason),
        },
        Request::Fence { target, action } => {
            if !matches!(action.as_str(), "off" | "reboot" | "on") {
                return refused(format!("'{action}' is no fencing action: off, reboot, on"));
            }
            Ask::Fence { number, target, action }
        }
        Request::CleanUp { resource, node } => Ask::CleanUp { resource, node },
        Request::ClearFailures { resource, operation, node } => Ask::ClearFailures { resource, operation, node },
        Request::Fail { resource, node } => {
            match [&resource, &node].iter().any(|name| name.contains(char::is_whitespace)) {
                true => return refused("a name with a blank"),
                false => Ask::Crm(format!("resource fail {resource} {node}")),
            }
        }
        Request::Standby { node, on } => Ask::Standby { node, standby: on },
        Request::Maintenance { node, on } => {
            let value = Some(if on { "true" } else { "false" }.to_owned());
            Ask::Attribute { node, name: "maintenance".to_owned(), value, delay_ms: None, permanent: true }
        }
        Request::ForgetFencing { target } => Ask::ForgetFencing(target),
        Request::SetAttribute { node: of, name, value, delay_ms, permanent } => {
            let of = of.unwrap_or_else(|| node.name().to_owned());
            Ask::Attribute { node: of, name, value, delay_ms, permanent }
        }
    };
    let waits = matches!(ask, Ask::Cib { .. } | Ask::Fence { .. });
    match node.request(now, ask) {
        Err(error) => refused(error),
        Ok(()) if waits => When::Later,
        Ok(()) => When::Now(Answer::Accepted),
    }
}

/// The answer that a later output of the node is.
pub(super) fn later(reply: Reply) -> Answer {
    match reply {
        Reply::Cib { result, output } => {
            let code = result.err().map_or(0, |code| code.legacy());
            Answer::Cib { code, output: output.map(|doc| doc.write()) }
        }
        Reply::Fenced { ok, reason } => Answer::Fenced { ok, reason },
    }
}

fn command_of(text: &str) -> Result<CibRequest, String> {
    let doc = Document::parse_with(text, &Limits::file()).map_err(|error| error.to_string())?;
    CibRequest::from_message(&doc, doc.root()).map_err(|code| code.text().to_owned())
}

fn report(node: &Node, now: Duration) -> NodeReport {
    let status = node.status();
    let controller = &status.controller;
    let name_of = |id: &u32| node.names().get(id).cloned().unwrap_or_else(|| format!("node{id}"));
    let (admin, epoch, updates) = node.cib_version();
    NodeReport {
        id: node.member().node().0,
        name: node.name().to_owned(),
        state: controller.state.to_string(),
        dc: controller.dc.as_ref().map(name_of),
        quorate: status.quorate,
        online: controller.active.iter().map(name_of).collect(),
        version: format!("{admin}.{epoch}.{updates}"),
        digest: node.cib_digest(),
        synchronized: node.cib_is_synchronized(),
        idle: matches!(controller.state, State::Idle | State::NotDc)
            && controller.graph_complete
            && node.cib_is_synchronized()
            && node.wanted_actions(now) == 0,
        ring: status.ring,
    }
}

fn history(node: &Node, target: Option<&str>) -> Vec<FencingRow> {
    let mut records = node.fencing().operations;
    records.retain(|record| target.is_none_or(|target| record.target.eq_ignore_ascii_case(target)));
    records.reverse();
    let row = |record: agents::fencer::Record| FencingRow {
        state: record.state.text().to_owned(),
        completed: record.completed.map(|(seconds, _)| seconds),
        nanoseconds: record.completed.map_or(0, |(_, nanoseconds)| nanoseconds),
        reason: record.result.and_then(|result| result.reason),
        target: record.target,
        action: record.action,
        origin: record.origin,
        delegate: record.delegate,
        client: record.client,
    };
    records.into_iter().map(row).collect()
}

fn attributes(node: &Node, name: Option<&str>, of: Option<&str>) -> Vec<AttributeRow> {
    let mut rows = Vec::new();
    for (own, attribute) in node.attributes().iter().filter(|(own, _)| name.is_none_or(|name| name == own.as_str())) {
        for value in attribute.values.values().filter(|v| of.is_none_or(|of| of.eq_ignore_ascii_case(&v.node))) {
            rows.push(AttributeRow { name: own.clone(), node: value.node.clone(), value: value.value.clone() });
        }
    }
    rows
}
