//! Duplicates and reassembly: what a host's messages look like to a receiver [LK-6, LK-7].

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::packet::Data;

/// Sequence numbers that are remembered.
const WINDOW: u16 = 4096;
/// Messages in reassembly at one time, per host.
const BUFFERS: usize = 32;
/// Longest message.
pub const MAX_MESSAGE: usize = 65536;
/// Most fragments of a message.
pub const MAX_FRAGMENTS: u8 = 254;

/// One bit per number modulo the window.
#[derive(Clone)]
struct Bits(Box<[u64; WINDOW as usize / 64]>);

impl Bits {
    fn new() -> Self {
        Bits(Box::new([0; WINDOW as usize / 64]))
    }

    fn at(s: u16) -> (usize, u64) {
        let bit = usize::from(s % WINDOW);
        (bit / 64, 1 << (bit % 64))
    }

    fn has(&self, s: u16) -> bool {
        let (word, mask) = Bits::at(s);
        self.0[word] & mask != 0
    }

    fn put(&mut self, s: u16, on: bool) {
        let (word, mask) = Bits::at(s);
        if on {
            self.0[word] |= mask;
        } else {
            self.0[word] &= !mask;
        }
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// Fragments of one message.
struct Buffer {
    fragments: BTreeMap<u8, Bytes>,
    total: u8,
    compress: u8,
    bytes: usize,
    arrival: u64,
}

/// What one host's numbers look like.
pub(super) struct Window {
    top: u16,
    delivered: Bits,
    started: Bits,
    last_timed: Option<u16>,
    last_forced: Option<u16>,
    data_since_forced: bool,
    buffers: BTreeMap<u16, Buffer>,
    arrivals: u64,
}

/// A message that is complete, and how it was compressed.
pub(super) struct Whole {
    pub(super) message: Bytes,
    pub(super) compress: u8,
    pub(super) channel: i8,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            top: 0,
            delivered: Bits::new(),
            started: Bits::new(),
            last_timed: None,
            last_forced: None,
            data_since_forced: false,
            buffers: BTreeMap::new(),
            arrivals: 0,
        }
    }

    pub(super) fn reset(&mut self, top: u16) {
        self.delivered.clear();
        self.started.clear();
        self.top = top;
        self.buffers.clear();
    }

    /// Whether number `s` was delivered already; moves the window [LK-6.3].
    fn seen(&mut self, s: u16) -> bool {
        if self.top == 0 {
            self.top = s;
        }
        let distance = s.wrapping_sub(self.top);
        let seen = match distance {
            0 | 61441.. => self.delivered.has(s),
            1..=WINDOW => {
                let mut n = self.top;
                while n != s {
                    n = n.wrapping_add(1);
                    self.delivered.put(n, false);
                    self.started.put(n, false);
                }
                self.top = s;
                false
            }
            _ => {
                self.delivered.clear();
                self.started.clear();
                self.top = s;
                false
            }
        };
        let top = self.top;
        self.buffers.retain(|number, _| usize::from(top.wrapping_sub(*number)) <= BUFFERS);
        seen
    }

    /// The message is in its consumer's hands.
    pub(super) fn mark_delivered(&mut self, s: u16) {
        self.delivered.put(s, true);
    }

    /// One data packet; the message, when it is the last that was missing.
    pub(super) fn take(&mut self, data: &Data) -> Option<Whole> {
        self.data_since_forced = true;
        if self.seen(data.sequence) {
            return None;
        }
        if data.fragments == 1 && data.fragment <= 1 {
            let message = data.payload.clone();
            return Some(Whole { message, compress: data.compress, channel: data.channel });
        }
        let valid = (2..=MAX_FRAGMENTS).contains(&data.fragments) && (1..=data.fragments).contains(&data.fragment);
        if !valid || data.payload.is_empty() {
            return None;
        }
        self.arrivals += 1;
        if !self.buffers.contains_key(&data.sequence) {
            if self.started.has(data.sequence) {
                return None;
            }
            self.started.put(data.sequence, true);
            if self.buffers.len() >= BUFFERS {
                let oldest = self.buffers.iter().min_by_key(|(_, b)| b.arrival).map(|(number, _)| *number);
                oldest.and_then(|number| self.buffers.remove(&number));
            }
            let fresh = Buffer {
                fragments: BTreeMap::new(),
                total: data.fragments,
                compress: data.compress,
                bytes: 0,
                arrival: 0,
            };
            self.buffers.insert(data.sequence, fresh);
        }
        let arrival = self.arrivals;
        let buffer = self.buffers.get_mut(&data.sequence)?;
        buffer.arrival = arrival;
        if buffer.fragments.contains_key(&data.fragment) {
            return None;
        }
        buffer.bytes += data.payload.len();
        if buffer.total != data.fragments || buffer.compress != data.compress || buffer.bytes > MAX_MESSAGE {
            self.buffers.remove(&data.sequence);
            return None;
        }
        buffer.fragments.insert(data.fragment, data.payload.clone());
        if buffer.fragments.len() < usize::from(buffer.total) {
            return None;
        }
        let buffer = self.buffers.remove(&data.sequence)?;
        let unit = buffer.fragments.values().next().map_or(0, Bytes::len);
        let last = buffer.fragments.len() - 1;
        let even = buffer.fragments.values().take(last).all(|f| f.len() == unit);
        let fits = buffer.fragments.values().last().is_some_and(|f| f.len() <= unit);
        if !even || !fits {
            return None;
        }
        let mut message = BytesMut::with_capacity(buffer.bytes);
        buffer.fragments.values().for_each(|f| message.extend_from_slice(f));
        Some(Whole { message: message.freeze(), compress: buffer.compress, channel: data.channel })
    }

