//! The receiving side. [TM-13.2]

use crate::wire::{NodeId, Packed};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;

/// Which of the two sets of assemblers is in use: fragments of a message that straddles a configuration change wait
/// in the normal set until synchronisation has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Between the end of synchronisation and the next configuration change.
    Normal,
    /// From the start, and from each configuration change until synchronisation has ended.
    Synchronising,
}

/// A packet that does not continue what came before; nothing of it is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The number the packet continues.
    pub continuation: u8,
    /// The number expected.
    pub last: u8,
}

/// The assemblers of all originators.
#[derive(Debug)]
pub struct Assembly {
    stage: Stage,
    limit: usize,
    normal: BTreeMap<NodeId, Assembler>,
    synchronising: BTreeMap<NodeId, Assembler>,
}

#[derive(Debug, Default)]
struct Assembler {
    buffer: BytesMut,
    last: u8,
    discard: bool,
}

impl Assembly {
    /// Assemblers that refuse messages of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { stage: Stage::Synchronising, limit, normal: BTreeMap::new(), synchronising: BTreeMap::new() }
    }

    /// Chooses the set that packets go to from now on.
    pub fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// The set in use.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Forgets what `node` left unfinished, in both sets: it is gone.
    pub fn forget(&mut self, node: NodeId) {
        self.normal.remove(&node);
        self.synchronising.remove(&node);
    }

    /// Bytes held of unfinished messages.
    pub fn held(&self) -> usize {
        self.normal.values().chain(self.synchronising.values()).map(|a| a.buffer.len()).sum()
    }

    /// Takes one packet of `from` and hands every message that it completes to `deliver`, in order.
    ///
    /// # Errors
    /// If the packet does not continue what came before.
    pub fn accept(&mut self, from: NodeId, packet: Packed, deliver: impl FnMut(Bytes)) -> Result<(), Mismatch> {
        let set = match self.stage {
            Stage::Normal => &mut self.normal,
            Stage::Synchronising => &mut self.synchronising,
        };
        set.entry(from).or_default().accept(packet, self.limit, deliver)
    }
}

impl Assembler {
    /// Drops the unfinished message, so that no later fragment can continue it by accident.
    fn abandon(&mut self) {
        self.buffer = BytesMut::new();
        self.last = 0;
        self.discard = true;
    }

