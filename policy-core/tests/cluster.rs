//! Controllers and attribute managers of a small cluster over one ordered channel, with one CIB and agents that do as they are told.

use cib_core::cib::{Cib, Holder};
use cib_core::patch;
use policy_core::attributes::{self, Attributes};
use policy_core::controller::{
    ChangeKind, CibChange, CibWrite, Controller, Event, FencingOutcome, Identity, Message, NodeId, Output, Receiver,
    Report, State, View,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const EPOCH: u64 = 1_000_000_000;

enum Wire {
    Controller(NodeId, Receiver, Message),
    Attributes(NodeId, attributes::Message),
}

struct Member {
    controller: Controller,
    attributes: Attributes,
}

struct Cluster {
    now: Duration,
    cib: Cib,
    members: BTreeMap<NodeId, Member>,
    wire: VecDeque<Wire>,
    /// What agents will answer, and when.
    reports: Vec<(Duration, NodeId, u32, Report)>,
    running: BTreeMap<String, Vec<NodeId>>,
    failing: BTreeMap<(String, String), i32>,
    log: Vec<(NodeId, String)>,
    exits: Vec<(NodeId, u8)>,
    sequence: u64,
}

impl Cluster {
    fn new(configuration: &str) -> Self {
        let text = format!(
            r#"<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.5" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="o1" name="fencing-enabled" value="false"/></cluster_property_set></crm_config><nodes/><resources>{configuration}</resources><constraints/></configuration><status/></cib>"#
        );
        Cluster {
            now: Duration::from_secs(1),
            cib: Cib::parse(&text).unwrap(),
            members: BTreeMap::new(),
            wire: VecDeque::new(),
            reports: Vec::new(),
            running: BTreeMap::new(),
            failing: BTreeMap::new(),
            log: Vec::new(),
            exits: Vec::new(),
            sequence: 1,
        }
    }

    fn start(&mut self, id: NodeId, age: u64, features: &str) {
        let identity = Identity {
            epoch: Duration::from_secs(EPOCH),
            age: Duration::from_secs(age),
            feature_set: features.parse().unwrap(),
            ..Identity::new(id, &format!("n{id}"))
        };
        let mut controller = Controller::new(identity, self.now);
        controller.handle_cib(self.now, self.cib.document(), &[], None);
        let attributes = Attributes::new(id, &format!("n{id}"), Duration::from_secs(age), self.now);
        self.members.insert(id, Member { controller, attributes });
        self.view();
    }

    /// A new membership with everybody who is left.
    fn view(&mut self) {
        self.sequence += 4;
        let members: Vec<(NodeId, String)> = self.members.keys().map(|&id| (id, format!("n{id}"))).collect();
        let ids: Vec<NodeId> = self.members.keys().copied().collect();
        let gone: Vec<NodeId> = (1..10).filter(|id| !ids.contains(id)).collect();
        for member in self.members.values_mut() {
            let view = View { sequence: self.sequence, members: members.clone(), quorate: true };
            member.controller.handle_view(self.now, view);
            member.controller.handle_group(self.now, &ids, &gone);
            member.attributes.handle_group(self.now, &members, &gone);
        }
        self.settle();
    }

    fn kill(&mut self, id: NodeId) {
        self.members.remove(&id);
        self.reports.retain(|(_, node, ..)| *node != id);
        for nodes in self.running.values_mut() {
            nodes.retain(|n| *n != id);
        }
        self.view();
    }

    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for id in self.members.keys().copied().collect::<Vec<_>>() {
                while let Some(output) = self.members.get_mut(&id).and_then(|m| m.controller.poll_output()) {
                    quiet = false;
                    self.carry_out(id, output);
                }
                while let Some(output) = self.members.get_mut(&id).and_then(|m| m.attributes.poll_output()) {
                    quiet = false;
                    match output {
                        attributes::Output::Broadcast(message) => self.wire.push_back(Wire::Attributes(id, message)),
                        attributes::Output::Write { call, writes } => {
                            self.write(&writes);
                            if let Some(m) = self.members.get_mut(&id) {
                                m.attributes.handle_written(self.now, call, true);
                            }
                        }
                        attributes::Output::Changed { .. } => {}
                    }
                }
            }
            if !quiet {
                continue;
            }
            let Some(message) = self.wire.pop_front() else { return };
            for member in self.members.values_mut() {
                match &message {
                    Wire::Controller(from, to, m) => member.controller.handle_message(self.now, *from, *to, m.clone()),
                    Wire::Attributes(from, m) => member.attributes.handle_message(self.now, *from, m.clone()),
                }
            }
        }
    }

    fn carry_out(&mut self, id: NodeId, output: Output) {
        match output {
            Output::Send { to, message } => self.wire.push_back(Wire::Controller(id, to, message)),
            Output::Write { call, writes } => {
                self.write(&writes);
                if let Some(m) = self.members.get_mut(&id) {
                    m.controller.handle_written(self.now, call, true);
                }
            }
            Output::SyncCib { call, .. } => self.with(id, |c, now| c.handle_synced(now, call, true)),
            Output::Schedule(request) => {
                let mut doc = self.cib.document().clone();
                let root = doc.root();
                doc.set_attr(root, "dc-uuid", &request.dc_uuid);
                doc.set_attr(root, "have-quorum", if request.have_quorum { "1" } else { "0" });
                let at = (Duration::from_secs(EPOCH) + self.now).as_secs() as i64;
                let mut graph = policy_core::schedule(&doc, &policy_core::Options::at(at)).unwrap().graph;
                graph.header.transition_id = request.transition;
                self.with(id, |c, now| c.handle_graph(now, request.reference, graph, "test"));
            }
            Output::Execute(o) => {
                let nodes = self.running.entry(o.resource.clone()).or_default();
                let rc = match (self.failing.get(&(o.resource.clone(), o.task.clone())), o.task.as_str()) {
                    (Some(&rc), _) => rc,
                    (None, "start") => {
                        nodes.push(id);
                        0
                    }
                    (None, "stop") => {
                        nodes.retain(|n| *n != id);
                        0
                    }
                    (None, "monitor") if !nodes.contains(&id) => 7,
                    _ => 0,
                };
                let epoch = EPOCH + self.now.as_secs();
                let report = Report { rc, started: epoch, changed: epoch, exec_ms: 100, ..Report::default() };
                self.reports.push((self.now + Duration::from_millis(100), id, o.call, report));
            }
            Output::Attribute(request) => {
                if let Some(m) = self.members.get_mut(&id) {
                    m.attributes.request(request).unwrap();
                }
            }
            Output::Fence(request) => {
                let outcome = FencingOutcome {
                    target: request.target.clone(),
                    action: request.action.clone(),
                    ok: true,
                    by: format!("n{id}"),
                    client: "test".into(),
                    own: true,
                };
                self.with(id, |c, now| c.handle_fenced(now, &outcome));
                self.with(id, |c, now| c.handle_fencing_answer(now, &request.token, true, false));
            }
            Output::Log(event) => {
                if std::env::var_os("SHOW").is_some() {
                    eprintln!("{:>8.3} n{id} {event}", self.now.as_secs_f64());
                }
                if !matches!(event, Event::Executing { .. }) {
                    self.log.push((id, event.to_string()));
                }
            }
            Output::Exit { code } => {
                self.exits.push((id, code));
                self.members.remove(&id);
                self.view();
            }
            Output::Cancel { .. } | Output::Unregister { .. } | Output::Alert(_) | Output::Panic => {}
        }
    }

    fn with(&mut self, id: NodeId, act: impl FnOnce(&mut Controller, Duration)) {
        if let Some(m) = self.members.get_mut(&id) {
            act(&mut m.controller, self.now);
        }
    }

    fn write(&mut self, writes: &[CibWrite]) {
        let Some(request) = CibWrite::to_request(writes) else { return };
        let outcome = self.cib.perform(&request, Holder::Member);
        assert!(outcome.result.is_ok(), "{:?} {writes:?}", outcome.result);
        let Some(patch) = outcome.patch else { return };
        let changes: Vec<CibChange> = patch
            .changes()
            .filter_map(|c| {
                let doc = patch.document();
                let (kind, object) = match c.operation? {
                    patch::Operation::Create => (ChangeKind::Create, doc.children(c.node).next()),
                    patch::Operation::Modify => {
                        (ChangeKind::Modify, doc.child(c.node, "change-result").and_then(|r| doc.children(r).next()))
                    }
                    patch::Operation::Delete => (ChangeKind::Delete, None),
                    patch::Operation::Move => (ChangeKind::Move, None),
                };
                Some(CibChange { kind, path: c.path.to_owned(), object })
            })
            .collect();
        for member in self.members.values_mut() {
            member.controller.handle_cib(self.now, self.cib.document(), &changes, Some(patch.document()));
        }
    }

    /// Lets this many seconds pass.
    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            self.settle();
            let timers = self.members.values().flat_map(|m| [m.controller.poll_timeout(), m.attributes.poll_timeout()]);
            let next = timers.flatten().chain(self.reports.iter().map(|r| r.0)).min();
            let Some(next) = next.filter(|&at| at <= end) else { break };
            self.now = self.now.max(next);
            for member in self.members.values_mut() {
                member.controller.handle_timeout(self.now);
                member.attributes.handle_timeout(self.now);
            }
            if let Some(i) = self.reports.iter().position(|r| r.0 <= self.now) {
                let (_, id, call, report) = self.reports.remove(i);
                self.with(id, |c, now| c.handle_report(now, call, report));
            }
        }
        self.now = end;
    }

    fn dc(&self) -> Option<NodeId> {
        let all: Vec<NodeId> = self.members.iter().filter(|(_, m)| m.controller.is_dc()).map(|(id, _)| *id).collect();
        assert!(all.len() <= 1, "several coordinators: {all:?}");
        all.first().copied()
    }

    fn state(&self, id: NodeId) -> State {
        self.members[&id].controller.state()
    }

    fn runs_on(&self, resource: &str) -> &[NodeId] {
        self.running.get(resource).map_or(&[], Vec::as_slice)
    }

    fn value(&self, xpath: &str, name: &str) -> Option<String> {
        match self.cib.select(xpath).first()? {
            cib_core::xml::Found::Node(n) => self.cib.document().attr(*n, name).map(str::to_owned),
            _ => None,
        }
    }
}

