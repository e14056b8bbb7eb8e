//! Fencing, as controllers see it ([CT-9.11], [CT-9.12]).

use super::coordinate::Abort;
use super::{
    ActionEnd, Alert, CibWrite, Controller, Event, Expected, JoinPhase, Membership, NodeId, Output, WriteEnd, status,
};
use crate::attributes;
use crate::graph::Action;
use crate::transition::{Completion, INFINITY};
use std::collections::BTreeMap;
use std::time::Duration;

/// Ask the fencer to fence a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FencingRequest {
    /// Name of the target.
    pub target: String,
    /// `reboot`, `off` or `on`.
    pub action: String,
    /// How long it may take.
    pub timeout: Duration,
    /// How long to wait first, by priority.
    pub delay: Duration,
    /// A node may fence itself: it is alone.
    pub allow_self: bool,
    /// Given back with the outcome.
    pub token: String,
}

/// The end of a fencing operation, broadcast to all nodes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FencingOutcome {
    /// Name of the target.
    pub target: String,
    /// `reboot`, `off` or `on`.
    pub action: String,
    /// The target is in the state asked for.
    pub ok: bool,
    /// Name of the node that did it.
    pub by: String,
    /// Who asked: name of the client and of its node.
    pub client: String,
    /// The controller of the node that hears this asked for it.
    pub own: bool,
    /// Id of the operation.
    pub reference: String,
    /// Operation status, see [`super::op_status`].
    pub op_status: i32,
    /// Reason given for a failure.
    pub reason: Option<String>,
}

/// What controllers remember of fencing.
#[derive(Clone, Debug, Default)]
pub(super) struct FencingBook {
    /// Failures by target.
    pub(super) failures: BTreeMap<String, u32>,
    /// Fenced coordinators that their successor has to mark.
    pub(super) cleanup: Vec<(NodeId, String)>,
}

impl Controller {
    pub(super) fn start_fencing(&mut self, action: &Action) {
        let Some(place) = &action.element.node else {
            return self.confirm(action.element.id, true);
        };
        let what = action.meta("stonith_action").unwrap_or("reboot").to_owned();
        let delay = action.meta("priority_fencing_delay").and_then(|t| t.parse().ok()).unwrap_or(0);
        let timeout = Duration::from_millis(self.transition.fencing_timeout_ms());
        self.log(Event::FencingAsked { action: what.clone(), target: place.name.clone() });
        self.tell_initiating(action, true, None);
        self.outputs.push_back(Output::Fence(FencingRequest {
            target: place.name.clone(),
            action: what,
            timeout,
            delay: Duration::from_secs(delay),
            allow_self: self.peers.in_phase(JoinPhase::Confirmed) == 1,
            token: self.key_of(action).to_string(),
        }));
    }

    /// A fencing operation has ended; every controller hears of it.
    pub fn handle_fenced(&mut self, now: Duration, outcome: &FencingOutcome) {
        self.alert(&Alert::Fencing(outcome.clone()));
        self.log(Event::Fenced {
            action: outcome.action.clone(),
            target: outcome.target.clone(),
            by: outcome.by.clone(),
            client: outcome.client.clone(),
            ok: outcome.ok,
        });
        if outcome.action != "on" {
            self.note_fenced(now, outcome);
        }
        self.run(now);
    }

    /// The answer to a request of this controller: its transition goes on ([CT-9.12]). Results for another transition or of a completed
    /// graph are ignored; what everybody hears through [`Controller::handle_fenced`] counts all the same.
    pub fn handle_fencing_answer(&mut self, now: Duration, token: &str, ok: bool, no_device: bool) {
        let Ok(key) = token.parse::<crate::transition::TransitionKey>() else { return };
        let mine = self.is_dc
            && key.uuid == self.me.uuid.trim_end()
            && key.transition == self.transition.number()
            && !self.transition.is_complete();
        if let (true, Ok(id)) = (mine, u32::try_from(key.action)) {
            self.finish_fencing(now, id, ok, no_device);
        }
        self.run(now);
    }

