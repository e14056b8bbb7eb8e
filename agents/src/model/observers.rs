//! Agents that watch something and publish it as a node attribute [RA-11.3] to [RA-11.9], `ethmonitor`.

use super::behaviour::Behaviour;
use super::heartbeat::{has, put, started, take};
use super::scene::{Effect, Scene, because, exit};
use super::state::Role;
use crate::standard::{Exit, parse_interval_ms};
use core::time::Duration;

fn dampen(scene: &Scene<'_>, name: &str, default: &str) -> Option<u64> {
    parse_interval_ms(scene.param(name).unwrap_or(default))
}

fn thing(scene: &Scene<'_>) -> String {
    format!("{}:{}", scene.call.agent.type_name, scene.call.resource)
}

/// What an observer publishes, and its exit; called when it is (or becomes) active.
type Update = fn(&mut Scene<'_>) -> Exit;

/// An observer: a state file, and something published with each look.
pub(super) struct Observer {
    pub(super) update: Update,
    /// The attribute that stop deletes.
    pub(super) deletes: Option<fn(&Scene<'_>) -> String>,
    /// Parameters that cannot be done without (any one of them).
    pub(super) needs: &'static [&'static str],
}

impl Behaviour for Observer {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        // Hosts that do not answer are waited for.
        let silent = scene.call.agent.type_name == "ping" && answering(scene) < hosts(scene).count();
        let wait = if silent { scene.number("attempts", 3) * scene.number("timeout", 2) } else { 0 };
        Duration::from_millis(30) + Duration::from_secs(wait.clamp(0, 3600).unsigned_abs())
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let thing = thing(scene);
        let action = scene.call.action.as_str();
        let lacks = !self.needs.is_empty() && self.needs.iter().all(|name| scene.param(name).is_none());
        if lacks && matches!(action, "start" | "validate-all") {
            return exit(6);
        }
        match action {
            "start" => {
                put(scene, &thing, "");
                (self.update)(scene)
            }
            "stop" => {
                take(scene, &thing);
                if let Some(name) = self.deletes {
                    let name = name(scene);
                    scene.publish(&name, None, None);
                }
                exit(0)
            }
            "monitor" | "status" if !has(scene, &thing) => exit(7),
            "monitor" | "status" => (self.update)(scene),
            "reload-agent" | "reload" | "validate-all" | "meta-data" => exit(0),
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &thing(scene)))
    }
}

fn hosts<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a str> {
    scene.param("host_list").unwrap_or_default().split_whitespace()
}

fn answering(scene: &Scene<'_>) -> usize {
    let cut = has(scene, "isolated");
    hosts(scene).filter(|host| !cut && !scene.state.shared.silent_hosts.contains(*host)).count()
}

pub(super) fn ping_name(scene: &Scene<'_>) -> String {
    scene.param("name").unwrap_or("pingd").to_owned()
}

/// The number of hosts that answer, times a factor.
pub(super) fn ping(scene: &mut Scene<'_>) -> Exit {
    let active = i64::try_from(answering(scene)).unwrap_or(i64::MAX);
    let score = active.saturating_mul(scene.number("multiplier", 1));
    let (name, dampen) = (ping_name(scene), dampen(scene, "dampen", "5s"));
    scene.publish(&name, Some(score.to_string()), dampen);
    let low = scene.param("failure_score").and_then(|v| v.parse::<i64>().ok()).is_some_and(|least| score < least);
    exit(u8::from(low))
}

pub(super) fn ethmonitor_name(scene: &Scene<'_>) -> String {
    let default = || format!("ethmonitor-{}", scene.param("interface").unwrap_or_default());
    scene.param("name").map_or_else(default, str::to_owned)
}

