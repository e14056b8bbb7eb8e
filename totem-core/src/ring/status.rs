//! What can be seen of a ring from outside. [TM-18]

use super::{Ring, State};
use crate::wire::{Kind, NodeId, RingId, WireError};
use std::collections::BTreeMap;

/// Counters since the start; the names are those of `stats.srp`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)] // the names are the keys
pub struct Counters {
    pub orf_token_tx: u64,
    pub orf_token_rx: u64,
    pub memb_merge_detect_tx: u64,
    pub memb_merge_detect_rx: u64,
    pub memb_join_tx: u64,
    pub memb_join_rx: u64,
    pub mcast_tx: u64,
    pub mcast_retx: u64,
    pub mcast_rx: u64,
    pub memb_commit_token_tx: u64,
    pub memb_commit_token_rx: u64,
    pub token_hold_cancel_tx: u64,
    pub token_hold_cancel_rx: u64,
    pub operational_entered: u64,
    pub operational_token_lost: u64,
    pub gather_entered: u64,
    pub gather_token_lost: u64,
    pub commit_entered: u64,
    pub commit_token_lost: u64,
    pub recovery_entered: u64,
    pub recovery_token_lost: u64,
    pub consensus_timeouts: u64,
    pub rx_msg_dropped: u64,
    pub continuous_gather: u64,
    /// Datagrams refused, by the first words of their reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(super) fn received(&mut self, kind: Kind) {
        *match kind {
            Kind::Token => &mut self.orf_token_rx,
            Kind::Multicast => &mut self.mcast_rx,
            Kind::MergeDetect => &mut self.memb_merge_detect_rx,
            Kind::Join => &mut self.memb_join_rx,
            Kind::CommitToken => &mut self.memb_commit_token_rx,
            Kind::HoldCancel => &mut self.token_hold_cancel_rx,
        } += 1;
    }

    pub(super) fn refuse(&mut self, reason: &'static str) {
        *self.refused.entry(reason).or_default() += 1;
    }
}

/// The key under which a refusal is counted.
pub(super) fn reason(error: &WireError) -> &'static str {
    match error {
        WireError::Short { .. } => "too short for a header",
        WireError::Magic { .. } => "bad magic number",
        WireError::Version { .. } => "unsupported version",
        WireError::Kind { .. } => "wrong type",
        WireError::Truncated { .. } => "too short",
        WireError::Oversized { .. } => "too long",
        WireError::TooMany { .. } => "too many entries",
        WireError::Packing { .. } => "packing lengths",
        WireError::Function { .. } => "unknown function",
        WireError::SyncMessage { .. } => "unknown sync message",
    }
}

/// A look at a ring.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// This node.
    pub node: NodeId,
    /// Where the protocol is.
    pub state: State,
    /// The current ring; while a ring is being formed, already that one.
    pub ring: RingId,
    /// Members of the last installed ring.
    pub members: &'a [NodeId],
    /// Known nodes.
    pub proc: &'a [NodeId],
    /// Nodes to be left out.
    pub failed: &'a [NodeId],
    /// Every message up to here has been received.
    pub aru: u32,
    /// Highest message received or sent.
    pub high_seq: u32,
    /// Highest message delivered.
    pub high_delivered: u32,
    /// Everything up to here has been freed.
    pub released: u32,
    /// Frames waiting for the token, the one being filled included.
    pub queued: usize,
    /// Messages held for retransmission.
    pub stored: usize,
    /// Bytes of unfinished messages.
    pub unfinished: usize,
    /// True from a configuration change until its synchronisation has ended.
    pub synchronising: bool,
    /// Counters since the start.
    pub counters: &'a Counters,
}

impl Ring {
    /// A look at the ring, without changing it.
    pub fn status(&self) -> Status<'_> {
        Status {
            node: self.me,
            state: self.state,
            ring: self.ring,
            members: &self.memb,
            proc: &self.proc,
            failed: &self.failed,
            aru: self.my_aru,
            high_seq: self.my_high_seq,
            high_delivered: self.my_high_delivered,
            released: self.last_released,
            queued: self.normal.pending() + self.sync.pending() + self.retrans.len(),
            stored: self.regular.held() + self.recovery.held(),
            unfinished: self.outputs.held(),
            synchronising: self.waiting,
            counters: &self.counters,
        }
    }
}
