//! Changing keys while the ring runs [LK-14].
//!
//! Every node's own two messages pace its change. A node that has much to send gets its messages late, and the released
//! program then leaves others' packets unread: who was quick has forgotten the old keys while who is slow still sends with
//! them. Here both sides wait for each other: a node whose reachable hosts all send with the changed keys does so too,
//! whether its own message is back or not, and the old keys are forgotten only when no reachable host uses them any more.

use super::Knet;
use crate::link::crypto::Guard;
use crate::wire::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// A change of keys under way.
#[derive(Debug)]
pub(super) struct Rekeying {
    slot: usize,
    /// Hosts that have sent with the changed keys.
    heard: BTreeSet<NodeId>,
    /// The own phase 2 came back.
    finishing: bool,
}

impl Knet {
    /// Loads changed keys beside those in use; both are accepted from now on.
    pub fn load_protection(&mut self, protection: Option<Guard>) {
        let slot = self.slots.load(protection);
        self.rekeying = Some(Rekeying { slot, heard: BTreeSet::new(), finishing: false });
    }

    /// Phase 1 came back: sends with the changed keys.
    pub fn activate_protection(&mut self) {
        let Some(slot) = self.rekeying.as_ref().map(|r| r.slot) else { return };
        if self.slots.in_use() == slot {
            return;
        }
        self.slots.activate(slot);
        for path in self.hosts.values_mut().flat_map(|h| h.paths.values_mut()) {
            path.discovered = false;
            path.search = None;
            path.search_at = Duration::ZERO;
        }
        let ids: Vec<NodeId> = self.hosts.keys().copied().collect();
        ids.into_iter().for_each(|id| self.recompute(id));
    }

    /// Phase 2 came back: the old keys are forgotten as soon as no reachable host sends with them.
    pub fn drop_old_protection(&mut self) {
        if let Some(rekeying) = &mut self.rekeying {
            rekeying.finishing = true;
        }
        self.follow_rekeying();
    }

    /// A packet of this host was opened by what is in this slot.
    pub(super) fn heard_under(&mut self, id: NodeId, slot: usize) {
        if let Some(rekeying) = &mut self.rekeying
            && rekeying.slot == slot
            && rekeying.heard.insert(id)
        {
            self.follow_rekeying();
        }
    }

    /// Goes on with a change of keys as far as what was heard allows.
    pub(super) fn follow_rekeying(&mut self) {
        let Some(rekeying) = &self.rekeying else { return };
        // Anybody can send in clear: that others do so proves nothing.
        let agreed = rekeying.slot != 0
            && self.hosts.values().any(|h| h.reachable)
            && self.hosts.iter().all(|(id, h)| !h.reachable || rekeying.heard.contains(id));
        let alone = !self.hosts.values().any(|h| h.reachable);
        if rekeying.finishing && (agreed || alone || rekeying.slot == 0) {
            self.slots.clean_up();
            self.rekeying = None;
        } else if agreed {
            self.activate_protection();
        }
    }
}
