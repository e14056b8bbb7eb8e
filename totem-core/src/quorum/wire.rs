//! The messages of vote quorum [QG-2.12].

use bytes::Bytes;

use crate::sync::{Outgoing, ServiceId};
use crate::wire::{ByteOrder, NodeId, Reader, WireError};

/// Bytes of a device's name field, its terminating zero included.
const NAME_FIELD: usize = 255;

/// What a node says of itself, or of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags(pub u32);

impl Flags {
    /// The sender considers itself quorate.
    pub const QUORATE: Flags = Flags(1);
    /// An orderly leave that lowers expectations.
    pub const LEAVING: Flags = Flags(2);
    /// The sender still waits for all.
    pub const WAITING: Flags = Flags(4);
    /// The sender has not been in a ring of several members.
    pub const FIRST: Flags = Flags(8);
    /// A device is registered at the sender.
    pub const REGISTERED: Flags = Flags(16);
    /// The device polled in time.
    pub const ALIVE: Flags = Flags(32);
    /// The device votes for the sender's partition.
    pub const CAST_VOTE: Flags = Flags(64);
    /// The device's vote claims the partition.
    pub const MASTER_WINS: Flags = Flags(128);

    /// Whether all of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets or clears `other`.
    pub fn put(&mut self, other: Flags, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Function 0.
    NodeInfo {
        /// Who is described; 0 is the device.
        node: NodeId,
        /// Its votes.
        votes: u32,
        /// What it expects.
        expected: u32,
        /// What it says of itself.
        flags: Flags,
    },
    /// Function 1.
    Reconfigure {
        /// The node it is about.
        node: NodeId,
        /// The new number.
        value: u32,
        /// Which number.
        parameter: Parameter,
    },
    /// Function 2.
    Device {
        /// True to register, false to unregister.
        register: bool,
        /// The device's name.
        name: String,
    },
    /// Function 3.
    DeviceRename {
        /// The name until now.
        old: String,
        /// The name from now on.
        new: String,
    },
}

/// What a reconfiguration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Everybody's expectation.
    ExpectedVotes,
    /// One node's votes.
    Votes,
    /// Nobody waits any longer.
    CancelWaitForAll,
    /// A number that this version does not know; ignored.
    Unknown(u8),
}

impl Parameter {
    fn number(self) -> u8 {
        match self {
            Parameter::ExpectedVotes => 1,
            Parameter::Votes => 2,
            Parameter::CancelWaitForAll => 3,
            Parameter::Unknown(number) => number,
        }
    }
}

fn name(data: &[u8], at: usize) -> String {
    let field = &data[at..at + NAME_FIELD];
    let end = field.iter().position(|b| *b == 0).unwrap_or(NAME_FIELD);
    String::from_utf8_lossy(&field[..end]).into_owned()
}

impl Message {
    /// Reads the structure of function `function`; offsets count from the executive header.
    ///
    /// # Errors
    /// If it is cut off or the function is unknown.
    pub fn decode(function: u16, data: &[u8], order: ByteOrder) -> Result<Message, WireError> {
        match function {
            0 => {
                let r = Reader::new(data, order, "votequorum nodeinfo", 32)?;
                let flags = Flags(r.u32(28)?);
                Ok(Message::NodeInfo { node: r.node(16)?, votes: r.u32(20)?, expected: r.u32(24)?, flags })
            }
            1 => {
                let r = Reader::new(data, order, "votequorum reconfigure", 25)?;
                let parameter = match r.u8(24)? {
                    1 => Parameter::ExpectedVotes,
                    2 => Parameter::Votes,
                    3 => Parameter::CancelWaitForAll,
                    other => Parameter::Unknown(other),
                };
                Ok(Message::Reconfigure { node: r.node(16)?, value: r.u32(20)?, parameter })
            }
            2 => {
                let r = Reader::new(data, order, "votequorum device registration", 20 + NAME_FIELD)?;
                Ok(Message::Device { register: r.u32(16)? == 1, name: name(data, 20) })
            }
            3 => {
                Reader::new(data, order, "votequorum device rename", 16 + 2 * NAME_FIELD)?;
                Ok(Message::DeviceRename { old: name(data, 16), new: name(data, 16 + NAME_FIELD) })
            }
            found => Err(WireError::Function { service: ServiceId::VOTEQUORUM.0, found, count: 4 }),
        }
    }

    /// The function number.
    pub fn function(&self) -> u16 {
        match self {
            Message::NodeInfo { .. } => 0,
            Message::Reconfigure { .. } => 1,
            Message::Device { .. } => 2,
            Message::DeviceRename { .. } => 3,
        }
    }

    /// The structure, ready to be multicast. It goes out while services synchronise: votes are what they exchange.
    pub fn encode(&self) -> Outgoing {
        let mut body = Vec::with_capacity(16);
        match self {
            Message::NodeInfo { node, votes, expected, flags } => {
                for value in [node.0, *votes, *expected, flags.0] {
                    body.extend_from_slice(&value.to_le_bytes());
                }
            }
            Message::Reconfigure { node, value, parameter } => {
                body.extend_from_slice(&node.0.to_le_bytes());
                body.extend_from_slice(&value.to_le_bytes());
                body.extend_from_slice(&[parameter.number(), 0, 0, 0, 0, 0, 0, 0]);
            }
            Message::Device { register, name } => {
                body.extend_from_slice(&u32::from(*register).to_le_bytes());
                put_name(&mut body, name);
                body.resize(280 - 16, 0);
            }
            Message::DeviceRename { old, new } => {
                put_name(&mut body, old);
                put_name(&mut body, new);
                body.resize(528 - 16, 0);
            }
        }
        Outgoing::new(ServiceId::VOTEQUORUM, self.function(), &body, Bytes::new()).in_sync()
    }
}

fn put_name(body: &mut Vec<u8>, name: &str) {
    let bytes = name.as_bytes();
    let len = bytes.len().min(NAME_FIELD - 1);
    body.extend_from_slice(&bytes[..len]);
    body.resize(body.len() + NAME_FIELD - len, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_reads_back() {
        let all = [
            Message::NodeInfo { node: NodeId(3), votes: 1, expected: 5, flags: Flags::QUORATE | Flags::ALIVE },
            Message::Reconfigure { node: NodeId(1), value: 7, parameter: Parameter::ExpectedVotes },
            Message::Device { register: true, name: "Qdevice".into() },
            Message::DeviceRename { old: "a".into(), new: "b".into() },
        ];
        for (message, size) in all.iter().zip([32, 32, 280, 528]) {
            let out = message.encode();
            assert_eq!(out.head.len(), size);
            assert_eq!(&Message::decode(message.function(), &out.head, ByteOrder::Little).unwrap(), message);
            for cut in 0..out.head.len().min(275) {
                let _ = Message::decode(message.function(), &out.head[..cut], ByteOrder::Little);
            }
        }
        assert!(Message::decode(4, &[0; 64], ByteOrder::Little).is_err());
    }
}
