//! The configuration map's own service: members tell each other the version of their configuration, and the keys about
//! members are kept [QG-7.2, QG-7.3].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Value;
use crate::quorum::{Level, LogLine};
use crate::ring::{ConfigurationChange, ConfigurationKind};
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{ByteOrder, NodeId, Reader, WireError};
use bytes::Bytes;

const VERSION_KEY: &str = "totem.config_version";
/// Bytes of a message with one item that has no value.
const BARE_LEN: usize = 328;
/// Most items that a message is read for; daemons send one.
const MAX_ITEMS: usize = 255;
const ITEM_LEN: usize = 280;

/// Why a version was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// A ring was formed.
    Sync,
    /// The version changed.
    NewVersion,
}

/// The service's only message: the version of the sender's configuration, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigVersion {
    /// Why.
    pub reason: Announcement,
    /// The version.
    pub version: Option<u64>,
}

impl ConfigVersion {
    /// Reads the structure; offsets count from the executive header. Items other than the version are skipped.
    ///
    /// # Errors
    /// If it is cut off or the function is unknown.
    pub fn decode(function: u16, data: &[u8], order: ByteOrder) -> Result<ConfigVersion, WireError> {
        if function != 0 {
            return Err(WireError::Function { service: ServiceId::CMAP.0, found: function, count: 1 });
        }
        let r = Reader::new(data, order, "cmap version", 48)?;
        let reason = if r.u8(16)? == 0 { Announcement::Sync } else { Announcement::NewVersion };
        let mut version = None;
        let mut at = 48;
        for _ in 0..usize::from(r.u8(24)?).min(MAX_ITEMS) {
            r.need(at + ITEM_LEN)?;
            let name_len = usize::from(r.u16(at)?).min(256);
            let value_len = usize::try_from(r.u64(at + 272)?).unwrap_or(usize::MAX).min(data.len());
            if &data[at + 8..at + 8 + name_len] == VERSION_KEY.as_bytes() && r.u8(at + 264)? == 8 && value_len == 8 {
                version = Some(r.u64(at + ITEM_LEN)?);
            }
            at += ITEM_LEN + value_len.next_multiple_of(8);
        }
        Ok(ConfigVersion { reason, version })
    }

    /// The structure, ready to be multicast; it goes out while services synchronise.
    pub fn encode(&self) -> Outgoing {
        let mut body = vec![0; BARE_LEN - 16];
        body[0] = u8::from(self.reason == Announcement::NewVersion);
        body[8] = 1;
        let item = &mut body[32..];
        item[..2].copy_from_slice(&(VERSION_KEY.len() as u16).to_le_bytes());
        item[8..8 + VERSION_KEY.len()].copy_from_slice(VERSION_KEY.as_bytes());
        if let Some(version) = self.version {
            item[264] = 8;
            item[272] = 8;
            body.extend_from_slice(&version.to_le_bytes());
        }
        Outgoing::new(ServiceId::CMAP, 0, &body, Bytes::new()).in_sync()
    }
}

/// What the service tells.
#[derive(Clone, Debug, PartialEq)]
pub enum VersionOutput {
    /// A run-time key has a new value.
    Key(String, Value),
    /// The own configuration is not the cluster's: stop in order.
    Stop,
    /// For administrators.
    Log(LogLine),
}

/// The service.
pub struct ConfigVersions {
    me: NodeId,
    own: Option<u64>,
    /// Addresses as `runtime.members.<id>.ip` shows them.
    addresses: BTreeMap<NodeId, String>,
    joins: BTreeMap<NodeId, u32>,
    highest: u64,
    /// The check is made once, in the first round that somebody else was in before.
    checked: bool,
    has_company: bool,
    sent_in_round: bool,
    sends: VecDeque<ConfigVersion>,
    outputs: VecDeque<VersionOutput>,
}

