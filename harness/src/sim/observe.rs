//! What can be seen from outside: the timeline's lines, and whether conditions hold.

use super::check::Checker;
use super::host::Power;
use super::scenario::Condition;
use super::{Kind, NodeIx, Simulation};
use crate::node::Event;
use crate::node::timeline::headline;
use agents::model::Role;
use policy_core::controller::{Event as ControllerEvent, State};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen last, to tell only news.
#[derive(Debug, Default)]
pub(super) struct Observer {
    rings: BTreeSet<String>,
    instances: BTreeMap<(String, String), Role>,
}

impl Simulation {
    /// A line of a node, as the timeline tells it.
    pub(super) fn note_event(&mut self, at: NodeIx, event: &Event) {
        if let Event::Controller(ControllerEvent::NodeState { .. }) = event {
            self.check.ring_changed(at, self.now);
        }
        if let Event::Acknowledged { number, ok: true } = event {
            self.check.acknowledged(*number);
        }
        if let Event::Ring { id, .. } = event {
            self.check.ring_changed(at, self.now);
            if !self.observer.rings.insert(id.clone()) {
                return;
            }
        }
        let (kind, text) = headline(event, self.is_dc(at));
        self.note(Some(at), kind, text);
    }

    fn is_dc(&self, at: NodeIx) -> bool {
        self.hosts[at].node().is_some_and(|n| n.is_dc())
    }

    /// After every input to a node: the checkers look.
    pub(super) fn observe(&mut self, at: NodeIx) {
        let now = self.now;
        Checker::coordinators(&mut self.check, now, &self.hosts, at);
        Checker::copies(&mut self.check, now, &self.hosts);
    }

    /// After every change of the agents' world: what started and stopped where.
    pub(super) fn watch_resources(&mut self) {
        let seen: BTreeMap<(String, String), Role> =
            self.world.instances().map(|i| ((i.resource.to_owned(), i.node.to_owned()), i.role)).collect();
        if seen == self.observer.instances {
            return;
        }
        let before = std::mem::replace(&mut self.observer.instances, seen.clone());
        for ((resource, node), role) in &seen {
            let text = match (before.get(&(resource.clone(), node.clone())), role) {
                (None, Role::Started) => "started",
                (None, Role::Promoted) | (Some(Role::Started), Role::Promoted) => "promoted",
                (Some(Role::Promoted), Role::Started) => "demoted",
                _ => continue,
            };
            let at = self.index(node);
            self.note(at, Kind::Resource, format!("{resource} {text}"));
        }
        for (resource, node) in before.keys() {
            if !seen.contains_key(&(resource.clone(), node.clone())) {
                let at = self.index(node);
                self.note(at, Kind::Resource, format!("{resource} stopped"));
            }
        }
        let now = self.now;
        self.check.instances(now, &seen);
        self.watch_guests();
    }

    /// Whether a condition holds now.
    pub fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Not(inner) => !self.holds(inner),
            Condition::Started(r, node) => self.active(r, node.as_deref(), false) > 0,
            Condition::Promoted(r, node) => self.active(r, node.as_deref(), true) > 0,
            Condition::Stopped(r, node) => self.active(r, node.as_deref(), false) == 0,
            Condition::Instances(r, count) => self.active(r, None, false) == *count,
            Condition::AtMostOne(r) => self.active(r, None, false) <= 1,
            Condition::AtMostOnePromoted(r) => self.active(r, None, true) <= 1,
            Condition::Dc(name) => self.index(name).is_some_and(|i| self.is_dc(i)),
            Condition::OneDc => (0..self.hosts.len()).filter(|&i| self.is_dc(i)).count() == 1,
            Condition::NodeOnline(name) => self.joined(name),
            Condition::NodeOffline(name) => !self.joined(name),
            Condition::Quorate(name) => self.node(name).is_some_and(|n| n.status().quorate),
            Condition::Inquorate(name) => self.node(name).is_some_and(|n| !n.status().quorate),
            Condition::Fenced(name) => self.index(name).is_some_and(|i| self.check.was_fenced(i)),
            Condition::Stable => self.is_stable(),
            Condition::FailCount(r, node, value) => self.fail_count(r, node) == *value,
        }
    }

    fn active(&self, resource: &str, node: Option<&str>, promoted: bool) -> usize {
        self.world
            .instances()
            .filter(|i| base_name(i.resource) == resource && node.is_none_or(|n| n == i.node))
            .filter(|i| !promoted || i.role == Role::Promoted)
            .count()
    }

    fn joined(&self, name: &str) -> bool {
        let Some(at) = self.index(name) else { return false };
        let id = at as u32 + 1;
        self.hosts.iter().filter_map(|h| h.node()).any(|n| n.is_dc() && n.status().controller.confirmed.contains(&id))
    }

    /// Marks that were acknowledged and are not in the coordinator's CIB; only to be asked when the cluster is stable.
    pub fn lost_marks(&self) -> Vec<u64> {
        let Some(dc) = self.hosts.iter().filter_map(|h| h.node()).find(|n| n.is_dc()) else { return Vec::new() };
        let cib = dc.cib();
        let marks = cib.path(cib.root(), &["configuration", "crm_config"]).and_then(|c| cib.find_id(c, "marks"));
        let held = |number: &u64| marks.is_some_and(|m| cib.find_id(m, &format!("mark-{number}")).is_some());
        self.check.marks().filter(|n| !held(n)).collect()
    }

    /// One coordinator for all nodes that are up, idle, and nothing left to do.
    pub fn is_stable(&self) -> bool {
        let up: Vec<_> = self.hosts.iter().filter(|h| h.power == Power::On).filter_map(|h| h.node()).collect();
        let dcs: Vec<_> = up.iter().filter(|n| n.is_dc()).collect();
        let [dc] = dcs.as_slice() else { return false };
        let status = dc.status();
        status.controller.state == State::Idle
            && status.controller.confirmed.len() == up.len()
            && up.iter().all(|n| n.cib_version() == dc.cib_version())
            && dc.wanted_actions(self.now) == 0
    }

    /// The status display of the coordinator, or of any node that is up.
    pub fn status_text(&self) -> String {
        let up = || self.hosts.iter().filter(|h| h.power == Power::On).filter_map(|h| h.node());
        match up().find(|n| n.is_dc()).or_else(|| up().next()) {
            Some(node) => node.status_text(self.now),
            None => "No node is up.\n".to_owned(),
        }
    }

    fn fail_count(&self, resource: &str, node: &str) -> String {
        let prefix = format!("fail-count-{resource}#");
        let mut sum = 0i64;
        for n in self.hosts.iter().filter_map(|h| h.node()).take(1) {
            for (name, attribute) in n.attributes() {
                if name.starts_with(&prefix)
                    && let Some(value) = attribute.values.get(&node.to_lowercase()).and_then(|v| v.value.as_deref())
                {
                    sum += if value == "INFINITY" { 1_000_000 } else { value.parse().unwrap_or(0) };
                }
            }
        }
        if sum >= 1_000_000 { "INFINITY".to_owned() } else { sum.to_string() }
    }
}

/// A resource without its instance number.
pub(super) fn base_name(resource: &str) -> &str {
    match resource.rsplit_once(':') {
        Some((base, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => resource,
    }
}
