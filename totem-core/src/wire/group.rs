//! The group header in front of every assembled message. [TM-5.2]

use super::bytes::Reader;
use super::{ByteOrder, WireError};
use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

/// The group of all executive services.
pub const GROUP_SERVICES: &[u8] = b"a";
/// The group of synchronisation.
pub const GROUP_SYNC: &[u8] = b"sync";
/// Most groups that one message is addressed to. [TM-13.3]
pub const MAX_GROUPS: usize = 32;

/// To which groups a message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupHeader {
    /// Exact names, in the sender's joining order.
    pub groups: SmallVec<[Bytes; 1]>,
}

impl GroupHeader {
    /// Splits an assembled message into its header and its data.
    ///
    /// # Errors
    /// If the names are cut off, or there are more than [`MAX_GROUPS`].
    pub fn decode(message: &Bytes, order: ByteOrder) -> Result<(Self, Bytes), WireError> {
        let r = Reader::new(message, order, "group", 2)?;
        let n = r.u16(0)? as usize;
        if n > MAX_GROUPS {
            return Err(WireError::TooMany { kind: "group", found: n as u32 });
        }
        let mut at = 2 + 2 * n;
        let mut groups = SmallVec::new();
        for i in 0..n {
            let len = r.u16(2 + 2 * i)? as usize;
            r.need(at + len)?;
            groups.push(message.slice(at..at + len));
            at += len;
        }
        r.need(at)?;
        Ok((Self { groups }, message.slice(at..)))
    }

    /// Whether an assembled message is for each of two groups, and where its data starts: what a receiver asks of every
    /// message, without building the list.
    pub(crate) fn addressed(
        message: &[u8],
        order: ByteOrder,
        groups: [&[u8]; 2],
    ) -> Result<([bool; 2], usize), WireError> {
        let r = Reader::new(message, order, "group", 2)?;
        let n = r.u16(0)? as usize;
        if n > MAX_GROUPS {
            return Err(WireError::TooMany { kind: "group", found: n as u32 });
        }
        let mut at = 2 + 2 * n;
        let mut found = [false; 2];
        for i in 0..n {
            let len = r.u16(2 + 2 * i)? as usize;
            r.need(at + len)?;
            for (found, group) in found.iter_mut().zip(groups) {
                *found |= &message[at..at + len] == group;
            }
            at += len;
        }
        r.need(at)?;
        Ok((found, at))
    }

    /// Writes the header, little endian or big.
    pub fn encode(&self, order: ByteOrder) -> Bytes {
        let mut out = BytesMut::with_capacity(2 + self.groups.iter().map(|g| 2 + g.len()).sum::<usize>());
        let mut put = |v: u16| match order {
            ByteOrder::Little => out.put_u16_le(v),
            ByteOrder::Big => out.put_u16(v),
        };
        put(self.groups.len() as u16);
        for g in &self.groups {
            put(g.len() as u16);
        }
        for g in &self.groups {
            out.put_slice(g);
        }
        out.freeze()
    }

    /// Whether the message is for `group` alone or among others.
    pub fn contains(&self, group: &[u8]) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
