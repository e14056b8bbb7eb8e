//! Devices: registration, what their agents can do [CT-9.1].

use super::job::{Goal, Running};
use super::parameters::{self, HostCheck};
use super::{DeviceStatus, Fencer, Output, Timer, WATCHDOG_AGENT, WATCHDOG_DEVICE};
use crate::executor::{DeviceAction, DeviceCall};
use crate::standard::{
    AgentName, Answer, Call, ExecutionStatus, Exit, ExitStatus, Metadata, Parameters, RunId, Standard,
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Who registered a device; it lives as long as either does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The executor: its resource is started on this node.
    Api,
    /// The configuration: this node may run its resource.
    Cib,
}

const METADATA_TIMEOUT: Duration = Duration::from_secs(20);

/// What is known of a fence agent.
#[derive(Debug, Default)]
pub(super) struct Agent {
    pub(super) knowledge: Knowledge,
    /// Failed attempts to get its meta-data.
    failures: u32,
}

#[derive(Debug, Default)]
pub(super) enum Knowledge {
    #[default]
    Unasked,
    Asked,
    /// It could not be had; it is asked for again.
    Failed,
    /// There is no such agent.
    Missing,
    Known(Capabilities),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Capabilities {
    pub(super) list: bool,
    pub(super) on: bool,
    pub(super) reboot: bool,
    pub(super) status: bool,
    pub(super) automatic: bool,
    pub(super) on_target: BTreeSet<String>,
    pub(super) host_argument: Option<String>,
}

impl Capabilities {
    fn of(metadata: &Metadata) -> Self {
        let on_target = metadata.actions.iter().filter(|a| a.is_on_target()).map(|a| a.name.clone()).collect();
        // The program that calls plugins of the older kind lists `port`, but its plugins take the target as `nodename`; "fence_pcmk" is how the
        // released one calls itself [RA-6.3].
        let calls_plugins = matches!(metadata.name.as_str(), "fence_legacy" | "fence_pcmk");
        let host_argument =
            ["plug", "port"].into_iter().find(|name| !calls_plugins && metadata.parameter(name).is_some());
        Self {
            list: metadata.has_action("list"),
            on: metadata.has_action("on"),
            reboot: metadata.has_action("reboot"),
            status: metadata.has_action("status"),
            automatic: metadata.actions.iter().any(|a| a.name == "on" && a.is_automatic()),
            on_target,
            host_argument: host_argument.map(str::to_owned),
        }
    }
}

/// The last list that a device's agent gave.
#[derive(Debug)]
pub(super) struct DynamicList {
    pub(super) at: Duration,
    pub(super) hosts: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) agent: String,
    pub(super) parameters: Arc<Parameters>,
    pub(super) api: bool,
    pub(super) cib: bool,
    pub(super) verified: bool,
    /// `node:port` pairs of `pcmk_host_map`.
    pub(super) aliases: Vec<(String, String)>,
    /// Names of `pcmk_host_list`, and ports of the map.
    pub(super) targets: Vec<String>,
    pub(super) dynamic: Option<DynamicList>,
    /// No list could be had although none was configured: targets are asked for one by one from now on.
    pub(super) list_failed: bool,
    pub(super) listing: bool,
    pub(super) queue: VecDeque<u64>,
    pub(super) running: usize,
}

impl Device {
    fn new(id: &str, agent: &str, parameters: Parameters) -> Self {
        let aliases = parameters.get("pcmk_host_map").map(|m| parameters::host_map(m)).unwrap_or_default();
        let mut targets = parameters.get("pcmk_host_list").map(|l| parameters::host_list(l)).unwrap_or_default();
        targets.extend(aliases.iter().map(|(_, port)| port.clone()));
        Self {
            id: id.to_owned(),
            agent: agent.to_owned(),
            parameters: Arc::new(parameters),
            api: false,
            cib: false,
            verified: false,
            aliases,
            targets,
            dynamic: None,
            list_failed: false,
            listing: false,
            queue: VecDeque::new(),
            running: 0,
        }
    }

    pub(super) fn status(&self) -> DeviceStatus {
        DeviceStatus {
            id: self.id.clone(),
            agent: self.agent.clone(),
            api: self.api,
            cib: self.cib,
            verified: self.verified,
            jobs: self.queue.len() + self.running,
        }
    }

    pub(super) fn is_watchdog(&self) -> bool {
        self.agent == WATCHDOG_AGENT || self.agent == "#watchdog"
    }

