//! Plain services: init scripts, units, and OCF agents without a model of their own.

use super::behaviour::Behaviour;
use super::scene::{Scene, exit};
use super::state::Role;
use crate::standard::{Answer, Exit, ExitStatus, Standard};

fn key(scene: &Scene<'_>) -> String {
    format!("/run/resource-agents/{}", scene.call.resource)
}

/// An OCF agent that is not modelled: a pseudo resource with two roles.
pub(super) struct Generic;

impl Behaviour for Generic {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let file = key(scene);
        let role = self.role(scene);
        match (scene.call.action.as_str(), role) {
            ("start" | "migrate_from", None) => scene.write(&file, "started"),
            ("stop" | "migrate_to", _) => scene.remove_file(&file),
            ("monitor", None) | ("promote" | "demote", None) => return exit(7),
            ("monitor", Some(Role::Promoted)) => return exit(8),
            ("promote", _) => scene.write(&file, "promoted"),
            ("demote", _) => scene.write(&file, "started"),
            _ => {}
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        match scene.here().files.get(&key(scene))?.as_str() {
            "promoted" => Some(Role::Promoted),
            _ => Some(Role::Started),
        }
    }
}

/// An init script or a unit: running or stopped, by its own name, whatever the resource is called [RA-4], [RA-5].
pub(super) struct Unit;

impl Unit {
    fn unit(scene: &Scene<'_>) -> String {
        format!("service:{}", scene.call.agent.type_name)
    }
}

impl Behaviour for Unit {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let unit = Self::unit(scene);
        let running = scene.here().things.contains_key(&unit);
        let systemd = scene.call.agent.standard == Standard::Systemd;
        match scene.call.action.as_str() {
            "start" | "restart" => {
                scene.here_mut().things.insert(unit, String::new());
            }
            "stop" => {
                scene.here_mut().things.remove(&unit);
            }
            "monitor" | "status" if systemd && !running => {
                return Exit::Answered(Answer::done(ExitStatus::NOT_RUNNING).because("inactive"));
            }
            "monitor" | "status" if !running => return exit(3),
            _ => {}
        }
        if systemd { Exit::Answered(Answer::done(ExitStatus::OK)) } else { exit(0) }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        scene.here().things.contains_key(&Self::unit(scene)).then_some(Role::Started)
    }
}
