//! Servers with a process and a configuration: apache, nginx, ldirectord, containers, virtual machines [RA-12.5], [RA-12.6], [RA-12.9], [RA-12.11], [RA-12.12].

use super::behaviour::{Behaviour, usual_duration};
use super::heartbeat::{has, put, started, take};
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;

/// A server of one process. Its software can be missing on a node ([`super::World::uninstall`]).
pub(super) struct Server {
    /// Software missing: probe, recurring monitor, stop, and all else.
    pub(super) missing: (u8, u8, u8, u8),
    pub(super) reason: &'static str,
}

impl Server {
    fn thing(scene: &Scene<'_>) -> String {
        format!("process:{}", scene.call.resource)
    }
}

impl Behaviour for Server {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let slow = matches!(scene.call.action.as_str(), "start" | "stop");
        if slow { Duration::from_millis(500) } else { usual_duration(&scene.call.action) }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        if action == "meta-data" {
            return exit(0);
        }
        if scene.is_missing() {
            let (probe, monitor, stop, other) = self.missing;
            let code = match action {
                "monitor" | "status" if scene.call.is_probe() => probe,
                "monitor" | "status" => monitor,
                "stop" => stop,
                _ => other,
            };
            return if matches!(code, 0 | 7) { exit(code) } else { because(code, self.reason) };
        }
        let thing = Self::thing(scene);
        let running = has(scene, &thing);
        match action {
            "start" => put(scene, &thing, ""),
            "stop" => take(scene, &thing),
            "reload" if !running => put(scene, &thing, ""),
            "monitor" | "status" if !running => return exit(7),
            "monitor" if has(scene, &format!("sick:{}", scene.call.resource)) => {
                return because(1, "Failed to access httpd status page.");
            }
            "monitor" | "status" | "reload" | "validate-all" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &Self::thing(scene)))
    }
}

/// `VirtualDomain`: a machine that may run on one node only.
pub(super) struct Domain;

impl Domain {
    /// The file's stem stands for the `<name>` inside it.
    fn name(scene: &Scene<'_>) -> Option<String> {
        let file = scene.param("config")?.rsplit('/').next()?;
        Some(file.strip_suffix(".xml").unwrap_or(file).to_owned())
    }
}

impl Behaviour for Domain {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        Duration::from_millis(match scene.call.action.as_str() {
            "start" => 2000,
            "stop" => 5000,
            "migrate_to" => 3000,
            _ => 50,
        })
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "meta-data" {
            return exit(0);
        }
        let Some(name) = Self::name(scene) else { return because(6, "config: required parameter not set") };
        let running = scene.here().domains.contains(&name);
        match scene.call.action.as_str() {
            "start" => {
                scene.here_mut().domains.insert(name);
            }
            "stop" => {
                scene.here_mut().domains.remove(&name);
            }
            "monitor" | "status" if !running => return exit(7),
            "migrate_to" => {
                if !running {
                    return because(1, format!("{name}: migrate_to: Not active locally!"));
                }
                let Some(target) = scene.call.meta("migrate_target").map(str::to_owned) else { return exit(1) };
                if !scene.state.is_up(&target) || scene.state.is_cut(scene.node, &target) {
                    return because(1, format!("{name}: live migration to {target} failed: 1"));
                }
                scene.here_mut().domains.remove(&name);
                scene.state.node_mut(&target).domains.insert(name);
            }
            "migrate_from" if !running => return exit(1),
            "monitor" | "status" | "migrate_from" | "validate-all" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(Self::name(scene).is_some_and(|name| scene.here().domains.contains(&name)))
    }
}

/// `docker` and `podman`: a container by its name.
pub(super) struct Container;

impl Container {
    fn thing(scene: &Scene<'_>) -> String {
        let name = scene.param("name").map_or_else(|| scene.call.resource.replace(':', "-"), str::to_owned);
        format!("container:{name}")
    }
}

impl Behaviour for Container {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        if scene.call.action == "start" { Duration::from_secs(1) } else { usual_duration(&scene.call.action) }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        let docker = scene.call.agent.type_name == "docker";
        if scene.is_missing() && action != "meta-data" {
            return exit(match (docker, action) {
                (true, "start") => 5,
                (true, _) => 1,
                (false, "start" | "validate-all") => 5,
                (false, "stop") => 0,
                (false, _) => 1,
            });
        }
        if scene.param("image").is_none() && matches!(action, "start" | "validate-all") {
            return exit(6);
        }
        let thing = Self::thing(scene);
        match action {
            "start" => put(scene, &thing, ""),
            "stop" => take(scene, &thing),
            "monitor" | "status" if !has(scene, &thing) => return exit(7),
            "monitor" | "status" | "validate-all" | "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &Self::thing(scene)))
    }
}