    /// A ping tells how far the sender's numbers went [LK-6.5].
    pub(super) fn ping(&mut self, s: u16, timed: bool) {
        if timed {
            if self.last_timed != Some(s) {
                self.last_timed = Some(s);
                if s == 0 {
                    self.reset(0);
                }
            }
            return;
        }
        if self.last_forced != Some(s) {
            self.last_forced = Some(s);
            if !std::mem::take(&mut self.data_since_forced) {
                self.reset(s);
            }
        }
        self.seen(s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(sequence: u16, fragment: u8, fragments: u8, payload: &'static [u8]) -> Data {
        let payload = Bytes::from_static(payload);
        Data { sequence, compress: 0, broadcast: true, fragments, fragment, channel: 0, payload }
    }

    fn deliver(window: &mut Window, s: u16) -> bool {
        let whole = window.take(&data(s, 0, 1, b"x")).is_some();
        if whole {
            window.mark_delivered(s);
        }
        whole
    }

    /// The worked sequence of [LK-6.6].
    #[test]
    fn duplicates_are_told_from_news() {
        let mut window = Window::new();
        for (s, delivered) in [
            (100, true),
            (101, true),
            (100, false),
            (99, true),
            (99, false),
            (5000, true),
            (4500, true),
            (4500, false),
            (905, true),
            (903, true),
            (100, true),
            (8000, true),
            (12097, true),
            (8000, true),
            (8001, true),
            (65535, true),
            (1, true),
            (65535, false),
            (1, false),
            (2, true),
        ] {
            assert_eq!(deliver(&mut window, s), delivered, "{s}");
        }
    }

    #[test]
    fn a_restart_is_seen_by_a_ping_that_has_sent_nothing() {
        let mut window = Window::new();
        assert!(deliver(&mut window, 50));
        window.ping(50, true);
        assert!(!deliver(&mut window, 50));
        window.ping(0, true);
        assert!(deliver(&mut window, 50));
        window.ping(0, true);
        assert!(!deliver(&mut window, 50));
        window.ping(60, false);
        assert!(!deliver(&mut window, 50));
        window.ping(61, false);
        window.ping(62, false);
        assert!(deliver(&mut window, 50));
    }

    #[test]
    fn fragments_in_any_order_make_a_message_once() {
        let mut window = Window::new();
        assert!(window.take(&data(7, 3, 3, b"e")).is_none());
        assert!(window.take(&data(7, 1, 3, b"ab")).is_none());
        assert!(window.take(&data(7, 1, 3, b"ab")).is_none());
        assert_eq!(&window.take(&data(7, 2, 3, b"cd")).unwrap().message[..], b"abcde");
        window.mark_delivered(7);
        assert!(window.take(&data(7, 1, 3, b"ab")).is_none());
        // Uneven fragments never make a message.
        assert!(window.take(&data(8, 1, 2, b"a")).is_none());
        assert!(window.take(&data(8, 2, 2, b"bc")).is_none());
        for bad in [data(9, 0, 2, b"a"), data(9, 3, 2, b"a"), data(9, 1, 0, b"a"), data(9, 255, 255, b"a")] {
            assert!(window.take(&bad).is_none());
        }
    }

    #[test]
    fn unfinished_messages_are_bounded() {
        let mut window = Window::new();
        for s in 1..=1000 {
            window.take(&data(s, 1, 2, b"a"));
            assert!(window.buffers.len() <= BUFFERS + 1);
        }
    }
}
