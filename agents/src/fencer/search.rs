//! Which devices of this node can fence a target [CT-9.3].

use super::device::{Capabilities, Device, DynamicList, Knowledge};
use super::job::Goal;
use super::message::{ActionOffer, DeviceOffer, FenceResult, OperationId};
use super::parameters::{self, HostCheck};
use super::{Destination, Fencer, Message};
use core::time::Duration;
use std::collections::BTreeSet;

/// How long an agent's list is good for.
const LIST_AGE: Duration = Duration::from_secs(60);
/// For `list` and `status`, where the device says nothing.
const CHECK_TIMEOUT_MS: u64 = 60_000;

/// What a search is for.
#[derive(Debug)]
pub(super) enum Wanted {
    /// An answer to a query.
    Offer { owner: String, id: OperationId },
    /// The devices of an execution.
    Execution(u64),
}

#[derive(Debug)]
pub(super) struct Search {
    wanted: Wanted,
    target: String,
    action: String,
    allow_self: bool,
    waiting: BTreeSet<String>,
    /// In order of completion.
    capable: Vec<String>,
}

enum Able {
    Yes,
    No,
    /// The agent's meta-data or list is on its way.
    Later,
    /// The agent is asked about this target.
    AskStatus,
}

impl Fencer {
    /// Asks every device, in order of id; the search ends when all have answered.
    pub(super) fn search(&mut self, now: Duration, target: &str, action: &str, allow_self: bool, wanted: Wanted) {
        let id = self.number();
        let waiting: BTreeSet<String> = self.devices.keys().cloned().collect();
        let search = Search {
            wanted,
            target: target.to_owned(),
            action: action.to_owned(),
            allow_self,
            waiting: waiting.clone(),
            capable: Vec::new(),
        };
        self.searches.insert(id, search);
        for device in waiting {
            self.judge(now, id, &device);
        }
        self.search_over(now, id);
    }

    /// Judges one device for a search, or starts what is needed to judge it.
    fn judge(&mut self, now: Duration, id: u64, device: &str) {
        let Some(search) = self.searches.get(&id) else { return };
        match self.able(now, device, &search.target, &search.action, search.allow_self) {
            Able::Yes => self.answered(now, id, device, true),
            Able::No => self.answered(now, id, device, false),
            Able::AskStatus => {
                let target = search.target.clone();
                let goal = Goal::Status(id);
                self.enqueue(now, device, "status", Some(&target), CHECK_TIMEOUT_MS, None, goal, "search");
            }
            Able::Later => self.refresh_list(now, device),
        }
    }

    fn refresh_list(&mut self, now: Duration, device: &str) {
        let Some(entry) = self.devices.get(device) else { return };
        let known = matches!(
            self.agents.get(&entry.agent).map(|a| &a.knowledge),
            Some(Knowledge::Known(_) | Knowledge::Failed)
        );
        let Some(entry) = self.devices.get_mut(device) else { return };
        if known && !entry.listing {
            entry.listing = true;
            self.enqueue(now, device, "list", None, CHECK_TIMEOUT_MS, None, Goal::List, "search");
        }
    }

    fn able(&self, now: Duration, device: &str, target: &str, action: &str, allow_self: bool) -> Able {
        let Some(device) = self.devices.get(device) else { return Able::No };
        if !device.is_watchdog() {
            match self.agents.get(&device.agent).map(|a| &a.knowledge) {
                Some(Knowledge::Unasked | Knowledge::Asked) => return Able::Later,
                Some(Knowledge::Missing) | None => return Able::No,
                Some(Knowledge::Failed | Knowledge::Known(_)) => {}
            }
        }
        let capabilities = self.capabilities(device);
        if action == "on" && !capabilities.on {
            return Able::No;
        }
        let allowed = |action: &str, allow_self: bool| self.allowed(device, &capabilities, action, target, allow_self);
        let eligible =
            allowed(action, allow_self) || (action == "reboot" && (allowed("off", allow_self) || allowed("on", false)));
        if !eligible {
            return Able::No;
        }
        if device.is_watchdog() && device.targets.is_empty() {
            return if self.is_me(target) { Able::Yes } else { Able::No };
        }
        let yes = |it: bool| if it { Able::Yes } else { Able::No };
        match device.host_check(&capabilities) {
            HostCheck::None => Able::Yes,
            HostCheck::StaticList => yes(device.lists(target)),
            HostCheck::DynamicList => match &device.dynamic {
                Some(list) if now.saturating_sub(list.at) < LIST_AGE && !list.hosts.is_empty() => {
                    yes(list.has(device.alias(target).unwrap_or(target)))
                }
                _ => Able::Later,
            },
            HostCheck::Status => Able::AskStatus,
            HostCheck::Invalid => Able::No,
        }
    }

