//! The checks of [CT-8.11] on managers that share one ordered channel.

use super::*;

struct Net {
    managers: Vec<Attributes>,
    now: Duration,
    writes: Vec<(NodeId, Vec<CibWrite>)>,
}

impl Net {
    fn new(nodes: u32) -> Self {
        let start = Duration::from_secs(1);
        let managers = (1..=nodes)
            .map(|id| Attributes::new(id, &format!("n{id}"), Duration::from_secs(u64::from(100 - id)), start))
            .collect();
        let mut net = Net { managers, now: Duration::from_secs(10), writes: Vec::new() };
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
                        Output::Changed { .. } => {}
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
    for (start, end) in [(None, "1"), (Some("3"), "4"), (Some("INFINITY"), "1000000"), (Some("x"), "0")] {
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
