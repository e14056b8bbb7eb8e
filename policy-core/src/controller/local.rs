//! This node's part: running operations for the coordinator and recording their results ([CT-6]).

use super::agent::agent_of;
use super::record::{Record, Remembered, op_status};
use super::{Alert, CibWrite, Controller, Event, Message, NodeId, Operation, Output, Receiver, Report, State};
use crate::attributes;
use crate::graph::{Action, Place, Primitive};
use crate::transition::TransitionKey;
use std::time::Duration;

/// A recurring operation that begins later than this is answered at once ([CT-6.1]).
const LONG_DELAY_MS: u64 = 5 * 60 * 1000;

/// The call of a simulated failure of a resource that was never operated here ([CT-6.8]).
const WITHOUT_HISTORY: i64 = 999_999_999;

/// The origin of entries written with a result.
const ORIGIN: &str = "controld_update_resource_history";

impl Operation {
    /// The operation that an action of a graph asks for.
    pub(super) fn of_action(action: &Action, primitive: &Primitive, key: String, feature_set: String) -> Self {
        // Anonymous instances share the name of the configured resource on their node [CT-6.1].
        let resource = primitive.id.clone();
        let number = |name| action.meta_number(name).unwrap_or(0).max(0) as u64;
        let watches_device = primitive.class.as_deref() == Some("stonith")
            && action.element.operation == "monitor"
            && action.interval_ms() > 0;
        let device_timeout = action
            .attribute("pcmk_monitor_timeout")
            .filter(|_| watches_device)
            .and_then(|text| u64::try_from(cib_core::rules::parse_milliseconds(text).ok()?).ok());
        Operation {
            call: 0,
            remote: None,
            agent: primitive.clone(),
            resource,
            task: action.element.operation.clone(),
            interval_ms: action.interval_ms(),
            timeout_ms: match device_timeout.unwrap_or(number("timeout")) {
                0 => action.interval_ms(),
                timeout => timeout,
            },
            start_delay_ms: number("start_delay"),
            parameters: action
                .attributes
                .iter()
                .chain(&action.params)
                .filter(|(name, _)| name != "CRM_meta_op_target_rc")
                .cloned()
                .collect(),
            target_rc: action.target_rc(),
            key: Some(key),
            feature_set,
            shutdown_lock: action.shutdown_lock,
        }
    }
}

/// The resource of an operation key, or all of it.
fn resource_of(key: &str) -> String {
    super::matching::split_key(key).map_or(key, |(resource, ..)| resource).to_owned()
}

impl Controller {
    /// An operation for this node or for a remote node that is connected here ([CT-6.1]).
    pub(super) fn invoke(&mut self, now: Duration, action: &Action, key: &str, feature_set: String) {
        let unknown = || Primitive { id: resource_of(&action.element.key), ..Primitive::default() };
        let primitive = action.primitive.clone().unwrap_or_else(unknown);
        let mut operation = Operation::of_action(action, &primitive, key.to_owned(), feature_set);
        let place = action.element.node.as_ref().map_or(self.me.name.as_str(), |p| p.name.as_str());
        operation.remote = (!place.eq_ignore_ascii_case(&self.me.name)).then(|| place.to_owned());
        if let Some(reason) = self.missing_connection(operation.remote.as_deref()) {
            let report = self.failed_now(now, 1, op_status::NOT_CONNECTED, reason);
            return self.synthesize(&operation, report);
        }
        if primitive.class.is_none() || primitive.agent.is_none() {
            let report = self.failed_now(now, 6, op_status::ERROR, "Invalid resource definition");
            return self.synthesize(&operation, report);
        }
        if operation.task == "cancel" {
            let task = action.meta("operation").unwrap_or("monitor").to_owned();
            let call = action.meta_number("call_id").and_then(|id| u32::try_from(id).ok()).filter(|&id| id > 0);
            return self.cancel_asked(operation, &task, action.interval_ms(), call);
        }
        self.map_reload(&mut operation);
        if let Some(reason) = self.refusal_to_run(&operation.task) {
            let report =
                Report { rc: 1, op_status: op_status::INVALID, exit_reason: reason.to_owned(), ..Report::default() };
            if operation.task == "start" && self.shutting_down {
                self.append(super::fsa::Input::Shutdown);
            }
            return self.reply(&operation, report);
        }
        self.begin(now, operation);
    }

