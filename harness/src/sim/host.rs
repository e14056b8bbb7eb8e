//! One machine: power, disk, clock, and the node that runs on it.

use super::{Clock, Disk};
use crate::node::{Node, NodeConfig, Stored};
use std::collections::VecDeque;
use std::time::Duration;

/// What keeps a host from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// No power.
    Off,
    /// The machine works, its cluster software has ended.
    Ended,
    /// On its way up.
    Booting,
    /// Works.
    On,
}

pub(super) struct Host {
    pub(super) name: String,
    pub(super) config: NodeConfig,
    pub(super) node: Option<Box<Node>>,
    pub(super) disk: Disk,
    pub(super) clock: Clock,
    pub(super) power: Power,
    /// Counts starts: what was meant for an earlier life is dropped.
    pub(super) boot: u32,
    /// How much the calendar is off, seconds; counts from the next start.
    pub(super) calendar_off: i64,
    pub(super) wakes_at: Option<Duration>,
    /// Inputs that wait while the process stands still.
    pub(super) paused: Option<VecDeque<super::Happening>>,
}

impl Host {
    pub(super) fn node(&self) -> Option<&Node> {
        self.node.as_deref()
    }

    /// Virtual time of its next timer, as [`Host::refresh`] found it.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        self.wakes_at.filter(|_| self.paused.is_none())
    }

    /// After every input to the node, and when its clock has changed.
    pub(super) fn refresh(&mut self) {
        let local = self.node.as_ref().and_then(|n| n.poll_timeout());
        self.wakes_at = local.map(|local| self.clock.virtual_time(local));
    }

    /// Starts the software with what the disk holds.
    pub(super) fn start(&mut self, now: Duration) -> Result<(), crate::node::NodeError> {
        self.boot += 1;
        let mut config = self.config.clone();
        config.seed = config.seed.wrapping_add(u64::from(self.boot) << 32);
        if let Some(links) = &mut config.links {
            links.seed[..8].copy_from_slice(&config.seed.to_le_bytes());
        }
        config.life = self.boot;
        config.epoch = Duration::from_secs(config.epoch.as_secs().saturating_add_signed(self.calendar_off));
        let stored = Stored::read(|name| self.disk.read(name).map(<[u8]>::to_vec), self.disk.names());
        let node = Node::new(config, stored, self.clock.local(now))?;
        self.node = Some(Box::new(node));
        self.power = Power::On;
        self.paused = None;
        Ok(())
    }
}
