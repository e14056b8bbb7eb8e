//! From the ring to the services and back.

use super::{GroupChange, LinkIx, Member, Output, Parcel, QuorumChange, Transport};
use crate::config::VersionOutput;
use crate::groups;
use crate::link;
use crate::quorum::{self, ViewOutput};
use crate::ring::{self, ConfigurationChange, Guarantee, Message, Notice};
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, Step, SyncPhase};
use crate::wire::{Executive, GROUP_SERVICES, GROUP_SYNC, GroupHeader, NodeId, RingId, SyncMessage, WireError};
use bytes::{Buf, Bytes};

/// The group header of the services' group. [TM-5.2]
const TO_SERVICES: &[u8] = &[1, 0, 1, 0, b'a'];
/// The group header of the synchronisation group.
const TO_SYNC: &[u8] = &[1, 0, 4, 0, b's', b'y', b'n', b'c'];

impl Member {
    /// Carries out what the ring put out, until it and the services have nothing more to say.
    pub(super) fn pump(&mut self) {
        loop {
            while let Some(output) = self.ring.poll_output() {
                self.on_ring(output);
            }
            let came = self.carry_links();
            if !self.hand_over() && !came {
                break;
            }
        }
    }

    /// After a request to a service.
    pub(super) fn services_changed(&mut self) {
        self.drain_services();
        self.pump();
    }

    fn on_ring(&mut self, output: ring::Output) {
        match output {
            ring::Output::PersistRingSequence(seq) => self.outputs.push_back(Output::PersistRingSequence(seq)),
            ring::Output::Unicast { to, datagram } => self.unicast(to, datagram),
            ring::Output::Multicast { datagram } => self.multicast_datagram(&datagram),
            ring::Output::Message(message) => self.on_message(message),
            ring::Output::Configuration(change) => self.on_configuration(change),
            ring::Output::TokenAccepted => {
                if self.sync.is_running() {
                    self.sync.handle_token();
                    self.synchronise();
                }
            }
            ring::Output::CheckInterface => self.outputs.push_back(Output::CheckInterface),
            ring::Output::Notice(notice) => self.outputs.push_back(Output::Notice(notice)),
        }
    }

    /// Carries out what the links want, and says whether they had something for the ring.
    fn carry_links(&mut self) -> bool {
        let mut came = false;
        while let Some(output) = self.links.as_mut().and_then(link::Knet::poll_output) {
            match output {
                link::Output::Transmit { link, to, datagram } => {
                    self.outputs.push_back(Output::Transmit { link: LinkIx(link), to, datagram });
                }
                link::Output::Deliver(message) => {
                    came = true;
                    self.ring.handle_datagram(self.now, message);
                }
                link::Output::Log(line) => self.outputs.push_back(Output::Log(line)),
                link::Output::Link { host, link, up } => self.outputs.push_back(Output::Link { host, link, up }),
                // The log says these too; who wants their state looks at the links themselves.
                link::Output::Host { .. } | link::Output::DataMtu(_) => {}
            }
        }
        came
    }

    fn unicast(&mut self, to: NodeId, datagram: Bytes) {
        if let Some(links) = &mut self.links {
            links.send(self.now, Some(to), &datagram);
            return;
        }
        if let Some(&to) = self.config.peers.iter().find(|p| p.node == to).and_then(|p| p.addresses.first()) {
            self.outputs.push_back(Output::Transmit { link: LinkIx(0), to, datagram });
        }
    }

    fn multicast_datagram(&mut self, datagram: &Bytes) {
        if let Some(links) = &mut self.links {
            links.send(self.now, None, datagram);
            return;
        }
        let me = self.node();
        match &self.config.transport {
            Transport::Udpu => {
                for peer in self.config.peers.iter().filter(|p| p.node != me) {
                    if let Some(&to) = peer.addresses.first() {
                        self.outputs.push_back(Output::Transmit { link: LinkIx(0), to, datagram: datagram.clone() });
                    }
                }
            }
            &Transport::Udp { group } => {
                self.outputs.push_back(Output::Transmit { link: LinkIx(0), to: group, datagram: datagram.clone() });
            }
        }
    }

