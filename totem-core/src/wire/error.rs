//! Why a datagram, packet or message was refused. [TM-3.3]

use thiserror::Error;

/// What is wrong with received bytes. The texts are those that administrators know from the daemons' logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum WireError {
    /// Fewer than the thirteen bytes of the common header.
    #[error("Message received is too short...  Ignoring {len}.")]
    Short {
        /// Bytes received.
        len: usize,
    },
    /// Not a datagram of this protocol.
    #[error("Message received has bad magic number (probably sent by {guess}).. Ignoring")]
    Magic {
        /// The first two bytes, little endian.
        found: u16,
        /// Who may have sent it.
        guess: Guess,
    },
    /// A header version other than 3.
    #[error("Message received has unsupported version {found}... Ignoring")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// A type byte above 5.
    #[error("Message received has wrong type...  ignoring {found}.")]
    Kind {
        /// The type byte.
        found: u8,
    },
    /// Shorter than its type or its own counts require.
    #[error("Received {kind} message is too short...  ignoring.")]
    Truncated {
        /// The daemons' name of the message.
        kind: &'static str,
        /// Bytes needed.
        need: usize,
        /// Bytes received.
        have: usize,
    },
    /// Longer than its type may be.
    #[error("Received {kind} message is too long...  ignoring.")]
    Oversized {
        /// The daemons' name of the message.
        kind: &'static str,
        /// Bytes received.
        have: usize,
    },
    /// A count above its limit (or negative).
    #[error("Received {kind} message list_entries exceeds the maximum allowed value...  ignoring.")]
    TooMany {
        /// The daemons' name of the message.
        kind: &'static str,
        /// The count found.
        found: u32,
    },
    /// Packing lengths that do not add up to the packet. [TM-5.1]
    #[error("Message (totempg_mcast) doesn't have expected length of {want} (has {have}) bytes...  Ignoring.")]
    Packing {
        /// Bytes that the length table announces.
        want: usize,
        /// Bytes received.
        have: usize,
    },
    /// A function number that the service does not have. [TM-5.3]
    #[error("discarded unknown message {found} for service {service} (max id {count})")]
    Function {
        /// Number of the service.
        service: u16,
        /// The function number found.
        found: u16,
        /// How many functions the service has.
        count: u16,
    },
    /// A message number of the sync group that does not exist. [TM-5.3]
    #[error("unknown sync message {found}")]
    SyncMessage {
        /// The number found.
        found: u32,
    },
}

/// Who may have sent a datagram with a foreign magic number. [TM-3.3]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guess {
    /// Magic 0xFFFF.
    Corosync22,
    /// Magic 0xFEFE.
    Corosync23,
    /// First byte 1.
    Kronosnet,
    /// First byte 0..5.
    OpenAis,
    /// Anything else.
    Unknown,
}

impl Guess {
    /// Guesses by the first two bytes.
    pub fn from_bytes(b: [u8; 2]) -> Self {
        match b {
            [0xff, 0xff] => Guess::Corosync22,
            [0xfe, 0xfe] => Guess::Corosync23,
            [1, _] => Guess::Kronosnet,
            [0..=5, _] => Guess::OpenAis,
            _ => Guess::Unknown,
        }
    }
}

impl std::fmt::Display for Guess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Guess::Corosync22 => "Corosync 2.2",
            Guess::Corosync23 => "Corosync 2.3+",
            Guess::Kronosnet => "unencrypted Kronosnet",
            Guess::OpenAis => "unencrypted Corosync 2.0/2.1/1.x/OpenAIS",
            Guess::Unknown => "encrypted Kronosnet/Corosync 2.0/2.1/1.x/OpenAIS or unknown",
        })
    }
}
