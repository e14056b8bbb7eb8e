//! One machine: power, disk, clock, and the node that runs on it.

use super::{Clock, Disk};
use crate::node::{Node, NodeConfig, Stored};
use std::collections::VecDeque;
use std::time::Duration;

/// What keeps a host from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// No power, or the software has ended.
    Off,
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
    /// Inputs that wait while the process stands still.
    pub(super) paused: Option<VecDeque<super::Happening>>,
}

impl Host {
    pub(super) fn node(&self) -> Option<&Node> {
        self.node.as_deref()
    }

    /// Virtual time of its next timer.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        if self.paused.is_some() {
            return None;
        }
        self.node.as_ref()?.poll_timeout().map(|local| self.clock.virtual_time(local))
    }

    /// Starts the software with what the disk holds.
    pub(super) fn start(&mut self, now: Duration) -> Result<(), crate::node::NodeError> {
        self.boot += 1;
        let mut config = self.config.clone();
        config.seed = config.seed.wrapping_add(u64::from(self.boot) << 32);
        config.life = self.boot;
        let stored = Stored::read(|name| self.disk.read(name).map(<[u8]>::to_vec), self.disk.names());
        let node = Node::new(config, stored, self.clock.local(now))?;
        self.node = Some(Box::new(node));
        self.power = Power::On;
        self.paused = None;
        Ok(())
    }
}
