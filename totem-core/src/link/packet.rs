//! Packets of the link layer in their clear form, byte by byte [LK-4].
//!
//! No padding anywhere. Host ids and sequence numbers are big endian; the size in probes and the time stamps are in
//! whatever order the sender has, and are only ever echoed.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::NodeId;

/// Wire version that this engine speaks.
pub(super) const VERSION: u8 = 1;
/// Bytes of a ping or pong; also what MTU arithmetic allows for any header.
pub(super) const PING_LEN: usize = 26;
/// Bytes in front of the fill of a probe, and of a whole reply.
pub(super) const PROBE_LEN: usize = 9;
/// Bytes in front of the payload of a data packet.
pub(super) const DATA_LEN: usize = 14;

/// What is in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Is this link alive? The bytes behind the common header are kept whole: a pong returns them unchanged.
    Ping(Heartbeat),
    /// It is.
    Pong(Heartbeat),
    /// Does a packet of this size arrive?
    Probe {
        /// Link number.
        link: u8,
        /// Size of the IP packet, in the sender's byte order.
        size: [u8; 2],
        /// Zeros up to that size.
        fill: usize,
    },
    /// It did.
    ProbeReply {
        /// Link number.
        link: u8,
        /// As in the probe.
        size: [u8; 2],
    },
    /// One fragment of a message, or all of it.
    Data(Data),
}

/// A ping or pong behind the common header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Link number as the pinger counts.
    pub link: u8,
    /// The pinger's own time stamp.
    pub time: [u8; 16],
    /// The pinger's last data sequence number.
    pub sequence: u16,
    /// Sent by the timer; otherwise because numbers are about to wrap.
    pub timed: bool,
}

/// A data packet behind the common header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Number of the message.
    pub sequence: u16,
    /// How it was compressed; 0 is not at all.
    pub compress: u8,
    /// Whether it goes to all.
    pub broadcast: bool,
    /// How many fragments.
    pub fragments: u8,
    /// Which one, from 1; 0 if there is only one.
    pub fragment: u8,
    /// Local consumer: 0 is the ring.
    pub channel: i8,
    /// The bytes.
    pub payload: Bytes,
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sent this packet.
    pub from: NodeId,
    /// Highest wire version of the sender; 0 means 1.
    pub max_version: u8,
    /// What it says.
    pub body: Body,
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PacketError {
    /// Shorter than its type needs.
    #[error("Packet is too short: {0}")]
    Short(usize),
    /// Another wire version.
    #[error("Packet version does not match")]
    Version(u8),
    /// Not a type of this version.
    #[error("unknown packet type {0:#04x}")]
    Kind(u8),
}

impl Packet {
    /// Reads a clear packet.
    ///
    /// # Errors
    /// If it is too short for its type, or of another version.
    pub fn decode(bytes: &Bytes) -> Result<Packet, PacketError> {
        let need = |n: usize| if bytes.len() < n { Err(PacketError::Short(bytes.len())) } else { Ok(()) };
        need(7)?;
        if bytes[0] != VERSION {
            return Err(PacketError::Version(bytes[0]));
        }
        let two = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let heartbeat = || {
            need(PING_LEN)?;
            let mut time = [0; 16];
            time.copy_from_slice(&bytes[7..23]);
            Ok(Heartbeat { link: bytes[6], time, sequence: two(23), timed: bytes[25] != 0 })
        };
        let body = match bytes[1] {
            0x81 => Body::Ping(heartbeat()?),
            0x82 => Body::Pong(heartbeat()?),
            0x83 => {
                need(PROBE_LEN)?;
                Body::Probe { link: bytes[6], size: [bytes[7], bytes[8]], fill: bytes.len() - PROBE_LEN }
            }
            0x84 => {
                need(PROBE_LEN)?;
                Body::ProbeReply { link: bytes[6], size: [bytes[7], bytes[8]] }
            }
            0x00 => {
                need(DATA_LEN)?;
                Body::Data(Data {
                    sequence: two(6),
                    compress: bytes[8],
                    broadcast: bytes[10] != 0,
                    fragments: bytes[11],
                    fragment: bytes[12],
                    channel: bytes[13] as i8,
                    payload: bytes.slice(DATA_LEN..),
                })
            }
            other => return Err(PacketError::Kind(other)),
        };
        Ok(Packet { from: NodeId(two(2).into()), max_version: bytes[4], body })
    }

    /// The packet in bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        let kind = match &self.body {
            Body::Ping(_) => 0x81,
            Body::Pong(_) => 0x82,
            Body::Probe { .. } => 0x83,
            Body::ProbeReply { .. } => 0x84,
            Body::Data(_) => 0x00,
        };
        out.put_slice(&[VERSION, kind]);
        out.put_u16(self.from.0 as u16);
        out.put_slice(&[self.max_version, 0]);
        match &self.body {
            Body::Ping(h) | Body::Pong(h) => {
                out.put_u8(h.link);
                out.put_slice(&h.time);
                out.put_u16(h.sequence);
                out.put_u8(h.timed.into());
            }
            Body::Probe { link, size, fill } => {
                out.put_slice(&[*link, size[0], size[1]]);
                out.put_bytes(0, *fill);
            }
            Body::ProbeReply { link, size } => out.put_slice(&[*link, size[0], size[1]]),
            Body::Data(d) => {
                out.put_u16(d.sequence);
                out.put_slice(&[d.compress, 0, d.broadcast.into(), d.fragments, d.fragment, d.channel as u8]);
                out.put_slice(&d.payload);
            }
        }
        out.freeze()
    }
}

/// The pong to a ping: its bytes with another type and host id, everything else unchanged, version bytes included.
pub(super) fn pong_to(ping: &[u8], from: NodeId) -> Bytes {
    let mut out = BytesMut::from(&ping[..PING_LEN]);
    out[1] = 0x82;
    out[2..4].copy_from_slice(&(from.0 as u16).to_be_bytes());
    out.freeze()
}

/// The reply to a probe, likewise.
pub(super) fn reply_to(probe: &[u8], from: NodeId) -> Bytes {
    let mut out = BytesMut::from(&probe[..PROBE_LEN]);
    out[1] = 0x84;
    out[2..4].copy_from_slice(&(from.0 as u16).to_be_bytes());
    out.freeze()
}
