//! The messages of membership: join, commit token, merge detect, hold cancel. [TM-4.3] to [TM-4.7]

use super::bytes::{Reader, Writer};
use super::{ByteOrder, MAX_NODES, NodeId, RingId, WireError};

/// "I am a ring." [TM-4.3]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MergeDetect {
    /// The sender.
    pub system_from: NodeId,
    /// The sender's current ring.
    pub ring: RingId,
}

impl MergeDetect {
    pub(crate) fn decode(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(datagram, order, "memb_merge_detect", 29)?;
        Ok(Self { system_from: r.node(13)?, ring: r.ring(17)? })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u32(self.system_from.0);
        w.ring(self.ring);
    }
}

/// A proposal of members: "I am here", "these are my lists", and, when equal to the receiver's lists, "I agree".
/// With a header node id of 0 it is a leave. [TM-4.4] [TM-4.5]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Join {
    /// The sender (or leaver).
    pub system_from: NodeId,
    /// Sequence of the sender's current ring.
    pub ring_seq: u64,
    /// Known nodes, in the sender's discovery order.
    pub proc: Vec<NodeId>,
    /// Nodes to leave out, in insertion order.
    pub failed: Vec<NodeId>,
    /// How many times the daemons' limits of flow control the sender takes in rings of this engine; 0 from a daemon, which
    /// says nothing. It travels in four bytes behind the lists, which daemons ignore as they do all trailing bytes.
    pub width: u8,
}

/// What stands behind the lists of this engine's joins, before the width.
const MARK: &[u8] = b"mtr";

impl Join {
    pub(crate) fn decode(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(datagram, order, "memb_join", 33)?;
        let p = r.count(17, MAX_NODES)?;
        let f = r.count(21, MAX_NODES)?;
        r.need(33 + 4 * (p + f))?;
        Ok(Self {
            system_from: r.node(13)?,
            ring_seq: r.u64(25)?,
            proc: r.nodes(33, p)?,
            failed: r.nodes(33 + 4 * p, f)?,
            width: datagram[33 + 4 * (p + f)..].strip_prefix(MARK).and_then(|rest| rest.first()).copied().unwrap_or(0),
        })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u32(self.system_from.0);
        w.u32(self.proc.len() as u32);
        w.u32(self.failed.len() as u32);
        w.u64(self.ring_seq);
        w.nodes(&self.proc);
        w.nodes(&self.failed);
        if self.width > 0 {
            w.bytes(MARK);
            w.bytes(&[self.width]);
        }
    }
}

/// The token that circulates while a ring is agreed. [TM-4.6]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CommitToken {
    /// Grows with every hop.
    pub token_seq: u32,
    /// The ring being formed.
    pub ring: RingId,
    /// Unused, always 0.
    pub retrans_flg: u32,
    /// Entries filled in so far.
    pub memb_index: u32,
    /// Members of the new ring with what each said about its old ring, ascending.
    pub members: Vec<(NodeId, CommitEntry)>,
}

/// What one member says about its old ring.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CommitEntry {
    /// The member's old ring; zero while not filled in.
    pub ring: RingId,
    /// Its aru in the old ring.
    pub aru: u32,
    /// Highest old-ring sequence it has delivered.
    pub high_delivered: u32,
    /// 1 if it lacks no message it knows of.
    pub received: u32,
}

impl CommitToken {
    pub(crate) fn decode(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(datagram, order, "memb_commit_token", 41)?;
        let n = r.count(37, MAX_NODES)?;
        r.need(41 + 28 * n)?;
        let mut members = Vec::with_capacity(n);
        for i in 0..n {
            let e = 41 + 4 * n + 24 * i;
            let entry = CommitEntry {
                ring: r.ring(e)?,
                aru: r.u32(e + 12)?,
                high_delivered: r.u32(e + 16)?,
                received: r.u32(e + 20)?,
            };
            members.push((r.node(41 + 4 * i)?, entry));
        }
        Ok(Self { token_seq: r.u32(13)?, ring: r.ring(17)?, retrans_flg: r.u32(29)?, memb_index: r.u32(33)?, members })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u32(self.token_seq);
        w.ring(self.ring);
        w.u32(self.retrans_flg);
        w.u32(self.memb_index);
        w.u32(self.members.len() as u32);
        for (node, _) in &self.members {
            w.u32(node.0);
        }
        for (_, e) in &self.members {
            w.ring(e.ring);
            w.u32(e.aru);
            w.u32(e.high_delivered);
            w.u32(e.received);
        }
    }
}

/// Asks the representative to let go of a held token. [TM-4.7]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HoldCancel {
    /// The ring whose token is held.
    pub ring: RingId,
}

impl HoldCancel {
    pub(crate) fn decode(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        Ok(Self { ring: Reader::new(datagram, order, "token_hold_cancel", 25)?.ring(13)? })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.ring(self.ring);
    }
}