const DUMMY: &str = r#"<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="d-m" name="monitor" interval="10s"/></operations></primitive>"#;

/// [CT-12.7] E1, and [CT-4.10]: what is written on the way.
#[test]
fn the_oldest_coordinates_and_stays() {
    let mut cluster = Cluster::new("");
    for (id, age) in [(1, 30), (2, 20), (3, 10)] {
        cluster.start(id, age, "3.20.5");
    }
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(1));
    assert_eq!(cluster.state(1), State::Idle);
    assert_eq!([cluster.state(2), cluster.state(3)], [State::NotDc, State::NotDc]);
    assert_eq!(cluster.value("/cib", "dc-uuid").as_deref(), Some("1"));
    for id in 1..=3 {
        let state = format!("//node_state[@id='{id}']");
        assert_eq!(cluster.value(&state, "join").as_deref(), Some("member"));
        assert_eq!(cluster.value(&state, "expected").as_deref(), Some("member"));
    }
    cluster.kill(1);
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(2));
    cluster.start(1, 0, "3.20.5");
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(2), "a younger node does not take over");
    assert_eq!(cluster.state(1), State::NotDc);
}

/// [CT-12.7] E2
#[test]
fn feature_sets_decide_who_may_join() {
    let mut cluster = Cluster::new("");
    for (id, features) in [(1, "3.20.5"), (2, "3.19.0"), (3, "3.20.5")] {
        cluster.start(id, 10 * u64::from(id), features);
    }
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(2), "the lowest feature set");
    cluster.start(4, 1, "3.18.0");
    cluster.pass(30);
    assert_eq!(cluster.exits, [(4, 100)]);
    cluster.start(5, 1, "3.20.1");
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(2));
    assert_eq!(cluster.state(5), State::NotDc);
}

