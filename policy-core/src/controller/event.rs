//! Lines for the log, with the texts that outside checks look for ([CT-12.6]).

use super::State;
use super::record::{Report, op_status};
use crate::report::{execution_status_text, result_text};
use std::fmt;
use std::time::Duration;

/// How an action in flight ended; there is no other way ([CT-12.1] I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionEnd {
    /// Its result came.
    Confirmed,
    /// Nobody answered in time ([CT-5.8]).
    Lost,
    /// The node that had it is lost ([CT-5.13]).
    LostWithNode,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the blanks of the texts below
pub enum Event {
    StateTransition {
        from: State,
        to: State,
    },
    Started,
    NodeState {
        node: String,
        member: bool,
    },
    Result {
        task: String,
        interval_ms: u64,
        resource: String,
        node: String,
        timeout_ms: u64,
        target_rc: i32,
        report: Report,
    },
    Executing {
        task: String,
        resource: String,
        node: String,
    },
    FencingAsked {
        action: String,
        target: String,
    },
    Fenced {
        action: String,
        target: String,
        by: String,
        client: String,
        ok: bool,
    },
    TransitionEnd {
        number: i64,
        tally: crate::transition::Tally,
        aborted: bool,
        source: String,
        terminated: bool,
    },
    Aborted {
        number: i64,
        reason: String,
    },
    /// As coordinator: an action was given out; `within`: how long its end is waited for, if it is and a timer watches it.
    Initiating {
        number: i64,
        action: u32,
        task: String,
        operation_key: String,
        node: String,
        awaited: bool,
        within: Option<Duration>,
    },
    /// As coordinator: an action that was given out and awaited has ended.
    ActionEnded {
        number: i64,
        action: u32,
        end: ActionEnd,
    },
    /// As coordinator: a node wants to leave.
    ShutdownAsked {
        node: String,
    },
    AnotherDc {
        node: String,
        task: &'static str,
    },
    ElectionLoop,
    Refused {
        node: String,
        why: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::StateTransition { from, to } => write!(f, "State transition {from} -> {to}"),
            Event::Started => f.write_str("Pacemaker controller successfully started and accepting connections"),
            Event::NodeState { node, member } => {
                write!(f, "Node {node} state is now {}", if *member { "member" } else { "lost" })
            }
            Event::Result { task, interval_ms, resource, node, timeout_ms, target_rc, report } => {
                let task = if task == "monitor" && *interval_ms == 0 { "probe" } else { task };
                write!(f, "Result of {task} operation for {resource} on {node}: ")?;
                match report.op_status {
                    op_status::DONE => f.write_str(result_text(report.rc))?,
                    op_status::TIMEOUT => write!(f, "Timed out after {}s", timeout_ms / 1000)?,
                    status => f.write_str(execution_status_text(status))?,
                }
                if report.rc != *target_rc && !report.exit_reason.is_empty() {
                    write!(f, " ({})", report.exit_reason)?;
                }
                Ok(())
            }
            Event::Executing { task, resource, node } => {
                write!(f, "Requesting local execution of {task} operation for {resource} on {node}")
            }
            Event::FencingAsked { action, target } => {
                write!(f, "Requesting fencing ({action}) targeting node {target}")
            }
            Event::Fenced { action, target, by, client, ok } => write!(
                f,
                "Peer {target} was {}terminated ({action}) by {by} on behalf of {client}: {}",
                if *ok { "" } else { "not " },
                if *ok { "OK" } else { "Error" }
            ),
            Event::TransitionEnd { number, tally, aborted, source, terminated } => {
                let t = tally;
                let end = match (*terminated, *aborted && t.skipped > 0) {
                    (true, _) => "Terminated",
                    (_, true) => "Stopped",
                    _ => "Complete",
                };
                write!(
                    f,
                    "Transition {number} (Complete={}, Pending={}, Fired={}, Skipped={}, Incomplete={}, Source={source}): {end}",
                    t.completed, t.pending, t.fired, t.skipped, t.incomplete
                )
            }
            Event::Aborted { number, reason } => write!(f, "Transition {number} aborted: {reason}"),
            Event::Initiating { task, operation_key, node, .. } => {
                write!(f, "Initiating {task} operation {operation_key} on {node}")
            }
            Event::ActionEnded { number, action, end } => {
                let how = match end {
                    ActionEnd::Confirmed => "confirmed",
                    ActionEnd::Lost => "lost",
                    ActionEnd::LostWithNode => "lost with its node",
                };
                write!(f, "Transition {number} action {action} is {how}")
            }
            Event::ShutdownAsked { node } => write!(f, "Creating shutdown request for {node}"),
            Event::AnotherDc { node, task } => write!(f, "Another DC detected: {node} (op={task})"),
            Event::ElectionLoop => f.write_str("Election loop: more than 5 rounds without a coordinator"),
            Event::Refused { node, why } => write!(f, "Rejecting join request from {node}: {why}"),
        }
    }
}
