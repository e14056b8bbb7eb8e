//! Commands that a running cluster is needed for [SH-12.2, SH-13]. On a CIB in a file they say so.

use std::time::{Duration, Instant};

use super::others::no_cluster;
use super::session::Session;
use crate::drive::cluster::{Answer, AttributeRow, Request};
use crate::shell::cluster::Live;

/// How long a restart waits for the cluster to come to rest.
const REST: Duration = Duration::from_secs(600);

/// The node that the session works on, if it is not a file.
pub(super) fn node(session: &Session) -> Option<Live> {
    session.store.live().cloned()
}

/// The name of the node that is meant where none is named: the one that the session works on, or that of this host.
pub(super) fn local_name(session: &Session) -> String {
    match session.store.live().map(Live::status) {
        Some(Ok(report)) => report.name,
        _ => std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
    }
}

/// Gives an order to the node, and says why it was refused.
fn order(session: &mut Session, arguments: &[String], request: Request) -> bool {
    let Some(live) = node(session) else { return no_cluster(session, arguments) };
    match live.order(request) {
        Ok(()) => true,
        Err(error) => session.fail(&error.to_string()),
    }
}

/// Resource and node among the arguments of `cleanup` and `refresh`.
fn scope(arguments: &[String]) -> (Option<String>, Option<String>) {
    let mut words = arguments.iter().filter(|word| *word != "force").cloned();
    (words.next(), words.next())
}

pub(super) fn cleanup(session: &mut Session, arguments: &[String]) -> bool {
    let (resource, node) = scope(arguments);
    if let Some(id) = &resource {
        let Some(copy) = session.open_copy() else { return false };
        if copy.find_resource(id).is_none() {
            eprintln!("crm_resource: Resource '{id}' not found");
            eprintln!("Error performing operation: No such object");
            return false;
        }
    }
    let done = order(session, arguments, Request::CleanUp { resource: resource.clone(), node: node.clone() });
    if done {
        let (what, place) = (resource.as_deref().unwrap_or("all resources"), node.as_deref().unwrap_or("all nodes"));
        println!("Cleaned up {what} on {place}");
    }
    done
}

pub(super) fn clear_state(session: &mut Session, arguments: &[String]) -> bool {
    let Some(live) = node(session) else { return no_cluster(session, arguments) };
    let name = match (arguments.first(), live.status()) {
        (Some(name), _) => name.clone(),
        (None, Ok(report)) => report.name,
        (None, Err(error)) => return session.fail(&error.to_string()),
    };
    session.ask(&format!("Do you really want to drop state for node {name}"))
        && order(session, arguments, Request::CleanUp { resource: None, node: Some(name) })
}

/// Fencing goes through the transient attribute that asks the coordinator for it.
pub(super) fn fence(session: &mut Session, arguments: &[String]) -> bool {
    if node(session).is_none() {
        return no_cluster(session, arguments);
    }
    let target = arguments[0].clone();
    let question = format!(
        "Fencing {target} will shut down the node and migrate any resources that are running on it! Do you want to fence {target}"
    );
    session.ask(&question) && transient(session, arguments, &target, "terminate", Some("true".to_owned()))
}

/// Sets or unsets an attribute that lives as long as the node is up.
pub(super) fn transient(
    session: &mut Session,
    arguments: &[String],
    of: &str,
    name: &str,
    value: Option<String>,
) -> bool {
    let (node, name) = (Some(of.to_owned()), name.to_owned());
    order(session, arguments, Request::SetAttribute { node, name, value, delay_ms: None, permanent: false })
}

/// `failcount R set|delete|show N [V] [OP] [INTERVAL]`, its words checked already.
pub(super) fn failcount(session: &mut Session, arguments: &[String]) -> bool {
    let Some(live) = node(session) else { return no_cluster(session, arguments) };
    let (resource, of) = (arguments[0].clone(), arguments[2].clone());
    match arguments[1].as_str() {
        "delete" => order(
            session,
            arguments,
            Request::ClearFailures { resource: Some(resource), operation: None, node: Some(of) },
        ),
        "set" => {
            let (Some(value), Some(operation)) = (arguments.get(3), arguments.get(4)) else {
                return session
                    .fail("a fail count is that of an operation: failcount RSC set NODE VALUE OPERATION [INTERVAL]");
            };
            let interval = arguments.get(5).map_or("0", String::as_str);
            let Ok(interval) = cib_core::rules::parse_milliseconds(interval) else {
                return session.fail(&format!("'{interval}' is no interval"));
            };
            transient(
                session,
                arguments,
                &of,
                &format!("fail-count-{resource}#{operation}_{interval}"),
                Some(value.clone()),
            )
        }
        _ => match live.ask(Request::Attributes { name: None, node: Some(of) }) {
            Ok(Answer::Attributes(rows)) => {
                println!("scope=status  name=fail-count-{resource} value={}", total(&rows, &resource));
                true
            }
            Ok(_) => false,
            Err(error) => session.fail(&error.to_string()),
        },
    }
}

/// The sum of a resource's fail counts, as scores are shown.
fn total(rows: &[AttributeRow], resource: &str) -> String {
    let prefix = format!("fail-count-{resource}#");
    let counts = rows.iter().filter(|row| row.name.starts_with(&prefix)).filter_map(|row| row.value.as_deref());
    let sum = counts.fold(0_i64, |sum, text| match text {
        "INFINITY" => 1_000_000,
        text => sum.saturating_add(text.parse().unwrap_or(0)),
    });
    if sum >= 1_000_000 { "INFINITY".to_owned() } else { sum.to_string() }
}

/// Waits until the cluster has nothing left to do; `false` if it does not come to rest.
pub(super) fn wait(session: &mut Session) -> bool {
    let Some(live) = node(session) else { return true };
    let end = Instant::now() + REST;
    let mut quiet = 0;
    while Instant::now() < end {
        match live.status() {
            // Twice in a row: between a change and its transition there is a moment without either.
            Ok(report) if report.idle => quiet += 1,
            Ok(_) => quiet = 0,
            Err(error) => return session.fail(&error.to_string()),
        }
        if quiet > 1 {
            return true;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    session.fail("the cluster did not come to rest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_counts_add_up_to_infinity() {
        let row =
            |name: &str, value: &str| AttributeRow { name: name.into(), node: "a".into(), value: Some(value.into()) };
        let rows = [
            row("fail-count-db#monitor_10000", "2"),
            row("fail-count-db#start_0", "1"),
            row("fail-count-d#start_0", "9"),
        ];
        assert_eq!(total(&rows, "db"), "3");
        assert_eq!(total(&[row("fail-count-db#start_0", "INFINITY")], "db"), "INFINITY");
        assert_eq!(total(&rows, "web"), "0");
    }
}
