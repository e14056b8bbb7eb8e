//! This node's part: running operations for the coordinator and recording their results ([CT-6]).

use super::record::{Record, Remembered, op_status};
use super::{
    Alert, CibWrite, Controller, Event, Message, NodeId, Operation, Output, Receiver, Report, State, WriteEnd,
    operation_key,
};
use crate::attributes;
use crate::graph::{Action, Primitive};
use crate::transition::TransitionKey;
use std::time::Duration;

impl Operation {
    /// The operation that an action of a graph asks for.
    pub(super) fn of_action(
        call: u32,
        action: &Action,
        primitive: &Primitive,
        key: String,
        feature_set: String,
    ) -> Self {
        // Anonymous instances share the name of the configured resource on their node [CT-6.1].
        let resource = primitive.id.clone();
        let number = |name| action.meta_number(name).unwrap_or(0).max(0) as u64;
        Operation {
            call,
            agent: primitive.clone(),
            resource,
            task: action.element.operation.clone(),
            interval_ms: action.interval_ms(),
            timeout_ms: match number("timeout") {
                0 => action.interval_ms(),
                timeout => timeout,
            },
            start_delay_ms: number("start_delay"),
            parameters: action.attributes.iter().chain(&action.params).cloned().collect(),
            target_rc: action.target_rc(),
            key: Some(key),
            feature_set,
            shutdown_lock: action.shutdown_lock,
        }
    }
}

impl Controller {
    /// An operation for this node ([CT-6.1]).
    pub(super) fn invoke(&mut self, now: Duration, action: &Action, key: &str, feature_set: String) {
        let Some(primitive) = &action.primitive else { return };
        let call = self.next_call;
        let mut operation = Operation::of_action(call, action, primitive, key.to_owned(), feature_set);
        if operation.task == "cancel" {
            return self.cancel(action, &operation.resource);
        }
        if let Some(reason) = self.refusal_to_run(&operation.task) {
            let report =
                Report { rc: 1, op_status: op_status::INVALID, exit_reason: reason.to_owned(), ..Report::default() };
            return self.reply(&operation, report);
        }
        self.next_call += 1;
        let remembered =
            self.remembered.entry(operation.resource.clone()).or_insert_with(|| Remembered::new(primitive.clone()));
        if operation.task == "stop" && !remembered.stop_parameters.is_empty() {
            operation.parameters.retain(|(n, _)| n.starts_with("CRM_meta_"));
            operation.parameters.extend(remembered.stop_parameters.iter().cloned());
        }
        if operation.interval_ms == 0 && !matches!(operation.task.as_str(), "monitor" | "notify") {
            self.cancel_recurring_of(&operation.resource);
        }
        if operation.interval_ms > 0 {
            self.cancel_same(&operation);
        }
        self.write_pending(now, &operation);
        self.log(Event::Executing {
            task: operation.task.clone(),
            resource: operation.resource.clone(),
            node: self.me.name.clone(),
        });
        let report = self.pending_report(now);
        let record = Record { operation: operation.clone(), call_id: i64::from(call), report };
        self.operations.insert(call, record);
        self.outputs.push_back(Output::Execute(operation));
    }

