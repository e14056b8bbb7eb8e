//! The ordering token. [TM-4.1]

use super::bytes::{Reader, Writer};
use super::{ByteOrder, NodeId, RingId, WireError};

/// Most retransmission requests that a token carries.
pub const MAX_REQUESTS: usize = 30;
/// Longest datagram accepted as a token. [TM-2]
const MAX_TOKEN: usize = 1500;

/// The token whose holder may multicast: ordering, reliability, flow control.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrfToken {
    /// Highest message sequence assigned on this ring.
    pub seq: u32,
    /// Grows with every hop; tells duplicates.
    pub token_seq: u32,
    /// Every member has all messages up to here.
    pub aru: u32,
    /// The node that lowered `aru`, or 0.
    pub aru_addr: NodeId,
    /// The ring this token belongs to.
    pub ring: RingId,
    /// Sum of the members' queue lengths at their last visit.
    pub backlog: u32,
    /// Messages multicast during the last rotation.
    pub fcc: u32,
    /// Recovery only: some member still has old-ring messages to resend.
    pub retrans_flg: u32,
    /// Retransmission requests, at most [`MAX_REQUESTS`].
    pub requests: Vec<Request>,
}

/// One retransmission request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Request {
    /// The ring in which `seq` counts.
    pub ring: RingId,
    /// The message that is missing.
    pub seq: u32,
}

impl OrfToken {
    pub(crate) fn decode(datagram: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(datagram, order, "orf_token", 57)?;
        if datagram.len() > MAX_TOKEN {
            return Err(WireError::Oversized { kind: "orf_token", have: datagram.len() });
        }
        let n = r.count(53, MAX_REQUESTS)?;
        r.need(57 + 16 * n)?;
        let requests = (0..n)
            .map(|i| Ok(Request { ring: r.ring(57 + 16 * i)?, seq: r.u32(69 + 16 * i)? }))
            .collect::<Result<_, WireError>>()?;
        Ok(Self {
            seq: r.u32(13)?,
            token_seq: r.u32(17)?,
            aru: r.u32(21)?,
            aru_addr: r.node(25)?,
            ring: r.ring(29)?,
            backlog: r.u32(41)?,
            fcc: r.u32(45)?,
            retrans_flg: r.u32(49)?,
            requests,
        })
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        debug_assert!(self.requests.len() <= MAX_REQUESTS);
        w.u32(self.seq);
        w.u32(self.token_seq);
        w.u32(self.aru);
        w.u32(self.aru_addr.0);
        w.ring(self.ring);
        w.u32(self.backlog);
        w.u32(self.fcc);
        w.u32(self.retrans_flg);
        w.u32(self.requests.len() as u32);
        for q in &self.requests {
            w.ring(q.ring);
            w.u32(q.seq);
        }
    }
}
