//! Who coordinates, who joins, how nodes leave ([CT-12.7]).

use crate::fixture::{Cluster, DUMMY};
use policy_core::controller::{CibWrite, State};

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
    let node = cluster.host_of("d");
    assert_eq!(cluster.value("//lrm_rsc_op[@id='d_monitor_10000']", "rc-code").as_deref(), Some("0"));
    cluster.kill(node);
    cluster.pass(60);
    assert_ne!(cluster.host_of("d"), node);
}

/// [CT-12.7] E4
#[test]
fn a_clean_stop_moves_resources_first_and_fences_nobody() {
    let mut cluster = Cluster::new(DUMMY);
    for id in 1..=3 {
        cluster.start(id, 30 - u64::from(id), "3.20.5");
    }
    cluster.pass(40);
    let node = cluster.host_of("d");
    cluster.with(node, |c, now| c.shutdown(now));
    cluster.pass(60);
    assert_eq!(cluster.exits, [(node, 0)]);
    assert_ne!(cluster.host_of("d"), node);
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

/// [CT-7.7]: a new coordinator knows of the nodes that were lost with the old one what the CIB says. Only a node of which nobody has
/// ever said what is expected is taken for down ([CT-4.3]).
#[test]
fn a_node_that_is_lost_with_its_coordinator_is_missed() {
    let mut cluster = Cluster::new("");
    for id in 1..=3 {
        cluster.start(id, 40 - 10 * u64::from(id), "3.20.5");
    }
    cluster.pass(30);
    cluster.member_without_controller(4);
    cluster.pass(30);
    cluster.machine_leaves(4);
    assert_eq!(cluster.dc(), Some(1));
    cluster.kill(3);
    cluster.kill(1);
    cluster.pass(30);
    assert_eq!(cluster.dc(), Some(2));
    assert_eq!(cluster.value("//node_state[@id='3']", "in_ccm").as_deref(), Some("0"));
    assert_eq!(cluster.value("//node_state[@id='3']", "expected").as_deref(), Some("member"));
    assert_eq!(cluster.value("//node_state[@id='1']", "expected").as_deref(), Some("member"));
    assert_eq!(cluster.value("//node_state[@id='4']", "expected").as_deref(), Some("down"));
}

/// A copy of the CIB may take a node for a member that no present node has ever met: it is written as lost, at once by a
/// coordinator at work, at the end of the join by one that takes over.
#[test]
fn a_member_that_nobody_has_met_is_missing() {
    for nodes in [2, 0] {
        let mut cluster = Cluster::new(DUMMY).up(nodes);
        let state = r#"<node_state id="5" uname="n5" in_ccm="100" crmd="100" join="member" expected="member"/>"#;
        cluster.change(CibWrite::Merge { xml: format!("<status>{state}</status>") });
        let mut cluster = if nodes == 0 { cluster.up(2) } else { cluster };
        cluster.pass(10);
        let written = |name| cluster.value("//node_state[@id='5']", name);
        assert_eq!(["in_ccm", "crmd", "expected"].map(written).map(Option::unwrap), ["0", "0", "member"]);
        assert_eq!(cluster.logged("Unknown node"), 0);
        assert_eq!(cluster.runs_on("d").len(), 1);
    }
}
