//! One table for all deadlines. [TM-7.3]

use std::time::Duration;

/// The single-shot timers of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Timer {
    Token,
    TokenWarning,
    TokenRetransmit,
    HoldRetransmit,
    MergeDetect,
    Join,
    Consensus,
    Heartbeat,
    /// The random delay before a join.
    SendJoin,
    /// Keeps the driver calling often enough that a pause can be told from idleness.
    Pause,
}

const ALL: [Timer; 10] = [
    Timer::Token,
    Timer::TokenWarning,
    Timer::TokenRetransmit,
    Timer::HoldRetransmit,
    Timer::MergeDetect,
    Timer::Join,
    Timer::Consensus,
    Timer::Heartbeat,
    Timer::SendJoin,
    Timer::Pause,
];

#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: [Option<Duration>; ALL.len()],
}

impl Timers {
    /// Cancels and starts.
    pub(super) fn reset(&mut self, timer: Timer, deadline: Duration) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) fn is_running(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    pub(super) fn clear(&mut self) {
        self.deadlines = Default::default();
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes the timer that expired first, by `now`.
    pub(super) fn expired(&mut self, now: Duration) -> Option<Timer> {
        let (i, deadline) =
            self.deadlines.iter().enumerate().filter_map(|(i, d)| d.map(|d| (i, d))).min_by_key(|&(_, d)| d)?;
        if deadline > now {
            return None;
        }
        self.deadlines[i] = None;
        Some(ALL[i])
    }
}
