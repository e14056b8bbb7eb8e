//! Small agents of provider `heartbeat`: pseudo resources and single things [RA-12.1].

use super::behaviour::{Behaviour, usual_duration};
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;

/// A thing of a node that is there or not.
pub(super) fn has(scene: &Scene<'_>, thing: &str) -> bool {
    scene.here().things.contains_key(thing)
}

/// Makes it be there.
pub(super) fn put(scene: &mut Scene<'_>, thing: &str, value: &str) {
    scene.here_mut().things.insert(thing.to_owned(), value.to_owned());
}

/// Makes it be gone.
pub(super) fn take(scene: &mut Scene<'_>, thing: &str) {
    scene.here_mut().things.remove(thing);
}

/// Start, stop and monitor of a thing; `None` for other actions.
pub(super) fn simple(scene: &mut Scene<'_>, thing: &str) -> Option<Exit> {
    Some(match scene.call.action.as_str() {
        "start" => {
            put(scene, thing, "");
            exit(0)
        }
        "stop" => {
            take(scene, thing);
            exit(0)
        }
        "monitor" => exit(if has(scene, thing) { 0 } else { 7 }),
        "validate-all" | "meta-data" => exit(0),
        _ => return None,
    })
}

pub(super) fn started(present: bool) -> Option<Role> {
    present.then_some(Role::Started)
}

/// `ocf:heartbeat:Dummy`.
pub(super) struct Dummy;

impl Dummy {
    fn file(scene: &Scene<'_>) -> String {
        let default = || format!("/run/resource-agents/Dummy-{}.state", scene.call.resource);
        scene.param("state").map_or_else(default, str::to_owned)
    }
}

impl Behaviour for Dummy {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let file = Self::file(scene);
        match scene.call.action.as_str() {
            "start" | "migrate_from" => scene.write(&file, ""),
            "stop" | "migrate_to" => scene.remove_file(&file),
            "monitor" if scene.has_file(&file) => {}
            "monitor" if scene.call.interval_ms > 0 => return because(7, "No process state file found"),
            "monitor" => return exit(7),
            "reload" | "validate-all" | "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(scene.has_file(&Self::file(scene)))
    }
}

/// `Delay`: takes its time.
pub(super) struct Delay;

impl Delay {
    /// Each delay in milliseconds; `None` if one is no number.
    fn delays(scene: &Scene<'_>) -> Option<[u64; 3]> {
        let start = scene.param("startdelay").unwrap_or("20");
        let stop = scene.param("stopdelay").unwrap_or("30");
        let monitor = scene.param("mondelay").unwrap_or("30");
        let mut delays = [0; 3];
        for (slot, text) in delays.iter_mut().zip([start, stop, monitor]) {
            let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let seconds: f64 = text.parse().ok().filter(|_| digits)?;
            *slot = (seconds.min(1e9) * 1000.0) as u64;
        }
        Some(delays)
    }
}

impl Behaviour for Delay {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let Some([start, stop, monitor]) = Self::delays(scene) else { return usual_duration("monitor") };
        let there = has(scene, &format!("Delay_{}", scene.call.resource));
        Duration::from_millis(match scene.call.action.as_str() {
            "start" if !there => start,
            "stop" if there => stop,
            "monitor" => monitor,
            _ => 20,
        })
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let known = matches!(scene.call.action.as_str(), "start" | "stop" | "monitor" | "validate-all");
        if known && Self::delays(scene).is_none() {
            return because(2, "Some of the instance parameters are invalid");
        }
        let thing = format!("Delay_{}", scene.call.resource);
        simple(scene, &thing).unwrap_or_else(|| exit(2))
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &format!("Delay_{}", scene.call.resource)))
    }
}

/// A pseudo resource with parameters that it cannot do without, and the codes it answers when one is missing.
pub(super) struct Pseudo {
    pub(super) prefix: &'static str,
    pub(super) required: &'static [&'static str],
    pub(super) reason: &'static str,
    /// Without them: for probe, stop, and everything else.
    pub(super) missing: (u8, u8, u8),
}

impl Pseudo {
    fn thing(&self, scene: &Scene<'_>) -> String {
        format!("{}_{}", self.prefix, scene.call.resource)
    }
}

impl Behaviour for Pseudo {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "meta-data" {
            return exit(0);
        }
        if let Some(missing) = self.required.iter().find(|name| scene.param(name).is_none()) {
            let code = match scene.call.action.as_str() {
                "stop" => self.missing.1,
                "monitor" if scene.call.is_probe() => self.missing.0,
                "start" | "monitor" | "validate-all" => self.missing.2,
                _ => 3,
            };
            let reason = if self.reason.is_empty() {
                format!("{missing}: required parameter not set")
            } else {
                self.reason.to_owned()
            };
            return if code == 0 || code == 7 { exit(code) } else { because(code, reason) };
        }
        let thing = self.thing(scene);
        simple(scene, &thing).unwrap_or_else(|| exit(3))
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &self.thing(scene)))
    }
}

