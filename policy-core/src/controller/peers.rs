//! What a controller knows of the nodes ([CT-1.6], [CT-4.2]).

use super::message::NodeId;
use std::collections::BTreeMap;

/// Where a node stands in the membership of the messaging layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In the present view.
    Member,
    /// Not any more.
    Lost,
}

/// What is expected of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// To be a member.
    Member,
    /// To be gone.
    Down,
    /// To join.
    Pending,
    /// To stay away.
    Banned,
}

impl Expected {
    /// The value of `expected` in `node_state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Expected::Member => "member",
            Expected::Down => "down",
            Expected::Pending => "pending",
            Expected::Banned => "banned",
        }
    }
}

/// How far a node has come in the join ([CT-4.2]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum JoinPhase {
    Nack,
    None,
    Welcomed,
    Integrated,
    Finalized,
    Confirmed,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Membership; `None` until it was ever seen.
    pub state: Option<Membership>,
    /// Its controller is in the group.
    pub online: bool,
    /// Epoch second when it became a member; 0 if it is none; 1: a member whose controller is known to have left.
    pub when_member: u64,
    /// Epoch second when its controller came; 0 if it is not there.
    pub when_online: u64,
    /// Epoch second when it or its controller was lost last; 0: never.
    pub lost_at: u64,
    /// What is expected of it.
    pub expected: Option<Expected>,
    /// How far it has come in the join.
    pub phase: JoinPhase,
}

impl Peer {
    /// Member with its controller online.
    pub fn is_active(&self) -> bool {
        self.online && self.state == Some(Membership::Member)
    }

    /// Id in the CIB.
    pub fn xml_id(&self) -> String {
        self.id.to_string()
    }

    /// Changes the phase; only to nack, to none, or one step up. Tells whether it was changed.
    pub fn set_phase(&mut self, phase: JoinPhase) -> bool {
        let allowed = phase <= JoinPhase::None || phase as u8 == self.phase as u8 + 1;
        if allowed {
            self.phase = phase;
        }
        allowed
    }
}

/// All known nodes, by id.
#[derive(Clone, Debug, Default)]
pub struct Peers(BTreeMap<NodeId, Peer>);

impl Peers {
    /// The record of a node, made if it is new. A new id with a known name replaces the inactive node that had it ([CT-1.6]).
    pub fn learn(&mut self, id: NodeId, name: &str) -> &mut Peer {
        if !name.is_empty() && self.0.get(&id).is_none_or(|p| p.name != name) {
            self.0.retain(|&other, p| other == id || p.is_active() || !p.name.eq_ignore_ascii_case(name));
        }
        let peer = self.0.entry(id).or_insert_with(|| Peer {
            id,
            name: name.to_owned(),
            state: None,
            online: false,
            when_member: 0,
            when_online: 0,
            lost_at: 0,
            expected: None,
            phase: JoinPhase::None,
        });
        if !name.is_empty() && peer.name != name {
            peer.name = name.to_owned();
        }
        peer
    }

    /// A known node.
    pub fn get(&self, id: NodeId) -> Option<&Peer> {
        self.0.get(&id)
    }

    /// A known node, to change.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Peer> {
        self.0.get_mut(&id)
    }

    /// A known node by name.
    pub fn named(&self, name: &str) -> Option<&Peer> {
        self.0.values().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.0.values()
    }

    /// All, by id, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.0.values_mut()
    }

    /// Ids of all.
    pub fn ids(&self) -> Vec<NodeId> {
        self.0.keys().copied().collect()
    }

    /// Forgets inactive nodes of that id or name; the names of those.
    pub fn forget(&mut self, id: Option<NodeId>, name: Option<&str>) -> Vec<String> {
        let named = |p: &Peer| name.is_some_and(|n| p.name.eq_ignore_ascii_case(n));
        let meant = |p: &Peer| !p.is_active() && (Some(p.id) == id || named(p));
        let names = self.0.values().filter(|p| meant(p)).map(|p| p.name.clone()).collect();
        self.0.retain(|_, p| !meant(p));
        names
    }

    /// How many nodes are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are active.
    pub fn active(&self) -> usize {
        self.0.values().filter(|p| p.is_active()).count()
    }

    /// How many are in a phase of the join.
    pub fn in_phase(&self, phase: JoinPhase) -> usize {
        self.0.values().filter(|p| p.phase == phase).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [CT-1.6]: a machine was set up anew, with another id.
    #[test]
    fn a_new_id_replaces_the_node_that_had_its_name() {
        let mut peers = Peers::default();
        peers.learn(1, "a");
        peers.learn(2, "b");
        peers.learn(7, "B");
        assert_eq!(peers.ids(), [1, 7]);
        let active = peers.get_mut(7).unwrap();
        (active.online, active.state) = (true, Some(Membership::Member));
        peers.learn(8, "b");
        assert_eq!(peers.ids(), [1, 7, 8], "one that is active stays");
    }
}
