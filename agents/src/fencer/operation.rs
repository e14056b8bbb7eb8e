//! Owning an operation: from the request to the first device [CT-9.6].

use super::message::{DeviceOffer, FenceResult, OperationId, OperationState, Order, Record};
use super::search::Wanted;
use super::{Destination, Fencer, Message, Output, Request, Timer, Verdict};
use crate::standard::ExecutionStatus;
use core::time::Duration;
use std::collections::BTreeSet;

/// Which part of a remapped reboot is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Requested,
    /// All devices of the level turn the target off.
    Off,
    /// Then all turn it on again.
    On,
}

/// An operation as this node knows it.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) record: Record,
    /// The order in which operations became known here.
    pub(super) serial: u64,
    pub(super) created: Duration,
    /// What only the owner knows.
    pub(super) owned: Option<Box<Owned>>,
    /// A request made here that gets this operation's result.
    pub(super) asker: Option<Request>,
    /// Mine, and waiting for this one of the same effect.
    pub(super) duplicate_of: Option<OperationId>,
}

#[derive(Debug)]
pub(super) struct Owned {
    pub(super) request: Request,
    /// The requested delay that is still to be waited for; `None` = no delays at all.
    pub(super) delay_s: Option<u64>,
    /// Devices of each level; empty = no topology.
    pub(super) levels: Vec<Vec<String>>,
    pub(super) level: usize,
    /// Devices of the present phase, and which is next.
    pub(super) devices: Vec<String>,
    pub(super) cursor: usize,
    pub(super) phase: Phase,
    /// Devices that unfencing requires were added to the level's.
    pub(super) extended: bool,
    pub(super) querying: bool,
    pub(super) active_at_start: usize,
    pub(super) answered: BTreeSet<String>,
    /// Peers with devices, most devices first, among equals the latest answer first.
    pub(super) offers: Vec<(String, Vec<DeviceOffer>)>,
    /// What was run in this phase; `None` = the peer was asked as a whole.
    pub(super) tried: BTreeSet<(String, Option<String>)>,
    pub(super) asked: Option<(String, Option<String>)>,
    /// The peer that is asked falls by its watchdog: silence is success.
    pub(super) watchdog: bool,
    pub(super) failure: Option<FenceResult>,
    pub(super) total_known: bool,
    pub(super) timers: Vec<(Duration, Timer)>,
}

impl Operation {
    pub(super) fn is_querying(&self) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.querying)
    }
}

/// A request whose target is this node: another node is to own it.
#[derive(Debug)]
pub(super) struct Relayed {
    request: Request,
    to: String,
}

/// 1.2 times so many seconds, fractions cut.
pub(super) fn stretched(seconds: u64) -> u64 {
    u64::try_from(u128::from(seconds) * 12 / 10).unwrap_or(u64::MAX)
}

impl Fencer {
    pub(super) fn accept(&mut self, now: Duration, mut request: Request, relayed: Option<OperationId>) -> OperationId {
        if let Some(name) = request.target.parse::<u32>().ok().and_then(|id| self.node_ids.get(&id)) {
            request.target.clone_from(name);
        }
        let id = self.new_operation_id();
        if request.manual {
            let record = Record {
                state: OperationState::Done,
                delegate: Some("a human".to_owned()),
                result: Some(FenceResult::ok()),
                ..self.record(&id, &request)
            };
            self.note(now, record.clone(), Some(request));
            self.broadcast_end(now, record, false);
            return id;
        }
        if let Some(verdict) = self.tolerated(now, &id, &request) {
            self.outputs.push_back(Output::Done(verdict));
            return id;
        }
        if relayed.is_none() && self.is_me(&request.target) && self.relay(now, &id, &request) {
            return id;
        }
        let mine = if relayed.is_none() { Some(request.clone()) } else { None };
        if let Some(other) = self.mergeable(now, &request) {
            let record = Record { state: OperationState::Duplicate, ..self.record(&id, &request) };
            self.note(now, record, mine);
            if let Some(operation) = self.operations.get_mut(&id) {
                operation.duplicate_of = Some(other);
            }
            // The node that relayed it waits for a query to learn who took it over.
            if let Some(placeholder) = relayed {
                self.query(&id, Some(placeholder), false);
            }
            return id;
        }
        self.begin(now, &id, request, mine, relayed);
        id
    }

