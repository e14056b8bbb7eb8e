//! One local client of the service: its state, what it still has to send, and the large messages it is receiving
//! [QG-5.2, QG-5.3].

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::{GroupName, Part};
use crate::config::CsError;
use crate::ring::Guarantee;
use crate::wire::NodeId;

/// Longest message that goes out in one piece, and longest part of a longer one.
pub const MAX_PART: usize = 1024 * 1024 - 1024;

/// Names a client; also the token that travels with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A connection is good for one membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unjoined,
    JoinStarted,
    Joined,
    LeaveStarted,
}

/// A message that waits behind a large one, or is the large one.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) payload: Bytes,
    pub(super) guarantee: Guarantee,
    /// Bytes that were sent and have come back.
    pub(super) done: usize,
    /// A part is under way.
    pub(super) under_way: usize,
    /// The group changed since the first part: receivers that came later have not seen it.
    pub(super) interrupted: bool,
}

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) pid: u32,
    pub(super) state: State,
    pub(super) group: Option<GroupName>,
    pub(super) wants_ring: bool,
    pub(super) sending: VecDeque<Sending>,
    assemblies: BTreeMap<(NodeId, u32), BytesMut>,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, pid: u32) -> Self {
        Connection {
            id,
            pid,
            state: State::Unjoined,
            group: None,
            wants_ring: false,
            sending: VecDeque::new(),
            assemblies: BTreeMap::new(),
        }
    }

    /// Whether messages and changes of the group reach this client.
    pub(super) fn hears(&self, group: &GroupName) -> bool {
        matches!(self.state, State::Joined | State::LeaveStarted) && self.group.as_ref() == Some(group)
    }

    /// What a request means in this state.
    pub(super) fn check_join(&self) -> Result<(), CsError> {
        match self.state {
            State::Unjoined => Ok(()),
            State::JoinStarted | State::Joined => Err(CsError::Exist),
            State::LeaveStarted => Err(CsError::Busy),
        }
    }

    pub(super) fn check_leave(&self) -> Result<(), CsError> {
        match self.state {
            State::Joined => Ok(()),
            State::JoinStarted => Err(CsError::Busy),
            State::Unjoined | State::LeaveStarted => Err(CsError::NotExist),
        }
    }

    pub(super) fn check_multicast(&self) -> Result<(), CsError> {
        match self.state {
            State::Joined | State::JoinStarted => Ok(()),
            State::Unjoined | State::LeaveStarted => Err(CsError::NotExist),
        }
    }

    /// Takes one part in; gives the message when it was the last one. `limit` bounds what is kept.
    pub(super) fn assemble(&mut self, from: (NodeId, u32), part: Part, bytes: &[u8], limit: usize) -> Option<Bytes> {
        if part == Part::First {
            self.assemblies.insert(from, BytesMut::new());
        }
        let buffer = self.assemblies.get_mut(&from)?;
        if buffer.len() + bytes.len() > limit {
            self.assemblies.remove(&from);
            return None;
        }
        buffer.extend_from_slice(bytes);
        if part == Part::Last { self.assemblies.remove(&from).map(BytesMut::freeze) } else { None }
    }

    /// A process left: what it had begun will not be finished.
    pub(super) fn forget(&mut self, from: (NodeId, u32)) {
        self.assemblies.remove(&from);
    }
}
