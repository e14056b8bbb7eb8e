//! What a node does with what it is asked: refusals, cancellations, simulated failures, what older coordinators are told ([CT-6],
//! [CT-7.10]).

use crate::fixture::{Cluster, DUMMY, EPOCH};
use policy_core::controller::{
    AgentMeta, AgentParameter, Controller, Deletion, Identity, Message, NodeId, Output, Receiver, Report, View,
    op_status,
};
use policy_core::graph::{Action, ElementKind, Primitive};
use std::time::Duration;

const KEY: &str = "7:99:0:0000000f-0000-4000-8000-000000000000";

fn dummy(agent: &str) -> Primitive {
    Primitive {
        element: "primitive".into(),
        id: "d".into(),
        class: Some("ocf".into()),
        provider: Some("pacemaker".into()),
        agent: Some(agent.into()),
        ..Primitive::default()
    }
}

fn action(task: &str, interval_ms: u64, on: (&str, &str), more: &[(&str, &str)]) -> Action {
    let mut action = Action::new(7, ElementKind::Resource, task, &format!("d_{task}_{interval_ms}")).on(on.0, on.1);
    action.primitive = Some(dummy("Dummy"));
    let interval = interval_ms.to_string();
    let all = [("CRM_meta_timeout", "20000"), ("CRM_meta_interval", interval.as_str())];
    action.attributes = all.iter().chain(more).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    action.attributes.sort();
    action
}

fn invoke(action: Action, feature_set: &str) -> Message {
    Message::Invoke { action: Box::new(action), key: KEY.into(), feature_set: feature_set.into() }
}

impl Cluster {
    /// Node 2 is asked by the coordinator.
    fn ask(&mut self, message: Message) {
        let dc = self.dc().unwrap();
        self.with(2, |c, now| c.handle_message(now, dc, Receiver::Node(2), message));
    }
}

/// The one entry of a resource's history with this id on a node.
fn entry(cluster: &Cluster, node: &str, id: &str, name: &str) -> Option<String> {
    cluster.value(&format!("//node_state[@uname='{node}']//lrm_rsc_op[@id='{id}']"), name)
}

/// Results that the node has sent to the coordinator since the last look.
fn replies(cluster: &mut Cluster, id: NodeId) -> Vec<Report> {
    let controller = &mut cluster.members.get_mut(&id).unwrap().controller;
    let outputs = std::iter::from_fn(|| controller.poll_output());
    outputs
        .filter_map(|o| match o {
            Output::Send { message: Message::Result { report, .. }, .. } => Some(report),
            _ => None,
        })
        .collect()
}

/// [CT-7.10]: coordinators below 3.2.0 do not know the operation statuses 8 and 9.
#[test]
fn older_coordinators_are_told_in_their_own_words() {
    for (features, not_connected, invalid) in
        [("3.1.9", ("4", "189"), (4, 99)), ("3.2.0", ("8", "1"), (op_status::INVALID, 1))]
    {
        let mut cluster = Cluster::new(DUMMY).up(2);
        cluster.ask(invoke(action("start", 0, ("rem", "rem"), &[]), features));
        cluster.settle();
        for id in ["d_last_failure_0", "d_last_0"] {
            let get = |name| entry(&cluster, "rem", id, name).unwrap();
            assert_eq!((get("op-status").as_str(), get("rc-code").as_str()), not_connected, "{features}");
            assert_eq!(get("transition-magic"), format!("{}:{};{KEY}", not_connected.0, not_connected.1));
            assert_eq!(get("exit-reason"), "Local node has no connection to remote");
        }
        cluster.with(2, |c, now| c.shutdown(now));
        cluster.ask(invoke(action("start", 0, ("n2", "2"), &[]), features));
        let told: Vec<_> = replies(&mut cluster, 2).iter().map(|r| (r.op_status, r.rc)).collect();
        assert_eq!(told, [invalid], "{features}");
    }
}

