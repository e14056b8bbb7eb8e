//! A cluster whose nodes ask a network arbiter: connections that break, and come back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use totem_core::quorum::arbiter::{
    Algorithm, Arbiter, ArbiterClient, ArbiterOutput, ClientId, ClientOptions, Preference,
};
use totem_core::quorum::{Device, DeviceInput, DeviceOutput, Output};
use totem_core::wire::NodeId;

use crate::cluster::Cluster;

const NAME: &str = "Qdevice";

struct Site {
    device: ArbiterClient,
    connection: Option<ClientId>,
    registered: bool,
}

pub(crate) struct Arbitrated {
    pub(crate) cluster: Cluster,
    arbiter: Arbiter,
    sites: BTreeMap<u32, Site>,
    /// Nodes that the arbiter's network reaches.
    pub(crate) reach: BTreeSet<u32>,
    algorithm: Algorithm,
    preference: Preference,
    next_connection: u64,
    to_arbiter: VecDeque<(ClientId, Bytes)>,
}

impl Arbitrated {
    pub(crate) fn new(cluster: Cluster, algorithm: Algorithm, preference: Preference) -> Self {
        let reach = (1..=cluster.size).collect();
        Arbitrated {
            cluster,
            arbiter: Arbiter::new(),
            sites: BTreeMap::new(),
            reach,
            algorithm,
            preference,
            next_connection: 1,
            to_arbiter: VecDeque::new(),
        }
    }

    pub(crate) fn start(&mut self, nodes: &[u32]) {
        for node in nodes {
            let options = ClientOptions {
                node: NodeId(*node),
                cluster: "c".into(),
                nodes: (1..=self.cluster.size).map(NodeId).collect(),
                algorithm: self.algorithm,
                preference: self.preference,
                timeout: Duration::from_secs(10),
                keep_active: true,
                wait_for_all: false,
                heuristics: false,
            };
            let device = ArbiterClient::new(options);
            self.sites.insert(*node, Site { device, connection: None, registered: false });
        }
        self.cluster.start(nodes).expect("options are valid");
        self.pump();
    }

    pub(crate) fn kill(&mut self, nodes: &[u32]) {
        for node in nodes {
            if let Some(site) = self.sites.remove(node) {
                self.break_connection(site.connection);
            }
        }
        self.cluster.kill(nodes);
        self.pump();
    }

    pub(crate) fn split(&mut self, partitions: Vec<Vec<u32>>) {
        self.cluster.split(partitions);
        self.pump();
    }

    /// The arbiter's network now reaches these nodes; both ends find out that what was cut is broken.
    pub(crate) fn reconnect(&mut self, reach: BTreeSet<u32>) {
        let lost: Vec<u32> = self.reach.symmetric_difference(&reach).copied().collect();
        self.reach = reach;
        for node in lost {
            let now = self.cluster.now;
            let Some(site) = self.sites.get_mut(&node) else { continue };
            if let Some(id) = site.connection.take() {
                site.device.handle_input(now, DeviceInput::Disconnected);
                self.break_connection(Some(id));
            }
        }
        self.pump();
    }

    fn break_connection(&mut self, id: Option<ClientId>) {
        if let Some(id) = id {
            self.to_arbiter.retain(|(other, _)| *other != id);
            self.arbiter.handle_disconnect(self.cluster.now, id);
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.cluster.now + time;
        loop {
            let devices = self.sites.values().filter_map(|s| s.device.poll_timeout()).min();
            let next = [self.cluster.next_timer(), devices, self.arbiter.poll_timeout()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.cluster.move_to(at);
            let now = self.cluster.now;
            for site in self.sites.values_mut() {
                if site.device.poll_timeout().is_some_and(|at| at <= now) {
                    site.device.handle_timeout(now);
                }
            }
            self.arbiter.handle_timeout(now);
            self.pump();
        }
        self.cluster.now = end;
    }

    /// Carries everything between services, devices and the arbiter until nothing moves.
    fn pump(&mut self) {
        loop {
            self.cluster.pump();
            let moved = self.tell_devices() | self.carry_out() | self.serve();
            if !moved {
                return;
            }
        }
    }

    fn tell_devices(&mut self) -> bool {
        let now = self.cluster.now;
        let mut moved = false;
        for (id, member) in &mut self.cluster.running {
            let Some(site) = self.sites.get_mut(id) else { continue };
            if !site.registered {
                site.registered = true;
                member.service.device_register(NAME).expect("a device is configured");
                moved = true;
            }
            for output in std::mem::take(&mut member.told) {
                match output {
                    Output::NodeList { ring, members } => {
                        site.device.handle_input(now, DeviceInput::Ring { ring, members });
                        moved = true;
                    }
                    Output::Quorum { quorate, .. } => {
                        site.device.handle_input(now, DeviceInput::Quorate(quorate));
                        moved = true;
                    }
                    _ => {}
                }
            }
        }
        moved
    }

    fn carry_out(&mut self) -> bool {
        let now = self.cluster.now;
        let mut moved = false;
        let nodes: Vec<u32> = self.sites.keys().copied().collect();
        for node in nodes {
            let Some(site) = self.sites.get_mut(&node) else { continue };
            while let Some(output) = site.device.poll_output() {
                moved = true;
                match output {
                    DeviceOutput::Vote { yes, ring } => {
                        if let Some(member) = self.cluster.running.get_mut(&node) {
                            // A vote for a ring that is over is refused; that is the service's right.
                            let _ = member.service.device_poll(now, NAME, yes, ring);
                        }
                    }
                    DeviceOutput::Connect if self.reach.contains(&node) => {
                        let id = ClientId(self.next_connection);
                        self.next_connection += 1;
                        site.connection = Some(id);
                        self.arbiter.handle_connect(now, id);
                        site.device.handle_input(now, DeviceInput::Connected);
                    }
                    DeviceOutput::Connect => site.device.handle_input(now, DeviceInput::Disconnected),
                    DeviceOutput::Disconnect => {
                        if let Some(id) = site.connection.take() {
                            self.arbiter.handle_disconnect(now, id);
                        }
                    }
                    DeviceOutput::Send(bytes) => {
                        if let Some(id) = site.connection {
                            self.to_arbiter.push_back((id, bytes));
                        }
                    }
                    other => panic!("not a device of this kind: {other:?}"),
                }
            }
        }
        moved
    }

    fn serve(&mut self) -> bool {
        let now = self.cluster.now;
        let mut moved = false;
        while let Some((id, bytes)) = self.to_arbiter.pop_front() {
            moved = true;
            self.arbiter.handle_bytes(now, id, &bytes);
        }
        while let Some(output) = self.arbiter.poll_output() {
            moved = true;
            let (ArbiterOutput::Send { to, .. } | ArbiterOutput::Close(to)) = &output;
            let Some(site) = self.sites.values_mut().find(|s| s.connection == Some(*to)) else { continue };
            match output {
                ArbiterOutput::Send { bytes, .. } => site.device.handle_input(now, DeviceInput::Received(bytes)),
                ArbiterOutput::Close(_) => {
                    site.connection = None;
                    site.device.handle_input(now, DeviceInput::Disconnected);
                }
            }
        }
        moved
    }
}
