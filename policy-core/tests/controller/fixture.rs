//! Controllers and attribute managers of a small cluster over one ordered channel, with one CIB and agents that do as they are told.

use cib_core::cib::{Cib, Holder};
use cib_core::patch;
use policy_core::attributes::{self, Attributes};
use policy_core::controller::{
    AgentMeta, Alert, AlertTarget, ChangeKind, CibChange, CibWrite, Controller, Event, FencingOutcome, Identity,
    Message, NodeId, Operation, Output, Receiver, RemoteCommand, RemoteInput, Report, State, View,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(crate) const EPOCH: u64 = 1_000_000_000;

enum Wire {
    Controller(NodeId, Receiver, Message),
    Attributes(NodeId, attributes::Message),
}

pub(crate) struct Member {
    pub(crate) controller: Controller,
    pub(crate) attributes: Attributes,
}

/// A remote host: whose connection it serves, and what its agents do.
#[derive(Default)]
pub(crate) struct Remote {
    pub(crate) serving: Option<NodeId>,
    /// It does not answer at all.
    pub(crate) frozen: bool,
    pub(crate) next_call: u32,
    pub(crate) recurring: Vec<Operation>,
}

pub(crate) struct Cluster {
    pub(crate) now: Duration,
    pub(crate) cib: Cib,
    pub(crate) members: BTreeMap<NodeId, Member>,
    wire: VecDeque<Wire>,
    /// What agents will answer, and when: the node that asked, the operation, the report.
    pub(crate) reports: Vec<(Duration, NodeId, Operation, Report)>,
    /// Where resources run.
    pub(crate) running: BTreeMap<String, Vec<String>>,
    pub(crate) failing: BTreeMap<(String, String), i32>,
    /// Operations that never end.
    pub(crate) hanging: Vec<(String, String)>,
    pub(crate) log: Vec<(NodeId, String)>,
    pub(crate) exits: Vec<(NodeId, u8)>,
    pub(crate) panics: Vec<NodeId>,
    pub(crate) alerts: Vec<(NodeId, AlertTarget, Alert)>,
    pub(crate) agents: BTreeMap<String, AgentMeta>,
    pub(crate) remotes: BTreeMap<String, Remote>,
    pub(crate) fenced: Vec<String>,
    /// How many fencing operations fail from now on.
    pub(crate) fencing_fails: u32,
    pub(crate) executed: Vec<(String, String, String)>,
    pub(crate) quorate: bool,
    pub(crate) watchdog: bool,
    pub(crate) silent_schedulers: Vec<NodeId>,
    /// Machines in the ring whose controllers never came.
    without_controller: Vec<NodeId>,
    /// Recurring operations that were begun at home.
    monitors: Vec<(NodeId, Operation)>,
    sequence: u64,
}

impl Cluster {
    /// Without fencing.
    pub(crate) fn new(resources: &str) -> Self {
        Cluster::configured(&[("fencing-enabled", "false")], resources, "")
    }

    pub(crate) fn configured(options: &[(&str, &str)], resources: &str, more: &str) -> Self {
        let options: String =
            options.iter().map(|(n, v)| format!(r#"<nvpair id="o-{n}" name="{n}" value="{v}"/>"#)).collect();
        let text = format!(
            r#"<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.5" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">{options}</cluster_property_set></crm_config><nodes/><resources>{resources}</resources><constraints/>{more}</configuration><status/></cib>"#
        );
        Cluster {
            now: Duration::from_secs(1),
            cib: Cib::parse(&text).unwrap(),
            members: BTreeMap::new(),
            wire: VecDeque::new(),
            reports: Vec::new(),
            running: BTreeMap::new(),
            failing: BTreeMap::new(),
            hanging: Vec::new(),
            log: Vec::new(),
            exits: Vec::new(),
            panics: Vec::new(),
            alerts: Vec::new(),
            agents: BTreeMap::new(),
            remotes: BTreeMap::new(),
            fenced: Vec::new(),
            fencing_fails: 0,
            executed: Vec::new(),
            quorate: true,
            watchdog: false,
            silent_schedulers: Vec::new(),
            without_controller: Vec::new(),
            monitors: Vec::new(),
            sequence: 1,
        }
    }

    pub(crate) fn start(&mut self, id: NodeId, age: u64, features: &str) {
        let identity = Identity {
            epoch: Duration::from_secs(EPOCH),
            age: Duration::from_secs(age),
            feature_set: features.parse().unwrap(),
            watchdog: self.watchdog,
            ..Identity::new(id, &format!("n{id}"))
        };
        let mut controller = Controller::new(identity, self.now);
        controller.handle_cib(self.now, self.cib.document(), &[], None);
        let attributes = Attributes::new(id, &format!("n{id}"), Duration::from_secs(age), self.now);
        self.members.insert(id, Member { controller, attributes });
        self.view();
    }

    /// A new membership with everybody who is left.
    pub(crate) fn view(&mut self) {
        self.sequence += 4;
        let machines = self.members.keys().chain(&self.without_controller);
        let members: Vec<(NodeId, String)> = machines.map(|&id| (id, format!("n{id}"))).collect();
        let ids: Vec<NodeId> = self.members.keys().copied().collect();
        let gone: Vec<NodeId> = (1..10).filter(|id| !ids.contains(id)).collect();
        for member in self.members.values_mut() {
            let view = View { sequence: self.sequence, members: members.clone(), quorate: self.quorate };
            member.controller.handle_view(self.now, view);
            member.controller.handle_group(self.now, &ids, &gone);
            let named: Vec<(NodeId, String)> = ids.iter().map(|&id| (id, format!("n{id}"))).collect();
            member.attributes.handle_group(self.now, &named, &gone);
        }
        self.settle();
    }

    /// A machine comes into the ring whose controller does not start.
    pub(crate) fn member_without_controller(&mut self, id: NodeId) {
        self.without_controller.push(id);
        self.view();
    }

    pub(crate) fn kill(&mut self, id: NodeId) {
        self.members.remove(&id);
        self.reports.retain(|(_, node, ..)| *node != id);
        self.empty(&format!("n{id}"));
        self.view();
    }

    /// Nothing runs on a node any more.
    pub(crate) fn empty(&mut self, node: &str) {
        for nodes in self.running.values_mut() {
            nodes.retain(|n| n != node);
        }
    }

    pub(crate) fn settle(&mut self) {
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
                        attributes::Output::Written { name, node, value } => {
                            self.with(id, |c, _| c.handle_attribute_written(&node, &name, value.as_deref()));
                        }
                        attributes::Output::Changed { .. } | attributes::Output::Answered { .. } => {}
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
            Output::Schedule(_) if self.silent_schedulers.contains(&id) => {}
            Output::Schedule(request) => {
                let mut doc = self.cib.document().clone();
                let root = doc.root();
                doc.set_attr(root, "dc-uuid", &request.dc_uuid);
                doc.set_attr(root, "have-quorum", if request.have_quorum { "1" } else { "0" });
                if request.no_quorum_panic {
                    doc.set_attr(root, "no-quorum-panic", "1");
                }
                let at = (Duration::from_secs(EPOCH) + self.now).as_secs() as i64;
                let mut graph = policy_core::schedule(&doc, &policy_core::Options::at(at)).unwrap().graph;
                graph.header.transition_id = request.transition;
                self.with(id, |c, now| c.handle_graph(now, request.reference, graph, "test"));
            }
            Output::Execute(operation) => self.execute(id, operation),
            Output::AskAgent { agent, .. } => {
                let meta = self.agents.get(&agent.2).cloned();
                self.with(id, |c, now| c.handle_agent(now, agent, meta));
            }
            Output::Remote { remote, command } => self.command(id, &remote, &command),
            Output::Alert { to, alert } => self.alerts.push((id, to, alert)),
            Output::Panic => self.panics.push(id),
            Output::Attribute(request) => {
                if let Some(m) = self.members.get_mut(&id) {
                    m.attributes.request(request).unwrap();
                }
            }
            Output::Fence(request) => {
                let ok = self.fencing_fails == 0;
                self.fencing_fails = self.fencing_fails.saturating_sub(1);
                self.finish_fencing(id, &request.target, &request.action, ok);
                self.with(id, |c, now| c.handle_fencing_answer(now, &request.token, ok, false));
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
            Output::Cancel { remote, call, resource, .. } => self.cancel(id, remote, call, &resource),
            Output::Unregister { .. } | Output::SyncFencing => {}
        }
    }

    /// An agent begins to run, at home or on a remote host.
    fn execute(&mut self, id: NodeId, o: Operation) {
        let node = o.remote.clone().unwrap_or_else(|| format!("n{id}"));
        self.executed.push((node.clone(), o.resource.clone(), o.task.clone()));
        if let Some(remote) = o.remote.as_ref().and_then(|r| self.remotes.get_mut(r)) {
            remote.next_call = remote.next_call.max(o.call + 1);
            if o.interval_ms > 0 {
                remote.recurring.push(o.clone());
            }
        }
        if o.remote.is_none() && o.interval_ms > 0 {
            self.monitors.push((id, o.clone()));
        }
        if self.hanging.contains(&(o.resource.clone(), o.task.clone())) {
            return;
        }
        let nodes = self.running.entry(o.resource.clone()).or_default();
        let rc = match (self.failing.get(&(o.resource.clone(), o.task.clone())), o.task.as_str()) {
            (Some(&rc), _) => rc,
            (None, "start" | "migrate_from") => {
                nodes.push(node);
                0
            }
            (None, "stop") => {
                nodes.retain(|n| *n != node);
                0
            }
            (None, "monitor") if !nodes.contains(&node) => 7,
            _ => 0,
        };
        let epoch = EPOCH + self.now.as_secs();
        let report = Report { rc, started: epoch, changed: epoch, exec_ms: 100, ..Report::default() };
        self.reports.push((self.now + Duration::from_millis(100), id, o, report));
    }

    /// A recurring operation ends, as cancelled.
    fn cancel(&mut self, id: NodeId, remote: Option<String>, call: u32, resource: &str) {
        let report = Report { op_status: policy_core::controller::op_status::CANCELLED, ..Report::default() };
        let Some(name) = remote else { return self.with(id, |c, now| c.handle_report(now, call, report)) };
        let Some(remote) = self.remotes.get_mut(&name) else { return };
        if let Some(i) = remote.recurring.iter().position(|o| o.resource == resource && o.call == call) {
            let operation = Box::new(remote.recurring.remove(i));
            self.with(id, |c, now| c.handle_remote(now, &name, RemoteInput::Report { operation, report }));
        }
    }

    /// What a node wants of the connection to a remote host.
    fn command(&mut self, id: NodeId, name: &str, command: &RemoteCommand) {
        let Some(remote) = self.remotes.get_mut(name).filter(|r| !r.frozen) else { return };
        match command {
            RemoteCommand::Connect { take_over, .. } => {
                let before = remote.serving.replace(id);
                if !take_over {
                    remote.recurring.clear();
                }
                let next_call = remote.next_call;
                if let Some(before) = before.filter(|&b| b != id) {
                    self.with(before, |c, now| c.handle_remote(now, name, RemoteInput::TakenOver));
                }
                let uptime = self.now;
                self.with(id, |c, now| c.handle_remote(now, name, RemoteInput::Connected { uptime, next_call }));
            }
            RemoteCommand::Ping => self.with(id, |c, now| c.handle_remote(now, name, RemoteInput::Pong)),
            RemoteCommand::Disconnect => remote.serving = remote.serving.filter(|&s| s != id),
        }
    }

    /// A recurring monitor on a remote host finds something else than before.
    pub(crate) fn remote_monitor_finds(&mut self, name: &str, resource: &str, rc: i32) {
        let remote = &self.remotes[name];
        let (host, operation) = (remote.serving.unwrap(), remote.recurring.iter().find(|o| o.resource == resource));
        let operation = Box::new(operation.unwrap().clone());
        let epoch = EPOCH + self.now.as_secs();
        let report = Report { rc, started: epoch, changed: epoch, ..Report::default() };
        self.with(host, |c, now| c.handle_remote(now, name, RemoteInput::Report { operation, report }));
    }

    /// A recurring monitor of a node's own executor finds something else than before.
    pub(crate) fn monitor_finds(&mut self, id: NodeId, resource: &str, rc: i32) {
        let call = self.monitors.iter().rev().find(|(node, o)| *node == id && o.resource == resource).unwrap().1.call;
        self.empty(&format!("n{id}"));
        let epoch = EPOCH + self.now.as_secs();
        let report = Report { rc, started: 0, changed: epoch, ..Report::default() };
        self.with(id, |c, now| c.handle_report(now, call, report));
    }

    /// The end of a fencing operation, as every controller hears of it.
    pub(crate) fn finish_fencing(&mut self, by: NodeId, target: &str, action: &str, ok: bool) {
        let outcome = FencingOutcome {
            target: target.to_owned(),
            action: action.to_owned(),
            ok,
            by: format!("n{by}"),
            client: "test@here".into(),
            own: false,
            reference: "ref".into(),
            op_status: 0,
            reason: None,
        };
        if ok {
            self.fenced.push(target.to_owned());
            self.empty(target);
        }
        for id in self.members.keys().copied().collect::<Vec<_>>() {
            let outcome = FencingOutcome { own: id == by, ..outcome.clone() };
            self.with(id, |c, now| c.handle_fenced(now, &outcome));
        }
    }

    /// One operator's change of the CIB.
    pub(crate) fn change(&mut self, write: CibWrite) {
        self.write(&[write]);
        self.settle();
    }

    /// Sets or changes a cluster option.
    pub(crate) fn set_option(&mut self, name: &str, value: &str) {
        let id = format!("o-{name}");
        self.change(CibWrite::merge("crm_config", |doc, root| {
            let set = doc.append(root, "cluster_property_set");
            doc.set_attr(set, "id", "cib-bootstrap-options");
            let pair = doc.append(set, "nvpair");
            for (n, v) in [("id", id.as_str()), ("name", name), ("value", value)] {
                doc.set_attr(pair, n, v);
            }
        }));
    }

    /// Everybody loses or gains quorum, in a new view.
    pub(crate) fn set_quorum(&mut self, quorate: bool) {
        self.quorate = quorate;
        self.view();
    }

    pub(crate) fn with(&mut self, id: NodeId, act: impl FnOnce(&mut Controller, Duration)) {
        if let Some(m) = self.members.get_mut(&id) {
            act(&mut m.controller, self.now);
        }
    }

    pub(crate) fn write(&mut self, writes: &[CibWrite]) {
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
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.step_until(end) {}
        self.now = end;
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) {
        self.step_until(Duration::MAX);
    }

    fn step_until(&mut self, end: Duration) -> bool {
        self.settle();
        let timers = self.members.values().flat_map(|m| [m.controller.poll_timeout(), m.attributes.poll_timeout()]);
        let next = timers.flatten().chain(self.reports.iter().map(|r| r.0)).min();
        let Some(next) = next.filter(|&at| at <= end) else { return false };
        self.now = self.now.max(next);
        if let Some(i) = self.reports.iter().position(|r| r.0 <= self.now) {
            let (_, id, operation, report) = self.reports.remove(i);
            self.deliver(id, operation, report);
            return true;
        }
        for member in self.members.values_mut() {
            member.controller.handle_timeout(self.now);
            member.attributes.handle_timeout(self.now);
        }
        true
    }

    fn deliver(&mut self, id: NodeId, operation: Operation, report: Report) {
        match operation.remote.clone() {
            None => self.with(id, |c, now| c.handle_report(now, operation.call, report)),
            Some(remote) if self.remotes[&remote].serving == Some(id) => {
                let operation = Box::new(operation);
                self.with(id, |c, now| c.handle_remote(now, &remote, RemoteInput::Report { operation, report }));
            }
            Some(_) => {}
        }
    }

    pub(crate) fn dc(&self) -> Option<NodeId> {
        let all: Vec<NodeId> = self.members.iter().filter(|(_, m)| m.controller.is_dc()).map(|(id, _)| *id).collect();
        assert!(all.len() <= 1, "several coordinators: {all:?}");
        all.first().copied()
    }

    pub(crate) fn state(&self, id: NodeId) -> State {
        self.members[&id].controller.state()
    }

    pub(crate) fn runs_on(&self, resource: &str) -> Vec<&str> {
        self.running.get(resource).into_iter().flatten().map(String::as_str).collect()
    }

    /// The node on which a resource runs once.
    pub(crate) fn host_of(&self, resource: &str) -> NodeId {
        let [node] = self.runs_on(resource)[..] else { panic!("{resource} runs on {:?}", self.runs_on(resource)) };
        node[1..].parse().unwrap()
    }

    /// The value of a transient attribute in the CIB.
    pub(crate) fn attribute(&self, node: &str, name: &str) -> Option<String> {
        self.value(&format!("//node_state[@uname='{node}']//nvpair[@name='{name}']"), "value")
    }

    /// How often an event was logged.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.log.iter().filter(|(_, line)| line.contains(text)).count()
    }

    /// The cluster with this many nodes, the first the oldest, after its start.
    pub(crate) fn up(mut self, nodes: u32) -> Self {
        for id in 1..=nodes {
            self.start(id, 100 - u64::from(id), "3.20.5");
        }
        self.pass(40);
        self
    }

    pub(crate) fn value(&self, xpath: &str, name: &str) -> Option<String> {
        match self.cib.select(xpath).first()? {
            cib_core::xml::Found::Node(n) => self.cib.document().attr(*n, name).map(str::to_owned),
            _ => None,
        }
    }
}

/// A plain resource with a monitor.
pub(crate) const DUMMY: &str = r#"<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="d-m" name="monitor" interval="10s"/></operations></primitive>"#;