/// [CT-7.10], [CT-4.4]: every joined node says which feature set it has, the lowest coordinates.
#[test]
fn nodes_of_a_mixed_cluster_publish_their_feature_sets() {
    let mut cluster = Cluster::new(DUMMY);
    for (id, features) in [(1, "3.20.5"), (2, "3.1.0"), (3, "3.19.2")] {
        cluster.start(id, 100 - u64::from(id), features);
    }
    cluster.pass(60);
    assert_eq!(cluster.dc(), Some(2), "the lowest feature set");
    for (node, features) in [("n1", "3.20.5"), ("n2", "3.1.0"), ("n3", "3.19.2")] {
        assert_eq!(cluster.attribute(node, "#feature-set").as_deref(), Some(features));
    }
    let entries = cluster.cib.select("//lrm_rsc_op");
    assert!(!entries.is_empty());
    for entry in entries {
        let cib_core::xml::Found::Node(entry) = entry else { unreachable!() };
        assert_eq!(cluster.cib.document().attr(entry, "crm_feature_set"), Some("3.1.0"), "the coordinator's");
    }
}

/// [CT-6.6a]: for coordinators below 3.16.0 the digest without secrets covers only what the meta-data lists.
#[test]
fn digests_without_secrets_follow_the_coordinator() {
    let digest = |features: &str, parameters: &[(&str, &str)]| {
        let mut cluster = Cluster::new(DUMMY);
        let parameter =
            |name: &str, private| AgentParameter { name: name.into(), private, ..AgentParameter::default() };
        let parameters_known = vec![parameter("state", false), parameter("pin", true)];
        cluster.agents.insert("Dummy".into(), AgentMeta::new(Some("1.1"), ["start"], parameters_known));
        let mut cluster = cluster.up(2);
        cluster.ask(invoke(action("monitor", 0, ("n2", "2"), parameters), features));
        cluster.step();
        cluster.settle();
        entry(&cluster, "n2", "d_last_0", "op-secure-digest").unwrap()
    };
    let (listed, all) = ([("state", "/s"), ("pin", "1")], [("state", "/s"), ("pin", "1"), ("unlisted", "x")]);
    assert_eq!(digest("3.15.9", &listed), digest("3.15.9", &all));
    assert_ne!(digest("3.16.0", &listed), digest("3.16.0", &all));
    assert_eq!(digest("3.16.0", &listed), digest("3.15.0", &all));
}

/// [CT-6.1] step 2.
#[test]
fn what_is_no_resource_is_a_bad_definition() {
    let mut without = action("start", 0, ("n2", "2"), &[]);
    without.primitive = None;
    let mut unclassed = action("start", 0, ("n2", "2"), &[]);
    unclassed.primitive = Some(Primitive { class: None, ..dummy("Dummy") });
    for bad in [without, unclassed] {
        let mut cluster = Cluster::new("").up(2);
        cluster.ask(invoke(bad, "3.20.5"));
        cluster.settle();
        let get = |name| entry(&cluster, "n2", "d_last_failure_0", name).unwrap();
        assert_eq!((get("op-status").as_str(), get("rc-code").as_str()), ("4", "6"));
        assert_eq!(get("exit-reason"), "Invalid resource definition");
        assert!(!cluster.executed.iter().any(|(_, _, task)| task == "start"));
    }
}

/// [CT-6.1] step 10.
#[test]
fn agents_do_not_see_the_expected_result() {
    let mut controller = lone();
    controller.handle_message(
        NOW,
        2,
        Receiver::Node(1),
        invoke(plain("stop", &[("CRM_meta_op_target_rc", "7")]), "3.20.5"),
    );
    let executed = outputs(&mut controller).into_iter().find_map(|o| match o {
        Output::Execute(operation) => Some(operation),
        _ => None,
    });
    let operation = executed.expect("a stop is carried out in every state");
    assert_eq!(operation.target_rc, 7);
    assert_eq!(operation.meta("op_target_rc"), None);
    assert_eq!(operation.meta("timeout"), Some("20000"));
}

const NOW: Duration = Duration::from_secs(1);

