//! Pacemaker Remote and guest nodes ([CT-7.8], [CT-12.5]).

use crate::fixture::{Cluster, Remote};
use policy_core::controller::{CibWrite, Deletion, Message, Receiver, RemoteInput};

const CONNECTION: &str = r#"<primitive id="rem" class="ocf" provider="pacemaker" type="remote"><instance_attributes id="rem-i"><nvpair id="rem-i-s" name="server" value="10.0.0.9"/></instance_attributes><operations><op id="rem-s" name="start" interval="0" timeout="120s"/><op id="rem-m" name="monitor" interval="20s" timeout="45s"/></operations><meta_attributes id="rem-a"><nvpair id="rem-a-m" name="allow-migrate" value="true"/></meta_attributes></primitive>"#;
const DUMMY: &str = r#"<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="d-m" name="monitor" interval="10s"/></operations></primitive>"#;
const ON_REMOTE: &str = r#"<rsc_location id="l1" rsc="d" node="rem" score="INFINITY"/><rsc_location id="l2" rsc="rem" node="n1" score="100"/>"#;

/// Three nodes, a remote host `rem` connected from n1, and a resource `d` on it.
fn with_remote(options: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::configured(options, &format!("{CONNECTION}{DUMMY}"), "");
    cluster.remotes.insert("rem".into(), Remote::default());
    let mut cluster = cluster.up(3);
    cluster.change(CibWrite::Merge { xml: format!("<constraints>{ON_REMOTE}</constraints>") });
    cluster.pass(60);
    cluster
}

const NO_FENCING: &[(&str, &str)] = &[("fencing-enabled", "false")];

fn state(cluster: &Cluster, name: &str) -> Option<String> {
    cluster.value("/cib/status/node_state[@id='rem']", name)
}

#[test]
fn resources_run_on_a_remote_node_through_its_connection() {
    let cluster = with_remote(NO_FENCING);
    assert_eq!(cluster.remotes["rem"].serving, Some(1));
    assert_eq!(cluster.runs_on("d"), ["rem"]);
    assert_eq!(state(&cluster, "remote_node").as_deref(), Some("true"));
    assert_eq!(state(&cluster, "node_fenced").as_deref(), Some("0"));
    assert!(state(&cluster, "in_ccm").unwrap().parse::<u64>().unwrap() > 1_000_000_000);
    assert_eq!(state(&cluster, "join"), None);
    // Its history lies under its own name, written by the node that holds the connection.
    let entry = "//node_state[@id='rem']/lrm[@id='rem']//lrm_rsc_op[@id='d_monitor_10000']";
    assert_eq!(cluster.value(entry, "rc-code").as_deref(), Some("0"));
    assert_eq!(cluster.value(entry, "on_node").as_deref(), Some("n1"));
    // Other resources are probed there, too: what has run nowhere is known not to run there.
    assert!(cluster.executed.iter().any(|(node, r, task)| node == "rem" && r == "d" && task == "monitor"));
    // All controllers know of it.
    for member in cluster.members.values() {
        let known: Vec<_> = member.controller.remotes().map(|r| (r.name.as_str(), r.member, r.host)).collect();
        assert_eq!(known, [("rem", true, Some(1))]);
    }
}

#[test]
fn a_failure_on_a_remote_node_is_counted_there_and_recovered_there() {
    let mut cluster = with_remote(NO_FENCING);
    cluster.empty("rem");
    cluster.remote_monitor_finds("rem", "d", 7);
    cluster.pass(20);
    assert_eq!(cluster.attribute("rem", "fail-count-d#monitor_10000").as_deref(), Some("1"));
    assert_eq!(cluster.runs_on("d"), ["rem"]);
}

#[test]
fn the_connection_moves_and_the_resources_behind_it_stay() {
    let mut cluster = with_remote(NO_FENCING);
    cluster.executed.clear();
    cluster.change(CibWrite::Merge {
        xml: r#"<constraints><rsc_location id="l3" rsc="rem" node="n2" score="INFINITY"/></constraints>"#.into(),
    });
    cluster.pass(60);
    assert_eq!(cluster.remotes["rem"].serving, Some(2));
    assert_eq!(cluster.value("//lrm_rsc_op[@id='rem_migrate_from_0']", "rc-code").as_deref(), Some("0"));
    assert_eq!(cluster.value("//lrm_rsc_op[@id='rem_migrate_to_0']", "rc-code").as_deref(), Some("0"));
    let touched: Vec<_> = cluster.executed.iter().filter(|(_, r, _)| r == "d").collect();
    assert!(touched.is_empty(), "{touched:?}");
    let known: Vec<_> = cluster.members[&3].controller.remotes().map(|r| (r.member, r.host)).collect();
    assert_eq!(known, [(true, Some(2))]);
    // Its monitors go on, and the new host hears of them.
    cluster.empty("rem");
    cluster.remote_monitor_finds("rem", "d", 7);
    cluster.pass(20);
    assert_eq!(cluster.attribute("rem", "fail-count-d#monitor_10000").as_deref(), Some("1"));
    assert_eq!(cluster.runs_on("d"), ["rem"]);
}

