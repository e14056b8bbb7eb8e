//! Remote and guest hosts: a machine with an executor that is no member of the ring, and the connections to it.

use super::host::Power;
use super::{BOOT, Happening, Kind, NodeIx, Simulation};
use crate::node::{ConnectionId, RemoteEvent, RemoteExecutor, RemoteHostOutput, RemoteOutput};
use agents::standard::RunId;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a message between a cluster node and a remote host takes.
const DELAY: Duration = Duration::from_micros(200);

/// Which remote host.
pub(super) type RemoteIx = usize;

/// One remote host.
pub(super) struct RemoteHost {
    pub(super) name: String,
    /// The resource whose start boots this guest; `None`: a machine of its own.
    pub(super) container: Option<String>,
    pub(super) executor: Option<Box<RemoteExecutor>>,
    pub(super) power: Power,
    pub(super) boot: u32,
    /// Messages that wait while it is frozen.
    frozen: Option<Vec<Happening>>,
    /// Connections that were opened to it, with the node at the other end and that node's boot.
    open: BTreeMap<ConnectionId, (NodeIx, u32)>,
}

impl RemoteHost {
    pub(super) fn new(name: &str, container: Option<&str>) -> Self {
        RemoteHost {
            name: name.to_owned(),
            container: container.map(str::to_owned),
            executor: None,
            power: Power::Off,
            boot: 0,
            frozen: None,
            open: BTreeMap::new(),
        }
    }
}

/// What happens between cluster nodes and remote hosts.
#[derive(Debug)]
pub(super) enum RemoteHappening {
    /// A node wants to connect.
    Open { from: NodeIx, boot: u32, connection: ConnectionId },
    /// A message of a node.
    Message { connection: ConnectionId, message: Bytes },
    /// A node has closed.
    Close { connection: ConnectionId },
    /// An agent on the remote host ends.
    AgentEnds { boot: u32, run: RunId },
    /// The host has booted.
    Booted,
    /// A frozen executor goes on.
    Thaw,
}

impl Simulation {
    pub(super) fn remote_index(&self, name: &str) -> Option<RemoteIx> {
        self.remotes.iter().position(|r| r.name == name)
    }

    /// Whether the executor of a remote host runs.
    pub(super) fn remote_runs(&self, name: &str) -> bool {
        self.remote_index(name).is_some_and(|at| self.remotes[at].executor.is_some())
    }

    /// What a node wants of a connection.
    pub(super) fn remote_output(&mut self, node: NodeIx, remote: &str, output: RemoteOutput) {
        let Some(at) = self.remote_index(remote) else {
            return self.reach_node(node, remote, None, RemoteEvent::Refused { bad_key: false });
        };
        let key = (node, remote.to_owned());
        match output {
            RemoteOutput::Connect { .. } => {
                self.next_connection += 1;
                let connection = self.next_connection;
                self.links.insert(key, connection);
                let boot = self.hosts[node].boot;
                self.reach_remote(at, RemoteHappening::Open { from: node, boot, connection });
            }
            RemoteOutput::Send(message) => {
                if let Some(&connection) = self.links.get(&key) {
                    self.reach_remote(at, RemoteHappening::Message { connection, message });
                }
            }
            RemoteOutput::Disconnect => {
                if let Some(connection) = self.links.remove(&key) {
                    self.reach_remote(at, RemoteHappening::Close { connection });
                }
            }
        }
    }

    fn reach_remote(&mut self, remote: RemoteIx, what: RemoteHappening) {
        self.schedule(self.now + DELAY, Happening::AtRemote { remote, what });
    }

    fn reach_node(&mut self, node: NodeIx, remote: &str, connection: Option<ConnectionId>, event: RemoteEvent) {
        let boot = self.hosts[node].boot;
        let what = Happening::FromRemote { node, boot, remote: remote.to_owned(), connection, event };
        self.schedule(self.now + DELAY, what);
    }

    /// Something of a connection reaches a node; what belongs to an older connection is dropped.
    pub(super) fn heard_of_remote(
        &mut self,
        node: NodeIx,
        remote: &str,
        connection: Option<ConnectionId>,
        event: RemoteEvent,
    ) {
        let key = (node, remote.to_owned());
        if connection.is_some() && self.links.get(&key).copied() != connection {
            return;
        }
        if event == RemoteEvent::Closed {
            self.links.remove(&key);
        }
        let remote = remote.to_owned();
        self.with_node(node, |n, now| n.handle_remote(now, &remote, event));
    }

    /// Something happens at a remote host.
    pub(super) fn at_remote(&mut self, at: RemoteIx, what: RemoteHappening) {
        match what {
            RemoteHappening::Booted => self.remote_booted(at),
            RemoteHappening::Thaw => {
                let waiting = self.remotes[at].frozen.take().unwrap_or_default();
                let name = self.remotes[at].name.clone();
                self.note(None, Kind::Fault, format!("{name} goes on"));
                for happening in waiting {
                    self.happen(happening);
                }
            }
            what if self.remotes[at].frozen.is_some() => {
                let waiting = self.remotes[at].frozen.as_mut().expect("just looked at");
                waiting.push(Happening::AtRemote { remote: at, what });
            }
            RemoteHappening::Open { from, boot, connection } => self.opened(at, from, boot, connection),
            RemoteHappening::Message { connection, message } => {
                self.with_remote(at, |r, now| r.handle_message(now, connection, &message));
            }
            RemoteHappening::Close { connection } => {
                self.remotes[at].open.remove(&connection);
                self.with_remote(at, |r, _| r.handle_closed(connection));
            }
            RemoteHappening::AgentEnds { boot, run } => {
                let name = self.remotes[at].name.clone();
                if self.remotes[at].boot != boot {
                    return;
                }
                let Some(ended) = self.world.finish(self.now, &name, run) else { return };
                self.watch_resources();
                self.with_remote(at, |r, now| r.handle_exit(now, run, ended.exit));
                // Its tools reach the cluster through the node that serves it.
                let serving = self.remotes[at].executor.as_ref().and_then(|e| e.serving());
                let through = serving.and_then(|c| self.remotes[at].open.get(&c)).map(|&(node, _)| node);
                if let Some(node) = through {
                    for effect in ended.effects {
                        self.effect(node, effect);
                    }
                }
            }
        }
    }

