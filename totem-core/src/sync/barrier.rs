//! The state machine of synchronisation. [TM-14.3]

use super::ServiceId;
use crate::ring::{ConfigurationChange, ConfigurationKind};
use crate::wire::{Barrier, MAX_SERVICES, NodeId, RingId, ServiceBuild, SyncMessage};
use std::collections::{BTreeSet, VecDeque};

/// What synchronisation asks of its composition, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Multicast to the group of synchronisation.
    Send(SyncMessage),
    /// Tell every service that takes part, ascending, that a round starts.
    Init {
        /// Members that came along and are in the new ring.
        transitional: Vec<NodeId>,
        /// Members of the new ring.
        members: Vec<NodeId>,
        /// The new ring.
        ring: RingId,
    },
    /// The service's turn; answer with [`Synchroniser::handle_done`] once it has said all it has to.
    Process(ServiceId),
    /// Every member is done with the service.
    Activate(ServiceId),
    /// The round is cut off; the service was in its turn.
    Abort(ServiceId),
    /// The round is complete: ordinary messages may flow.
    Done(RingId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// No round.
    Idle,
    /// Waiting for everybody's list of services.
    Building,
    /// Service number `index` of the union; `done` once this node's barrier is out.
    Serving { index: usize, done: bool },
}

/// The barrier after each membership change: all members go through the union of their services in ascending order, and
/// nobody goes on before everybody is done.
#[derive(Debug)]
pub struct Synchroniser {
    local: Vec<ServiceId>,
    services: BTreeSet<u32>,
    phase: Phase,
    ring: Option<RingId>,
    members: Vec<NodeId>,
    transitional: Vec<NodeId>,
    reported: BTreeSet<NodeId>,
    steps: VecDeque<Step>,
}

impl Synchroniser {
    /// A synchroniser of these local services.
    pub fn new(local: impl IntoIterator<Item = ServiceId>) -> Self {
        let mut local: Vec<_> = local.into_iter().collect();
        local.sort_unstable();
        Self {
            local,
            services: BTreeSet::new(),
            phase: Phase::Idle,
            ring: None,
            members: Vec::new(),
            transitional: Vec::new(),
            reported: BTreeSet::new(),
            steps: VecDeque::new(),
        }
    }

