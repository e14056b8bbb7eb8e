//! What a node remembers of its operations, and how it is written as history ([CT-6.2] to [CT-6.6]).

use super::FeatureSet;
use super::agent::{AgentMeta, name_list};
use crate::graph::Primitive;
use crate::transition::{TransitionKey, TransitionMagic};
use cib_core::xml::{Document, NodeIx};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operation status: how the execution itself went ([CT-6.3]).
pub mod op_status {
    /// Not finished.
    pub const PENDING: i32 = -1;
    /// The agent ran to its end.
    pub const DONE: i32 = 0;
    /// Cancelled before its end.
    pub const CANCELLED: i32 = 1;
    /// It took too long.
    pub const TIMEOUT: i32 = 2;
    /// The agent cannot do this.
    pub const NOT_SUPPORTED: i32 = 3;
    /// It failed.
    pub const ERROR: i32 = 4;
    /// No agent of that name.
    pub const NOT_INSTALLED: i32 = 7;
    /// No connection to the executor.
    pub const NOT_CONNECTED: i32 = 8;
    /// Cannot be executed now.
    pub const INVALID: i32 = 9;
    /// The fencer has no device for it.
    pub const NO_FENCE_DEVICE: i32 = 10;
}

/// An operation for the local executor.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Operation {
    /// The controller's number for it; the executor's report carries it back.
    pub call: u32,
    /// The remote node whose executor runs it; `None`: this node's own.
    pub remote: Option<String>,
    /// The agent.
    pub agent: Primitive,
    /// Name under which executor and history know the resource.
    pub resource: String,
    /// `start`, `stop`, `monitor`, ...
    pub task: String,
    /// 0 or the interval of a recurring operation, milliseconds.
    pub interval_ms: u64,
    /// How long it may take, milliseconds.
    pub timeout_ms: u64,
    /// How long to wait before the first execution, milliseconds.
    pub start_delay_ms: u64,
    /// All attributes of the graph action: parameters and `CRM_meta_*`.
    pub parameters: Vec<(String, String)>,
    /// The result that is expected.
    pub target_rc: i32,
    /// Transition key, if a transition asked.
    pub key: Option<String>,
    /// Feature set of the graph.
    pub feature_set: String,
    /// Time of a shutdown lock ([CT-7.9]).
    pub shutdown_lock: Option<i64>,
}

impl Operation {
    /// `RESOURCE_TASK_INTERVAL`, notifications with their kind.
    pub fn operation_key(&self) -> String {
        operation_key(&self.resource, self.recorded_task(0), self.interval_ms, &self.parameters)
    }

    fn recorded_task(&self, op_status: i32) -> &str {
        match self.task.as_str() {
            "reload" | "reload-agent" if op_status == 0 => "start",
            "reload" | "reload-agent" => "monitor",
            task => task,
        }
    }

    /// A `CRM_meta_*` attribute.
    pub fn meta(&self, name: &str) -> Option<&str> {
        let full = format!("CRM_meta_{name}");
        self.parameters.iter().find(|(n, _)| *n == full).map(|(_, v)| v.as_str())
    }
}

/// The key of an operation.
pub fn operation_key(resource: &str, task: &str, interval_ms: u64, parameters: &[(String, String)]) -> String {
    if task == "notify" {
        let meta = |name: &str| parameters.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let (kind, operation) = (meta("CRM_meta_notify_type"), meta("CRM_meta_notify_operation"));
        return format!("{resource}_{kind}_notify_{operation}_0");
    }
    format!("{resource}_{task}_{interval_ms}")
}

/// The end of an operation, or a new result of a recurring one.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// Exit code of the agent.
    pub rc: i32,
    /// How the execution went, see [`op_status`].
    pub op_status: i32,
    /// Reason given for a failure.
    pub exit_reason: String,
    /// Epoch second at which this execution started.
    pub started: u64,
    /// Epoch second at which the result last changed.
    pub changed: u64,
    /// Milliseconds it ran.
    pub exec_ms: u64,
    /// Milliseconds it waited.
    pub queue_ms: u64,
}

