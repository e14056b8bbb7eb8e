//! A stream of bytes as messages of the arbiter's protocol.

use bytes::{Buf, BytesMut};

use super::wire::HEADER;
use super::{ArbiterError, MAX_MESSAGE, Message};

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Framing {
    buffer: BytesMut,
}

impl Framing {
    /// Adds what was received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete message.
    ///
    /// # Errors
    /// If the stream announces a message that is too long, or holds one that cannot be read: it cannot go on.
    pub fn next_message(&mut self) -> Result<Option<Message>, ArbiterError> {
        if self.buffer.len() < HEADER {
            return Ok(None);
        }
        let kind = u16::from_be_bytes([self.buffer[0], self.buffer[1]]);
        let len = u32::from_be_bytes([self.buffer[2], self.buffer[3], self.buffer[4], self.buffer[5]]) as usize;
        if len > MAX_MESSAGE - HEADER {
            return Err(ArbiterError::MessageTooLong);
        }
        if self.buffer.len() < HEADER + len {
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let body = self.buffer.split_to(len).freeze();
        Message::decode(kind, body).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::arbiter::{Heuristics, Kind, ListType, ListedNode, Preference};
    use crate::wire::{NodeId, RingId};

    #[test]
    fn messages_read_back_through_a_stream_cut_anywhere() {
        let list = Message {
            list: Some(ListType::Membership),
            ring: Some(RingId::new(NodeId(1), 9)),
            nodes: vec![ListedNode { node: NodeId(1), state: 0 }, ListedNode { node: NodeId(2), state: 2 }],
            heuristics: Heuristics::Pass,
            ..Message::numbered(Kind::NodeList, 7)
        };
        let init = Message {
            node: Some(NodeId(3)),
            algorithm: Some(1),
            heartbeat: Some(8000),
            preference: Some(Preference::Node(NodeId(3))),
            messages: Some(vec![0, 1, 2]),
            ring: Some(RingId::default()),
            ..Message::new(Kind::Init)
        };
        let stream = [list.encode(), init.encode()].concat();
        for cut in 0..stream.len() {
            let mut framing = Framing::default();
            let mut got = Vec::new();
            for half in [&stream[..cut], &stream[cut..]] {
                framing.push(half);
                while let Some(message) = framing.next_message().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, [list.clone(), init.clone()]);
        }
    }

    #[test]
    fn lengths_are_checked() {
        let mut framing = Framing::default();
        framing.push(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(framing.next_message(), Err(ArbiterError::MessageTooLong));
        let mut framing = Framing::default();
        framing.push(&[0, 0, 0, 0, 0, 4, 0, 0, 0, 9]);
        assert_eq!(framing.next_message(), Err(ArbiterError::CannotDecode));
    }
}
