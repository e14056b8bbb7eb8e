//! Who is heard, and who is known ([CT-1.5], [CT-1.6]).

use crate::fixture::{Cluster, DUMMY};
use policy_core::controller::{Message, Receiver, State, View};

/// [CT-1.5] rule 2: a coordinator does not answer what another one says, and both elect.
#[test]
fn coordinators_do_not_listen_to_each_other() {
    let feature_set = || "3.20.5".parse().unwrap();
    let verdict = Message::JoinResult {
        join: 7,
        accepted: false,
        dc_leaving: false,
        feature_set: feature_set(),
        remotes: Vec::new(),
    };
    let offer = Message::JoinOffer { join: 7, dc_leaving: false, feature_set: feature_set() };
    // Nobody would join that one.
    let foreign = Message::JoinOffer { join: 7, dc_leaving: false, feature_set: "4.0.0".parse().unwrap() };
    let noop = Message::Noop { from_dc: true };
    for (message, task) in [(noop, "noop"), (offer, "join_offer"), (foreign, "join_offer"), (verdict, "join_ack_nack")]
    {
        let mut cluster = Cluster::new(DUMMY).up(3);
        assert_eq!((cluster.dc(), cluster.state(1)), (Some(1), State::Idle));
        cluster.with(1, |c, now| c.handle_message(now, 2, Receiver::Node(1), message));
        assert_eq!(cluster.state(1), State::Election, "{task}");
        cluster.pass(20);
        assert_eq!(cluster.logged(&format!("Another DC detected: n2 (op={task})")), 1);
        assert_eq!((cluster.dc(), cluster.state(1)), (Some(1), State::Idle));
        assert!(cluster.exits.is_empty());
    }
}

/// [CT-1.6]: a view without this node is an error.
#[test]
fn who_is_not_in_its_own_view_leaves() {
    let mut cluster = Cluster::new(DUMMY).up(3);
    let others = vec![(1, "n1".to_owned()), (2, "n2".to_owned())];
    cluster.with(3, |c, now| c.handle_view(now, View { sequence: 1000, members: others, quorate: true }));
    cluster.settle();
    assert_eq!(cluster.exits, [(3, 1)]);
}

/// [CT-1.4]: a node that is gone for good is forgotten by name or by id, one that is there is not.
#[test]
fn nodes_are_forgotten_on_request() {
    let mut cluster = Cluster::new(DUMMY).up(4);
    cluster.kill(3);
    cluster.kill(4);
    cluster.pass(30);
    for message in [
        Message::ForgetNode { id: None, name: Some("N3".into()) },
        Message::ForgetNode { id: Some(4), name: None },
        Message::ForgetNode { id: Some(2), name: Some("n2".into()) },
    ] {
        for id in [1, 2] {
            cluster.with(id, |c, now| c.handle_message(now, 1, Receiver::All, message.clone()));
        }
    }
    cluster.pass(5);
    assert_eq!(cluster.dc(), Some(1));
    // Who is not known any more is not told of in the states of all nodes, which a view has written.
    for id in ["3", "4"] {
        let state = format!("//node_state[@id='{id}']");
        cluster.change(policy_core::controller::CibWrite::Delete { xpath: state.clone() });
        cluster.view();
        assert_eq!(cluster.value(&state, "id"), None);
    }
    assert!(cluster.value("//node_state[@id='2']", "id").is_some());
}
