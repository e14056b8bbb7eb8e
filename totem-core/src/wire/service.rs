//! The executive header and the two messages of synchronisation. [TM-5.3] to [TM-5.5]
//!
//! The padding of these structures is arbitrary on receipt and zero when sent; it is not kept.

use super::bytes::{Reader, Writer};
use super::{ByteOrder, RingId, WireError};
use bytes::Bytes;

/// Bytes of the executive header.
pub const EXECUTIVE_LEN: usize = 16;
/// Slots of the service list in a service build message.
pub const MAX_SERVICES: usize = 128;

/// The header in front of every service message: offsets of all service structures count from its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Executive {
    /// Group `a`: service number and function number; group `sync`: the plain message number.
    pub id: u32,
    /// Bytes of the whole structure, header included; informational.
    pub size: u32,
}

impl Executive {
    /// The header of function `function` of service `service`.
    pub fn of(service: u16, function: u16, size: usize) -> Self {
        Self { id: u32::from(service) << 16 | u32::from(function), size: size as u32 }
    }

    /// The service number.
    pub fn service(&self) -> u16 {
        (self.id >> 16) as u16
    }

    /// The function number.
    pub fn function(&self) -> u16 {
        self.id as u16
    }

    /// Reads the header at the start of `data`.
    ///
    /// # Errors
    /// If there are fewer than sixteen bytes.
    pub fn decode(data: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        let r = Reader::new(data, order, "executive", EXECUTIVE_LEN)?;
        Ok(Self { id: r.u32(0)?, size: r.u32(8)? })
    }

    /// The sixteen bytes, little endian, padding zero.
    pub fn encode(&self) -> [u8; EXECUTIVE_LEN] {
        let mut out = [0; EXECUTIVE_LEN];
        out[0..4].copy_from_slice(&self.id.to_le_bytes());
        out[8..12].copy_from_slice(&self.size.to_le_bytes());
        out
    }
}

/// A message of group `sync`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyncMessage {
    /// Message 0.
    Barrier(Barrier),
    /// Message 1.
    ServiceBuild(ServiceBuild),
}

/// "I am done with this service." [TM-5.5]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Barrier {
    /// The ring that synchronises.
    pub ring: RingId,
}

/// "These services synchronise here." [TM-5.4]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServiceBuild {
    /// The ring that synchronises.
    pub ring: RingId,
    /// Service ids, ascending, at most [`MAX_SERVICES`].
    pub services: Vec<u32>,
}

impl SyncMessage {
    /// Reads the data part of a message of group `sync`. The daemons never swap these ([TM-5.5]); here both orders are read.
    ///
    /// # Errors
    /// If it is cut off, has too many services, or an unknown number.
    pub fn decode(data: &[u8], order: ByteOrder) -> Result<Self, WireError> {
        match Executive::decode(data, order)?.id {
            0 => {
                let r = Reader::new(data, order, "barrier", 32)?;
                Ok(Self::Barrier(Barrier { ring: r.ring(16)? }))
            }
            1 => {
                let r = Reader::new(data, order, "service_build", 552)?;
                let k = r.count(32, MAX_SERVICES)?;
                let services = (0..k).map(|i| r.u32(40 + 4 * i)).collect::<Result<_, _>>()?;
                Ok(Self::ServiceBuild(ServiceBuild { ring: r.ring(16)?, services }))
            }
            found => Err(WireError::SyncMessage { found }),
        }
    }

    /// Writes the data part, little endian.
    pub fn encode(&self) -> Bytes {
        let (id, size) = match self {
            Self::Barrier(_) => (0, 32),
            Self::ServiceBuild(_) => (1, 552),
        };
        let mut w = Writer::new(ByteOrder::Little, size as usize);
        w.bytes(&Executive { id, size }.encode());
        match self {
            Self::Barrier(m) => {
                w.ring(m.ring);
                w.u32(0);
            }
            Self::ServiceBuild(m) => {
                debug_assert!(m.services.len() <= MAX_SERVICES);
                w.ring(m.ring);
                w.u32(0);
                w.u32(m.services.len() as u32);
                w.u32(0);
                for i in 0..MAX_SERVICES {
                    w.u32(m.services.get(i).copied().unwrap_or(0));
                }
            }
        }
        w.finish()
    }
}
