//! Quorum devices behind one interface: a machine at every node that decides, ring by ring, whether its partition gets
//! the device's votes. The driver registers it with [`super::VoteQuorum`] and hands its votes on as polls [QG-4].

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use super::slot::Slot;
use crate::wire::{NodeId, RingId};

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceInput {
    /// The node list of a new ring, as the quorum service tells it.
    Ring {
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// Whether the partition is quorate.
    Quorate(bool),
    /// The connection that was asked for is there.
    Connected,
    /// The connection is gone, or could not be made.
    Disconnected,
    /// Bytes from the connection.
    Received(Bytes),
    /// Result of the checks that were asked for: whether all of them passed.
    Checked(bool),
    /// Which of the addresses that were asked for answered in time.
    Reachable(Vec<IpAddr>),
    /// All slots of the shared disk, as they were read.
    Slots(Vec<Slot>),
}

/// What a device wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceOutput {
    /// Tell the quorum service.
    Vote {
        /// Whether this partition gets the votes.
        yes: bool,
        /// The ring this is about.
        ring: RingId,
    },
    /// Connect to the arbiter.
    Connect,
    /// End the connection.
    Disconnect,
    /// Send bytes over the connection.
    Send(Bytes),
    /// Run the configured checks.
    Check,
    /// Ask these addresses for an answer.
    Ping(Vec<IpAddr>),
    /// Write the own slot of the shared disk, then read all slots.
    WriteSlot(Slot),
    /// For administrators.
    Log(String),
}

/// A quorum device, whatever it asks.
pub trait Device {
    /// Something happened.
    fn handle_input(&mut self, now: Duration, input: DeviceInput);
    /// Time has passed.
    fn handle_timeout(&mut self, now: Duration);
    /// When to call [`handle_timeout`](Device::handle_timeout) at the latest.
    fn poll_timeout(&self) -> Option<Duration>;
    /// The next thing to do, in order.
    fn poll_output(&mut self) -> Option<DeviceOutput>;
}
