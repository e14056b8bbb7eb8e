//! A ping target as quorum device: the partition that reaches it votes yes. It does not arbitrate, both sides may see it:
//! only safe together with fencing [QG-4.9].

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::device::{Device, DeviceInput, DeviceOutput};
use crate::wire::RingId;

/// How many of the addresses must answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PingRule {
    /// At least one.
    #[default]
    Any,
    /// Every one.
    All,
}

/// The device.
pub struct PingTarget {
    targets: Vec<IpAddr>,
    rule: PingRule,
    interval: Duration,
    timeout: Duration,
    ring: Option<RingId>,
    next: Option<Duration>,
    deadline: Option<Duration>,
    outputs: VecDeque<DeviceOutput>,
}

impl PingTarget {
    /// A device that asks every `interval` and gives up an answer after `timeout`.
    pub fn new(targets: Vec<IpAddr>, rule: PingRule, interval: Duration, timeout: Duration) -> Self {
        let outputs = VecDeque::new();
        PingTarget { targets, rule, interval, timeout, ring: None, next: None, deadline: None, outputs }
    }

    fn ask(&mut self, now: Duration) {
        self.next = Some(now + self.interval);
        self.deadline = Some(now + self.timeout);
        self.outputs.push_back(DeviceOutput::Ping(self.targets.clone()));
    }

    fn vote(&mut self, yes: bool) {
        self.deadline = None;
        if let Some(ring) = self.ring {
            self.outputs.push_back(DeviceOutput::Vote { yes, ring });
        }
    }
}

impl Device for PingTarget {
    fn handle_input(&mut self, now: Duration, input: DeviceInput) {
        match input {
            DeviceInput::Ring { ring, .. } => {
                self.ring = Some(ring);
                self.ask(now);
            }
            DeviceInput::Reachable(answered) if self.deadline.is_some() => {
                let heard = |target: &IpAddr| answered.contains(target);
                let yes = match self.rule {
                    PingRule::Any => self.targets.iter().any(heard),
                    PingRule::All => !self.targets.is_empty() && self.targets.iter().all(heard),
                };
                self.vote(yes);
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Duration) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.vote(false);
        }
        if self.next.is_some_and(|at| at <= now) {
            self.ask(now);
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [self.next, self.deadline].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NodeId;

    #[test]
    fn silence_is_a_no_and_an_answer_a_yes() {
        let router: IpAddr = "10.0.0.254".parse().unwrap();
        let (interval, timeout) = (Duration::from_secs(5), Duration::from_secs(2));
        let mut device = PingTarget::new(vec![router], PingRule::All, interval, timeout);
        let ring = RingId::new(NodeId(1), 5);
        device.handle_input(Duration::ZERO, DeviceInput::Ring { ring, members: vec![NodeId(1)] });
        assert_eq!(device.poll_output(), Some(DeviceOutput::Ping(vec![router])));
        device.handle_input(Duration::ZERO, DeviceInput::Reachable(vec![router]));
        assert_eq!(device.poll_output(), Some(DeviceOutput::Vote { yes: true, ring }));
        device.handle_timeout(interval);
        assert_eq!(device.poll_output(), Some(DeviceOutput::Ping(vec![router])));
        device.handle_timeout(device.poll_timeout().unwrap());
        assert_eq!(device.poll_output(), Some(DeviceOutput::Vote { yes: false, ring }));
        // A late answer changes nothing.
        device.handle_input(interval * 2, DeviceInput::Reachable(vec![router]));
        assert_eq!(device.poll_output(), None);
    }
}