    fn on_message(&mut self, message: Message) {
        if let Err(e) = self.deliver(message) {
            self.outputs.push_back(Output::Notice(Notice::Refused(e)));
        }
        self.synchronise();
    }

    fn deliver(&mut self, message: Message) -> Result<(), WireError> {
        self.place = (message.ring, message.seq);
        let groups = [GROUP_SYNC, GROUP_SERVICES];
        let ([sync, services], at) = GroupHeader::addressed(&message.payload, message.order, groups)?;
        let mut data = message.payload;
        data.advance(at);
        if sync {
            self.sync.handle_message(message.from, &SyncMessage::decode(&data, message.order)?);
        }
        if !services {
            return Ok(());
        }
        let executive = Executive::decode(&data, message.order)?;
        let (from, order, now) = (message.from, message.order, self.now);
        let message = ServiceMessage { from, function: executive.function(), order, data };
        let result = match ServiceId(executive.service()) {
            ServiceId::CMAP => self.versions.handle_message(now, &message),
            ServiceId::CFG => self.control.handle_message(now, &message),
            ServiceId::CPG => self.groups.handle_message(now, &message),
            ServiceId::QUORUM => self.view.handle_message(now, &message),
            ServiceId::VOTEQUORUM => self.votes.as_mut().map_or(Ok(()), |v| v.handle_message(now, &message)),
            // a service that is not loaded here [TM-5.3]
            _ => Ok(()),
        };
        self.drain_services();
        result
    }

    /// The fan-out of [TM-14.2]: services in ascending order, then synchronisation.
    fn on_configuration(&mut self, change: ConfigurationChange) {
        self.synchronising = true;
        let now = self.now;
        self.versions.handle_configuration(now, &change);
        self.control.handle_configuration(now, &change);
        self.groups.handle_configuration(now, &change);
        self.view.handle_configuration(now, &change);
        if let Some(votes) = &mut self.votes {
            votes.handle_configuration(now, &change);
        }
        self.sync.handle_configuration(&change);
        self.outputs.push_back(Output::Configuration(change));
        self.drain_services();
        self.synchronise();
    }

    fn synchronise(&mut self) {
        while let Some(step) = self.sync.poll_step() {
            match step {
                Step::Send(message) => self.outgoing.push_back(Parcel {
                    groups: TO_SYNC,
                    head: message.encode(),
                    payload: Bytes::new(),
                    guarantee: Guarantee::Agreed,
                }),
                Step::Init { transitional, members, ring } => {
                    for service in [ServiceId::CMAP, ServiceId::CPG, ServiceId::QUORUM, ServiceId::VOTEQUORUM] {
                        let (transitional, members) = (&transitional[..], &members[..]);
                        self.phase(service, SyncPhase::Init { transitional, members, ring });
                    }
                }
                Step::Process(service) => {
                    // what it sends stands before its barrier
                    let progress = self.phase(service, SyncPhase::Process);
                    if progress == Progress::Done {
                        self.sync.handle_done(service);
                    }
                }
                Step::Activate(service) => {
                    self.phase(service, SyncPhase::Activate);
                }
                Step::Abort(service) => {
                    self.phase(service, SyncPhase::Abort);
                }
                Step::Done(ring) => self.synchronised(ring),
            }
        }
    }

    fn phase(&mut self, service: ServiceId, phase: SyncPhase<'_>) -> Progress {
        let now = self.now;
        let progress = match service {
            ServiceId::CMAP => self.versions.handle_sync(now, phase),
            ServiceId::CPG => self.groups.handle_sync(now, phase),
            ServiceId::QUORUM => self.view.handle_sync(now, phase),
            ServiceId::VOTEQUORUM => self.votes.as_mut().map_or(Progress::Done, |v| v.handle_sync(now, phase)),
            _ => Progress::Done,
        };
        self.drain_services();
        progress
    }

