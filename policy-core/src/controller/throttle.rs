//! How loaded this node is, and telling the coordinator ([CT-5.7]).

use super::{Controller, Message, Receiver};
use crate::transition::LoadMode;
use std::time::Duration;

/// What a driver measures, every 30 seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The share of one processor that the copy of the CIB took since the last measurement; 1.0 is all of it.
    pub cib: f64,
    /// The load average of one minute.
    pub average: f64,
    /// How many processors there are.
    pub cores: usize,
}

impl Load {
    /// The load mode under a threshold, which is a share of one processor; 0 or less looks at the CIB alone.
    fn mode(self, threshold: f64) -> LoadMode {
        let single = self.cores <= 1;
        let usual = if single { 0.4 } else { 0.95 };
        let c = if threshold > 0.0 { threshold.min(usual) } else { usual };
        let share = self.cib / c;
        let by_cib = match share {
            _ if share > 1.5 => LoadMode::Extreme,
            _ if share > 1.0 => LoadMode::High,
            _ if share > 0.9 => LoadMode::Medium,
            _ if share > 0.8 => LoadMode::Low,
            _ => LoadMode::Negligible,
        };
        if threshold <= 0.0 {
            return by_cib;
        }
        let t = if single { 0.6 } else { threshold * self.cores as f64 };
        let average = self.average / t;
        let by_average = match average {
            _ if average > 2.0 => LoadMode::High,
            _ if average > 1.6 => LoadMode::Medium,
            _ if average > 1.2 => LoadMode::Low,
            _ => LoadMode::Negligible,
        };
        by_cib.max(by_average)
    }
}

impl Controller {
    /// The load of this node as measured now: all are told when its mode has changed.
    pub fn handle_load(&mut self, now: Duration, load: Load) {
        let mode = load.mode(self.options.load_threshold);
        if self.load_mode.replace(mode) != Some(mode) {
            let max = match self.options.node_action_limit {
                0 => 2 * load.cores.max(1),
                limit => limit,
            };
            self.send(Receiver::All, Message::Throttle { mode, max: u32::try_from(max).unwrap_or(u32::MAX) });
        }
        self.run(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(cib: f64, average: f64, cores: usize, threshold: f64) -> LoadMode {
        Load { cib, average, cores }.mode(threshold)
    }

    #[test]
    fn the_higher_of_both_counts() {
        assert_eq!(mode(0.1, 0.5, 4, 0.8), LoadMode::Negligible);
        // The threshold of the CIB is the lower of 0.95 and the configured one.
        assert_eq!(mode(0.66, 0.0, 4, 0.8), LoadMode::Low);
        assert_eq!(mode(0.81, 0.0, 4, 0.8), LoadMode::High);
        assert_eq!(mode(1.3, 0.0, 4, 0.8), LoadMode::Extreme);
        // The average against 0.8 of four processors; never extreme.
        assert_eq!(mode(0.0, 3.9, 4, 0.8), LoadMode::Low);
        assert_eq!(mode(0.0, 5.2, 4, 0.8), LoadMode::Medium);
        assert_eq!(mode(0.0, 100.0, 4, 0.8), LoadMode::High);
        assert_eq!(mode(1.3, 3.9, 4, 0.8), LoadMode::Extreme);
    }

    #[test]
    fn one_processor_and_no_threshold_are_special() {
        assert_eq!(mode(0.41, 0.0, 1, 0.8), LoadMode::High);
        assert_eq!(mode(0.0, 0.75, 1, 0.8), LoadMode::Low);
        assert_eq!(mode(0.0, 100.0, 4, 0.0), LoadMode::Negligible);
        assert_eq!(mode(0.96, 100.0, 4, -1.0), LoadMode::High);
    }
}
