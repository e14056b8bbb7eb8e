//! A cluster of fencers: what a driver does for them, in virtual time, with agents that do as they are told.

use agents::fencer::{Destination, Fencer, Level, LevelTarget, Message, Options, Output, Request, Source, Verdict};
use agents::standard::{Call, Exit, Parameters, RunId};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where virtual time begins.
pub(crate) const START: Duration = Duration::from_secs(1000);
/// How long an agent takes that does not hang.
const LASTS: Duration = Duration::from_millis(400);

/// How a device's agent behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Agent {
    /// Exits with 0.
    Pass,
    /// Exits with 1.
    Fail,
    /// Runs until it is killed.
    Hang,
    /// Prints this for `list`.
    Lists(&'static str),
    /// Exits so for `status`.
    Status(u8),
    /// Passes for off, fails for on.
    OnFails,
}

/// An agent that was started for anything but its meta-data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// When it started.
    pub(crate) at: Duration,
    /// Where.
    pub(crate) node: String,
    /// For which device.
    pub(crate) device: String,
    /// What it was told.
    pub(crate) action: String,
    /// With what.
    pub(crate) lines: Parameters,
    /// Whether it did; `None` = it has not ended, or its node died.
    pub(crate) ok: Option<bool>,
}

/// Fencers, the wire between them, and what they did.
pub(crate) struct Cluster {
    pub(crate) now: Duration,
    pub(crate) fencers: BTreeMap<String, Fencer>,
    /// Nodes that are no more: nothing reaches them, nothing comes from them.
    pub(crate) dead: BTreeSet<String>,
    /// Nodes whose messages are lost although nobody knows.
    pub(crate) silent: Vec<String>,
    pub(crate) agents: BTreeMap<String, Agent>,
    pub(crate) ran: Vec<Run>,
    pub(crate) verdicts: Vec<Verdict>,
    /// When each of them came.
    pub(crate) answered: Vec<Duration>,
    pub(crate) totals: Vec<Duration>,
    pub(crate) panics: Vec<String>,
    pub(crate) answers: Vec<Exit>,
    /// In total order: receiver, sender, message.
    wire: VecDeque<(String, String, Message)>,
    /// End, node, call, and its place in `ran`.
    running: Vec<(Duration, String, Call, Option<usize>)>,
    hanging: Vec<(String, RunId, usize)>,
}

/// What an agent says of itself, by its name.
fn metadata(agent: &str) -> Exit {
    let on = match agent {
        "fence_auto" => "<action name='on' automatic='1'/>",
        "fence_on_target" => "<action name='on' on_target='1'/>",
        "fence_no_on" => "",
        _ => "<action name='on'/>",
    };
    let reboot = if agent == "fence_no_reboot" { "" } else { "<action name='reboot'/>" };
    let extra = match agent {
        "fence_list" => "<action name='list'/>",
        "fence_status" => "<action name='status'/>",
        "fence_missing" => return Exit::missing(agent),
        "fence_broken" => return Exit::Exited { code: 0, stdout: "<no".to_owned(), stderr: String::new() },
        _ => "",
    };
    let text = format!(
        "<resource-agent name='{agent}'><parameters><parameter name='plug'/></parameters>\
         <actions><action name='off'/><action name='monitor'/>{on}{reboot}{extra}</actions></resource-agent>"
    );
    Exit::Exited { code: 0, stdout: text, stderr: String::new() }
}

impl Cluster {
    pub(crate) fn new(nodes: &[&str]) -> Self {
        let make = |(seed, node): (u64, &&str)| {
            let mut fencer = Fencer::new(Options::new(node, seed));
            fencer.handle_peers(START, nodes.iter().copied());
            ((*node).to_owned(), fencer)
        };
        Self {
            now: START,
            fencers: (1..).zip(nodes).map(make).collect(),
            dead: BTreeSet::new(),
            silent: Vec::new(),
            agents: BTreeMap::new(),
            ran: Vec::new(),
            verdicts: Vec::new(),
            answered: Vec::new(),
            totals: Vec::new(),
            panics: Vec::new(),
            answers: Vec::new(),
            wire: VecDeque::new(),
            running: Vec::new(),
            hanging: Vec::new(),
        }
    }

    /// Registers a device that can fence n3 and n4 on one node.
    pub(crate) fn device(&mut self, node: &str, id: &str, agent: &str, behaves: Agent, more: &[(&str, &str)]) {
        let mut parameters: Parameters = more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        if !matches!(behaves, Agent::Lists(_) | Agent::Status(_)) {
            parameters.entry("pcmk_host_list".into()).or_insert_with(|| "n3 n4".into());
        }
        self.agents.insert(id.to_owned(), behaves);
        let now = self.now;
        self.fencers.get_mut(node).unwrap().register_device(now, id, agent, parameters, Source::Cib);
    }

    /// The levels of n3, from 1 on.
    pub(crate) fn levels(&mut self, levels: &[&[&str]]) {
        let levels: Vec<Level> = (1..)
            .zip(levels)
            .map(|(index, devices)| Level {
                index,
                target: LevelTarget::Name("n3".into()),
                devices: devices.iter().map(|d| (*d).to_owned()).collect(),
            })
            .collect();
        for fencer in self.fencers.values_mut() {
            fencer.set_topology(levels.clone()).unwrap();
        }
    }

    pub(crate) fn request(&mut self, node: &str, request: Request) {
        let now = self.now;
        self.fencers.get_mut(node).unwrap().request(now, request);
    }

