//! The two names everything on the wire carries: node id and ring id. [TM-1]

use std::fmt;

/// A node, known on the wire only by this number; 0 is reserved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for NodeId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

/// One configuration: the representative (lowest node id of its members) and the ring sequence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct RingId {
    /// The member with the lowest node id.
    pub rep: NodeId,
    /// Grows with every ring that is formed.
    pub seq: u64,
}

impl RingId {
    /// The ring of `rep` with sequence `seq`.
    pub fn new(rep: NodeId, seq: u64) -> Self {
        Self { rep, seq }
    }
}

/// As the administrators' tools print it: both parts in hexadecimal. [TM-8.3]
impl fmt::Display for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.rep.0, self.seq)
    }
}
