//! The thirteen bytes in front of every message. [TM-3.2]

use super::bytes::{Reader, Writer};
use super::{Guess, NodeId, WireError};

/// The endian detector: `70 c0` on the wire from a little-endian sender.
pub const MAGIC: u16 = 0xC070;
/// The header version of this protocol.
pub const VERSION: u8 = 3;
/// Bytes of the common header.
pub const HEADER_LEN: usize = 13;

/// In which order a sender writes its integers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ByteOrder {
    /// Least significant byte first: what this implementation sends.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

/// The type byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Ordering token.
    Token = 0,
    /// Multicast message.
    Multicast = 1,
    /// Merge detect.
    MergeDetect = 2,
    /// Join or leave.
    Join = 3,
    /// Commit token.
    CommitToken = 4,
    /// Token hold cancel.
    HoldCancel = 5,
}

/// The common header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// The sender's byte order, as the magic tells it.
    pub order: ByteOrder,
    /// The type of the message.
    pub kind: Kind,
    /// 1: encapsulated recovery message, 2: ordinary multicast, 0 in every other type.
    pub encapsulated: u8,
    /// Sender of this datagram; of a multicast message its originator; 0 in a leave.
    pub nodeid: NodeId,
    /// The addressed node with links, arbitrary bytes without. Never interpreted by the ring.
    pub target: u32,
}

impl Header {
    /// Reads and checks the header alone, in the order of [TM-3.3].
    ///
    /// # Errors
    /// `Short`, `Magic`, `Version` or `Kind`.
    pub fn decode(datagram: &[u8]) -> Result<Self, WireError> {
        if datagram.len() < HEADER_LEN {
            return Err(WireError::Short { len: datagram.len() });
        }
        let first = [datagram[0], datagram[1]];
        let order = match u16::from_le_bytes(first) {
            MAGIC => ByteOrder::Little,
            found if found.swap_bytes() == MAGIC => ByteOrder::Big,
            found => return Err(WireError::Magic { found, guess: Guess::from_bytes(first) }),
        };
        if datagram[2] != VERSION {
            return Err(WireError::Version { found: datagram[2] });
        }
        let kind = match datagram[3] {
            0 => Kind::Token,
            1 => Kind::Multicast,
            2 => Kind::MergeDetect,
            3 => Kind::Join,
            4 => Kind::CommitToken,
            5 => Kind::HoldCancel,
            found => return Err(WireError::Kind { found }),
        };
        let r = Reader::new(datagram, order, "header", HEADER_LEN)?;
        Ok(Self { order, kind, encapsulated: r.u8(4)?, nodeid: r.node(5)?, target: r.u32(9)? })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u16(MAGIC);
        w.u8(VERSION);
        w.u8(self.kind as u8);
        w.u8(self.encapsulated);
        w.u32(self.nodeid.0);
        w.u32(self.target);
    }
}