impl Report {
    /// Status and exit code as a coordinator of this feature set knows them: older ones have no word for a broken connection, nor for
    /// what cannot be executed ([CT-7.10]).
    pub(super) fn told_to(&self, feature_set: &str) -> (i32, i32) {
        let old = match self.op_status {
            op_status::NOT_CONNECTED => (op_status::ERROR, 189),
            op_status::INVALID => (op_status::ERROR, 99),
            status => return (status, self.rc),
        };
        if is_below(feature_set, "3.2.0") { old } else { (self.op_status, self.rc) }
    }
}

fn is_below(feature_set: &str, limit: &str) -> bool {
    let set = |text: &str| text.parse::<FeatureSet>().expect("infallible");
    set(feature_set) < set(limit)
}

/// An operation with its result.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) operation: Operation,
    pub(crate) call_id: i64,
    pub(crate) report: Report,
    /// What is known of its agent.
    pub(crate) agent: Option<Arc<AgentMeta>>,
}

impl Record {
    /// [CT-6.3]: by status, or by the exit code where the status does not say.
    pub(crate) fn is_failed(&self) -> bool {
        let status = self.report.op_status;
        matches!(status, 2 | 3 | 4 | 8 | 9 | 10 | 11)
            || (status != op_status::CANCELLED
                && status != op_status::PENDING
                && self.report.rc != self.operation.target_rc)
    }

    /// Whether it is active and a transition waits for its cancellation ([CT-6.5]).
    pub(super) fn is_awaited(&self) -> bool {
        self.report.op_status == op_status::CANCELLED
    }

    fn is_pending(&self) -> bool {
        self.report.op_status == op_status::PENDING
    }

    /// Whether its result goes into the CIB ([CT-6.2]).
    pub(crate) fn is_recordable(task: &str) -> bool {
        !matches!(task, "cancel" | "delete" | "notify" | "meta-data" | "metadata")
    }

    /// Ids of the entries it writes.
    pub(super) fn entries(&self) -> Vec<String> {
        let task = self.operation.recorded_task(self.report.op_status);
        let Operation { resource, interval_ms, parameters, .. } = &self.operation;
        self.entry_ids(task, &operation_key(resource, task, *interval_ms, parameters))
    }

    fn entry_ids(&self, task: &str, key: &str) -> Vec<String> {
        let resource = &self.operation.resource;
        let failed = self.is_failed() && !self.is_pending();
        match task {
            "notify" | "migrate_to" | "migrate_from" => vec![key.to_owned()],
            _ if failed && self.operation.interval_ms == 0 => {
                vec![format!("{resource}_last_failure_0"), format!("{resource}_last_0")]
            }
            _ if failed => vec![format!("{resource}_last_failure_0")],
            _ if self.operation.interval_ms > 0 => vec![key.to_owned()],
            _ => vec![format!("{resource}_last_0")],
        }
    }

    /// Adds its entries to an `lrm_resource` element, over older ones of the same id ([CT-6.3]). A failure that is written twice shows
    /// what depends on the agent's meta-data only in the second entry.
    pub(crate) fn write(&self, doc: &mut Document, parent: NodeIx, node: &str, origin: &str) {
        let task = self.operation.recorded_task(self.report.op_status).to_owned();
        let key =
            operation_key(&self.operation.resource, &task, self.operation.interval_ms, &self.operation.parameters);
        let attributes = self.attributes(&task, &key, node, origin);
        let ids = self.entry_ids(&task, &key);
        for (i, id) in ids.iter().enumerate() {
            let known = doc.children_named(parent, "lrm_rsc_op").find(|&n| doc.id(n) == Some(id));
            let entry = known.unwrap_or_else(|| doc.append(parent, "lrm_rsc_op"));
            doc.set_attr(entry, "id", id);
            let by_agent = if i + 1 == ids.len() { self.attributes_by_agent(&task) } else { Vec::new() };
            for (name, value) in attributes.iter().chain(&by_agent) {
                doc.set_attr(entry, name, value);
            }
        }
    }

