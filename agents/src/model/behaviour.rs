//! What every model answers, and which model is whose.

use super::database::Scored;
use super::heartbeat::Pseudo;
use super::observers::Observer;
use super::scene::Scene;
use super::server::Server;
use super::state::Role;
use super::{address, database, drbd, fence, heartbeat, observers, pacemaker, server, service, storage};
use crate::standard::{AgentName, Exit, Standard};
use core::time::Duration;

/// The behaviour of one agent. It holds no state: all state is in the world.
pub(super) trait Behaviour: Sync {
    /// How long a run takes if nothing goes wrong, judged at its start.
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        usual_duration(&scene.call.action)
    }

    /// Does the work of a run, at its end.
    fn act(&self, scene: &mut Scene<'_>) -> Exit;

    /// The instance dies by itself.
    fn crash(&self, scene: &mut Scene<'_>) {
        let _ = self.act(scene);
    }

    /// The truth about the instance after a run.
    fn role(&self, scene: &Scene<'_>) -> Option<Role>;
}

/// [RA-15.9]
pub(super) fn usual_duration(action: &str) -> Duration {
    Duration::from_millis(match action {
        "monitor" | "status" | "notify" | "meta-data" | "metadata" | "list" => 20,
        "off" => 2000,
        "reboot" => 5000,
        _ => 100,
    })
}

/// A little more or less, by luck: nothing takes exactly as long twice.
pub(super) fn jitter(natural: Duration, luck: u64) -> Duration {
    let spread = natural.as_micros() as u64 / 10;
    let more = if spread == 0 { 0 } else { (luck >> 8) % (2 * spread + 1) };
    natural.saturating_sub(Duration::from_micros(spread)).saturating_add(Duration::from_micros(more))
}

/// The model of an agent.
pub(super) fn of(agent: &AgentName) -> &'static dyn Behaviour {
    match (&agent.standard, agent.provider.as_deref(), agent.type_name.as_str()) {
        (Standard::Ocf, Some("pacemaker"), name) => of_pacemaker(name),
        (Standard::Ocf, Some("heartbeat"), name) => of_heartbeat(name),
        (Standard::Ocf, Some("linbit"), "drbd") => &drbd::Drbd,
        (Standard::Ocf, Some("linbit"), "drbd-attr") => &Observer {
            update: observers::drbd_attr,
            deletes: Some(observers::drbd_attr_name),
            needs: &["drbd_resource"],
        },
        (Standard::Ocf, ..) => &service::Generic,
        (Standard::Stonith, _, name) => of_fence_agent(name),
        _ => &service::Unit,
    }
}

fn of_pacemaker(name: &str) -> &'static dyn Behaviour {
    match name {
        "Dummy" => &pacemaker::Dummy,
        "Stateful" => &pacemaker::Stateful,
        "ping" | "pingd" => {
            &Observer { update: observers::ping, deletes: Some(observers::ping_name), needs: &["host_list"] }
        }
        "SysInfo" => &Observer { update: observers::sysinfo, deletes: None, needs: &[] },
        "HealthCPU" => &Observer { update: observers::health_cpu, deletes: None, needs: &[] },
        "HealthIOWait" => &Observer { update: observers::health_iowait, deletes: None, needs: &[] },
        "HealthSMART" => {
            &Observer { update: observers::health_smart, deletes: Some(observers::smart_name), needs: &[] }
        }
        "ClusterMon" => &Observer { update: observers::cluster_mon, deletes: None, needs: &[] },
        "ifspeed" => {
            &Observer { update: observers::ifspeed, deletes: Some(observers::ifspeed_name), needs: &["iface", "ip"] }
        }
        "attribute" => &observers::Attribute,
        "controld" => &observers::Controld,
        "remote" => &observers::Remote,
        _ => &service::Generic,
    }
}

fn of_heartbeat(name: &str) -> &'static dyn Behaviour {
    const BY_RUNNER: (u8, u8, u8) = (6, 6, 6);
    match name {
        "Dummy" => &heartbeat::Dummy,
        "Delay" => &heartbeat::Delay,
        "MailTo" => &Pseudo {
            prefix: "MailTo",
            required: &["email"],
            reason: "At least 1 Email address has to be given!",
            missing: (7, 6, 6),
        },
        "Xinetd" => &heartbeat::Xinetd,
        "Route" => &heartbeat::Route,
        "symlink" => &heartbeat::Symlink,
        "anything" => &heartbeat::Anything,
        "SendArp" => &Pseudo { prefix: "SendArp", required: &["ip", "nic"], reason: "", missing: BY_RUNNER },
        "IPsrcaddr" => &Pseudo { prefix: "IPsrcaddr", required: &["ipaddress"], reason: "", missing: BY_RUNNER },
        "portblock" => {
            &Pseudo { prefix: "portblock", required: &["protocol", "portno", "action"], reason: "", missing: BY_RUNNER }
        }
        "nfsnotify" => &Pseudo { prefix: "nfsnotify", required: &[], reason: "", missing: BY_RUNNER },
        "IPaddr2" => &address::IpAddr2,
        "IPaddr" => &address::IpAddr,
        "Filesystem" => &storage::Filesystem,
        "LVM-activate" | "LVM" => &storage::Volume,
        "exportfs" => &storage::Export,
        "nfsserver" => &storage::NfsServer,
        "iSCSITarget" | "iSCSILogicalUnit" => &storage::Iscsi,
        "apache" => &Server { missing: (7, 1, 0, 5), reason: "environment is invalid, resource considered stopped" },
        "nginx" => {
            &Server { missing: (7, 7, 0, 5), reason: "nginx binary not found! Please verify you've installed it" }
        }
        "ldirectord" => &Server { missing: (5, 5, 5, 5), reason: "ldirectord is not installed" },
        "VirtualDomain" => &server::Domain,
        "docker" | "podman" => &server::Container,
        "mysql" => &database::Mysql,
        "mariadb" => &database::Mariadb,
        "pgsql" => &database::Pgsql,
        "redis" => &Scored { scores: (1000, 1) },
        "galera" => &Scored { scores: (100, 100) },
        "ethmonitor" => &Observer {
            update: observers::ethmonitor,
            deletes: Some(observers::ethmonitor_name),
            needs: &["interface"],
        },
        _ => &service::Generic,
    }
}

fn of_fence_agent(name: &str) -> &'static dyn Behaviour {
    match name {
        "fence_scsi" | "fence_mpath" => &fence::Fabric,
        "fence_sbd" | "external/sbd" => &fence::Sbd,
        "fence_watchdog" => &fence::Watchdog,
        "fence_kdump" => &fence::Kdump,
        "null" => &fence::Plugin::Null,
        "meatware" => &fence::Plugin::Meatware,
        "ssh" | "external/ssh" => &fence::Plugin::Ssh,
        "suicide" => &fence::Plugin::Suicide,
        _ => &fence::Power,
    }
}
