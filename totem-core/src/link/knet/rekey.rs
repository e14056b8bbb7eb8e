//! Changing keys while the ring runs [LK-14].
//!
//! Every node's own two messages pace its change. A node that has much to send gets its messages late, and the released
//! program then leaves others' packets unread: who was quick has forgotten the old keys while who is slow still sends with
//! them. Here both sides wait for each other: a node whose reachable hosts all send with the changed keys does so too,
//! whether its own message is back or not, and the old keys are forgotten only when no reachable host uses them any more.
//!
//! In the own mode [LK-25 item 8] the first message carries the name of the changed key as well. A node changes only when
//! all that it reaches have announced the same key; if one has another, or says nothing for [`PATIENCE`], the old key stays.
//! After the change the old key is not accepted any longer than [`PATIENCE`], whoever still uses it.

use super::Knet;
use crate::link::crypto::Guard;
use crate::quorum::Level;
use crate::wire::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a change of keys may take in the own mode, and how long the old ones are accepted after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A change of keys under way.
#[derive(Debug)]
pub(super) struct Rekeying {
    slot: usize,
    /// Hosts that have sent with the changed keys.
    heard: BTreeSet<NodeId>,
    /// The own phase 2 came back.
    finishing: bool,
    /// Name of the changed key in the own mode.
    name: Option<u32>,
    /// Nodes that announced it.
    announced: BTreeSet<NodeId>,
    /// The own phase 2 was asked for.
    told: bool,
    /// When to give up, or to forget the old keys whoever uses them; in the own mode only.
    deadline: Option<Duration>,
}

impl Knet {
    /// Loads changed keys beside those in use; both are accepted from now on. What is returned goes into the announcement
    /// of phase 1.
    pub fn load_protection(&mut self, now: Duration, protection: Option<Guard>) -> u32 {
        let name = protection.as_ref().and_then(Guard::name);
        let slot = self.slots.load(protection);
        self.rekeying = Some(Rekeying {
            slot,
            heard: BTreeSet::new(),
            finishing: false,
            name,
            announced: BTreeSet::new(),
            told: false,
            deadline: name.map(|_| now + PATIENCE),
        });
        name.unwrap_or(0)
    }

    /// What protects packets once a change that is under way is over.
    pub fn protection(&self) -> Option<&Guard> {
        match &self.rekeying {
            Some(rekeying) => self.slots.loaded(rekeying.slot),
            None => self.slots.sending(),
        }
    }

    /// Phase 1 of a node came in the order of messages, with the name of the key it has loaded. True if this node is to
    /// announce its phase 2 now.
    pub fn announced(&mut self, now: Duration, by: NodeId, name: u32) -> bool {
        let Some(rekeying) = &mut self.rekeying else { return false };
        let switched = self.slots.in_use() == rekeying.slot;
        match rekeying.name {
            Some(ours) if ours != name => {
                let text = format!("node {by} has loaded other keys");
                if switched {
                    self.log(Level::Error, text);
                } else {
                    self.give_up(&text);
                }
                return false;
            }
            Some(_) => {
                rekeying.announced.insert(by);
                let all = self.hosts.iter().all(|(id, h)| !h.reachable || rekeying.announced.contains(id));
                if !switched && all && rekeying.announced.contains(&self.me) {
                    self.switch(now);
                }
            }
            None if by == self.me => self.activate_protection(),
            None => return false,
        }
        let Some(rekeying) = &mut self.rekeying else { return false };
        let own = rekeying.name.is_none() || rekeying.announced.contains(&self.me);
        own && self.slots.in_use() == rekeying.slot && !std::mem::replace(&mut rekeying.told, true)
    }

    /// Sends with the changed keys.
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

    /// The same in the own mode: from now on the old keys have a limit.
    fn switch(&mut self, now: Duration) {
        self.activate_protection();
        if let Some(rekeying) = &mut self.rekeying {
            rekeying.deadline = Some(now + PATIENCE);
        }
    }

    /// The keys in use stay; those that were to come are forgotten.
    fn give_up(&mut self, why: &str) {
        self.log(Level::Error, format!("keys are not changed: {why}"));
        self.slots.clean_up();
        self.rekeying = None;
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

    /// When a change of keys must have come to an end.
    pub(super) fn rekeying_deadline(&self) -> Option<Duration> {
        self.rekeying.as_ref().and_then(|r| r.deadline)
    }

    /// Ends what took too long.
    pub(super) fn rekeying_timeout(&mut self, now: Duration) {
        let Some(rekeying) = self.rekeying.as_ref().filter(|r| r.deadline.is_some_and(|at| at <= now)) else { return };
        if self.slots.in_use() == rekeying.slot {
            self.slots.clean_up();
            self.rekeying = None;
        } else if !rekeying.heard.is_empty() {
            // Others have changed: staying behind would cut this node off from them.
            self.switch(now);
        } else {
            let silent = |(id, _): &(&NodeId, _)| !rekeying.announced.contains(id);
            let reachable = self.hosts.iter().filter(|(_, h)| h.reachable);
            let names: Vec<String> = reachable.filter(silent).map(|(id, _)| id.to_string()).collect();
            self.give_up(&format!("nothing was announced by nodes [{}]", names.join(" ")));
        }
    }
}
