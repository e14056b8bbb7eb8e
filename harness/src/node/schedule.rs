//! From the CIB to a graph: the copy that the scheduler sees ([CT-5.1]).

use super::Node;
use cib_core::xml::Document;
use policy_core::controller::ScheduleRequest;
use policy_core::graph::Graph;
use policy_core::report::{Display, Report};
use std::time::Duration;

/// The CIB as the coordinator shows it to the scheduler.
fn prepared(cib: &Document, request: &ScheduleRequest) -> Document {
    let mut doc = cib.clone();
    let root = doc.root();
    doc.set_attr(root, "dc-uuid", &request.dc_uuid);
    doc.set_attr(root, "have-quorum", if request.have_quorum { "true" } else { "false" });
    if request.no_quorum_panic {
        doc.set_attr(root, "no-quorum-panic", "1");
    }
    force_watchdog(&mut doc, request.have_watchdog);
    for &(id, since) in &request.leaving {
        note_leaving(&mut doc, &id.to_string(), since);
    }
    doc
}

/// The attribute of a node that wants to leave, where it is not written yet.
fn note_leaving(doc: &mut Document, id: &str, since: u64) {
    const NAME: &str = "shutdown";
    let Some(status) = doc.path(doc.root(), &["status"]) else { return };
    let Some(state) = doc.children(status).find(|&n| doc.id(n) == Some(id)) else { return };
    let mut at = state;
    for (name, set) in [("transient_attributes", id.to_owned()), ("instance_attributes", format!("status-{id}"))] {
        at = match doc.child(at, name) {
            Some(known) => known,
            None => {
                let new = doc.append(at, name);
                doc.set_attr(new, "id", &set);
                new
            }
        };
    }
    let known = doc.children_named(at, "nvpair").find(|&n| doc.attr(n, "name") == Some(NAME));
    if known.is_some_and(|pair| doc.attr(pair, "value").is_some_and(|v| v != "0")) {
        return;
    }
    let pair = known.unwrap_or_else(|| doc.append(at, "nvpair"));
    let value = since.to_string();
    for (n, v) in [("id", format!("status-{id}-{NAME}").as_str()), ("name", NAME), ("value", &value)] {
        doc.set_attr(pair, n, v);
    }
}

fn force_watchdog(doc: &mut Document, value: bool) {
    const NAME: &str = "have-watchdog";
    let value = if value { "true" } else { "false" };
    let Some(config) = doc.path(doc.root(), &["configuration", "crm_config"]) else { return };
    let sets: Vec<_> = doc.children_named(config, "cluster_property_set").collect();
    let pairs: Vec<_> = sets
        .iter()
        .flat_map(|&set| doc.children_named(set, "nvpair"))
        .filter(|&pair| doc.attr(pair, "name") == Some(NAME))
        .collect();
    for &pair in &pairs {
        doc.set_attr(pair, "value", value);
    }
    if let (true, Some(&set)) = (pairs.is_empty(), sets.first()) {
        let pair = doc.append(set, "nvpair");
        doc.set_attr(pair, "id", "cib-bootstrap-options-have-watchdog");
        doc.set_attr(pair, "name", NAME);
        doc.set_attr(pair, "value", value);
    }
}

impl Node {
    /// Runs the scheduler for the controller.
    pub(super) fn schedule(&mut self, now: Duration, request: &ScheduleRequest) {
        let mut doc = prepared(self.cib(), request);
        self.twist_wishes(&mut doc);
        let graph = self.graph_of(&doc, now, request.transition).unwrap_or_else(|| {
            self.tell(super::Event::Warning("the scheduler refused the CIB".to_owned()));
            // Nothing can be done until it changes.
            let mut nothing = Graph::default();
            nothing.header.transition_id = request.transition;
            nothing
        });
        let source = format!("pe-input-{}", request.transition);
        self.controller.handle_graph(now, request.reference, graph, &source);
    }

    fn graph_of(&self, doc: &Document, now: Duration, transition: u32) -> Option<Graph> {
        let epoch = (self.config.epoch + now).as_secs();
        let schedule = policy_core::schedule(doc, &policy_core::Options::at(epoch as i64)).ok()?;
        let mut graph = schedule.graph;
        graph.header.transition_id = transition;
        Some(graph)
    }

    /// The status display of this node's copy of the CIB.
    pub fn status_text(&self, now: Duration) -> String {
        let epoch = (self.config.epoch + now).as_secs() as i64;
        let cib = self.cib();
        let Ok(mut model) = policy_core::model::Model::read(cib, &policy_core::Options::at(epoch)) else {
            return String::new();
        };
        let mut report = Report::new();
        let display = Display { failcounts: true, ..Display::revised() };
        policy_core::report::status(&mut model, cib, display, "Cluster status", &mut report);
        report.output()
    }

    /// What a scheduler would do now, as operation keys and nodes: nothing when the cluster is as wanted.
    pub fn wanted(&self, now: Duration) -> Vec<String> {
        let request = ScheduleRequest {
            reference: 0,
            transition: 0,
            dc_uuid: self.config.id.to_string(),
            have_quorum: self.quorate,
            have_watchdog: false,
            no_quorum_panic: false,
            leaving: Vec::new(),
        };
        let doc = prepared(self.cib(), &request);
        let Some(graph) = self.graph_of(&doc, now, 0) else { return vec!["another configuration".to_owned()] };
        let elements = graph.synapses.iter().map(|s| &s.action.element);
        let real = elements.filter(|e| e.kind != policy_core::graph::ElementKind::Pseudo);
        let place =
            |e: &policy_core::graph::Element| e.node.as_ref().map_or(String::new(), |n| format!(" on {}", n.name));
        real.map(|e| format!("{}{}", e.key, place(e))).collect()
    }

    /// How many things a scheduler would do now: 0 when the cluster is as wanted.
    pub fn wanted_actions(&self, now: Duration) -> usize {
        self.wanted(now).len()
    }
}