impl ConfigVersions {
    /// A service for a node whose configuration has this version, if any.
    pub fn new(me: NodeId, own: Option<u64>) -> Self {
        ConfigVersions {
            me,
            own,
            addresses: BTreeMap::new(),
            joins: BTreeMap::new(),
            highest: 0,
            checked: false,
            has_company: false,
            sent_in_round: false,
            sends: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A service for this configuration.
    pub fn of(config: &super::Config) -> Self {
        let own = config.map.get_u64(VERSION_KEY);
        let mut service = ConfigVersions::new(NodeId(config.local_node().id), own);
        for node in &config.nodes {
            service.set_addresses(NodeId(node.id), node.addresses.iter().map(|(link, ip)| (*link, *ip)));
        }
        service
    }

    /// The addresses of a node, for its `ip` key.
    pub fn set_addresses(&mut self, node: NodeId, addresses: impl Iterator<Item = (u8, std::net::IpAddr)>) {
        let text = addresses.map(|(link, ip)| format!("r({link}) ip({ip}) ")).collect();
        self.addresses.insert(node, text);
    }

    /// The own version changed: everybody hears of it.
    pub fn set_version(&mut self, version: Option<u64>) {
        if self.own != version {
            self.own = version;
            self.sends.push_back(ConfigVersion { reason: Announcement::NewVersion, version });
        }
    }

    fn member_key(&mut self, node: NodeId, key: &str, value: Value) {
        self.outputs.push_back(VersionOutput::Key(format!("runtime.members.{node}.{key}"), value));
    }

    fn left(&mut self, node: NodeId) {
        self.member_key(node, "status", Value::Str("left".into()));
    }

    fn joined(&mut self, node: NodeId) {
        let first = !self.joins.contains_key(&node);
        let count = self.joins.entry(node).or_insert(0);
        *count += 1;
        let count = *count;
        if first {
            let ip = self.addresses.get(&node).cloned().unwrap_or_default();
            self.member_key(node, "ip", Value::Str(ip));
        }
        self.member_key(node, "join_count", Value::U32(count));
        self.member_key(node, "status", Value::Str("joined".into()));
    }
}

impl Service for ConfigVersions {
    type Output = VersionOutput;

    fn id(&self) -> ServiceId {
        ServiceId::CMAP
    }

    fn handle_message(&mut self, _now: Duration, message: &ServiceMessage) -> Result<(), WireError> {
        let version = ConfigVersion::decode(message.function, &message.data, message.order)?.version.unwrap_or(0);
        self.member_key(message.from, "config_version", Value::U64(version));
        if message.from != self.me {
            self.highest = self.highest.max(version);
        }
        Ok(())
    }

    fn handle_configuration(&mut self, _now: Duration, change: &ConfigurationChange) {
        for node in &change.left {
            self.left(*node);
        }
        if change.kind == ConfigurationKind::Regular {
            for node in &change.joined {
                self.joined(*node);
            }
        }
    }

    fn handle_sync(&mut self, _now: Duration, phase: SyncPhase<'_>) -> Progress {
        match phase {
            SyncPhase::Init { transitional, .. } => {
                self.highest = self.own.unwrap_or(0);
                self.has_company = !transitional.is_empty();
                self.sent_in_round = false;
            }
            SyncPhase::Process => {
                if !std::mem::replace(&mut self.sent_in_round, true) {
                    self.sends.push_back(ConfigVersion { reason: Announcement::Sync, version: self.own });
                }
            }
            SyncPhase::Activate => {
                let own = self.own.unwrap_or(0);
                if self.has_company && !std::mem::replace(&mut self.checked, true) && own != 0 && own != self.highest {
                    let highest = self.highest;
                    let text = format!(
                        "Received config version ({highest}) is different than my config version ({own})! Exiting"
                    );
                    self.outputs.push_back(VersionOutput::Log(LogLine::new(Level::Error, "CMAP", text)));
                    self.outputs.push_back(VersionOutput::Stop);
                }
            }
            SyncPhase::Abort => {}
        }
        Progress::Done
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        self.sends.pop_front().map(|message| message.encode())
    }

    fn poll_output(&mut self) -> Option<VersionOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_back_with_their_lengths() {
        for (version, size) in [(None, 328), (Some(7), 336)] {
            let message = ConfigVersion { reason: Announcement::Sync, version };
            let out = message.encode();
            assert_eq!(out.head.len(), size);
            assert_eq!(ConfigVersion::decode(0, &out.head, ByteOrder::Little).unwrap(), message);
            for cut in 0..size {
                let _ = ConfigVersion::decode(0, &out.head[..cut], ByteOrder::Little);
            }
        }
    }

    #[test]
    fn an_older_version_than_the_others_stops_the_node() {
        let mut service = ConfigVersions::new(NodeId(1), Some(3));
        let members = [NodeId(1), NodeId(2)];
        let ring = crate::wire::RingId::new(NodeId(1), 4);
        service.handle_sync(Duration::ZERO, SyncPhase::Init { transitional: &members[..1], members: &members, ring });
        let newer = ConfigVersion { reason: Announcement::Sync, version: Some(4) }.encode();
        let message = ServiceMessage { from: NodeId(2), function: 0, order: ByteOrder::Little, data: newer.head };
        service.handle_message(Duration::ZERO, &message).unwrap();
        service.handle_sync(Duration::ZERO, SyncPhase::Activate);
        let mut stopped = false;
        while let Some(output) = service.poll_output() {
            stopped |= output == VersionOutput::Stop;
        }
        assert!(stopped);
    }
}
