//! Results: the next device, phase, level or peer, and the end [CT-9.6] steps 7 to 9.

use super::choose::Choice;
use super::message::{FenceResult, Message, OperationId, OperationState, Record};
use super::operation::{Phase, phase_of, verdict};
use super::{Destination, Fencer, Output, Timer, WATCHDOG_DEVICE};
use crate::standard::ExecutionStatus;
use core::time::Duration;

const TOTAL_OVER: &str = "Fencing did not complete within a total timeout based on the configured timeout and retries for any devices attempted";

impl Fencer {
    /// Finds and starts the next step of an operation that waits for nothing.
    pub(super) fn advance(&mut self, now: Duration, id: &OperationId) {
        loop {
            let Some(operation) = self.operations.get_mut(id) else { return };
            let Some(owned) = operation.owned.as_mut() else { return };
            match owned.choose(&operation.record.target) {
                Choice::Wait => return,
                Choice::Ask { peer, device } => return self.ask(now, id, &peer, device.as_deref()),
                Choice::Nobody if owned.phase == Phase::On => {
                    // The target is off, which is what counts.
                    if !self.next_part(now, id) {
                        return;
                    }
                }
                Choice::Nobody => {
                    if self.watchdog_alone(now, id) || !self.next_level(now, id) {
                        return;
                    }
                }
            }
        }
    }

    /// The peer that was asked has answered.
    pub(super) fn executed(
        &mut self,
        now: Duration,
        from: &str,
        id: &OperationId,
        device: Option<&str>,
        result: FenceResult,
    ) {
        let Some(operation) = self.operations.get_mut(id) else { return };
        let Some(owned) = operation.owned.as_mut() else { return };
        let expected = owned.asked.as_ref().is_some_and(|(peer, asked)| peer == from && asked.as_deref() == device);
        if !expected {
            return;
        }
        // A node that falls by its watchdog says so before it falls: only time makes it sure.
        if owned.watchdog && result.is_ok() {
            return;
        }
        owned.asked = None;
        operation.record.delegate = Some(from.to_owned());
        self.disarm(id, |timer| matches!(timer, Timer::Peer(_) | Timer::Watchdog(_)));
        if result.is_ok() { self.part_succeeded(now, id) } else { self.part_failed(now, id, result) }
    }

    fn part_succeeded(&mut self, now: Duration, id: &OperationId) {
        let topology = self.operations.get(id).and_then(|o| o.owned.as_ref()).is_some_and(|o| o.has_topology());
        if !topology {
            self.conclude(now, id, FenceResult::ok());
        } else if self.next_part(now, id) {
            self.advance(now, id);
        }
    }

