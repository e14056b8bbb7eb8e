//! What can be seen from outside: the timeline's lines, and whether conditions hold.

use super::check::Checker;
use super::host::Power;
use super::scenario::Condition;
use super::{Kind, NodeIx, Simulation};
use crate::node::Event;
use crate::node::timeline::headline;
use agents::model::Role;
use cib_core::xml::{Document, NodeIx as XmlIx};
use policy_core::controller::{Event as ControllerEvent, State};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use totem_core::link::LinkStatus;
use totem_core::wire::NodeId;

/// What was seen last, to tell only news.
#[derive(Debug, Default)]
pub(super) struct Observer {
    rings: BTreeSet<String>,
    /// When the last of them formed.
    ring_at: Option<Duration>,
    instances: BTreeMap<(String, String), Role>,
    coordinators: BTreeSet<NodeIx>,
}

impl Simulation {
    /// A line of a node, as the timeline tells it.
    pub(super) fn note_event(&mut self, at: NodeIx, event: &Event) {
        if let Event::Controller(ControllerEvent::NodeState { .. }) = event {
            self.check.ring_changed(at, self.now);
        }
        if let Event::Controller(event) = event {
            self.check.hear(self.now, at, &self.hosts[at].name, event);
        }
        match event {
            Event::Order(order) => return self.check.ordered(self.now, at, order),
            // Where fewer than a majority may go on, what they alone hold may be lost.
            Event::Acknowledged { number, ok: true } if self.hears_majority(at) => self.check.acknowledged(*number),
            Event::Group { joined, .. } if joined.contains(&(at as u32 + 1)) => self.check.order.joined(at),
            _ => {}
        }
        if let Event::Ring { id, .. } = event {
            self.check.ring_changed(at, self.now);
            if !self.observer.rings.insert(id.clone()) {
                return;
            }
            self.observer.ring_at = Some(self.now);
        }
        let (kind, text) = headline(event, self.is_dc(at));
        self.note(Some(at), kind, text);
    }

    fn hears_majority(&self, at: NodeIx) -> bool {
        self.hosts[at].node().is_some_and(|n| n.group().len() * 2 > self.hosts.len())
    }

    fn is_dc(&self, at: NodeIx) -> bool {
        self.hosts[at].node().is_some_and(|n| n.is_dc())
    }

    /// After every input to a node: the checkers look.
    pub(super) fn observe(&mut self, at: NodeIx) {
        self.watch_coordinator(at);
        let now = self.now;
        Checker::coordinators(&mut self.check, now, &self.hosts, at);
        Checker::copies(&mut self.check, now, &self.hosts, at);
        Checker::conduct(&mut self.check, now, &self.hosts, at);
    }

    /// Tells when a node ceases to coordinate; a node that is down tells nothing.
    fn watch_coordinator(&mut self, at: NodeIx) {
        let Some(is_dc) = self.hosts[at].node().map(|n| n.is_dc()) else {
            self.observer.coordinators.remove(&at);
            return;
        };
        if is_dc {
            self.observer.coordinators.insert(at);
        } else if self.observer.coordinators.remove(&at) {
            self.check.flights.forget(at);
            self.note(Some(at), Kind::Controller, "no longer coordinates");
        }
    }

