//! Scenarios on small clusters of fencers, with virtual time and scripted agents [CT-9.16].

use super::*;
use crate::standard::{Call, ExecutionStatus, Parameters};
use std::collections::BTreeMap;

const START: Duration = Duration::from_secs(1000);

/// How a device's agent behaves.
#[derive(Clone)]
enum Agent {
    Pass,
    Fail,
    Hang,
    /// Prints this for `list`.
    Lists(&'static str),
    /// Exits so for `status`.
    Status(u8),
    /// Passes for off, fails for on.
    OnFails,
}

struct Cluster {
    now: Duration,
    fencers: BTreeMap<String, Fencer>,
    /// Messages in total order: receiver, sender, message.
    wire: VecDeque<(String, String, Message)>,
    runs: Vec<(Duration, String, Call)>,
    hanging: Vec<(String, RunId)>,
    agents: BTreeMap<String, Agent>,
    /// Node, device and action of everything that ran, but meta-data.
    ran: Vec<(String, String, String)>,
    lines: Vec<Parameters>,
    verdicts: Vec<Verdict>,
    totals: Vec<Duration>,
    panics: Vec<String>,
    answers: Vec<Exit>,
    silent: Vec<String>,
}

fn metadata(agent: &str) -> Option<String> {
    let on = match agent {
        "fence_auto" => "<action name='on' automatic='1'/>",
        "fence_on_target" => "<action name='on' on_target='1'/>",
        "fence_no_on" => "",
        _ => "<action name='on'/>",
    };
    let reboot = if agent == "fence_no_reboot" { "" } else { "<action name='reboot'/>" };
    let extra = match agent {
        "fence_list" => "<action name='list'/>",
        "fence_status" => "<action name='status'/>",
        "fence_missing" => return None,
        _ => "",
    };
    Some(format!(
        "<resource-agent name='{agent}'><parameters><parameter name='plug'/></parameters>\
         <actions><action name='off'/><action name='monitor'/>{on}{reboot}{extra}</actions></resource-agent>"
    ))
}

impl Cluster {
    fn new(nodes: &[&str]) -> Self {
        let make = |(seed, node): (u64, &&str)| {
            let mut fencer = Fencer::new(Options::new(node, seed));
            fencer.handle_peers(START, nodes.iter().copied());
            ((*node).to_owned(), fencer)
        };
        Self {
            now: START,
            fencers: (1..).zip(nodes).map(make).collect(),
            wire: VecDeque::new(),
            runs: Vec::new(),
            hanging: Vec::new(),
            agents: BTreeMap::new(),
            ran: Vec::new(),
            lines: Vec::new(),
            verdicts: Vec::new(),
            totals: Vec::new(),
            panics: Vec::new(),
            answers: Vec::new(),
            silent: Vec::new(),
        }
    }

    /// Registers a device that can fence n3 on one node.
    fn device(&mut self, node: &str, id: &str, agent: &str, behaves: Agent, more: &[(&str, &str)]) {
        let mut parameters: Parameters = more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        if !matches!(behaves, Agent::Lists(_) | Agent::Status(_)) {
            parameters.entry("pcmk_host_list".into()).or_insert_with(|| "n3 n4".into());
        }
        self.agents.insert(id.to_owned(), behaves);
        let now = self.now;
        self.fencers.get_mut(node).unwrap().register_device(now, id, agent, parameters, Source::Cib);
    }

    fn levels(&mut self, levels: &[&[&str]]) {
        let levels: Vec<Level> = (1..)
            .zip(levels)
            .map(|(index, devices)| Level {
                index,
                target: LevelTarget::Name("n3".into()),
                devices: devices.iter().map(|d| (*d).to_owned()).collect(),
            })
            .collect();
        for fencer in self.fencers.values_mut() {
            fencer.set_topology(levels.clone()).unwrap();
        }
    }

    fn request(&mut self, node: &str, request: Request) {
        let now = self.now;
        self.fencers.get_mut(node).unwrap().request(now, request);
    }

