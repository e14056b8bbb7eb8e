//! The sending side. [TM-13.1]

use crate::ring::Guarantee;
use crate::wire::{ByteOrder, MULTICAST_LEN, PACKED_LEN, Packed};
use bytes::{Buf, Bytes, BytesMut};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A message to no group at all: it interrupts an unfinished one at every receiver and is delivered to nobody.
const VOID: &[u8] = &[0, 0];

/// Bytes allocated at once for frames.
const BLOCK: usize = 32 * 1024;

/// A closed packet with room in front for the multicast header.
#[derive(Debug)]
pub struct Frame {
    /// [`MULTICAST_LEN`] bytes to be written, then the packet.
    pub bytes: BytesMut,
    /// The strongest guarantee among the messages inside.
    pub guarantee: Guarantee,
}

/// Packs messages into frames. One payload byte is copied once: from the submitter into the frame that is sent.
#[derive(Debug)]
pub struct Packer {
    /// Bytes of a packet for its length table and data.
    room: usize,
    /// Frames that may wait; submissions beyond are refused by the caller's look at [`free`](Packer::free).
    limit: usize,
    /// Where data starts in a staging buffer: behind the header, the packet's head and the largest length table.
    base: usize,
    max_pieces: usize,
    staging: BytesMut,
    lengths: SmallVec<[u16; 64]>,
    staged_guarantee: Guarantee,
    /// `continuation` of the packet being filled.
    pending: u8,
    /// Number of the next fragment, never 0.
    next: u8,
    frames: VecDeque<Frame>,
    /// What has been sent of a message whose rest is still here.
    unfinished: Vec<Bytes>,
}

impl Packer {
    /// A packer of packets with `room` bytes for length table and data; `limit` frames may wait.
    pub fn new(room: usize, limit: usize) -> Self {
        let max_pieces = (room / 24).clamp(8, 1024);
        Self {
            room,
            limit,
            base: MULTICAST_LEN + PACKED_LEN + 2 * max_pieces,
            max_pieces,
            staging: BytesMut::new(),
            lengths: SmallVec::new(),
            staged_guarantee: Guarantee::Agreed,
            pending: 0,
            next: 1,
            frames: VecDeque::new(),
            unfinished: Vec::new(),
        }
    }

    /// Closed frames that wait.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether no closed frame waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that wait, the one being filled included.
    pub fn pending(&self) -> usize {
        self.frames.len() + usize::from(!self.lengths.is_empty())
    }

    /// Whether nothing waits.
    pub fn is_idle(&self) -> bool {
        self.pending() == 0
    }

    /// Frames that may still be queued.
    pub fn free(&self) -> usize {
        self.limit.saturating_sub(self.frames.len() + 2)
    }

    /// Whether a message of `size` bytes finds room. [TM-11.4]
    pub fn has_room(&self, size: usize) -> bool {
        let need = (size + 2 * self.lengths.len()) / (self.room - 16) + 1;
        need <= self.free()
    }

    fn staged(&self) -> usize {
        self.staging.len().saturating_sub(self.base)
    }

    /// Adds one message, given in parts that are laid back to back.
    pub fn submit(&mut self, parts: &[&[u8]], guarantee: Guarantee) {
        let mut left: usize = parts.iter().map(|p| p.len()).sum();
        let mut parts = parts.iter().copied();
        let mut part: &[u8] = &[];
        loop {
            let used = 2 * self.lengths.len() + self.staged();
            let take = left.min(self.room - used - 2);
            self.open();
            let mut copied = 0;
            while copied < take {
                if part.is_empty() {
                    part = parts.next().expect("parts hold `left` more bytes");
                    continue;
                }
                let n = part.len().min(take - copied);
                self.staging.extend_from_slice(&part[..n]);
                part = &part[n..];
                copied += n;
            }
            self.lengths.push(take as u16);
            self.staged_guarantee = self.staged_guarantee.max(guarantee);
            left -= take;
            if left > 0 {
                let fragment = self.next;
                self.next = if fragment == 255 { 1 } else { fragment + 1 };
                self.close(fragment);
                continue;
            }
            if used + 2 + take + 3 <= self.room && self.lengths.len() < self.max_pieces {
                self.next = 1;
            } else {
                self.close(0);
            }
            return;
        }
    }

    /// Makes sure there is a staging buffer with room for a whole packet; frames are cut from blocks of several.
    fn open(&mut self) {
        if self.staging.is_empty() {
            let frame = self.base + self.room;
            if self.staging.capacity() < frame {
                self.staging = BytesMut::with_capacity(frame.max(BLOCK));
            }
            self.staging.resize(self.base, 0);
        }
    }

    fn close(&mut self, fragmented: u8) {
        let n = self.lengths.len();
        let start = self.base - MULTICAST_LEN - PACKED_LEN - 2 * n;
        let mut bytes = self.staging.split();
        bytes.advance(start);
        let head = &mut bytes[MULTICAST_LEN..];
        head[..4].fill(0);
        head[4] = fragmented;
        head[5] = self.pending;
        head[6..8].copy_from_slice(&(n as u16).to_le_bytes());
        for (i, len) in self.lengths.iter().enumerate() {
            head[PACKED_LEN + 2 * i..][..2].copy_from_slice(&len.to_le_bytes());
        }
        self.lengths.clear();
        self.pending = fragmented;
        self.frames.push_back(Frame { bytes, guarantee: std::mem::take(&mut self.staged_guarantee) });
    }

    /// Closes the packet being filled, if there is one: on each accepted token.
    pub fn flush(&mut self) {
        if !self.lengths.is_empty() {
            self.close(0);
        }
    }

    /// The next frame to send. Tell [`sent`](Packer::sent) about it once its header is written.
    pub fn pop(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// Notes what was sent, for [`restart`](Packer::restart).
    pub fn sent(&mut self, datagram: &Bytes) {
        let packet = &datagram[MULTICAST_LEN..];
        let (fragmented, continuation) = (packet[4], packet[5]);
        let n = u16::from_le_bytes([packet[6], packet[7]]) as usize;
        if fragmented == 0 || n > 1 || continuation == 0 {
            self.unfinished.clear();
        }
        if fragmented != 0 {
            let at = PACKED_LEN + 2 * (n - 1);
            let last = u16::from_le_bytes([packet[at], packet[at + 1]]) as usize;
            self.unfinished.push(datagram.slice(datagram.len() - last..));
        }
    }

    /// Sends a message that is only half sent again from its start: members that have just joined have not seen its
    /// first part and would lose it, and whole messages packed beside it ([TM-15] known deviation a). A message to nobody
    /// comes first, so that those who hold the first part let go of it.
    pub fn restart(&mut self) {
        if self.unfinished.is_empty() {
            return;
        }
        self.flush();
        let mut message: BytesMut = self.unfinished.drain(..).fold(BytesMut::new(), |mut m, piece| {
            m.extend_from_slice(&piece);
            m
        });
        self.pending = 0;
        self.next = 1;
        let frames = std::mem::take(&mut self.frames);
        self.submit(&[VOID], Guarantee::Agreed);
        self.flush();
        for frame in frames {
            let packet = frame.bytes.freeze().slice(MULTICAST_LEN..);
            let packed = Packed::decode(&packet, ByteOrder::Little).expect("a packet closed here");
            let last = packed.pieces.len() - 1;
            for (i, piece) in packed.pieces.iter().enumerate() {
                message.extend_from_slice(piece);
                if i < last || packed.fragmented == 0 {
                    self.submit(&[&message], frame.guarantee);
                    message.clear();
                }
            }
        }
    }
}