#[test]
fn a_resource_runs_once_and_moves_when_its_node_is_lost() {
    let mut cluster = Cluster::new(DUMMY);
    for id in 1..=3 {
        cluster.start(id, 30 - u64::from(id), "3.20.5");
    }
    cluster.pass(40);
    assert_eq!(cluster.runs_on("d").len(), 1);
    let node = cluster.runs_on("d")[0];
    assert_eq!(cluster.value("//lrm_rsc_op[@id='d_monitor_10000']", "rc-code").as_deref(), Some("0"));
    cluster.kill(node);
    cluster.pass(60);
    assert_eq!(cluster.runs_on("d").len(), 1);
    assert_ne!(cluster.runs_on("d")[0], node);
}

/// [CT-12.7] E4
#[test]
fn a_clean_stop_moves_resources_first_and_fences_nobody() {
    let mut cluster = Cluster::new(DUMMY);
    for id in 1..=3 {
        cluster.start(id, 30 - u64::from(id), "3.20.5");
    }
    cluster.pass(40);
    let node = cluster.runs_on("d")[0];
    cluster.with(node, |c, now| c.shutdown(now));
    cluster.pass(60);
    assert_eq!(cluster.exits, [(node, 0)]);
    assert_eq!(cluster.runs_on("d").len(), 1);
    assert_ne!(cluster.runs_on("d")[0], node);
    assert_eq!(cluster.value(&format!("//node_state[@id='{node}']"), "expected").as_deref(), Some("down"));
    assert!(!cluster.log.iter().any(|(_, text)| text.contains("fencing")));
}

/// [CT-12.7] E5 and E6
#[test]
fn failures_are_counted_by_operation() {
    let mut cluster = Cluster::new(DUMMY);
    cluster.start(1, 30, "3.20.5");
    cluster.start(2, 20, "3.20.5");
    cluster.failing.insert(("d".into(), "start".into()), 1);
    cluster.pass(60);
    for node in [1, 2] {
        let pair = format!("//node_state[@id='{node}']//nvpair[@name='fail-count-d#start_0']");
        assert_eq!(cluster.value(&pair, "value").as_deref(), Some("INFINITY"));
    }
    assert!(cluster.runs_on("d").is_empty());
}

#[test]
fn the_last_node_stops_by_itself() {
    let mut cluster = Cluster::new(DUMMY);
    cluster.start(1, 30, "3.20.5");
    cluster.pass(40);
    cluster.with(1, |c, now| c.shutdown(now));
    cluster.pass(60);
    assert_eq!(cluster.exits, [(1, 0)]);
    assert!(cluster.runs_on("d").is_empty());
}
