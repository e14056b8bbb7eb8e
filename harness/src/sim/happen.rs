//! What happens: datagrams arrive, agents end, events of the script; and carrying out what nodes answer.

use super::host::Power;
use super::scenario::describe;
use super::scenario::{AgentFault, Between, Event, Stretch};
use super::{BOOT, Happening, Kind, Network, NodeIx, Simulation, Told};
use crate::node::{Node, Output, Request};
use agents::model::{Cue, Effect, Fault};
use agents::standard::{Exit, RunId, Standard};
use bytes::Bytes;
use policy_core::controller::CibWrite;
use rand::seq::IndexedRandom;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use totem_core::member;

impl Simulation {
    pub(super) fn happen(&mut self, what: Happening) {
        match what {
            Happening::Datagram { to, boot, .. } | Happening::AgentEnds { node: to, boot, .. }
                if self.hosts[to].boot != boot || self.hosts[to].node.is_none() => {}
            Happening::Datagram { to, .. } if self.hosts[to].paused.is_some() => self.postpone(to, what),
            Happening::Datagram { to, link, from, datagram, .. } => {
                let source = super::build::address_of(from, link);
                self.with_node(to, |node, now| node.handle_datagram(now, link, source, datagram));
            }
            Happening::AgentEnds { node, run, .. } => self.agent_ends(node, run),
            Happening::AtRemote { remote, what } => self.at_remote(remote, what),
            Happening::FromRemote { node, boot, remote, connection, event } => {
                if self.hosts[node].boot == boot && self.hosts[node].node.is_some() {
                    self.heard_of_remote(node, &remote, connection, event);
                }
            }
            Happening::Script(event) => self.event(*event),
            Happening::Resume { node, boot, told } => {
                if self.hosts[node].boot == boot {
                    self.resume(node, told);
                }
            }
            Happening::Booted { node } => self.booted(node),
            Happening::Mark { number } => self.mark(number),
        }
    }

    /// A process that stands still finds its datagrams when it goes on; a socket holds only so many.
    fn postpone(&mut self, node: NodeIx, what: Happening) {
        const SOCKET: usize = 256;
        if let Some(waiting) = &mut self.hosts[node].paused
            && waiting.len() < SOCKET
        {
            waiting.push_back(what);
        }
    }

    fn resume(&mut self, node: NodeIx, told: bool) {
        let waiting = self.hosts[node].paused.take().unwrap_or_default();
        self.check.flights.stands_still(self.now, &self.hosts[node].name, false);
        if told && self.hosts[node].node.is_some() {
            self.note(Some(node), Kind::Fault, "goes on");
        }
        for what in waiting {
            self.happen(what);
        }
    }

    /// Gives a node an input and carries out all its outputs.
    pub(super) fn with_node(&mut self, at: NodeIx, input: impl FnOnce(&mut Node, Duration)) {
        let local = self.hosts[at].clock.local(self.now);
        let Some(node) = self.hosts[at].node.as_mut() else { return };
        input(node, local);
        self.drain(at);
    }

    fn drain(&mut self, at: NodeIx) {
        while let Some(output) = self.hosts[at].node.as_mut().and_then(|n| n.poll_output()) {
            self.carry_out(at, output);
        }
        self.hosts[at].refresh();
        self.wait_for_disk(at);
        self.observe(at);
    }

    /// What was synced to a slow disk took its time: the process stood still.
    fn wait_for_disk(&mut self, at: NodeIx) {
        let lag = std::mem::take(&mut self.lag);
        let host = &mut self.hosts[at];
        if lag > Duration::ZERO && host.node.is_some() && host.paused.is_none() {
            host.paused = Some(VecDeque::new());
            self.check.flights.stands_still(self.now, &host.name, true);
            let boot = host.boot;
            self.schedule(self.now + lag, Happening::Resume { node: at, boot, told: false });
        }
    }