    /// Numbers an operation, cancels what it replaces, writes that it is pending and has it executed.
    fn begin(&mut self, now: Duration, mut operation: Operation) {
        let remote = operation.remote.clone();
        let Some(lrm) = self.lrm(remote.as_deref()) else { return };
        operation.call = lrm.next_call;
        lrm.next_call += 1;
        let remembered = lrm.resource(&operation.resource, &operation.agent);
        if operation.task == "stop" && !remembered.stop_parameters.is_empty() {
            operation.parameters.retain(|(n, _)| n.starts_with("CRM_meta_"));
            operation.parameters.extend(remembered.stop_parameters.iter().cloned());
        }
        let moves_connection = operation.is_connection() && operation.task == "migrate_to";
        if operation.interval_ms == 0 && !matches!(operation.task.as_str(), "monitor" | "notify") && !moves_connection {
            self.cancel_recurring_of(remote.as_deref(), &operation.resource);
        }
        if operation.interval_ms > 0 {
            self.cancel_same(&operation);
        }
        self.write_pending(now, &operation);
        self.log(Event::Executing {
            task: operation.task.clone(),
            resource: operation.resource.clone(),
            node: self.place_of(remote.as_deref()).name,
        });
        let report = self.failed_now(now, 193, op_status::PENDING, "");
        let record = Record { operation: operation.clone(), call_id: i64::from(operation.call), report, agent: None };
        if let Some(lrm) = self.lrm(remote.as_deref()) {
            lrm.operations.insert(operation.call, record);
        }
        if operation.interval_ms > 0 && operation.start_delay_ms > LONG_DELAY_MS {
            self.reply(&operation, Report { rc: operation.target_rc, ..Report::default() });
        }
        if operation.is_connection() {
            self.run_connection(now, &operation);
        } else {
            self.execute(operation);
        }
    }

    /// Hands an operation to its executor, once the meta-data of its agent is known; a start has it read anew.
    fn execute(&mut self, operation: Operation) {
        let Some(key) = agent_of(&operation.agent, &operation.task) else {
            return self.outputs.push_back(Output::Execute(operation));
        };
        let known = self.agents.contains_key(&key);
        if !known || operation.task == "start" {
            let asked = self.waiting.contains_key(&key);
            if !asked {
                self.outputs.push_back(Output::AskAgent { agent: key.clone(), remote: operation.remote.clone() });
            }
        }
        if known {
            self.outputs.push_back(Output::Execute(operation));
        } else {
            self.waiting.entry(key).or_default().push(operation);
        }
    }

    /// The meta-data of an agent, or that it has none: what waited for it is executed.
    pub fn handle_agent(&mut self, now: Duration, agent: super::AgentKey, meta: Option<super::AgentMeta>) {
        let waiting = self.waiting.remove(&agent).unwrap_or_default();
        self.agents.insert(agent, meta.map(std::sync::Arc::new));
        for operation in waiting {
            let active =
                self.lrm(operation.remote.as_deref()).is_some_and(|l| l.operations.contains_key(&operation.call));
            if active {
                self.outputs.push_back(Output::Execute(operation));
            }
        }
        self.run(now);
    }

    /// `reload` and `reload-agent` both become what the agent knows ([CT-6.1] step 5).
    fn map_reload(&self, operation: &mut Operation) {
        if !matches!(operation.task.as_str(), "reload" | "reload-agent") {
            return;
        }
        let meta = agent_of(&operation.agent, &operation.task).and_then(|key| self.agents.get(&key)?.clone());
        let legacy = meta.is_some_and(|m| m.reload == super::Reload::Legacy);
        operation.task = if legacy { "reload" } else { "reload-agent" }.to_owned();
    }

