//! Every timer and bound of a ring, with the defaults and derivations of the daemons. [TM-2] [TM-16.1]

use std::time::Duration;
use thiserror::Error;

/// What the administrator wrote in `totem {}`: `None` (or an explicit 0, where the daemons say so) means the default.
/// Times are milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)] // the names are the configuration keys
pub struct Keys {
    pub token: Option<u32>,
    pub token_coefficient: Option<u32>,
    pub token_warning: Option<u32>,
    pub token_retransmits_before_loss_const: Option<u32>,
    pub token_retransmit: Option<u32>,
    pub hold: Option<u32>,
    pub join: Option<u32>,
    pub send_join: Option<u32>,
    pub consensus: Option<u32>,
    pub merge: Option<u32>,
    pub downcheck: Option<u32>,
    pub fail_recv_const: Option<u32>,
    pub seqno_unchanged_const: Option<u32>,
    pub heartbeat_failures_allowed: Option<u32>,
    pub max_network_delay: Option<u32>,
    pub window_size: Option<u32>,
    pub max_messages: Option<u32>,
    pub miss_count_const: Option<u32>,
    pub netmtu: Option<u32>,
    pub cancel_token_hold_on_retransmit: Option<bool>,
}

/// The effective values a ring runs with. All fields are plain: an embedder may set any of them and then
/// [`validate`](Config::validate); [`Config::derive`] gives what the daemons would use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Effective token timeout: base + (nodes - 2) * coefficient.
    pub token: Duration,
    /// Percent of `token` after which a late token is reported; 0 disables.
    pub token_warning: u32,
    /// Resends of a token before it counts as lost (only `token_retransmit` is derived from it).
    pub token_retransmits_before_loss_const: u32,
    /// Interval at which the last token sent is sent again.
    pub token_retransmit: Duration,
    /// How long the representative keeps the token of an idle ring.
    pub hold: Duration,
    /// Repetition of joins.
    pub join: Duration,
    /// Upper bound of the random delay before a join or leave.
    pub send_join: Duration,
    /// How long to wait for agreement before the silent ones count as failed.
    pub consensus: Duration,
    /// Interval of merge detects on an idle ring.
    pub merge: Duration,
    /// Interval of interface checks (carried out by the driver).
    pub downcheck: Duration,
    /// Token visits with the same aru, lowered by this node, until it gives itself up.
    pub fail_recv_const: u32,
    /// Rotations without new messages until the token is held.
    pub seqno_unchanged_const: u32,
    /// Token retransmissions allowed before the heartbeat counts the token as lost; 0 disables.
    pub heartbeat_failures_allowed: u32,
    /// Used by the heartbeat only.
    pub max_network_delay: Duration,
    /// Messages per rotation, all nodes.
    pub window_size: u32,
    /// Messages per token visit, one node.
    pub max_messages: u32,
    /// Token visits that miss a message before it is requested.
    pub miss_count_const: u32,
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
    /// A timer below its least value.
    #[error("The {name} parameter ({found} ms) may not be less than ({least} ms).")]
    TooShort {
        /// The daemons' name of the parameter.
        name: &'static str,
        /// Milliseconds found.
        found: u64,
        /// Least value in milliseconds.
        least: u64,
    },
    /// `token_warning` above 100.
    #[error("The token warning parameter ({found}%) must be between 0 (disabled) and 100.")]
    TokenWarning {
        /// Percent found.
        found: u32,
    },
    /// The derived retransmit interval is too short.
    #[error("Not appropriate token or token_retransmits_before_loss_const value set")]
    Retransmits,
    /// Consensus could never be reached.
    #[error("The consensus timeout parameter ({consensus} ms) may not be less than join timeout ({join} ms).")]
    Consensus {
        /// The consensus timeout in milliseconds.
        consensus: u64,
        /// The join timeout in milliseconds.
        join: u64,
    },
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

