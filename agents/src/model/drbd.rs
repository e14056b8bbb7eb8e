//! Replicated devices: `ocf:linbit:drbd` and what it drives [RA-13].

use super::behaviour::Behaviour;
use super::scene::{Scene, because, exit};
use super::state::Role;
use crate::standard::Exit;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How long a peer that was away needs until it has everything again.
const RESYNC: Duration = Duration::from_secs(10);
/// A promotion that fails takes at least so long, or recovery would spin.
const FAILED_PROMOTE: Duration = Duration::from_secs(15);

/// The state of a local disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Disk {
    Inconsistent,
    Outdated,
    #[default]
    UpToDate,
}

/// One node's side of a resource. Disk and generations outlive a boot.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) up: bool,
    pub(super) primary: bool,
    /// Disconnected after a split brain, until an operator decides.
    pub(super) stand_alone: bool,
    pub(super) disk: Disk,
    /// Generations of the data, the present one last.
    generations: Vec<u64>,
    sync_ends: Option<Duration>,
}

/// All replicated devices of the cluster.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    sides: BTreeMap<String, BTreeMap<String, Side>>,
    connected: BTreeMap<String, BTreeSet<(String, String)>>,
    pub(super) split: BTreeSet<String>,
    pub(super) two_primaries: BTreeSet<String>,
    devices: BTreeMap<String, String>,
    next_generation: u64,
}

impl Replicas {
    /// Names the resource behind a device's path.
    pub(super) fn map_device(&mut self, device: &str, resource: &str) {
        self.devices.insert(device.to_owned(), resource.to_owned());
    }

    fn resource_of<'a>(&'a self, device: &'a str) -> Option<&'a str> {
        let by_name = device.strip_prefix("/dev/drbd/by-res/").and_then(|rest| rest.split('/').next());
        by_name.or_else(|| self.devices.get(device).map(String::as_str))
    }

    pub(super) fn is_device(&self, device: &str) -> bool {
        self.resource_of(device).is_some()
    }

    pub(super) fn is_primary(&self, device: &str, node: &str) -> bool {
        let side = self.resource_of(device).and_then(|r| self.sides.get(r)?.get(node));
        side.is_some_and(|side| side.up && side.primary)
    }

    pub(super) fn side(&self, resource: &str, node: &str) -> Option<&Side> {
        self.sides.get(resource)?.get(node)
    }

    fn side_mut(&mut self, resource: &str, node: &str) -> &mut Side {
        self.sides.entry(resource.to_owned()).or_default().entry(node.to_owned()).or_default()
    }

    pub(super) fn primaries(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        self.sides.iter().map(|(resource, sides)| {
            (resource.as_str(), sides.iter().filter(|(_, s)| s.up && s.primary).map(|(n, _)| n.clone()).collect())
        })
    }

    pub(super) fn node_down(&mut self, now: Duration, node: &str, cut: &BTreeSet<(String, String)>) {
        for sides in self.sides.values_mut() {
            if let Some(side) = sides.get_mut(node) {
                (side.up, side.primary, side.stand_alone, side.sync_ends) = (false, false, false, None);
            }
        }
        self.settle(now, cut);
    }

    /// The other nodes that this one is connected to.
    pub(super) fn peers(&self, resource: &str, node: &str) -> Vec<&str> {
        let pairs = self.connected.get(resource).into_iter().flatten();
        pairs
            .filter_map(|(a, b)| if a == node { Some(b.as_str()) } else { (b == node).then_some(a.as_str()) })
            .collect()
    }

    /// Brings connections and disks in line with what is up and who can reach whom.
    pub(super) fn settle(&mut self, now: Duration, cut: &BTreeSet<(String, String)>) {
        let resources: Vec<String> = self.sides.keys().cloned().collect();
        for resource in resources {
            let Some(sides) = self.sides.get(&resource) else { continue };
            let live: Vec<&String> = sides.iter().filter(|(_, s)| s.up && !s.stand_alone).map(|(n, _)| n).collect();
            let mut wanted = BTreeSet::new();
            for (at, a) in live.iter().enumerate() {
                for b in live.iter().skip(at + 1) {
                    let pair = ((*a).clone(), (*b).clone());
                    if !cut.contains(&pair) {
                        wanted.insert(pair);
                    }
                }
            }
            let old = self.connected.insert(resource.clone(), wanted.clone()).unwrap_or_default();
            for (a, b) in old.difference(&wanted) {
                self.lost(&resource, a);
                self.lost(&resource, b);
            }
            for (a, b) in wanted.difference(&old) {
                self.meet(now, &resource, a, b);
            }
            self.synchronized(now, &resource);
        }
    }

    /// A peer is gone: a Primary goes on with data of its own, a resynchronization stops.
    fn lost(&mut self, resource: &str, node: &str) {
        let alone = self.peers(resource, node).is_empty();
        self.next_generation += 1;
        let generation = self.next_generation;
        let side = self.side_mut(resource, node);
        side.sync_ends = None;
        if side.primary && alone {
            side.generations.push(generation);
        }
    }