    fn opened(&mut self, at: RemoteIx, from: NodeIx, boot: u32, connection: ConnectionId) {
        if self.remotes[at].power != Power::On {
            return; // nobody is there to refuse
        }
        let name = self.remotes[at].name.clone();
        let event = if self.remotes[at].executor.is_some() {
            self.remotes[at].open.insert(connection, (from, boot));
            RemoteEvent::Connected
        } else {
            RemoteEvent::Refused { bad_key: false }
        };
        self.reach_node(from, &name, Some(connection), event);
    }

    /// Gives a remote executor an input and carries out all its outputs.
    pub(super) fn with_remote(&mut self, at: RemoteIx, input: impl FnOnce(&mut RemoteExecutor, Duration)) {
        let now = self.now;
        let Some(executor) = self.remotes[at].executor.as_mut() else { return };
        input(executor, now);
        while let Some(output) = self.remotes[at].executor.as_mut().and_then(|e| e.poll_output()) {
            self.carry_out_remote(at, output);
        }
    }

    fn carry_out_remote(&mut self, at: RemoteIx, output: RemoteHostOutput) {
        let (name, boot) = (self.remotes[at].name.clone(), self.remotes[at].boot);
        match output {
            RemoteHostOutput::Send { connection, message } => {
                if let Some(&(node, _)) = self.remotes[at].open.get(&connection) {
                    self.reach_node(node, &name, Some(connection), RemoteEvent::Message(message));
                }
            }
            RemoteHostOutput::Close { connection } => {
                if let Some((node, _)) = self.remotes[at].open.remove(&connection) {
                    self.reach_node(node, &name, Some(connection), RemoteEvent::Closed);
                }
            }
            RemoteHostOutput::Run(call) => {
                let plan = self.world.start(self.now, &name, &call, &mut self.rng);
                if let Some(ends) = plan.ends {
                    let what = RemoteHappening::AgentEnds { boot, run: call.run };
                    self.schedule(ends, Happening::AtRemote { remote: at, what });
                }
            }
            RemoteHostOutput::Kill { run, scope } => {
                if let Some(exit) = self.world.kill(self.now, &name, run, scope) {
                    self.with_remote(at, |r, now| r.handle_exit(now, run, exit));
                }
            }
        }
    }

    // --- power -------------------------------------------------------------------------------------------------------

    pub(super) fn remote_boot(&mut self, at: RemoteIx) {
        if self.remotes[at].power == Power::Off {
            self.remotes[at].power = Power::Booting;
            self.schedule(self.now + BOOT, Happening::AtRemote { remote: at, what: RemoteHappening::Booted });
        }
    }

    fn remote_booted(&mut self, at: RemoteIx) {
        if self.remotes[at].power != Power::Booting {
            return;
        }
        let name = self.remotes[at].name.clone();
        self.world.node_up(self.now, &name);
        let epoch = Duration::from_secs(super::build::EPOCH);
        self.remotes[at].executor = Some(Box::new(RemoteExecutor::new(epoch, self.now)));
        self.remotes[at].power = Power::On;
        self.note(None, Kind::Fault, format!("{name} boots"));
    }

    /// Power off: whoever was connected hears nothing.
    pub(super) fn remote_off(&mut self, at: RemoteIx) {
        let name = self.remotes[at].name.clone();
        let host = &mut self.remotes[at];
        (host.executor, host.power, host.frozen) = (None, Power::Off, None);
        host.boot += 1;
        host.open.clear();
        self.world.node_down(self.now, &name);
        self.watch_resources();
    }

    /// The executor alone ends: its machine closes the connections.
    pub(super) fn remote_ends(&mut self, at: RemoteIx) {
        let name = self.remotes[at].name.clone();
        self.remotes[at].executor = None;
        for (connection, (node, _)) in std::mem::take(&mut self.remotes[at].open) {
            self.reach_node(node, &name, Some(connection), RemoteEvent::Closed);
        }
    }

    pub(super) fn remote_freeze(&mut self, at: RemoteIx, span: Duration) {
        if self.remotes[at].executor.is_some() && self.remotes[at].frozen.is_none() {
            self.remotes[at].frozen = Some(Vec::new());
            self.schedule(self.now + span, Happening::AtRemote { remote: at, what: RemoteHappening::Thaw });
        }
    }

    /// A guest lives as long as the resource that contains it.
    pub(super) fn watch_guests(&mut self) {
        for at in 0..self.remotes.len() {
            let Some(container) = self.remotes[at].container.clone() else { continue };
            let runs = self.world.instances().any(|i| i.resource == container);
            match (runs, self.remotes[at].power) {
                (true, Power::Off) => self.remote_boot(at),
                (false, Power::On | Power::Booting) => self.remote_off(at),
                _ => {}
            }
        }
    }

    pub(super) fn remote_wakes_at(&self) -> Option<(Duration, RemoteIx)> {
        let wakes = |(i, r): (usize, &RemoteHost)| match &r.frozen {
            None => r.executor.as_ref()?.poll_timeout().map(|at| (at, i)),
            Some(_) => None,
        };
        self.remotes.iter().enumerate().filter_map(wakes).min()
    }
}