impl Keys {
    fn or(value: Option<u32>, default: u32) -> u32 {
        value.filter(|&v| v != 0).unwrap_or(default)
    }
}

fn ms(v: u32) -> Duration {
    Duration::from_millis(u64::from(v))
}

impl Config {
    /// What a read `totem {}` says; bounds as the daemons have them.
    pub fn of(totem: &crate::config::Totem) -> Self {
        let t = &totem.timers;
        Self {
            token: t.token,
            token_warning: t.token_warning,
            token_retransmits_before_loss_const: t.token_retransmits_before_loss,
            token_retransmit: t.token_retransmit,
            hold: t.hold,
            join: t.join,
            send_join: t.send_join,
            consensus: t.consensus,
            merge: t.merge,
            downcheck: t.downcheck,
            fail_recv_const: t.fail_recv_const,
            seqno_unchanged_const: t.seqno_unchanged_const,
            heartbeat_failures_allowed: t.heartbeat_failures_allowed,
            max_network_delay: t.max_network_delay,
            window_size: t.window_size,
            max_messages: t.max_messages,
            miss_count_const: t.miss_count_const,
            cancel_token_hold_on_retransmit: totem.cancel_token_hold_on_retransmit,
            net_mtu: totem.net_mtu as usize,
            ..Self::default()
        }
    }

    /// The effective values for a node list of `nodes` entries. [TM-16.1]
    pub fn derive(keys: &Keys, nodes: usize) -> Self {
        let more = u32::try_from(nodes.saturating_sub(2)).unwrap_or(u32::MAX);
        let token = Keys::or(keys.token, 3000).wrapping_add(more.wrapping_mul(keys.token_coefficient.unwrap_or(650)));
        let r = Keys::or(keys.token_retransmits_before_loss_const, 4);
        let token_retransmit = Keys::or(keys.token_retransmit, (f64::from(token) / (f64::from(r) + 0.2)) as u32);
        let hold = Keys::or(keys.hold, (f64::from(token_retransmit) * 0.8 - 10.0) as u32);
        // the product in double precision, rounded to single, then cut off
        let consensus = Keys::or(keys.consensus, (1.2 * f64::from(token)) as f32 as u32);
        Self {
            token: ms(token),
            token_warning: keys.token_warning.unwrap_or(75),
            token_retransmits_before_loss_const: r,
            token_retransmit: ms(token_retransmit),
            hold: ms(hold),
            join: ms(Keys::or(keys.join, 50)),
            send_join: ms(keys.send_join.unwrap_or(0)),
            consensus: ms(consensus),
            merge: ms(Keys::or(keys.merge, 200)),
            downcheck: ms(Keys::or(keys.downcheck, 1000)),
            fail_recv_const: Keys::or(keys.fail_recv_const, 2500),
            seqno_unchanged_const: Keys::or(keys.seqno_unchanged_const, 30),
            heartbeat_failures_allowed: keys.heartbeat_failures_allowed.unwrap_or(0),
            max_network_delay: ms(Keys::or(keys.max_network_delay, 50)),
            window_size: Keys::or(keys.window_size, 50),
            max_messages: Keys::or(keys.max_messages, 17),
            miss_count_const: Keys::or(keys.miss_count_const, 5),
            cancel_token_hold_on_retransmit: keys.cancel_token_hold_on_retransmit.unwrap_or(false),
            net_mtu: Keys::or(keys.netmtu, 1500) as usize,
            nodes: Vec::new(),
            store_limit: 16384,
            recovery_limit: 16383,
            queue_bytes: 4_194_304,
            message_limit: 1_048_576,
            datagram_limit: 136_192,
        }
    }

