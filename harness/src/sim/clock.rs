//! The clock of a node: it drifts against virtual time, and its calendar may be set.

use std::time::Duration;

/// A clock that runs faster or slower by a few parts in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    ppm: i64,
}

impl Clock {
    /// A clock that gains `ppm` microseconds in a second; at most a tenth.
    pub fn drifting(ppm: i64) -> Self {
        Clock { ppm: ppm.clamp(-100_000, 100_000) }
    }

    /// What the clock shows at a virtual time.
    pub fn local(self, virtual_time: Duration) -> Duration {
        scale(virtual_time, 1_000_000 + self.ppm, 1_000_000)
    }

    /// The first virtual time at which the clock shows at least this.
    pub fn virtual_time(self, local: Duration) -> Duration {
        let mut time = scale(local, 1_000_000, 1_000_000 + self.ppm);
        while self.local(time) < local {
            time += Duration::from_nanos(1);
        }
        time
    }
}

fn scale(time: Duration, by: i64, of: i64) -> Duration {
    let nanos = time.as_nanos() * by as u128 / of as u128;
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waiting_until_a_local_time_reaches_it(ppm in -100_000i64..100_000, ms in 0u64..100_000_000) {
            let clock = Clock::drifting(ppm);
            let local = Duration::from_millis(ms);
            prop_assert!(clock.local(clock.virtual_time(local)) >= local);
        }
    }
}
