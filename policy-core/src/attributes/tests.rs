//! The checks of [CT-8.11] on managers that share one ordered channel.

use super::*;

struct Net {
    managers: Vec<Attributes>,
    now: Duration,
    writes: Vec<(NodeId, Vec<CibWrite>)>,
    answers: Vec<(u64, bool)>,
}

impl Net {
    fn new(nodes: u32) -> Self {
        let start = Duration::from_secs(1);
        let managers = (1..=nodes)
            .map(|id| Attributes::new(id, &format!("n{id}"), Duration::from_secs(u64::from(100 - id)), start))
            .collect();
        let mut net = Net { managers, now: Duration::from_secs(10), writes: Vec::new(), answers: Vec::new() };
        let all: Vec<_> = (1..=nodes).map(|id| (id, format!("n{id}"))).collect();
        for manager in &mut net.managers {
            manager.handle_group(net.now, &all, &[]);
        }
        net.settle();
        net.writes.clear();
        net
    }

    fn settle(&mut self) {
        loop {
            let mut wire = Vec::new();
            for manager in &mut self.managers {
                while let Some(output) = manager.poll_output() {
                    match output {
                        Output::Broadcast(message) => wire.push((manager.me, message)),
                        Output::Write { call, writes } => {
                            self.writes.push((manager.me, writes));
                            manager.handle_written(self.now, call, true);
                        }
                        Output::Answered { ticket, in_time } => self.answers.push((ticket, in_time)),
                        Output::Changed { .. } | Output::Written { .. } => {}
                    }
                }
            }
            if wire.is_empty() {
                return;
            }
            for (from, message) in wire {
                for manager in &mut self.managers {
                    manager.handle_message(self.now, from, message.clone());
                }
            }
        }
    }

    fn ask(&mut self, node: usize, request: Request) {
        self.managers[node].request(request).unwrap();
        self.settle();
    }

    fn value(&self, node: usize, name: &str, of: &str) -> Option<&str> {
        self.managers[node].status().get(name)?.values.get(of)?.value.as_deref()
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        for manager in &mut self.managers {
            manager.handle_timeout(self.now);
        }
        self.settle();
    }
}

#[test]
fn one_writer_writes_once() {
    let mut net = Net::new(3);
    assert_eq!(net.managers.iter().filter(|m| m.is_writer()).count(), 1);
    assert!(net.managers[0].is_writer(), "the oldest");
    net.ask(2, Request::update("A", Some("111"), "n3"));
    for node in 0..3 {
        assert_eq!(net.value(node, "A", "n3"), Some("111"));
    }
    assert_eq!(net.writes.len(), 1);
    assert_eq!(net.writes[0].0, 1);
    net.ask(1, Request::update("A", Some("111"), "n3"));
    assert_eq!(net.writes.len(), 1, "unchanged values are not written again");
}

#[test]
fn values_count_up_to_infinity() {
    let mut net = Net::new(2);
    for (start, end) in
        [(None, "1"), (Some("3"), "4"), (Some("INFINITY"), "1000000"), (Some("x"), "0"), (Some(""), "1")]
    {
        net.ask(0, Request::update("fail-count-r#start_0", start, "n2"));
        net.ask(0, Request::update("fail-count-r#start_0", Some("value++"), "n2"));
        assert_eq!(net.value(1, "fail-count-r#start_0", "n2"), Some(end));
    }
}

#[test]
fn dampening_waits_for_quiet() {
    let mut net = Net::new(2);
    net.ask(0, Request::Update(vec![Update::new("p", Some("1"), "n1").dampened(5_000)]));
    net.pass(3);
    net.ask(0, Request::update("p", Some("2"), "n1"));
    net.pass(3);
    assert_eq!(net.writes.len(), 0);
    net.pass(3);
    assert_eq!(net.writes.len(), 1);
    assert!(matches!(
        net.managers[0].request(Request::UpdateDelay { name: "q".into(), delay_ms: 1 }),
        Err(AttributeError::Unknown(_))
    ));
}

#[test]
fn failures_are_cleared_by_pattern() {
    let mut net = Net::new(1);
    for name in
        ["fail-count-r#start_0", "last-failure-r#start_0", "fail-count-r#monitor_10000", "fail-count-rr#start_0"]
    {
        net.ask(0, Request::update(name, Some("1"), "n1"));
    }
    let clear = |operation| Request::ClearFailure { resource: Some("r".into()), operation, node: None };
    net.ask(0, clear(Some(("monitor".into(), 10_000))));
    assert_eq!(net.value(0, "fail-count-r#monitor_10000", "n1"), None);
    assert_eq!(net.value(0, "fail-count-r#start_0", "n1"), Some("1"));
    net.ask(0, clear(None));
    assert_eq!(net.value(0, "last-failure-r#start_0", "n1"), None);
    assert_eq!(net.value(0, "fail-count-rr#start_0", "n1"), Some("1"));
}

