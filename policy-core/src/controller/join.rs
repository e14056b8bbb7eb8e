//! Join: how the coordinator brings all active nodes to one CIB ([CT-4]).

use super::confirmed::REFRESH;
use super::coordinate::Abort;
use super::fsa::{Act, Input};
use super::{
    CallId, CibWrite, Controller, Event, Expected, FeatureSet, Generation, JoinPhase, Message, NodeId, Output,
    Receiver, State, WriteEnd, status,
};
use crate::attributes;
use cib_core::xml::Document;
use std::time::Duration;

/// One round of offers.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    pub(super) id: u32,
    /// Membership sequence when the last offer was made.
    offered_at: u64,
    /// Highest sequence the join check has seen.
    checked_at: u64,
    best: Option<(Generation, NodeId)>,
    consistent: bool,
    /// Holders whose CIB could not be spread.
    pub(super) failed_sync: Vec<NodeId>,
    /// The coordinator and the round that this node last asked to join, and those it last confirmed.
    pub(super) asked: Option<(NodeId, u32)>,
    pub(super) confirmed: Option<(NodeId, u32)>,
}

impl Controller {
    pub(super) fn cib_consistent(&self) -> bool {
        self.join.consistent
    }

    // --- coordinator -------------------------------------------------------------------------------------------------

    pub(super) fn offer_all(&mut self) {
        self.join.id += 1;
        self.join.best = None;
        self.join.consistent = false;
        self.dc = None;
        for peer in self.peers.iter_mut() {
            peer.set_phase(JoinPhase::None);
        }
        for id in self.peers.ids() {
            self.offer(id, false);
        }
    }