    fn refusal_to_run(&self, task: &str) -> Option<&'static str> {
        if task == "start" && self.shutting_down {
            return Some("Not attempting start due to shutdown in progress");
        }
        let may = matches!(self.state, State::NotDc | State::PolicyEngine | State::TransitionEngine);
        (task != "stop" && !may).then_some("Controller cannot attempt actions at this time")
    }

    /// A direct answer to the coordinator, for results that are not recorded.
    fn reply(&mut self, operation: &Operation, report: Report) {
        let Some(key) = operation.key.clone() else { return };
        let message = Message::Result {
            resource: operation.resource.clone(),
            key,
            operation_key: operation.operation_key(),
            report,
        };
        self.send(Receiver::Dc, message);
    }

    /// [CT-6.5]
    fn cancel(&mut self, action: &Action, resource: &str) {
        let task = action.meta("operation").unwrap_or("monitor").to_owned();
        let interval = action.interval_ms();
        let key = operation_key(resource, &task, interval, &[]);
        let found = self.operations.values_mut().find(|r| {
            r.operation.resource == resource && r.operation.task == task && r.operation.interval_ms == interval
        });
        match found {
            Some(record) => {
                // Its removal was asked for: the entry goes with it.
                record.report.op_status = op_status::CANCELLED;
                let cancel = cancellation(record);
                self.outputs.push_back(cancel);
            }
            None => self.delete_entry(&key),
        }
    }

    fn delete_entry(&mut self, key: &str) {
        let me = &self.me.name;
        let xpath = format!("//node_state[@uname='{me}']//lrm_rsc_op[@id='{key}']");
        self.write(vec![CibWrite::Delete { xpath }], WriteEnd::Nothing);
    }

    fn cancel_same(&mut self, operation: &Operation) {
        self.cancel_where(|o| {
            o.resource == operation.resource && o.task == operation.task && o.interval_ms == operation.interval_ms
        });
    }

    fn cancel_recurring_of(&mut self, resource: &str) {
        self.cancel_where(|o| o.resource == resource && o.interval_ms > 0);
    }

    pub(super) fn cancel_all_recurring(&mut self) {
        self.cancel_where(|o| o.interval_ms > 0);
    }

    fn cancel_where(&mut self, which: impl Fn(&Operation) -> bool) {
        let cancelled = &mut self.outputs;
        self.operations.retain(|_, record| {
            let hit = which(&record.operation);
            if hit {
                cancelled.push_back(cancellation(record));
            }
            !hit
        });
    }

    fn pending_report(&self, now: Duration) -> Report {
        let epoch = self.epoch_seconds(now);
        Report { rc: 193, op_status: op_status::PENDING, started: epoch, changed: epoch, ..Report::default() }
    }

    /// The operation of a resource that runs or waits here now, as history tells it. The released controller leaves it out of
    /// what it tells a coordinator that it joins, which may then start the resource a second time elsewhere while the first
    /// start still runs here; so this one tells it ([CT-6.4]: "the pending entry tells the scheduler that something may be
    /// running").
    pub(super) fn in_flight(&self, resource: &str) -> Option<Record> {
        let of = |r: &&Record| {
            let operation = &r.operation;
            operation.resource == resource && operation.interval_ms == 0 && Record::is_recordable(&operation.task)
        };
        self.operations.values().rev().find(of).map(|record| Record { call_id: -1, ..record.clone() })
    }

    /// [CT-6.4]
    fn write_pending(&mut self, now: Duration, operation: &Operation) {
        let recorded = operation.meta("record_pending").is_none_or(|v| v != "false");
        if !Record::is_recordable(&operation.task) || !recorded {
            return;
        }
        let record = Record { operation: operation.clone(), call_id: -1, report: self.pending_report(now) };
        let (id, name) = (self.me.id.to_string(), self.me.name.clone());
        self.write_record(&record, &id, &name);
    }

    /// Merges one result into the history of a node ([CT-6.2]).
    pub(super) fn write_record(&mut self, record: &Record, node_id: &str, node: &str) {
        let operation = &record.operation;
        let me = self.me.name.clone();
        let write = CibWrite::merge("status", |doc, root| {
            let state = doc.append(root, "node_state");
            doc.set_attr(state, "id", node_id);
            doc.set_attr(state, "uname", node);
            doc.set_attr(state, "crm-debug-origin", "controld_update_resource_history");
            let lrm = doc.append(state, "lrm");
            doc.set_attr(lrm, "id", node_id);
            let resources = doc.append(lrm, "lrm_resources");
            let element = Remembered::write_resource(&operation.agent, &operation.resource, doc, resources);
            if let Some(lock) = operation.shutdown_lock {
                let ok = record.report.op_status == op_status::DONE;
                let locked = (operation.task == "stop" && ok && record.report.rc == 0)
                    || (operation.task == "monitor" && record.report.rc == 7);
                doc.set_attr(element, "shutdown-lock", &if locked { lock } else { 0 }.to_string());
            }
            record.write(doc, element, &me, "controld_update_resource_history");
        });
        self.write(vec![write], WriteEnd::Nothing);
    }

    /// The executor reports the end of an operation, or a new result of a recurring one ([CT-6.1]).
    pub fn handle_report(&mut self, now: Duration, call: u32, mut report: Report) {
        let Some(known) = self.operations.get(&call) else { return };
        let removal_asked = known.report.op_status == op_status::CANCELLED;
        let operation = known.operation.clone();
        if report.op_status == op_status::ERROR && matches!(report.rc, 7 | 8 | 190 | 191) {
            report.op_status = op_status::DONE;
        }
        let cancelled = report.op_status == op_status::CANCELLED;
        if operation.interval_ms == 0 || cancelled {
            self.operations.remove(&call);
        }
        let record = Record { operation, call_id: i64::from(call), report };
        self.announce(&record);
        self.settle(&record, cancelled, removal_asked);
        if let Some(remembered) = self.remembered.get_mut(&record.operation.resource) {
            remembered.remember(&record);
        }
        self.run(now);
    }

    fn settle(&mut self, record: &Record, cancelled: bool, removal_asked: bool) {
        let operation = &record.operation;
        if cancelled {
            if operation.interval_ms == 0 {
                self.reply(operation, record.report.clone());
            } else if removal_asked {
                self.delete_entry(&operation.operation_key());
            }
        } else if Record::is_recordable(&operation.task) {
            let (id, name) = (self.me.id.to_string(), self.me.name.clone());
            self.write_record(record, &id, &name);
        } else {
            self.reply(operation, record.report.clone());
        }
    }

    fn announce(&mut self, record: &Record) {
        let operation = &record.operation;
        self.log(Event::Result {
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
            resource: operation.resource.clone(),
            node: self.me.name.clone(),
            timeout_ms: operation.timeout_ms,
            target_rc: operation.target_rc,
            report: record.report.clone(),
        });
        self.outputs.push_back(Output::Alert(Alert::Resource {
            resource: operation.resource.clone(),
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
            rc: record.report.rc,
            target_rc: operation.target_rc,
            op_status: record.report.op_status,
        }));
    }

    /// [CT-6.8]
    pub(super) fn fail_resource(&mut self, now: Duration, resource: &str) {
        let Some(remembered) = self.remembered.get(resource) else { return };
        let call_id = remembered.last_call + 1;
        let epoch = self.epoch_seconds(now);
        let operation = Operation {
            call: 0,
            agent: remembered.agent.clone(),
            resource: resource.to_owned(),
            task: "asyncmon".to_owned(),
            interval_ms: 0,
            timeout_ms: 0,
            start_delay_ms: 0,
            parameters: Vec::new(),
            target_rc: 0,
            key: Some(TransitionKey::outside(call_id, 0).to_string()),
            feature_set: self.me.feature_set.to_string(),
            shutdown_lock: None,
        };
        let report = Report {
            rc: 1,
            op_status: op_status::DONE,
            exit_reason: "Simulated failure".to_owned(),
            started: epoch,
            changed: epoch,
            ..Report::default()
        };
        let record = Record { operation, call_id, report };
        self.announce(&record);
        let (id, name) = (self.me.id.to_string(), self.me.name.clone());
        self.write_record(&record, &id, &name);
        if let Some(remembered) = self.remembered.get_mut(resource) {
            remembered.remember(&record);
        }
    }

    /// [CT-6.7], [CT-6.9]
    pub(super) fn delete_history(
        &mut self,
        now: Duration,
        from: NodeId,
        resource: Option<String>,
        key: Option<String>,
        cib_only: Option<String>,
    ) {
        let node_id = cib_only.clone().unwrap_or_else(|| self.me.id.to_string());
        let lrm = format!("//node_state[@id='{node_id}']/lrm");
        let xpath = match &resource {
            Some(name) => format!("{lrm}/lrm_resources/lrm_resource[@id='{name}']"),
            None => lrm,
        };
        if cib_only.is_none() {
            let forgotten: Vec<String> = match &resource {
                Some(name) => vec![name.clone()],
                None => self.remembered.keys().cloned().collect(),
            };
            for name in forgotten {
                self.cancel_recurring_of(&name);
                self.operations.retain(|_, r| r.operation.resource != name);
                self.remembered.remove(&name);
                self.outputs.push_back(Output::Unregister { resource: name });
            }
        }
        self.write(vec![CibWrite::Delete { xpath }], WriteEnd::Nothing);
        if let Some(key) = key {
            let resource = resource.unwrap_or_default();
            let operation_key = format!("{resource}_delete_0");
            self.send(
                Receiver::Node(from),
                Message::Result { resource, key, operation_key, report: Report::default() },
            );
        } else {
            let epoch = self.epoch_seconds(now).to_string();
            self.write(vec![super::status::option_write("last-lrm-refresh", &epoch)], WriteEnd::Nothing);
        }
    }

    /// Clears failures for the coordinator ([CT-5.14]).
    #[allow(clippy::too_many_arguments)]
    pub(super) fn clear_failures(
        &mut self,
        from: NodeId,
        resource: &str,
        operation: Option<(String, u64)>,
        node_id: &str,
        node: &str,
        key: String,
    ) {
        let request = attributes::Request::ClearFailure {
            resource: Some(resource.to_owned()),
            operation: operation.clone(),
            node: Some(node.to_owned()),
        };
        self.outputs.push_back(Output::Attribute(request));
        let mut entry = format!("@id='{resource}_last_failure_0'");
        if let Some((task, interval)) = &operation {
            entry.push_str(&format!(" and @operation_key='{resource}_{task}_{interval}'"));
        }
        let xpath = format!("//node_state[@id='{node_id}']//lrm_rsc_op[{entry}]");
        self.write(vec![CibWrite::Delete { xpath }], WriteEnd::Nothing);
        if let Some(remembered) = self.remembered.get_mut(resource) {
            let matches = |r: &Record| {
                operation.as_ref().is_none_or(|(t, i)| r.operation.task == *t && r.operation.interval_ms == *i)
            };
            remembered.last_failure = remembered.last_failure.take().filter(|r| !matches(r));
        }
        let operation_key = format!("{resource}_clear_failcount_0");
        let report = Report::default();
        self.send(Receiver::Node(from), Message::Result { resource: resource.to_owned(), key, operation_key, report });
    }
}

fn cancellation(record: &Record) -> Output {
    let Operation { call, resource, task, interval_ms, .. } = &record.operation;
    Output::Cancel { call: *call, resource: resource.clone(), task: task.clone(), interval_ms: *interval_ms }
}