/// Whether an interface carries packets.
pub(super) fn ethmonitor(scene: &mut Scene<'_>) -> Exit {
    let up = !has(scene, &format!("down:{}", scene.param("interface").unwrap_or_default())) && !has(scene, "isolated");
    let value = if up { scene.number("multiplier", 1) } else { 0 };
    let name = ethmonitor_name(scene);
    scene.publish(&name, Some(value.to_string()), None);
    exit(0)
}

pub(super) fn ifspeed_name(scene: &Scene<'_>) -> String {
    scene.param("name").unwrap_or("ifspeed").to_owned()
}

/// The speed of an interface.
pub(super) fn ifspeed(scene: &mut Scene<'_>) -> Exit {
    let up = !has(scene, &format!("down:{}", scene.param("iface").unwrap_or_default()));
    let speed = if up { 1000 * scene.number("weight_base", 1000) / 1000 } else { 0 };
    let (name, dampen) = (ifspeed_name(scene), dampen(scene, "dampen", "5"));
    scene.publish(&name, Some(speed.to_string()), dampen);
    exit(0)
}

/// Facts about the node, the same for all simulated ones.
pub(super) fn sysinfo(scene: &mut Scene<'_>) -> Exit {
    let delay = dampen(scene, "delay", "0s");
    let free = scene.measure("disk-free", 10);
    for (name, value) in [
        ("arch", "x86_64".to_owned()),
        ("os", "Linux-6.1".to_owned()),
        ("cpu_cores", "4".to_owned()),
        ("cpu_load", "0.10".to_owned()),
        ("ram_total", "4000".to_owned()),
        ("ram_free", "2000".to_owned()),
        ("free_swap", "1000".to_owned()),
        ("root_free", free.to_string()),
    ] {
        scene.publish(name, Some(value), delay);
    }
    let full = scene.param("min_disk_free").and_then(|v| v.trim_end_matches(char::is_alphabetic).parse().ok());
    let health = if full.is_some_and(|least: i64| free <= least) { "red" } else { "green" };
    scene.publish("#health_disk", Some(health.to_owned()), delay);
    exit(0)
}

fn limits(scene: &Scene<'_>, red: i64, yellow: i64) -> Option<(i64, i64)> {
    let limits = (scene.number("red_limit", red), scene.number("yellow_limit", yellow));
    ((0..=100).contains(&limits.0) && (0..=100).contains(&limits.1)).then_some(limits)
}

fn health(scene: &mut Scene<'_>, name: &str, colour: &str) -> Exit {
    let dampen = dampen(scene, "dampening", "30s");
    scene.publish(name, Some(colour.to_owned()), dampen);
    exit(0)
}

/// Idle processors.
pub(super) fn health_cpu(scene: &mut Scene<'_>) -> Exit {
    let Some((red, yellow)) = limits(scene, 10, 50) else { return exit(6) };
    let idle = scene.measure("cpu-idle", 90);
    health(
        scene,
        "#health-cpu",
        if idle < red {
            "red"
        } else if idle < yellow {
            "yellow"
        } else {
            "green"
        },
    )
}

/// Time lost in waiting for disks.
pub(super) fn health_iowait(scene: &mut Scene<'_>) -> Exit {
    let Some((red, yellow)) = limits(scene, 15, 10) else { return exit(6) };
    let wait = scene.measure("io-wait", 1);
    health(
        scene,
        "#health-iowait",
        if wait > red {
            "red"
        } else if wait > yellow {
            "yellow"
        } else {
            "green"
        },
    )
}

pub(super) fn smart_name(_: &Scene<'_>) -> String {
    "#health-smart".to_owned()
}

/// What drives say of themselves: here, their temperature.
pub(super) fn health_smart(scene: &mut Scene<'_>) -> Exit {
    let (lower, upper) = (scene.number("temp_lower_limit", 0), scene.number("temp_upper_limit", 60));
    let (near, hot) = (scene.number("temp_warning", 5), scene.measure("drive-temperature", 35));
    let colour = if !(lower..=upper).contains(&hot) {
        "red"
    } else if hot < lower + near || hot > upper - near {
        "yellow"
    } else {
        "green"
    };
    health(scene, "#health-smart", colour)
}