    pub(super) fn alias(&self, target: &str) -> Option<&str> {
        self.aliases.iter().find(|(node, _)| node.eq_ignore_ascii_case(target)).map(|(_, port)| port.as_str())
    }

    pub(super) fn lists(&self, target: &str) -> bool {
        self.alias(target).is_some() || self.targets.iter().any(|t| t.eq_ignore_ascii_case(target))
    }

    pub(super) fn host_check(&self, capabilities: &Capabilities) -> HostCheck {
        match self.parameters.get("pcmk_host_check").map(String::as_str) {
            Some("none") => HostCheck::None,
            Some("static-list") => HostCheck::StaticList,
            Some("dynamic-list") => HostCheck::DynamicList,
            Some("status") => HostCheck::Status,
            Some(_) => HostCheck::Invalid,
            None if !self.targets.is_empty() => HostCheck::StaticList,
            None if capabilities.list && !self.list_failed => HostCheck::DynamicList,
            None if capabilities.status || self.list_failed => HostCheck::Status,
            None => HostCheck::None,
        }
    }

    /// Same agent, and same parameters but for what the cluster adds; values ignoring case.
    fn equals(&self, agent: &str, parameters: &Parameters) -> bool {
        let own = |p: &Parameters| {
            let kept = p.iter().filter(|(n, _)| !n.starts_with("CRM_meta_") && *n != "crm_feature_set");
            kept.map(|(n, v)| (n.clone(), v.to_ascii_lowercase())).collect::<BTreeMap<_, _>>()
        };
        self.agent == agent && own(&self.parameters) == own(parameters)
    }
}

impl Fencer {
    /// Registers a device; an identical one is kept as it is. `provides=unfencing` among the parameters marks one for automatic unfencing.
    pub fn register_device(&mut self, now: Duration, id: &str, agent: &str, parameters: Parameters, source: Source) {
        self.register(now, id, agent, parameters, source);
        self.settle(now);
    }

    fn register(&mut self, now: Duration, id: &str, agent: &str, parameters: Parameters, source: Source) {
        let known = self.devices.get(id).is_some_and(|d| d.equals(agent, &parameters));
        if !known {
            let mut device = Device::new(id, agent, parameters);
            if let Some(old) = self.devices.get_mut(id) {
                (device.api, device.cib) = (old.api, old.cib);
                device.queue = std::mem::take(&mut old.queue);
                device.running = old.running;
            }
            self.devices.insert(id.to_owned(), device);
        }
        if let Some(device) = self.devices.get_mut(id) {
            match source {
                Source::Api => device.api = true,
                Source::Cib => device.cib = true,
            }
        }
        self.learn(now, agent);
    }

    /// Takes back a registration; the device is gone once neither source holds it, and its waiting jobs fail.
    pub fn remove_device(&mut self, now: Duration, id: &str, source: Source) {
        self.remove(now, id, source);
        self.settle(now);
    }

    fn remove(&mut self, now: Duration, id: &str, source: Source) {
        let Some(device) = self.devices.get_mut(id) else { return };
        match source {
            Source::Api => device.api = false,
            Source::Cib => device.cib = false,
        }
        if device.api || device.cib {
            return;
        }
        let Some(device) = self.devices.remove(id) else { return };
        for job in device.queue {
            self.job_failed(
                now,
                job,
                ExecutionStatus::NoFenceDevice,
                "Device was removed before action could be executed",
            );
        }
        self.unlisted(now, id);
    }