    fn drain(&mut self) {
        loop {
            for (name, fencer) in &mut self.fencers {
                while let Some(output) = fencer.poll_output() {
                    match output {
                        Output::Send { to: Destination::All, message } => {
                            let all = fencer.peers.iter().cloned();
                            self.wire.extend(all.map(|to| (to, name.clone(), message.clone())));
                        }
                        Output::Send { to: Destination::Peer(to), message } => {
                            self.wire.push_back((to, name.clone(), message));
                        }
                        Output::Run(call) => {
                            let lasts = if call.action == "metadata" { 10 } else { 400 };
                            let hangs = matches!(self.agents.get(&call.resource), Some(Agent::Hang));
                            if call.action != "metadata" {
                                self.ran.push((name.clone(), call.resource.clone(), call.action.clone()));
                                self.lines.push((*call.parameters).clone());
                            }
                            if hangs && call.action != "metadata" {
                                self.hanging.push((name.clone(), call.run));
                            } else {
                                self.runs.push((self.now + Duration::from_millis(lasts), name.clone(), call));
                            }
                        }
                        Output::Kill { run, .. } => {
                            let now = self.now;
                            self.hanging.retain(|(_, r)| *r != run);
                            fencer.handle_exit(now, run, Exit::killed());
                        }
                        Output::Done(verdict) => self.verdicts.push(verdict),
                        Output::TimeoutUpdate { total, .. } => self.totals.push(total),
                        Output::Panic { .. } => self.panics.push(name.clone()),
                        Output::Device { exit, .. } => self.answers.push(exit),
                        Output::Notify { .. } => {}
                    }
                }
            }
            let Some((to, from, message)) = self.wire.pop_front() else { return };
            if self.silent.contains(&to) || self.silent.contains(&from) {
                continue;
            }
            if let Some(fencer) = self.fencers.get_mut(&to) {
                fencer.handle_message(self.now, &from, message);
            }
        }
    }

    fn exit(&self, call: &Call) -> Exit {
        if call.action == "metadata" {
            return match metadata(&call.resource) {
                Some(text) => Exit::Exited { code: 0, stdout: text, stderr: String::new() },
                None => Exit::missing(call.resource.clone()),
            };
        }
        match (&self.agents[&call.resource], call.action.as_str()) {
            (Agent::Fail, _) | (Agent::OnFails, "on") => Exit::code(1),
            (Agent::Lists(hosts), "list") => {
                Exit::Exited { code: 0, stdout: (*hosts).to_owned(), stderr: String::new() }
            }
            (Agent::Status(code), "status") => Exit::code(*code),
            _ => Exit::code(0),
        }
    }

    /// Lets time pass until nothing is left to do, or this long.
    fn run(&mut self, longest: Duration) {
        let end = self.now + longest;
        self.drain();
        loop {
            let timer = self.fencers.values().filter_map(Fencer::poll_timeout).min();
            let run = self.runs.iter().map(|(at, ..)| *at).min();
            let Some(next) = [timer, run].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            let (due, later) = std::mem::take(&mut self.runs).into_iter().partition(|(at, ..)| *at <= self.now);
            self.runs = later;
            let due: Vec<(Duration, String, Call)> = due;
            for (_, node, call) in due {
                let exit = self.exit(&call);
                self.fencers.get_mut(&node).unwrap().handle_exit(self.now, call.run, exit);
            }
            for fencer in self.fencers.values_mut() {
                fencer.handle_timeout(self.now);
            }
            self.drain();
        }
        self.now = end;
    }

    /// Fences n3 from n1 and gives whether it worked.
    fn fence(&mut self, action: &str, timeout_s: u64) -> bool {
        self.run(Duration::from_secs(1));
        self.request("n1", Request::new("controller", "n3", action, timeout_s));
        self.run(Duration::from_secs(20_000));
        assert_eq!(self.verdicts.len(), 1, "one request, one answer");
        self.verdicts[0].result.is_ok()
    }

    fn ran(&self) -> Vec<String> {
        self.ran.iter().map(|(_, device, action)| format!("{device} {action}")).collect()
    }
}

#[test]
fn f1_all_devices_are_tried_before_it_fails() {
    let mut c = Cluster::new(&["n1", "n2"]);
    for id in ["a", "b", "c"] {
        c.device("n1", id, "fence_dummy", Agent::Fail, &[]);
    }
    assert!(!c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "a off", "b off", "b off", "c off", "c off"]);
}

#[test]
fn f2_the_first_that_works_ends_it() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[]);
    c.device("n1", "b", "fence_dummy", Agent::Pass, &[]);
    c.device("n1", "c", "fence_dummy", Agent::Fail, &[]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "a off", "b off"]);
}

