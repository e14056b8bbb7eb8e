//! Every timer and bound of a ring, with the defaults and derivations of the daemons. [TM-2] [TM-16.1]

use crate::config::{Problem, Timers};
use thiserror::Error;

/// Bytes that may be under way to a node in one rotation: about half of what a receive buffer of [TM-2] holds.
const UNDER_WAY: usize = 1_200_000;
/// Bytes that may leave a node in one rotation: 0.04 s of a line of 1 Gbit/s, a small part of any token timeout.
const OUTGOING: usize = 4_800_000;

/// The effective values a ring runs with. All fields are plain: an embedder may set any of them and then
/// [`validate`](Config::validate); [`Config::derive`] gives the daemons' bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Timers and the daemons' limits of flow control.
    pub timers: Timers,
    /// `window_size` and `max_messages` times this in rings whose members all run this engine and take as much; 1 for none
    /// of it, at most 255.
    pub kin_factor: u32,
    /// Whether a served request ends the holding of the token.
    pub cancel_token_hold_on_retransmit: bool,
    /// Largest network frame; the ring uses 90 bytes less.
    pub net_mtu: usize,
    /// Node ids that the transport can reach, this node's included; empty: any. Others can be no token target, and
    /// what they send is refused. [TM-6.1]
    pub nodes: Vec<crate::wire::NodeId>,
    /// Messages held per ring (sent or received, not yet known to be everywhere).
    pub store_limit: usize,
    /// Old-ring messages resent in one recovery.
    pub recovery_limit: usize,
    /// Bytes of packed messages that may wait for the token; with the frame size this gives the queue's length.
    pub queue_bytes: usize,
    /// Largest application message, group header included; a longer one is refused, and never assembled.
    pub message_limit: usize,
    /// Longest datagram looked at.
    pub datagram_limit: usize,
}

/// A configuration that the daemons would refuse. [TM-16.2] item 5; the texts are theirs.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A timer or limit that the daemons refuse too.
    #[error(transparent)]
    Timers(#[from] Problem),
    /// A bound that leaves no room to work.
    #[error("{name} ({found}) is out of range ({least}..{most})")]
    Bound {
        /// The field.
        name: &'static str,
        /// Its value.
        found: usize,
        /// Least value.
        least: usize,
        /// Greatest value.
        most: usize,
    },
}

impl Config {
    /// What a read `totem {}` says; bounds as the daemons have them.
    pub fn of(totem: &crate::config::Totem) -> Self {
        Self {
            cancel_token_hold_on_retransmit: totem.cancel_token_hold_on_retransmit,
            net_mtu: totem.net_mtu as usize,
            ..Self::derive(totem.timers.clone())
        }
    }

    /// These timers, and the daemons' bounds.
    pub fn derive(timers: Timers) -> Self {
        Self {
            kin_factor: Self::kin_factor(timers.window_size, 1500, 2),
            timers,
            cancel_token_hold_on_retransmit: false,
            net_mtu: 1500,
            nodes: Vec::new(),
            store_limit: 16384,
            recovery_limit: 16383,
            queue_bytes: 4_194_304,
            message_limit: 1_048_576,
            datagram_limit: 136_192,
        }
    }

    /// The factor for frames of this size of which a node sends so many copies: as much in one rotation as receive buffers
    /// hold and a line carries in a small part of the token timeout.
    pub fn kin_factor(window_size: u32, net_mtu: usize, copies: usize) -> u32 {
        let rotation = (window_size as usize).saturating_mul(net_mtu).max(1);
        let factor = (UNDER_WAY / rotation).min(OUTGOING / rotation.saturating_mul(copies).max(1));
        factor.clamp(1, 16) as u32
    }

    /// Lowers the factor to what fits into `bytes` of datagrams that the driver's sockets hold while it does something else.
    #[must_use]
    pub fn within_room(mut self, bytes: usize) -> Self {
        // what a system accounts for a datagram is up to twice its length
        let rotation = (self.timers.window_size as usize).saturating_mul(2 * self.net_mtu).max(1);
        let factor = u32::try_from(bytes / rotation).unwrap_or(u32::MAX);
        self.kin_factor = self.kin_factor.min(factor).max(1);
        self
    }

    /// The checks of the daemons, in their order, then the bounds of this implementation. [TM-16.2]
    ///
    /// # Errors
    /// The first check that fails.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.timers.validate()?;
        self.validate_bounds()
    }

    fn validate_bounds(&self) -> Result<(), ConfigError> {
        let within = |name: &'static str, found: usize, least: usize, most: usize| {
            if (least..=most).contains(&found) { Ok(()) } else { Err(ConfigError::Bound { name, found, least, most }) }
        };
        within("net_mtu", self.net_mtu, 256, 65536)?;
        within("store_limit", self.store_limit, 64, 1 << 20)?;
        within("recovery_limit", self.recovery_limit, 64, 1 << 20)?;
        within("queue_bytes", self.queue_bytes, 4 * self.net_mtu, 1 << 30)?;
        within("message_limit", self.message_limit, 64, 1 << 26)?;
        within("datagram_limit", self.datagram_limit, self.net_mtu, 1 << 20)
    }

    /// Bytes of payload in one frame, counting from the multicast header: the daemons' "engine MTU". [TM-2]
    pub fn engine_mtu(&self) -> usize {
        self.net_mtu - 90
    }

    /// Bytes of a packet for its length table and data. [TM-2]
    pub fn packet_room(&self) -> usize {
        self.engine_mtu() - 8
    }

    /// Frames that may wait for the token. [TM-2]
    pub fn queue_len(&self) -> usize {
        self.queue_bytes / self.engine_mtu()
    }
}

impl Default for Config {
    /// The daemons' defaults for two nodes.
    fn default() -> Self {
        Self::derive(Timers::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_sizes() {
        let c = Config::default();
        assert_eq!((c.engine_mtu(), c.packet_room(), c.queue_len()), (1410, 1402, 2974));
    }

    #[test]
    fn the_factor_of_rings_of_this_engine_stays_below_what_buffers_and_lines_hold() {
        assert_eq!(Config::default().kin_factor, 16);
        let of = |nodes: usize, mtu| Config::kin_factor(50, mtu, nodes - 1);
        assert_eq!((of(3, 1500), of(9, 1500), of(16, 1500), of(384, 1500)), (16, 8, 4, 1));
        assert_eq!((of(3, 9000), of(3, 65536), of(1, 1500)), (2, 1, 16));
        let room = |bytes| Config::default().within_room(bytes).kin_factor;
        assert_eq!((room(4_358_144), room(425_984), room(0)), (16, 2, 1));
    }

    #[test]
    fn impossible_values_are_refused() {
        let short = Config::derive(Timers::with(&[("token", 20)], 2)).validate().unwrap_err();
        assert_eq!(short.to_string(), "The token timeout parameter (20 ms) may not be less than (30 ms).");
        let frame = Config { net_mtu: 100, ..Config::default() }.validate().unwrap_err();
        assert_eq!(frame.to_string(), "net_mtu (100) is out of range (256..65536)");
    }
}
