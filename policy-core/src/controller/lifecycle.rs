//! Membership, peers, quorum, messages and shutdown ([CT-1.5], [CT-1.6], [CT-7]).

use super::coordinate::Abort;
use super::fsa::{Act, Input};
use super::{
    Alert, CibWrite, Controller, Event, Expected, JoinPhase, Membership, Message, NodeId, Output, Receiver, State,
    Timer, WriteEnd, status,
};
use crate::attributes;
use crate::transition::NodeLimit;
use std::sync::Arc;
use std::time::Duration;

/// How long after a controller came the fencers' histories are exchanged ([CT-9.10]).
const FENCING_HISTORY_AFTER: Duration = Duration::from_secs(5);

/// A membership view of the messaging layer with the verdict on quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Grows from view to view.
    pub sequence: u64,
    /// Ids and names of the members.
    pub members: Vec<(NodeId, String)>,
    /// Whether this partition has quorum.
    pub quorate: bool,
}

/// What changed about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Member,
    Lost,
    Online,
    Offline,
}

impl Controller {
    /// A new membership view ([CT-1.6]).
    pub fn handle_view(&mut self, now: Duration, view: View) {
        if view.members.is_empty() && !self.seen_view {
            return;
        }
        self.seen_view = true;
        let quorum_changed = view.quorate != self.quorate;
        self.quorate = view.quorate;
        let epoch = self.epoch_seconds(now);
        let mut changes = Vec::new();
        for (id, name) in &view.members {
            let peer = self.peers.learn(*id, name);
            if peer.state != Some(Membership::Member) {
                peer.state = Some(Membership::Member);
                peer.when_member = epoch.max(2);
                changes.push((*id, Change::Member));
            }
        }
        for peer in self.peers.iter_mut() {
            if peer.state == Some(Membership::Member) && !view.members.iter().any(|(id, _)| *id == peer.id) {
                peer.state = Some(Membership::Lost);
                peer.when_member = 0;
                peer.lost_at = epoch;
                changes.push((peer.id, Change::Lost));
            }
        }
        if quorum_changed || !self.had_quorum {
            self.handle_quorum(now, quorum_changed);
        }
        for (id, change) in changes {
            self.peer_changed(now, id, change);
        }
        self.after_view(now, view.sequence);
        self.run(now);
    }