    /// Digests that need the agent's meta-data: of what cannot be reloaded, and without secrets ([CT-6.3]).
    fn attributes_by_agent(&self, task: &str) -> Vec<(&'static str, String)> {
        let Some(agent) = &self.agent else { return Vec::new() };
        if super::agent::agent_of(&self.operation.agent, task).is_none() {
            return Vec::new();
        }
        let Operation { parameters, interval_ms, .. } = &self.operation;
        let mut out = Vec::new();
        if let Some(names) = agent.restart().filter(|_| *interval_ms == 0) {
            let digest = digest_of(&digested(parameters, *interval_ms, |name| names.contains(&name)));
            out.push(("op-force-restart", name_list(&names)));
            out.push(("op-restart-digest", digest));
        }
        let secret = agent.secret();
        if !secret.is_empty() {
            // Coordinators below 3.16.0 know only what the meta-data lists ([CT-6.6a]).
            let listed = is_below(&self.operation.feature_set, "3.16.0");
            let shown = |name: &str| !secret.contains(&name) && (!listed || agent.lists(name));
            let digest = digest_of(&digested(parameters, *interval_ms, shown));
            out.push(("op-secure-params", name_list(&secret)));
            out.push(("op-secure-digest", digest));
        }
        out
    }

    fn attributes(&self, task: &str, key: &str, node: &str, origin: &str) -> Vec<(&'static str, String)> {
        let (operation, report) = (&self.operation, &self.report);
        let (op_status, rc) = report.told_to(&operation.feature_set);
        let transition_key = operation
            .key
            .clone()
            .unwrap_or_else(|| TransitionKey::outside(self.call_id, operation.target_rc).to_string());
        let magic = transition_key.parse::<TransitionKey>().map_or_else(
            |_| format!("{op_status}:{rc};{transition_key}"),
            |key| TransitionMagic { op_status, rc, key }.to_string(),
        );
        let mut out = vec![
            ("operation_key", key.to_owned()),
            ("operation", task.to_owned()),
            ("crm-debug-origin", origin.to_owned()),
            ("crm_feature_set", operation.feature_set.clone()),
            ("transition-key", transition_key),
            ("transition-magic", magic),
            ("exit-reason", if self.is_failed() { report.exit_reason.clone() } else { String::new() }),
            ("on_node", node.to_owned()),
            ("call-id", self.call_id.to_string()),
            ("rc-code", rc.to_string()),
            ("op-status", op_status.to_string()),
            ("interval", operation.interval_ms.to_string()),
        ];
        if report.started > 0 || report.changed > 0 {
            let change = if operation.interval_ms > 0 && report.changed > 0 { report.changed } else { report.started };
            out.push(("last-rc-change", change.to_string()));
            out.push(("exec-time", report.exec_ms.to_string()));
            out.push(("queue-time", report.queue_ms.to_string()));
        }
        if matches!(task, "migrate_to" | "migrate_from") {
            for (name, meta) in [("migrate_source", "migrate_source"), ("migrate_target", "migrate_target")] {
                if let Some(value) = operation.meta(meta) {
                    out.push((name, value.to_owned()));
                }
            }
        }
        out.push(("op-digest", op_digest(&operation.parameters, operation.interval_ms)));
        out
    }
}

/// `op-digest` of the attributes of a graph action ([CT-6.6a]).
pub fn op_digest(parameters: &[(String, String)], interval_ms: u64) -> String {
    digest_of(&digested(parameters, interval_ms, |_| true))
}

/// The parameters that a digest covers, of those that are wanted.
fn digested(parameters: &[(String, String)], interval_ms: u64, wanted: impl Fn(&str) -> bool) -> BTreeMap<&str, &str> {
    const LEFT_OUT: &[&str] = &["id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"];
    parameters
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .filter(|(n, _)| {
            !LEFT_OUT.contains(n) && (!n.starts_with("CRM_meta_") || (interval_ms > 0 && *n == "CRM_meta_timeout"))
        })
        .filter(|(n, _)| wanted(n))
        .collect()
}

