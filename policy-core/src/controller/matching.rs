//! Results find their actions, and failures are counted ([CT-5.8], [CT-5.9], [CT-5.14]).

use super::coordinate::Abort;
use super::record::{Record, op_status};
use super::{ActionEnd, Controller, Operation, Report};
use crate::attributes::{self, Update};
use crate::graph::Place;
use crate::transition::{Completion, INFINITY, TransitionKey};
use cib_core::xml::{Document, NodeIx};
use std::time::Duration;

/// The parts of an operation key: resource, task, interval in milliseconds.
pub(super) fn split_key(key: &str) -> Option<(&str, &str, u64)> {
    let (rest, interval) = key.rsplit_once('_')?;
    let interval = interval.parse().ok()?;
    for task in ["migrate_to", "migrate_from"] {
        if let Some(resource) = rest.strip_suffix(task).and_then(|r| r.strip_suffix('_')) {
            return Some((resource, task, interval));
        }
    }
    let (resource, task) = rest.rsplit_once('_')?;
    Some((resource, task, interval))
}

impl Controller {
    /// A result in the CIB.
    pub(super) fn match_entry(&mut self, now: Duration, patch: &Document, entry: NodeIx, node_id: &str) {
        let Some(key) = patch.attr(entry, "transition-key") else { return };
        let number = |name: &str| patch.attr(entry, name).and_then(|v| v.parse::<i32>().ok());
        let report = Report {
            rc: number("rc-code").unwrap_or(0),
            op_status: number("op-status").unwrap_or(0),
            ..Report::default()
        };
        if report.op_status == op_status::PENDING {
            return;
        }
        let Some(place) = self.place_with_id(node_id) else { return };
        let operation_key = patch.attr(entry, "operation_key").unwrap_or("").to_owned();
        let counted = patch.attr(entry, "crm-debug-origin") != Some(super::confirmed::REFRESH);
        self.match_result(now, &place, key, &operation_key, &report, counted);
    }

    /// A result, from the CIB or sent directly ([CT-5.9]).
    pub(super) fn match_result(
        &mut self,
        now: Duration,
        place: &Place,
        key: &str,
        operation_key: &str,
        report: &Report,
        counted: bool,
    ) {
        let rc = match report.rc {
            190 => 0,
            191 => 8,
            rc => rc,
        };
        let Ok(key) = key.parse::<TransitionKey>() else {
            return self.abort(now, Abort::restart("Bad event"));
        };
        let interval = split_key(operation_key).map_or(0, |(.., interval)| interval);
        let failed = rc != key.target_rc;
        let countable = counted && failed && report.op_status != op_status::INVALID;
        let outside = if key.transition == -1 {
            if !self.handled_outside.insert(key.action) {
                return;
            }
            Some("Unexpected event")
        } else if key.action < 0 || key.uuid != self.me.uuid.trim_end() {
            Some("Foreign event")
        } else if key.transition != self.transition.number() || self.transition.is_complete() {
            if interval != 0 && report.op_status == op_status::CANCELLED {
                self.confirm_cancel(operation_key, Some(&place.uuid));
                return;
            }
            Some(match (interval != 0, key.transition == self.transition.number()) {
                (true, _) => "Change in recurring result",
                (false, true) => "Inactive graph",
                (false, false) => "Old event",
            })
        } else {
            None
        };
        if let Some(reason) = outside {
            self.abort(now, Abort::restart(reason));
            if countable {
                self.count_failure(now, place, operation_key, true, false);
            }
            return;
        }
        self.match_own(now, place, &key, operation_key, failed, countable);
    }