    fn record(&self, id: &OperationId, request: &Request) -> Record {
        Record {
            id: id.clone(),
            target: request.target.clone(),
            action: request.action.clone(),
            origin: self.options.node.clone(),
            delegate: None,
            client: request.client.clone(),
            state: OperationState::Query,
            completed: None,
            result: None,
            timeout_ms: request.timeout_s.saturating_mul(1000),
        }
    }

    pub(super) fn note(&mut self, now: Duration, record: Record, asker: Option<Request>) {
        let serial = self.number();
        let id = record.id.clone();
        let operation = Operation { record, serial, created: now, owned: None, asker, duplicate_of: None };
        self.operations.insert(id, operation);
        self.trim_history();
    }

    /// An equal operation that succeeded recently enough [CT-9.6] step 1.
    fn tolerated(&self, now: Duration, id: &OperationId, request: &Request) -> Option<Verdict> {
        let since = self.epoch(now).saturating_sub(request.tolerance_s);
        let recent = self.operations.values().map(|o| &o.record).any(|r| {
            r.state == OperationState::Done
                && r.target.eq_ignore_ascii_case(&request.target)
                && r.action == request.action
                && r.completed.is_some_and(|(at, _)| at >= since)
        });
        (request.tolerance_s > 0 && recent).then(|| verdict(id, request, None, FenceResult::ok()))
    }

    /// Hands a request to fence this node to another one, if there is one.
    fn relay(&mut self, now: Duration, id: &OperationId, request: &Request) -> bool {
        let me = &self.options.node;
        let Some(peer) = self.peers.iter().find(|p| !p.eq_ignore_ascii_case(me)).cloned() else { return false };
        let wait = Duration::from_secs(stretched(request.timeout_s).saturating_add(60));
        self.timers.insert((now.saturating_add(wait), Timer::Relay(id.clone())));
        self.relayed.insert(id.clone(), Relayed { request: request.clone(), to: peer.clone() });
        let message = Message::Relay { request: request.clone(), placeholder: id.clone() };
        self.send(Destination::Peer(peer), message);
        true
    }

    /// A relay whose peer is gone before it took over is made again.
    pub(super) fn relays_lost(&mut self, now: Duration) {
        let lost: Vec<OperationId> =
            self.relayed.iter().filter(|(_, r)| !self.peers.contains(&r.to)).map(|(id, _)| id.clone()).collect();
        for id in lost {
            let Some(relayed) = self.relayed.remove(&id) else { continue };
            self.timers.retain(|(_, timer)| !matches!(timer, Timer::Relay(r) if *r == id));
            if !self.relay(now, &id, &relayed.request) {
                self.begin(now, &id, relayed.request.clone(), Some(relayed.request), None);
            }
        }
    }

    pub(super) fn relay_silent(&mut self, _now: Duration, id: &OperationId) {
        let Some(relayed) = self.relayed.remove(id) else { return };
        let reason = "No peer took over the request to fence this node";
        let result = FenceResult::failed(1, ExecutionStatus::Timeout, reason);
        self.outputs.push_back(Output::Done(verdict(id, &relayed.request, None, result)));
    }

    /// A live operation of another client with the same effect [CT-9.6] step 2. One whose owner is gone is marked failed on the way.
    fn mergeable(&mut self, now: Duration, request: &Request) -> Option<OperationId> {
        let mut candidates: Vec<(u64, OperationId)> = self
            .operations
            .iter()
            .filter(|(_, o)| matches!(o.record.state, OperationState::Query | OperationState::Exec))
            .filter(|(_, o)| {
                o.record.target.eq_ignore_ascii_case(&request.target)
                    && o.record.action == request.action
                    && o.record.client != request.client
            })
            .map(|(id, o)| (o.serial, id.clone()))
            .collect();
        candidates.sort();
        for (_, id) in candidates {
            let Some(operation) = self.operations.get_mut(&id) else { continue };
            let age = now.saturating_sub(operation.created);
            if operation.record.origin.eq_ignore_ascii_case(&request.target)
                || age > Duration::from_millis(operation.record.timeout_ms)
            {
                continue;
            }
            if self.peers.contains(&operation.record.origin) {
                return Some(id);
            }
            operation.record.state = OperationState::Failed;
        }
        None
    }

