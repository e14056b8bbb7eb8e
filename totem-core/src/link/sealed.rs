//! Packets as only this engine seals them [LK-25]: authenticated encryption, a fresh key for every start of every sender,
//! and numbers that never repeat. Named by `crypto_model: metronome`; other engines drop these packets unread.
//!
//! ```text
//!  0  "Mt"   2  version 1   3  kind   4  sender (u16)   6  receiver (u16, 0 = all)   8  link   9  zero (3 bytes)
//! 12  name of the key (u32)   16  boot (u64)   24  number (u64)   32  ChaCha20-Poly1305 of the clear packet, tag last
//! ```
//!
//! Numbers are big endian. The first 32 bytes are authenticated with the rest. The key of a packet follows from the key
//! file, the cluster's name, the sender and its boot by HKDF-SHA-256; the nonce is the link and the number.

use bytes::{BufMut, Bytes, BytesMut};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

use std::collections::BTreeMap;

use super::crypto::{KEY_LENGTH, KeyTooShort, Refused};
use crate::wire::NodeId;

const MAGIC: [u8; 3] = [b'M', b't', 1];
/// Bytes in front of the sealed packet.
pub(super) const PREFIX: usize = 32;
/// Bytes behind it.
pub(super) const TAG: usize = 16;
/// Bytes of a challenge.
pub(super) const CHALLENGE: usize = 16;

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A packet of the links.
    Packet = 0,
    /// Prove that you are there now.
    Challenge = 1,
    /// The same bytes back.
    Answer = 2,
}

/// What stands on a sealed packet in clear, and is authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) from: NodeId,
    /// 0 is everybody.
    pub(super) to: NodeId,
    pub(super) link: u8,
    /// Drawn at the sender's start.
    pub(super) boot: u64,
    /// Counts the sender's packets on this link, from 1.
    pub(super) number: u64,
}

impl Envelope {
    fn encode(&self, key_name: u32) -> [u8; PREFIX] {
        let mut out = [0; PREFIX];
        let mut rest = &mut out[..];
        rest.put_slice(&MAGIC);
        rest.put_u8(self.kind as u8);
        rest.put_u16(self.from.0 as u16);
        rest.put_u16(self.to.0 as u16);
        rest.put_slice(&[self.link, 0, 0, 0]);
        rest.put_u32(key_name);
        rest.put_u64(self.boot);
        rest.put_u64(self.number);
        out
    }

    /// The envelope and the name of the key, of a prefix that is well formed.
    fn decode(prefix: &[u8; PREFIX]) -> Option<(Envelope, u32)> {
        let kind = match (prefix[..3] == MAGIC, prefix[3]) {
            (true, 0) => Kind::Packet,
            (true, 1) => Kind::Challenge,
            (true, 2) => Kind::Answer,
            _ => return None,
        };
        let two = |at: usize| NodeId(u16::from_be_bytes([prefix[at], prefix[at + 1]]).into());
        let eight = |at: usize| prefix[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let key_name = eight(8) as u32;
        let envelope = Envelope { kind, from: two(4), to: two(6), link: prefix[8], boot: eight(16), number: eight(24) };
        Some((envelope, key_name))
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[0] = self.link;
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        nonce.into()
    }
}

/// The key that each sender's last authentic packet had, so that it need not be derived again: one for each node.
#[derive(Clone, Default)]
pub(super) struct Keys(BTreeMap<NodeId, (u32, u64, [u8; 32])>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Keys {
    fn of(&self, secret: &Secret, envelope: &Envelope) -> [u8; 32] {
        match self.0.get(&envelope.from) {
            Some((name, boot, key)) if (*name, *boot) == (secret.name, envelope.boot) => *key,
            _ => secret.packets_key(envelope),
        }
    }

    fn keep(&mut self, secret: &Secret, envelope: &Envelope, key: [u8; 32]) {
        self.0.insert(envelope.from, (secret.name, envelope.boot, key));
    }
}

/// A key file in its own mode: 256-bit keys are derived from it, nothing else ever leaves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    root: [u8; 32],
    name: u32,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("name", &format_args!("{:08x}", self.name)).finish_non_exhaustive()
    }
}

impl Secret {
    /// The key file's bytes, for one cluster: packets of another cluster with the same file are strangers.
    ///
    /// # Errors
    /// If there are fewer than 128 bytes.
    pub fn new(cluster: &str, key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < *KEY_LENGTH.start() {
            return Err(KeyTooShort { bits: key.len() * 8 });
        }
        let key = &key[..key.len().min(*KEY_LENGTH.end())];
        let salt = [b"metronome links 1 ", cluster.as_bytes()].concat();
        let (root, _) = Hkdf::<Sha256>::extract(Some(&salt), key);
        let mut secret = Secret { root: root.into(), name: 0 };
        let name = secret.derive(b"name");
        secret.name = u32::from_be_bytes([name[0], name[1], name[2], name[3]]);
        Ok(secret)
    }

    /// The key's name, which packets carry and which tells nothing of it.
    pub(super) fn name(&self) -> u32 {
        self.name
    }

    fn derive(&self, info: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        // Both lengths are those of the hash, which are always allowed.
        if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(&self.root) {
            let _ = hkdf.expand(info, &mut key);
        }
        key
    }

