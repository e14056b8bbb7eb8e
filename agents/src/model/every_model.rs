//! Every agent that the specification models [RA-10] to [RA-14], and every way to fail.

use super::tests::Stage;
use super::*;
use crate::standard::AgentName;

/// What they need to be configured.
const PARAMETERS: &[(&str, &str)] = &[
    ("ip", "10.0.0.1"),
    ("device", "/dev/x"),
    ("directory", "/x"),
    ("fstype", "xfs"),
    ("drbd_resource", "r"),
    ("host_list", "a"),
    ("config", "/etc/x.xml"),
    ("image", "i"),
    ("vgname", "v"),
    ("vg_access_mode", "system_id"),
    ("node_list", "n1 n2"),
    ("CRM_meta_notify", "true"),
    ("CRM_meta_master_max", "1"),
    ("clientspec", "*"),
    ("fsid", "1"),
    ("iqn", "q"),
    ("email", "x"),
    ("destination", "d"),
    ("interface", "eth0"),
    ("link", "/l"),
    ("target", "/t"),
    ("binfile", "/b"),
    ("service", "s"),
    ("target_iqn", "q"),
    ("lun", "1"),
    ("path", "/p"),
    ("nodename", "n2"),
    ("devices", "/d"),
    ("nic", "eth0"),
];

const OCF: &[&str] = &[
    "pacemaker:Dummy",
    "pacemaker:Stateful",
    "pacemaker:ping",
    "pacemaker:SysInfo",
    "pacemaker:ClusterMon",
    "pacemaker:HealthCPU",
    "pacemaker:HealthIOWait",
    "pacemaker:HealthSMART",
    "pacemaker:controld",
    "pacemaker:attribute",
    "pacemaker:ifspeed",
    "pacemaker:remote",
    "heartbeat:IPaddr",
    "heartbeat:IPaddr2",
    "heartbeat:Filesystem",
    "heartbeat:apache",
    "heartbeat:nginx",
    "heartbeat:mysql",
    "heartbeat:mariadb",
    "heartbeat:pgsql",
    "heartbeat:ldirectord",
    "heartbeat:Delay",
    "heartbeat:Dummy",
    "heartbeat:Xinetd",
    "heartbeat:MailTo",
    "heartbeat:Route",
    "heartbeat:LVM",
    "heartbeat:LVM-activate",
    "heartbeat:exportfs",
    "heartbeat:nfsserver",
    "heartbeat:nfsnotify",
    "heartbeat:iSCSITarget",
    "heartbeat:iSCSILogicalUnit",
    "heartbeat:VirtualDomain",
    "heartbeat:docker",
    "heartbeat:podman",
    "heartbeat:SendArp",
    "heartbeat:IPsrcaddr",
    "heartbeat:portblock",
    "heartbeat:symlink",
    "heartbeat:anything",
    "heartbeat:ethmonitor",
    "heartbeat:redis",
    "heartbeat:galera",
    "linbit:drbd",
    "linbit:drbd-attr",
];

const FENCE: &[&str] = &[
    "fence_apc",
    "fence_apc_snmp",
    "fence_dummy",
    "fence_ipmilan",
    "fence_kdump",
    "fence_mpath",
    "fence_sbd",
    "fence_scsi",
    "fence_virsh",
    "fence_virt",
    "fence_watchdog",
    "fence_xvm",
    "external/ipmi",
    "external/libvirt",
    "external/ssh",
    "meatware",
    "null",
    "ssh",
    "suicide",
];

/// Whatever agent, whatever action: it ends, with a code that its standard allows.
#[test]
fn every_model_answers_every_action() {
    let mut s = Stage::new();
    for name in OCF {
        let agent = format!("ocf:{name}");
        for action in [
            "monitor",
            "start",
            "monitor",
            "promote",
            "notify",
            "demote",
            "stop",
            "monitor",
            "validate-all",
            "meta-data",
            "frob",
        ] {
            let rc = s.rc("n1", &agent, action, PARAMETERS);
            assert!(rc <= 9 || rc == 190 || rc == 191, "{name} {action}: {rc}");
        }
        let unknown = match *name {
            "heartbeat:Delay" => 2,
            "pacemaker:remote" => 1,
            _ => 3,
        };
        assert_eq!(s.rc("n1", &agent, "frob", PARAMETERS), unknown, "{name}");
        assert!(s.world.instances().all(|i| i.resource != "r"), "{name} is stopped");
    }
    for name in FENCE {
        for action in ["metadata", "monitor", "status", "list", "off", "on", "reboot", "frob"] {
            let rc = s.rc("n1", &format!("stonith:{name}"), action, PARAMETERS);
            assert!(rc <= 2, "{name} {action}: {rc}");
        }
        s.world.node_up(s.now, "n2");
    }
}

