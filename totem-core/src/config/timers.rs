//! Timers and limits of the ring, with defaults and derived values [TM-16.1], and their checks [TM-16.2].

use std::time::Duration;

use super::error::{Invalid, Problem};
use super::{Cmap, Value};

/// The smallest timer that a clock of 100 ticks per second can keep, in milliseconds.
const LEAST_TIMER: u32 = 30;
/// The smallest hold timer, in milliseconds.
const LEAST_HOLD: u32 = 14;

/// Effective timers and limits of the ring. Times are whole milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// `token`: how long the token may stay away, with the node list's size counted in.
    pub token: Duration,
    /// `token_warning`: percent of `token` after which a late token is reported; 0 never.
    pub token_warning: u32,
    /// `token_retransmit`: when a token that was passed on is sent again.
    pub token_retransmit: Duration,
    /// `hold`: how long the representative keeps the token on an idle ring.
    pub hold: Duration,
    /// `token_retransmits_before_loss_const`.
    pub token_retransmits_before_loss: u32,
    /// `join`: when a join message is repeated.
    pub join: Duration,
    /// `send_join`: upper bound of the random delay before a join.
    pub send_join: Duration,
    /// `consensus`: how long to wait for agreement before a new round.
    pub consensus: Duration,
    /// `merge`: how often other rings are looked for while idle.
    pub merge: Duration,
    /// `downcheck`: how often an interface that is down is looked at.
    pub downcheck: Duration,
    /// `fail_recv_const`: rotations without progress of a member before it is given up.
    pub fail_recv_const: u32,
    /// `seqno_unchanged_const`: rotations without messages before the token is held.
    pub seqno_unchanged_const: u32,
    /// `heartbeat_failures_allowed`.
    pub heartbeat_failures_allowed: u32,
    /// `max_network_delay`.
    pub max_network_delay: Duration,
    /// `window_size`: messages of all nodes in one rotation.
    pub window_size: u32,
    /// `max_messages`: messages of one node in one visit of the token.
    pub max_messages: u32,
    /// `miss_count_const`: visits before a missing message is asked for.
    pub miss_count_const: u32,
}

impl Default for Timers {
    /// What an empty `totem {}` means for two nodes.
    fn default() -> Self {
        Timers::derive(&Cmap::default(), 2)
    }
}