    fn carry_out(&mut self, at: NodeIx, output: Output) {
        match output {
            Output::Transmit { link, to, datagram } => self.transmit(at, link, to, &datagram),
            Output::Persist(op) => {
                if self.hosts[at].disk.apply(&op) {
                    self.lag += self.hosts[at].disk.time_of(&op);
                } else {
                    self.note(Some(at), Kind::Fault, "No space left on device: the cluster software ends");
                    self.end_software(at);
                }
            }
            Output::Remote { remote, output } => self.remote_output(at, &remote, output),
            Output::Run(call) => {
                let name = self.hosts[at].name.clone();
                if call.agent.standard == Standard::Alert {
                    let environment = (*call.parameters).clone();
                    self.alerts.push(Told { time: self.now, node: name, path: call.agent.type_name, environment });
                    let local = self.hosts[at].clock.local(self.now);
                    if let Some(node) = self.hosts[at].node.as_mut() {
                        node.handle_exit(local, call.run, Exit::code(0));
                    }
                    return;
                }
                let plan = self.world.start(self.now + self.lag, &name, &call, &mut self.rng);
                self.check.flights.run_begins(self.now, &name, call.run, &call.resource, plan.ends);
                if let Some(ends) = plan.ends {
                    let boot = self.hosts[at].boot;
                    self.schedule(ends, Happening::AgentEnds { node: at, boot, run: call.run });
                }
            }
            Output::Kill { run, scope } => {
                let name = self.hosts[at].name.clone();
                self.check.flights.run_ends(self.now, &name, run);
                if let Some(exit) = self.world.kill(self.now, &name, run, scope) {
                    let local = self.hosts[at].clock.local(self.now);
                    if let Some(node) = self.hosts[at].node.as_mut() {
                        node.handle_exit(local, run, exit);
                    }
                }
            }
            Output::Event(event) => self.note_event(at, &event),
            Output::Member(member::Output::Link { host, link, up }) => {
                let other = host.0 as usize - 1;
                let name = self.hosts.get(other).map_or("?", |h| h.name.as_str());
                let text = format!("link {link} to {name} is {}", if up { "up" } else { "down" });
                self.note(Some(at), Kind::Ring, text);
            }
            Output::Member(member::Output::Notice(notice)) => self.note(Some(at), Kind::Detail, notice.to_string()),
            // Nobody here asks with a number, and no tool of the ring looks.
            Output::Member(_) | Output::Reply { .. } => {}
            Output::Exit { code } => {
                self.note(Some(at), Kind::Fault, format!("cluster software has ended (code {code})"));
                self.end_software(at);
            }
            Output::Reset => {
                self.note(Some(at), Kind::Fencing, "resets itself");
                self.power_off(at);
                self.boot(at);
            }
        }
    }

    fn transmit(&mut self, from: NodeIx, link: usize, to: SocketAddr, datagram: &Bytes) {
        let Some((node, _)) = super::build::place_of(to).filter(|(node, _)| *node < self.hosts.len()) else { return };
        let boot = self.hosts[node].boot;
        for delay in self.network.route(from, node, link, &mut self.rng).into_iter().flatten() {
            let at = self.now + self.lag + delay;
            self.schedule(at, Happening::Datagram { to: node, boot, link, from, datagram: datagram.clone() });
        }
    }

    fn agent_ends(&mut self, at: NodeIx, run: RunId) {
        let name = self.hosts[at].name.clone();
        let Some(ended) = self.world.finish(self.now, &name, run) else { return };
        self.check.flights.run_ends(self.now, &name, run);
        self.watch_resources();
        // A process that stands still learns of it when it goes on; its children do not wait.
        if self.hosts[at].paused.is_some() {
            let exit = ended.exit;
            let local = self.hosts[at].clock.local(self.now);
            if let Some(node) = self.hosts[at].node.as_mut() {
                node.handle_exit(local, run, exit);
                self.hosts[at].refresh();
            }
        } else {
            self.with_node(at, |node, now| node.handle_exit(now, run, ended.exit));
        }
        for effect in ended.effects {
            self.effect(at, effect);
        }
    }

