//! Encryption and signature of packets as the original knows them [LK-13], and the two slots that let keys change under
//! a running ring [LK-14].

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq;

use super::mtu::Overhead;
use super::sealed::{self, Envelope, Keys, Secret};
use crate::config::{Cipher, Crypto, Hash};

const SALT: usize = 16;
/// Shortest and longest key in bytes; a longer one is cut.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 128..=4096;

/// A key that is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Could only read {bits} bits of minimum 1024 bits")]
pub struct KeyTooShort {
    /// Bits that there were.
    pub bits: usize,
}

/// A packet that no loaded key opens. The reason is counted and never told to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unable to decrypt packet")]
pub enum Refused {
    /// It says itself that it was sealed with another key, or in another way.
    OtherKey,
    /// It is not what its sender made.
    Altered,
}

/// Algorithms and the bytes of the key file.
#[derive(Clone, PartialEq, Eq)]
pub struct Protection {
    crypto: Crypto,
    key: Bytes,
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protection").field("crypto", &self.crypto).finish_non_exhaustive()
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // Every length of key is allowed for this construction.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl Protection {
    /// The key file's bytes, used as they are: no key is derived from them.
    ///
    /// # Errors
    /// If there are fewer than 128.
    pub fn new(crypto: Crypto, key: Bytes) -> Result<Self, KeyTooShort> {
        if key.len() < *KEY_LENGTH.start() {
            return Err(KeyTooShort { bits: key.len() * 8 });
        }
        let len = key.len().min(*KEY_LENGTH.end());
        Ok(Protection { crypto, key: key.slice(..len) })
    }

    /// The algorithms.
    pub fn crypto(&self) -> Crypto {
        self.crypto
    }

    /// Bytes of the signature.
    pub(super) fn hash_len(&self) -> usize {
        match self.crypto.hash {
            Hash::None => 0,
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// Bytes of the salt, and of a block of the cipher.
    pub(super) fn salt_len(&self) -> usize {
        if self.crypto.cipher == Cipher::None { 0 } else { SALT }
    }

    fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        match self.crypto.hash {
            Hash::None => Vec::new(),
            Hash::Md5 => hmac::<Hmac<md5::Md5>>(&self.key, parts),
            Hash::Sha1 => hmac::<Hmac<sha1::Sha1>>(&self.key, parts),
            Hash::Sha256 => hmac::<Hmac<sha2::Sha256>>(&self.key, parts),
            Hash::Sha384 => hmac::<Hmac<sha2::Sha384>>(&self.key, parts),
            Hash::Sha512 => hmac::<Hmac<sha2::Sha512>>(&self.key, parts),
        }
    }

    /// Encrypts and signs a clear packet. The salt must not repeat.
    pub fn seal(&self, clear: &[u8], salt: &[u8; SALT]) -> Bytes {
        let mut out = BytesMut::with_capacity(clear.len() + 2 * SALT + self.hash_len());
        let cipher_text = match self.crypto.cipher {
            Cipher::None => None,
            Cipher::Aes128 => cbc::Encryptor::<aes::Aes128>::new_from_slices(&self.key[..16], salt)
                .map(|c| c.encrypt_padded_vec::<Pkcs7>(clear))
                .ok(),
            Cipher::Aes192 => cbc::Encryptor::<aes::Aes192>::new_from_slices(&self.key[..24], salt)
                .map(|c| c.encrypt_padded_vec::<Pkcs7>(clear))
                .ok(),
            Cipher::Aes256 => cbc::Encryptor::<aes::Aes256>::new_from_slices(&self.key[..32], salt)
                .map(|c| c.encrypt_padded_vec::<Pkcs7>(clear))
                .ok(),
        };
        match cipher_text {
            Some(text) => {
                out.extend_from_slice(salt);
                out.extend_from_slice(&text);
            }
            None => out.extend_from_slice(clear),
        }
        let signature = self.sign(&[&out]);
        out.extend_from_slice(&signature);
        out.freeze()
    }

    /// Checks the signature, then decrypts.
    ///
    /// # Errors
    /// One answer for every fault.
    pub fn open(&self, packet: &Bytes) -> Result<Bytes, Refused> {
        let signed = packet.len().checked_sub(self.hash_len()).filter(|n| *n > 0).ok_or(Refused::Altered)?;
        let signature = self.sign(&[&packet[..signed]]);
        if !bool::from(signature.ct_eq(&packet[signed..])) {
            return Err(Refused::Altered);
        }
        if self.crypto.cipher == Cipher::None {
            return Ok(packet.slice(..signed));
        }
        if signed <= SALT {
            return Err(Refused::Altered);
        }
        let (salt, text) = (&packet[..SALT], &packet[SALT..signed]);
        let clear = match self.crypto.cipher {
            Cipher::None => Vec::new(),
            Cipher::Aes128 => cbc::Decryptor::<aes::Aes128>::new_from_slices(&self.key[..16], salt)
                .map_err(|_| Refused::Altered)?
                .decrypt_padded_vec::<Pkcs7>(text)
                .map_err(|_| Refused::Altered)?,
            Cipher::Aes192 => cbc::Decryptor::<aes::Aes192>::new_from_slices(&self.key[..24], salt)
                .map_err(|_| Refused::Altered)?
                .decrypt_padded_vec::<Pkcs7>(text)
                .map_err(|_| Refused::Altered)?,
            Cipher::Aes256 => cbc::Decryptor::<aes::Aes256>::new_from_slices(&self.key[..32], salt)
                .map_err(|_| Refused::Altered)?
                .decrypt_padded_vec::<Pkcs7>(text)
                .map_err(|_| Refused::Altered)?,
        };
        Ok(clear.into())
    }
}

/// How packets are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// As the original does it.
    Stock(Protection),
    /// As only this engine does it.
    Own(Secret),
}

