//! State before, action, exit: the recorded sequences [RA-15.6], and what shared things do.

use super::*;
use crate::standard::{AgentName, Answer};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// A world with one agent at hand.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) rng: ChaCha8Rng,
    pub(super) now: Duration,
    run: u64,
    effects: Vec<Effect>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let rng = ChaCha8Rng::seed_from_u64(3);
        Self { world: World::new("test"), rng, now: Duration::ZERO, run: 0, effects: Vec::new() }
    }

    fn exit(
        &mut self,
        node: &str,
        agent: &str,
        id: &str,
        action: &str,
        interval_ms: u64,
        given: &[(&str, &str)],
    ) -> Exit {
        self.run += 1;
        let parameters: crate::standard::Parameters =
            given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let call = Call {
            run: RunId(self.run),
            resource: id.to_owned(),
            agent: AgentName::parse(agent).unwrap(),
            action: action.to_owned(),
            interval_ms,
            timeout_ms: 60_000,
            parameters: parameters.into(),
        };
        let plan = self.world.start(self.now, node, &call, &mut self.rng);
        self.now = plan.ends.expect("it ends");
        let ended = self.world.finish(self.now, node, call.run).expect("it runs");
        self.effects = ended.effects;
        ended.exit
    }

    pub(super) fn rc(&mut self, node: &str, agent: &str, action: &str, given: &[(&str, &str)]) -> u8 {
        code(&self.exit(node, agent, "r", action, 0, given))
    }

    /// Codes of several actions on n1.
    fn codes(&mut self, agent: &str, actions: &[&str], given: &[(&str, &str)]) -> Vec<u8> {
        actions.iter().map(|action| self.rc("n1", agent, action, given)).collect()
    }

    fn score(&self) -> Option<Option<String>> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Attribute { name, value, .. } if name.starts_with("master-") => Some(value.clone()),
            _ => None,
        })
    }
}

