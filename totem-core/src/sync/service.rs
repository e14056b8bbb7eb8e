//! What a service attached to the ring looks like: messages and phases as data, nothing called back. [TM-5.3] [TM-14.2]

use crate::ring::{ConfigurationChange, Guarantee};
use crate::wire::{ByteOrder, EXECUTIVE_LEN, Executive, NodeId, RingId, WireError};
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// Number of a service on the wire; the lower one synchronises first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServiceId(pub u16);

impl ServiceId {
    /// Configuration map: exchanges the configuration version.
    pub const CMAP: Self = Self(0);
    /// Configuration service: kill, shutdown, reload. Takes no part in synchronisation.
    pub const CFG: Self = Self(1);
    /// Closed process groups.
    pub const CPG: Self = Self(2);
    /// Quorum: synchronises without messages.
    pub const QUORUM: Self = Self(3);
    /// Profile loading. Takes no part in synchronisation.
    pub const PLOAD: Self = Self(4);
    /// Vote quorum.
    pub const VOTEQUORUM: Self = Self(5);

    /// The name in the daemons' logs. [TM-14.3]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "corosync configuration map access",
            1 => "corosync configuration service",
            2 => "corosync cluster closed process group service v1.01",
            3 => "corosync cluster quorum service v0.1",
            4 => "corosync profile loading service",
            5 => "corosync vote quorum service v1.0",
            _ => "Unknown External Service",
        }
    }
}

/// An ordered message for one service, its own ones included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceMessage {
    /// The originator.
    pub from: NodeId,
    /// The function number of the executive header.
    pub function: u16,
    /// The originator's byte order.
    pub order: ByteOrder,
    /// The whole structure: offsets count from the first byte of the executive header, as in the specification.
    pub data: Bytes,
}

/// A message that a service wants to multicast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The structure, executive header first.
    pub head: Bytes,
    /// What follows it without being copied together first (a user's payload); may be empty.
    pub payload: Bytes,
    /// Carried in the frame.
    pub guarantee: Guarantee,
    /// True: goes out during synchronisation too (what `Process` sends). False: held back until it ends. [TM-14.2]
    pub during_sync: bool,
}

impl Outgoing {
    /// Function `function` of `service`, with `body` behind the executive header (its first byte is offset 16).
    pub fn new(service: ServiceId, function: u16, body: &[u8], payload: Bytes) -> Self {
        let size = EXECUTIVE_LEN + body.len() + payload.len();
        let mut head = BytesMut::with_capacity(EXECUTIVE_LEN + body.len());
        head.extend_from_slice(&Executive::of(service.0, function, size).encode());
        head.extend_from_slice(body);
        Self { head: head.freeze(), payload, guarantee: Guarantee::Agreed, during_sync: false }
    }

    /// Lets the message go out while services synchronise.
    pub fn in_sync(mut self) -> Self {
        self.during_sync = true;
        self
    }
}

/// Where synchronisation is, told to one service. [TM-14.3]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyncPhase<'a> {
    /// A new ring: told to every service, ascending, before any message of the ring.
    Init {
        /// Members that came along from the last completed round, in the transitional change's order.
        transitional: &'a [NodeId],
        /// Members of the new ring, ascending.
        members: &'a [NodeId],
        /// The new ring.
        ring: RingId,
    },
    /// The service's turn: send what the others must know. Repeated at every token until [`Progress::Done`].
    Process,
    /// Every member has sent its barrier for this service: the exchanged state is in force now.
    Activate,
    /// Another ring change cut the round off; `Init` follows.
    Abort,
}

/// Answer to [`SyncPhase::Process`]; ignored for the other phases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing more to send in this round.
    Done,
    /// Ask again at the next token.
    Again,
}

/// A state machine above the ring. Composition owns the service, pushes inputs in the total order and, after every
/// push, drains [`poll_send`](Service::poll_send) and [`poll_output`](Service::poll_output) to the end.
pub trait Service {
    /// What it tells its users.
    type Output;

    /// Its number on the wire.
    fn id(&self) -> ServiceId;

    /// Whether it appears in the service build message. [TM-5.4]
    fn takes_part_in_sync(&self) -> bool {
        true
    }

    /// One ordered message, own ones included.
    ///
    /// # Errors
    /// A structure that is cut off or has an unknown function number; the service stays as it was.
    fn handle_message(&mut self, now: Duration, message: &ServiceMessage) -> Result<(), WireError>;

    /// Every ring change, transitional and regular, at its place among the messages. [TM-14.2]
    fn handle_configuration(&mut self, _now: Duration, _change: &ConfigurationChange) {}

    /// The next step of synchronisation.
    fn handle_sync(&mut self, now: Duration, phase: SyncPhase<'_>) -> Progress;

    /// Time has passed.
    fn handle_timeout(&mut self, _now: Duration) {}

    /// When to call [`handle_timeout`](Service::handle_timeout) at the latest.
    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The next message to multicast, in order. A message taken is sent: composition keeps it while the ring is busy.
    fn poll_send(&mut self) -> Option<Outgoing>;

    /// The next thing to tell the users, in order.
    fn poll_output(&mut self) -> Option<Self::Output>;
}