    fn after_view(&mut self, now: Duration, sequence: u64) {
        self.sequence = sequence;
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            if peer.is_active() {
                continue;
            }
            peer.set_phase(JoinPhase::None);
            let (name, lost) = (peer.name.clone(), peer.state == Some(Membership::Lost));
            if id == self.me.id && lost {
                self.raise_error(Input::Error);
            }
            if self.dc == Some(id) && id != self.me.id {
                self.dc = None;
                self.append(Input::Election);
            }
            if matches!(self.state, State::Integration | State::FinalizeJoin) {
                self.join_check();
            }
            self.fail_actions_of(now, &name);
        }
        if self.is_dc {
            self.write_all_nodes(now, status::Fields::MEMBERSHIP);
        }
        self.acts.insert(Act::CheckElection);
        self.send(Receiver::All, Message::Noop { from_dc: self.is_dc });
    }

    /// Controllers that came into the group or left it.
    pub fn handle_group(&mut self, now: Duration, joined: &[NodeId], left: &[NodeId]) {
        let epoch = self.epoch_seconds(now);
        for (ids, online) in [(joined, true), (left, false)] {
            for &id in ids {
                let peer = match self.peers.get_mut(id) {
                    Some(peer) => peer,
                    None if online => self.peers.learn(id, ""),
                    None => continue,
                };
                if peer.online == online {
                    continue;
                }
                peer.online = online;
                peer.when_online = if online { epoch.max(1) } else { 0 };
                if !online {
                    peer.lost_at = epoch;
                }
                self.peer_changed(now, id, if online { Change::Online } else { Change::Offline });
            }
        }
        self.run(now);
    }

    /// Reaction to a change of one peer ([CT-1.6]).
    fn peer_changed(&mut self, now: Duration, id: NodeId, change: Change) {
        let Some(peer) = self.peers.get(id) else { return };
        let (active, node) = (peer.is_active(), peer.name.clone());
        if change == Change::Online && !self.is_dc && id != self.me.id {
            self.send(Receiver::Node(id), Message::Hello);
        }
        if change == Change::Member {
            self.fencing.cleanup.retain(|(target, _)| *target != id);
        }
        if matches!(change, Change::Lost | Change::Offline) {
            self.leaving.remove(&id);
            self.join.failed_sync.retain(|holder| *holder != id);
            self.elector.forget(id);
            if self.dc == Some(id) {
                self.elector.forget_loss();
            }
        }
        if matches!(change, Change::Member | Change::Lost) {
            let member = change == Change::Member;
            self.log(Event::NodeState { node: node.clone(), member });
            self.alert(&Alert::Node { node, id: Some(id), member });
        } else {
            if !self.have_cib || self.state == State::Stopping {
                return;
            }
            if change == Change::Online && (self.is_dc || self.dc.is_none()) {
                self.start_timer(Timer::FencingHistory, now, FENCING_HISTORY_AFTER);
            }
            if id == self.me.id && change == Change::Offline {
                self.raise_error(Input::Error);
            } else if self.dc == Some(id) && id != self.me.id && !active {
                self.dc = None;
                self.append(Input::Election);
            }
        }
        if self.is_dc {
            self.coordinate_peer(now, id, change);
        }
    }

    /// The coordinator's reaction ([CT-7.4]).
    fn coordinate_peer(&mut self, now: Duration, id: NodeId, change: Change) {
        let Some(peer) = self.peers.get(id) else { return };
        let (active, member, online) = (peer.is_active(), peer.state == Some(Membership::Member), peer.online);
        let (name, xml_id) = (peer.name.clone(), peer.xml_id());
        let appeared = matches!(change, Change::Member | Change::Online);
        let mut fields = status::Fields::CRMD;
        if change == Change::Online && active {
            self.prepend(Input::NodeJoin);
        }
        let taking_down = self.transition.takes_down(&xml_id).map(|a| (a.element.id, a.element.operation.clone()));
        match taking_down {
            Some((_, task)) if task == "stonith" => {}
            Some((action, task)) if task == "do_shutdown" && !appeared => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.set_phase(JoinPhase::None);
                    peer.expected = Some(Expected::Down);
                }
                self.join_check();
                fields = status::Fields::DOWN;
                if !online && !member {
                    self.confirm(action, false);
                }
            }
            Some(_) => {}
            None if !appeared => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.set_phase(JoinPhase::None);
                }
                self.join_check();
                self.abort(now, Abort::restart("Node failure"));
                self.fail_actions_of(now, &name);
            }
            None => {}
        }
        if change == Change::Offline && member {
            let peer = self.peers.get_mut(id).expect("looked up above");
            if peer.when_member > 1 {
                peer.when_member = 1;
                fields.in_ccm = true;
            }
        }
        self.update_pending_timer(now, id);
        self.write_node(now, id, fields);
    }

    /// A member without its controller is pending, and fenced in the end if so configured ([CT-7.5]).
    pub(super) fn update_pending_timer(&mut self, now: Duration, id: NodeId) {
        let Some(peer) = self.peers.get(id) else { return };
        let timeout = self.options.node_pending_timeout;
        let pending = peer.state == Some(Membership::Member) && !peer.online && peer.when_member > 1;
        if !pending || timeout.is_zero() {
            self.timers.remove(&Timer::PendingNode(id));
            return;
        }
        let due = Duration::from_secs(peer.when_member) + timeout;
        let wait = due.saturating_sub(self.me.epoch + now).max(Duration::from_millis(1));
        self.start_timer(Timer::PendingNode(id), now, wait);
    }

    /// Quorum as of the last view ([CT-7.6]).
    pub(super) fn handle_quorum(&mut self, now: Duration, forced: bool) {
        if self.quorate {
            self.had_quorum = true;
        } else if self.had_quorum && self.panic_armed {
            self.outputs.push_back(Output::Panic);
        }
        if !self.is_dc || !forced {
            return;
        }
        let quorate = u8::from(self.quorate).to_string();
        let write = CibWrite::root(&[("have-quorum", quorate), ("dc-uuid", self.me.id.to_string())]);
        self.write(vec![write], WriteEnd::Nothing);
        if self.quorate {
            self.delay_abort(now, Duration::from_secs(5), "Quorum gained");
        } else {
            self.abort(now, Abort::restart("Quorum lost"));
        }
    }

    /// An ordered message of the group; `to` is who should read it.
    pub fn handle_message(&mut self, now: Duration, from: NodeId, to: Receiver, message: Message) {
        if let Some(peer) = self.peers.get_mut(from)
            && !peer.online
            && peer.state == Some(Membership::Member)
        {
            peer.online = true;
            peer.when_online = (self.me.epoch + now).as_secs().max(1);
            self.peer_changed(now, from, Change::Online);
        }
        let for_me = match to {
            Receiver::All => true,
            Receiver::Node(id) => id == self.me.id,
            Receiver::Dc => self.is_dc,
        };
        if for_me && !matches!(self.state, State::Terminate) {
            self.dispatch(now, from, message);
        }
        self.run(now);
    }

    fn dispatch(&mut self, now: Duration, from: NodeId, message: Message) {
        if let Some(task) = message.of_dc().filter(|_| self.is_dc && from != self.me.id) {
            // Two coordinators: they elect, and do not listen to each other ([CT-1.5]).
            let node = self.peers.get(from).map_or_else(String::new, |p| p.name.clone());
            self.log(Event::AnotherDc { node, task });
            if self.state != State::Election {
                self.raise_error(Input::Election);
            }
            return;
        }
        match message {
            Message::Hello | Message::Noop { .. } => {}
            Message::Vote(ballot) | Message::NoVote(ballot) => self.count_vote(now, from, &ballot),
            Message::JoinAnnounce => self.append_with(Input::NodeJoin, Some(Arc::new((from, message)))),
            Message::JoinOffer { ref feature_set, .. } => {
                if feature_set.admits(&self.me.feature_set) {
                    self.append_with(Input::JoinOffer, Some(Arc::new((from, message))));
                } else {
                    self.stay_down = true;
                    self.append(Input::Terminate);
                }
            }
            Message::JoinRequest { .. } => self.append_with(Input::JoinRequest, Some(Arc::new((from, message)))),
            Message::JoinResult { .. } | Message::JoinConfirm { .. } => {
                self.append_with(Input::JoinResult, Some(Arc::new((from, message))));
            }
            Message::ShutdownRequest => self.shutdown_requested(now, from),
            Message::DoShutdown => self.do_shutdown(from),
            Message::Invoke { action, key, feature_set } => self.invoke(now, &action, &key, feature_set),
            Message::Result { place, key, operation_key, report, .. } => {
                self.match_result(now, &place, &key, &operation_key, &report, true);
            }
            Message::ClearFailures(clearing) => self.clear_failures(from, &clearing),
            Message::Throttle { mode, max } => {
                let limit = NodeLimit { mode, max: max as usize };
                self.throttle.insert(from, limit);
                if let Some(peer) = self.peers.get(from) {
                    self.limits.nodes.insert(peer.name.clone(), limit);
                }
                self.pass_wanted = true;
            }
            Message::MaintenanceNodes(nodes) => self.note_maintenance(&nodes),
            Message::FailResource { resource, remote } => self.fail_resource(now, &resource, remote.as_deref()),
            Message::DeleteHistory(deletion) => self.delete_history(now, from, deletion),
            Message::RemoteState(node) => self.note_remote(now, node),
            Message::ForgetNode { id, name } => {
                for name in self.peers.forget(id, name.as_deref()).iter().chain(&name) {
                    self.fencing.failures.remove(name);
                }
            }
        }
    }

    /// Somebody wants to leave ([CT-7.2]).
    fn shutdown_requested(&mut self, now: Duration, from: NodeId) {
        let epoch = self.epoch_seconds(now);
        let Some(peer) = self.peers.get_mut(from) else { return };
        peer.expected = Some(Expected::Down);
        if !self.is_dc {
            return;
        }
        let node = peer.name.clone();
        let request = attributes::Request::update("shutdown", Some(&epoch.to_string()), &node);
        self.log(Event::ShutdownAsked { node });
        self.outputs.push_back(Output::Attribute(request));
        let news = self.leaving.insert(from, epoch).is_none();
        if news && (!self.transition.is_complete() || self.schedule.is_awaited()) {
            // Until the attribute is in the CIB, the graph in hand might still start something there.
            self.abort(now, Abort::restart("Shutdown requested"));
        }
    }

    fn do_shutdown(&mut self, from: NodeId) {
        if self.is_dc {
            if self.shutting_down {
                self.append(Input::Stop);
            } else if from == self.me.id {
                self.append(Input::Terminate);
            } else if self.state != State::Stopping {
                self.append(Input::Election);
            }
        } else if self.dc == Some(from) {
            if !self.shutting_down {
                self.stay_down = true;
                self.in_recovery = true;
            }
            self.append(Input::Stop);
        }
    }
}