#[test]
fn f3_a_missing_agent_is_no_device() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_missing", Agent::Pass, &[]);
    assert!(!c.fence("off", 20));
    assert_eq!(c.verdicts[0].result.status, ExecutionStatus::NoFenceDevice);
    assert!(c.ran.is_empty());
}

#[test]
fn f4_the_second_level_after_the_first_failed() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "1")]);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["a"], &["b"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "b off"]);
    assert_eq!(c.verdicts[0].delegate.as_deref(), Some("n2"));
}

#[test]
fn f5_a_level_is_abandoned_at_its_first_failure() {
    let mut c = Cluster::new(&["n1", "n2"]);
    let one = [("pcmk_off_retries", "1")];
    for (id, behaves) in [
        ("a", Agent::Fail),
        ("b", Agent::Pass),
        ("c", Agent::Pass),
        ("d", Agent::Fail),
        ("e", Agent::Pass),
        ("f", Agent::Pass),
    ] {
        c.device("n1", id, "fence_dummy", behaves, &one);
    }
    c.levels(&[&["a", "b"], &["c", "d"], &["e", "f"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off", "c off", "d off", "e off", "f off"]);
}

#[test]
fn f6_unknown_devices_are_skipped_to_the_next_level() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["nope"], &["a"]]);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["a off"]);
}

#[test]
fn f9_equal_requests_of_five_clients_merge() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n2", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    for client in ["c1", "c2", "c3", "c4", "c5"] {
        c.request("n1", Request::new(client, "n3", "off", 20));
    }
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off"]);
    assert_eq!(c.verdicts.len(), 5);
    assert!(c.verdicts.iter().all(|v| v.result.is_ok()));
}

#[test]
fn f10_two_targets_do_not_merge() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n2", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n1", Request::new("c1", "n3", "off", 20));
    c.request("n1", Request::new("c2", "n4", "off", 20));
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off", "a off"]);
    assert_eq!(c.verdicts.len(), 2);
}

#[test]
fn f11_to_f13_a_level_of_two_turns_off_both_before_it_turns_on_any() {
    for (agent, behaves, expected) in [
        ("fence_dummy", Agent::Pass, &["a off", "b off", "a on", "b on"][..]),
        ("fence_dummy", Agent::OnFails, &["a off", "b off", "a on", "a on", "b on", "b on"]),
        ("fence_auto", Agent::Pass, &["a off", "b off"]),
        ("fence_no_on", Agent::Pass, &["a off", "b off"]),
    ] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n1", "a", agent, behaves.clone(), &[]);
        c.device("n1", "b", agent, behaves, &[]);
        c.levels(&[&["a", "b"]]);
        assert!(c.fence("reboot", 20), "{agent}");
        assert_eq!(c.ran(), expected, "{agent}");
        assert_eq!(c.verdicts[0].action, "reboot");
    }
}

#[test]
fn f14_the_next_level_undoes_the_remap() {
    let mut c = Cluster::new(&["n1", "n2"]);
    let one = [("pcmk_off_retries", "1"), ("pcmk_reboot_retries", "1")];
    for (id, behaves) in
        [("a", Agent::Fail), ("b", Agent::Pass), ("c", Agent::Fail), ("d", Agent::Pass), ("e", Agent::Pass)]
    {
        c.device("n1", id, "fence_dummy", behaves, &one);
    }
    c.levels(&[&["a"], &["b", "c", "d"], &["e"]]);
    assert!(c.fence("reboot", 20));
    assert_eq!(c.ran(), ["a reboot", "b off", "c off", "e reboot"]);
}

#[test]
fn f15_unfencing_needs_every_device_that_requires_it() {
    for (second, ok) in [(Agent::Pass, true), (Agent::Fail, false)] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n2", "a", "fence_auto", Agent::Pass, &[]);
        c.device("n2", "b", "fence_auto", second, &[("pcmk_on_retries", "1")]);
        assert_eq!(c.fence("on", 20), ok);
        assert_eq!(c.ran(), ["a on", "b on"]);
    }
}

#[test]
fn f16_an_on_target_action_needs_its_target() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_on_target", Agent::Pass, &[]);
    assert!(!c.fence("on", 20));
    let mut c = Cluster::new(&["n1", "n2", "n3"]);
    c.device("n3", "a", "fence_on_target", Agent::Pass, &[]);
    assert!(c.fence("on", 20));
    assert_eq!(c.ran[0].0, "n3");
}

