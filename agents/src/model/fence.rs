//! Fence agents and power switches [RA-14].

use super::behaviour::{Behaviour, usual_duration};
use super::scene::{Effect, Scene, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;

fn target(scene: &Scene<'_>) -> Option<String> {
    let outlet = scene.param("plug").or_else(|| scene.param("port")).or_else(|| scene.param("nodename"));
    outlet.map(|outlet| scene.state.shared.behind(outlet.split(',').next().unwrap_or(outlet)))
}

/// The agent's meta-data, for the fencer that asks for it.
fn metadata(scene: &Scene<'_>) -> Exit {
    let name = scene.call.agent.type_name.as_str();
    let fabric = matches!(name, "fence_scsi" | "fence_mpath") || name.ends_with("_auto_unfence");
    let on = match (fabric, name.ends_with("_no_on")) {
        (_, true) => "",
        (true, _) => "<action name=\"on\" on_target=\"1\" automatic=\"1\"/>",
        _ => "<action name=\"on\" automatic=\"0\"/>",
    };
    let resets_only = matches!(name, "ssh" | "external/ssh" | "suicide" | "meatware" | "fence_legacy");
    let reboot = if fabric || name.ends_with("_no_reboot") { "" } else { "<action name=\"reboot\"/>" };
    let list = if scene.state.shared.listing_agents.contains(name) { "<action name=\"list\"/>" } else { "" };
    let off = if resets_only { "" } else { "<action name=\"off\"/>" };
    let port = if name == "fence_legacy" { "" } else { "<parameter name=\"plug\"/>" };
    let text = format!(
        "<resource-agent name=\"{name}\"><parameters>{port}</parameters><actions>{off}{on}{reboot}{list}\
         <action name=\"monitor\"/><action name=\"metadata\"/></actions></resource-agent>"
    );
    Exit::Exited { code: 0, stdout: text, stderr: String::new() }
}

fn off(scene: &mut Scene<'_>, node: &str) {
    scene.state.shared.powered_off.insert(node.to_owned());
    scene.state.node_down(scene.now, node);
    scene.effects.push(Effect::PowerOff { node: node.to_owned() });
}

fn on(scene: &mut Scene<'_>, node: &str) {
    scene.state.shared.powered_off.remove(node);
    scene.effects.push(Effect::PowerOn { node: node.to_owned() });
}

fn reset(scene: &mut Scene<'_>, node: &str) -> Exit {
    off(scene, node);
    on(scene, node);
    exit(0)
}

/// A power switch: one outlet per node. Most agents: `fence_ipmilan`, `fence_apc`, `fence_apc_snmp`, `fence_virsh`, `fence_xvm`, ...
pub(super) struct Power;

impl Behaviour for Power {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let delay = scene.number("delay", 0).clamp(0, 3600).unsigned_abs();
        let waits = matches!(scene.call.action.as_str(), "on" | "off" | "reboot");
        usual_duration(&scene.call.action) + Duration::from_secs(if waits { delay } else { 0 })
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        if action == "metadata" {
            return metadata(scene);
        }
        if scene.state.shared.unreachable_devices.contains(&scene.call.resource) {
            return exit(1);
        }
        let test = scene.call.agent.type_name.starts_with("fence_dummy");
        if test && !self.simulated(scene) {
            let stderr = format!("simulated {action} failure\n");
            return Exit::Exited { code: 1, stdout: String::new(), stderr };
        }
        match (action, target(scene)) {
            ("off", Some(node)) => off(scene, &node),
            ("on", Some(node)) => on(scene, &node),
            ("reboot", Some(node)) => {
                let was_on = scene.state.shared.powered(&node);
                off(scene, &node);
                // A virtual machine that was off is not turned on.
                if was_on || !matches!(scene.call.agent.type_name.as_str(), "fence_xvm" | "fence_virt") {
                    on(scene, &node);
                }
            }
            ("status", Some(node)) => return exit(if scene.state.shared.powered(&node) { 0 } else { 2 }),
            ("list", _) => {
                let hosts =
                    scene.param("mock_dynamic_hosts").map(|h| h.split_whitespace().map(str::to_owned).collect());
                let hosts: Vec<String> = hosts.unwrap_or_else(|| scene.state.outlets());
                let lines: String = hosts.iter().map(|outlet| format!("{outlet},\n")).collect();
                return Exit::Exited { code: 0, stdout: lines, stderr: String::new() };
            }
            ("monitor" | "status" | "validate-all", _) => {}
            _ => return exit(1),
        }
        exit(0)
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

impl Power {
    /// The test agent passes, fails, or leaves it to chance; without a mode it passes here, so that a seed decides only where asked.
    fn simulated(&self, scene: &Scene<'_>) -> bool {
        let mode = if scene.call.action == "monitor" { scene.param("monitor_mode") } else { scene.param("mode") };
        match mode {
            Some("fail") => false,
            Some("random") => scene.luck.is_multiple_of(2),
            _ => true,
        }
    }
}

/// `fence_scsi` and `fence_mpath`: keys with shared disks. A node without its key cannot write; it is not powered off.
pub(super) struct Fabric;

impl Fabric {
    fn disks<'a>(scene: &Scene<'a>) -> Vec<&'a str> {
        let disks = scene.param("devices").unwrap_or("/dev/shared");
        disks.split([',', ' ']).filter(|d| !d.is_empty()).collect()
    }
}

