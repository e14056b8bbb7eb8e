//! What one node writes to the shared disk, and how it lies there: one block of 4096 bytes per node, at its position in
//! the node list [QG-4.9].
//!
//! ```text
//!  0  "MtSlot"   6  version 1 (u16)   8  SHA-256 of all that follows, its first 16 bytes
//! 24  node (u32)   28  ring: representative (u32), sequence (u64)   40  generation (u64)   48  score (i64)
//! 56  silent (u8)   57  members (u16)   59  their ids (u32 each), zeros to the end
//! ```
//!
//! Numbers are little endian. A block that was never written, or only in part, is no slot.

use bytes::{Buf, BufMut};
use sha2::{Digest, Sha256};

use crate::wire::{NodeId, RingId};

/// Bytes of a slot on the disk.
pub const SLOT_BYTES: usize = 4096;
const MAGIC: &[u8; 8] = b"MtSlot\x01\x00";
const BODY: usize = 24;
const MEMBERS: usize = 59;

/// What one node writes to the shared disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Who.
    pub node: NodeId,
    /// Its ring.
    pub ring: RingId,
    /// Its ring's members, at most 1009.
    pub members: Vec<NodeId>,
    /// Grows with every write: a slot that stands still belongs to a node that does not.
    pub generation: u64,
    /// The higher, the better the node is.
    pub score: i64,
    /// Whether the node has stopped voting for this ring, or has not begun.
    pub silent: bool,
}

fn digest(block: &[u8; SLOT_BYTES]) -> [u8; 16] {
    let whole = Sha256::digest(&block[BODY..]);
    let mut first = [0; 16];
    first.copy_from_slice(&whole[..16]);
    first
}

impl Slot {
    /// The block to write. Members beyond the room of a block are left out; no ring has so many.
    pub fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut block = [0; SLOT_BYTES];
        let members = &self.members[..self.members.len().min((SLOT_BYTES - MEMBERS) / 4)];
        let mut body = &mut block[BODY..];
        body.put_u32_le(self.node.0);
        body.put_u32_le(self.ring.rep.0);
        body.put_u64_le(self.ring.seq);
        body.put_u64_le(self.generation);
        body.put_i64_le(self.score);
        body.put_u8(self.silent.into());
        body.put_u16_le(members.len() as u16);
        members.iter().for_each(|id| body.put_u32_le(id.0));
        let sum = digest(&block);
        block[..8].copy_from_slice(MAGIC);
        block[8..BODY].copy_from_slice(&sum);
        block
    }

    /// Reads a block; none if there is no whole slot in it.
    pub fn decode(block: &[u8; SLOT_BYTES]) -> Option<Slot> {
        if &block[..8] != MAGIC || block[8..BODY] != digest(block) {
            return None;
        }
        let mut body = &block[BODY..];
        let node = NodeId(body.get_u32_le());
        let ring = RingId::new(NodeId(body.get_u32_le()), body.get_u64_le());
        let (generation, score, silent) = (body.get_u64_le(), body.get_i64_le(), body.get_u8() != 0);
        let count = usize::from(body.get_u16_le());
        if count > body.len() / 4 {
            return None;
        }
        let members = (0..count).map(|_| NodeId(body.get_u32_le())).collect();
        Some(Slot { node, ring, members, generation, score, silent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_read_back_and_torn_ones_do_not(
            members in proptest::collection::vec(1u32.., 0..1009),
            (node, rep, seq) in (1u32.., 1u32.., any::<u64>()),
            (generation, score, silent) in (any::<u64>(), any::<i64>(), any::<bool>()),
            at in 0usize..SLOT_BYTES,
        ) {
            let members = members.into_iter().map(NodeId).collect();
            let slot = Slot { node: NodeId(node), ring: RingId::new(NodeId(rep), seq), members, generation, score, silent };
            let block = slot.encode();
            prop_assert_eq!(Slot::decode(&block), Some(slot));
            let mut torn = block;
            torn[at] ^= 1;
            prop_assert_eq!(Slot::decode(&torn), None);
        }
    }

    #[test]
    fn nothing_is_no_slot() {
        assert_eq!(Slot::decode(&[0; SLOT_BYTES]), None);
    }
}