/// A controller that has just started.
fn lone() -> Controller {
    let identity = Identity { epoch: Duration::from_secs(EPOCH), ..Identity::new(1, "n1") };
    let mut controller = Controller::new(identity, NOW);
    let cib = "<cib><configuration><crm_config/></configuration></cib>";
    controller.handle_cib(NOW, &cib_core::xml::Document::parse(cib).unwrap(), &[], None);
    let members = vec![(1, "n1".to_owned()), (2, "n2".to_owned())];
    controller.handle_view(NOW, View { sequence: 4, members, quorate: true });
    controller.handle_group(NOW, &[1, 2], &[]);
    outputs(&mut controller);
    controller
}

/// A member of a cluster that node 2 coordinates.
fn joined() -> Controller {
    let mut controller = lone();
    let feature_set = || "3.20.5".parse().unwrap();
    let offer = Message::JoinOffer { join: 1, dc_leaving: false, feature_set: feature_set() };
    let verdict = Message::JoinResult {
        join: 1,
        accepted: true,
        dc_leaving: false,
        feature_set: feature_set(),
        remotes: Vec::new(),
    };
    controller.handle_message(NOW, 2, Receiver::Node(1), offer);
    controller.handle_message(NOW, 2, Receiver::Node(1), verdict);
    outputs(&mut controller);
    assert_eq!(controller.state(), policy_core::controller::State::NotDc);
    controller
}

fn plain(task: &str, more: &[(&str, &str)]) -> Action {
    action(task, 0, ("n1", "1"), more)
}

fn outputs(controller: &mut Controller) -> Vec<Output> {
    std::iter::from_fn(|| controller.poll_output()).collect()
}

/// What was written and replied, as far as it is about cancelling.
fn ends(outputs: &[Output]) -> (Vec<&str>, usize) {
    let deleted = outputs.iter().flat_map(|o| match o {
        Output::Write { writes, .. } => writes.as_slice(),
        _ => &[],
    });
    let deleted = deleted.filter_map(|w| match w {
        policy_core::controller::CibWrite::Delete { xpath } => Some(xpath.as_str()),
        _ => None,
    });
    let replied = outputs.iter().filter(|o| matches!(o, Output::Send { message: Message::Result { .. }, .. })).count();
    (deleted.collect(), replied)
}

fn cancel(interval_ms: u64, call: Option<&str>) -> Message {
    let mut more = vec![("CRM_meta_operation", "monitor")];
    more.extend(call.map(|call| ("CRM_meta_call_id", call)));
    invoke(action("cancel", interval_ms, ("n1", "1"), &more), "3.20.5")
}

/// [CT-6.5]: an operation is cancelled by its call, if that is given, whatever the key says.
#[test]
fn operations_are_cancelled_by_call_or_key() {
    for (asked, key, call, found) in [
        (10_000, "d_monitor_10000", None, true),
        (10_000, "d_monitor_10000", Some("0"), true),
        (11_000, "d_monitor_10000", Some("1"), true),
        (11_000, "d_monitor_11000", None, false),
        (10_000, "d_monitor_10000", Some("5"), false),
    ] {
        let mut controller = joined();
        controller.handle_agent(NOW, ("ocf".into(), "pacemaker".into(), "Dummy".into()), None);
        let monitor = invoke(action("monitor", 10_000, ("n1", "1"), &[]), "3.20.5");
        controller.handle_message(NOW, 2, Receiver::Node(1), monitor);
        outputs(&mut controller);
        controller.handle_message(NOW, 2, Receiver::Node(1), cancel(asked, call));
        let told = outputs(&mut controller);
        let cancelled = told.iter().find_map(|o| match o {
            Output::Cancel { call, interval_ms, .. } => Some((*call, *interval_ms)),
            _ => None,
        });
        assert_eq!(cancelled, found.then_some((1, 10_000)), "{asked} {call:?}");
        let entry = format!("//node_state[@uname='n1']//lrm_rsc_op[@id='{key}'");
        if found {
            assert_eq!(ends(&told), (vec![], 0), "the answer is the end of the operation");
            let report = Report { op_status: op_status::CANCELLED, ..Report::default() };
            controller.handle_report(NOW, 1, report);
            assert_eq!(ends(&outputs(&mut controller)), (vec![format!("{entry}]").as_str()], 0));
        } else {
            let of_call = call.map_or_else(String::new, |call| format!(" and @call-id='{call}'"));
            assert_eq!(ends(&told), (vec![format!("{entry}{of_call}]").as_str()], 1));
        }
    }
}