    fn note_fenced(&mut self, now: Duration, outcome: &FencingOutcome) {
        if outcome.ok && outcome.target == self.me.name {
            match self.options.fencing_panics {
                true => self.outputs.push_back(Output::Panic),
                false => self.outputs.push_back(Output::Exit { code: 100 }),
            }
            return;
        }
        if !self.is_dc {
            self.count_fencing(&outcome.target, outcome.ok);
        }
        if !outcome.ok {
            return;
        }
        let Some(target) = self.peers.named(&outcome.target).map(|p| p.id) else {
            return self.note_remote_fenced(now, outcome);
        };
        if self.is_dc {
            self.mark_fenced(target, &outcome.target);
            if !outcome.own {
                self.abort(now, Abort::restart("External Fencing Operation"));
            }
        } else if self.dc.is_none_or(|dc| dc == target) {
            if outcome.by == self.me.name {
                self.mark_fenced(target, &outcome.target);
            }
            self.fencing.cleanup.push((target, outcome.target.clone()));
        }
        let Some(peer) = self.peers.get_mut(target) else { return };
        if peer.state.is_none() {
            peer.state = Some(Membership::Lost);
            peer.online = false;
        }
        peer.set_phase(JoinPhase::None);
        peer.expected = Some(Expected::Down);
    }

    /// A remote node was fenced: its connection, if it is held here, is broken.
    fn note_remote_fenced(&mut self, now: Duration, outcome: &FencingOutcome) {
        let name = outcome.target.as_str();
        if !self.remotes.contains_key(name) {
            return;
        }
        if self.is_dc {
            self.mark_remote_fenced(now, name);
            if !outcome.own {
                self.abort(now, Abort::restart("External Fencing Operation"));
            }
        }
        self.connection_lost(now, name);
    }

    fn count_fencing(&mut self, target: &str, ok: bool) {
        if ok {
            self.fencing.failures.remove(target);
        } else {
            *self.fencing.failures.entry(target.to_owned()).or_default() += 1;
        }
    }

    fn finish_fencing(&mut self, now: Duration, id: u32, ok: bool, no_device: bool) {
        let Some(action) = self.transition.action(id) else { return };
        let on = action.meta("stonith_action") == Some("on");
        let Some(target) = action.element.node.as_ref().map(|p| p.name.clone()) else { return };
        self.count_fencing(&target, ok);
        if ok {
            if on {
                self.mark_unfenced(now, id, &target);
            }
            return self.confirm(id, false);
        }
        let failures = self.fencing.failures.get(&target).copied().unwrap_or(0);
        let wait = no_device || failures >= self.options.fencing_max_attempts;
        let completion = if wait { Completion::Wait } else { Completion::Restart };
        self.end_action(id, ActionEnd::Confirmed, true);
        self.abort(now, Abort::new(INFINITY, completion, "Stonith failed"));
    }

    fn mark_unfenced(&mut self, now: Duration, id: u32, target: &str) {
        let epoch = self.epoch_seconds(now).to_string();
        let Some(action) = self.transition.action(id) else { return };
        let mut updates = vec![attributes::Update::new("#node-unfenced", Some(&epoch), target)];
        for (name, meta) in [("#digests-all", "digests_all"), ("#digests-secure", "digests_secure")] {
            if let Some(value) = action.meta(meta) {
                updates.push(attributes::Update::new(name, Some(value), target));
            }
        }
        self.outputs.push_back(Output::Attribute(attributes::Request::Update(updates)));
    }

    /// Records that a node is down: state, no history, no attributes ([CT-9.12]).
    pub(super) fn mark_fenced(&mut self, target: NodeId, name: &str) {
        let peer = self.peers.learn(target, name);
        let unseen = peer.state.is_none();
        if unseen {
            peer.state = Some(Membership::Lost);
        }
        peer.set_phase(JoinPhase::None);
        peer.expected = Some(Expected::Down);
        let fields = status::Fields { in_ccm: unseen, ..status::Fields::FENCED };
        let state = self.node_state_write(&[target], fields, "send_stonith_update");
        let history = CibWrite::Delete { xpath: format!("//node_state[@id='{target}']/lrm") };
        self.write(vec![state, history], WriteEnd::Fenced);
        self.outputs
            .push_back(Output::Attribute(attributes::Request::PeerRemove { node: name.to_owned(), reap: false }));
        self.fencing.failures.remove(name);
    }
}