fn code(exit: &Exit) -> u8 {
    match exit {
        Exit::Exited { code, .. } => *code,
        Exit::Answered(answer) => answer.rc.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pacemaker_dummy() {
    let mut s = Stage::new();
    let actions = [
        "monitor",
        "start",
        "start",
        "monitor",
        "reload",
        "reload-agent",
        "migrate_to",
        "monitor",
        "migrate_from",
        "stop",
        "stop",
        "frob",
    ];
    assert_eq!(s.codes("ocf:pacemaker:Dummy", &actions, &[]), [7, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3]);
    let fails = [("fail_start_on", "n1")];
    assert_eq!(s.codes("ocf:pacemaker:Dummy", &["start", "monitor", "reload-agent"], &fails), [1, 0, 1]);
    let exit = s.exit("n1", "ocf:pacemaker:Dummy", "r", "monitor", 0, &[("OCF_CHECK_LEVEL", "30")]);
    assert_eq!(exit, Exit::reason(1, "hyperdrive quota reached"));
    assert_eq!(s.codes("ocf:pacemaker:Dummy", &["validate-all"], &[("op_sleep", "abc")]), [6]);
}

#[test]
fn pacemaker_stateful_with_its_scores() {
    let mut s = Stage::new();
    let mut codes = Vec::new();
    let mut scores = Vec::new();
    for action in [
        "monitor",
        "promote",
        "demote",
        "start",
        "start",
        "monitor",
        "promote",
        "promote",
        "monitor",
        "start",
        "stop",
        "demote",
        "monitor",
        "stop",
        "monitor",
        "notify",
        "reload-agent",
    ] {
        codes.push(s.rc("n1", "ocf:pacemaker:Stateful", action, &[]));
        scores.extend(s.score());
    }
    assert_eq!(codes, [7, 7, 7, 0, 0, 0, 0, 0, 8, 8, 8, 0, 0, 0, 7, 0, 0]);
    let scores: Vec<&str> = scores.iter().map(|s| s.as_deref().unwrap_or("delete")).collect();
    assert_eq!(scores, ["5", "5", "5", "10", "10", "10", "delete", "5", "5", "delete"]);
}

#[test]
fn heartbeat_sequences() {
    let mut s = Stage::new();
    let dummy = [
        "monitor",
        "start",
        "start",
        "monitor",
        "migrate_to",
        "monitor",
        "migrate_from",
        "stop",
        "stop",
        "reload",
        "frob",
    ];
    assert_eq!(s.codes("ocf:heartbeat:Dummy", &dummy, &[]), [7, 0, 0, 0, 0, 7, 0, 0, 0, 0, 3]);
    let stopped = s.exit("n1", "ocf:heartbeat:Dummy", "r", "monitor", 10_000, &[]);
    assert_eq!(stopped, Exit::reason(7, "No process state file found"));
    assert_eq!(s.codes("ocf:heartbeat:Delay", &["start", "monitor", "stop", "frob"], &[]), [0, 0, 0, 2]);
    assert_eq!(s.codes("ocf:heartbeat:Delay", &["validate-all", "start"], &[("startdelay", "x")]), [2, 2]);
    assert_eq!(s.codes("ocf:heartbeat:IPaddr2", &["monitor", "start", "validate-all", "stop"], &[]), [6, 6, 6, 0]);
    assert_eq!(s.codes("ocf:heartbeat:Filesystem", &["monitor", "start", "stop"], &[]), [6, 6, 6]);
    assert_eq!(s.codes("ocf:heartbeat:MailTo", &["monitor", "start", "stop"], &[]), [7, 6, 6]);
    assert_eq!(s.codes("ocf:heartbeat:Xinetd", &["monitor", "start", "stop"], &[]), [7, 6, 7]);
    assert_eq!(s.codes("ocf:heartbeat:Route", &["start", "monitor", "stop"], &[]), [6, 7, 0]);
    assert_eq!(s.codes("ocf:heartbeat:VirtualDomain", &["monitor", "start", "stop", "validate-all"], &[]), [6; 4]);
    assert_eq!(s.codes("ocf:heartbeat:exportfs", &["monitor", "start", "stop", "validate-all"], &[]), [6; 4]);
    assert_eq!(s.codes("ocf:heartbeat:LVM-activate", &["monitor", "start", "stop"], &[]), [7, 6, 6]);
    assert_eq!(s.codes("ocf:heartbeat:iSCSILogicalUnit", &["monitor", "start", "stop"], &[]), [6; 3]);
}

#[test]
fn missing_software() {
    for (agent, probe, monitor, stop, start) in [
        ("apache", 7, 1, 0, 5),
        ("nginx", 7, 7, 0, 5),
        ("mysql", 7, 7, 0, 5),
        ("pgsql", 7, 7, 0, 5),
        ("ldirectord", 5, 5, 5, 5),
        ("podman", 1, 1, 0, 5),
    ] {
        let mut s = Stage::new();
        s.world.set_installed("n1", agent, false);
        let name = format!("ocf:heartbeat:{agent}");
        let recurring = code(&s.exit("n1", &name, "r", "monitor", 10_000, &[]));
        let found = (
            s.rc("n1", &name, "monitor", &[]),
            recurring,
            s.rc("n1", &name, "stop", &[]),
            s.rc("n1", &name, "start", &[]),
        );
        assert_eq!(found, (probe, monitor, stop, start), "{agent}");
        assert_eq!(s.rc("n2", &name, "monitor", &[]), 7, "only on that node");
    }
}

#[test]
fn one_address_on_two_nodes_is_a_conflict() {
    let mut s = Stage::new();
    let ip = [("ip", "10.0.0.9")];
    assert_eq!(s.codes("ocf:heartbeat:IPaddr2", &["monitor", "start", "start", "monitor"], &ip), [7, 0, 0, 0]);
    assert!(s.world.conflicts().is_empty());
    s.rc("n2", "ocf:heartbeat:IPaddr2", "start", &ip);
    let expected = Conflict::Address { ip: "10.0.0.9".into(), nodes: vec!["n1".into(), "n2".into()] };
    assert_eq!(s.world.conflicts(), [expected]);
    s.world.node_down(s.now, "n1");
    assert_eq!(s.world.owners_of_address("10.0.0.9"), ["n2"]);
}

#[test]
fn a_local_file_system_may_be_mounted_once() {
    let mut s = Stage::new();
    let local = [("device", "/dev/sda1"), ("directory", "/data"), ("fstype", "ext4")];
    s.rc("n1", "ocf:heartbeat:Filesystem", "start", &local);
    s.rc("n2", "ocf:heartbeat:Filesystem", "start", &local);
    assert_eq!(s.world.conflicts().len(), 1);
    let clone = [("device", "/dev/sda2"), ("directory", "/c"), ("fstype", "ext4"), ("CRM_meta_clone_max", "2")];
    assert_eq!(s.rc("n1", "ocf:heartbeat:Filesystem", "start", &clone), 6);
    let gfs = [("device", "/dev/sda2"), ("directory", "/c"), ("fstype", "gfs2"), ("CRM_meta_clone_max", "2")];
    assert_eq!(
        (s.rc("n1", "ocf:heartbeat:Filesystem", "start", &gfs), s.rc("n2", "ocf:heartbeat:Filesystem", "start", &gfs)),
        (0, 0)
    );
    assert_eq!(s.world.conflicts().len(), 1);
}

const DRBD: &str = "ocf:linbit:drbd";
const R0: [(&str, &str); 2] = [("drbd_resource", "r0"), ("CRM_meta_notify", "true")];

#[test]
fn drbd_scores_steer_promotion() {
    let mut s = Stage::new();
    assert_eq!(s.rc("n1", DRBD, "start", &R0), 0);
    assert_eq!(s.score(), Some(Some("1000".into())), "alone");
    s.rc("n2", DRBD, "start", &R0);
    assert_eq!(s.score(), Some(Some("10000".into())), "connected");
    assert_eq!(s.rc("n1", DRBD, "promote", &R0), 0);
    assert_eq!(s.rc("n1", DRBD, "monitor", &R0), 8);
    let begin = s.now;
    assert_eq!(s.rc("n2", DRBD, "promote", &R0), 1, "the other one is Primary");
    assert!(s.now - begin >= Duration::from_secs(15), "a failure takes its time");
    assert_eq!(s.rc("n2", DRBD, "stop", &R0), 0);
    assert_eq!(s.score(), Some(None));
    // n1 goes on alone; what n2 has is old until it is synchronized.
    s.rc("n2", DRBD, "start", &R0);
    assert_eq!(s.score(), Some(Some("10".into())));
    s.now += Duration::from_secs(11);
    s.rc("n2", DRBD, "monitor", &R0);
    assert_eq!(s.score(), Some(Some("10000".into())));
}

#[test]
fn two_primaries_without_a_link_are_a_split_brain() {
    let mut s = Stage::new();
    for node in ["n1", "n2"] {
        s.rc(node, DRBD, "start", &R0);
    }
    s.rc("n1", DRBD, "promote", &R0);
    s.world.set_link(s.now, "n1", "n2", false);
    assert_eq!(s.rc("n2", DRBD, "promote", &R0), 0, "nobody tells it");
    assert!(matches!(s.world.conflicts()[..], [Conflict::Primary { .. }]));
    s.world.set_link(s.now, "n1", "n2", true);
    assert!(s.world.conflicts().contains(&Conflict::SplitBrain { resource: "r0".into() }));
    let mount = [("device", "/dev/drbd/by-res/r0/0"), ("directory", "/d"), ("fstype", "ext4")];
    s.rc("n2", DRBD, "demote", &R0);
    assert_eq!(s.rc("n2", "ocf:heartbeat:Filesystem", "start", &mount), 1, "a Secondary cannot be mounted");
    assert_eq!(s.rc("n1", "ocf:heartbeat:Filesystem", "start", &mount), 0);
}

#[test]
fn drbd_demands_notifications() {
    let mut s = Stage::new();
    assert_eq!(s.rc("n1", DRBD, "start", &[("drbd_resource", "r0")]), 6);
    assert_eq!(s.rc("n1", DRBD, "monitor", &[("drbd_resource", "r0")]), 7);
    let two = [("drbd_resource", "r0"), ("CRM_meta_clone_node_max", "2")];
    let exit = s.exit("n1", DRBD, "r", "monitor", 0, &two);
    let text = "meta parameter misconfigured, expected clone-node-max -eq 1, but found 2.";
    assert_eq!(exit, Exit::reason(6, text));
}

#[test]
fn pgsql_promotes_the_newest_after_three_looks_and_remembers_a_crash() {
    let mut s = Stage::new();
    let p = [("rep_mode", "sync"), ("node_list", "n1 n2"), ("CRM_meta_master_max", "1")];
    let pg = "ocf:heartbeat:pgsql";
    assert_eq!((s.rc("n1", pg, "start", &p), s.rc("n2", pg, "start", &p)), (0, 0));
    for look in 1..=3 {
        s.rc("n1", pg, "monitor", &p);
        assert_eq!(s.score(), (look == 3).then(|| Some("1000".into())), "look {look}");
    }
    assert_eq!((s.rc("n1", pg, "promote", &p), s.rc("n1", pg, "monitor", &p)), (0, 8));
    assert_eq!(s.rc("n1", pg, "demote", &[p[0], p[1], p[2], ("CRM_meta_notify_slave_uname", "n2")]), 0);
    assert_eq!(s.rc("n1", pg, "monitor", &p), 7, "demoted means stopped");
    let exit = s.exit("n1", pg, "r", "start", 0, &p);
    assert_eq!(code(&exit), 1, "its lock file is still there");
}

#[test]
fn ping_counts_hosts_that_answer() {
    let mut s = Stage::new();
    let p = [("host_list", "a b c"), ("multiplier", "100"), ("failure_score", "150")];
    s.world.set_host_answers("b", false);
    assert_eq!(s.rc("n1", "ocf:pacemaker:ping", "start", &p), 0);
    let published = |s: &Stage| match &s.effects[..] {
        [Effect::Attribute { name, value, .. }] => (name.clone(), value.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(published(&s), ("pingd".to_owned(), Some("200".to_owned())));
    s.world.set_host_answers("c", false);
    assert_eq!(s.rc("n1", "ocf:pacemaker:ping", "monitor", &p), 1);
    assert_eq!(s.rc("n1", "ocf:pacemaker:ping", "stop", &p), 0);
    assert_eq!(published(&s).1, None);
}

#[test]
fn fence_agents_take_power_or_keys() {
    let mut s = Stage::new();
    s.world.wire("7", "n2");
    s.rc("n2", "ocf:pacemaker:Dummy", "start", &[]);
    assert_eq!(s.rc("n1", "stonith:fence_apc", "status", &[("plug", "7")]), 0);
    assert_eq!(s.rc("n1", "stonith:fence_apc", "off", &[("plug", "7")]), 0);
    assert_eq!(s.effects, [Effect::PowerOff { node: "n2".into() }]);
    assert_eq!(s.world.instances().count(), 0);
    assert_eq!(s.rc("n1", "stonith:fence_apc", "status", &[("plug", "7")]), 2);
    s.world.set_fence_device_reachable("r", false);
    assert_eq!(s.rc("n1", "stonith:fence_apc", "on", &[("plug", "7")]), 1);
    s.world.set_fence_device_reachable("r", true);
    assert_eq!(s.rc("n1", "stonith:fence_scsi", "monitor", &[]), 1, "no key yet");
    for node in ["n1", "n3"] {
        s.rc(node, "stonith:fence_scsi", "on", &[("nodename", node)]);
    }
    assert_eq!(s.rc("n1", "stonith:fence_scsi", "off", &[("nodename", "n1")]), 1, "never one's own");
    assert_eq!(s.rc("n1", "stonith:fence_scsi", "off", &[("nodename", "n3")]), 0);
    assert_eq!(s.rc("n1", "stonith:fence_scsi", "status", &[("nodename", "n3")]), 2);
    assert!(s.world.may_write("n1", "/dev/shared") && !s.world.may_write("n3", "/dev/shared"));
    s.world.confirm_down("n3");
    assert_eq!(s.rc("n1", "stonith:meatware", "reboot", &[("nodename", "n3")]), 0);
    assert_eq!(s.rc("n1", "stonith:fence_watchdog", "off", &[]), 1);
}

#[test]
fn units_and_init_scripts() {
    let mut s = Stage::new();
    assert_eq!(s.codes("lsb:svc", &["stop", "monitor", "start", "monitor"], &[]), [0, 3, 0, 0]);
    let monitor = s.exit("n1", "systemd:httpd", "u", "monitor", 0, &[]);
    assert_eq!(monitor, Exit::Answered(Answer::done(crate::standard::ExitStatus(7)).because("inactive")));
}

#[test]
fn faults_come_on_cue_and_only_as_often() {
    let mut s = Stage::new();
    let agent = "ocf:pacemaker:Dummy";
    s.world.cue(Cue::new(Fault::Exit { code: 5, reason: None }).node("n1").action("start").times(1));
    assert_eq!((s.rc("n2", agent, "start", &[]), s.rc("n1", agent, "start", &[])), (0, 5));
    assert_eq!(s.rc("n1", agent, "monitor", &[]), 7, "it did nothing");
    assert_eq!(s.rc("n1", agent, "start", &[]), 0);
    s.world.cue(Cue::new(Fault::Lie { code: 0 }).action("monitor").resource("r"));
    assert!(s.world.fail_instance(s.now, "n1", "r"));
    assert_eq!(s.rc("n1", agent, "monitor", &[]), 0, "a lie");
    s.world.clear_cues();
    assert_eq!(s.rc("n1", agent, "monitor", &[]), 7);
    s.world.cue(Cue::new(Fault::Stuck));
    let call = Call {
        run: RunId(999),
        resource: "r".into(),
        agent: AgentName::ocf("pacemaker", "Dummy"),
        action: "stop".into(),
        interval_ms: 0,
        timeout_ms: 1,
        parameters: Default::default(),
    };
    assert_eq!(s.world.start(s.now, "n1", &call, &mut s.rng).ends, None);
    assert_eq!(s.world.kill(s.now, "n1", call.run, KillScope::Group), None);
    assert_eq!(s.world.release("n1", call.run), Some(Exit::killed()));
}