    fn meet(&mut self, now: Duration, resource: &str, a: &str, b: &str) {
        let (left, right) = (self.side_mut(resource, a).clone(), self.side_mut(resource, b).clone());
        let (newest_a, newest_b) = (left.generations.last(), right.generations.last());
        let behind = if newest_a == newest_b {
            match (left.disk, right.disk) {
                (Disk::UpToDate, Disk::UpToDate) => return,
                (Disk::UpToDate, _) => b,
                (_, Disk::UpToDate) => a,
                _ => return,
            }
        } else if newest_a.is_none_or(|g| right.generations.contains(g)) {
            a
        } else if newest_b.is_none_or(|g| left.generations.contains(g)) {
            b
        } else {
            // Neither knows the other's data: nobody can decide but an operator.
            self.split.insert(resource.to_owned());
            self.side_mut(resource, a).stand_alone = true;
            self.side_mut(resource, b).stand_alone = true;
            self.connected.remove(resource);
            return;
        };
        let side = self.side_mut(resource, behind);
        side.disk = Disk::Inconsistent;
        side.sync_ends = Some(now.saturating_add(RESYNC));
    }

    fn synchronized(&mut self, now: Duration, resource: &str) {
        let Some(sides) = self.sides.get(resource) else { return };
        let done: Vec<String> = sides
            .iter()
            .filter(|(_, side)| side.sync_ends.is_some_and(|end| end <= now))
            .map(|(node, _)| node.clone())
            .collect();
        for node in done {
            let source = self.peers(resource, &node).into_iter().find_map(|p| {
                self.side(resource, p).filter(|s| s.disk == Disk::UpToDate).map(|s| s.generations.clone())
            });
            if let Some(generations) = source {
                let side = self.side_mut(resource, &node);
                (side.disk, side.generations, side.sync_ends) = (Disk::UpToDate, generations, None);
            }
        }
    }

    /// Could this node become Primary?
    fn may_promote(&self, resource: &str, node: &str) -> bool {
        let Some(side) = self.side(resource, node) else { return false };
        let good = |s: &Side| s.disk == Disk::UpToDate;
        let peers = self.peers(resource, node);
        let data = good(side) || peers.iter().any(|p| self.side(resource, p).is_some_and(good));
        let taken = peers.iter().any(|p| self.side(resource, p).is_some_and(|s| s.primary));
        data && (!taken || self.two_primaries.contains(resource))
    }

    fn promote(&mut self, resource: &str, node: &str) {
        let alone = self.peers(resource, node).is_empty();
        self.next_generation += 1;
        let generation = self.next_generation;
        let side = self.side_mut(resource, node);
        if alone && !side.primary {
            side.generations.push(generation);
        }
        side.primary = true;
    }
}

/// The promotion score; `None` = none [RA-13.5].
pub(super) fn score_of(scene: &Scene<'_>, resource: &str, [a, b, c, d]: [i64; 4]) -> Option<i64> {
    let _ = a;
    let replicas = &scene.state.shared.drbd;
    let side = replicas.side(resource, scene.node).filter(|side| side.up)?;
    let peers = replicas.peers(resource, scene.node);
    let peer_good = peers.iter().any(|p| replicas.side(resource, p).is_some_and(|s| s.disk == Disk::UpToDate));
    let known = replicas.sides.get(resource).is_none_or(|sides| sides.len() <= 1 + peers.len());
    let score = match side.disk {
        Disk::UpToDate if side.primary || (known && !peers.is_empty()) => d,
        Disk::UpToDate => c,
        _ if peer_good => b,
        _ => 0,
    };
    (score > 0).then_some(score)
}

/// `ocf:linbit:drbd`.
pub(super) struct Drbd;

