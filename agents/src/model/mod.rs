//! Behaviour models of agents for simulation.
//!
//! A [`World`] holds what agents act upon: per node files, addresses, mounts, processes, domains; shared between nodes disks, replicated devices, who answers
//! for an address, power switches. A simulator drives it beside the machines that make [`Call`]s:
//!
//! 1. [`World::start`] says when a run will end (or that it hangs);
//! 2. at that time [`World::finish`] does the work, says how it ended, and lists [`Effect`]s outside the agents' world (node attributes, power);
//! 3. [`World::kill`] is SIGKILL, [`World::node_down`] a node that lost power.
//!
//! Every agent of the specification's models [RA-10]..[RA-14] has its behaviour here; any other OCF agent is taken for a plain service with
//! two roles. Each can be made to fail on cue: [`World::cue`].
//!
//! ```
//! use agents::model::{Cue, Fault, World};
//! use agents::standard::{AgentName, Call, Exit, RunId};
//! use core::time::Duration;
//! use rand::SeedableRng;
//!
//! let mut world = World::new("demo");
//! let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
//! let call = Call {
//!     run: RunId(1), resource: "db".into(), agent: AgentName::ocf("pacemaker", "Dummy"), action: "start".into(), interval_ms: 0,
//!     timeout_ms: 20_000, parameters: std::sync::Arc::default(),
//! };
//! let ends = world.start(Duration::ZERO, "n1", &call, &mut rng).ends.unwrap();
//! let ended = world.finish(ends, "n1", call.run).unwrap();
//! assert_eq!(ended.exit, Exit::code(0));
//! assert_eq!(world.instances().map(|i| (i.node, i.resource)).collect::<Vec<_>>(), [("n1", "db")]);
//! ```

mod address;
mod behaviour;
mod cue;
mod database;
mod drbd;
#[cfg(test)]
mod every_model;
mod fence;
mod heartbeat;
mod observers;
mod pacemaker;
mod scene;
mod server;
mod service;
mod state;
mod storage;
#[cfg(test)]
mod tests;

pub use cue::{Cue, Fault};
pub use scene::Effect;
pub use state::{Conflict, Instance, Role};

use crate::executor::KillScope;
use crate::standard::{Call, Exit, RunId, Standard};
use core::time::Duration;
use rand::Rng;
use scene::Scene;
use state::State;
use std::collections::BTreeMap;

/// When a run will end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// `None`: it hangs until it is killed.
    pub ends: Option<Duration>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// For the machine that made the call.
    pub exit: Exit,
    /// What else happened.
    pub effects: Vec<Effect>,
}

#[derive(Debug)]
struct Running {
    call: Call,
    fault: Option<Fault>,
    /// Drawn at the start, so that the end needs no source of randomness.
    luck: u64,
}

/// Everything that simulated agents act upon.
#[derive(Debug)]
pub struct World {
    state: State,
    cues: Vec<Cue>,
    running: BTreeMap<(String, RunId), Running>,
}

impl World {
    /// An empty world; nodes appear when they are first spoken of. (A world is one cluster's; its name is for the reader.)
    pub fn new(_cluster: &str) -> Self {
        Self { state: State::new(), cues: Vec::new(), running: BTreeMap::new() }
    }

    /// Makes matching runs that start from now on misbehave.
    pub fn cue(&mut self, cue: Cue) {
        self.cues.push(cue);
    }

    /// Takes back every cue.
    pub fn clear_cues(&mut self) {
        self.cues.clear();
    }

    /// A run begins.
    pub fn start(&mut self, now: Duration, node: &str, call: &Call, rng: &mut impl Rng) -> Plan {
        let luck = rng.next_u64();
        let fault = cue::take(&mut self.cues, now, node, call);
        if call.agent.standard == Standard::Systemd && call.action == "stop" {
            // The init system drops the start that is still queued.
            self.running.retain(|(n, _), r| n != node || r.call.resource != call.resource || r.call.action != "start");
        }
        self.state.node_mut(node);
        let scene = Scene::new(now, node, call, luck, &mut self.state);
        let natural = behaviour::of(&call.agent).duration(&scene);
        let natural = behaviour::jitter(natural, luck);
        let lasts = match &fault {
            Some(fault) => fault.lasts(natural),
            None => Some(natural),
        };
        self.running.insert((node.to_owned(), call.run), Running { call: call.clone(), fault, luck });
        Plan { ends: lasts.map(|lasts| now.saturating_add(lasts)) }
    }

    /// A run ends by itself: its work is done now. `None` if it is not running (killed, or its node is gone).
    pub fn finish(&mut self, now: Duration, node: &str, run: RunId) -> Option<Ended> {
        let running = self.running.remove(&(node.to_owned(), run))?;
        Some(self.end(now, node, &running))
    }

    fn end(&mut self, now: Duration, node: &str, running: &Running) -> Ended {
        let call = &running.call;
        if let Some(exit) = running.fault.as_ref().and_then(|fault| fault.instead(call)) {
            return Ended { exit, effects: Vec::new() };
        }
        let behaviour = behaviour::of(&call.agent);
        let mut scene = Scene::new(now, node, call, running.luck, &mut self.state);
        let mut exit = behaviour.act(&mut scene);
        let role = behaviour.role(&scene);
        let effects = scene.effects;
        self.state.observe(node, call, role);
        if let Some(fault) = &running.fault {
            exit = fault.told(exit);
        }
        Ended { exit, effects }
    }