fn ms(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

fn as_ms(value: Duration) -> u32 {
    u32::try_from(value.as_millis()).unwrap_or(u32::MAX)
}

impl Timers {
    /// Effective values where only these keys of `totem {}` are set, with `nodes` entries in the node list.
    pub fn with(keys: &[(&str, u32)], nodes: usize) -> Timers {
        let mut map = Cmap::default();
        for (key, value) in keys {
            // a key that cannot be set is as good as unset
            let _ = map.set(&format!("totem.{key}"), Value::U32(*value));
        }
        Timers::derive(&map, nodes)
    }

    /// Effective values of the keys in `map` with `nodes` entries in the node list. Nothing is checked here.
    pub fn derive(map: &Cmap, nodes: usize) -> Timers {
        let key = |name: &str| map.get_u32(&format!("totem.{name}"));
        let nonzero = |name: &str, default: u32| key(name).filter(|v| *v != 0).unwrap_or(default);
        let beyond_two = u32::try_from(nodes.saturating_sub(2)).unwrap_or(u32::MAX);
        let coefficient = key("token_coefficient").unwrap_or(650);
        let token = nonzero("token", 3000).wrapping_add(beyond_two.wrapping_mul(coefficient));
        let retransmits = nonzero("token_retransmits_before_loss_const", 4);
        let token_retransmit = nonzero("token_retransmit", (f64::from(token) / (f64::from(retransmits) + 0.2)) as u32);
        Timers {
            token: ms(token),
            token_warning: key("token_warning").unwrap_or(75),
            token_retransmit: ms(token_retransmit),
            hold: ms(nonzero("hold", (f64::from(token_retransmit) * 0.8 - 10.0) as u32)),
            token_retransmits_before_loss: retransmits,
            join: ms(nonzero("join", 50)),
            send_join: ms(key("send_join").unwrap_or(0)),
            // The product is rounded to single precision before it is cut [TM-16.1].
            consensus: ms(nonzero("consensus", (1.2 * f64::from(token)) as f32 as u32)),
            merge: ms(nonzero("merge", 200)),
            downcheck: ms(nonzero("downcheck", 1000)),
            fail_recv_const: nonzero("fail_recv_const", 2500),
            seqno_unchanged_const: nonzero("seqno_unchanged_const", 30),
            heartbeat_failures_allowed: key("heartbeat_failures_allowed").unwrap_or(0),
            max_network_delay: ms(nonzero("max_network_delay", 50)),
            window_size: nonzero("window_size", 50),
            max_messages: nonzero("max_messages", 17),
            miss_count_const: nonzero("miss_count_const", 5),
        }
    }

    /// The heartbeat timer, if the values allow one [TM-16.3].
    pub fn heartbeat(&self) -> Option<Duration> {
        let timer = self.token_retransmit.checked_mul(self.heartbeat_failures_allowed)? + self.max_network_delay;
        (self.heartbeat_failures_allowed > 0 && timer < self.token).then_some(timer)
    }

    /// The first value that the clock or the protocol cannot live with [TM-16.2 item 5].
    ///
    /// # Errors
    /// What is wrong with it, in the daemons' words.
    pub fn validate(&self) -> Result<(), Problem> {
        self.first_problem(false).map_or(Ok(()), |(_, problem)| Err(problem))
    }

    /// The same with the place of the value, for a configuration that was read.
    pub(super) fn check(&self, map: &Cmap) -> Result<(), Invalid> {
        let explicit = map.get_u32("totem.token_retransmit").unwrap_or(0) != 0;
        let Some((key, problem)) = self.first_problem(explicit) else { return Ok(()) };
        let (value, allowed) = match &problem {
            Problem::TimerTooSmall { value, least, .. } => (*value, format!("{least} ms or more")),
            Problem::TokenWarning(value) => (*value, "0..100".to_owned()),
            Problem::ConsensusBelowJoin { consensus, join } => (*consensus, format!("{join} ms or more")),
            _ => (as_ms(self.token), "a token_retransmit of 30 ms or more".to_owned()),
        };
        Err(Invalid::new(problem).at(format!("totem.{key}"), value, allowed))
    }

    /// In the daemons' order; `explicit` if the administrator set the interval of retransmissions.
    fn first_problem(&self, explicit: bool) -> Option<(&'static str, Problem)> {
        let least = |name: &'static str, key: &'static str, value: Duration, least: u32| {
            let value = as_ms(value);
            (value < least).then_some((key, Problem::TimerTooSmall { name, value, least }))
        };
        let warning =
            || (self.token_warning > 100).then_some(("token_warning", Problem::TokenWarning(self.token_warning)));
        let derived = || {
            let short = as_ms(self.token_retransmit) < LEAST_TIMER && !explicit;
            short.then_some(("token", Problem::Retransmits))
        };
        let consensus = || {
            let (consensus, join) = (as_ms(self.consensus), as_ms(self.join));
            (consensus < join).then_some(("consensus", Problem::ConsensusBelowJoin { consensus, join }))
        };
        let retransmit = self.token_retransmit;
        least("max_network_delay", "max_network_delay", self.max_network_delay, LEAST_TIMER)
            .or_else(|| least("token timeout", "token", self.token, LEAST_TIMER))
            .or_else(warning)
            .or_else(derived)
            .or_else(|| least("token retransmit timeout", "token_retransmit", retransmit, LEAST_TIMER))
            .or_else(|| least("token hold timeout", "hold", self.hold, LEAST_HOLD))
            .or_else(|| least("join timeout", "join", self.join, LEAST_TIMER))
            .or_else(|| least("consensus timeout", "consensus", self.consensus, LEAST_TIMER))
            .or_else(consensus)
            .or_else(|| least("merge timeout", "merge", self.merge, LEAST_TIMER))
            .or_else(|| least("downcheck timeout", "downcheck", self.downcheck, LEAST_TIMER))
    }

    /// The values as keys below `runtime.config.totem.`.
    pub(super) fn keys(&self) -> Vec<(&'static str, Value)> {
        let time = |value: Duration| Value::U32(as_ms(value));
        vec![
            ("token", time(self.token)),
            ("token_warning", Value::U32(self.token_warning)),
            ("token_retransmit", time(self.token_retransmit)),
            ("hold", time(self.hold)),
            ("token_retransmits_before_loss_const", Value::U32(self.token_retransmits_before_loss)),
            ("join", time(self.join)),
            ("send_join", time(self.send_join)),
            ("consensus", time(self.consensus)),
            ("merge", time(self.merge)),
            ("downcheck", time(self.downcheck)),
            ("fail_recv_const", Value::U32(self.fail_recv_const)),
            ("seqno_unchanged_const", Value::U32(self.seqno_unchanged_const)),
            ("heartbeat_failures_allowed", Value::U32(self.heartbeat_failures_allowed)),
            ("max_network_delay", time(self.max_network_delay)),
            ("window_size", Value::U32(self.window_size)),
            ("max_messages", Value::U32(self.max_messages)),
            ("miss_count_const", Value::U32(self.miss_count_const)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of [TM-16.1]: token, token_retransmit, hold, consensus.
    #[test]
    fn derived_values() {
        type Case<'a> = (&'a [(&'a str, u32)], usize, [u32; 4]);
        let cases: [Case<'_>; 5] = [
            (&[], 2, [3000, 714, 561, 3600]),
            (&[], 3, [3650, 869, 685, 4380]),
            (&[("token", 1000)], 2, [1000, 238, 180, 1200]),
            (&[("token", 1000)], 3, [1650, 392, 303, 1980]),
            (&[("token", 3000), ("token_retransmits_before_loss_const", 10)], 2, [3000, 294, 225, 3600]),
        ];
        for (keys, nodes, expected) in cases {
            let t = Timers::with(keys, nodes);
            assert_eq!([t.token, t.token_retransmit, t.hold, t.consensus].map(as_ms), expected);
        }
    }

    #[test]
    fn heartbeat_needs_room_below_the_token() {
        assert_eq!(Timers::with(&[("token", 1000), ("heartbeat_failures_allowed", 2)], 2).heartbeat(), Some(ms(526)));
        assert_eq!(Timers::with(&[("token", 1000), ("heartbeat_failures_allowed", 5)], 2).heartbeat(), None);
        assert_eq!(Timers::with(&[], 2).heartbeat(), None);
    }

    #[test]
    fn too_small_values_are_named() {
        let check = |keys: &[(&str, u32)]| {
            let mut map = Cmap::default();
            for (key, value) in keys {
                map.set(&format!("totem.{key}"), Value::U32(*value)).unwrap();
            }
            Timers::derive(&map, 2).check(&map).unwrap_err().to_string()
        };
        assert_eq!(check(&[("token", 10)]), "The token timeout parameter (10 ms) may not be less than (30 ms).");
        assert_eq!(check(&[("token", 100)]), "Not appropriate token or token_retransmits_before_loss_const value set");
        assert_eq!(
            check(&[("token_warning", 101)]),
            "The token warning parameter (101%) must be between 0 (disabled) and 100."
        );
        assert_eq!(check(&[("hold", 10)]), "The token hold timeout parameter (10 ms) may not be less than (14 ms).");
        assert_eq!(
            check(&[("join", 5000)]),
            "The consensus timeout parameter (3600 ms) may not be less than join timeout (5000 ms)."
        );
    }
}