#[test]
fn a_stopped_connection_takes_its_node_down_cleanly() {
    let mut cluster = with_remote(NO_FENCING);
    cluster.change(CibWrite::Merge {
        xml: r#"<resources><primitive id="rem"><meta_attributes id="rem-a"><nvpair id="rem-a-t" name="target-role" value="Stopped"/></meta_attributes></primitive></resources>"#.into(),
    });
    cluster.pass(60);
    assert_eq!(cluster.remotes["rem"].serving, None);
    assert_eq!(state(&cluster, "in_ccm").as_deref(), Some("0"));
    assert!(cluster.runs_on("d").iter().all(|n| *n != "rem"), "{:?}", cluster.runs_on("d"));
    assert!(cluster.members.values().all(|m| m.controller.remotes().all(|r| !r.member)));
    assert!(cluster.fenced.is_empty());
}

#[test]
fn a_silent_remote_node_is_fenced_and_comes_back() {
    let device = r#"<primitive id="f" class="stonith" type="fence_dummy"/>"#;
    let mut cluster = Cluster::configured(&[], &format!("{CONNECTION}{DUMMY}{device}"), "");
    cluster.remotes.insert("rem".into(), Remote::default());
    let mut cluster = cluster.up(3);
    cluster.change(CibWrite::Merge { xml: format!("<constraints>{ON_REMOTE}</constraints>") });
    cluster.pass(60);
    assert_eq!(cluster.runs_on("d"), ["rem"]);
    cluster.fenced.clear();
    cluster.remotes.get_mut("rem").unwrap().frozen = true;
    cluster.pass(80);
    assert_eq!(cluster.logged("Timed out after 45s"), 1);
    assert!(cluster.fenced.iter().any(|t| t == "rem"), "{:?}", cluster.fenced);
    cluster.remotes.insert("rem".into(), Remote::default());
    cluster.pass(300);
    assert_eq!(cluster.runs_on("d"), ["rem"]);
    assert_eq!(state(&cluster, "node_fenced").as_deref(), Some("0"));
}

#[test]
fn a_broken_connection_fails_its_monitors_and_what_was_in_flight() {
    let mut cluster = with_remote(NO_FENCING);
    cluster.remotes.get_mut("rem").unwrap().serving = None;
    cluster.with(1, |c, now| c.handle_remote(now, "rem", RemoteInput::Lost));
    cluster.settle();
    let failure = |id: &str| cluster.value(&format!("//lrm_rsc_op[@id='{id}']"), "exit-reason");
    assert_eq!(failure("rem_last_failure_0").as_deref(), Some("Lost connection to remote executor"));
    let dropped = "Internal communication failure (Action was pending when executor connection was dropped)";
    assert_eq!(cluster.logged(&format!("Result of monitor operation for d on rem: {dropped}")), 1);
    cluster.pass(120);
    assert_eq!(cluster.attribute("n1", "fail-count-rem#monitor_20000").as_deref(), Some("1"));
}

#[test]
fn maintenance_of_a_remote_node_is_recorded_by_its_host() {
    let mut cluster = with_remote(NO_FENCING);
    let set = |value: &str| CibWrite::Merge {
        xml: format!(
            r#"<nodes><node id="rem" uname="rem" type="remote"><instance_attributes id="nodes-rem"><nvpair id="nodes-rem-m" name="maintenance" value="{value}"/></instance_attributes></node></nodes>"#
        ),
    };
    cluster.change(set("true"));
    cluster.pass(30);
    assert_eq!(state(&cluster, "node_in_maintenance").as_deref(), Some("1"));
    cluster.change(set("false"));
    cluster.pass(30);
    assert_eq!(state(&cluster, "node_in_maintenance").as_deref(), Some("0"));
}

#[test]
fn a_remote_host_that_cannot_be_reached_fails_the_start_in_time() {
    let mut cluster = Cluster::configured(NO_FENCING, CONNECTION, "");
    cluster.remotes.insert("rem".into(), Remote { frozen: true, ..Remote::default() });
    let mut cluster = cluster.up(1);
    cluster.pass(150);
    let entry = "//lrm_rsc_op[@id='rem_last_failure_0']";
    assert_eq!(cluster.value(entry, "op-status").as_deref(), Some("2"));
    assert_eq!(cluster.value(entry, "operation").as_deref(), Some("start"));
    assert_eq!(cluster.attribute("n1", "fail-count-rem#start_0").as_deref(), Some("INFINITY"));
}

/// [CT-6.9]: without a target, what runs on remote nodes that are connected here is looked at anew, too.
#[test]
fn probing_again_takes_the_remote_nodes_along() {
    let mut cluster = with_remote(NO_FENCING);
    let probes = |cluster: &Cluster, node: &str| {
        cluster.executed.iter().filter(|(n, r, task)| n == node && r == "d" && task == "monitor").count()
    };
    let (before, elsewhere) = (probes(&cluster, "rem"), probes(&cluster, "n2"));
    let again = Message::DeleteHistory(Deletion::default());
    cluster.with(1, |c, now| c.handle_message(now, 1, Receiver::Node(1), again));
    cluster.settle();
    cluster.pass(30);
    assert!(probes(&cluster, "rem") > before);
    assert_eq!(probes(&cluster, "n2"), elsewhere, "n2 was not asked");
    assert_eq!(cluster.runs_on("d"), ["rem"]);
    assert_eq!(cluster.remotes["rem"].serving, Some(1), "the connection stays");
}