#[test]
fn a_lost_writer_is_replaced_and_its_values_go() {
    let mut net = Net::new(3);
    net.ask(0, Request::update("A", Some("1"), "n1"));
    net.writes.clear();
    net.now += Duration::from_secs(5);
    net.managers.remove(0);
    for manager in &mut net.managers {
        manager.handle_group(net.now, &[], &[1]);
    }
    net.settle();
    assert!(net.managers[0].is_writer());
    assert_eq!(net.value(0, "A", "n1"), None);
    let erased = CibWrite::Delete { xpath: "//node_state[@uname='n1']/transient_attributes".into() };
    assert!(net.writes.iter().any(|(from, w)| *from == 2 && w.contains(&erased)));
}

#[test]
fn expressions_set_all_that_match_and_refuse_nonsense() {
    let mut net = Net::new(2);
    for name in ["AAA", "ABB", "XAX", "XBX", "YAY"] {
        net.ask(0, Request::update(name, Some("0"), "n1"));
    }
    let matching = |pattern: &str, value| Request::UpdateMatching {
        pattern: pattern.into(),
        update: Update::new("", value, "n1"),
    };
    net.ask(1, matching("^A.*", Some("7")));
    for (name, value) in [("AAA", "7"), ("ABB", "7"), ("XAX", "0"), ("YAY", "0")] {
        assert_eq!(net.value(0, name, "n1"), Some(value), "{name}");
    }
    net.ask(1, matching("X[A|B]X", None));
    assert_eq!((net.value(0, "XAX", "n1"), net.value(0, "XBX", "n1")), (None, None));
    assert!(matches!(net.managers[0].request(matching("(", None)), Err(AttributeError::Pattern { .. })));
    let before = net.writes.len();
    net.ask(0, matching("nothing like this", Some("1")));
    assert_eq!(net.writes.len(), before);
}

#[test]
fn clients_wait_for_this_node_or_for_all() {
    let mut net = Net::new(3);
    for (ticket, until) in [(1, SyncPoint::Local), (2, SyncPoint::Cluster)] {
        let now = net.now;
        net.managers[1].request_and_wait(now, Request::update("A", Some("1"), "n2"), until, ticket).unwrap();
        net.settle();
    }
    assert_eq!(net.answers, [(1, true), (2, true)]);
    // A node that does not answer: in vain after 15 s; one that leaves is not waited for.
    let now = net.now;
    let silent = net.managers.remove(2);
    net.managers[0].request_and_wait(now, Request::Refresh, SyncPoint::Cluster, 3).unwrap();
    net.settle();
    net.pass(16);
    assert_eq!(net.answers[2..], [(3, false)]);
    let now = net.now;
    net.managers[0].request_and_wait(now, Request::Refresh, SyncPoint::Cluster, 4).unwrap();
    net.settle();
    for manager in &mut net.managers {
        manager.handle_group(now, &[], &[silent.me]);
    }
    net.settle();
    assert_eq!(net.answers[3..], [(4, true)]);
}

#[test]
fn delays_change_only_when_asked_and_unsetting_twice_is_no_error() {
    let mut net = Net::new(1);
    let dampened = |value, delay| Update::new("A", Some(value), "n1").dampened(delay);
    net.ask(0, Request::Update(vec![dampened("777", 10_000)]));
    net.ask(0, Request::Update(vec![dampened("888", 7_000)]));
    assert_eq!((net.value(0, "A", "n1"), net.managers[0].status()["A"].delay_ms), (Some("888"), 10_000));
    net.ask(0, Request::Update(vec![Update { set_delay: true, ..dampened("333", 5_000) }]));
    assert_eq!((net.value(0, "A", "n1"), net.managers[0].status()["A"].delay_ms), (Some("333"), 5_000));
    for name in ["A", "A", "never"] {
        net.ask(0, Request::update(name, None, "n1"));
    }
    assert_eq!(net.value(0, "A", "n1"), None);
}

#[test]
fn private_values_are_never_written_and_sets_and_utilization_are() {
    let mut net = Net::new(2);
    net.ask(
        0,
        Request::Update(vec![Update { private: true, set: Some("foo".into()), ..Update::new("p", Some("1"), "n1") }]),
    );
    assert_eq!(net.value(1, "p", "n1"), Some("1"));
    assert!(net.writes.is_empty());
    net.ask(0, Request::Update(vec![Update { utilization: true, ..Update::new("cpu", Some("4"), "n2") }]));
    net.ask(0, Request::Update(vec![Update { set: Some("foo".into()), ..Update::new("q", Some("1"), "n1") }]));
    let text = format!("{:?}", net.writes);
    assert!(text.contains("utilization id=\\\"status-2\\\"") && text.contains("id=\\\"foo-q\\\""), "{text}");
}