    pub(super) fn effect(&mut self, at: NodeIx, effect: Effect) {
        match effect {
            Effect::Attribute { node, name, value, dampen_ms, permanent } => {
                self.world.set_attribute(&node, &name, value.as_deref());
                let request = Request::Attribute { node, name, value, delay_ms: dampen_ms, permanent };
                self.ask(at, request);
            }
            Effect::Property { name, value } => self.ask(at, Request::Property { name, value }),
            Effect::PowerOff { node } => {
                if let Some(target) = self.remote_index(&node) {
                    self.note(None, Kind::Fencing, format!("{node} loses power"));
                    self.check.fenced_remote(&node);
                    self.remote_off(target);
                } else if let Some(target) = self.index(&node) {
                    self.note(Some(target), Kind::Fencing, "loses power");
                    self.check.fenced(target);
                    self.power_off(target);
                }
            }
            Effect::PowerOn { node } => {
                if let Some(target) = self.remote_index(&node) {
                    self.note(None, Kind::Fencing, format!("{node} gets power again"));
                    self.remote_boot(target);
                } else if let Some(target) = self.index(&node) {
                    self.note(Some(target), Kind::Fencing, "gets power again");
                    self.boot(target);
                }
            }
            Effect::Fence { node } => {
                self.ask(at, Request::Fence { number: 0, target: node, action: "reboot".to_owned() })
            }
        }
    }

    /// Any node that is up is asked to write a number into the configuration.
    fn mark(&mut self, number: u64) {
        let up: Vec<NodeIx> =
            (0..self.hosts.len()).filter(|&i| self.hosts[i].node.is_some() && self.hosts[i].paused.is_none()).collect();
        if let Some(&at) = up.choose(&mut self.rng) {
            let write = CibWrite::merge("crm_config", |doc, root| {
                let set = doc.append(root, "cluster_property_set");
                doc.set_attr(set, "id", "marks");
                let pair = doc.append(set, "nvpair");
                for (name, value) in
                    [("id", format!("mark-{number}")), ("name", format!("mark-{number}")), ("value", "1".to_owned())]
                {
                    doc.set_attr(pair, name, &value);
                }
            });
            self.ask(at, Request::Write { number, writes: vec![write] });
        }
    }

    /// An operator or an agent asks a node for something.
    pub(super) fn ask(&mut self, at: NodeIx, request: Request) {
        let mut failed = None;
        self.with_node(at, |node, now| failed = node.request(now, request).err());
        if let Some(error) = failed {
            self.note(Some(at), Kind::Detail, format!("refused: {error}"));
        }
    }

    // --- power -------------------------------------------------------------------------------------------------------

    pub(super) fn power_off(&mut self, at: NodeIx) {
        let name = self.hosts[at].name.clone();
        self.software_gone(at);
        self.hosts[at].power = Power::Off;
        self.hosts[at].disk.crash(&mut self.rng);
        self.check.order.gone(at, self.hosts[at].disk.read("ringid").is_none());
        self.world.node_down(self.now, &name);
        self.watch_resources();
    }

    /// The cluster software ends; the machine and what runs on it go on.
    fn end_software(&mut self, at: NodeIx) {
        if self.hosts[at].node.is_some() {
            self.software_gone(at);
            self.hosts[at].power = Power::Ended;
            self.check.order.gone(at, self.hosts[at].disk.read("ringid").is_none());
        }
    }

    fn software_gone(&mut self, at: NodeIx) {
        self.hosts[at].node = None;
        self.hosts[at].wakes_at = None;
        self.hosts[at].boot += 1;
        self.hosts[at].paused = None;
        self.lag = Duration::ZERO;
        self.check.down(self.now, at, &self.hosts[at].name);
    }

    pub(super) fn boot(&mut self, at: NodeIx) {
        match self.hosts[at].power {
            Power::Off => {
                self.hosts[at].power = Power::Booting;
                self.schedule(self.now + BOOT, Happening::Booted { node: at });
            }
            Power::Ended => self.start_software(at),
            Power::Booting | Power::On => {}
        }
    }

