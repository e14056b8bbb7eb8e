//! Databases with replication: mysql, mariadb, pgsql, redis, galera [RA-12.7], [RA-12.8], [RA-12.13].

use super::behaviour::{Behaviour, usual_duration};
use super::heartbeat::{has, put, started, take};
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;

fn process(scene: &Scene<'_>) -> String {
    format!("process:{}", scene.call.resource)
}

fn promotable(scene: &Scene<'_>) -> bool {
    let most = scene.call.meta("master_max").or_else(|| scene.call.meta("promoted_max"));
    scene.call.meta("promotable") == Some("true") || most.is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n > 0))
}

fn role_of(scene: &Scene<'_>) -> Option<Role> {
    let value = scene.here().things.get(&process(scene))?;
    Some(if value == "promoted" { Role::Promoted } else { Role::Started })
}

/// How much a node's copy of the data holds; it is on disk.
fn position(scene: &Scene<'_>, node: &str) -> u64 {
    let key = format!("data:{}", scene.call.resource);
    scene.state.shared.disks.get(node).and_then(|d| d.get(&key)).and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn set_position(scene: &mut Scene<'_>, node: &str, position: u64) {
    let key = format!("data:{}", scene.call.resource);
    scene.state.shared.disks.entry(node.to_owned()).or_default().insert(key, position.to_string());
}

/// The nodes besides this one where the instance runs and that can be reached.
fn others(scene: &Scene<'_>) -> Vec<String> {
    let process = process(scene);
    let here = scene.node;
    let runs = |name: &&String| scene.state.nodes.get(*name).is_some_and(|n| n.things.contains_key(&process));
    let names = scene.state.nodes.keys().filter(|name| *name != here);
    names.filter(runs).filter(|name| scene.state.is_up(name) && !scene.state.is_cut(here, name)).cloned().collect()
}

/// The primary writes, and what it writes reaches every copy that is connected.
fn replicate(scene: &mut Scene<'_>) {
    let node = scene.node.to_owned();
    let next = position(scene, &node) + 1;
    for copy in others(scene) {
        set_position(scene, &copy, next);
    }
    set_position(scene, &node, next);
}

/// What the plain server of every kind does, and `None` for what needs replication.
fn plain(scene: &mut Scene<'_>) -> Option<Exit> {
    let running = has(scene, &process(scene));
    match scene.call.action.as_str() {
        "meta-data" | "validate-all" if !scene.is_missing() => Some(exit(0)),
        "monitor" | "status" if scene.is_missing() => Some(exit(7)),
        "stop" if scene.is_missing() => Some(exit(0)),
        _ if scene.is_missing() => Some(exit(5)),
        "monitor" | "status" if !running => Some(exit(7)),
        _ => None,
    }
}

/// `mysql`: read-only copies and one that is written to.
pub(super) struct Mysql;

impl Behaviour for Mysql {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        if scene.call.action == "start" { Duration::from_secs(2) } else { usual_duration(&scene.call.action) }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if let Some(end) = plain(scene) {
            return end;
        }
        let process = process(scene);
        let role = role_of(scene);
        let roles = promotable(scene);
        match (scene.call.action.as_str(), role) {
            ("start", None) => {
                put(scene, &process, "started");
                if roles {
                    scene.score(Some(1));
                }
            }
            ("start", _) => {}
            ("stop", _) => {
                take(scene, &process);
                if roles {
                    scene.score(None);
                }
            }
            ("monitor" | "status", Some(Role::Promoted)) => {
                replicate(scene);
                scene.score(Some(2));
                return exit(8);
            }
            ("monitor" | "status", _) => {
                if roles {
                    scene.score(Some(1));
                }
            }
            ("promote", Some(_)) if roles => {
                put(scene, &process, "promoted");
                let most = scene.number("max_slave_lag", 3600);
                let name = format!("{}_REPL_INFO", scene.call.resource);
                let value = format!("{}|mysql-bin.000001|{}", scene.node, position(scene, scene.node));
                scene.effects.push(super::Effect::Property { name, value: Some(value) });
                scene.score(Some(most + 1));
            }
            ("demote", Some(_)) if roles => {
                put(scene, &process, "started");
                scene.score(Some(1));
            }
            ("promote" | "demote", _) => return exit(1),
            ("notify" | "validate-all", _) => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        role_of(scene)
    }
}

/// `mariadb`: the copy that holds most is to be promoted, once all have said what they hold.
pub(super) struct Mariadb;

impl Mariadb {
    fn gtid(scene: &Scene<'_>) -> String {
        format!("{}-gtid", scene.call.resource)
    }

    /// Gives the score to the node that holds most, if enough have published.
    fn choose(scene: &mut Scene<'_>) {
        let attribute = Self::gtid(scene);
        let (here, all) = (scene.node.to_owned(), scene.param("node_list").unwrap_or_default().to_owned());
        let held: Vec<(u64, &str)> = all
            .split_whitespace()
            .filter_map(|n| Some((scene.state.attribute(n, &attribute)?.rsplit('-').next()?.parse().ok()?, n)))
            .collect();
        let instances =
            scene.call.meta("clone_max").and_then(|n| n.parse().ok()).unwrap_or(all.split_whitespace().count());
        if held.len() + 1 < instances.max(1) {
            return;
        }
        // Among equals the first of the list.
        let most = held.iter().map(|(p, _)| *p).max();
        let best = held.iter().find(|(p, _)| Some(*p) == most).map(|(_, n)| *n);
        if best == Some(&*here) {
            scene.score(Some(100));
        }
    }
}

impl Behaviour for Mariadb {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if let Some(end) = plain(scene) {
            return end;
        }
        let process = process(scene);
        let role = role_of(scene);
        match (scene.call.action.as_str(), role) {
            ("start", None) => {
                if !promotable(scene) || scene.param("node_list").is_none() {
                    return exit(1);
                }
                put(scene, &process, "started");
                let (name, held) = (Self::gtid(scene), position(scene, scene.node));
                scene.publish(&name, Some(format!("0-1-{held}")), None);
                Self::choose(scene);
            }
            ("stop", _) => {
                take(scene, &process);
                let name = Self::gtid(scene);
                scene.publish(&name, None, None);
                scene.score(None);
            }
            ("monitor" | "status", Some(Role::Promoted)) => {
                replicate(scene);
                return exit(8);
            }
            ("monitor" | "status", _) => Self::choose(scene),
            ("promote", Some(_)) => {
                put(scene, &process, "promoted");
                let name = Self::gtid(scene);
                let nodes: Vec<String> = scene.state.nodes.keys().cloned().collect();
                for node in nodes {
                    scene.publish_for(&node, &name, None, None, false);
                }
                scene.score(Some(100));
            }
            ("demote", Some(_)) => {
                put(scene, &process, "started");
                scene.score(None);
            }
            ("promote" | "demote", None) => return exit(1),
            ("start" | "notify" | "validate-all", _) => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        role_of(scene)
    }
}

/// `pgsql`, with streaming replication if `rep_mode` says so.
pub(super) struct Pgsql;

const CANNOT: i64 = -1_000_000;

impl Pgsql {
    fn lock(scene: &Scene<'_>) -> String {
        format!("{}/PGSQL.lock", scene.param("tmpdir").unwrap_or("/var/lib/pgsql/tmp"))
    }

    fn status(scene: &mut Scene<'_>, node: &str, value: &str) {
        let name = format!("{}-status", scene.call.resource);
        scene.publish_for(node, &name, Some(value.to_owned()), None, false);
    }

    fn data(scene: &mut Scene<'_>, node: &str, value: &str) {
        let name = format!("{}-data-status", scene.call.resource);
        scene.publish_for(node, &name, Some(value.to_owned()), None, true);
    }

    fn score(scene: &mut Scene<'_>, node: &str, score: i64) {
        let name = format!("master-{}", scene.call.resource);
        scene.publish_for(node, &name, Some(super::scene::score_text(score)), None, false);
    }

    /// The primary judges every standby by its connection.
    fn primary(scene: &mut Scene<'_>) {
        let node = scene.node.to_owned();
        replicate(scene);
        Self::data(scene, &node, "LATEST");
        Self::status(scene, &node, "PRI");
        let connected = others(scene);
        let list = scene.param("node_list").unwrap_or_default().to_owned();
        let sync = scene.param("rep_mode") == Some("sync");
        let mut first = true;
        for standby in list.split_whitespace().filter(|n| *n != node) {
            if !connected.iter().any(|n| n == standby) {
                Self::data(scene, standby, "DISCONNECT");
                Self::score(scene, standby, CANNOT);
                continue;
            }
            let (data, status, score) = match (sync, std::mem::take(&mut first)) {
                (true, true) => ("STREAMING|SYNC", "HS:sync", 100),
                (true, false) => ("STREAMING|POTENTIAL", "HS:potential", CANNOT),
                (false, _) if list.split_whitespace().count() <= 2 => ("STREAMING|ASYNC", "HS:async", 100),
                (false, _) => ("STREAMING|ASYNC", "HS:async", CANNOT),
            };
            Self::data(scene, standby, data);
            Self::status(scene, standby, status);
            Self::score(scene, standby, score);
        }
    }

    /// A standby without primary: the one with the newest log may be promoted, after three looks that agree.
    fn standby(scene: &mut Scene<'_>) {
        let node = scene.node.to_owned();
        let process = process(scene);
        let has_primary =
            scene.state.nodes.values().any(|n| !n.down && n.things.get(&process).is_some_and(|v| v == "promoted"));
        if has_primary {
            return;
        }
        Self::status(scene, &node, "HS:alone");
        let name = format!("{}-data-status", scene.call.resource);
        let data = scene.state.attribute(&node, &name).unwrap_or_default().to_owned();
        let sync = scene.param("rep_mode") == Some("sync");
        let right = match data.as_str() {
            "" | "LATEST" | "STREAMING|SYNC" => true,
            "STREAMING|ASYNC" => !sync,
            _ => false,
        };
        let mine = position(scene, &node);
        let newest = others(scene).iter().all(|other| position(scene, other) <= mine);
        let looks_thing = format!("looks:{}", scene.call.resource);
        if !right || !newest {
            take(scene, &looks_thing);
            return;
        }
        let looks = scene.here().things.get(&looks_thing).and_then(|v| v.parse::<i64>().ok()).unwrap_or(0) + 1;
        put(scene, &looks_thing, &looks.to_string());
        if looks >= scene.number("xlog_check_count", 3) {
            Self::score(scene, &node, 1000);
        }
    }

    fn replicated(scene: &mut Scene<'_>, role: Option<Role>) -> Exit {
        let (process, node, lock) = (process(scene), scene.node.to_owned(), Self::lock(scene));
        match (scene.call.action.as_str(), role) {
            ("start", Some(_)) => return exit(1),
            ("start", None) => {
                Self::status(scene, &node, "STOP");
                Self::score(scene, &node, CANNOT);
                if scene.disk_mut().contains_key(&lock) {
                    let reason = format!("My data may be inconsistent. You have to remove {lock} file to force start.");
                    return because(1, reason);
                }
                put(scene, &process, "started");
                Self::status(scene, &node, "HS:alone");
            }
            ("monitor" | "status", Some(Role::Promoted)) => {
                Self::primary(scene);
                return exit(8);
            }
            ("monitor" | "status", _) => Self::standby(scene),
            ("promote", Some(_)) => {
                let list = scene.param("node_list").unwrap_or_default().to_owned();
                for other in list.split_whitespace().filter(|n| *n != node) {
                    Self::data(scene, other, "DISCONNECT");
                    Self::score(scene, other, CANNOT);
                }
                scene.disk_mut().insert(lock, String::new());
                put(scene, &process, "promoted");
                Self::data(scene, &node, "LATEST");
                Self::score(scene, &node, 1000);
                Self::status(scene, &node, "PRI");
            }
            ("promote", None) => return exit(1),
            ("demote" | "stop", _) => {
                let alone = scene.call.meta("notify_slave_uname").is_none_or(|names| names.trim().is_empty());
                if role == Some(Role::Promoted) && alone {
                    scene.disk_mut().remove(&lock);
                }
                Self::score(scene, &node, CANNOT);
                // A primary cannot become a standby again without being stopped.
                take(scene, &process);
                Self::status(scene, &node, "STOP");
            }
            ("notify" | "validate-all", _) => {}
            _ => return exit(3),
        }
        exit(0)
    }
}

impl Behaviour for Pgsql {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        Duration::from_millis(match scene.call.action.as_str() {
            "start" | "promote" | "stop" | "demote" => 1000,
            _ => 50,
        })
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if let Some(end) = plain(scene) {
            return end;
        }
        let role = role_of(scene);
        if matches!(scene.param("rep_mode"), Some("async" | "sync")) {
            return Self::replicated(scene, role);
        }
        let process = process(scene);
        match (scene.call.action.as_str(), role) {
            ("start", _) => put(scene, &process, "started"),
            ("stop", _) => take(scene, &process),
            ("monitor" | "status" | "notify" | "validate-all", _) => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn crash(&self, scene: &mut Scene<'_>) {
        let process = process(scene);
        take(scene, &process);
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        role_of(scene)
    }
}

/// `redis` and `galera`: two roles, and a score for whoever knows the data best.
pub(super) struct Scored {
    /// For the last known primary (or the node to bootstrap from), and for others.
    pub(super) scores: (i64, i64),
}

impl Scored {
    fn wish(&self, scene: &Scene<'_>) -> i64 {
        let key = format!("primary:{}", scene.call.resource);
        let last = scene.state.shared.last_primary.get(&key);
        if last.is_none_or(|node| node == scene.node) { self.scores.0 } else { self.scores.1 }
    }
}

impl Behaviour for Scored {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if let Some(end) = plain(scene) {
            return end;
        }
        let process = process(scene);
        let role = role_of(scene);
        match (scene.call.action.as_str(), role) {
            ("start", None) => {
                put(scene, &process, "started");
                let wish = self.wish(scene);
                scene.score(Some(wish));
            }
            ("stop", _) => {
                take(scene, &process);
                scene.score(None);
            }
            ("monitor" | "status", Some(Role::Promoted)) => return exit(8),
            ("monitor" | "status", _) => {
                let wish = self.wish(scene);
                scene.score(Some(wish));
            }
            ("promote", Some(_)) => {
                put(scene, &process, "promoted");
                let (key, node) = (format!("primary:{}", scene.call.resource), scene.node.to_owned());
                scene.state.shared.last_primary.insert(key, node);
                scene.score(Some(self.scores.0));
            }
            ("demote", Some(_)) => put(scene, &process, "started"),
            ("promote" | "demote", None) => return exit(7),
            ("start" | "notify" | "validate-all", _) => {}
            _ => return exit(3),
        }
        exit(0)
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        match role_of(scene) {
            Some(Role::Promoted) => Some(Role::Promoted),
            other => started(other.is_some()),
        }
    }
}
