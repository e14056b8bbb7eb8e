//! Who is there now, and what was heard already: boots that have proven themselves, and a window of numbers for each
//! link of each sender [LK-25 items 4 to 6].
//!
//! A packet of a boot that is not known yet changes nothing but this: its sender is asked to send a random value back,
//! which only a living owner of the key can. So packets recorded in an earlier life of either side never count.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::Rng;

use super::sealed::{CHALLENGE, Envelope, Kind};
use crate::wire::NodeId;

/// Numbers that are remembered per sender and link.
const WINDOW: u64 = 2048;
/// Boots that are over and remembered, per host.
const OVER: usize = 64;
/// Packets of one boot on one link, at most: then the boot is over, and with it the key.
const PACKETS: u64 = 1 << 48;
/// How long a challenge may be answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is put again.
const AGAIN: Duration = Duration::from_millis(200);

/// Numbers of one sender on one link that were heard.
#[derive(Clone, Debug)]
struct Heard {
    top: u64,
    bits: [u64; WINDOW as usize / 64],
}

impl Heard {
    fn new() -> Self {
        Heard { top: 0, bits: [0; WINDOW as usize / 64] }
    }

    fn bit(&mut self, n: u64) -> (&mut u64, u64) {
        let at = n % WINDOW;
        (&mut self.bits[(at / 64) as usize], 1 << (at % 64))
    }

    /// Whether `n` is news; if so, it is not from now on.
    fn accept(&mut self, n: u64) -> bool {
        if n > self.top {
            if n - self.top >= WINDOW {
                self.bits.fill(0);
            } else {
                for passed in self.top + 1..=n {
                    let (word, mask) = self.bit(passed);
                    *word &= !mask;
                }
            }
            self.top = n;
        } else if self.top - n >= WINDOW || n == 0 {
            return false;
        }
        let (word, mask) = self.bit(n);
        let fresh = *word & mask == 0;
        *word |= mask;
        fresh
    }
}

struct Challenge {
    value: [u8; CHALLENGE],
    made: Duration,
    sent: Duration,
}

/// What is known of one host.
#[derive(Default)]
struct Peer {
    boot: Option<u64>,
    over: VecDeque<u64>,
    heard: BTreeMap<u8, Heard>,
    challenge: Option<Challenge>,
}

/// What to do with an authentic packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is news.
    Fresh,
    /// It was heard before, is too old to tell, or its boot is over.
    Replayed,
    /// Its boot has not proven itself; the value, if any, is to be sent as a challenge.
    Unproven(Option<[u8; CHALLENGE]>),
}

/// The own boot and numbers, and those of all hosts.
pub(super) struct Sentry {
    boot: u64,
    sent: BTreeMap<u8, u64>,
    peers: BTreeMap<NodeId, Peer>,
}

impl Sentry {
    pub(super) fn new(boot: u64) -> Self {
        Sentry { boot, sent: BTreeMap::new(), peers: BTreeMap::new() }
    }

    /// Boot and number for the next own packet on a link.
    pub(super) fn number(&mut self, link: u8, random: &mut impl Rng) -> (u64, u64) {
        if self.sent.get(&link).is_some_and(|n| *n >= PACKETS) {
            self.boot = random.next_u64();
            self.sent.clear();
        }
        let number = self.sent.entry(link).or_default();
        *number += 1;
        (self.boot, *number)
    }

    /// Judges a packet of the links.
    pub(super) fn admit(&mut self, now: Duration, envelope: &Envelope, random: &mut impl Rng) -> Verdict {
        debug_assert_eq!(envelope.kind, Kind::Packet);
        let peer = self.peers.entry(envelope.from).or_default();
        if peer.boot == Some(envelope.boot) {
            let heard = peer.heard.entry(envelope.link).or_insert_with(Heard::new);
            return if heard.accept(envelope.number) { Verdict::Fresh } else { Verdict::Replayed };
        }
        if peer.over.contains(&envelope.boot) {
            return Verdict::Replayed;
        }
        Verdict::Unproven(peer.challenge(now, random))
    }

    /// Whether a boot is known to be over.
    pub(super) fn is_over(&self, from: NodeId, boot: u64) -> bool {
        self.peers.get(&from).is_some_and(|peer| peer.over.contains(&boot))
    }

    /// An authentic challenge: whether its sender must prove itself too, and with what.
    pub(super) fn challenge_of(
        &mut self,
        now: Duration,
        from: NodeId,
        boot: u64,
        random: &mut impl Rng,
    ) -> Option<[u8; CHALLENGE]> {
        let peer = self.peers.entry(from).or_default();
        if peer.boot == Some(boot) {
            return None;
        }
        peer.challenge(now, random)
    }

