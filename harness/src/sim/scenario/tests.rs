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
        "2:8: expected 'is dc', 'online', 'offline', 'quorate', 'inquorate' or 'fenced', found the end of the line"
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