    /// Whether a round is under way.
    pub fn is_running(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// The next step, in order.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// A change of the ring: the first of a pair cuts the round off, the second starts one. [TM-14.2]
    pub fn handle_configuration(&mut self, change: &ConfigurationChange) {
        self.abort();
        match change.kind {
            ConfigurationKind::Transitional => self.transitional.clone_from(&change.members),
            ConfigurationKind::Regular => self.start(change),
        }
    }

    fn abort(&mut self) {
        if let Phase::Serving { index, .. } = self.phase
            && let Some(service) = self.local_service(index)
        {
            self.steps.push_back(Step::Abort(service));
        }
        self.phase = Phase::Idle;
        self.ring = None;
    }

    fn start(&mut self, change: &ConfigurationChange) {
        self.ring = Some(change.ring);
        self.members.clone_from(&change.members);
        self.reported.clear();
        self.services = self.local.iter().map(|s| u32::from(s.0)).collect();
        self.phase = Phase::Building;
        let services = self.services.iter().copied().collect();
        self.steps.push_back(Step::Send(SyncMessage::ServiceBuild(ServiceBuild { ring: change.ring, services })));
        self.transitional.retain(|n| change.members.contains(n));
        self.steps.push_back(Step::Init {
            transitional: self.transitional.clone(),
            members: self.members.clone(),
            ring: change.ring,
        });
    }

    /// The local service with this place in the union, if it is one.
    fn local_service(&self, index: usize) -> Option<ServiceId> {
        let id = *self.services.iter().nth(index)?;
        self.local.iter().copied().find(|s| u32::from(s.0) == id)
    }

    /// A message of the group of synchronisation; late ones of other rings are ignored.
    pub fn handle_message(&mut self, from: NodeId, message: &SyncMessage) {
        match message {
            SyncMessage::ServiceBuild(build) if Some(build.ring) == self.ring => {
                if self.phase != Phase::Building {
                    return;
                }
                for &id in &build.services {
                    if self.services.len() < MAX_SERVICES {
                        self.services.insert(id);
                    }
                }
                if self.report(from) {
                    self.serve(0);
                }
            }
            SyncMessage::Barrier(barrier) if Some(barrier.ring) == self.ring => {
                let Phase::Serving { index, .. } = self.phase else { return };
                if self.report(from) {
                    if let Some(service) = self.local_service(index) {
                        self.steps.push_back(Step::Activate(service));
                    }
                    self.serve(index + 1);
                }
            }
            _ => {}
        }
    }

    /// Marks a member as reported; true when all have.
    fn report(&mut self, from: NodeId) -> bool {
        if self.members.contains(&from) {
            self.reported.insert(from);
        }
        self.members.iter().all(|m| self.reported.contains(m))
    }

    fn serve(&mut self, index: usize) {
        self.reported.clear();
        if index < self.services.len() {
            self.phase = Phase::Serving { index, done: false };
        } else {
            self.phase = Phase::Idle;
            if let Some(ring) = self.ring {
                self.steps.push_back(Step::Done(ring));
            }
        }
    }

    /// A token was accepted: the service in its turn goes on. Services of others only need the barrier.
    pub fn handle_token(&mut self) {
        let Phase::Serving { index, done: false } = self.phase else { return };
        match self.local_service(index) {
            Some(service) => self.steps.push_back(Step::Process(service)),
            None => self.barrier(index),
        }
    }

    /// The service has said all it has to.
    pub fn handle_done(&mut self, service: ServiceId) {
        if let Phase::Serving { index, done: false } = self.phase
            && self.local_service(index) == Some(service)
        {
            self.barrier(index);
        }
    }

    fn barrier(&mut self, index: usize) {
        let Some(ring) = self.ring else { return };
        self.phase = Phase::Serving { index, done: true };
        self.steps.push_back(Step::Send(SyncMessage::Barrier(Barrier { ring })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: ConfigurationKind, seq: u64, members: &[u32]) -> ConfigurationChange {
        let members: Vec<_> = members.iter().copied().map(NodeId).collect();
        let ring = RingId::new(NodeId(1), seq);
        ConfigurationChange { kind, ring, members, left: Vec::new(), joined: Vec::new() }
    }

    fn steps(s: &mut Synchroniser) -> Vec<String> {
        std::iter::from_fn(|| s.poll_step())
            .map(|step| match step {
                Step::Send(SyncMessage::ServiceBuild(b)) => format!("build {:?}", b.services),
                Step::Send(SyncMessage::Barrier(_)) => "barrier".into(),
                Step::Init { transitional, members, .. } => format!("init {} of {}", transitional.len(), members.len()),
                Step::Process(s) => format!("process {}", s.0),
                Step::Activate(s) => format!("activate {}", s.0),
                Step::Abort(s) => format!("abort {}", s.0),
                Step::Done(_) => "done".into(),
            })
            .collect()
    }

    fn build(seq: u64, services: &[u32]) -> SyncMessage {
        let ring = RingId::new(NodeId(1), seq);
        SyncMessage::ServiceBuild(ServiceBuild { ring, services: services.to_vec() })
    }

    fn barrier(seq: u64) -> SyncMessage {
        SyncMessage::Barrier(Barrier { ring: RingId::new(NodeId(1), seq) })
    }

    /// Two members, one of which has a service that the other knows nothing of.
    #[test]
    fn members_walk_the_union_of_their_services() {
        let mut s = Synchroniser::new([ServiceId::CPG, ServiceId::CMAP]);
        s.handle_configuration(&change(ConfigurationKind::Transitional, 5, &[1]));
        s.handle_configuration(&change(ConfigurationKind::Regular, 5, &[1, 2]));
        assert_eq!(steps(&mut s), ["build [0, 2]", "init 1 of 2"]);
        s.handle_message(NodeId(1), &build(5, &[0, 2]));
        s.handle_token();
        assert!(steps(&mut s).is_empty());
        s.handle_message(NodeId(2), &build(1, &[9]));
        s.handle_message(NodeId(2), &build(5, &[2, 5]));
        for (service, last) in [(Some(ServiceId::CMAP), false), (Some(ServiceId::CPG), false), (None, true)] {
            s.handle_token();
            if let Some(service) = service {
                assert_eq!(steps(&mut s), [format!("process {}", service.0)]);
                s.handle_done(service);
            }
            assert_eq!(steps(&mut s), ["barrier"]);
            s.handle_message(NodeId(2), &barrier(5));
            assert!(steps(&mut s).is_empty());
            s.handle_message(NodeId(1), &barrier(5));
            let mut want: Vec<_> = service.iter().map(|s| format!("activate {}", s.0)).collect();
            want.extend(last.then(|| "done".to_string()));
            assert_eq!(steps(&mut s), want);
        }
        assert!(!s.is_running());
    }

    #[test]
    fn a_change_cuts_the_round_off() {
        let mut s = Synchroniser::new([ServiceId::CPG]);
        s.handle_configuration(&change(ConfigurationKind::Transitional, 5, &[]));
        s.handle_configuration(&change(ConfigurationKind::Regular, 5, &[1]));
        s.handle_message(NodeId(1), &build(5, &[2]));
        s.handle_token();
        steps(&mut s);
        s.handle_configuration(&change(ConfigurationKind::Transitional, 9, &[1]));
        assert_eq!(steps(&mut s), ["abort 2"]);
        s.handle_message(NodeId(1), &barrier(5));
        assert!(steps(&mut s).is_empty() && !s.is_running());
    }
}