    /// A node dies with all that runs on it, and the others learn of it.
    pub(crate) fn die(&mut self, node: &str) {
        self.dead.insert(node.to_owned());
        self.running.retain(|(_, on, ..)| on != node);
        self.hanging.retain(|(on, ..)| on != node);
        let alive: Vec<String> = self.fencers.keys().filter(|n| !self.dead.contains(*n)).cloned().collect();
        let now = self.now;
        for name in &alive {
            self.fencers.get_mut(name).unwrap().handle_peers(now, alive.iter().map(String::as_str));
        }
    }

    fn carry_out(&mut self, name: &str, output: Output) {
        match output {
            Output::Send { to: Destination::All, message } => {
                let all = self.fencers.keys().filter(|node| !self.dead.contains(*node)).cloned();
                let all: Vec<_> = all.map(|to| (to, name.to_owned(), message.clone())).collect();
                self.wire.extend(all);
            }
            Output::Send { to: Destination::Peer(to), message } => {
                self.wire.push_back((to, name.to_owned(), message));
            }
            Output::Run(call) if call.action == "metadata" => {
                self.running.push((self.now + Duration::from_millis(10), name.to_owned(), call, None));
            }
            Output::Run(call) => {
                let at = self.ran.len();
                self.ran.push(Run {
                    at: self.now,
                    node: name.to_owned(),
                    device: call.resource.clone(),
                    action: call.action.clone(),
                    lines: (*call.parameters).clone(),
                    ok: None,
                });
                if self.agents.get(&call.resource) == Some(&Agent::Hang) {
                    self.hanging.push((name.to_owned(), call.run, at));
                } else {
                    self.running.push((self.now + LASTS, name.to_owned(), call, Some(at)));
                }
            }
            Output::Kill { run, .. } => {
                let now = self.now;
                for (_, _, at) in self.hanging.extract_if(.., |(on, r, _)| on == name && *r == run) {
                    self.ran[at].ok = Some(false);
                }
                self.running.retain(|(_, on, call, _)| !(on == name && call.run == run));
                self.fencers.get_mut(name).unwrap().handle_exit(now, run, Exit::killed());
            }
            Output::Done(verdict) => {
                self.verdicts.push(verdict);
                self.answered.push(self.now);
            }
            Output::TimeoutUpdate { total, .. } => self.totals.push(total),
            Output::Panic { .. } => self.panics.push(name.to_owned()),
            Output::Device { exit, .. } => self.answers.push(exit),
            Output::Notify { .. } => {}
        }
    }

    pub(crate) fn drain(&mut self) {
        let names: Vec<String> = self.fencers.keys().cloned().collect();
        loop {
            for name in names.iter().filter(|name| !self.dead.contains(*name)).cloned().collect::<Vec<_>>() {
                while let Some(output) = self.fencers.get_mut(&name).unwrap().poll_output() {
                    self.carry_out(&name, output);
                }
            }
            let Some((to, from, message)) = self.wire.pop_front() else { return };
            let lost = |node: &String| self.silent.contains(node) || self.dead.contains(node);
            if lost(&to) || lost(&from) {
                continue;
            }
            if let Some(fencer) = self.fencers.get_mut(&to) {
                fencer.handle_message(self.now, &from, message);
            }
        }
    }

    fn exit(&self, call: &Call) -> Exit {
        if call.action == "metadata" {
            return metadata(&call.resource);
        }
        match (&self.agents[&call.resource], call.action.as_str()) {
            (Agent::Fail, _) | (Agent::OnFails, "on") => Exit::code(1),
            (Agent::Lists(hosts), "list") => {
                Exit::Exited { code: 0, stdout: (*hosts).to_owned(), stderr: String::new() }
            }
            (Agent::Status(code), "status") => Exit::code(*code),
            _ => Exit::code(0),
        }
    }

    /// Lets time pass until nothing is left to do, or this long.
    pub(crate) fn run(&mut self, longest: Duration) {
        let end = self.now + longest;
        self.drain();
        loop {
            let living = self.fencers.iter().filter(|(name, _)| !self.dead.contains(*name));
            let timer = living.filter_map(|(_, fencer)| fencer.poll_timeout()).min();
            let run = self.running.iter().map(|(at, ..)| *at).min();
            let Some(next) = [timer, run].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            let due: Vec<_> = self.running.extract_if(.., |(at, ..)| *at <= now).collect();
            for (_, node, call, at) in due {
                let exit = self.exit(&call);
                if let Some(at) = at {
                    self.ran[at].ok = Some(matches!(exit, Exit::Exited { code: 0, .. }));
                }
                self.fencers.get_mut(&node).unwrap().handle_exit(now, call.run, exit);
            }
            for (_, fencer) in self.fencers.iter_mut().filter(|(name, _)| !self.dead.contains(*name)) {
                fencer.handle_timeout(now);
            }
            self.drain();
        }
        self.now = end;
    }

    /// Fences n3 from n1 and gives whether it worked.
    pub(crate) fn fence(&mut self, action: &str, timeout_s: u64) -> bool {
        self.run(Duration::from_secs(1));
        self.request("n1", Request::new("controller", "n3", action, timeout_s));
        self.run(Duration::from_secs(20_000));
        assert_eq!(self.verdicts.len(), 1, "one request, one answer");
        self.verdicts[0].result.is_ok()
    }

    /// Device and action of everything that ran.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.iter().map(|run| format!("{} {}", run.device, run.action)).collect()
    }
}
