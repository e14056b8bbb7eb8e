//! One link to one host: heartbeats, latency, and whether the link is up [LK-9].

use std::time::Duration;

use crate::config::Link as Settings;

/// Multiplier of the timeout right after start or link-down.
const BACKOFF: u32 = 10;
/// How often the multiplier falls.
const RECALCULATION: Duration = Duration::from_secs(1);

/// Timers of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timers {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) precision: u32,
    pub(super) pongs: u32,
}

impl Timers {
    pub(super) fn of(link: &Settings) -> Self {
        Timers {
            interval: link.ping_interval,
            timeout: link.ping_timeout,
            precision: link.ping_precision.max(1),
            pongs: link.pong_count,
        }
    }
}

/// What a pong or the passage of time did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Up,
    Down,
}

/// State of heartbeats on one link.
#[derive(Clone, Debug)]
pub(super) struct Heartbeats {
    timers: Timers,
    pub(super) connected: bool,
    transport_ok: bool,
    last_ping: Option<Duration>,
    last_pong: Option<Duration>,
    pongs: u32,
    /// Microseconds.
    average: u64,
    samples: u64,
    backoff: u32,
    effective: Duration,
    recalculate_at: Duration,
    pub(super) ups: u32,
    pub(super) downs: u32,
}

impl Heartbeats {
    pub(super) fn new(now: Duration, timers: Timers) -> Self {
        Heartbeats {
            timers,
            connected: false,
            transport_ok: true,
            last_ping: None,
            last_pong: None,
            pongs: 0,
            average: 0,
            samples: 0,
            backoff: BACKOFF,
            effective: Duration::from_secs(20),
            recalculate_at: now + RECALCULATION,
            ups: 0,
            downs: 0,
        }
    }

    pub(super) fn set_timers(&mut self, timers: Timers) {
        self.timers = timers;
    }

    /// Patience with answers on this link.
    pub(super) fn effective_timeout(&self) -> Duration {
        self.effective
    }

    /// By how much silence on this link is judged more patiently than configured: 1 once it has been up for long.
    pub(super) fn patience(&self) -> u32 {
        self.backoff
    }

    pub(super) fn has_pinged(&self) -> bool {
        self.last_ping.is_some()
    }

    /// Whether a ping is due; if so, it counts as sent. At most one per call, however late it comes.
    pub(super) fn ping_due(&mut self, now: Duration) -> bool {
        let due = self.last_ping.is_none_or(|at| now >= at + self.timers.interval);
        if due {
            self.last_ping = Some(now);
        }
        due
    }

    /// Time has passed: patience is recalculated, silence is noticed.
    pub(super) fn tick(&mut self, now: Duration) -> Change {
        if !self.transport_ok {
            return self.down();
        }
        while self.recalculate_at <= now {
            self.recalculate_at += RECALCULATION;
            self.backoff = self.backoff.saturating_sub(1).max(1);
            self.effective = self.timers.timeout * self.backoff + Duration::from_micros(2 * self.average);
            if self.recalculate_at + RECALCULATION * 2 * BACKOFF < now {
                // Nobody called for a long time; nothing changes any more.
                self.recalculate_at = now + RECALCULATION;
                self.backoff = 1;
                self.effective = self.timers.timeout + Duration::from_micros(2 * self.average);
            }
        }
        match self.last_pong {
            Some(at) if now.saturating_sub(at) >= self.effective => self.down(),
            _ => Change::None,
        }
    }

    /// A pong whose ping left `latency` ago.
    pub(super) fn pong(&mut self, now: Duration, latency: Duration) -> Change {
        self.last_pong = Some(now);
        if latency > self.timers.timeout {
            return Change::None;
        }
        self.samples = (self.samples + 1).min(self.timers.precision.into());
        let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.average = self.average.saturating_mul(self.samples - 1).saturating_add(latency) / self.samples;
        if Duration::from_micros(self.average) < self.effective && !self.connected {
            if self.pongs >= self.timers.pongs {
                self.connected = true;
                self.ups += 1;
                return Change::Up;
            }
            self.pongs += 1;
        }
        Change::None
    }

    /// The system reports that packets to this address come back; only a link that is up listens to that.
    pub(super) fn transport_error(&mut self) {
        if self.connected {
            self.transport_ok = false;
        }
    }

    fn down(&mut self) -> Change {
        self.pongs = 0;
        self.last_pong = None;
        self.backoff = BACKOFF;
        self.transport_ok = true;
        if std::mem::replace(&mut self.connected, false) {
            self.downs += 1;
            return Change::Down;
        }
        Change::None
    }

    /// When something happens next without anybody's doing.
    pub(super) fn next(&self) -> Duration {
        if !self.transport_ok {
            return Duration::ZERO;
        }
        let ping = self.last_ping.map_or(Duration::ZERO, |at| at + self.timers.interval);
        let silence = self.last_pong.map_or(Duration::MAX, |at| at + self.effective);
        ping.min(silence).min(self.recalculate_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn link() -> Heartbeats {
        let timers = Timers { interval: ms(250), timeout: ms(500), precision: 2048, pongs: 2 };
        Heartbeats::new(Duration::ZERO, timers)
    }

    #[test]
    fn the_third_pong_raises_a_link() {
        let mut link = link();
        let changes: Vec<Change> = (1..=3).map(|n| link.pong(ms(n * 250), ms(1))).collect();
        assert_eq!(changes, [Change::None, Change::None, Change::Up]);
    }

    #[test]
    fn silence_takes_it_down_with_less_patience_the_longer_it_was_up() {
        let mut link = link();
        for n in 1..=60 {
            link.tick(ms(n * 250));
            link.pong(ms(n * 250), ms(1));
        }
        assert!(link.connected);
        // Up for 15 s: the plain timeout and twice the latency.
        assert_eq!(link.tick(ms(15_400)), Change::None);
        assert_eq!(link.tick(ms(15_502)), Change::Down);
        // Right after it the patience is ten times as long.
        for n in 0..3 {
            link.pong(ms(15_600 + n), ms(1));
        }
        link.tick(ms(16_100));
        assert_eq!(link.tick(ms(17_000)), Change::None);
    }

    #[test]
    fn a_late_pong_keeps_a_link_but_does_not_raise_it() {
        let mut link = link();
        for n in 1..=10 {
            assert_eq!(link.pong(ms(n * 250), ms(600)), Change::None);
        }
        assert!(!link.connected);
        assert_eq!(link.tick(ms(2_600)), Change::None);
    }

    #[test]
    fn a_report_of_the_system_counts_only_while_up() {
        let mut link = link();
        link.transport_error();
        assert_eq!(link.tick(ms(1)), Change::None);
        for n in 1..=3 {
            link.pong(ms(n), ms(1));
        }
        link.transport_error();
        assert_eq!(link.tick(ms(5)), Change::Down);
    }
}