/// `Xinetd`: a service that is enabled in the super server's configuration, on disk.
pub(super) struct Xinetd;

impl Xinetd {
    fn file(scene: &Scene<'_>) -> String {
        format!("/etc/xinetd.d/{}", scene.param("service").unwrap_or_default())
    }
}

impl Behaviour for Xinetd {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.param("service").is_none() {
            return exit(if scene.call.action == "start" { 6 } else { 7 });
        }
        let file = Self::file(scene);
        let action = scene.call.action.as_str();
        let disk = scene.disk_mut();
        match action {
            "start" => {
                disk.insert(file, "no".to_owned());
                exit(0)
            }
            "stop" => {
                disk.insert(file, "yes".to_owned());
                exit(0)
            }
            "monitor" => exit(if disk.get(&file).is_some_and(|v| v == "no") { 0 } else { 7 }),
            "validate-all" | "meta-data" => exit(0),
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        let disk = scene.state.shared.disks.get(scene.node);
        started(disk.and_then(|d| d.get(&Self::file(scene))).is_some_and(|v| v == "no"))
    }
}

/// `Route`: an entry of the routing table.
pub(super) struct Route;

impl Route {
    fn thing(scene: &Scene<'_>) -> String {
        let part = |name: &str| scene.param(name).unwrap_or_default().to_owned();
        let parts = ["destination", "device", "gateway", "source", "table"].map(part);
        format!("route:{}", parts.join(" "))
    }
}

impl Behaviour for Route {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let complete = scene.param("destination").is_some()
            && (scene.param("device").is_some() || scene.param("gateway").is_some());
        if !complete && matches!(scene.call.action.as_str(), "start" | "validate-all") {
            return exit(6);
        }
        let thing = Self::thing(scene);
        if scene.call.action == "reload" {
            return exit(0);
        }
        simple(scene, &thing).unwrap_or_else(|| exit(3))
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &Self::thing(scene)))
    }
}

/// `symlink`: a link, with a backup of what stood in its place.
pub(super) struct Symlink;

impl Symlink {
    fn things(scene: &Scene<'_>) -> (String, String, String) {
        let link = scene.param("link").unwrap_or_default().to_owned();
        let backup = format!("file:{link}{}", scene.param("backup_suffix").unwrap_or_default());
        (format!("file:{link}"), format!("link to {}", scene.param("target").unwrap_or_default()), backup)
    }

    fn foreign(scene: &Scene<'_>, link: &str, target: &str) -> Option<String> {
        let name = scene.param("link").unwrap_or_default();
        let there = scene.here().things.get(link).filter(|v| *v != target)?;
        Some(if there.starts_with("link to ") {
            format!("{name} does not point to {}!", scene.param("target").unwrap_or_default())
        } else {
            format!("{name} exists but is not a symbolic link!")
        })
    }
}

impl Behaviour for Symlink {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let (link, target, backup) = Self::things(scene);
        let backs_up = scene.param("backup_suffix").is_some();
        if let (Some(reason), false) = (Self::foreign(scene, &link, &target), backs_up) {
            return because(5, reason);
        }
        match scene.call.action.as_str() {
            "start" => {
                if let Some(other) = scene.here_mut().things.remove(&link).filter(|v| *v != target) {
                    put(scene, &backup, &other);
                }
                put(scene, &link, &target);
            }
            "stop" => {
                if scene.here().things.get(&link) == Some(&target) {
                    take(scene, &link);
                    if let Some(other) = scene.here_mut().things.remove(&backup) {
                        put(scene, &link, &other);
                    }
                }
            }
            "monitor" if scene.here().things.get(&link) != Some(&target) => return exit(7),
            "monitor" | "validate-all" | "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        let (link, target, _) = Self::things(scene);
        started(scene.here().things.get(&link) == Some(&target))
    }
}

/// `anything`: a process with a pid file.
pub(super) struct Anything;

impl Behaviour for Anything {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.param("binfile").is_none() && matches!(scene.call.action.as_str(), "start" | "validate-all") {
            return exit(6);
        }
        let pid_file = format!("/run/anything_{}.pid", scene.call.resource);
        let process = format!("process:{}", scene.call.resource);
        match scene.call.action.as_str() {
            "start" => {
                scene.write(&pid_file, "1");
                put(scene, &process, "");
            }
            "stop" => {
                scene.remove_file(&pid_file);
                take(scene, &process);
            }
            "monitor" if !scene.has_file(&pid_file) => return exit(7),
            // A pid file without its process is a failure, not a stopped service.
            "monitor" if !has(scene, &process) => return exit(1),
            "monitor" | "validate-all" | "meta-data" => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn crash(&self, scene: &mut Scene<'_>) {
        let process = format!("process:{}", scene.call.resource);
        take(scene, &process);
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &format!("process:{}", scene.call.resource)))
    }
}
