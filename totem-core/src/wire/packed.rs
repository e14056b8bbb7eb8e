//! One packing-layer packet: several pieces of messages behind a length table. [TM-5.1]

use super::bytes::{Reader, Writer};
use super::{ByteOrder, WireError};
use bytes::Bytes;
use smallvec::SmallVec;

/// Bytes in front of the length table.
pub const PACKED_LEN: usize = 8;

/// A packet: the pieces are slices of the datagram, not copies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// 0.
    pub version: u16,
    /// 0.
    pub kind: u16,
    /// 0: the last piece ends its message; else it continues in the originator's next packet under this number.
    pub fragmented: u8,
    /// 0: the first piece starts a message; else it continues the piece announced with this number.
    pub continuation: u8,
    /// The pieces, in order.
    pub pieces: SmallVec<[Bytes; 16]>,
}

impl Packed {
    /// Whether [`decode`](Packed::decode) would succeed; keeps nothing.
    ///
    /// # Errors
    /// As `decode`.
    pub fn check(payload: &[u8], order: ByteOrder) -> Result<(), WireError> {
        let r = Reader::new(payload, order, "totempg_mcast", PACKED_LEN)?;
        let n = r.u16(6)? as usize;
        r.need(PACKED_LEN + 2 * n)?;
        let mut want = PACKED_LEN + 2 * n;
        for i in 0..n {
            want += r.u16(PACKED_LEN + 2 * i)? as usize;
            if want > payload.len() {
                break;
            }
        }
        if want != payload.len() { Err(WireError::Packing { want, have: payload.len() }) } else { Ok(()) }
    }

    /// Splits the payload of an ordinary multicast message.
    ///
    /// # Errors
    /// If the length table is cut off, or does not add up to the payload exactly.
    pub fn decode(payload: &Bytes, order: ByteOrder) -> Result<Self, WireError> {
        Self::check(payload, order)?;
        let r = Reader::new(payload, order, "totempg_mcast", PACKED_LEN)?;
        let n = r.u16(6)? as usize;
        let mut at = PACKED_LEN + 2 * n;
        let mut pieces = SmallVec::new();
        for i in 0..n {
            let len = r.u16(PACKED_LEN + 2 * i)? as usize;
            pieces.push(payload.slice(at..at + len));
            at += len;
        }
        Ok(Self { version: r.u16(0)?, kind: r.u16(2)?, fragmented: r.u8(4)?, continuation: r.u8(5)?, pieces })
    }

    /// Writes the packet.
    pub fn encode(&self, order: ByteOrder) -> Bytes {
        let size = PACKED_LEN + self.pieces.iter().map(|p| 2 + p.len()).sum::<usize>();
        let mut w = Writer::new(order, size);
        w.u16(self.version);
        w.u16(self.kind);
        w.u8(self.fragmented);
        w.u8(self.continuation);
        w.u16(self.pieces.len() as u16);
        for p in &self.pieces {
            w.u16(p.len() as u16);
        }
        for p in &self.pieces {
            w.bytes(p);
        }
        w.finish()
    }
}