/// [CT-6.5]: the executor has never heard of it, and must not begin it afterwards.
#[test]
fn what_waits_for_its_agent_is_cancelled_at_once() {
    let mut controller = joined();
    let monitor = invoke(action("monitor", 10_000, ("n1", "1"), &[]), "3.20.5");
    controller.handle_message(NOW, 2, Receiver::Node(1), monitor);
    assert!(outputs(&mut controller).iter().any(|o| matches!(o, Output::AskAgent { .. })));
    controller.handle_message(NOW, 2, Receiver::Node(1), cancel(10_000, None));
    let told = outputs(&mut controller);
    assert!(!told.iter().any(|o| matches!(o, Output::Cancel { .. })));
    assert_eq!(ends(&told), (vec!["//node_state[@uname='n1']//lrm_rsc_op[@id='d_monitor_10000']"], 0));
    controller.handle_agent(NOW, ("ocf".into(), "pacemaker".into(), "Dummy".into()), None);
    assert!(!outputs(&mut controller).iter().any(|o| matches!(o, Output::Execute(_))));
}

/// [CT-6.8]
#[test]
fn a_simulated_failure_without_history_has_a_call_of_its_own() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    cluster.hanging.push(("x".into(), "start".into()));
    let mut start = action("start", 0, ("n2", "2"), &[]);
    start.primitive = Some(Primitive { id: "x".into(), ..dummy("Dummy") });
    cluster.ask(invoke(start, "3.20.5"));
    cluster.settle();
    cluster.ask(Message::FailResource { resource: "x".into(), remote: None });
    cluster.settle();
    assert_eq!(entry(&cluster, "n2", "x_last_failure_0", "call-id").as_deref(), Some("999999999"));
    let key = entry(&cluster, "n2", "x_last_failure_0", "transition-key").unwrap();
    assert!(key.starts_with("999999999:-1:0:xxxx"), "{key}");
}

/// [CT-6.7]: a tool's deletion makes the scheduler run; with quorum or without, that is for the copies of the CIB to weigh.
#[test]
fn a_tools_deletion_leaves_its_time() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    cluster.ask(Message::DeleteHistory(Deletion { resource: Some("d".into()), ..Deletion::default() }));
    cluster.settle();
    let refreshed = cluster.value("//nvpair[@name='last-lrm-refresh']", "value");
    assert!(refreshed.unwrap().parse::<u64>().unwrap() >= EPOCH);
}

/// [CT-6.7]: what runs for a resource ends first: the coordinator, which waits for it, hears of it.
#[test]
fn a_history_is_not_deleted_under_a_running_operation() {
    let mut cluster = Cluster::new(DUMMY).up(2);
    let host = cluster.host_of("d");
    cluster.empty(&format!("n{host}"));
    cluster.monitor_finds(host, "d", 7);
    let starts = |cluster: &Cluster| cluster.executed.iter().filter(|(_, _, task)| task == "start").count();
    let before = starts(&cluster);
    while starts(&cluster) == before {
        cluster.step();
        cluster.settle();
    }
    let deletion = Message::DeleteHistory(Deletion { resource: Some("d".into()), ..Deletion::default() });
    cluster.with(host, |c, now| c.handle_message(now, 1, Receiver::Node(host), deletion));
    cluster.settle();
    assert!(cluster.value("//nvpair[@name='last-lrm-refresh']", "value").is_none(), "not yet");
    cluster.pass(3);
    assert!(cluster.value("//nvpair[@name='last-lrm-refresh']", "value").is_some());
    let status = cluster.members[&cluster.dc().unwrap()].controller.status();
    assert_eq!((status.state, status.in_flight), (policy_core::controller::State::Idle, 0));
    assert_eq!(cluster.logged("is lost"), 0);
    assert_eq!(cluster.runs_on("d").len(), 1);
}
