//! The state machine.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::choice::{self, Choice};
use super::message::{Message, MessageError, Offer};
use super::progress::Progress;
use super::store::{self, Finding, Stored};
use super::{Cause, Changed, Config, MemberId, Output, Phase, RequestId, Status, View};
use crate::cib::{Cib, Code, Holder, Operation, Request, Version};
use crate::patch::{Ordered, diff, digest};
use crate::schema;
use crate::xml::Document;

/// A request whose delivery came to nothing here, although others may have applied it.
#[derive(Debug)]
struct Held {
    origin: MemberId,
    number: u64,
    request: Request,
    /// It has gone out again in this membership.
    passed_on: bool,
}

/// One member's copy of the cluster information base.
#[derive(Debug)]
pub struct Replica {
    config: Config,
    cib: Cib,
    phase: Phase,
    peers: Vec<MemberId>,
    quorate: bool,
    /// The members part: what is delivered now, not all of them saw.
    parting: bool,
    /// Rounds of comparison since the last membership change; the same number on all members.
    round: u64,
    /// The sequence of the present membership.
    sequence: u64,
    /// The sequence of the last membership with quorum in which the copy changed; 0 since a start, when the status is empty.
    authority: u64,
    offers: BTreeMap<MemberId, Offer>,
    choice: Option<Choice>,
    /// Requests that were delivered while copies were not equal, in their order.
    waiting: VecDeque<(MemberId, u64, Request)>,
    /// The requests that the copy contains.
    applied: Progress,
    next_number: u64,
    /// Own requests on their way, by number.
    unanswered: BTreeMap<u64, RequestId>,
    /// In their order. They go out again, whoever's they are, in a membership with quorum whose copies are equal.
    held: Vec<Held>,
    outputs: VecDeque<Output>,
    /// Replies that wait for the document to be on disk.
    replies: Vec<Output>,
    /// The document must be written.
    unsaved: bool,
    next_backup: u32,
    check_at: Option<Duration>,
    /// The document follows its schema.
    usable: bool,
}

impl Replica {
    /// A replica with the document that is found among `files`; also tells what was wrong with them.
    pub fn recover(config: Config, files: &[Stored], _now: Duration) -> (Replica, Vec<Finding>) {
        let store::Recovered { cib, findings, next } = store::recover(files);
        let usable = !findings.contains(&Finding::Invalid);
        let replica = Replica {
            next_number: (u64::from(config.incarnation) << 32) + 1,
            config,
            cib,
            phase: Phase::Alone,
            peers: Vec::new(),
            quorate: false,
            parting: false,
            round: 0,
            sequence: 0,
            authority: 0,
            offers: BTreeMap::new(),
            choice: None,
            waiting: VecDeque::new(),
            applied: Progress::default(),
            unanswered: BTreeMap::new(),
            held: Vec::new(),
            outputs: VecDeque::new(),
            replies: Vec::new(),
            unsaved: usable,
            next_backup: next,
            check_at: None,
            usable,
        };
        (replica, findings)
    }

    /// The copy.
    pub fn cib(&self) -> &Cib {
        &self.cib
    }