#[test]
fn f17_targets_by_the_agents_own_answer() {
    for (agent, behaves, ok) in [
        ("fence_list", Agent::Lists("n3,\nn9\n"), true),
        ("fence_list", Agent::Lists("n9\n"), false),
        ("fence_status", Agent::Status(2), true),
        ("fence_status", Agent::Status(0), true),
        ("fence_status", Agent::Status(1), false),
    ] {
        let mut c = Cluster::new(&["n1", "n2"]);
        c.device("n1", "a", agent, behaves, &[]);
        assert_eq!(c.fence("off", 20), ok, "{agent}");
    }
}

#[test]
fn f18_without_reboot_it_is_off() {
    let mut c = Cluster::new(&["n1", "n2"]);
    c.device("n1", "a", "fence_no_reboot", Agent::Pass, &[("pcmk_host_map", "n3:7"), ("pcmk_off_action", "kill")]);
    assert!(c.fence("reboot", 20));
    assert_eq!(c.ran(), ["a kill"]);
    assert_eq!(c.lines[0].get("plug").map(String::as_str), Some("7"));
    assert_eq!(c.lines[0].get("nodename").map(String::as_str), Some("n3"));
}

#[test]
fn f19_monitors_are_tried_twice_but_not_after_a_timeout() {
    use crate::executor::{DeviceAction, DeviceCall};
    for (behaves, tries, status) in
        [(Agent::Fail, 2, ExecutionStatus::Done), (Agent::Hang, 1, ExecutionStatus::Timeout)]
    {
        let mut c = Cluster::new(&["n1"]);
        c.agents.insert("a".into(), behaves);
        let call = |action| DeviceCall {
            run: RunId(5),
            device: "a".into(),
            agent: "fence_dummy".into(),
            action,
            timeout_s: 15,
            parameters: Default::default(),
        };
        let now = c.now;
        let n1 = c.fencers.get_mut("n1").unwrap();
        n1.handle_device_call(now, call(DeviceAction::Monitor));
        n1.handle_device_call(now, call(DeviceAction::Start));
        c.run(Duration::from_secs(60));
        assert_eq!(c.ran().len(), tries);
        let Exit::Answered(not_active) = &c.answers[0] else { panic!("an answer") };
        assert_eq!(not_active.reason.as_deref(), Some("'a' not active"));
        let Exit::Answered(monitor) = &c.answers[1] else { panic!("an answer") };
        assert_eq!(monitor.status, status);
        assert_ne!(monitor.rc.0, 0);
    }
}

/// The table of total timeouts [CT-9.7].
#[test]
fn totals_by_the_specified_table() {
    let total = |devices: &[(&str, &[(&str, &str)])], levels: &[&[&str]], action: &str, timeout: u64, delay: u64| {
        let mut c = Cluster::new(&["n1", "n2"]);
        for (id, parameters) in devices {
            c.device("n1", id, "fence_dummy", Agent::Pass, parameters);
        }
        c.levels(levels);
        c.run(Duration::from_secs(1));
        let request = Request { delay_s: Some(delay), ..Request::new("x", "n3", action, timeout) };
        c.request("n1", request);
        c.run(Duration::from_secs(2000));
        c.totals[0].as_secs()
    };
    let off = |t: &'static str| -> Vec<(&'static str, &'static str)> { vec![("pcmk_off_timeout", t)] };
    assert_eq!(total(&[("a", &[]), ("b", &off("1")), ("c", &off("4"))], &[], "off", 5, 0), 12);
    let long = [("a", &[][..]), ("b", &off("1000ms")[..]), ("c", &off("4000s")[..])];
    assert_eq!(total(&long, &[&["a"], &["b"], &["c"]], "off", 5, 0), 4807);
    assert_eq!(total(&[("a", &[]), ("b", &[]), ("c", &[])], &[], "off", 2, 0), 7);
    assert_eq!(total(&[("a", &[]), ("b", &[]), ("c", &[])], &[], "off", 5, 0), 18);
    assert_eq!(total(&[("a", &[])], &[&["a"]], "off", 5, 0), 6);
    assert_eq!(total(&[("a", &[]), ("b", &[])], &[&["a"], &["b"]], "off", 20, 0), 48);
    let six: [(&str, &[(&str, &str)]); 6] = [("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])];
    assert_eq!(total(&six, &[&["a", "b"], &["c", "d"], &["e", "f"]], "off", 3, 0), 21);
    let both: [(&str, &[(&str, &str)]); 2] = [
        ("a", &[("pcmk_off_timeout", "1"), ("pcmk_reboot_timeout", "10")]),
        ("b", &[("pcmk_off_timeout", "2"), ("pcmk_reboot_timeout", "20")]),
    ];
    assert_eq!(total(&both, &[&["a", "b"]], "reboot", 5, 0), 3);
    let delays: [(&str, &[(&str, &str)]); 5] = [
        ("a", &[("pcmk_delay_base", "1")]),
        ("b", &[("pcmk_delay_base", "1")]),
        ("c", &[("pcmk_delay_base", "1"), ("pcmk_delay_max", "2")]),
        ("d", &[("pcmk_delay_base", "2"), ("pcmk_delay_max", "1")]),
        ("e", &[]),
    ];
    assert_eq!(total(&delays, &[&["a", "b"], &["c", "d", "e"]], "off", 120, 1), 727);
}

#[test]
fn a_node_does_not_fence_itself_while_it_may_not() {
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n3", "a", "fence_dummy", Agent::Pass, &[]);
    assert!(!c.fence("off", 20));
    assert!(c.ran.is_empty());
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n3", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n1", Request { allow_self: true, ..Request::new("x", "n3", "off", 20) });
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran(), ["a off"]);
    assert!(c.verdicts[0].result.is_ok());
}