    fn accept(&mut self, packet: Packed, limit: usize, mut deliver: impl FnMut(Bytes)) -> Result<(), Mismatch> {
        let (fragmented, continuation) = (packet.fragmented, packet.continuation);
        let mut result = Ok(());
        if self.discard {
            self.discard = fragmented > 1;
        } else if continuation != self.last {
            result = Err(Mismatch { continuation, last: self.last });
            self.abandon();
        } else {
            let count = packet.pieces.len();
            for (i, piece) in packet.pieces.into_iter().enumerate() {
                let complete = i + 1 < count || fragmented == 0;
                if self.buffer.is_empty() && complete {
                    deliver(piece);
                    continue;
                }
                if self.buffer.len() + piece.len() > limit {
                    // no honest sender makes such a message: resume after it
                    self.abandon();
                    break;
                }
                self.buffer.extend_from_slice(&piece);
                if complete {
                    deliver(self.buffer.split().freeze());
                }
            }
            self.last = if self.discard { 0 } else { fragmented };
        }
        if fragmented == 0 {
            self.buffer.clear();
            self.last = 0;
            self.discard = false;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::Packer;
    use crate::ring::Guarantee;
    use crate::wire::{ByteOrder, MULTICAST_LEN};
    use proptest::prelude::*;

    fn packets(packer: &mut Packer) -> Vec<Bytes> {
        packer.flush();
        std::iter::from_fn(|| {
            let frame = packer.pop()?.bytes.freeze();
            packer.sent(&frame);
            Some(frame)
        })
        .collect()
    }

    fn assemble(assembly: &mut Assembly, from: u32, frames: &[Bytes]) -> Vec<Bytes> {
        let mut out = Vec::new();
        for f in frames {
            let packet = Packed::decode(&f.slice(MULTICAST_LEN..), ByteOrder::Little).unwrap();
            let _ = assembly.accept(NodeId(from), packet, |m| out.push(m));
        }
        out
    }

    fn message(n: usize, size: usize) -> Vec<u8> {
        (0..size.max(2)).map(|i| (n * 31 + i * 7) as u8).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_is_assembled(sizes in proptest::collection::vec(2usize..5000, 1..60), room in 64usize..1500, flush in 1usize..9) {
            let mut packer = Packer::new(room, 1 << 20);
            let mut assembly = Assembly::new(1 << 20);
            let mut got = Vec::new();
            for (n, &size) in sizes.iter().enumerate() {
                let m = message(n, size);
                let cut = size / 3;
                packer.submit(&[&m[..cut], &[], &m[cut..]], Guarantee::Agreed);
                if n % flush == 0 {
                    let frames = packets(&mut packer);
                    prop_assert!(frames.iter().all(|f| f.len() <= MULTICAST_LEN + 8 + room));
                    got.extend(assemble(&mut assembly, 1, &frames));
                }
            }
            got.extend(assemble(&mut assembly, 1, &packets(&mut packer)));
            let want: Vec<_> = sizes.iter().enumerate().map(|(n, &s)| Bytes::from(message(n, s))).collect();
            prop_assert_eq!(got, want);
            prop_assert_eq!(assembly.held(), 0);
        }
    }

    /// A member that joins in mid-message gets the whole of it, and everything after it.
    #[test]
    fn restart_reaches_old_and_new_members_alike() {
        let mut packer = Packer::new(100, 1000);
        let (mut old, mut new) = (Assembly::new(1 << 20), Assembly::new(1 << 20));
        for (n, size) in [20, 450, 20, 30].into_iter().enumerate() {
            packer.submit(&[&message(n, size)], Guarantee::Agreed);
        }
        packer.flush();
        for _ in 0..3 {
            let frame = packer.pop().unwrap().bytes.freeze();
            packer.sent(&frame);
            assert!(assemble(&mut old, 1, &[frame]).len() <= 1);
        }
        packer.restart();
        let frames = packets(&mut packer);
        let want: Vec<_> = [(1, 450), (2, 20), (3, 30)].map(|(n, s)| Bytes::from(message(n, s))).into();
        assert_eq!(assemble(&mut old, 1, &frames), want);
        assert_eq!(assemble(&mut new, 1, &frames)[1..], want, "the first one is the message to nobody");
    }

    /// [TM-13.2] rules 2 to 4: a receiver that misses the start resumes after the next packet that ends whole.
    #[test]
    fn a_late_receiver_resumes() {
        let mut packer = Packer::new(100, 1000);
        packer.submit(&[&message(0, 250)], Guarantee::Agreed);
        let first = packets(&mut packer);
        packer.submit(&[&message(1, 20)], Guarantee::Agreed);
        let second = packets(&mut packer);
        let mut late = Assembly::new(1 << 20);
        assert!(assemble(&mut late, 1, &first[1..]).is_empty());
        assert_eq!(assemble(&mut late, 1, &second).len(), 1);
    }

    #[test]
    fn a_lost_sender_leaves_no_residue() {
        let mut packer = Packer::new(100, 1000);
        packer.submit(&[&message(0, 250)], Guarantee::Agreed);
        let frames = packets(&mut packer);
        let mut assembly = Assembly::new(1 << 20);
        assert!(assemble(&mut assembly, 7, &frames[..2]).is_empty());
        assert!(assembly.held() > 0);
        assembly.forget(NodeId(7));
        assert_eq!(assembly.held(), 0);
        assert_eq!(assemble(&mut assembly, 7, &frames).len(), 1);
    }

    #[test]
    fn an_endless_message_is_not_assembled() {
        let mut packer = Packer::new(100, 1000);
        packer.submit(&[&message(0, 900)], Guarantee::Agreed);
        packer.submit(&[&message(1, 20)], Guarantee::Agreed);
        let frames = packets(&mut packer);
        let mut assembly = Assembly::new(500);
        assert!(assemble(&mut assembly, 1, &frames).len() <= 1);
        assert_eq!(assembly.held(), 0);
    }
}
