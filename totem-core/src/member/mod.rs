//! One member of a cluster: ring, packing, synchronisation, quorum, process groups and configuration behind five verbs.
//!
//! [`Member`] is what a service embeds. It owns a [`Ring`] and the services above it, routes ordered
//! messages to them, walks them through synchronisation after each ring change, and turns what the ring sends into
//! datagrams with addresses.
//!
//! # Order of what users see
//!
//! Outputs keep the total order: a [`Configuration`](Output::Configuration) stands between the messages of the old ring and
//! those of the new one. After the regular change the services synchronise; group changes and the quorum decision of the
//! new ring follow, then [`Synchronized`](Output::Synchronized). Only from there on [`Member::send`] takes messages again.

mod config;
mod output;
mod route;

pub use config::{Config, Identity, LinkIx, Peer, Transport};
pub use output::{GroupChange, Output, QuorumChange};

use crate::config::{ConfigVersions, Control, CsError};
use crate::groups::{ConnectionId, GroupName, Groups};
use crate::link::Knet;
use crate::quorum::{QuorumView, VoteQuorum};
use crate::ring::{self, Guarantee, Ring};
use crate::sync::{Service, ServiceId, Synchroniser};
use crate::wire::{NodeId, RingId};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Busy {
    /// The services synchronise after a ring change: try again after [`Output::Synchronized`].
    #[error("the services synchronise")]
    Synchronising,
    /// Too much waits for the token: try again when it has passed.
    #[error("{waiting} messages wait for the token")]
    Queue {
        /// Messages that wait.
        waiting: usize,
    },
    /// This member has not joined the group.
    #[error("not a member of the group")]
    NotJoined,
    /// The group service refused.
    #[error("refused: {0:?}")]
    Refused(CsError),
}

/// A message on its way to the ring, in parts that are laid back to back.
#[derive(Debug)]
struct Parcel {
    groups: &'static [u8],
    head: Bytes,
    payload: Bytes,
    guarantee: Guarantee,
}

/// Parcels that may wait beside the ring's own queue before [`Member::send`] refuses.
const OUTGOING: usize = 64;

/// A cluster member without I/O.
pub struct Member {
    config: Config,
    now: Duration,
    ring: Ring,
    sync: Synchroniser,
    synchronising: bool,
    versions: ConfigVersions,
    control: Control,
    groups: Groups,
    view: QuorumView,
    votes: Option<VoteQuorum>,
    /// Own groups by name: the connections behind [`Member::join`].
    joined: BTreeMap<GroupName, ConnectionId>,
    process_id: u32,
    /// What waits for room in the ring's queue.
    outgoing: VecDeque<Parcel>,
    /// What waits for the end of synchronisation.
    held: VecDeque<Parcel>,
    outputs: VecDeque<Output>,
    /// Where in the order the services are: the ring of the last message, and its position.
    place: (RingId, u32),
    /// Datagrams refused before the ring saw them.
    unlisted: u64,
    /// What messages travel over, where it is not plain datagrams.
    links: Option<Knet>,
}

impl Member {
    /// A member that starts at once: its first outputs are ready.
    ///
    /// # Errors
    /// If the bounds or timers of the ring are impossible, or this node is not among the peers.
    pub fn new(config: Config, identity: Identity, now: Duration) -> Result<Self, ring::ConfigError> {
        Self::build(config, identity, None, now)
    }

    /// A member whose messages travel over redundant, protected links instead of plain datagrams.
    ///
    /// # Errors
    /// As [`Member::new`].
    pub fn over_links(
        config: Config,
        identity: Identity,
        links: Knet,
        now: Duration,
    ) -> Result<Self, ring::ConfigError> {
        Self::build(config, identity, Some(links), now)
    }