    fn begin(
        &mut self,
        now: Duration,
        id: &OperationId,
        request: Request,
        asker: Option<Request>,
        relayed: Option<OperationId>,
    ) {
        let record = self.record(id, &request);
        self.note(now, record, asker);
        let levels = self.levels_for(&request.target);
        let allow_self = request.allow_self;
        let query_ends = now.saturating_add(Duration::from_secs(stretched(request.timeout_s)));
        let owned = Owned {
            delay_s: request.delay_s,
            devices: levels.first().cloned().unwrap_or_default(),
            phase: phase_of(&request.action, levels.first()),
            levels,
            level: 0,
            cursor: 0,
            extended: false,
            querying: true,
            active_at_start: self.peers.len(),
            answered: BTreeSet::new(),
            offers: Vec::new(),
            tried: BTreeSet::new(),
            asked: None,
            watchdog: false,
            failure: None,
            total_known: false,
            timers: Vec::new(),
            request,
        };
        if let Some(operation) = self.operations.get_mut(id) {
            operation.owned = Some(Box::new(owned));
        }
        self.arm(id, query_ends, Timer::Query(id.clone()));
        self.query(id, relayed, allow_self);
    }

    fn query(&mut self, id: &OperationId, relayed_from: Option<OperationId>, allow_self: bool) {
        if let Some(operation) = self.operations.get(id) {
            let record = operation.record.clone();
            self.send(Destination::All, Message::Query { record, relayed_from, allow_self });
        }
    }