    /// May this node run the action on that target? An action that must run on its target, only there; any other, only elsewhere, unless the target
    /// may fence itself.
    fn allowed(
        &self,
        device: &Device,
        capabilities: &Capabilities,
        action: &str,
        target: &str,
        allow_self: bool,
    ) -> bool {
        let me = self.is_me(target);
        if capabilities.on_target.contains(action) || device.is_watchdog() { me } else { !me || allow_self }
    }

    /// A device was judged.
    pub(super) fn answered(&mut self, now: Duration, id: u64, device: &str, able: bool) {
        let Some(search) = self.searches.get_mut(&id) else { return };
        if search.waiting.remove(device) && able {
            search.capable.push(device.to_owned());
        }
        self.search_over(now, id);
    }

    fn search_over(&mut self, now: Duration, id: u64) {
        if self.searches.get(&id).is_none_or(|search| !search.waiting.is_empty()) {
            return;
        }
        let Some(search) = self.searches.remove(&id) else { return };
        match search.wanted {
            Wanted::Execution(execution) => self.devices_found(now, execution, search.capable),
            Wanted::Offer { owner, id } => {
                let devices = search.capable.iter().filter_map(|device| {
                    let device = self.devices.get(device)?;
                    Some(self.offer(device, &search.target, &search.action, search.allow_self))
                });
                let devices = devices.collect();
                self.send(Destination::Peer(owner), Message::Offer { id, devices });
            }
        }
    }

    fn offer(&self, device: &Device, target: &str, action: &str, allow_self: bool) -> DeviceOffer {
        let capabilities = self.capabilities(device);
        let base = parameters::delay_base_ms(&device.parameters, target);
        let for_action = |action: &str, allow_self: bool| {
            let runs = if action == "reboot" && !capabilities.reboot { "off" } else { action };
            let delays = matches!(action, "off" | "reboot");
            ActionOffer {
                timeout_ms: parameters::action_timeout_ms(&device.parameters, runs),
                delay_max_ms: if delays { parameters::delay_max_ms(&device.parameters) } else { 0 },
                delay_base_ms: if delays { base } else { 0 },
                required: action == "on" && capabilities.automatic,
                disallowed: !self.allowed(device, &capabilities, action, target, allow_self),
            }
        };
        let reboot = action == "reboot";
        DeviceOffer {
            id: device.id.clone(),
            agent: device.agent.clone(),
            verified: device.verified,
            supports_on: capabilities.on,
            automatic_unfencing: capabilities.automatic,
            reboot_action: device.parameters.get("pcmk_reboot_action").cloned(),
            requested: for_action(action, allow_self),
            off: if reboot { for_action("off", allow_self) } else { ActionOffer::default() },
            on: if reboot { for_action("on", false) } else { ActionOffer::default() },
        }
    }

    /// A device's list came, or not: an old list goes on to be used; without one, and if no check is configured, targets are asked for one by one.
    pub(super) fn listed(&mut self, now: Duration, id: &str, result: &FenceResult) {
        let Some(device) = self.devices.get_mut(id) else { return };
        device.listing = false;
        if result.is_ok() {
            device.dynamic = Some(DynamicList { at: now, hosts: parameters::host_list(&result.output) });
        } else if device.dynamic.is_none() && !device.parameters.contains_key("pcmk_host_check") {
            device.list_failed = true;
        }
        let waiting: Vec<u64> =
            self.searches.iter().filter(|(_, s)| s.waiting.contains(id)).map(|(search, _)| *search).collect();
        for search in waiting {
            let Some(entry) = self.searches.get(&search) else { continue };
            let Some(device) = self.devices.get(id) else { continue };
            if device.list_failed {
                self.answered(now, search, id, false);
            } else {
                let able = device
                    .dynamic
                    .as_ref()
                    .is_some_and(|l| l.has(device.alias(&entry.target).unwrap_or(&entry.target)));
                self.answered(now, search, id, able);
            }
        }
    }

    /// What is known of an agent changed: devices that waited for it are judged.
    pub(super) fn knowledge_changed(&mut self, now: Duration, agent: &str) {
        let devices: Vec<String> = self.devices.values().filter(|d| d.agent == agent).map(|d| d.id.clone()).collect();
        for device in devices {
            let waiting: Vec<u64> =
                self.searches.iter().filter(|(_, s)| s.waiting.contains(&device)).map(|(id, _)| *id).collect();
            for search in waiting {
                self.judge(now, search, &device);
            }
        }
    }

    /// A device is gone: no search waits for it any more.
    pub(super) fn unlisted(&mut self, now: Duration, device: &str) {
        let waiting: Vec<u64> = self.searches.keys().copied().collect();
        for search in waiting {
            self.answered(now, search, device, false);
        }
    }
}

impl DynamicList {
    fn has(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }
}