    fn build(
        config: Config,
        identity: Identity,
        links: Option<Knet>,
        now: Duration,
    ) -> Result<Self, ring::ConfigError> {
        config.ring.validate()?;
        let me = identity.node;
        let ring_identity = ring::Identity { node: me, ring_sequence: identity.ring_sequence, seed: identity.seed };
        let mut ring_config = config.ring.clone();
        ring_config.nodes = config.peers.iter().map(|p| p.node).collect();
        let votes = config.quorum.clone().map(|options| VoteQuorum::new(me, options, identity.tracked_votes));
        let provider = votes.as_ref().map(|_| "corosync_votequorum");
        let mut versions = ConfigVersions::new(me, config.version);
        for peer in &config.peers {
            let links = peer.addresses.iter().enumerate();
            versions.set_addresses(peer.node, links.map(|(link, a)| (link as u8, a.ip())));
        }
        let mut local = vec![ServiceId::CMAP, ServiceId::CPG, ServiceId::QUORUM];
        local.extend(votes.is_some().then_some(ServiceId::VOTEQUORUM));
        let mut member = Self {
            now,
            ring: Ring::new(ring_config, ring_identity, now),
            sync: Synchroniser::new(local),
            synchronising: true,
            versions,
            control: Control::new(me),
            groups: Groups::new(me),
            view: QuorumView::new(provider),
            votes,
            joined: BTreeMap::new(),
            process_id: identity.process_id,
            outgoing: VecDeque::new(),
            held: VecDeque::new(),
            outputs: VecDeque::new(),
            place: (RingId { rep: me, seq: 0 }, 0),
            unlisted: 0,
            links,
            config,
        };
        member.drain_services();
        member.handle_interface_up(now);
        Ok(member)
    }

    /// The interface is up again, or has changed.
    pub fn handle_interface_up(&mut self, now: Duration) {
        self.now = now;
        self.ring.handle_interface_up(now);
        self.pump();
    }

    /// One datagram that came in on `link`. Nothing in it can panic the member or make it allocate beyond the frame limit.
    pub fn handle_datagram(&mut self, now: Duration, _link: LinkIx, from: SocketAddr, datagram: Bytes) {
        self.now = now;
        if let Some(links) = &mut self.links {
            links.handle_datagram(now, from, &datagram);
            self.pump();
            return;
        }
        if self.config.block_unlisted && !self.config.peers.iter().any(|p| p.has_address(from.ip())) {
            self.unlisted += 1;
            return;
        }
        self.ring.handle_datagram(now, datagram);
        self.pump();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = now;
        if let Some(links) = &mut self.links {
            links.handle_timeout(now);
        }
        self.ring.handle_timeout(now);
        self.control.handle_timeout(now);
        self.groups.handle_timeout(now);
        if let Some(votes) = &mut self.votes {
            votes.handle_timeout(now);
        }
        self.drain_services();
        self.pump();
    }

