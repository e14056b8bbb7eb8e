//! The section `quorum {}` as it is written; what follows from it is decided in [`crate::quorum`] [QG-9.3].

use std::time::Duration;

use super::Cmap;

/// `quorum.device {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSection {
    /// `model`: `net`, or a name of one's own.
    pub model: String,
    /// `votes`, if set.
    pub votes: Option<u32>,
    /// `timeout`: how long a vote lasts without a poll.
    pub timeout: Duration,
    /// `sync_timeout`: the same while a ring is formed.
    pub sync_timeout: Duration,
}

/// `quorum {}`. A key that is absent differs from one that is 0 in two places, hence the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumSection {
    /// `provider`.
    pub provider: Option<String>,
    /// `expected_votes`; 0 if absent.
    pub expected_votes: u32,
    /// `votes` of this node where there is no node list.
    pub votes: u32,
    /// `two_node`.
    pub two_node: bool,
    /// `wait_for_all`, if set.
    pub wait_for_all: Option<bool>,
    /// `auto_tie_breaker`.
    pub auto_tie_breaker: bool,
    /// `auto_tie_breaker_node`, if set.
    pub auto_tie_breaker_node: Option<String>,
    /// `last_man_standing`.
    pub last_man_standing: bool,
    /// `last_man_standing_window`.
    pub last_man_standing_window: Duration,
    /// `allow_downscale`.
    pub allow_downscale: bool,
    /// `expected_votes_tracking`.
    pub expected_votes_tracking: bool,
    /// `device {}`, if its model is named.
    pub device: Option<DeviceSection>,
}

impl Default for QuorumSection {
    fn default() -> Self {
        QuorumSection::read(&Cmap::default())
    }
}

impl QuorumSection {
    /// Reads the section out of a key store.
    pub fn read(map: &Cmap) -> QuorumSection {
        let key = |name: &str| format!("quorum.{name}");
        let flag = |name: &str| map.get_u8(&key(name)).map(|v| v != 0);
        let ms = |name: &str, default: u32| Duration::from_millis(map.get_u32(&key(name)).unwrap_or(default).into());
        let text = |name: &str| map.get_str(&key(name)).map(str::to_owned);
        let model = text("device.model").filter(|model| !model.is_empty());
        QuorumSection {
            provider: text("provider"),
            expected_votes: map.get_u32("quorum.expected_votes").unwrap_or(0),
            votes: map.get_u32("quorum.votes").unwrap_or(1),
            two_node: flag("two_node").unwrap_or(false),
            wait_for_all: flag("wait_for_all"),
            auto_tie_breaker: flag("auto_tie_breaker").unwrap_or(false),
            auto_tie_breaker_node: text("auto_tie_breaker_node"),
            last_man_standing: flag("last_man_standing").unwrap_or(false),
            last_man_standing_window: ms("last_man_standing_window", 10_000),
            allow_downscale: flag("allow_downscale").unwrap_or(false),
            expected_votes_tracking: flag("expected_votes_tracking").unwrap_or(false),
            device: model.map(|model| DeviceSection {
                model,
                votes: map.get_u32("quorum.device.votes"),
                timeout: ms("device.timeout", 10_000),
                sync_timeout: ms("device.sync_timeout", 30_000),
            }),
        }
    }
}
