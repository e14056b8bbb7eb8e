use super::*;

#[test]
fn a_scenario_reads_as_written() {
    let text = "\
title  Loss of a node   # not part of it
nodes  n1 n2 n3
totem  token 1000
network delay 1ms..3ms
configure {
  primitive ip ocf:heartbeat:IPaddr2 params ip=10.0.0.9
}
at 30s crash n1
at 40s partition n2 | n3 n1
at 41s agent ip monitor fails with 7 on n2 3 times
by 1min ip started on n2
never ip started on n3
always at most one ip
";
    let s = parse(text).unwrap();
    assert_eq!(s.title, "Loss of a node");
    assert_eq!(s.nodes, ["n1", "n2", "n3"]);
    assert_eq!(s.configuration_line, 6);
    assert!(s.configuration.contains("IPaddr2"));
    assert_eq!(s.events[0], At { time: Duration::from_secs(30), what: Event::Crash("n1".into()), line: 8 });
    assert_eq!(s.events[1].what, Event::Partition(vec![vec!["n2".into()], vec!["n3".into(), "n1".into()]]));
    assert_eq!(s.expectations[0].what.to_string(), "ip started on n2");
    assert_eq!(s.expectations[0].time, Duration::from_secs(60));
    assert!(s.invariants[0].never);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let wrong = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(wrong("nodes a\nat 5s crash b\n"), "2:13: expected a node (a), found 'b'");
    assert_eq!(wrong("nodes a\nat soon crash a\n"), "2:4: expected a time such as 500ms, 30s or 2min, found 'soon'");
    assert!(wrong("nodes a a\n").starts_with("1:9: expected a name that is not used yet"));
    assert!(wrong("nodes a\nconfigure {\n primitive\n").starts_with("2:1: expected a line '}'"));
    assert!(wrong("title x\n").contains("expected a statement 'nodes NAME...'"));
    assert_eq!(
        wrong("nodes a\nby 5s a\n"),
        "2:8: expected 'is dc', 'online', 'offline', 'quorate', 'inquorate', 'fenced', 'reaches NODE' or 'sends to NODE', found the end of the line"
    );
}

#[test]
fn remote_hosts_are_places_for_resources() {
    let text = "\
nodes  n1 n2
remote r1 r2
guest  g1 in vm
at 30s crash g1
at 40s kill web on r2
by 1min web started on r2
by 1min r1 started on n2
by 1min r1 online
by 1min failcount web on g1 is 1
";
    let s = parse(text).unwrap();
    let remote =
        |name: &str, container: Option<&str>| Remote { name: name.into(), container: container.map(str::to_owned) };
    assert_eq!(s.remotes, [remote("r1", None), remote("r2", None), remote("g1", Some("vm"))]);
    assert_eq!(s.events[0].what, Event::Crash("g1".into()));
    assert_eq!(s.expectations[1].what, Condition::Started("r1".into(), Some("n2".into())));
    assert_eq!(s.expectations[2].what, Condition::NodeOnline("r1".into()));
    assert_eq!(parse(&write(&s)).unwrap().remotes, s.remotes);
    let wrong = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(wrong("nodes a\nremote a\n"), "2:8: expected a name that is not used yet, found 'a'");
    assert_eq!(wrong("nodes a\nremote r\nat 5s partition a | r\n"), "3:21: expected a node (a), found 'r'");
}

#[test]
fn links_are_named_where_one_is_meant() {
    let text = "\
nodes  n1 n2 n3
links  2
link   1 knet_link_priority 5
network loss 10% on link 1
network delay 1ms..2ms
at 30s cut n1 -> n2 on link 0
at 31s cut n1 <-> n2
at 32s cut n1 on link 1
at 33s cut all on link 1
at 34s mend n3
at 35s network spikes 5% 2s on link 0
by 1min n1 reaches n2
by 1min not n1 reaches n2 on link 0
by 1min n1 sends to n2 on link 1
during 40s..50s never new ring
during 40s..50s always n1 online
";
    let s = parse(text).unwrap();
    assert_eq!((s.links, &s.interfaces[0]), (2, &(1, "knet_link_priority".into(), "5".into())));
    assert_eq!(s.network[0], (NetworkSetting::Loss(0.1), Some(1)));
    assert_eq!(s.network[1].1, None);
    let events: Vec<Event> = s.events.iter().map(|e| e.what.clone()).collect();
    let wanted = [
        Event::Cut(Stretch::pair("n1", "n2", false).on(0)),
        Event::Cut(Stretch::pair("n1", "n2", true)),
        Event::Cut(Stretch::from(Between::Node("n1".into())).on(1)),
        Event::Cut(Stretch::from(Between::All).on(1)),
        Event::Mend(Between::Node("n3".into()).into()),
        Event::Network(NetworkSetting::Spikes(0.05, Duration::from_secs(2)), Some(0)),
    ];
    assert_eq!(events, wanted);
    let during = Some((Duration::from_secs(40), Duration::from_secs(50)));
    let never = Invariant { condition: Condition::NewRing, never: true, during, line: 15 };
    assert_eq!(s.invariants[0], never);
    let again = parse(&write(&s)).unwrap();
    let plain = |s: &Scenario| {
        let events: Vec<Event> = s.events.iter().map(|e| e.what.clone()).collect();
        let conditions: Vec<Condition> = s.expectations.iter().map(|e| e.what.clone()).collect();
        let invariants: Vec<_> = s.invariants.iter().map(|i| (i.condition.clone(), i.never, i.during)).collect();
        (s.links, s.interfaces.clone(), s.network.clone(), events, conditions, invariants)
    };
    assert_eq!(plain(&s), plain(&again));
}

#[test]
fn a_link_that_does_not_exist_is_a_mistake() {
    let wrong = |text: &str| parse(text).unwrap_err().to_string();
    let link = "expected a link from 0 to 1 (after a statement 'links N')";
    assert_eq!(wrong("nodes a b\nlinks 2\nat 5s cut a -> b on link 2\n"), format!("3:26: {link}, found '2'"));
    assert!(wrong("nodes a b\nat 5s cut a on link 1\n").contains("a link from 0 to 0"));
    assert_eq!(wrong("nodes a b\nlinks 9\n"), "2:7: expected how many links, from 1 to 8, found '9'");
    assert_eq!(wrong("nodes a b\nat 5s cut a b\n"), "2:13: expected '->', '<->' or 'on link L', found 'b'");
    assert!(wrong("nodes a b\nby 5s a sends to b\n").contains("'on link L'"));
    assert!(wrong("nodes a\nduring 5s..6s a online\n").contains("'always' or 'never'"));
}