    /// Joins a group: the [`GroupChange`] that names this member completes it.
    ///
    /// # Errors
    /// As the group service answers; joining twice is [`CsError::Exist`].
    pub fn join(&mut self, group: GroupName) -> Result<ConnectionId, CsError> {
        if self.joined.contains_key(&group) {
            return Err(CsError::Exist);
        }
        let connection = self.groups.connect(self.process_id);
        if let Err(e) = self.groups.join(connection, group.clone(), false) {
            self.groups.disconnect(connection);
            return Err(e);
        }
        self.joined.insert(group, connection);
        self.services_changed();
        Ok(connection)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// [`CsError::NotExist`] if this member has not joined it.
    pub fn leave(&mut self, group: &GroupName) -> Result<(), CsError> {
        let connection = self.joined.remove(group).ok_or(CsError::NotExist)?;
        // A join that was not delivered yet cannot be left, only given up.
        let _ = self.groups.leave(connection);
        self.groups.disconnect(connection);
        self.services_changed();
        Ok(())
    }

    /// Sends to a group that this member joined. With [`Guarantee::Safe`] no member sees the message before every member of the
    /// ring has it: what it causes is not lost with this node.
    ///
    /// # Errors
    /// While the services synchronise, or too much waits already.
    pub fn send(&mut self, group: &GroupName, payload: Bytes, guarantee: Guarantee) -> Result<(), Busy> {
        let Some(&connection) = self.joined.get(group) else { return Err(Busy::NotJoined) };
        self.multicast(connection, payload, guarantee)
    }

    /// Sends to the group of a connection.
    ///
    /// # Errors
    /// As [`Member::send`].
    pub fn multicast(&mut self, connection: ConnectionId, payload: Bytes, guarantee: Guarantee) -> Result<(), Busy> {
        if self.synchronising {
            return Err(Busy::Synchronising);
        }
        let waiting = self.outgoing.len();
        if waiting >= OUTGOING {
            return Err(Busy::Queue { waiting });
        }
        self.groups.multicast(connection, payload, guarantee).map_err(Busy::Refused)?;
        self.services_changed();
        Ok(())
    }

    /// Lets several clients of one process (or the tools) use the group service itself.
    pub fn with_groups<T>(&mut self, f: impl FnOnce(&mut Groups) -> T) -> T {
        let result = f(&mut self.groups);
        self.services_changed();
        result
    }

    /// The vote quorum service, for its requests; `None` without a provider.
    pub fn with_votes<T>(&mut self, f: impl FnOnce(&mut VoteQuorum) -> T) -> Option<T> {
        let result = self.votes.as_mut().map(f);
        self.services_changed();
        result
    }

    /// The redundant links, where there are any: reports of the system, changes of keys and timers.
    pub fn with_links<T>(&mut self, now: Duration, f: impl FnOnce(&mut Knet) -> T) -> Option<T> {
        self.now = now;
        let result = self.links.as_mut().map(f);
        self.pump();
        result
    }

    /// The configuration service, for its requests.
    pub fn with_control<T>(&mut self, f: impl FnOnce(&mut Control) -> T) -> T {
        let result = f(&mut self.control);
        self.services_changed();
        result
    }

    /// The own configuration version changed.
    pub fn set_config_version(&mut self, version: Option<u64>) {
        self.versions.set_version(version);
        self.services_changed();
    }

    /// Leaves in order.
    pub fn shutdown(&mut self, now: Duration) {
        self.now = now;
        self.ring.shutdown(now);
        self.pump();
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Member::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let services = [
            self.control.poll_timeout(),
            self.groups.poll_timeout(),
            self.votes.as_ref().and_then(Service::poll_timeout),
            self.links.as_ref().and_then(Knet::poll_timeout),
        ];
        services.into_iter().chain([self.ring.poll_timeout()]).flatten().min()
    }

    /// A look at the member.
    pub fn status(&self) -> Status<'_> {
        Status {
            ring: self.ring.status(),
            synchronising: self.synchronising,
            quorate: self.view.is_quorate(),
            groups: &self.groups,
            votes: self.votes.as_ref(),
            outgoing: self.outgoing.len() + self.held.len(),
            unlisted: self.unlisted,
            links: self.links.as_ref(),
        }
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.ring.status().node
    }

    /// The configuration in use.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A look at a member.
#[derive(Clone, Copy)]
pub struct Status<'a> {
    /// The ring.
    pub ring: ring::Status<'a>,
    /// Whether the services synchronise: nothing can be sent.
    pub synchronising: bool,
    /// Whether this partition may act.
    pub quorate: bool,
    /// The group service: its members and processes.
    pub groups: &'a Groups,
    /// The vote quorum service, if it is the provider.
    pub votes: Option<&'a VoteQuorum>,
    /// Messages that wait for room in the ring's queue or for the end of synchronisation.
    pub outgoing: usize,
    /// Datagrams from addresses outside the node list.
    pub unlisted: u64,
    /// The redundant links, where there are any.
    pub links: Option<&'a Knet>,
}