    /// Makes one offer ([CT-4.3]).
    fn offer(&mut self, to: NodeId, only_unconfirmed: bool) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if !peer.is_active() || peer.name.is_empty() {
            return;
        }
        self.join.offered_at = self.sequence;
        if only_unconfirmed && peer.phase > JoinPhase::None {
            return;
        }
        peer.set_phase(JoinPhase::None);
        peer.set_phase(JoinPhase::Welcomed);
        let offer = Message::JoinOffer {
            join: self.join.id,
            dc_leaving: self.shutting_down,
            feature_set: self.me.feature_set.clone(),
        };
        self.send(Receiver::Node(to), offer);
    }

    pub(super) fn offer_one(&mut self, now: Duration) {
        let Some(message) = self.message.clone() else {
            for id in self.peers.ids() {
                self.offer(id, true);
            }
            self.join_check();
            return;
        };
        let from = message.0;
        if let Some(peer) = self.peers.get_mut(from) {
            peer.set_phase(JoinPhase::None);
        }
        self.offer(from, false);
        if from != self.me.id {
            if let Some(me) = self.peers.get_mut(self.me.id) {
                me.set_phase(JoinPhase::None);
            }
            self.offer(self.me.id, false);
        }
        self.abort(now, Abort::restart("Node join"));
    }

    /// Judges a request ([CT-4.5]).
    pub(super) fn judge(&mut self) {
        let Some(message) = self.message.clone() else { return };
        let (from, Message::JoinRequest { join, feature_set, generation }) = &*message else { return };
        if *join != self.join.id {
            self.join_check();
            return;
        }
        let refusal = self.refusal(*from, feature_set, *generation);
        if refusal.is_none() {
            let generation = generation.expect("a request without one is refused");
            let better =
                self.join.best.is_none_or(|(best, _)| best < generation || (best == generation && *from == self.me.id));
            if better {
                self.join.best = Some((generation, *from));
            }
        }
        let Some(peer) = self.peers.get_mut(*from) else { return };
        match refusal {
            None => {
                peer.set_phase(JoinPhase::Integrated);
                peer.expected = Some(Expected::Member);
            }
            Some(why) => {
                peer.set_phase(JoinPhase::Nack);
                peer.expected = Some(Expected::Banned);
                let node = peer.name.clone();
                self.log(Event::Refused { node, why: why.to_owned() });
            }
        }
        self.join_check();
    }

    fn refusal(&self, from: NodeId, features: &FeatureSet, generation: Option<Generation>) -> Option<&'static str> {
        if self.join.failed_sync.contains(&from) {
            Some("its CIB could not be spread")
        } else if !self.peers.get(from).is_some_and(super::Peer::is_active) {
            Some("it is not active")
        } else if generation.is_none() {
            Some("it reported no CIB")
        } else if !self.me.feature_set.admits(features) {
            Some("its feature set is incompatible")
        } else {
            None
        }
    }

    pub(super) fn finalize(&mut self) {
        // What waited for the end of a transition has no meaning after the role is given up, and must not hold up the release.
        if !self.is_dc {
            return;
        }
        if self.peers.in_phase(JoinPhase::Welcomed) > 0 {
            return;
        }
        if self.peers.in_phase(JoinPhase::Integrated) + self.peers.in_phase(JoinPhase::Nack) == 0 {
            self.join_check();
            return;
        }
        let holder = self.join.best.map_or(self.me.id, |(_, holder)| holder);
        self.join.consistent = holder == self.me.id;
        if !self.transition.is_complete() {
            self.stall(Act::Finalize);
            return;
        }
        self.calls += 1;
        self.syncing = Some(self.calls);
        self.outputs.push_back(Output::SyncCib { call: self.calls, holder });
    }

    /// The best copy is everyone's, or could not be made so ([CT-4.6] step 5).
    pub fn handle_synced(&mut self, now: Duration, call: CallId, ok: bool) {
        if self.syncing != Some(call) {
            return;
        }
        self.syncing = None;
        if !ok {
            if let Some((_, holder)) = self.join.best {
                self.join.failed_sync.push(holder);
            }
            self.raise_error(Input::ElectionDc);
        } else if self.is_dc && self.state == State::FinalizeJoin {
            self.join.consistent = true;
            if !self.join_check() {
                self.answer_requests();
            }
        }
        self.run(now);
    }

    fn answer_requests(&mut self) {
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            if !matches!(peer.phase, JoinPhase::Integrated | JoinPhase::Nack) {
                continue;
            }
            if !peer.is_active() {
                peer.expected = Some(Expected::Pending);
                continue;
            }
            let accepted = peer.phase == JoinPhase::Integrated;
            if accepted {
                peer.set_phase(JoinPhase::Finalized);
                peer.expected = Some(Expected::Member);
            }
            let result = Message::JoinResult {
                join: self.join.id,
                accepted,
                dc_leaving: self.shutting_down,
                feature_set: self.me.feature_set.clone(),
                remotes: self.connected_remotes(),
            };
            let node = self.nodes_write(&[id]);
            self.write(vec![node], WriteEnd::Nothing);
            self.send(Receiver::Node(id), result);
        }
    }

    /// A node has confirmed ([CT-4.7]).
    pub(super) fn take_confirm(&mut self, _now: Duration) {
        let Some(message) = self.message.clone() else { return };
        let (from, Message::JoinConfirm { join, node_state }) = &*message else { return };
        let current = *join == self.join.id;
        let Some(peer) = self.peers.get_mut(*from) else { return };
        if peer.phase != JoinPhase::Finalized {
            return;
        }
        if !current {
            peer.set_phase(JoinPhase::Nack);
            return;
        }
        peer.set_phase(JoinPhase::Confirmed);
        let name = peer.name.clone();
        let xml = if *from == self.me.id { self.my_node_state() } else { node_state.clone() };
        let state = format!("//node_state[@uname='{name}']");
        let mut writes = if self.options.shutdown_lock {
            vec![
                CibWrite::Delete { xpath: format!("{state}/lrm/lrm_resources/lrm_resource[not(@shutdown-lock)]") },
                CibWrite::Delete { xpath: format!("{state}/lrm/lrm_resources/lrm_resource/lrm_rsc_op") },
            ]
        } else {
            vec![CibWrite::Delete { xpath: format!("{state}/lrm") }]
        };
        writes.push(CibWrite::Merge { xml: format!("<status>{xml}</status>") });
        self.write(writes, WriteEnd::JoinCommitted);
    }

    /// Decides whether the join can go on ([CT-4.8]); `false`: nothing was decided.
    pub(super) fn join_check(&mut self) -> bool {
        if self.join.offered_at != self.sequence {
            if self.sequence >= self.join.checked_at {
                self.join.checked_at = self.sequence;
                self.prepend(Input::NodeJoin);
            }
            return false;
        }
        match self.state {
            State::Integration if self.peers.in_phase(JoinPhase::Welcomed) == 0 => {
                self.prepend(Input::Integrated);
                true
            }
            State::FinalizeJoin if !self.join.consistent => true,
            State::FinalizeJoin => {
                let open = [JoinPhase::Welcomed, JoinPhase::Integrated, JoinPhase::Finalized];
                let done = open.iter().all(|&phase| self.peers.in_phase(phase) == 0);
                if done {
                    self.append(Input::Finalized);
                }
                done
            }
            _ => false,
        }
    }

    /// On entering the scheduling state: everybody active should have confirmed ([CT-2.6]).
    pub(super) fn count_joined(&mut self) {
        if self.peers.in_phase(JoinPhase::Finalized) > 0 {
            return;
        }
        let (confirmed, active) = (self.peers.in_phase(JoinPhase::Confirmed), self.peers.active());
        if confirmed > active {
            self.append(Input::Election);
        } else if confirmed < active && self.join.offered_at != self.sequence {
            self.prepend(Input::NodeJoin);
        }
    }

    // --- member ------------------------------------------------------------------------------------------------------

    /// Accepts a node as coordinator, unless another one is known ([CT-2.6]).
    pub(super) fn set_dc(&mut self, from: NodeId) -> bool {
        let refused = (self.is_dc && from != self.me.id) || self.dc.is_some_and(|dc| dc != from);
        if refused {
            self.acts.insert(Act::AskDc);
            self.acts.insert(Act::DcTimerStart);
            return false;
        }
        if self.dc != Some(from)
            && let Some(peer) = self.peers.get_mut(from)
        {
            peer.expected = Some(Expected::Member);
        }
        self.dc = Some(from);
        true
    }

    /// Answers an offer with the version of the own CIB ([CT-4.4]).
    pub(super) fn request_join(&mut self) {
        let Some(message) = self.message.clone() else { return };
        let (from, Message::JoinOffer { join, dc_leaving, .. }) = &*message else { return };
        if !self.set_dc(*from) {
            return;
        }
        self.note_leaving(*from, *dc_leaving);
        self.timers.remove(&super::Timer::Dc);
        self.timers.remove(&super::Timer::AskDc);
        self.join.asked = Some((*from, *join));
        let request = Message::JoinRequest {
            join: *join,
            feature_set: self.me.feature_set.clone(),
            generation: Some(self.generation),
        };
        self.send(Receiver::Node(*from), request);
    }

    fn note_leaving(&mut self, dc: NodeId, leaving: bool) {
        if leaving && let Some(peer) = self.peers.get_mut(dc) {
            peer.expected = Some(Expected::Down);
        }
    }

    /// Takes the coordinator's verdict ([CT-4.4]).
    pub(super) fn take_result(&mut self, _now: Duration) {
        let Some(message) = self.message.clone() else { return };
        let (from, Message::JoinResult { join, accepted, dc_leaving, remotes, .. }) = &*message else { return };
        if !accepted {
            self.stay_down = true;
            self.raise_error(Input::Error);
            return;
        }
        if *from == self.me.id && !self.is_dc {
            return;
        }
        // A verdict of an earlier round must not confirm the present one.
        if Some((*from, *join)) != self.join.asked || !self.set_dc(*from) {
            return;
        }
        self.note_leaving(*from, *dc_leaving);
        for remote in remotes {
            self.remotes.insert(remote.name.clone(), remote.clone());
        }
        let me = self.me.name.clone();
        let features = self.me.feature_set.to_string();
        self.outputs.push_back(Output::Attribute(attributes::Request::update("#feature-set", Some(&features), &me)));
        let node_state = self.my_node_state();
        self.join.confirmed = self.join.asked;
        self.send(Receiver::Node(*from), Message::JoinConfirm { join: *join, node_state });
        self.since_confirmed.begin(!self.is_dc);
        if !std::mem::replace(&mut self.joined_before, true) && !self.shutting_down {
            self.apply_start_state();
        }
        if !self.is_dc {
            self.prepend(Input::NotDc);
        }
    }

    fn apply_start_state(&mut self) {
        let Some(standby) = self.me.start_state else { return };
        let (id, name) = (self.me.id.to_string(), self.me.name.clone());
        let write = CibWrite::merge("nodes", |doc, root| {
            let node = doc.append(root, "node");
            doc.set_attr(node, "id", &id);
            doc.set_attr(node, "uname", &name);
            let set = doc.append(node, "instance_attributes");
            doc.set_attr(set, "id", &format!("nodes-{id}"));
            let pair = doc.append(set, "nvpair");
            doc.set_attr(pair, "id", &format!("nodes-{id}-standby"));
            doc.set_attr(pair, "name", "standby");
            doc.set_attr(pair, "value", if standby { "true" } else { "false" });
        });
        self.write(vec![write], WriteEnd::Nothing);
    }

    /// The `node_state` of this node with all it remembers ([CT-6.6]).
    pub(super) fn my_node_state(&self) -> String {
        let mut doc = Document::new("node_state");
        let root = doc.root();
        self.fill_node_state(&mut doc, root, self.me.id, status::Fields::CONFIRMED, "do_lrm_query_internal");
        let lrm = doc.append(root, "lrm");
        doc.set_attr(lrm, "id", &self.me.id.to_string());
        let resources = doc.append(lrm, "lrm_resources");
        for (name, remembered) in &self.own.remembered {
            let in_flight = self.in_flight(name);
            remembered.write(name, in_flight.as_ref(), &mut doc, resources, &self.me.name, REFRESH);
        }
        doc.write_node(root, cib_core::xml::Style::Compact)
    }
}