/// A monitoring daemon; nothing is published.
pub(super) fn cluster_mon(scene: &mut Scene<'_>) -> Exit {
    exit(if scene.number("update", 15) > 0 { 0 } else { 2 })
}

pub(super) fn drbd_attr_name(scene: &Scene<'_>) -> String {
    format!("drbd-promotion-score-{}", scene.param("drbd_resource").unwrap_or_default())
}

/// Publishes a promotion score without being promotable.
pub(super) fn drbd_attr(scene: &mut Scene<'_>) -> Exit {
    let resource = scene.param("drbd_resource").unwrap_or_default();
    let score = super::drbd::score_of(scene, resource, [0, 10, 1000, 10000]);
    let name = drbd_attr_name(scene);
    scene.publish(&name, score.map(|s| s.to_string()), None);
    exit(0)
}

/// `attribute`: a node attribute that follows the resource.
pub(super) struct Attribute;

impl Attribute {
    fn name(scene: &Scene<'_>) -> String {
        scene.param("name").map_or_else(|| format!("opa-{}", scene.call.resource), str::to_owned)
    }

    fn set(scene: &mut Scene<'_>, active: bool) {
        let name = Self::name(scene);
        let value = if active {
            scene.param("active_value").unwrap_or("1")
        } else {
            scene.param("inactive_value").unwrap_or("0")
        };
        let thing = thing(scene);
        if active {
            put(scene, &thing, "");
        } else {
            take(scene, &thing);
        }
        scene.publish(&name, Some(value.to_owned()), None);
    }

    fn monitor(scene: &Scene<'_>) -> Exit {
        let name = Self::name(scene);
        let value = scene.state.attribute(scene.node, &name).unwrap_or_default();
        let active = scene.param("active_value").unwrap_or("1");
        let inactive = scene.param("inactive_value").unwrap_or("0");
        let expected = if has(scene, &thing(scene)) { active } else { inactive };
        match (has(scene, &thing(scene)), value == expected || (expected == inactive && value.is_empty())) {
            (true, true) => exit(0),
            (false, true) => exit(7),
            _ => because(1, format!("Node attribute {name}='{value}' differs from expected value '{expected}'")),
        }
    }
}

impl Behaviour for Attribute {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        match scene.call.action.as_str() {
            "start" | "migrate_from" | "reload" => Self::set(scene, true),
            "stop" | "migrate_to" => Self::set(scene, false),
            "monitor" | "status" => return Self::monitor(scene),
            "validate-all" => {
                let equal = scene.param("active_value").unwrap_or("1") == scene.param("inactive_value").unwrap_or("0");
                return exit(if equal { 6 } else { 0 });
            }
            "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &thing(scene)))
    }
}

/// `controld`: the lock manager, which cannot go without fencing the node while locks are held.
pub(super) struct Controld;

impl Behaviour for Controld {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        let unique = scene.call.meta("globally_unique") == Some("true");
        if unique && matches!(action, "start" | "monitor" | "validate-all") {
            return exit(6);
        }
        let running = has(scene, "process:dlm_controld");
        match action {
            "start" => put(scene, "process:dlm_controld", ""),
            "stop" => take(scene, "process:dlm_controld"),
            "monitor" | "status" if !running && has(scene, "lockspaces") => {
                let node = scene.node.to_owned();
                scene.effects.push(Effect::Fence { node });
                return exit(1);
            }
            "monitor" | "status" => return exit(if running { 0 } else { 7 }),
            "validate-all" | "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, "process:dlm_controld"))
    }
}

/// `remote`: the controller itself does its work; as an agent it does nothing.
pub(super) struct Remote;

impl Behaviour for Remote {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        exit(u8::from(scene.call.action != "meta-data"))
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}