impl From<Protection> for Guard {
    fn from(protection: Protection) -> Self {
        Guard::Stock(protection)
    }
}

impl From<Secret> for Guard {
    fn from(secret: Secret) -> Self {
        Guard::Own(secret)
    }
}

impl Guard {
    /// What the own mode calls the key.
    pub(super) fn name(&self) -> Option<u32> {
        match self {
            Guard::Stock(_) => None,
            Guard::Own(secret) => Some(secret.name()),
        }
    }

    pub(super) fn overhead(&self) -> Overhead {
        match self {
            Guard::Stock(p) => Overhead::new(p.salt_len() as u32, p.hash_len() as u32, p.salt_len() as u32),
            Guard::Own(_) => Overhead::new(sealed::PREFIX as u32, sealed::TAG as u32, 0),
        }
    }
}

/// A packet that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// As the original protects packets, or not at all: nothing tells whether it is fresh.
    Stock(Bytes),
    /// With what its sender and number prove.
    Own(Envelope, Bytes),
}

/// Two slots: one is used for sending, both are tried on receipt. Slot 0 means clear.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    loaded: [Option<Guard>; 2],
    in_use: usize,
    allow_clear: bool,
    keys: Keys,
}

impl Slots {
    pub(super) fn new(guard: Option<Guard>) -> Self {
        let (in_use, allow_clear) = if guard.is_some() { (1, false) } else { (0, true) };
        Slots { loaded: [guard, None], in_use, allow_clear, keys: Keys::default() }
    }

    /// What is in a slot.
    pub(super) fn loaded(&self, slot: usize) -> Option<&Guard> {
        slot.checked_sub(1).and_then(|slot| self.loaded[slot].as_ref())
    }

    /// The slot that sends.
    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    pub(super) fn sending(&self) -> Option<&Guard> {
        self.loaded(self.in_use)
    }

    /// Seals a packet in the own mode, if that is in use.
    pub(super) fn seal_own(&mut self, envelope: &Envelope, clear: &[u8]) -> Option<Bytes> {
        match self.in_use.checked_sub(1).and_then(|slot| self.loaded[slot].as_ref()) {
            Some(Guard::Own(secret)) => Some(secret.seal(&mut self.keys, envelope, clear)),
            _ => None,
        }
    }

    /// What the protection in use takes of every packet.
    pub(super) fn overhead(&self) -> Overhead {
        self.sending().map_or(Overhead::new(0, 0, 0), Guard::overhead)
    }

    /// Loads a changed protection beside the one in use: receivers accept both from now on.
    pub(super) fn load(&mut self, guard: Option<Guard>) -> usize {
        let slot = if self.in_use == 1 { 2 } else { 1 };
        let on = guard.is_some();
        self.loaded[slot - 1] = guard;
        self.allow_clear |= !on;
        if on { slot } else { 0 }
    }

    pub(super) fn activate(&mut self, slot: usize) {
        if slot == 0 || self.loaded.get(slot - 1).is_some_and(Option::is_some) {
            self.in_use = slot;
        }
    }

    /// Forgets everything but what is in use.
    pub(super) fn clean_up(&mut self) {
        for slot in 1..=2 {
            if slot != self.in_use {
                self.loaded[slot - 1] = None;
            }
        }
        self.allow_clear = self.in_use == 0;
        self.keys = Keys::default();
    }

    /// What is inside a packet, and the slot that opened it.
    pub(super) fn open(&mut self, packet: &Bytes) -> Result<(Opened, usize), Refused> {
        let first = self.in_use.checked_sub(1);
        let order = first.into_iter().chain((0..2).filter(|slot| Some(*slot) != first));
        let mut refused = Refused::OtherKey;
        for (slot, guard) in order.filter_map(|slot| Some((slot + 1, self.loaded[slot].as_ref()?))) {
            let opened = match guard {
                Guard::Stock(protection) => protection.open(packet).map(Opened::Stock),
                Guard::Own(secret) => {
                    secret.open(&mut self.keys, packet).map(|(envelope, clear)| Opened::Own(envelope, clear))
                }
            };
            match opened {
                Ok(opened) => return Ok((opened, slot)),
                // Told of the key that it names, if there is one.
                Err(Refused::Altered) => refused = Refused::Altered,
                Err(Refused::OtherKey) => {}
            }
        }
        if self.allow_clear { Ok((Opened::Stock(packet.clone()), 0)) } else { Err(refused) }
    }
}