    /// A result of the graph in hand: steps 7 and 8 of [CT-5.9].
    fn match_own(
        &mut self,
        now: Duration,
        place: &Place,
        key: &TransitionKey,
        operation_key: &str,
        failed: bool,
        countable: bool,
    ) {
        let id = u32::try_from(key.action).unwrap_or(u32::MAX);
        let Some(action) = self.transition.action(id) else {
            return self.abort(now, Abort::restart("Unknown event"));
        };
        if self.transition.has_ended(id) {
            return;
        }
        let ignored = action.meta("on_fail") == Some("ignore");
        let failure = failed && !ignored;
        let priority = self.transition.priority(id);
        self.end_action(id, ActionEnd::Confirmed, failure);
        if countable {
            self.count_failure(now, place, operation_key, false, ignored);
        }
        if failure {
            self.abort(now, Abort::new(priority.saturating_add(1), Completion::Restart, "Event failed"));
        } else {
            self.pass_wanted = true;
        }
    }

    /// Confirms the cancel action of an operation on a node; `false` if the graph has none.
    pub(super) fn confirm_cancel(&mut self, operation_key: &str, node_id: Option<&str>) -> bool {
        let found = self
            .transition
            .unconfirmed()
            .find(|a| {
                a.element.operation == "cancel"
                    && a.element.key == operation_key
                    && node_id.is_none_or(|id| a.element.node.as_ref().is_some_and(|p| p.uuid == id))
            })
            .map(|a| a.element.id);
        if let Some(id) = found {
            self.confirm(id, false);
        }
        found.is_some()
    }

    /// Counts an unexpected result ([CT-5.14]).
    fn count_failure(&mut self, now: Duration, place: &Place, operation_key: &str, outside: bool, ignored: bool) {
        let Some((resource, task, interval)) = split_key(operation_key) else { return };
        let value = match task {
            _ if outside => "value++",
            "start" | "stop" if self.transition.failure_is_infinite(task) => "INFINITY",
            "start" | "stop" | "promote" | "demote" => "value++",
            _ if interval > 0 => "value++",
            _ => return,
        };
        let (node, remote) = (place.name.as_str(), self.is_remote(&place.name));
        let epoch = self.epoch_seconds(now).to_string();
        let suffix = format!("{resource}#{task}_{interval}");
        let update = |name: &str, value| Update { remote, ..Update::new(name, Some(value), node) };
        let mut updates = vec![update(&format!("last-failure-{suffix}"), &epoch)];
        if !ignored {
            updates.push(update(&format!("fail-count-{suffix}"), value));
        }
        self.outputs.push_back(super::Output::Attribute(attributes::Request::Update(updates)));
    }

    /// Nobody answered in time ([CT-5.8]).
    pub(super) fn action_lost(&mut self, now: Duration, id: u32) {
        if self.transition.is_complete() {
            return;
        }
        let Some(action) = self.transition.action(id).cloned() else { return };
        let me = self.me.name.clone();
        let reason = match action.receiver() {
            Some(node) if node == me => "Local executor did not return result in time".to_owned(),
            Some(node) => format!("Controller on {node} did not return result in time"),
            None => String::new(),
        };
        self.end_action(id, ActionEnd::Lost, true);
        self.abort(now, Abort::new(INFINITY, Completion::Restart, "Action lost"));
        let (Some(primitive), Some(place)) = (&action.primitive, &action.element.node) else { return };
        if !Record::is_recordable(&action.element.operation) {
            return;
        }
        let key = self.key_of(&action).to_string();
        let mut operation = Operation::of_action(&action, primitive, key, self.me.feature_set.to_string());
        operation.remote = self.is_remote(&place.name).then(|| place.name.clone());
        let report = self.failed_now(now, 1, op_status::TIMEOUT, &reason);
        let record = Record { operation, call_id: -1, report, agent: None };
        let place = place.clone();
        self.write_record(&record, &place);
    }
}

#[cfg(test)]
mod tests {
    use super::split_key;

    #[test]
    fn keys_split_from_the_right() {
        assert_eq!(split_key("my_rsc_monitor_10000"), Some(("my_rsc", "monitor", 10_000)));
        assert_eq!(split_key("vm_migrate_to_0"), Some(("vm", "migrate_to", 0)));
        assert_eq!(split_key("nonsense"), None);
    }
}