#[test]
fn a_request_to_fence_oneself_is_owned_by_another() {
    let mut c = Cluster::new(&["n1", "n3"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.run(Duration::from_secs(1));
    c.request("n3", Request::new("x", "n3", "off", 20));
    c.run(Duration::from_secs(100));
    assert_eq!(c.ran, [("n1".to_owned(), "a".to_owned(), "off".to_owned())]);
    assert_eq!(c.verdicts.len(), 1, "the asker hears of it");
    assert_eq!(c.fencers["n3"].history()[0].origin, "n1");
}

#[test]
fn verified_devices_are_chosen_first() {
    use crate::executor::{DeviceAction, DeviceCall};
    let mut c = Cluster::new(&["n1", "n2", "n3"]);
    c.device("n1", "a", "fence_dummy", Agent::Pass, &[]);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    let parameters: Parameters = [("pcmk_host_list".to_owned(), "n3 n4".to_owned())].into();
    let call = DeviceCall {
        run: RunId(1),
        device: "b".into(),
        agent: "fence_dummy".into(),
        action: DeviceAction::Start,
        timeout_s: 5,
        parameters: parameters.into(),
    };
    let now = c.now;
    c.fencers.get_mut("n2").unwrap().handle_device_call(now, call);
    assert!(c.fence("off", 20));
    assert_eq!(c.ran(), ["b monitor", "b off"]);
}

#[test]
fn a_silent_peer_is_replaced_by_another() {
    let mut c = Cluster::new(&["n1", "n2", "n4"]);
    c.device("n2", "a", "fence_dummy", Agent::Hang, &[]);
    c.device("n4", "a", "fence_dummy", Agent::Hang, &[]);
    c.run(Duration::from_secs(1));
    c.agents.insert("a".into(), Agent::Pass);
    c.device("n2", "b", "fence_dummy", Agent::Pass, &[]);
    c.levels(&[&["a"], &["b"]]);
    c.request("n1", Request::new("x", "n3", "off", 20));
    c.drain();
    let first = c.ran[0].0.clone();
    c.silent.push(first.clone());
    c.run(Duration::from_secs(100));
    assert!(c.verdicts[0].result.is_ok(), "{:?}", c.verdicts);
    assert_ne!(c.ran[1].0, first);
}

#[test]
fn the_watchdog_counts_when_nothing_else_can() {
    let mut c = Cluster::new(&["n1", "n2"]);
    for fencer in c.fencers.values_mut() {
        fencer.set_watchdog(START, Some(Duration::from_secs(10)));
    }
    c.run(Duration::from_secs(1));
    c.request("n1", Request::new("x", "n3", "reboot", 60));
    c.run(Duration::from_secs(9));
    assert!(c.verdicts.is_empty(), "not before it has surely fired");
    c.run(Duration::from_secs(5));
    assert!(c.verdicts[0].result.is_ok());
}

#[test]
fn a_live_target_is_told_to_fall_by_its_watchdog() {
    let mut c = Cluster::new(&["n1", "n3"]);
    for fencer in c.fencers.values_mut() {
        fencer.set_watchdog(START, Some(Duration::from_secs(10)));
    }
    assert!(c.fence("off", 60));
    assert_eq!(c.panics, ["n3"]);
}

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

#[test]
fn retries_stop_after_seven_tenths_of_the_time() {
    let mut c = Cluster::new(&["n1"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "4")]);
    assert!(!c.fence("off", 20));
    assert_eq!(c.ran().len(), 4, "each fails at once, with a second between");
    let mut c = Cluster::new(&["n1"]);
    c.device("n1", "a", "fence_dummy", Agent::Fail, &[("pcmk_off_retries", "40")]);
    assert!(!c.fence("off", 10));
    assert_eq!(c.ran().len(), 6, "a try every 1.4 s: at 0 1.4 2.8 4.2 5.6 7.0; after the sixth, 7 s of 10 are gone");
}

mod schedules {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Plan {
        /// Node, behaviour, kind of agent.
        devices: Vec<(usize, u8, u8)>,
        levels: Vec<Vec<usize>>,
        /// Node, client, target, action, timeout.
        requests: Vec<(usize, u8, u8, u8, u8)>,
        silent: Option<usize>,
        watchdog: bool,
    }

    fn plan() -> impl Strategy<Value = Plan> {
        (
            prop::collection::vec((0..3_usize, 0..8_u8, 0..6_u8), 0..5),
            prop::collection::vec(prop::collection::vec(0..6_usize, 1..3), 0..3),
            prop::collection::vec((0..3_usize, 0..3_u8, 0..2_u8, 0..3_u8, 1..40_u8), 1..5),
            prop::option::weighted(0.3, 0..3_usize),
            any::<bool>(),
        )
            .prop_map(|(devices, levels, requests, silent, watchdog)| Plan {
                devices,
                levels,
                requests,
                silent,
                watchdog,
            })
    }

    const NODES: [&str; 3] = ["n1", "n2", "n3"];
    const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever devices do, and whoever falls silent: each request of a node that lives is answered once, nothing waits for ever, and no node runs an
        /// action against itself.
        #[test]
        fn every_request_is_answered(plan in plan()) {
            let mut c = Cluster::new(&NODES);
            for (at, (node, behaves, agent)) in plan.devices.iter().enumerate() {
                let behaves = match behaves {
                    0..=2 => Agent::Pass,
                    3 | 4 => Agent::Fail,
                    5 => Agent::Hang,
                    6 => Agent::OnFails,
                    _ => Agent::Status(0),
                };
                let agent = ["fence_dummy", "fence_auto", "fence_no_reboot", "fence_status", "fence_missing", "fence_no_on"]
                    [usize::from(*agent)];
                c.device(NODES[*node], IDS[at], agent, behaves, &[]);
            }
            let levels: Vec<Vec<&str>> = plan.levels.iter().map(|l| l.iter().map(|d| IDS[*d]).collect()).collect();
            let levels: Vec<&[&str]> = levels.iter().map(Vec::as_slice).collect();
            c.levels(&levels);
            for fencer in c.fencers.values_mut() {
                fencer.set_watchdog(START, plan.watchdog.then_some(Duration::from_secs(5)));
            }
            c.run(Duration::from_secs(2));
            let silent = plan.silent.map(|n| NODES[n].to_owned());
            c.silent.extend(silent.clone());
            let mut expected = 0;
            for (node, client, target, action, timeout) in &plan.requests {
                if silent.as_deref() == Some(NODES[*node]) {
                    continue;
                }
                expected += 1;
                let target = ["n3", "n4"][usize::from(*target)];
                let action = ["off", "reboot", "on"][usize::from(*action)];
                c.request(NODES[*node], Request::new(&format!("c{client}"), target, action, u64::from(*timeout)));
            }
            c.run(Duration::from_secs(100_000));
            prop_assert_eq!(c.verdicts.len(), expected);
            for (name, fencer) in &c.fencers {
                if silent.as_deref() == Some(name.as_str()) {
                    continue;
                }
                prop_assert_eq!(fencer.poll_timeout(), None, "{} still waits", name);
                prop_assert!(fencer.searches.is_empty() && fencer.executions.is_empty() && fencer.jobs.is_empty());
            }
            for ((node, _, action), lines) in c.ran.iter().zip(&c.lines) {
                if matches!(action.as_str(), "off" | "reboot") {
                    prop_assert_ne!(lines.get("nodename"), Some(node), "a node runs {} against itself", action);
                }
            }
        }
    }
}
