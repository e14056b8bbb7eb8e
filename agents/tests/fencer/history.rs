//! What fencers remember, and how they come to remember the same [CT-9.10], [CT-9.13].

use super::cluster::{Agent, Cluster, START};
use agents::fencer::{Message, OperationId, OperationState, Record, Request};
use core::time::Duration;

#[test]
fn a_human_confirms() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.request("n1", Request { manual: true, ..Request::new("op", "n3", "off", 0) });
    c.run(Duration::from_secs(1));
    assert!(c.verdicts[0].result.is_ok());
    for fencer in c.fencers.values() {
        assert_eq!(fencer.history()[0].delegate.as_deref(), Some("a human"));
    }
    c.request("n2", Request { tolerance_s: 30, ..Request::new("other", "n3", "off", 20) });
    c.run(Duration::from_secs(1));
    assert!(c.verdicts[1].result.is_ok(), "done recently enough");
}

#[test]
fn histories_become_equal() {
    let mut c = Cluster::new(&["n1", "n2", "n4"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.silent.push("n4".into());
    for fencer in c.fencers.values_mut() {
        fencer.handle_peers(START, ["n1", "n2"]);
    }
    assert!(c.fence("off", 20));
    assert!(c.fencers["n4"].history().is_empty());
    c.silent.clear();
    let now = c.now;
    for fencer in c.fencers.values_mut() {
        fencer.handle_peers(now, ["n1", "n2", "n4"]);
    }
    c.fencers.get_mut("n4").unwrap().synchronize(now);
    c.run(Duration::from_secs(1));
    assert_eq!(c.fencers["n4"].history(), c.fencers["n1"].history());
    assert_eq!(c.fencers["n4"].history().len(), 1);
    c.fencers.get_mut("n2").unwrap().clean_up(None);
    c.run(Duration::from_secs(1));
    assert!(c.fencers.values().all(|f| f.history().is_empty()));
}

#[test]
fn a_pending_entry_of_an_earlier_life_is_presumed_failed() {
    let mut c = Cluster::new(&["n1", "n2"]);
    let record = Record {
        id: OperationId("x".into()),
        target: "n3".into(),
        action: "off".into(),
        origin: "n1".into(),
        delegate: None,
        client: "c".into(),
        state: OperationState::Exec,
        completed: None,
        result: None,
        timeout_ms: 1000,
    };
    let now = c.now;
    let message = Message::History { records: vec![record], differential: false };
    c.fencers.get_mut("n1").unwrap().handle_message(now, "n2", message);
    c.run(Duration::from_secs(1));
    for fencer in c.fencers.values() {
        assert_eq!(fencer.history()[0].state, OperationState::Failed);
        assert_eq!(fencer.history()[0].result.as_ref().unwrap().rc.0, 110);
    }
}