impl Drbd {
    fn resource<'a>(scene: &Scene<'a>) -> &'a str {
        scene.param("drbd_resource").unwrap_or_default()
    }

    fn steps(scene: &Scene<'_>) -> [i64; 4] {
        let numbers = scene.param("adjust_master_score").map(|text| {
            text.split_whitespace().map(str::parse::<i64>).collect::<Result<Vec<_>, _>>().unwrap_or_default()
        });
        match numbers.as_deref() {
            Some([a, b, c, d]) if a <= b && b <= c && c <= d => [*a, *b, *c, *d],
            _ => [0, 10, 1000, 10000],
        }
    }

    /// The checks before every action [RA-13.3].
    fn misconfigured(scene: &Scene<'_>) -> Option<Exit> {
        let action = scene.call.action.as_str();
        if Self::resource(scene).is_empty() {
            return Some(exit(if action == "stop" { 0 } else { 6 }));
        }
        if action == "stop" {
            return None;
        }
        let meta = |new: &str, old: &str| {
            scene.call.meta(new).or_else(|| scene.call.meta(old)).and_then(|v| v.parse::<i64>().ok())
        };
        for (what, value, op, limit) in [
            ("clone-node-max", meta("clone_node_max", "clone_node_max"), "-eq", 1),
            ("master-node-max", meta("promoted_node_max", "master_node_max"), "-eq", 1),
            ("master-max", meta("promoted_max", "master_max"), "-le", 2),
        ] {
            let bad = value.is_some_and(|v| if op == "-eq" { v != limit } else { v > limit });
            if bad {
                let found = value.unwrap_or(0);
                return Some(because(
                    6,
                    format!("meta parameter misconfigured, expected {what} {op} {limit}, but found {found}."),
                ));
            }
        }
        let needs_notify = matches!(action, "start" | "promote" | "demote" | "notify" | "reload");
        let notifies = scene.call.meta("notify") == Some("true") || scene.flag("ignore_missing_notifications", false);
        (needs_notify && !notifies).then(|| {
            because(6, "you really should enable notify when using this RA (or set ignore_missing_notifications=true)")
        })
    }

    fn update_score(scene: &mut Scene<'_>) {
        let score = score_of(scene, Self::resource(scene), Self::steps(scene));
        scene.score(score);
    }

    fn status(scene: &Scene<'_>) -> u8 {
        match scene.state.shared.drbd.side(Self::resource(scene), scene.node) {
            Some(side) if side.up && side.primary => 8,
            Some(side) if side.up => 0,
            _ => 7,
        }
    }

    /// With `stop_outdates_secondary`: while another node stays Primary, this one's data will be old.
    fn maybe_outdate(scene: &mut Scene<'_>) {
        let meta = |name: &str| {
            scene.call.meta(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let stopping = meta("notify_stop_uname");
        let other = meta("notify_master_uname").into_iter().any(|n| n != scene.node && !stopping.contains(&n));
        if scene.flag("stop_outdates_secondary", false) && other {
            let (resource, node) = (Self::resource(scene).to_owned(), scene.node.to_owned());
            scene.state.shared.drbd.side_mut(&resource, &node).disk = Disk::Outdated;
        }
    }
}

impl Behaviour for Drbd {
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        let resource = Self::resource(scene);
        match scene.call.action.as_str() {
            "start" => Duration::from_millis(500),
            "promote" if !scene.state.shared.drbd.may_promote(resource, scene.node) => FAILED_PROMOTE.mul_f64(1.2),
            "promote" | "demote" | "stop" => Duration::from_millis(200),
            _ => Duration::from_millis(50),
        }
    }

    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        if action == "meta-data" {
            return exit(0);
        }
        if let Some(bad) = Self::misconfigured(scene) {
            return bad;
        }
        let (resource, node) = (Self::resource(scene).to_owned(), scene.node.to_owned());
        scene.state.settle_replicas(scene.now);
        let status = Self::status(scene);
        let replicas = &mut scene.state.shared.drbd;
        let result = match (action, status) {
            ("monitor" | "status", 7) if scene.call.interval_ms == 0 => return exit(7),
            ("monitor" | "status", status) => exit(status),
            ("start", _) => {
                let allowed_two =
                    scene.call.meta("master_max").or_else(|| scene.call.meta("promoted_max")) == Some("2");
                if allowed_two {
                    replicas.two_primaries.insert(resource.clone());
                }
                let side = replicas.side_mut(&resource, &node);
                (side.up, side.primary) = (true, false);
                exit(0)
            }
            ("promote" | "demote", 7) if action == "promote" => {
                because(1, "cannot promote a resource that was not started")
            }
            ("promote" | "demote", 7) => exit(1),
            ("promote", 8) | ("demote", 0) => exit(0),
            ("promote", _) if replicas.may_promote(&resource, &node) => {
                replicas.promote(&resource, &node);
                exit(0)
            }
            ("promote", _) => because(1, "Refusing to be promoted to Primary without access to UpToDate data"),
            ("demote", _) => {
                replicas.side_mut(&resource, &node).primary = false;
                exit(0)
            }
            ("stop", _) => {
                let side = replicas.side_mut(&resource, &node);
                (side.up, side.primary, side.stand_alone) = (false, false, false);
                scene.state.settle_replicas(scene.now);
                Self::maybe_outdate(scene);
                scene.score(None);
                return exit(0);
            }
            ("notify", _) => {
                let post = scene.call.meta("notify_type") == Some("post");
                if post && status != 7 {
                    Self::update_score(scene);
                }
                return exit(0);
            }
            ("reload", 7) => exit(1),
            ("reload" | "validate-all", _) => exit(0),
            _ => return exit(3),
        };
        scene.state.settle_replicas(scene.now);
        if action != "validate-all" {
            Self::update_score(scene);
        }
        result
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        match Self::status(scene) {
            8 => Some(Role::Promoted),
            0 => Some(Role::Started),
            _ => None,
        }
    }
}
