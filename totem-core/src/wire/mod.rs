//! Byte layouts of every message, encode and decode, nothing else. [TM-3] to [TM-5]
//!
//! A datagram is one [`Datagram`]: a common header and a [`Body`]. Integers are in the sender's byte order, which the
//! receiver finds from the magic number; encoding keeps whatever order the [`Header`] says, so that a decoded datagram
//! re-encodes to the same bytes.
//!
//! ```
//! use bytes::Bytes;
//! use totem_core::wire::{Body, Datagram, HoldCancel, NodeId, RingId};
//!
//! let cancel = Datagram::new(NodeId(1), Body::HoldCancel(HoldCancel { ring: RingId::new(NodeId(1), 9) }));
//! let bytes: Bytes = cancel.encode();
//! assert_eq!(bytes.len(), 25);
//! assert_eq!(Datagram::decode(bytes).unwrap(), cancel);
//! ```

mod bytes;
mod error;
mod group;
mod header;
mod ids;
mod membership;
mod multicast;
mod packed;
mod service;
mod token;

pub use error::{Guess, WireError};
pub use group::{GROUP_SERVICES, GROUP_SYNC, GroupHeader, MAX_GROUPS};
pub use header::{ByteOrder, HEADER_LEN, Header, Kind, MAGIC, VERSION};
pub use ids::{NodeId, RingId};
pub use membership::{CommitEntry, CommitToken, HoldCancel, Join, MergeDetect};
pub use multicast::{ENCAPSULATED, MULTICAST_LEN, Multicast, ORDINARY};
pub use packed::{PACKED_LEN, Packed};
pub use service::{Barrier, EXECUTIVE_LEN, Executive, MAX_SERVICES, ServiceBuild, SyncMessage};
pub use token::{MAX_REQUESTS, OrfToken, Request};

pub(crate) use self::bytes::Reader;
pub(crate) use multicast::MulticastHeader;

use ::bytes::Bytes;

/// Most node ids in any list of a message. [TM-2]
pub const MAX_NODES: usize = 384;

/// One datagram: the common header and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The thirteen bytes in front of every message.
    pub header: Header,
    /// The message.
    pub body: Body,
}

/// The six messages of the ring. [TM-4]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The ordering token.
    Token(OrfToken),
    /// An ordered message, ordinary or recovered from the old ring.
    Multicast(Multicast),
    /// "I am a ring": sent on idle rings so that partitions find each other.
    MergeDetect(MergeDetect),
    /// A join, or a leave when the header's node id is 0.
    Join(Join),
    /// The token that forms a ring.
    CommitToken(CommitToken),
    /// Asks the representative to let go of a held token.
    HoldCancel(HoldCancel),
}

impl Datagram {
    /// A datagram in this machine's usual (little-endian) order, sent by `from` to nobody in particular.
    pub fn new(from: NodeId, body: Body) -> Self {
        let kind = body.kind();
        let encapsulated = match &body {
            Body::Multicast(m) => m.encapsulated,
            _ => 0,
        };
        Self { header: Header { order: ByteOrder::Little, kind, encapsulated, nodeid: from, target: 0 }, body }
    }

    /// Reads one datagram; trailing bytes are ignored except in a multicast message. [TM-3.3]
    ///
    /// # Errors
    /// Says which of the checks failed; nothing is allocated beyond what the datagram's own length pays for.
    pub fn decode(datagram: Bytes) -> Result<Self, WireError> {
        let header = Header::decode(&datagram)?;
        let body = match header.kind {
            Kind::Token => Body::Token(OrfToken::decode(&datagram, header.order)?),
            Kind::Multicast => Body::Multicast(Multicast::decode(datagram, header.order)?),
            Kind::MergeDetect => Body::MergeDetect(MergeDetect::decode(&datagram, header.order)?),
            Kind::Join => Body::Join(Join::decode(&datagram, header.order)?),
            Kind::CommitToken => Body::CommitToken(CommitToken::decode(&datagram, header.order)?),
            Kind::HoldCancel => Body::HoldCancel(HoldCancel::decode(&datagram, header.order)?),
        };
        Ok(Self { header, body })
    }

    /// Writes the datagram in the order its header names.
    pub fn encode(&self) -> Bytes {
        let mut w = bytes::Writer::new(self.header.order, self.body.encoded_len());
        self.header.encode(&mut w);
        match &self.body {
            Body::Token(m) => m.encode(&mut w),
            Body::Multicast(m) => m.encode(&mut w),
            Body::MergeDetect(m) => m.encode(&mut w),
            Body::Join(m) => m.encode(&mut w),
            Body::CommitToken(m) => m.encode(&mut w),
            Body::HoldCancel(m) => m.encode(&mut w),
        }
        w.finish()
    }
}

/// Encodes a token without owning it: the ring does this at every visit.
pub(crate) fn encode_token(header: &Header, token: &OrfToken) -> Bytes {
    let mut w = bytes::Writer::new(header.order, 57 + 16 * token.requests.len());
    header.encode(&mut w);
    token.encode(&mut w);
    w.finish()
}

impl Body {
    /// The type byte of this message.
    pub fn kind(&self) -> Kind {
        match self {
            Body::Token(_) => Kind::Token,
            Body::Multicast(_) => Kind::Multicast,
            Body::MergeDetect(_) => Kind::MergeDetect,
            Body::Join(_) => Kind::Join,
            Body::CommitToken(_) => Kind::CommitToken,
            Body::HoldCancel(_) => Kind::HoldCancel,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Body::Token(m) => 57 + 16 * m.requests.len(),
            Body::Multicast(m) => MULTICAST_LEN + m.payload.len(),
            Body::MergeDetect(_) => 29,
            Body::Join(m) => 33 + 4 * (m.proc.len() + m.failed.len()) + 4 * usize::from(m.width > 0),
            Body::CommitToken(m) => 41 + 28 * m.members.len(),
            Body::HoldCancel(_) => 25,
        }
    }
}