    fn part_failed(&mut self, now: Duration, id: &OperationId, result: FenceResult) {
        let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) else { return };
        let timeout = result.status == ExecutionStatus::Timeout;
        owned.failure = Some(result.clone());
        if owned.has_topology() {
            let goes_on = if owned.phase == Phase::On { self.next_part(now, id) } else { self.next_level(now, id) };
            if goes_on {
                self.advance(now, id);
            }
        } else if timeout {
            self.conclude(now, id, result);
        } else {
            self.advance(now, id);
        }
    }

    /// The next device of the level, or the next phase; `false` = the operation is over.
    fn next_part(&mut self, now: Duration, id: &OperationId) -> bool {
        let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) else { return false };
        owned.cursor += 1;
        if owned.cursor < owned.devices.len() {
            return true;
        }
        match owned.phase {
            Phase::Off => {
                owned.phase = Phase::On;
                owned.cursor = 0;
                owned.tried.clear();
                let devices = std::mem::take(&mut owned.devices);
                owned.devices = devices.into_iter().filter(|d| !owned.is_left_out(d)).collect();
                if !owned.devices.is_empty() {
                    return true;
                }
            }
            Phase::Requested if owned.request.action == "on" && !owned.extended => {
                owned.extended = true;
                let required = owned.required_devices();
                owned.devices.extend(required);
                if owned.cursor < owned.devices.len() {
                    return true;
                }
            }
            Phase::Requested | Phase::On => {}
        }
        self.conclude(now, id, FenceResult::ok());
        false
    }

    /// The next level, with the action as requested; `false` = none is left.
    fn next_level(&mut self, now: Duration, id: &OperationId) -> bool {
        let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) else { return false };
        owned.level += 1;
        if let Some(devices) = owned.levels.get(owned.level) {
            owned.devices.clone_from(devices);
            owned.phase = phase_of(&owned.request.action, Some(devices));
            owned.cursor = 0;
            owned.extended = false;
            owned.tried.clear();
            return true;
        }
        let nothing = || FenceResult::failed(1, ExecutionStatus::NoFenceDevice, "No fence device can fence the target");
        let result = owned.failure.take().unwrap_or_else(nothing);
        self.conclude(now, id, result);
        false
    }

    /// The peer did not answer in time: another one may, without delay.
    pub(super) fn peer_silent(&mut self, now: Duration, id: &OperationId) {
        let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) else { return };
        let Some((peer, _)) = owned.asked.take() else { return };
        owned.delay_s = owned.delay_s.map(|_| 0);
        let reason = format!("Peer {peer} did not return fencing result within timeout");
        owned.failure = Some(FenceResult::failed(1, ExecutionStatus::Timeout, reason));
        self.disarm(id, |timer| matches!(timer, Timer::Peer(_)));
        // The same device may be had on another peer; without one, choosing goes to the next level.
        self.advance(now, id);
    }

    pub(super) fn total_over(&mut self, now: Duration, id: &OperationId) {
        let Some(owned) = self.operations.get(id).and_then(|o| o.owned.as_ref()) else { return };
        let result = if owned.phase == Phase::On {
            FenceResult::ok()
        } else {
            FenceResult::failed(1, ExecutionStatus::Timeout, TOTAL_OVER)
        };
        self.conclude(now, id, result);
    }

    /// Does the target have a watchdog that this operation may count on?
    fn watchdog_applies(&self, target: &str, action: &str) -> bool {
        let restricted = self.devices.get(WATCHDOG_DEVICE).filter(|d| !d.targets.is_empty());
        self.watchdog.is_some()
            && matches!(action, "off" | "reboot")
            && restricted.is_none_or(|device| device.lists(target))
    }

    /// Is it the target itself that is asked, to fall by its watchdog?
    pub(super) fn watchdog_falls(&self, id: &OperationId, peer: &str, device: Option<&str>) -> bool {
        let Some(operation) = self.operations.get(id) else { return false };
        let Some(owned) = operation.owned.as_ref() else { return false };
        let target = &operation.record.target;
        let device_is_it = match device {
            Some(device) => device == WATCHDOG_DEVICE,
            None => owned.offers.iter().any(|(p, offers)| p == peer && offers.iter().all(|o| o.id == WATCHDOG_DEVICE)),
        };
        peer.eq_ignore_ascii_case(target) && device_is_it && self.watchdog_applies(target, owned.phase_action())
    }

    /// Nobody can do the present part: a target with a watchdog falls by itself [CT-9.8].
    fn watchdog_alone(&mut self, now: Duration, id: &OperationId) -> bool {
        let Some(wait) = self.watchdog else { return false };
        let Some(operation) = self.operations.get(id) else { return false };
        let Some(owned) = operation.owned.as_ref() else { return false };
        let turn = !owned.has_topology() || owned.devices.get(owned.cursor).is_some_and(|d| d == WATCHDOG_DEVICE);
        let (target, action) = (operation.record.target.clone(), owned.phase_action().to_owned());
        if !turn || owned.failure.is_some() && !owned.has_topology() || !self.watchdog_applies(&target, &action) {
            return false;
        }
        let known = owned.total_known;
        if let Some(operation) = self.operations.get_mut(id) {
            operation.record.state = OperationState::Exec;
            if let Some(owned) = operation.owned.as_mut() {
                owned.asked = Some((target, None));
                owned.watchdog = true;
                owned.total_known = true;
            }
        }
        if !known {
            self.outputs.push_back(Output::TimeoutUpdate { operation: id.clone(), total: wait });
        }
        self.arm(id, now.saturating_add(wait), Timer::Watchdog(id.clone()));
        true
    }

    pub(super) fn watchdog_fired(&mut self, now: Duration, id: &OperationId) {
        let Some(operation) = self.operations.get_mut(id) else { return };
        let Some(owned) = operation.owned.as_mut() else { return };
        owned.asked = None;
        operation.record.delegate = Some(operation.record.target.clone());
        self.disarm(id, |timer| matches!(timer, Timer::Watchdog(_)));
        self.part_succeeded(now, id);
    }

    /// The owner tells everybody; only the broadcast makes it final.
    fn conclude(&mut self, now: Duration, id: &OperationId, result: FenceResult) {
        self.disarm(id, |_| true);
        let Some(operation) = self.operations.get_mut(id) else { return };
        operation.owned = None;
        let state = if result.is_ok() { OperationState::Done } else { OperationState::Failed };
        let record = Record { state, result: Some(result), ..operation.record.clone() };
        let merged = self.operations.values().any(|o| o.duplicate_of.as_ref() == Some(id));
        self.broadcast_end(now, record, merged);
    }

    pub(super) fn broadcast_end(&mut self, now: Duration, mut record: Record, merged: bool) {
        record.completed = Some((self.epoch(now), now.subsec_nanos()));
        self.send(Destination::All, Message::Finished { record, merged });
    }

    /// The broadcast of an end: stored, told, and the askers answered.
    pub(super) fn finished(&mut self, now: Duration, record: Record, merged: bool) {
        let id = record.id.clone();
        if self.operations.get(&id).is_some_and(|o| o.record.state.is_final()) {
            // Told before, unless it is this node's own manual confirmation coming back.
            let asked = self.operations.get_mut(&id).and_then(|o| o.asker.take());
            if asked.is_none() {
                return;
            }
            self.tell(&record, merged, asked);
            return;
        }
        if !self.operations.contains_key(&id) {
            self.note(now, record.clone(), None);
        }
        self.disarm(&id, |_| true);
        let mut asker = None;
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.record = record.clone();
            operation.owned = None;
            operation.duplicate_of = None;
            asker = operation.asker.take();
        }
        self.tell(&record, merged, asker);
        self.finish_duplicates(now, &record);
        self.trim_history();
    }

    /// Owners that are gone will never tell how their operations ended: these have failed, and with them those that waited for
    /// them [CT-9.6].
    pub(super) fn owners_lost(&mut self, now: Duration) {
        let lost: Vec<OperationId> = self
            .operations
            .iter()
            .filter(|(_, o)| {
                !o.record.state.is_final() && !self.is_me(&o.record.origin) && !self.peers.contains(&o.record.origin)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in lost {
            let Some(operation) = self.operations.get_mut(&id) else { continue };
            let result = FenceResult::failed(1, ExecutionStatus::NotConnected, "The node that asked is gone");
            operation.record.state = OperationState::Failed;
            operation.record.result = Some(result);
            operation.duplicate_of = None;
            let record = operation.record.clone();
            // A request of this node that the lost one had taken over will get no other answer.
            let asker = operation.asker.take();
            self.answer(&record, asker);
            self.disarm(&id, |_| true);
            self.finish_duplicates(now, &record);
        }
    }

    /// What waited for an operation ends as it ended.
    fn finish_duplicates(&mut self, now: Duration, record: &Record) {
        let duplicates: Vec<OperationId> = self
            .operations
            .iter()
            .filter(|(_, o)| o.duplicate_of.as_ref() == Some(&record.id))
            .map(|(duplicate, _)| duplicate.clone())
            .collect();
        for duplicate in duplicates {
            let Some(operation) = self.operations.get_mut(&duplicate) else { continue };
            operation.duplicate_of = None;
            let own = operation.record.clone();
            let end =
                Record { state: record.state, result: record.result.clone(), delegate: record.delegate.clone(), ..own };
            self.broadcast_end(now, end, true);
        }
    }

    fn tell(&mut self, record: &Record, merged: bool, asker: Option<super::Request>) {
        self.outputs.push_back(Output::Notify { record: record.clone(), merged });
        self.answer(record, asker);
    }

    /// Whoever asked here learns how it ended.
    fn answer(&mut self, record: &Record, asker: Option<super::Request>) {
        if let (Some(request), Some(result)) = (asker, record.result.clone()) {
            let verdict = verdict(&record.id, &request, record.delegate.clone(), result);
            self.outputs.push_back(Output::Done(verdict));
        }
    }
}