    /// The configuration's devices for this node: registers these, in order, and takes back all others that it registered before.
    pub fn configure_devices<'a>(
        &mut self,
        now: Duration,
        devices: impl IntoIterator<Item = (&'a str, &'a str, Parameters)>,
    ) {
        let mut dirty: BTreeSet<String> = self.devices.values().filter(|d| d.cib).map(|d| d.id.clone()).collect();
        for (id, agent, parameters) in devices {
            dirty.remove(id);
            self.register_device(now, id, agent, parameters, Source::Cib);
        }
        for id in dirty {
            self.remove_device(now, &id, Source::Cib);
        }
        self.watchdog_device(now);
    }

    /// The executor's fence resources: start, monitor, stop [RA-8.9].
    pub fn handle_device_call(&mut self, now: Duration, call: DeviceCall) {
        match call.action {
            DeviceAction::Stop => {
                self.remove_device(now, &call.device, Source::Api);
                self.answer_device(call.run, Answer::done(ExitStatus::OK));
                return;
            }
            DeviceAction::Start => {
                self.register_device(now, &call.device, &call.agent, (*call.parameters).clone(), Source::Api);
            }
            DeviceAction::Monitor => {}
        }
        if !self.devices.get(&call.device).is_some_and(|d| d.api) {
            let reason = format!("'{}' not active", call.device);
            let answer = Answer::failed(ExitStatus::GENERIC, ExecutionStatus::NoFenceDevice, reason);
            self.answer_device(call.run, answer);
            return;
        }
        let timeout_ms = call.timeout_s.saturating_mul(1000);
        self.enqueue(now, &call.device, "monitor", None, timeout_ms, Some(0), Goal::Monitor(call.run), "executor");
    }

    pub(super) fn answer_device(&mut self, run: RunId, answer: Answer) {
        self.outputs.push_back(Output::Device { run, exit: Exit::Answered(answer) });
    }

    /// Without a configured watchdog device, each node has one for itself while the watchdog is in use [CT-9.8].
    pub(super) fn watchdog_device(&mut self, now: Duration) {
        let configured = self.devices.get(WATCHDOG_DEVICE).is_some_and(|d| d.cib || !d.parameters.is_empty());
        if configured {
            return;
        }
        if self.watchdog.is_some() {
            self.register_device(now, WATCHDOG_DEVICE, WATCHDOG_AGENT, Parameters::new(), Source::Api);
        } else {
            self.remove_device(now, WATCHDOG_DEVICE, Source::Api);
        }
    }

    pub(super) fn capabilities(&self, device: &Device) -> Capabilities {
        if device.is_watchdog() {
            return Capabilities { reboot: true, ..Capabilities::default() };
        }
        let mut capabilities = match self.agents.get(&device.agent).map(|a| &a.knowledge) {
            Some(Knowledge::Known(capabilities)) => capabilities.clone(),
            _ => Capabilities::default(),
        };
        capabilities.automatic |= device.parameters.get("provides").is_some_and(|p| p == "unfencing");
        capabilities
    }

    fn learn(&mut self, now: Duration, agent: &str) {
        if agent == WATCHDOG_AGENT || agent == "#watchdog" {
            return;
        }
        let entry = self.agents.entry(agent.to_owned()).or_default();
        // A missing agent may have been installed since.
        if matches!(entry.knowledge, Knowledge::Unasked | Knowledge::Missing) {
            self.ask_metadata(now, agent);
        }
    }

    pub(super) fn ask_metadata(&mut self, now: Duration, agent: &str) {
        let used = self.devices.values().any(|d| d.agent == agent);
        let Some(entry) = self.agents.get_mut(agent) else { return };
        if !used {
            self.agents.remove(agent);
            return;
        }
        entry.knowledge = Knowledge::Asked;
        let run = self.run_id();
        self.runs.insert(run, Running::Metadata(agent.to_owned()));
        self.timers.insert((now.saturating_add(METADATA_TIMEOUT), Timer::Deadline(run)));
        self.outputs.push_back(Output::Run(Call {
            run,
            resource: agent.to_owned(),
            agent: AgentName::plain(Standard::Stonith, agent),
            action: "metadata".to_owned(),
            interval_ms: 0,
            timeout_ms: u64::try_from(METADATA_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
            parameters: Arc::default(),
        }));
    }

    /// An agent's meta-data came, or not; then it is asked for again after 10, 20, 40, 80, 160, 160... seconds [RA-3.3].
    pub(super) fn metadata_ended(&mut self, now: Duration, agent: &str, exit: Exit) {
        let Some(entry) = self.agents.get_mut(agent) else { return };
        let parsed = match exit {
            Exit::Exited { code: 0, stdout, .. } => Metadata::parse(&stdout).ok(),
            Exit::NotStarted(error) if error.kind == crate::standard::call::OsErrorKind::Missing => {
                entry.knowledge = Knowledge::Missing;
                self.knowledge_changed(now, agent);
                return;
            }
            _ => None,
        };
        if let Some(metadata) = parsed {
            *entry = Agent { knowledge: Knowledge::Known(Capabilities::of(&metadata)), failures: 0 };
        } else {
            let pause = Duration::from_secs(10 << entry.failures.min(4));
            entry.failures += 1;
            entry.knowledge = Knowledge::Failed;
            self.timers.insert((now.saturating_add(pause), Timer::Metadata(agent.to_owned())));
        }
        self.knowledge_changed(now, agent);
    }
}