    /// The key of one sender's packets in one boot.
    fn packets_key(&self, envelope: &Envelope) -> [u8; 32] {
        let from = envelope.from.0.to_be_bytes();
        self.derive(&[&b"packets"[..], &from, &envelope.boot.to_be_bytes()].concat())
    }

    /// Seals a clear packet. The envelope's number must not repeat on its link in this boot.
    pub(super) fn seal(&self, keys: &mut Keys, envelope: &Envelope, clear: &[u8]) -> Bytes {
        let key = keys.of(self, envelope);
        keys.keep(self, envelope, key);
        let prefix = envelope.encode(self.name);
        let mut out = BytesMut::with_capacity(PREFIX + clear.len() + TAG);
        out.put_slice(&prefix);
        // Only a packet of 256 GiB is refused.
        let payload = Payload { msg: clear, aad: &prefix };
        let cipher = ChaCha20Poly1305::new(&key.into());
        out.put_slice(&cipher.encrypt(&envelope.nonce(), payload).unwrap_or_default());
        out.freeze()
    }

    /// Checks and opens a packet. Whether it is fresh, and from whom it may come, is not known here.
    pub(super) fn open(&self, keys: &mut Keys, datagram: &[u8]) -> Result<(Envelope, Bytes), Refused> {
        let (prefix, sealed) = datagram.split_first_chunk::<PREFIX>().ok_or(Refused::OtherKey)?;
        let (envelope, name) = Envelope::decode(prefix).ok_or(Refused::OtherKey)?;
        if name != self.name {
            return Err(Refused::OtherKey);
        }
        let payload = Payload { msg: sealed, aad: prefix };
        let key = keys.of(self, &envelope);
        let cipher = ChaCha20Poly1305::new(&key.into());
        let clear = cipher.decrypt(&envelope.nonce(), payload).map_err(|_| Refused::Altered)?;
        keys.keep(self, &envelope, key);
        Ok((envelope, clear.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret(cluster: &str, byte: u8) -> Secret {
        Secret::new(cluster, &[byte; 128]).unwrap()
    }

    fn envelope() -> Envelope {
        Envelope { kind: Kind::Packet, from: NodeId(3), to: NodeId(0), link: 1, boot: 0x0123_4567_89ab_cdef, number: 7 }
    }

    #[test]
    fn the_prefix_is_what_the_table_says() {
        let sealed = secret("c", 1).seal(&mut Keys::default(), &envelope(), b"clear");
        let text: String = sealed[..PREFIX].iter().map(|b| format!("{b:02x}")).collect();
        let name = format!("{:08x}", secret("c", 1).name);
        assert_eq!(text, format!("4d7401000003000001000000{name}0123456789abcdef0000000000000007"));
        assert_eq!(sealed.len(), PREFIX + 5 + TAG);
    }

    #[test]
    fn another_file_or_cluster_is_another_key() {
        let sealed = secret("c", 1).seal(&mut Keys::default(), &envelope(), b"clear");
        assert_eq!(secret("c", 2).open(&mut Keys::default(), &sealed), Err(Refused::OtherKey));
        assert_eq!(secret("d", 1).open(&mut Keys::default(), &sealed), Err(Refused::OtherKey));
        assert!(Secret::new("c", &[1; 127]).is_err());
    }

    /// Equal packets of two boots, links or numbers have nothing in common.
    #[test]
    fn nothing_repeats() {
        let secret = secret("c", 1);
        let one = envelope();
        let clear = [0; 64];
        let texts: Vec<Bytes> = [
            one,
            Envelope { boot: 1, ..one },
            Envelope { link: 0, ..one },
            Envelope { number: 8, ..one },
            Envelope { from: NodeId(4), ..one },
        ]
        .iter()
        .map(|e| secret.seal(&mut Keys::default(), e, &clear).slice(PREFIX..))
        .collect();
        for (n, text) in texts.iter().enumerate() {
            assert!(texts[..n].iter().all(|other| other[..16] != text[..16]));
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_is_altered_does_not(
            clear in proptest::collection::vec(any::<u8>(), 0..300),
            (from, to, link, boot, number) in (1u32..=0xffff, 0u32..=0xffff, 0u8..8, any::<u64>(), any::<u64>()),
            (at, change) in (any::<proptest::sample::Index>(), 1u8..),
        ) {
            let secret = secret("c", 1);
            let envelope = Envelope { kind: Kind::Answer, from: NodeId(from), to: NodeId(to), link, boot, number };
            let sealed = secret.seal(&mut Keys::default(), &envelope, &clear);
            prop_assert_eq!(secret.open(&mut Keys::default(), &sealed), Ok((envelope, clear.into())));
            let mut altered = sealed.to_vec();
            let at = at.index(altered.len());
            altered[at] ^= change;
            prop_assert!(secret.open(&mut Keys::default(), &altered).is_err());
            prop_assert!(secret.open(&mut Keys::default(), &sealed[..at]).is_err());
        }

        #[test]
        fn anything_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(secret("c", 1).open(&mut Keys::default(), &bytes).is_err());
            let mut named = envelope().encode(secret("c", 1).name).to_vec();
            named.extend(bytes);
            prop_assert_eq!(secret("c", 1).open(&mut Keys::default(), &named), Err(Refused::Altered));
        }
    }
}