    /// After every change of the agents' world: what started and stopped where.
    pub(super) fn watch_resources(&mut self) {
        let seen: BTreeMap<(String, String), Role> =
            self.world.instances().map(|i| ((i.resource.to_owned(), i.node.to_owned()), i.role)).collect();
        if seen == self.observer.instances {
            return;
        }
        self.world_changes += 1;
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
            Condition::Fenced(name) => {
                self.index(name).map_or_else(|| self.check.was_remote_fenced(name), |i| self.check.was_fenced(i))
            }
            Condition::Stable => self.is_stable(),
            Condition::NewRing => self.observer.ring_at == Some(self.now),
            Condition::Reaches(from, to, None) => self.links_between(from, to).any(|l| l.connected),
            Condition::Reaches(from, to, Some(link)) => {
                self.links_between(from, to).any(|l| l.connected && l.link == *link)
            }
            Condition::SendsOn(from, to, link) => self.links_between(from, to).any(|l| l.in_use && l.link == *link),
            Condition::FailCount(r, node, value) => self.fail_count(r, node) == *value,
        }
    }

    /// The links of one node to another, as the first sees them.
    fn links_between(&self, from: &str, to: &str) -> impl Iterator<Item = LinkStatus> {
        let to = self.index(to).map(|at| NodeId(at as u32 + 1));
        let links = self.node(from).and_then(|n| n.member().status().links);
        links.into_iter().flat_map(|links| links.links()).filter(move |l| Some(l.host) == to)
    }

    fn active(&self, resource: &str, node: Option<&str>, promoted: bool) -> usize {
        let instances = self
            .world
            .instances()
            .filter(|i| base_name(i.resource) == resource && node.is_none_or(|n| n == i.node))
            .filter(|i| !promoted || i.role == Role::Promoted)
            .count();
        // The resource of a remote node is a connection, which no agent holds.
        let here = |at: NodeIx| node.is_none_or(|n| n == self.hosts[at].name);
        instances + self.links.keys().filter(|(at, remote)| remote == resource && here(*at)).count()
    }

    fn joined(&self, name: &str) -> bool {
        let Some(at) = self.index(name) else { return self.connected(name) };
        let id = at as u32 + 1;
        self.hosts.iter().filter_map(|h| h.node()).any(|n| n.is_dc() && n.status().controller.confirmed.contains(&id))
    }

    /// Whether a coordinator's CIB holds a remote node for up.
    fn connected(&self, name: &str) -> bool {
        self.hosts.iter().filter_map(|h| h.node()).filter(|n| n.is_dc()).any(|n| {
            let cib = n.cib();
            let mut states =
                cib.path(cib.root(), &["status"]).into_iter().flat_map(|s| cib.children_named(s, "node_state"));
            let up = |value: Option<&str>| value.is_some_and(|v| !matches!(v, "0" | "false"));
            states.any(|s| cib.attr(s, "uname") == Some(name) && up(cib.attr(s, "in_ccm")))
        })
    }

    /// Marks that were acknowledged and are not in the coordinator's CIB; only to be asked when the cluster is stable.
    fn lost_marks(&self) -> Vec<u64> {
        let Some(dc) = self.hosts.iter().filter_map(|h| h.node()).find(|n| n.is_dc()) else { return Vec::new() };
        let cib = dc.cib();
        let marks = cib.path(cib.root(), &["configuration", "crm_config"]).and_then(|c| cib.find_id(c, "marks"));
        let held = |number: &u64| marks.is_some_and(|m| cib.find_id(m, &format!("mark-{number}")).is_some());
        self.check.marks().filter(|n| !held(n)).collect()
    }

    /// One coordinator for all nodes that are up, idle, and nothing left to do.
    pub fn is_stable(&self) -> bool {
        self.unrest().is_none()
    }

    /// What keeps the cluster from being stable.
    fn unrest(&self) -> Option<String> {
        let up: Vec<_> =
            self.hosts.iter().filter(|h| h.power == Power::On).filter_map(|h| Some((h, h.node()?))).collect();
        let dcs: Vec<_> = up.iter().filter(|(_, n)| n.is_dc()).collect();
        let [(host, dc)] = dcs.as_slice() else { return Some(format!("{} nodes coordinate", dcs.len())) };
        let status = dc.status().controller;
        if status.state != State::Idle {
            return Some(format!("{} is in {}", host.name, status.state));
        }
        if status.confirmed.len() != up.len() {
            return Some(format!("{} of {} nodes have joined", status.confirmed.len(), up.len()));
        }
        if let Some((other, node)) = up.iter().find(|(_, n)| n.cib_version() != dc.cib_version()) {
            let (theirs, version) = (node.cib_version(), dc.cib_version());
            return Some(format!("{} holds the CIB {theirs:?}, {} {version:?}", other.name, host.name));
        }
        let wanted = dc.wanted(host.clock.local(self.now));
        (!wanted.is_empty()).then(|| format!("the scheduler still wants {}", wanted.join(", ")))
    }

    /// What keeps the cluster from being settled, with the number of the safety invariant: it is not stable, what the CIB says
    /// to run does not, an acknowledged write is lost, or a message never came back to its sender.
    pub fn unsettled(&self) -> Option<(u8, String)> {
        if let Some(unrest) = self.unrest() {
            return Some((5, format!("the cluster is not stable at the end: {unrest}")));
        }
        let lost = self.lost_marks();
        if !lost.is_empty() {
            return Some((2, format!("acknowledged writes are lost: {lost:?}")));
        }
        if let Some(text) = self.untrue_status() {
            return Some((5, text));
        }
        let alive = (0..self.hosts.len()).filter(|&i| self.hosts[i].node.is_some() && self.hosts[i].paused.is_none());
        self.check.order.finish(alive).err().map(|violation| (1, violation.to_string()))
    }

    /// Where the coordinator's CIB and the world differ on a resource that is monitored.
    fn untrue_status(&self) -> Option<String> {
        let dc = self.hosts.iter().filter_map(|h| h.node()).find(|n| n.is_dc())?;
        let told = active_by_history(dc.cib());
        for ((resource, node), active) in &told {
            // What runs on a node that is lost, without fencing, nobody knows.
            if self.node(node).is_none() && !self.remote_runs(node) {
                continue;
            }
            let connected = self.index(node).is_some_and(|at| self.links.contains_key(&(at, resource.clone())));
            let truly = connected || self.world.instances().any(|i| i.resource == resource && i.node == node);
            if *active != truly {
                let (says, is) = if *active { ("started", "not running") } else { ("stopped", "running") };
                return Some(format!("{resource} is {is} on {node}, the CIB says it is {says}"));
            }
        }
        None
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

/// Whether a resource is active on a node, as its history in the CIB says: only resources with a recurring monitor there, whose
/// last operation has not failed; of one that has, nobody knows.
fn active_by_history(cib: &Document) -> BTreeMap<(String, String), bool> {
    let mut found = BTreeMap::new();
    let states = cib.path(cib.root(), &["status"]).into_iter().flat_map(|s| cib.children_named(s, "node_state"));
    for state in states {
        let Some(node) = cib.attr(state, "uname") else { continue };
        for history in cib.descendants(state).filter(|&n| cib.name(n) == "lrm_resource") {
            let Some(resource) = cib.id(history).filter(|_| cib.attr(history, "class") != Some("stonith")) else {
                continue;
            };
            let entries: Vec<Entry<'_>> =
                cib.children_named(history, "lrm_rsc_op").map(|n| Entry::of(cib, n)).collect();
            let done = entries.iter().filter(|e| e.call_id > 0 && ACTS.contains(&e.operation));
            let last = done.reduce(|kept, next| if next.is_after(kept) { next } else { kept });
            if let Some(active) = last.filter(|_| entries.iter().any(|e| e.interval > 0)).and_then(Entry::leaves_active)
            {
                found.insert((resource.to_owned(), node.to_owned()), active);
            }
        }
    }
    found
}

/// Operations that say something about a resource's state.
const ACTS: [&str; 7] = ["start", "stop", "promote", "demote", "monitor", "migrate_from", "migrate_to"];

/// One operation of a history.
struct Entry<'a> {
    operation: &'a str,
    on_node: &'a str,
    call_id: i64,
    last_change: i64,
    interval: i64,
    rc: i64,
}