    /// Where it is in bringing copies to one state.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// A look at the replica.
    pub fn status(&self) -> Status<'_> {
        Status {
            phase: self.phase,
            version: self.cib.version(),
            peers: &self.peers,
            primary: self.primary(),
            unanswered: self.unanswered.len(),
            waiting: self.waiting.len(),
        }
    }

    fn primary(&self) -> Option<MemberId> {
        self.peers.first().copied()
    }

    /// The next thing to do. Call until `None` after every `handle_*`.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            // Everything that was handled since the last drain goes to disk at once.
            if core::mem::take(&mut self.unsaved) {
                self.outputs.extend(store::write(&self.cib, self.next_backup).into_iter().map(Output::Persist));
                self.next_backup = store::following(self.next_backup);
            }
            self.outputs.extend(self.replies.drain(..));
        }
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.check_at
    }

    /// Time has passed: the primary tells its digest.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.check_at.is_some_and(|at| at <= now) {
            self.check_at = None;
            if self.phase == Phase::Synchronized && self.primary() == Some(self.config.member) && self.peers.len() > 1 {
                self.broadcast(&Message::Check { version: self.cib.version(), digest: self.cib.digest() });
            }
        }
    }

    /// Whether this part of the cluster has quorum: told at the same place of the ordered stream to all members.
    pub fn handle_quorum(&mut self, _now: Duration, quorate: bool) {
        self.quorate = quorate;
        self.parting = false;
        self.answer_held();
        if self.phase == Phase::Synchronized {
            self.pass_on();
        }
    }

    /// The membership has ended for some, and what is still delivered of it reaches only those who stay together, until the
    /// next verdict on quorum. `quorate` as in [`handle_quorum`](Self::handle_quorum): true only where quorum does not matter.
    ///
    /// What needs quorum is neither applied nor refused from here on: the sender, or another member that heard that all have
    /// it, may have applied and acknowledged it. It is held until a membership with quorum decides.
    pub fn handle_parting(&mut self, _now: Duration, quorate: bool) {
        self.quorate = quorate;
        self.parting = true;
        self.held.iter_mut().for_each(|h| h.passed_on = false);
    }

    /// A request of a local client. Queries are answered from the local copy at once.
    pub fn handle_request(&mut self, _now: Duration, id: RequestId, request: Request) {
        match self.admit(request) {
            Err(code) => self.outputs.push_back(Output::Reply { id, result: Err(code), output: None }),
            Ok(request) if request.operation.modifies() => {
                let number = self.next_number;
                self.next_number += 1;
                self.unanswered.insert(number, id);
                self.broadcast(&Message::Request { origin: None, number, request: Box::new(request) });
            }
            Ok(request) => {
                let outcome = self.cib.perform(&request, Holder::Member);
                self.outputs.push_back(Output::Reply { id, result: outcome.result, output: outcome.output });
            }
        }
    }

    /// Refuses what can be told to fail, and completes the rest.
    fn admit(&self, mut request: Request) -> Result<Request, Code> {
        if !self.usable {
            return Err(Code::SchemaValidation);
        }
        if !request.operation.modifies() {
            return Ok(request);
        }
        if self.phase == Phase::Alone {
            return Err(Code::Ecomm);
        }
        if !self.may_change(&request) {
            return Err(Code::NoQuorum);
        }
        if request.options.has(crate::cib::CallOptions::TRANSACTION) {
            return Err(Code::Eopnotsupp);
        }
        if request.operation == Operation::Upgrade && request.schema_max.is_none() {
            // All members go to the schema that this one reached [CB-14.6].
            let mut scratch = self.cib.document().clone();
            let upgrade = schema::upgrade_to(&mut scratch, None);
            if !upgrade.rose() {
                return Err(upgrade.result.err().unwrap_or(Code::SchemaUnchanged));
            }
            request.schema_max = scratch.attr(scratch.root(), "validate-with").map(str::to_owned);
        }
        request.origin.get_or_insert_with(|| self.config.node_name.clone());
        Ok(request)
    }

    /// Whether quorum, or that it is not asked for, allows a request: without it only the status may change.
    fn may_change(&self, request: &Request) -> bool {
        let own = |client: &str| self.config.own_clients.iter().any(|own| own == client);
        self.has_say() || request.section.as_deref() == Some("status") || request.client.as_deref().is_some_and(own)
    }

    /// Whether changes of the configuration made here count against those made elsewhere.
    fn has_say(&self) -> bool {
        self.quorate || !self.config.quorum_for_configuration
    }

    fn broadcast(&mut self, message: &Message) {
        self.outputs.push_back(Output::Broadcast(message.encode()));
    }

    /// The membership changed, at this place of the ordered stream. `peers` includes this member.
    ///
    /// On channels that may deliver in a new membership what was sent in an older one, use [`Replica::handle_view`].
    pub fn handle_peers(&mut self, now: Duration, peers: &[MemberId]) {
        self.handle_view(now, View { number: 0, sequence: 1 }, peers);
    }

    /// The same with what tells this membership from others.
    pub fn handle_view(&mut self, now: Duration, view: View, peers: &[MemberId]) {
        self.peers = peers.to_vec();
        self.peers.sort_unstable();
        self.peers.dedup();
        self.round = u64::from(view.number) << 32;
        self.sequence = view.sequence;
        // Those who come together now did not all see what waits: it goes out again, to all of them.
        for (origin, number, request) in core::mem::take(&mut self.waiting) {
            if origin == self.config.member {
                self.hold(origin, number, request);
            } else {
                self.applied.see(origin, number);
            }
        }
        self.begin_round(now);
    }

    fn begin_round(&mut self, now: Duration) {
        self.offers.clear();
        self.choice = None;
        self.held.iter_mut().for_each(|h| h.passed_on = false);
        self.phase = Phase::Exchanging;
        if self.peers == [self.config.member] {
            self.synchronized(now, None);
            return;
        }
        let (version, digest, authority) = (self.cib.version(), self.cib.digest(), self.authority);
        let offer = Offer { round: self.round, version, digest, authority, applied: self.applied.clone() };
        self.broadcast(&Message::Offer(offer));
    }

    /// A message, at its place of the ordered stream; also those that this member sent itself.
    ///
    /// An error means that the message was malformed and ignored.
    pub fn handle_message(&mut self, now: Duration, from: MemberId, bytes: &[u8]) -> Result<(), MessageError> {
        match Message::decode(bytes, self.config.max_message)? {
            Message::Request { origin, number, request } => {
                if origin.is_some() && !self.may_change(&request) {
                    // Whoever passed it on did not know that quorum would be lost: it waits on.
                    self.hold(origin.unwrap_or(from), number, *request);
                } else {
                    self.request(now, origin.unwrap_or(from), number, *request);
                }
            }
            Message::Offer(offer) => self.offer(now, from, offer),
            Message::Sync { round, document, applied } => self.sync(now, from, round, *document, applied),
            Message::Check { version, digest } => self.check(from, version, &digest),
            Message::Diverged { version, .. } => {
                if self.phase == Phase::Synchronized && self.cib.version() == version {
                    self.outputs.push_back(Output::Diverged { member: from, version });
                    self.round += 1;
                    self.begin_round(now);
                }
            }
        }
        Ok(())
    }

    // --- requests

    fn request(&mut self, now: Duration, from: MemberId, number: u64, request: Request) {
        if self.phase == Phase::Synchronized {
            self.apply(now, from, number, &request);
        } else if self.waiting.len() < self.config.max_waiting {
            self.waiting.push_back((from, number, request));
        } else if from == self.config.member {
            self.reply(number, Err(Code::Ecomm), None);
        }
    }

    fn apply(&mut self, now: Duration, from: MemberId, number: u64, request: &Request) {
        let allowed = self.may_change(request);
        if !allowed && self.parting {
            return self.hold(from, number, request.clone());
        }
        if !self.applied.take(from, number) {
            // It was applied in another membership, and its effect came back with a copy.
            if from == self.config.member {
                self.reply(number, Ok(()), None);
            }
            return;
        }
        if !allowed {
            if from == self.config.member {
                self.reply(number, Err(Code::NoQuorum), None);
            }
            return;
        }
        let before = self.cib.version();
        let holder = if self.has_say() { Holder::Member } else { Holder::Minority };
        let outcome = self.cib.perform(request, holder);
        if outcome.changed {
            // Also when only the version rose: what was acknowledged must not go back.
            let after = self.cib.version();
            let rose = (before.admin_epoch, before.epoch) != (after.admin_epoch, after.epoch);
            let writes = rose || outcome.configuration || request.operation.writes_through();
            self.unsaved |= writes;
            self.check_at = Some(now + self.config.check_after);
            if self.has_say() {
                self.authority = self.sequence;
            }
        }
        if outcome.changed || outcome.patch.is_some() {
            self.outputs.push_back(Output::Changed(Changed {
                patch: outcome.patch,
                version: self.cib.version(),
                cause: Cause::Request { origin: from, operation: request.operation },
                configuration: outcome.configuration,
            }));
        }
        if from == self.config.member {
            self.reply(number, outcome.result, outcome.output);
        }
    }

    /// Keeps a request until a membership with quorum can decide on it.
    fn hold(&mut self, origin: MemberId, number: u64, request: Request) {
        self.applied.see(origin, number);
        if !self.applied.lacks(origin, number) || self.held.iter().any(|h| (h.origin, h.number) == (origin, number)) {
            return;
        }
        if self.held.len() < self.config.max_waiting {
            self.held.push(Held { origin, number, request, passed_on: false });
        } else if origin == self.config.member {
            self.reply(number, Err(Code::Ecomm), None);
        }
    }

    /// Sends what is held, to be decided at one place of the order; until it comes back it is held on.
    fn pass_on(&mut self) {
        let mut held = core::mem::take(&mut self.held);
        held.retain(|h| self.applied.lacks(h.origin, h.number) || self.is_awaited(h));
        for h in held.iter_mut() {
            if !h.passed_on && self.may_change(&h.request) {
                h.passed_on = true;
                let (origin, request) = (Some(h.origin), Box::new(h.request.clone()));
                self.broadcast(&Message::Request { origin, number: h.number, request });
            }
        }
        self.held = held;
    }

    /// Whether a client of this member still waits for the answer.
    fn is_awaited(&self, held: &Held) -> bool {
        held.origin == self.config.member && self.unanswered.contains_key(&held.number)
    }

    /// Without quorum nobody can say for how long a request will be held, nor whether others have applied it.
    fn answer_held(&mut self) {
        let me = self.config.member;
        let stuck = self.held.iter().filter(|h| h.origin == me && !self.may_change(&h.request));
        for number in stuck.map(|h| h.number).collect::<Vec<_>>() {
            self.reply(number, Err(Code::Ecomm), None);
        }
    }

    /// Answers after the document is on disk, if it has to go there.
    fn reply(&mut self, number: u64, result: Result<(), Code>, output: Option<Document>) {
        if let Some(id) = self.unanswered.remove(&number) {
            self.replies.push(Output::Reply { id, result, output });
        }
    }

    // --- bringing copies to one state

    fn offer(&mut self, now: Duration, from: MemberId, offer: Offer) {
        if self.phase != Phase::Exchanging || offer.round != self.round || !self.peers.contains(&from) {
            return;
        }
        self.offers.insert(from, offer);
        if self.offers.len() < self.peers.len() {
            return;
        }
        // All members see the same offers, and choose alike.
        let Some(choice) = Choice::among(&self.offers) else { return };
        self.authority = choice.authority;
        let best = &self.offers[&choice.owner];
        if self.offers.values().all(|o| o.version == best.version && o.digest == best.digest) {
            for offer in self.offers.values() {
                self.applied.merge(&offer.applied);
            }
            self.synchronized(now, None);
            return;
        }
        self.phase = Phase::Fetching(choice.owner);
        self.choice = Some(choice);
        if choice.owner == self.config.member {
            self.spread(self.cib.document().clone(), self.applied.clone());
        }
    }

    fn spread(&mut self, document: Document, applied: Progress) {
        self.broadcast(&Message::Sync { round: self.round, document: Box::new(document), applied });
    }

    fn sync(&mut self, now: Duration, from: MemberId, round: u64, document: Document, applied: Progress) {
        if self.phase != Phase::Fetching(from) || round != self.round {
            return;
        }
        let Some(choice) = self.choice else { return };
        if from != choice.keeper {
            // The newest document, but others know more of what runs: it becomes everybody's with their status.
            self.phase = Phase::Fetching(choice.keeper);
            if choice.keeper == self.config.member {
                self.spread(choice::with_status(document, &self.cib), applied);
            }
            return;
        }
        // The copy knows what is in it; what was applied to another one alone is lost, and may go out again.
        self.applied = applied;
        if from != self.config.member || choice.owner != choice.keeper {
            self.adopt(from, Cib::from_document(document));
        }
        self.check_at = Some(now + self.config.check_after);
        self.synchronized(now, Some(from));
    }

    fn adopt(&mut self, owner: MemberId, fresh: Cib) {
        let configuration = |v: Version| (v.admin_epoch, v.epoch);
        if configuration(fresh.version()) > configuration(self.cib.version()) {
            // Others went on with quorum: what all had is in their copy, and what its own sender still wants it sends.
            let mut held = core::mem::take(&mut self.held);
            held.retain(|h| self.is_awaited(h));
            self.held = held;
        }
        let patch = diff(&self.cib, &fresh, Ordered::Yes);
        if patch.is_some() {
            self.cib = fresh;
            self.unsaved = true;
            self.usable = schema::validate(&self.cib).is_ok();
            self.outputs.push_back(Output::Changed(Changed {
                patch,
                version: self.cib.version(),
                cause: Cause::Synchronization { owner },
                configuration: true,
            }));
        }
    }

    fn synchronized(&mut self, now: Duration, owner: Option<MemberId>) {
        self.phase = Phase::Synchronized;
        self.offers.clear();
        self.choice = None;
        self.outputs.push_back(Output::Synchronized { version: self.cib.version(), owner });
        for (origin, number, request) in core::mem::take(&mut self.waiting) {
            self.apply(now, origin, number, &request);
        }
        self.pass_on();
    }

    // --- comparison in quiet times

    fn check(&mut self, from: MemberId, version: crate::cib::Version, theirs: &str) {
        if self.phase != Phase::Synchronized || from == self.config.member || self.cib.version() != version {
            return;
        }
        let ours = digest::versioned(&self.cib);
        if ours != theirs {
            self.broadcast(&Message::Diverged { version, digest: ours });
        }
    }
}
