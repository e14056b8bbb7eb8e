//! The agents of provider `pacemaker` [RA-11].

use super::behaviour::{Behaviour, usual_duration};
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;

/// A file that is there or not [RA-11.1].
pub(super) struct Dummy;

impl Dummy {
    fn state_file(scene: &Scene<'_>) -> String {
        scene.param("state").map_or_else(|| format!("/var/run/Dummy-{}.state", scene.instance_name()), str::to_owned)
    }

    fn sleeps(scene: &Scene<'_>) -> Duration {
        Duration::from_secs(scene.number("op_sleep", 0).clamp(0, 86_400).unsigned_abs())
    }

    fn check(scene: &Scene<'_>, file: &str) -> Exit {
        let Some(content) = scene.here().files.get(file) else { return exit(7) };
        match scene.check_level() {
            20 if scene.luck.is_multiple_of(5) => because(1, "smoke detected near CPU fan"),
            30 => because(1, "hyperdrive quota reached"),
            40 => match content.trim().parse::<u8>() {
                Ok(speed) => because(
                    speed,
                    format!("CPU ejected. Observed leaving the Kronosnet galaxy at {speed} times the speed of light."),
                ),
                Err(_) => exit(0),
            },
            _ => exit(0),
        }
    }
}

impl Behaviour for Dummy {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let checks = matches!(scene.call.action.as_str(), "monitor" | "start" | "stop" | "migrate_to" | "migrate_from");
        let slow_check =
            scene.call.action == "monitor" && scene.check_level() == 10 && scene.has_file(&Self::state_file(scene));
        let sleep = if checks { Self::sleeps(scene) } else { Duration::ZERO };
        let check = if slow_check { Duration::from_secs(30) } else { Duration::ZERO };
        usual_duration(&scene.call.action) + sleep + check
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let file = Self::state_file(scene);
        match scene.call.action.as_str() {
            "start" | "migrate_from" | "reload-agent" => {
                if !scene.has_file(&file) {
                    scene.write(&file, "");
                }
                exit(u8::from(scene.param("fail_start_on") == Some(scene.node)))
            }
            "stop" | "migrate_to" => {
                scene.remove_file(&file);
                exit(0)
            }
            "monitor" => Self::check(scene, &file),
            "reload" | "meta-data" => exit(0),
            "validate-all" => {
                let bad = scene.param("op_sleep").is_some_and(|v| !v.bytes().any(|b| b.is_ascii_digit()));
                exit(if bad { 6 } else { 0 })
            }
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        scene.has_file(&Self::state_file(scene)).then_some(Role::Started)
    }
}

/// A file that names a role [RA-11.2].
pub(super) struct Stateful;

impl Stateful {
    fn state_file(scene: &Scene<'_>) -> String {
        scene.param("state").map_or_else(|| format!("/var/run/Stateful-{}.state", scene.instance_name()), str::to_owned)
    }

    fn take(scene: &mut Scene<'_>, file: &str, promoted: bool) -> Exit {
        scene.write(file, if promoted { "Promoted" } else { "Unpromoted" });
        scene.score(Some(if promoted { 10 } else { 5 }));
        exit(0)
    }

    fn monitor(scene: &mut Scene<'_>, file: &str) -> Exit {
        if let Some(code) = scene.here().files.get(&format!("{file}.rc")) {
            let code = code.trim().parse().unwrap_or(1);
            return because(code, format!("{code} GB redirected to /dev/null"));
        }
        let probe = scene.call.interval_ms == 0;
        match scene.here().files.get(file).map(String::as_str) {
            None => exit(7),
            Some("Promoted") => {
                if probe {
                    scene.score(Some(10));
                }
                exit(8)
            }
            Some("Unpromoted") => {
                if probe {
                    scene.score(Some(5));
                }
                exit(0)
            }
            Some(_) => exit(1),
        }
    }
}

impl Behaviour for Stateful {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let delay = if scene.call.action == "notify" { scene.number("notify_delay", 0).clamp(0, 86_400) } else { 0 };
        usual_duration(&scene.call.action) + Duration::from_secs(delay.unsigned_abs())
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let file = Self::state_file(scene);
        let role = self.role(scene);
        match (scene.call.action.as_str(), role) {
            ("start", Some(Role::Promoted)) => exit(8),
            ("start", _) => Self::take(scene, &file, false),
            ("promote" | "demote", None) => exit(7),
            ("promote", _) => Self::take(scene, &file, true),
            ("demote", _) => Self::take(scene, &file, false),
            ("stop", _) => {
                scene.score(None);
                if role == Some(Role::Promoted) {
                    return exit(8);
                }
                scene.remove_file(&file);
                exit(0)
            }
            ("monitor", _) => Self::monitor(scene, &file),
            ("notify" | "reload-agent" | "validate-all" | "meta-data", _) => exit(0),
            _ => exit(3),
        }
    }

    fn crash(&self, scene: &mut Scene<'_>) {
        let file = Self::state_file(scene);
        scene.remove_file(&file);
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        match scene.here().files.get(&Self::state_file(scene))?.as_str() {
            "Promoted" => Some(Role::Promoted),
            _ => Some(Role::Started),
        }
    }
}