impl Behaviour for Fabric {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "metadata" {
            return metadata(scene);
        }
        let disks = Self::disks(scene);
        let node = target(scene);
        let here = scene.node.to_owned();
        let keys = &mut scene.state.shared.keys;
        match (scene.call.action.as_str(), node) {
            ("on", Some(node)) => {
                for disk in disks {
                    keys.entry(disk.to_owned()).or_default().insert(node.clone());
                }
                exit(0)
            }
            // Nobody takes its own key away.
            ("off", Some(node)) if node == here => exit(1),
            ("off", Some(node)) => {
                for disk in disks {
                    if let Some(keys) = keys.get_mut(disk) {
                        keys.remove(&node);
                    }
                }
                exit(0)
            }
            ("status", Some(node)) => {
                let registered = disks.iter().any(|disk| keys.get(*disk).is_some_and(|k| k.contains(&node)));
                exit(if registered { 0 } else { 2 })
            }
            ("monitor", _) => {
                let registered = disks.iter().all(|disk| keys.get(*disk).is_some_and(|k| k.contains(&here)));
                exit(u8::from(!registered))
            }
            ("validate-all", _) => exit(0),
            _ => exit(1),
        }
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

/// `fence_sbd`: a message in the target's slot on a shared disk, which the target obeys.
pub(super) struct Sbd;

impl Behaviour for Sbd {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        // The disk's message wait time.
        let waits = matches!(scene.call.action.as_str(), "off" | "reboot");
        if waits { Duration::from_secs(10) } else { usual_duration(&scene.call.action) }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "metadata" {
            return metadata(scene);
        }
        if scene.param("devices").is_none() {
            return exit(1);
        }
        match (scene.call.action.as_str(), target(scene)) {
            ("off", Some(node)) => {
                scene.state.shared.slots.insert(node.clone(), "off".to_owned());
                off(scene, &node);
                exit(0)
            }
            ("reboot", Some(node)) => {
                scene.state.shared.slots.insert(node.clone(), "reset".to_owned());
                reset(scene, &node)
            }
            ("on", Some(node)) => {
                scene.state.shared.slots.remove(&node);
                on(scene, &node);
                exit(0)
            }
            ("status", Some(node)) => exit(if scene.state.shared.slots.contains_key(&node) { 2 } else { 0 }),
            ("monitor" | "status" | "validate-all" | "list", _) => exit(0),
            _ => exit(1),
        }
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

/// Plugins of the older kind, by what they do with a target.
pub(super) enum Plugin {
    /// `null`: says yes and does nothing.
    Null,
    /// `meatware`: waits for a human ([`super::World::confirm_down`]).
    Meatware,
    /// `ssh`: asks the target to reboot itself, and looks whether it did.
    Ssh,
    /// `suicide`: the own node only.
    Suicide,
}

impl Plugin {
    fn kills(&self, scene: &mut Scene<'_>, node: &str) -> Exit {
        let reachable = scene.state.is_up(node) && !scene.state.is_cut(scene.node, node);
        match self {
            Self::Null => exit(0),
            Self::Meatware => exit(u8::from(!scene.state.shared.confirmed.remove(node))),
            Self::Ssh if reachable => reset(scene, node),
            Self::Ssh => {
                let gone = !scene.state.is_up(node) && scene.flag("livedangerously", false);
                exit(u8::from(!gone))
            }
            Self::Suicide if node == scene.node => reset(scene, node),
            Self::Suicide => exit(1),
        }
    }
}

impl Behaviour for Plugin {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let reset = scene.call.action == "reboot";
        match self {
            Self::Ssh if reset => Duration::from_secs(4),
            // Nobody can tell when a human comes: the timeout ends it, unless the confirmation is there.
            Self::Meatware if reset && !target(scene).is_some_and(|n| scene.state.shared.confirmed.contains(&n)) => {
                Duration::from_secs(3600)
            }
            _ => usual_duration("monitor"),
        }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        match (scene.call.action.as_str(), target(scene)) {
            ("metadata", _) => metadata(scene),
            ("reboot" | "off", Some(node)) => self.kills(scene, &node),
            ("on", _) => exit(u8::from(!matches!(self, Self::Null))),
            ("monitor" | "status" | "validate-all", _) => exit(0),
            ("list", _) => {
                let hosts = scene.param("hostlist").unwrap_or_default().replace(' ', "\n");
                Exit::Exited { code: 0, stdout: hosts, stderr: String::new() }
            }
            _ => exit(1),
        }
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

/// `fence_watchdog`: only the cluster may use it.
pub(super) struct Watchdog;

impl Behaviour for Watchdog {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "metadata" {
            return metadata(scene);
        }
        let text = "Watchdog fencing may be initiated only by the cluster, not this agent.\n";
        Exit::Exited { code: 1, stdout: String::new(), stderr: text.to_owned() }
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

/// `fence_kdump`: the target's crash message, if it came.
pub(super) struct Kdump;

impl Behaviour for Kdump {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let came = target(scene).is_some_and(|node| scene.state.shared.crashed.contains(&node));
        let wait = scene.number("timeout", 60).clamp(0, 3600).unsigned_abs();
        if came || scene.call.action == "metadata" { Duration::from_secs(1) } else { Duration::from_secs(wait) }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        match (scene.call.action.as_str(), target(scene)) {
            ("metadata", _) => metadata(scene),
            ("off" | "reboot", Some(node)) => exit(u8::from(!scene.state.shared.crashed.contains(&node))),
            ("monitor" | "validate-all" | "list", _) => exit(0),
            _ => exit(1),
        }
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}