    pub(super) fn arm(&mut self, id: &OperationId, at: Duration, timer: Timer) {
        if let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) {
            owned.timers.push((at, timer.clone()));
            self.timers.insert((at, timer));
        }
    }

    pub(super) fn disarm(&mut self, id: &OperationId, which: impl Fn(&Timer) -> bool) {
        if let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) {
            let (gone, kept) = std::mem::take(&mut owned.timers).into_iter().partition(|(_, timer)| which(timer));
            owned.timers = kept;
            for timer in gone {
                self.timers.remove(&timer);
            }
        }
    }

    /// Everybody hears of an operation by its query, and answers with the devices that can serve it.
    pub(super) fn query_arrived(
        &mut self,
        now: Duration,
        record: Record,
        relayed_from: Option<OperationId>,
        allow_self: bool,
    ) {
        let id = record.id.clone();
        let relayed = relayed_from.and_then(|placeholder| {
            self.timers.retain(|(_, timer)| !matches!(timer, Timer::Relay(r) if *r == placeholder));
            self.relayed.remove(&placeholder)
        });
        if !self.operations.contains_key(&id) {
            self.note(now, record.clone(), None);
        }
        if let (Some(relayed), Some(operation)) = (relayed, self.operations.get_mut(&id)) {
            operation.asker = Some(relayed.request);
        }
        if record.state == OperationState::Query {
            let wanted = Wanted::Offer { owner: record.origin.clone(), id };
            self.search(now, &record.target, &record.action, allow_self, wanted);
        }
    }

    pub(super) fn offer_arrived(&mut self, now: Duration, from: &str, id: &OperationId, devices: Vec<DeviceOffer>) {
        let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) else { return };
        if !owned.answered.insert(from.to_owned()) {
            return;
        }
        if !devices.is_empty() {
            let at = owned.offers.iter().position(|(_, other)| other.len() <= devices.len());
            owned.offers.insert(at.unwrap_or(owned.offers.len()), (from.to_owned(), devices));
        }
        self.consider(now, id);
    }

    pub(super) fn query_over(&mut self, now: Duration, id: &OperationId) {
        if let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) {
            owned.querying = false;
            if owned.asked.is_none() {
                self.advance(now, id);
            }
        }
    }

    /// Starts, or goes on with, an operation whose query made progress [CT-9.6] step 6.
    pub(super) fn consider(&mut self, now: Duration, id: &OperationId) {
        let active = self.peers.len();
        let Some(operation) = self.operations.get_mut(id) else { return };
        let Some(owned) = operation.owned.as_mut() else { return };
        if owned.answered.len() >= owned.active_at_start.min(active) {
            owned.querying = false;
        }
        let target = &operation.record.target;
        let ready = !owned.querying || owned.has_enough(target);
        // While answers are missing, the choice may still be to wait for them: then only the query's timer ends the wait.
        if !owned.querying {
            self.disarm(id, |timer| matches!(timer, Timer::Query(_)));
        }
        let idle = self.operations.get(id).and_then(|o| o.owned.as_ref()).is_some_and(|o| o.asked.is_none());
        if idle && ready {
            self.advance(now, id);
        }
    }

    /// Gives the present part of an operation to a peer.
    pub(super) fn ask(&mut self, now: Duration, id: &OperationId, peer: &str, device: Option<&str>) {
        let watchdog = self.watchdog;
        let Some(operation) = self.operations.get_mut(id) else { return };
        let Some(owned) = operation.owned.as_mut() else { return };
        owned.asked = Some((peer.to_owned(), device.map(str::to_owned)));
        owned.tried.insert((peer.to_owned(), device.map(str::to_owned)));
        operation.record.state = OperationState::Exec;
        let total = (!owned.total_known).then(|| owned.total_s());
        owned.total_known = true;
        let limit_s = owned.peer_limit_s(peer, device);
        let order = Order {
            id: id.clone(),
            target: operation.record.target.clone(),
            action: owned.phase_action().to_owned(),
            device: device.map(str::to_owned),
            client: operation.record.client.clone(),
            timeout_ms: owned.request.timeout_s.saturating_mul(1000),
            delay_ms: owned.delay_s.map(|s| s.saturating_mul(1000)),
            allow_self: owned.request.allow_self,
        };
        // The requested delay is for the first device only.
        owned.delay_s = owned.delay_s.map(|_| 0);
        let falls_alone = self.watchdog_falls(id, peer, device);
        let mut limit = Duration::from_secs(limit_s);
        if let (true, Some(wait)) = (falls_alone, watchdog) {
            limit = wait;
        }
        if let Some(owned) = self.operations.get_mut(id).and_then(|o| o.owned.as_mut()) {
            owned.watchdog = falls_alone;
        }
        if let Some(total_s) = total {
            self.start_total(now, id, total_s, falls_alone);
        }
        let timer = if falls_alone { Timer::Watchdog(id.clone()) } else { Timer::Peer(id.clone()) };
        self.arm(id, now.saturating_add(limit), timer);
        self.send(Destination::Peer(peer.to_owned()), Message::Execute(order));
    }

    fn start_total(&mut self, now: Duration, id: &OperationId, total_s: u64, watchdog: bool) {
        let mut total = Duration::from_secs(total_s);
        if let (true, Some(wait)) = (watchdog, self.watchdog) {
            total = total.max(wait + Duration::from_secs(1));
        }
        if let Some(operation) = self.operations.get_mut(id) {
            operation.record.timeout_ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
        }
        self.arm(id, now.saturating_add(total), Timer::Total(id.clone()));
        self.outputs.push_back(Output::TimeoutUpdate { operation: id.clone(), total });
    }
}

/// A level of several devices turns a reboot into off for all, then on for all.
pub(super) fn phase_of(action: &str, level: Option<&Vec<String>>) -> Phase {
    if action == "reboot" && level.is_some_and(|devices| devices.len() > 1) { Phase::Off } else { Phase::Requested }
}

pub(super) fn verdict(id: &OperationId, request: &Request, delegate: Option<String>, result: FenceResult) -> Verdict {
    Verdict {
        operation: id.clone(),
        target: request.target.clone(),
        action: request.action.clone(),
        client: request.client.clone(),
        token: request.token.clone(),
        delegate,
        result,
    }
}