fn call(run: u64, agent: &str, action: &str) -> Call {
    let parameters: crate::standard::Parameters =
        PARAMETERS.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Call {
        run: RunId(run),
        resource: "r".to_owned(),
        agent: AgentName::parse(agent).unwrap(),
        action: action.to_owned(),
        interval_ms: 0,
        timeout_ms: 60_000,
        parameters: parameters.into(),
    }
}

/// Wrong codes, lies, hangs, slow starts, crashes, floods, missing files: each on cue, for each agent, and only as often as wanted.
#[test]
fn every_model_fails_on_cue() {
    let ocf = OCF.iter().map(|name| format!("ocf:{name}"));
    let fence = FENCE.iter().map(|name| format!("stonith:{name}"));
    let others = ["lsb:svc", "systemd:httpd", "ocf:own:Thing"].map(str::to_owned);
    for agent in ocf.chain(fence).chain(others) {
        let action = if agent.starts_with("stonith") { "reboot" } else { "start" };
        for fault in [
            Fault::Exit { code: 42, reason: Some("on cue".to_owned()) },
            Fault::Lie { code: 43 },
            Fault::Hang,
            Fault::Stuck,
            Fault::Slow(Duration::from_secs(1000)),
            Fault::Crash { signal: 11 },
            Fault::Flood { bytes: 70_000 },
            Fault::Missing,
        ] {
            let mut s = Stage::new();
            s.world.cue(Cue::new(fault.clone()).node("n1").resource("r").action(action).times(1));
            let call = call(1, &agent, action);
            let plan = s.world.start(s.now, "n1", &call, &mut s.rng);
            let end = plan.ends.map(|at| s.world.finish(at, "n1", call.run).expect("it runs").exit);
            let what = format!("{agent} {fault:?}: {:?} {end:?}", plan.ends).chars().take(300).collect::<String>();
            match fault {
                Fault::Exit { code, .. } => assert_eq!(end, Some(Exit::reason(code, "on cue")), "{what}"),
                Fault::Lie { code } => assert_eq!(end, Some(Exit::code(code)), "{what}"),
                Fault::Hang => {
                    assert_eq!(plan.ends, None, "{what}");
                    assert_eq!(s.world.kill(s.now, "n1", call.run, KillScope::Group), Some(Exit::killed()), "{what}");
                }
                Fault::Stuck => {
                    assert_eq!(plan.ends, None, "{what}");
                    assert_eq!(s.world.kill(s.now, "n1", call.run, KillScope::Group), None, "{what}");
                    assert_eq!(s.world.release("n1", call.run), Some(Exit::killed()), "{what}");
                }
                Fault::Slow(more) => assert!(plan.ends >= Some(more), "{what}"),
                Fault::Crash { signal } => {
                    assert!(matches!(end, Some(Exit::Signalled { signal: s, .. }) if s == signal), "{what}");
                }
                Fault::Flood { bytes } => match end {
                    Some(Exit::Exited { stdout, .. }) => assert_eq!(stdout.len(), bytes, "{what}"),
                    Some(Exit::Answered(_)) => assert!(agent.starts_with("systemd"), "{what}"),
                    _ => panic!("{what}"),
                },
                Fault::Missing => assert!(matches!(end, Some(Exit::NotStarted(_))), "{what}"),
            }
            // Used up: the next one is as good as ever.
            s.now += Duration::from_secs(10_000);
            let next = Call { run: RunId(2), ..call };
            let plan = s.world.start(s.now, "n1", &next, &mut s.rng);
            let end = s.world.finish(plan.ends.expect("it ends"), "n1", next.run).expect("it runs").exit;
            assert!(
                !matches!(end, Exit::Exited { code: 42 | 43, .. } | Exit::Signalled { .. } | Exit::NotStarted(_)),
                "{what}"
            );
        }
    }
}
