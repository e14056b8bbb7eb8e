//! Between the words of the controller and those of executor and fencer.

use agents::executor;
use agents::fencer;
use agents::standard::alert::{AlertEvent, AlertTarget, Moment};
use agents::standard::{AgentName, Answer, ExecutionStatus, ExitStatus, Metadata, Parameters};
use policy_core::controller::{
    self, AgentMeta, AgentParameter, Alert, FencingOutcome, FencingRequest, Operation, Report, op_status,
};
use std::sync::Arc;
use std::time::Duration;

/// An operation of the controller as the executor takes it. The token carries the controller's number.
pub(super) fn operation(operation: &Operation) -> executor::Operation {
    let agent = &operation.agent;
    let name = AgentName::new(
        agent.class.as_deref().unwrap_or("ocf"),
        agent.provider.as_deref(),
        agent.agent.as_deref().unwrap_or(""),
    );
    let mut parameters: Parameters = operation.parameters.iter().cloned().collect();
    parameters.insert("crm_feature_set".to_owned(), operation.feature_set.clone());
    executor::Operation {
        resource: operation.resource.clone(),
        agent: Some(name),
        action: operation.task.clone(),
        interval_ms: operation.interval_ms,
        timeout_ms: operation.timeout_ms,
        start_delay_ms: operation.start_delay_ms,
        parameters: Arc::new(parameters),
        token: operation.call.to_string(),
        changes_only: true,
    }
}

/// A report of the executor as the controller takes it, with the controller's number.
pub(super) fn report(report: &executor::Report) -> Option<(u32, Report)> {
    let call = report.token.parse().ok()?;
    Some((
        call,
        Report {
            rc: i32::from(report.rc.0),
            op_status: report.status.code(),
            exit_reason: report.reason.clone().unwrap_or_default(),
            started: report.last_run,
            changed: report.last_rc_change,
            exec_ms: report.exec_time_ms,
            queue_ms: report.queue_time_ms,
        },
    ))
}

/// What an agent says about itself, as far as the controller uses it.
pub(super) fn agent_meta(metadata: &Metadata) -> AgentMeta {
    let parameter = |p: &agents::standard::metadata::Parameter| AgentParameter {
        name: p.name.clone(),
        unique: p.unique,
        reloadable: p.reloadable,
        private: p.private == Some(true),
    };
    let actions = metadata.actions.iter().map(|a| a.name.as_str());
    AgentMeta::new(metadata.api_version.as_deref(), actions, metadata.parameters.iter().map(parameter).collect())
}

/// An operation that the executor refused ([CT-6.1]).
pub(super) fn refused(error: &executor::RequestError) -> Report {
    let exit_reason = match error {
        executor::RequestError::QueueFull { .. } => error.to_string(),
        _ => "Could not register resource with executor".to_owned(),
    };
    Report { rc: 2, op_status: op_status::ERROR, exit_reason, ..Report::default() }
}

/// A wish of the controller as the fencer takes it.
pub(super) fn fencing(request: &FencingRequest, node: &str) -> fencer::Request {
    fencer::Request {
        delay_s: Some(request.delay.as_secs()),
        allow_self: request.allow_self,
        token: request.token.clone(),
        ..fencer::Request::new(&client(node), &request.target, &request.action, request.timeout.as_secs())
    }
}

/// The client name under which a node's controller asks its fencer.
fn client(node: &str) -> String {
    format!("pacemaker-controld.{node}")
}

/// The end of a fencing operation as the controller of `node` hears of it.
pub(super) fn outcome(record: &fencer::Record, node: &str) -> FencingOutcome {
    FencingOutcome {
        target: record.target.clone(),
        action: record.action.clone(),
        ok: record.state == fencer::OperationState::Done,
        by: record.delegate.clone().unwrap_or_else(|| "<anyone>".to_owned()),
        client: format!("{}@{}", record.client, record.origin),
        own: record.client == client(node),
        reference: record.id.0.clone(),
        op_status: record.result.as_ref().map_or(op_status::DONE, |r| r.status.code()),
        reason: record.result.as_ref().and_then(|r| r.reason.clone()),
    }
}

/// Calendar time, in UTC: nodes know no other.
pub(super) fn moment(since_epoch: Duration) -> Moment {
    Moment { epoch_s: since_epoch.as_secs(), micros: since_epoch.subsec_micros(), utc_offset_s: 0 }
}

/// Whom to alert, as the executor takes it.
pub(super) fn alert_target(to: &controller::AlertTarget) -> AlertTarget {
    let mut target = AlertTarget::new(&to.id, &to.path);
    target.recipient.clone_from(&to.recipient);
    target.timeout_ms = u64::try_from(to.timeout.as_millis()).unwrap_or(u64::MAX);
    if let Some(format) = &to.timestamp_format {
        target.timestamp_format.clone_from(format);
    }
    target.attributes = to.attributes.iter().map(|(n, v)| (n.clone(), Some(v.clone()))).collect();
    target
}

/// What happened, as alert agents are told.
pub(super) fn alert_event(alert: &Alert) -> AlertEvent {
    let status = |code| ExecutionStatus::from_code(code).unwrap_or(ExecutionStatus::Done);
    let exit = |rc: i32| ExitStatus(u8::try_from(rc).unwrap_or(u8::MAX));
    match alert.clone() {
        Alert::Node { node, id, member } => AlertEvent::Node { node, id: id.unwrap_or(0), member },
        Alert::Fencing(outcome) => {
            let (client, origin) = outcome.client.split_once('@').unwrap_or((&outcome.client, ""));
            let rc = ExitStatus(u8::from(!outcome.ok));
            let result =
                Answer { rc, status: status(outcome.op_status), reason: outcome.reason, output: String::new() };
            AlertEvent::Fencing {
                target: outcome.target,
                action: outcome.action,
                executioner: Some(outcome.by),
                client: Some(client.to_owned()),
                origin: Some(origin.to_owned()),
                reference: outcome.reference,
                result,
            }
        }
        Alert::Resource { node, resource, task, interval_ms, rc, target_rc, op_status, exec_ms, timeout_ms } => {
            AlertEvent::Resource {
                node,
                resource,
                task,
                interval_ms,
                rc: exit(rc),
                target_rc: exit(target_rc),
                status: status(op_status),
                exec_time_ms: exec_ms,
                timeout_ms,
            }
        }
        Alert::Attribute { node, id, name, value } => AlertEvent::Attribute { node, id: id.unwrap_or(0), name, value },
    }
}

#[cfg(test)]
mod tests {
    use agents::standard::{ExecutionStatus, ExitStatus};
    use policy_core::report::{execution_status_text, result_text};

    /// `agents` and `policy_core` may not import each other, so these words stand twice; here they are held to be the same.
    #[test]
    fn both_sides_say_the_same_of_a_result() {
        for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 190, 191, 193] {
            assert_eq!(ExitStatus(code).text(), result_text(i32::from(code)), "exit status {code}");
        }
        for code in -1..=11 {
            let status = ExecutionStatus::from_code(code).expect("known");
            assert_eq!(status.text(), execution_status_text(code), "execution status {code}");
        }
    }
}