fn digest_of(parameters: &BTreeMap<&str, &str>) -> String {
    use md5::{Digest, Md5};
    let mut doc = Document::new("parameters");
    let root = doc.root();
    for (name, value) in parameters {
        doc.set_attr(root, name, value);
    }
    let text = format!(" {}\n", doc.write_node(root, cib_core::xml::Style::Compact));
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the node remembers of one resource ([CT-6.6]).
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) agent: Primitive,
    /// The resource that contains it.
    pub(crate) container: Option<String>,
    pub(crate) last: Option<Record>,
    pub(crate) last_failure: Option<Record>,
    /// Newest first.
    pub(crate) recurring: Vec<Record>,
    pub(crate) last_call: i64,
    /// Parameters of the last start, reload or monitor, with which a stop is made.
    pub(crate) stop_parameters: Vec<(String, String)>,
}

impl Remembered {
    pub(crate) fn new(agent: Primitive) -> Self {
        Remembered {
            agent,
            container: None,
            last: None,
            last_failure: None,
            recurring: Vec::new(),
            last_call: 0,
            stop_parameters: Vec::new(),
        }
    }

    /// Takes a result in. `notify` is not remembered.
    pub(crate) fn remember(&mut self, record: &Record) {
        let operation = &record.operation;
        if operation.task == "notify" {
            return;
        }
        self.container = operation.meta("container").map(str::to_owned).or_else(|| self.container.take());
        self.last_call = record.call_id;
        let same = |r: &Record| r.operation.task == operation.task && r.operation.interval_ms == operation.interval_ms;
        if operation.interval_ms > 0 && record.report.op_status == op_status::CANCELLED {
            self.recurring.retain(|r| !same(r));
            return;
        }
        if record.is_failed() {
            self.last_failure = Some(record.clone());
        } else if operation.interval_ms == 0 {
            if matches!(operation.task.as_str(), "start" | "reload" | "reload-agent" | "monitor") {
                self.stop_parameters =
                    operation.parameters.iter().filter(|(n, _)| !n.starts_with("CRM_meta_")).cloned().collect();
            }
            self.last = Some(record.clone());
        }
        if operation.interval_ms > 0 {
            self.recurring.retain(|r| !same(r));
            self.recurring.insert(0, record.clone());
        } else if operation.task != "monitor" {
            self.recurring.clear();
        }
    }

    /// Appends the `lrm_resource` element, without entries.
    pub(crate) fn write_resource(
        agent: &Primitive,
        resource: &str,
        container: Option<&str>,
        doc: &mut Document,
        parent: NodeIx,
    ) -> NodeIx {
        let element = doc.append(parent, "lrm_resource");
        doc.set_attr(element, "id", resource);
        for (name, value) in [("type", &agent.agent), ("class", &agent.class), ("provider", &agent.provider)] {
            if let Some(value) = value {
                doc.set_attr(element, name, value);
            }
        }
        if let Some(container) = container {
            doc.set_attr(element, "container", container);
        }
        element
    }

    /// Appends the `lrm_resource` element with all entries: last failure, last result or what runs now, recurring results.
    pub(crate) fn write(
        &self,
        resource: &str,
        in_flight: Option<&Record>,
        doc: &mut Document,
        parent: NodeIx,
        node: &str,
        origin: &str,
    ) {
        let element = Self::write_resource(&self.agent, resource, self.container.as_deref(), doc, parent);
        let last = in_flight.or(self.last.as_ref());
        // What runs now has its entry under the id of the last result; a migration has one of its own.
        let own_id = in_flight.is_some_and(|r| r.operation.task.starts_with("migrate"));
        let before = self.last.as_ref().filter(|_| own_id);
        for record in self.last_failure.iter().chain(before).chain(last).chain(&self.recurring) {
            record.write(doc, element, node, origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_without_parameters_is_the_known_one() {
        assert_eq!(op_digest(&[], 0), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
        let meta = [("CRM_meta_timeout".to_owned(), "20000".to_owned())];
        assert_eq!(op_digest(&meta, 0), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
        assert_ne!(op_digest(&meta, 10_000), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
    }
}