    fn synchronised(&mut self, ring: RingId) {
        self.synchronising = false;
        self.ring.handle_synchronized();
        self.outgoing.append(&mut self.held);
        self.outputs.push_back(Output::Synchronized(ring));
    }

    /// Gives the ring what waits, as far as its queue has room; true if it took something.
    fn hand_over(&mut self) -> bool {
        let mut any = false;
        while let Some(parcel) = self.outgoing.front() {
            let parts: [&[u8]; 3] = [parcel.groups, &parcel.head, &parcel.payload];
            match self.ring.send(&parts, parcel.guarantee) {
                Err(ring::SendError::Busy { .. }) => break,
                // the services refuse what the ring could never carry; nothing can be done about it here
                Ok(()) | Err(_) => any = true,
            }
            self.outgoing.pop_front();
        }
        any
    }

    /// Collects what the services want to send and to tell, in ascending order of their numbers.
    pub(super) fn drain_services(&mut self) {
        while let Some(send) = self.versions.poll_send() {
            self.post(send);
        }
        while let Some(output) = self.versions.poll_output() {
            self.outputs.push_back(match output {
                VersionOutput::Key(key, value) => Output::Key(key, value),
                VersionOutput::Stop => Output::Stop,
                VersionOutput::Log(line) => Output::Log(line),
            });
        }
        while let Some(send) = self.control.poll_send() {
            self.post(send);
        }
        while let Some(output) = self.control.poll_output() {
            self.outputs.push_back(Output::Control(output));
        }
        while let Some(send) = self.groups.poll_send() {
            self.post(send);
        }
        while let Some(output) = self.groups.poll_output() {
            self.on_groups(output);
        }
        self.drain_votes();
        self.drain_view();
    }

    fn drain_votes(&mut self) {
        let Some(votes) = &mut self.votes else { return };
        let sends: Vec<_> = std::iter::from_fn(|| votes.poll_send()).collect();
        let told: Vec<_> = std::iter::from_fn(|| votes.poll_output()).collect();
        sends.into_iter().for_each(|send| self.post(send));
        for output in told {
            match output {
                quorum::Output::Decided { quorate, ring, members } => {
                    self.view.handle_decision(quorate, ring, &members);
                    // clients of the quorum service hear of it before those of the provider
                    self.drain_view();
                }
                quorum::Output::Key(key, value) => self.outputs.push_back(Output::Key(key.to_owned(), value)),
                quorum::Output::PersistTracking(votes) => self.outputs.push_back(Output::PersistTracking(votes)),
                quorum::Output::Log(line) => self.outputs.push_back(Output::Log(line)),
                other => self.outputs.push_back(Output::Votes(other)),
            }
        }
    }

    fn drain_view(&mut self) {
        while let Some(output) = self.view.poll_output() {
            self.outputs.push_back(match output {
                ViewOutput::Quorum { quorate, ring, members } => {
                    Output::Quorum(QuorumChange { quorate, ring, members })
                }
                ViewOutput::Log(line) => Output::Log(line),
                other => Output::View(other),
            });
        }
    }

    fn on_groups(&mut self, output: groups::Output) {
        self.outputs.push_back(match output {
            groups::Output::Message { to, group, node, pid, payload } => {
                let (ring, seq) = self.place;
                Output::Message { to, group, from: node, pid, ring, seq, payload }
            }
            groups::Output::Change { to, group, members, left, joined } => {
                Output::Group(GroupChange { to, group, members, left, joined })
            }
            groups::Output::Ring { to, ring, members } => Output::GroupRing { to, ring, members },
            groups::Output::Log(line) => Output::Log(line),
        });
    }

    /// A message of a service: ordinary ones wait for the end of synchronisation. [TM-14.2]
    fn post(&mut self, send: Outgoing) {
        let parcel = Parcel { groups: TO_SERVICES, head: send.head, payload: send.payload, guarantee: send.guarantee };
        if self.synchronising && !send.during_sync {
            self.held.push_back(parcel);
        } else {
            self.outgoing.push_back(parcel);
        }
    }
}