    /// SIGKILL. `None`: the process is still there (it hangs in the kernel). What the run was to do has not been done, or, by chance, has.
    pub fn kill(&mut self, now: Duration, node: &str, run: RunId, scope: KillScope) -> Option<Exit> {
        let key = (node.to_owned(), run);
        if self.running.get(&key)?.fault == Some(Fault::Stuck) {
            return None;
        }
        let running = self.running.remove(&key)?;
        // Children that were not killed finish the work; otherwise it is a matter of chance how far it got.
        if running.fault.is_none() && (scope == KillScope::Process || running.luck % 2 == 1) {
            let _ = self.end(now, node, &running);
        }
        Some(Exit::killed())
    }

    /// Lets go of a process that survived its kill.
    pub fn release(&mut self, node: &str, run: RunId) -> Option<Exit> {
        self.running.remove(&(node.to_owned(), run)).map(|_| Exit::killed())
    }

    /// A node lost power or crashed: its runs are gone, and its state but for disks.
    pub fn node_down(&mut self, now: Duration, node: &str) {
        self.running.retain(|(n, _), _| n != node);
        self.state.node_down(now, node);
    }

    /// A node came up, with nothing active.
    pub fn node_up(&mut self, now: Duration, node: &str) {
        self.state.node_up(now, node);
    }

    /// The replication link between two nodes was cut or healed.
    pub fn set_link(&mut self, now: Duration, a: &str, b: &str, connected: bool) {
        self.state.set_link(now, a, b, connected);
    }

    /// Where a power switch's outlet leads; without wiring an outlet feeds the node of the same name.
    pub fn wire(&mut self, outlet: &str, node: &str) {
        self.state.shared.wiring.insert(outlet.to_owned(), node.to_owned());
    }

    /// The cluster's value of a node attribute, for agents that read one.
    pub fn set_attribute(&mut self, node: &str, name: &str, value: Option<&str>) {
        self.state.set_attribute(node, name, value);
    }

    /// Whether `host` answers to `ping` agents; all hosts do unless told otherwise.
    pub fn set_host_answers(&mut self, host: &str, answers: bool) {
        if answers {
            self.state.shared.silent_hosts.remove(host);
        } else {
            self.state.shared.silent_hosts.insert(host.to_owned());
        }
    }

    /// An agent's software is missing on a node, or there (again).
    pub fn set_installed(&mut self, node: &str, agent_type: &str, installed: bool) {
        let entry = (node.to_owned(), agent_type.to_owned());
        if installed {
            self.state.shared.missing_software.remove(&entry);
        } else {
            self.state.shared.missing_software.insert(entry);
        }
    }

    /// A disk can be found, or not.
    pub fn set_device_present(&mut self, device: &str, present: bool) {
        if present {
            self.state.shared.absent_devices.remove(device);
        } else {
            self.state.shared.absent_devices.insert(device.to_owned());
        }
    }

    /// A fence device answers, or its switch cannot be reached.
    pub fn set_fence_device_reachable(&mut self, device: &str, reachable: bool) {
        if reachable {
            self.state.shared.unreachable_devices.remove(device);
        } else {
            self.state.shared.unreachable_devices.insert(device.to_owned());
        }
    }

    /// Fence agents of this type can list their targets.
    pub fn let_list(&mut self, agent_type: &str) {
        self.state.shared.listing_agents.insert(agent_type.to_owned());
    }

    /// A human confirms that a node is down, for `meatware`.
    pub fn confirm_down(&mut self, node: &str) {
        self.state.shared.confirmed.insert(node.to_owned());
    }

    /// What health and system agents measure on a node: `cpu-idle`, `io-wait`, `drive-temperature`, `disk-free`.
    pub fn set_measure(&mut self, node: &str, what: &str, value: i64) {
        self.state.shared.measures.insert((node.to_owned(), what.to_owned()), value);
    }

    /// The path of a replicated device's block device, besides `/dev/drbd/by-res/RESOURCE`.
    pub fn map_device(&mut self, device: &str, resource: &str) {
        self.state.shared.drbd.map_device(device, resource);
    }

    /// A service dies by itself: the next monitor finds it stopped. `false` if it was not active there.
    pub fn fail_instance(&mut self, now: Duration, node: &str, resource: &str) -> bool {
        let Some((_, call)) = self.state.node_mut(node).instances.remove(resource) else { return false };
        let call = Call { action: "stop".to_owned(), interval_ms: 0, ..call };
        let mut scene = Scene::new(now, node, &call, 0, &mut self.state);
        // Nobody is left to take back scores and other attributes: the effects are lost.
        behaviour::of(&call.agent).crash(&mut scene);
        true
    }

    /// What is truly active: the witness for "never twice at one instant".
    pub fn instances(&self) -> impl Iterator<Item = Instance<'_>> {
        self.state.instances()
    }

    /// What shared things are used in a way that destroys data or service.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.state.conflicts()
    }

    /// The nodes that hold an address.
    pub fn owners_of_address(&self, ip: &str) -> Vec<&str> {
        self.state.owners_of_address(ip)
    }

    /// May a node write to a shared disk? Fencing by reservation takes this right, and leaves the node its power.
    pub fn may_write(&self, node: &str, disk: &str) -> bool {
        self.state.shared.keys.get(disk).is_none_or(|keys| keys.contains(node))
    }

    /// Is a node's outlet on?
    pub fn is_powered(&self, node: &str) -> bool {
        self.state.shared.powered(node)
    }
}