    /// An authentic answer. True if a boot has proven itself by it: all that was known of the host is over.
    pub(super) fn answered(&mut self, now: Duration, envelope: &Envelope, value: &[u8]) -> bool {
        let Some(peer) = self.peers.get_mut(&envelope.from) else { return false };
        let asked = |c: &Challenge| c.value == value && now.saturating_sub(c.made) <= PATIENCE;
        if !peer.challenge.as_ref().is_some_and(asked) || peer.over.contains(&envelope.boot) {
            return false;
        }
        peer.challenge = None;
        if peer.boot == Some(envelope.boot) {
            return false;
        }
        if let Some(old) = peer.boot.replace(envelope.boot) {
            if peer.over.len() >= OVER {
                peer.over.pop_front();
            }
            peer.over.push_back(old);
        }
        peer.heard.clear();
        true
    }
}

impl Peer {
    /// The challenge to put now, if one is due.
    fn challenge(&mut self, now: Duration, random: &mut impl Rng) -> Option<[u8; CHALLENGE]> {
        if let Some(open) = &mut self.challenge
            && now.saturating_sub(open.made) <= PATIENCE
        {
            if now < open.sent + AGAIN {
                return None;
            }
            open.sent = now;
            return Some(open.value);
        }
        let mut value = [0; CHALLENGE];
        random.fill_bytes(&mut value);
        self.challenge = Some(Challenge { value, made: now, sent: now });
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha12Rng;
    use std::collections::BTreeSet;

    fn packet(boot: u64, number: u64) -> Envelope {
        Envelope { kind: Kind::Packet, from: NodeId(2), to: NodeId(0), link: 0, boot, number }
    }

    /// Lets a boot prove itself.
    fn prove(sentry: &mut Sentry, now: Duration, boot: u64, random: &mut ChaCha12Rng) {
        let Verdict::Unproven(Some(value)) = sentry.admit(now, &packet(boot, 1), random) else {
            panic!("no challenge")
        };
        assert!(!sentry.answered(now, &packet(boot, 2), &[0; 16]));
        assert!(sentry.answered(now, &packet(boot, 2), &value));
        assert!(!sentry.answered(now, &packet(boot, 2), &value), "a value counts once");
    }

    #[test]
    fn a_boot_must_prove_itself_and_an_old_one_is_over_for_good() {
        let mut random = ChaCha12Rng::from_seed([1; 32]);
        let mut sentry = Sentry::new(9);
        let second = Duration::from_secs(1);
        prove(&mut sentry, Duration::ZERO, 70, &mut random);
        assert_eq!(sentry.admit(second, &packet(70, 3), &mut random), Verdict::Fresh);
        prove(&mut sentry, second * 5, 71, &mut random);
        for number in [3, 4, 1 << 40] {
            assert_eq!(sentry.admit(second * 9, &packet(70, number), &mut random), Verdict::Replayed);
        }
        assert!(sentry.is_over(NodeId(2), 70) && !sentry.is_over(NodeId(2), 71));
        assert_eq!(sentry.admit(second * 9, &packet(71, 3), &mut random), Verdict::Fresh);
    }

    #[test]
    fn challenges_are_rare_and_end() {
        let mut random = ChaCha12Rng::from_seed([1; 32]);
        let mut sentry = Sentry::new(9);
        let ms = Duration::from_millis;
        let mut values = BTreeSet::new();
        let mut put = 0;
        for n in 0..1000 {
            if let Verdict::Unproven(Some(value)) = sentry.admit(ms(n), &packet(n, 1), &mut random) {
                put += 1;
                values.insert(value);
            }
        }
        assert_eq!((put, values.len()), (5, 1));
        let late = values.pop_first().unwrap();
        assert!(!sentry.answered(ms(2001), &packet(5, 2), &late));
    }

    #[test]
    fn numbers_end_with_the_boot() {
        let mut random = ChaCha12Rng::from_seed([1; 32]);
        let mut sentry = Sentry::new(9);
        assert_eq!(sentry.number(0, &mut random), (9, 1));
        assert_eq!(sentry.number(1, &mut random), (9, 1));
        sentry.sent.insert(0, PACKETS);
        let (boot, number) = sentry.number(0, &mut random);
        assert!(boot != 9 && number == 1);
        assert_eq!(sentry.number(1, &mut random), (boot, 1));
    }

    proptest! {
        /// Against a set that remembers everything: nothing is taken twice, and what is news and not too old is taken.
        #[test]
        fn the_window_takes_every_number_once(steps in proptest::collection::vec((any::<bool>(), 0u64..5000), 1..400)) {
            let mut heard = Heard::new();
            let mut taken = BTreeSet::new();
            let mut top = 0u64;
            for (ahead, distance) in steps {
                let n = if ahead { top + distance } else { top.saturating_sub(distance) };
                let expected = n != 0 && (n > top || top - n < WINDOW) && !taken.contains(&n);
                prop_assert_eq!(heard.accept(n), expected, "{} of {}", n, top);
                if expected {
                    taken.insert(n);
                    top = top.max(n);
                }
            }
        }
    }
}
