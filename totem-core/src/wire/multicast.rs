//! The ordered message, ordinary or encapsulated. [TM-4.2] [TM-4.8]

use super::bytes::{Reader, Writer};
use super::{ByteOrder, Kind, MAGIC, NodeId, RingId, VERSION, WireError};
use bytes::Bytes;

/// Bytes in front of the payload of a multicast message, common header included.
pub const MULTICAST_LEN: usize = 45;
/// `encapsulated` of a recovery message: the payload is a complete old-ring message.
pub const ENCAPSULATED: u8 = 1;
/// `encapsulated` of an ordinary message: the payload is one packing-layer packet.
pub const ORDINARY: u8 = 2;

/// An ordered message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Multicast {
    /// [`ENCAPSULATED`] or [`ORDINARY`]; a copy of the header's byte.
    pub encapsulated: u8,
    /// The originator.
    pub system_from: NodeId,
    /// Position in the total order of the ring.
    pub seq: u32,
    /// The originator's own counter, informational.
    pub this_seqno: u32,
    /// The ring in which `seq` is valid.
    pub ring: RingId,
    /// Unused, 0.
    pub node_id: u32,
    /// 0 agreed, 1 safe.
    pub guarantee: u32,
    /// The packet, or the encapsulated message: a slice of the datagram, not a copy.
    pub payload: Bytes,
}

impl Multicast {
    pub(crate) fn decode(datagram: Bytes, order: ByteOrder) -> Result<Self, WireError> {
        let h = MulticastHeader::read(&datagram, order)?;
        Ok(Self {
            encapsulated: h.encapsulated,
            system_from: h.system_from,
            seq: h.seq,
            this_seqno: h.this_seqno,
            ring: h.ring,
            node_id: h.node_id,
            guarantee: h.guarantee,
            payload: datagram.slice(MULTICAST_LEN..),
        })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u32(self.system_from.0);
        w.u32(self.seq);
        w.u32(self.this_seqno);
        w.ring(self.ring);
        w.u32(self.node_id);
        w.u32(self.guarantee);
        w.bytes(&self.payload);
    }
}

/// The fields in front of the payload: what the ring looks at while the datagram itself stays as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MulticastHeader {
    pub(crate) encapsulated: u8,
    pub(crate) nodeid: NodeId,
    pub(crate) system_from: NodeId,
    pub(crate) seq: u32,
    pub(crate) this_seqno: u32,
    pub(crate) ring: RingId,
    pub(crate) node_id: u32,
    pub(crate) guarantee: u32,
}

impl MulticastHeader {
    /// Reads the fields of a datagram whose common header is known to be good.
    pub(crate) fn read(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(datagram, order, "mcast", MULTICAST_LEN)?;
        Ok(Self {
            encapsulated: r.u8(4)?,
            nodeid: r.node(5)?,
            system_from: r.node(13)?,
            seq: r.u32(17)?,
            this_seqno: r.u32(21)?,
            ring: r.ring(25)?,
            node_id: r.u32(37)?,
            guarantee: r.u32(41)?,
        })
    }

    /// Writes the 45 bytes, little endian, into the front of a frame that was packed behind a gap.
    pub(crate) fn write(&self, out: &mut [u8]) {
        out[0..2].copy_from_slice(&MAGIC.to_le_bytes());
        out[2] = VERSION;
        out[3] = Kind::Multicast as u8;
        out[4] = self.encapsulated;
        out[5..9].copy_from_slice(&self.nodeid.0.to_le_bytes());
        out[9..13].fill(0);
        out[13..17].copy_from_slice(&self.system_from.0.to_le_bytes());
        out[17..21].copy_from_slice(&self.seq.to_le_bytes());
        out[21..25].copy_from_slice(&self.this_seqno.to_le_bytes());
        out[25..29].copy_from_slice(&self.ring.rep.0.to_le_bytes());
        out[29..37].copy_from_slice(&self.ring.seq.to_le_bytes());
        out[37..41].copy_from_slice(&self.node_id.to_le_bytes());
        out[41..45].copy_from_slice(&self.guarantee.to_le_bytes());
    }
}