    /// The checks of the daemons, in their order, then the bounds of this implementation. [TM-16.2]
    ///
    /// # Errors
    /// The first check that fails.
    pub fn validate(&self, keys: &Keys) -> Result<(), ConfigError> {
        let least = |name: &'static str, value: Duration, least: u64| {
            let found = value.as_millis() as u64;
            if found < least { Err(ConfigError::TooShort { name, found, least }) } else { Ok(()) }
        };
        least("max_network_delay", self.max_network_delay, 30)?;
        least("token timeout", self.token, 30)?;
        if self.token_warning > 100 {
            return Err(ConfigError::TokenWarning { found: self.token_warning });
        }
        if self.token_retransmit < ms(30) {
            let explicit = keys.token_retransmit.is_some_and(|v| v != 0);
            return least("token retransmit timeout", self.token_retransmit, 30)
                .map_err(|e| if explicit { e } else { ConfigError::Retransmits });
        }
        least("token hold timeout", self.hold, 14)?;
        least("join timeout", self.join, 30)?;
        least("consensus timeout", self.consensus, 30)?;
        if self.consensus < self.join {
            return Err(ConfigError::Consensus {
                consensus: self.consensus.as_millis() as u64,
                join: self.join.as_millis() as u64,
            });
        }
        least("merge timeout", self.merge, 30)?;
        least("downcheck timeout", self.downcheck, 30)?;
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

    /// The heartbeat's timeout, if it is enabled and below the token timeout. [TM-16.3]
    pub fn heartbeat(&self) -> Option<Duration> {
        let h = self.token_retransmit * self.heartbeat_failures_allowed + self.max_network_delay;
        (self.heartbeat_failures_allowed > 0 && h < self.token).then_some(h)
    }
}

impl Default for Config {
    /// The daemons' defaults for two nodes.
    fn default() -> Self {
        Self::derive(&Keys::default(), 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of [TM-16.1].
    #[test]
    fn derived_values() {
        for (nodes, token, retransmits, want) in [
            (2, None, None, (3000, 714, 561, 3600)),
            (3, None, None, (3650, 869, 685, 4380)),
            (2, Some(1000), None, (1000, 238, 180, 1200)),
            (3, Some(1000), None, (1650, 392, 303, 1980)),
            (2, Some(3000), Some(10), (3000, 294, 225, 3600)),
        ] {
            let keys = Keys { token, token_retransmits_before_loss_const: retransmits, ..Keys::default() };
            let c = Config::derive(&keys, nodes);
            assert_eq!(c.validate(&keys), Ok(()));
            let got = [c.token, c.token_retransmit, c.hold, c.consensus].map(|d| d.as_millis());
            assert_eq!(got, [want.0, want.1, want.2, want.3], "{nodes} nodes, token {token:?}");
        }
    }

    #[test]
    fn heartbeat_of_the_specification() {
        let keys = Keys { token: Some(1000), heartbeat_failures_allowed: Some(2), ..Keys::default() };
        assert_eq!(Config::derive(&keys, 2).heartbeat(), Some(ms(526)));
    }

    #[test]
    fn frame_sizes() {
        let c = Config::default();
        assert_eq!((c.engine_mtu(), c.packet_room(), c.queue_len()), (1410, 1402, 2974));
    }

    #[test]
    fn refused_values_say_why() {
        let text = |keys: Keys| Config::derive(&keys, 2).validate(&keys).unwrap_err().to_string();
        assert_eq!(
            text(Keys { token: Some(20), ..Keys::default() }),
            "The token timeout parameter (20 ms) may not be less than (30 ms)."
        );
        assert_eq!(
            text(Keys { token_retransmit: Some(5), ..Keys::default() }),
            "The token retransmit timeout parameter (5 ms) may not be less than (30 ms)."
        );
        assert_eq!(
            text(Keys { token: Some(100), ..Keys::default() }),
            "Not appropriate token or token_retransmits_before_loss_const value set"
        );
        assert_eq!(
            text(Keys { consensus: Some(40), ..Keys::default() }),
            "The consensus timeout parameter (40 ms) may not be less than join timeout (50 ms)."
        );
    }
}
