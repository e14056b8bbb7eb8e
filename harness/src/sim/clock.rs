//! The clock of a node: it drifts against virtual time, and may jump.

use std::time::Duration;

/// A clock that runs faster or slower by a few parts in a million, and that has jumped forward now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    ppm: i64,
    ahead: Duration,
}

impl Clock {
    /// A clock that gains `ppm` microseconds in a second; at most a tenth.
    pub fn drifting(ppm: i64) -> Self {
        Clock { ppm: ppm.clamp(-100_000, 100_000), ahead: Duration::ZERO }
    }

    /// The clock goes forward at once, as that of a virtual machine that was suspended.
    pub fn jump(&mut self, span: Duration) {
        self.ahead += span;
    }

    /// What the clock shows at a virtual time.
    pub fn local(self, virtual_time: Duration) -> Duration {
        scale(virtual_time, 1_000_000 + self.ppm, 1_000_000) + self.ahead
    }

    /// The first virtual time at which the clock shows at least this.
    pub fn virtual_time(self, local: Duration) -> Duration {
        let mut time = scale(local.saturating_sub(self.ahead), 1_000_000, 1_000_000 + self.ppm);
        while self.local(time) < local {
            time += Duration::from_nanos(1);
        }
        time
    }
}

/// `time * by / of`, rounded down, in parts that need no wide division: both factors are near a million.
fn scale(time: Duration, by: i64, of: i64) -> Duration {
    let (nanos, by, of) = (time.as_nanos() as u64, by as u64, of as u64);
    Duration::from_nanos(nanos / of * by + nanos % of * by / of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waiting_until_a_local_time_reaches_it(ppm in -100_000i64..100_000, jump in 0u64..100_000, ms in 0u64..100_000_000) {
            let mut clock = Clock::drifting(ppm);
            clock.jump(Duration::from_millis(jump));
            let local = Duration::from_millis(ms);
            prop_assert!(clock.local(clock.virtual_time(local)) >= local);
        }
    }

    #[test]
    fn a_jump_makes_timers_due() {
        let mut clock = Clock::drifting(0);
        let due = clock.local(Duration::from_secs(5)) + Duration::from_secs(2);
        clock.jump(Duration::from_secs(2));
        assert!(clock.virtual_time(due) <= Duration::from_secs(5));
    }
}