    fn refusal_to_run(&self, task: &str) -> Option<&'static str> {
        if task == "start" && self.shutting_down {
            return Some("Not attempting start due to shutdown in progress");
        }
        let may = matches!(self.state, State::NotDc | State::PolicyEngine | State::TransitionEngine);
        (task != "stop" && !may).then_some("Controller cannot attempt actions at this time")
    }

    /// The result of an operation that never reached an executor.
    fn synthesize(&mut self, operation: &Operation, report: Report) {
        if Record::is_recordable(&operation.task) {
            let record = Record { operation: operation.clone(), call_id: 0, report, agent: None };
            let place = self.place_of(operation.remote.as_deref());
            self.write_record(&record, &place);
        } else {
            self.reply(operation, report);
        }
    }

    /// A direct answer to the coordinator, for results that are not recorded.
    pub(super) fn reply(&mut self, operation: &Operation, report: Report) {
        let Some(key) = operation.key.clone() else { return };
        let (op_status, rc) = report.told_to(&operation.feature_set);
        let report = Report { op_status, rc, ..report };
        let message = Message::Result {
            place: self.place_of(operation.remote.as_deref()),
            resource: operation.resource.clone(),
            key,
            operation_key: operation.operation_key(),
            report,
        };
        self.send(Receiver::Dc, message);
    }

    /// Deletes an entry of a history; with a call, only if it is of that one.
    pub(super) fn delete_entry(&mut self, remote: Option<&str>, key: &str, call: Option<u32>) {
        let place = self.place_of(remote);
        let of_call = call.map_or_else(String::new, |call| format!(" and @call-id='{call}'"));
        let xpath = format!("//node_state[@uname='{}']//lrm_rsc_op[@id='{key}'{of_call}]", place.name);
        self.delete_in_history(&place.uuid, xpath);
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
        self.own.operations.values().rev().find(of).map(|record| Record { call_id: -1, ..record.clone() })
    }

    /// [CT-6.4]
    fn write_pending(&mut self, now: Duration, operation: &Operation) {
        let recorded = operation.meta("record_pending").is_none_or(|v| cib_core::rules::is_true(Some(v)));
        if !Record::is_recordable(&operation.task) || !recorded {
            return;
        }
        let report = self.failed_now(now, 193, op_status::PENDING, "");
        let agent = self.known_agent(operation);
        let record = Record { operation: operation.clone(), call_id: -1, report, agent };
        let place = self.place_of(operation.remote.as_deref());
        self.write_record(&record, &place);
    }

    fn known_agent(&self, operation: &Operation) -> Option<std::sync::Arc<super::AgentMeta>> {
        agent_of(&operation.agent, &operation.task).and_then(|key| self.agents.get(&key)?.clone())
    }

    /// Merges one result into the history of a node ([CT-6.2]).
    pub(super) fn write_record(&mut self, record: &Record, place: &Place) {
        let operation = &record.operation;
        let me = self.me.name.clone();
        let remote = self.is_remote(&place.name);
        let write = CibWrite::merge("status", |doc, root| {
            let state = doc.append(root, "node_state");
            doc.set_attr(state, "id", &place.uuid);
            doc.set_attr(state, "uname", &place.name);
            if remote {
                doc.set_attr(state, "remote_node", "true");
            }
            doc.set_attr(state, "crm-debug-origin", ORIGIN);
            let lrm = doc.append(state, "lrm");
            doc.set_attr(lrm, "id", &place.uuid);
            let resources = doc.append(lrm, "lrm_resources");
            let container = operation.meta("container");
            let element = Remembered::write_resource(&operation.agent, &operation.resource, container, doc, resources);
            if let Some(lock) = operation.shutdown_lock {
                let ok = record.report.op_status == op_status::DONE;
                let locked = (operation.task == "stop" && ok && record.report.rc == 0)
                    || (operation.task == "monitor" && record.report.rc == 7);
                doc.set_attr(element, "shutdown-lock", &if locked { lock } else { 0 }.to_string());
            }
            record.write(doc, element, &me, ORIGIN);
        });
        self.write_history(&place.uuid, format!("{} {}", operation.resource, record.entries().join(" ")), write);
    }

    /// This node's executor reports the end of an operation, or a new result of a recurring one ([CT-6.1]).
    pub fn handle_report(&mut self, now: Duration, call: u32, report: Report) {
        self.take_report(None, call, report);
        self.run(now);
    }

    pub(super) fn take_report(&mut self, remote: Option<&str>, call: u32, mut report: Report) {
        let Some(known) = self.lrm(remote).and_then(|lrm| lrm.operations.get(&call)) else { return };
        let removal_asked = known.is_awaited();
        let operation = known.operation.clone();
        if report.op_status == op_status::ERROR && matches!(report.rc, 7 | 8 | 190 | 191) {
            report.op_status = op_status::DONE;
        }
        let cancelled = report.op_status == op_status::CANCELLED;
        let agent = self.known_agent(&operation);
        let record = Record { operation, call_id: i64::from(call), report, agent };
        if let Some(lrm) = self.lrm(remote).filter(|_| record.operation.interval_ms == 0 || cancelled) {
            lrm.operations.remove(&call);
        }
        self.announce(&record);
        self.settle(&record, cancelled, removal_asked);
        if let Some(remembered) = self.lrm(remote).and_then(|l| l.remembered.get_mut(&record.operation.resource)) {
            remembered.remember(&record);
        }
    }

    fn settle(&mut self, record: &Record, cancelled: bool, removal_asked: bool) {
        let operation = &record.operation;
        if cancelled && operation.interval_ms > 0 {
            if removal_asked {
                self.cancelled(record);
            }
        } else if !cancelled && Record::is_recordable(&operation.task) {
            let place = self.place_of(operation.remote.as_deref());
            self.write_record(record, &place);
        } else {
            self.reply(operation, record.report.clone());
        }
    }

    /// A recurring operation whose removal a transition asked for has ended: the deletion of its entry tells the coordinator.
    pub(super) fn cancelled(&mut self, record: &Record) {
        let operation = &record.operation;
        let remote = operation.remote.as_deref();
        self.delete_entry(remote, &operation.operation_key(), None);
        let failed_last = self.lrm(remote).is_some_and(|lrm| {
            let failure = lrm.remembered.get(&operation.resource).and_then(|r| r.last_failure.as_ref());
            failure.is_some_and(|f| f.operation.operation_key() == operation.operation_key())
        });
        if failed_last {
            // There may be no entry of its own whose deletion would tell the coordinator.
            self.reply(operation, record.report.clone());
        }
    }

    fn announce(&mut self, record: &Record) {
        let (operation, report) = (&record.operation, &record.report);
        let node = self.place_of(operation.remote.as_deref()).name;
        self.log(Event::Result {
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
            resource: operation.resource.clone(),
            node: node.clone(),
            timeout_ms: operation.timeout_ms,
            target_rc: operation.target_rc,
            report: report.clone(),
        });
        let probe = operation.task == "monitor" && operation.interval_ms == 0;
        if matches!(operation.task.as_str(), "meta-data") || (probe && report.rc == operation.target_rc) {
            return;
        }
        let alert = Alert::Resource {
            node,
            resource: operation.resource.clone(),
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
            rc: report.rc,
            target_rc: operation.target_rc,
            op_status: report.op_status,
            exec_ms: report.exec_ms,
            timeout_ms: operation.timeout_ms,
        };
        self.alert(&alert);
    }

    /// [CT-6.8]
    pub(super) fn fail_resource(&mut self, now: Duration, resource: &str, remote: Option<&str>) {
        let Some(remembered) = self.lrm(remote).and_then(|lrm| lrm.remembered.get(resource)) else { return };
        let call_id = if remembered.last_call == 0 { WITHOUT_HISTORY } else { remembered.last_call + 1 };
        let agent = remembered.agent.clone();
        let operation = Operation {
            call: 0,
            remote: remote.map(str::to_owned),
            agent,
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
        let report = self.failed_now(now, 1, op_status::DONE, "Simulated failure");
        let record = Record { operation, call_id, report, agent: None };
        self.announce(&record);
        let place = self.place_of(remote);
        self.write_record(&record, &place);
        if let Some(remembered) = self.lrm(remote).and_then(|lrm| lrm.remembered.get_mut(resource)) {
            remembered.remember(&record);
        }
    }

    /// Clears failures for the coordinator ([CT-5.14]).
    pub(super) fn clear_failures(&mut self, from: NodeId, clearing: &super::Clearing) {
        let super::Clearing { resource, operation, place, key } = clearing;
        let request = attributes::Request::ClearFailure {
            resource: Some(resource.clone()),
            operation: operation.clone(),
            node: Some(place.name.clone()),
        };
        self.outputs.push_back(Output::Attribute(request));
        let mut entry = format!("@id='{resource}_last_failure_0'");
        if let Some((task, interval)) = operation {
            entry.push_str(&format!(" and @operation_key='{resource}_{task}_{interval}'"));
        }
        let xpath = format!("//node_state[@id='{}']//lrm_rsc_op[{entry}]", place.uuid);
        self.delete_in_history(&place.uuid, xpath);
        let remote = (place.name != self.me.name).then_some(place.name.as_str());
        if let Some(remembered) = self.lrm(remote).and_then(|lrm| lrm.remembered.get_mut(resource)) {
            let matches = |r: &Record| {
                operation.as_ref().is_none_or(|(t, i)| r.operation.task == *t && r.operation.interval_ms == *i)
            };
            remembered.last_failure = remembered.last_failure.take().filter(|r| !matches(r));
        }
        let operation_key = format!("{resource}_clear_failcount_0");
        let message = Message::Result {
            place: place.clone(),
            resource: resource.clone(),
            key: key.clone(),
            operation_key,
            report: Report::default(),
        };
        self.send(Receiver::Node(from), message);
    }
}