impl<'a> Entry<'a> {
    fn of(cib: &'a Document, n: XmlIx) -> Self {
        let number = |name: &str| cib.attr(n, name).and_then(|v| v.parse().ok());
        Entry {
            operation: cib.attr(n, "operation").unwrap_or_default(),
            on_node: cib.attr(n, "on_node").unwrap_or_default(),
            call_id: number("call-id").unwrap_or(-1),
            last_change: number("last-rc-change").unwrap_or(-1),
            interval: number("interval").unwrap_or(0),
            rc: number("rc-code").unwrap_or(-1),
        }
    }

    /// Whether it came later than another one. All results of a recurring operation have one call id, and a failure has an entry
    /// of its own beside that of the last success: between those two the time of the change decides. Of two that are equal the
    /// first in the document counts [ST-9].
    fn is_after(&self, other: &Entry<'_>) -> bool {
        let by_time = self.last_change > other.last_change;
        if self.on_node == other.on_node && self.call_id != other.call_id {
            self.call_id > other.call_id
        } else {
            by_time
        }
    }

    /// Whether the resource is active after it; none if it failed.
    fn leaves_active(&self) -> Option<bool> {
        match (self.operation, self.rc) {
            ("stop" | "migrate_to", 0) | ("monitor", 5 | 7) => Some(false),
            ("stop" | "migrate_to", _) => None,
            (_, 0 | 8) => Some(true),
            _ => None,
        }
    }
}

/// A resource without its instance number.
pub(super) fn base_name(resource: &str) -> &str {
    match resource.rsplit_once(':') {
        Some((base, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entries: &[&str]) -> Option<bool> {
        let entries: String = entries.iter().map(|e| format!("<lrm_rsc_op {e}/>")).collect();
        let text = format!(
            r#"<cib><status><node_state id="1" uname="n1"><lrm id="1"><lrm_resources><lrm_resource id="r" class="ocf">{entries}</lrm_resource></lrm_resources></lrm></node_state></status></cib>"#
        );
        let cib = Document::parse(&text).expect("well-formed");
        active_by_history(&cib).get(&("r".to_owned(), "n1".to_owned())).copied()
    }

    const START: &str = r#"operation="start" on_node="n1" call-id="10" rc-code="0" interval="0" last-rc-change="620""#;
    const STOP: &str = r#"operation="stop" on_node="n1" call-id="12" rc-code="0" interval="0" last-rc-change="900""#;

    fn monitor(rc: i32, at: i32) -> String {
        format!(
            r#"operation="monitor" on_node="n1" call-id="11" rc-code="{rc}" interval="10000" last-rc-change="{at}""#
        )
    }

    #[test]
    fn of_two_results_of_one_recurring_monitor_the_later_counts() {
        for (good, failed, active) in [(840, 830, Some(true)), (620, 830, None)] {
            let (good, failed) = (monitor(8, good), monitor(1, failed));
            assert_eq!(told(&[START, &good, &failed]), active);
            assert_eq!(told(&[START, &failed, &good]), active);
        }
        assert_eq!(told(&[START, &monitor(0, 640), &monitor(7, 840)]), Some(false));
    }

    #[test]
    fn the_last_call_counts_whatever_the_clock_says() {
        assert_eq!(told(&[STOP, &monitor(0, 950)]), Some(false));
        assert_eq!(told(&[&STOP.replace("rc-code=\"0\"", "rc-code=\"1\""), &monitor(0, 640)]), None);
        assert_eq!(told(&[START]), None, "nothing watches it");
    }
}
