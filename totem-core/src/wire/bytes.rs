//! Reading and writing integers at byte offsets, in either order. [TM-3.1]

use super::{ByteOrder, NodeId, RingId, WireError};
use bytes::{BufMut, Bytes, BytesMut};

/// Reads fields of one message; every read is checked against the slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    order: ByteOrder,
    kind: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader over `data`, naming `kind` in its errors, after checking that `need` bytes are there.
    pub(crate) fn new(data: &'a [u8], order: ByteOrder, kind: &'static str, need: usize) -> Result<Self, WireError> {
        if data.len() < need {
            return Err(WireError::Truncated { kind, need, have: data.len() });
        }
        Ok(Self { data, order, kind })
    }

    /// Checks that `need` bytes are there, when a count has been read.
    pub(crate) fn need(&self, need: usize) -> Result<(), WireError> {
        if self.data.len() < need {
            return Err(WireError::Truncated { kind: self.kind, need, have: self.data.len() });
        }
        Ok(())
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], WireError> {
        match self.data.get(at..at + N) {
            Some(b) => Ok(b.try_into().expect("slice of N bytes")),
            None => Err(WireError::Truncated { kind: self.kind, need: at + N, have: self.data.len() }),
        }
    }

    pub(crate) fn u8(&self, at: usize) -> Result<u8, WireError> {
        Ok(self.array::<1>(at)?[0])
    }

    pub(crate) fn u16(&self, at: usize) -> Result<u16, WireError> {
        let b = self.array(at)?;
        Ok(match self.order {
            ByteOrder::Little => u16::from_le_bytes(b),
            ByteOrder::Big => u16::from_be_bytes(b),
        })
    }

    pub(crate) fn u32(&self, at: usize) -> Result<u32, WireError> {
        let b = self.array(at)?;
        Ok(match self.order {
            ByteOrder::Little => u32::from_le_bytes(b),
            ByteOrder::Big => u32::from_be_bytes(b),
        })
    }

    pub(crate) fn u64(&self, at: usize) -> Result<u64, WireError> {
        let b = self.array(at)?;
        Ok(match self.order {
            ByteOrder::Little => u64::from_le_bytes(b),
            ByteOrder::Big => u64::from_be_bytes(b),
        })
    }

    pub(crate) fn node(&self, at: usize) -> Result<NodeId, WireError> {
        self.u32(at).map(NodeId)
    }

    pub(crate) fn ring(&self, at: usize) -> Result<RingId, WireError> {
        Ok(RingId::new(self.node(at)?, self.u64(at + 4)?))
    }

    /// A count that must not exceed `max`.
    pub(crate) fn count(&self, at: usize, max: usize) -> Result<usize, WireError> {
        let found = self.u32(at)?;
        if found as usize > max {
            return Err(WireError::TooMany { kind: self.kind, found });
        }
        Ok(found as usize)
    }

    /// `n` node ids from `at` on.
    pub(crate) fn nodes(&self, at: usize, n: usize) -> Result<Vec<NodeId>, WireError> {
        (0..n).map(|i| self.node(at + 4 * i)).collect()
    }
}

/// Writes the fields of one message.
pub(crate) struct Writer {
    out: BytesMut,
    order: ByteOrder,
}

impl Writer {
    pub(crate) fn new(order: ByteOrder, capacity: usize) -> Self {
        Self { out: BytesMut::with_capacity(capacity), order }
    }

    pub(crate) fn u8(&mut self, v: u8) {
        self.out.put_u8(v);
    }

    pub(crate) fn u16(&mut self, v: u16) {
        match self.order {
            ByteOrder::Little => self.out.put_u16_le(v),
            ByteOrder::Big => self.out.put_u16(v),
        }
    }

    pub(crate) fn u32(&mut self, v: u32) {
        match self.order {
            ByteOrder::Little => self.out.put_u32_le(v),
            ByteOrder::Big => self.out.put_u32(v),
        }
    }

    pub(crate) fn u64(&mut self, v: u64) {
        match self.order {
            ByteOrder::Little => self.out.put_u64_le(v),
            ByteOrder::Big => self.out.put_u64(v),
        }
    }

    pub(crate) fn ring(&mut self, v: RingId) {
        self.u32(v.rep.0);
        self.u64(v.seq);
    }

    pub(crate) fn nodes(&mut self, v: &[NodeId]) {
        for n in v {
            self.u32(n.0);
        }
    }

    pub(crate) fn bytes(&mut self, v: &[u8]) {
        self.out.put_slice(v);
    }

    pub(crate) fn finish(self) -> Bytes {
        self.out.freeze()
    }
}