    pub(super) fn booted(&mut self, at: NodeIx) {
        if self.hosts[at].power != Power::Booting {
            return;
        }
        let name = self.hosts[at].name.clone();
        self.world.node_up(self.now, &name);
        self.start_software(at);
    }

    fn start_software(&mut self, at: NodeIx) {
        let now = self.now;
        match self.hosts[at].start(now) {
            Ok(()) => {
                self.check.order.started(at, self.hosts[at].boot);
                self.check.started(at, &self.hosts[at].name);
                self.note(Some(at), Kind::Fault, "boots");
                self.drain(at);
            }
            Err(error) => self.note(Some(at), Kind::Fault, format!("cannot start: {error}")),
        }
    }

    // --- the script --------------------------------------------------------------------------------------------------

    /// A node that is up, to give an order to; the coordinator if there is one.
    fn anyone(&self) -> Option<NodeIx> {
        let dc =
            self.hosts.iter().position(|h| h.paused.is_none() && h.node().is_some_and(|n| n.status().controller.is_dc));
        dc.or_else(|| self.hosts.iter().position(|h| h.paused.is_none() && h.node.is_some()))
    }

    fn order(&mut self, request: Request) {
        if let Some(at) = self.anyone() {
            self.ask(at, request);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        let text = describe(&event);
        if self.remote_event(&event, &text) {
            return;
        }
        match event {
            Event::Crash(name) => self.on_node(&name, &text, |s, at| {
                if s.hosts[at].power != Power::Off {
                    s.power_off(at);
                }
            }),
            Event::Boot(name) => self.on_node(&name, &text, |s, at| s.boot(at)),
            Event::Stop(name) => self.on_node(&name, &text, |s, at| s.with_node(at, |n, now| n.shutdown(now))),
            Event::Pause(name, span) => self.on_node(&name, &text, |s, at| {
                if s.hosts[at].node.is_some() && s.hosts[at].paused.is_none() {
                    s.hosts[at].paused = Some(VecDeque::new());
                    s.check.flights.stands_still(s.now, &s.hosts[at].name, true);
                    let boot = s.hosts[at].boot;
                    s.schedule(s.now + span, Happening::Resume { node: at, boot, told: true });
                }
            }),
            Event::Partition(sides) => {
                let sides: Vec<Vec<NodeIx>> =
                    sides.iter().map(|side| side.iter().filter_map(|n| self.index(n)).collect()).collect();
                self.network.partition(&sides);
                self.links_changed();
                self.note(None, Kind::Fault, text);
            }
            Event::Cut(stretch) => self.stretch(&stretch, &text, Network::cut),
            Event::Mend(stretch) => self.stretch(&stretch, &text, Network::mend_pair),
            Event::Die(name) => self.on_node(&name, &text, |s, at| s.end_software(at)),
            Event::Erase(name) => self.on_node(&name, &text, |s, at| {
                s.hosts[at].disk.erase();
                s.hosts[at].config.initial_cib = None;
                s.check.order.gone(at, true);
            }),
            Event::Jump(name, span) => self.on_node(&name, &text, |s, at| {
                s.hosts[at].clock.jump(span);
                s.check.flights.disturb(s.now, &s.hosts[at].name);
                s.hosts[at].refresh();
            }),
            Event::Calendar(name, seconds) => self.on_node(&name, &text, |s, at| s.hosts[at].calendar_off = seconds),
            Event::Disk(name, fault) => self.on_node(&name, &text, |s, at| s.hosts[at].disk.set(fault)),
            Event::Heal => {
                self.network.heal();
                self.links_changed();
                self.note(None, Kind::Fault, text);
            }
            Event::Network(setting, link) => {
                self.network.set(setting, link);
                self.note(None, Kind::Fault, text);
            }
            Event::Standby(name) => self.give(&text, Request::Standby { node: name, standby: true }),
            Event::Online(name) => self.give(&text, Request::Standby { node: name, standby: false }),
            Event::Configure(crm, _) => self.give("configure", Request::Configure(crm)),
            Event::Crm(line) => self.give(&text, Request::Crm(line)),
            Event::Kill(resource, node) => {
                let killed = self.world.fail_instance(self.now, &node, &resource);
                self.on_node(
                    &node,
                    &format!("{resource} {}", if killed { "dies" } else { "is not there to die" }),
                    |_, _| {},
                );
                self.watch_resources();
            }
            Event::Agent { resource, action, fault, node, times } => {
                self.world.cue(cue(&resource, action.as_deref(), fault, node.as_deref(), times));
                self.note(None, Kind::Fault, text);
            }
            Event::AgentsWell => self.world.clear_cues(),
        }
    }

    /// Cuts or mends a stretch of the network.
    fn stretch(&mut self, stretch: &Stretch, text: &str, change: fn(&mut Network, NodeIx, NodeIx, Option<u8>)) {
        let mut node = None;
        let pairs: Vec<(NodeIx, NodeIx)> = match &stretch.between {
            Between::Pair(a, b, both) => match (self.index(a), self.index(b)) {
                (Some(a), Some(b)) if *both => vec![(a, b), (b, a)],
                (Some(a), Some(b)) => vec![(a, b)],
                _ => Vec::new(),
            },
            Between::Node(name) => {
                node = self.index(name);
                node.into_iter().flat_map(|a| (0..self.hosts.len()).flat_map(move |b| [(a, b), (b, a)])).collect()
            }
            Between::All => (0..self.hosts.len()).flat_map(|a| (0..self.hosts.len()).map(move |b| (a, b))).collect(),
        };
        for (from, to) in pairs.into_iter().filter(|(from, to)| from != to) {
            change(&mut self.network, from, to, stretch.link);
        }
        self.links_changed();
        self.note(node, Kind::Fault, text);
    }

    /// Events that happen to a remote host; `false` if this is none.
    fn remote_event(&mut self, event: &Event, text: &str) -> bool {
        let (Event::Crash(name) | Event::Boot(name) | Event::Stop(name) | Event::Pause(name, _)) = event else {
            return false;
        };
        let Some(at) = self.remote_index(name) else { return false };
        self.note(None, Kind::Fault, text);
        match event {
            Event::Crash(_) => self.remote_off(at),
            Event::Boot(_) => self.remote_boot(at),
            Event::Pause(_, span) => self.remote_freeze(at, *span),
            _ => self.remote_ends(at),
        }
        true
    }

    fn on_node(&mut self, name: &str, text: &str, act: impl FnOnce(&mut Self, NodeIx)) {
        if let Some(at) = self.index(name) {
            self.note(Some(at), Kind::Fault, text);
            act(self, at);
        }
    }

    fn give(&mut self, text: &str, request: Request) {
        self.note(None, Kind::Fault, text);
        self.order(request);
    }

    fn links_changed(&mut self) {
        for a in 0..self.hosts.len() {
            for b in a + 1..self.hosts.len() {
                let connected = self.network.connects(a, b) && self.network.connects(b, a);
                let (x, y) = (self.hosts[a].name.clone(), self.hosts[b].name.clone());
                self.world.set_link(self.now, &x, &y, connected);
            }
        }
    }
}

fn cue(resource: &str, action: Option<&str>, fault: AgentFault, node: Option<&str>, times: Option<u32>) -> Cue {
    let fault = match fault {
        AgentFault::Fails(code) => Fault::Exit { code, reason: None },
        AgentFault::Hangs => Fault::Hang,
        AgentFault::Slow(span) => Fault::Slow(span),
        AgentFault::Lies => Fault::Exit { code: 0, reason: None },
    };
    let mut cue = Cue::new(fault).resource(resource);
    if let Some(action) = action {
        cue = cue.action(action);
    }
    if let Some(node) = node {
        cue = cue.node(node);
    }
    if let Some(times) = times {
        cue = cue.times(times);
    }
    cue
}