#[test]
fn values_of_remote_nodes_are_written_under_their_names() {
    let mut net = Net::new(2);
    net.ask(1, Request::Update(vec![Update { remote: true, ..Update::new("A", Some("1"), "rem") }]));
    let text = format!("{:?}", net.writes);
    assert!(text.contains("node_state id=\\\"rem\\\"") && text.contains("remote_node"), "{text}");
    // A node that is not known is written when it comes.
    net.writes.clear();
    net.ask(1, Request::update("B", Some("1"), "n9"));
    assert!(net.writes.is_empty());
    for manager in &mut net.managers {
        manager.handle_group(net.now, &[(9, "n9".into())], &[]);
    }
    net.settle();
    assert!(format!("{:?}", net.writes).contains("status-9-B"));
}

#[test]
fn the_joiner_knows_itself_best_and_the_cluster_everybody_else() {
    let mut net = Net::new(2);
    net.ask(0, Request::update("A", Some("cluster"), "n1"));
    net.ask(0, Request::update("A", Some("cluster"), "n3"));
    let mut joiner = Attributes::new(3, "n3", Duration::from_secs(1), net.now);
    let all: Vec<_> = (1..=3).map(|id| (id, format!("n{id}"))).collect();
    joiner.handle_group(net.now, &all, &[]);
    let own = Message::Request(Request::update("A", Some("own"), "n3"));
    joiner.handle_message(net.now, 3, own);
    joiner.handle_message(net.now, 3, Message::Request(Request::update("A", Some("stale"), "n1")));
    net.managers.push(joiner);
    for manager in &mut net.managers[..2] {
        manager.handle_group(net.now, &[(3, "n3".into())], &[]);
    }
    net.settle();
    for node in 0..3 {
        assert_eq!(net.value(node, "A", "n3"), Some("own"), "on {node}");
        assert_eq!(net.value(node, "A", "n1"), Some("cluster"), "on {node}");
    }
}

/// [CT-8.4]: only a change makes the wait for quiet begin anew.
#[test]
fn the_same_value_again_does_not_prolong_the_delay() {
    let mut net = Net::new(2);
    net.ask(0, Request::Update(vec![Update::new("p", Some("Up"), "n1").dampened(5_000)]));
    net.pass(3);
    net.ask(0, Request::update("p", Some("uP"), "n1"));
    net.pass(2);
    assert_eq!(net.writes.len(), 1);
}

/// [CT-8.4], [CT-8.11]: `update` leaves the delay alone, `update-both` changes it at once, and does nothing without one.
#[test]
fn delays_change_only_when_they_are_given_to_be_changed() {
    let mut net = Net::new(2);
    let delay = |net: &Net| net.managers[1].status()["A"].delay_ms;
    let both = |value: &str, delay_ms| {
        Request::Update(vec![Update { set_delay: true, delay_ms, ..Update::new("A", Some(value), "n1") }])
    };
    net.ask(0, Request::Update(vec![Update::new("A", Some("777"), "n1").dampened(10_000)]));
    net.ask(0, Request::Update(vec![Update::new("A", Some("888"), "n1").dampened(7_000)]));
    assert_eq!((net.value(1, "A", "n1"), delay(&net)), (Some("888"), 10_000));
    assert_eq!(net.writes.len(), 0);
    // What waited for the old delay is written, the new value waits for the new one.
    net.ask(0, both("333", Some(5_000)));
    assert_eq!((net.value(1, "A", "n1"), delay(&net), net.writes.len()), (Some("333"), 5_000, 1));
    net.pass(5);
    assert_eq!(net.writes.len(), 2);
    net.ask(0, both("333", Some(2_000)));
    assert_eq!((delay(&net), net.writes.len()), (2_000, 3), "a new delay writes, though the value is the same");
    net.ask(0, both("444", None));
    assert_eq!((net.value(1, "A", "n1"), delay(&net)), (Some("333"), 2_000));
}

/// [CT-8.6]: exactly one pair is removed, by its ids and its name.
#[test]
fn unset_removes_one_pair() {
    let mut net = Net::new(1);
    for (name, quoted) in [("it's", "@name=\"it's\""), ("plain", "@name='plain'"), ("b'\"", "@id='status-1-b..'")] {
        net.ask(0, Request::update(name, Some("1"), "n1"));
        net.ask(0, Request::update(name, None, "n1"));
        let (_, writes) = net.writes.last().unwrap();
        let [CibWrite::Delete { xpath }] = writes.as_slice() else { panic!("{writes:?}") };
        assert!(xpath.contains("/instance_attributes[@id='status-1']/nvpair[@id="), "{xpath}");
        assert!(xpath.ends_with(&format!("{quoted}]")), "{xpath}");
    }
}
