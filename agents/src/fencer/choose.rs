//! Which peer and device is next, and how long it may take [CT-9.6], [CT-9.7].

use super::message::{ActionOffer, DeviceOffer};
use super::operation::{Owned, Phase, stretched};

/// The next step of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// Ask this peer, for one device or as a whole.
    Ask { peer: String, device: Option<String> },
    /// Answers are missing, and one of them may be better.
    Wait,
    /// Nobody can do the present part.
    Nobody,
}

impl Owned {
    pub(super) fn has_topology(&self) -> bool {
        !self.levels.is_empty()
    }

    /// What devices are told to do now.
    pub(super) fn phase_action(&self) -> &str {
        match self.phase {
            Phase::Requested => &self.request.action,
            Phase::Off => "off",
            Phase::On => "on",
        }
    }

    fn part<'a>(&self, offer: &'a DeviceOffer) -> &'a ActionOffer {
        match self.phase {
            Phase::Requested => &offer.requested,
            Phase::Off => &offer.off,
            Phase::On => &offer.on,
        }
    }

    /// Enough answers to begin: every device of every level is somewhere but on the target (for `on` the target counts); without topology, a verified
    /// device is somewhere but on the target.
    pub(super) fn has_enough(&self, target: &str) -> bool {
        let elsewhere = |peer: &str| self.request.action == "on" || !peer.eq_ignore_ascii_case(target);
        if self.has_topology() {
            return self.levels.iter().flatten().all(|device| {
                self.offers.iter().any(|(peer, offers)| elsewhere(peer) && offers.iter().any(|o| o.id == *device))
            });
        }
        let others = self.offers.iter().filter(|(peer, _)| !peer.eq_ignore_ascii_case(target));
        others.into_iter().any(|(_, offers)| offers.iter().any(|o| o.verified))
    }

    fn usable(&self, peer: &str, offer: &DeviceOffer) -> bool {
        let asked = if self.has_topology() { Some(offer.id.clone()) } else { None };
        !self.part(offer).disallowed
            && (self.phase_action() != "on" || offer.supports_on)
            && !self.tried.contains(&(peer.to_owned(), asked))
    }

    /// The peer for the present device, or for any device: others before the target, verified devices first.
    pub(super) fn choose(&self, target: &str) -> Choice {
        let device = if self.has_topology() { self.devices.get(self.cursor) } else { None };
        if self.has_topology() && device.is_none() {
            return Choice::Nobody;
        }
        let find = |on_target: bool, verified: bool| {
            self.offers.iter().find(|(peer, offers)| {
                peer.eq_ignore_ascii_case(target) == on_target
                    && offers
                        .iter()
                        .filter(|offer| device.is_none_or(|d| *d == offer.id))
                        .any(|offer| self.usable(peer, offer) && (!verified || offer.verified))
            })
        };
        let mut found = find(false, true);
        if found.is_none() && self.querying {
            return Choice::Wait;
        }
        found = found.or_else(|| find(false, false));
        if self.phase != Phase::On {
            found = found.or_else(|| find(true, false));
        }
        match found {
            Some((peer, _)) => Choice::Ask { peer: peer.clone(), device: device.cloned() },
            None => Choice::Nobody,
        }
    }

    /// Devices that are left out of the phase *on* of a remapped reboot.
    pub(super) fn is_left_out(&self, device: &str) -> bool {
        let mut offers = self.offers.iter().flat_map(|(_, offers)| offers).filter(|o| o.id == device);
        offers.any(|o| o.automatic_unfencing || !o.supports_on || o.reboot_action.as_deref() == Some("off"))
    }

    /// What must run on the target besides the level's devices for it to be unfenced.
    pub(super) fn required_devices(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for offer in self.offers.iter().flat_map(|(_, offers)| offers).filter(|o| o.requested.required) {
            if !self.devices.contains(&offer.id) && !found.contains(&offer.id) {
                found.push(offer.id.clone());
            }
        }
        found.sort();
        found
    }

    /// A device's own timeout or the request's, with its delay where delays count.
    fn device_limit_s(&self, offer: &DeviceOffer) -> u64 {
        let part = self.part(offer);
        let limit = part.timeout_ms.map_or(self.request.timeout_s, |ms| ms / 1000);
        let delay = if part.delay_max_ms > 0 { part.delay_max_ms } else { part.delay_base_ms };
        let counts = self.request.delay_s.is_some();
        limit.saturating_add(if counts { delay / 1000 } else { 0 })
    }

    /// The whole operation: every device of every level once, or all devices of the peer that is asked.
    pub(super) fn total_s(&self) -> u64 {
        let sum: u64 = if self.has_topology() {
            let offer = |device: &String| {
                let usable = |(peer, offers): &&(String, Vec<DeviceOffer>)| {
                    offers.iter().any(|o| o.id == *device && !self.part(o).disallowed && !peer.is_empty())
                };
                let (_, offers) = self.offers.iter().find(usable)?;
                offers.iter().find(|o| o.id == *device)
            };
            self.levels.iter().flatten().filter_map(offer).map(|o| self.device_limit_s(o)).fold(0, u64::saturating_add)
        } else {
            let asked = self.asked.as_ref().map(|(peer, _)| peer.as_str());
            self.peer_devices(asked.unwrap_or_default()).map(|o| self.device_limit_s(o)).fold(0, u64::saturating_add)
        };
        let sum = if sum == 0 { self.request.timeout_s } else { sum };
        stretched(sum.saturating_add(self.request.delay_s.unwrap_or(0)))
    }

    /// One peer's part.
    pub(super) fn peer_limit_s(&self, peer: &str, device: Option<&str>) -> u64 {
        let sum: u64 = self
            .peer_devices(peer)
            .filter(|offer| device.is_none_or(|d| d == offer.id))
            .map(|offer| self.device_limit_s(offer))
            .fold(0, u64::saturating_add);
        let sum = if sum == 0 { self.request.timeout_s } else { sum };
        stretched(self.delay_s.unwrap_or(0)).saturating_add(stretched(sum))
    }

    fn peer_devices(&self, peer: &str) -> impl Iterator<Item = &DeviceOffer> {
        let offers = self.offers.iter().filter(move |(name, _)| name == peer).flat_map(|(_, offers)| offers);
        offers.filter(|offer| !self.part(offer).disallowed)
    }
}
