//! The safety invariants, read from public status only ([DESIGN section 4](crate)).

use super::NodeIx;
use super::flight::Flights;
use super::host::Host;
use super::joins::Joins;
use super::starts::Starts;
use super::total_order::TotalOrder;
use crate::node::Order;
use agents::model::Role;
use cib_core::xml::{Document, NodeIx as XmlIx};
use policy_core::controller::{Event, State};
use rustc_hash::FxHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::time::Duration;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub time: Duration,
    /// Which safety invariant, by its number: 1 to 5 as the design counts them; 6 to 8 are the step invariants I3, I5 and I6
    /// of [CT-12.1].
    pub invariant: u8,
    /// What was seen.
    pub text: String,
}

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A change of the CIB is acknowledged before it is durable: the disks lie.
    AcknowledgeEarly,
    /// A node breaks a rule.
    Node(crate::node::Mutation),
}

impl Mutation {
    /// All, with the name that scenarios and the command line give each.
    pub const ALL: [(&str, Mutation); 9] = [
        ("acknowledge-early", Mutation::AcknowledgeEarly),
        ("out-of-order", Mutation::Node(crate::node::Mutation::OutOfOrder)),
        ("diverge-copy", Mutation::Node(crate::node::Mutation::DivergeCopy)),
        ("recover-unfenced", Mutation::Node(crate::node::Mutation::RecoverUnfenced)),
        ("deaf", Mutation::Node(crate::node::Mutation::Deaf)),
        ("forget-failures", Mutation::Node(crate::node::Mutation::ForgetFailures)),
        ("start-anywhere", Mutation::Node(crate::node::Mutation::StartAnywhere)),
        ("lose-results", Mutation::Node(crate::node::Mutation::LoseResults)),
        ("half-joined", Mutation::Node(crate::node::Mutation::HalfJoined)),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, m)| *m == self).map_or("", |(name, _)| name)
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Mutation> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, m)| *m)
    }

    /// The safety invariant whose checker must find it.
    pub fn breaks(self) -> u8 {
        use crate::node::Mutation as Rule;
        match self {
            Mutation::Node(Rule::OutOfOrder) => 1,
            Mutation::AcknowledgeEarly | Mutation::Node(Rule::DivergeCopy) => 2,
            Mutation::Node(Rule::RecoverUnfenced) => 3,
            Mutation::Node(Rule::Deaf) => 4,
            Mutation::Node(Rule::ForgetFailures) => 5,
            Mutation::Node(Rule::StartAnywhere) => 6,
            Mutation::Node(Rule::LoseResults) => 7,
            Mutation::Node(Rule::HalfJoined) => 8,
        }
    }
}

/// How long a new ring may take until only one node coordinates.
const SETTLING: Duration = Duration::from_secs(3);
/// Copies are compared at every version of the configuration, and at every so manieth of the status.
const COMPARE_EVERY: i64 = 16;

/// The ring that a copy of the CIB belongs to, and its version.
type CopyName = (String, (i64, i64, i64));

/// Looks at every step.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) violations: Vec<Violation>,
    /// Primitives that may run once.
    single: BTreeSet<String>,
    fencing: bool,
    ring_since: Vec<Duration>,
    fenced: Vec<bool>,
    fenced_remotes: BTreeSet<String>,
    versions: Vec<Option<(i64, i64, i64)>>,
    changes_seen: Vec<u64>,
    marks: BTreeSet<u64>,
    digests: BTreeMap<CopyName, (u64, NodeIx)>,
    pub(super) order: TotalOrder,
    pub(super) flights: Flights,
    starts: Starts,
    joins: Joins,
}

impl Checker {
    pub(super) fn new(cib: &Document, nodes: &[String]) -> Self {
        Checker {
            violations: Vec::new(),
            single: single_primitives(cib),
            fencing: has_fencing(cib),
            ring_since: vec![Duration::ZERO; nodes.len()],
            fenced: vec![false; nodes.len()],
            fenced_remotes: BTreeSet::new(),
            versions: vec![None; nodes.len()],
            changes_seen: vec![u64::MAX; nodes.len()],
            marks: BTreeSet::new(),
            digests: BTreeMap::new(),
            order: TotalOrder::default(),
            flights: Flights::default(),
            starts: Starts::new(nodes.len()),
            joins: Joins::new(nodes.len()),
        }
    }

    fn broken(&mut self, time: Duration, invariant: u8, text: String) {
        self.violations.push(Violation { time, invariant, text });
    }

    pub(super) fn ring_changed(&mut self, node: NodeIx, now: Duration) {
        self.ring_since[node] = now;
    }

    pub(super) fn fenced(&mut self, node: NodeIx) {
        self.fenced[node] = true;
    }

    pub(super) fn fenced_remote(&mut self, name: &str) {
        self.fenced_remotes.insert(name.to_owned());
    }

    pub(super) fn was_remote_fenced(&self, name: &str) -> bool {
        self.fenced_remotes.contains(name)
    }

    pub(super) fn was_fenced(&self, node: NodeIx) -> bool {
        self.fenced[node]
    }

    /// A node's software starts: what others heard of its last life, they may have heard after that had ended.
    pub(super) fn started(&mut self, node: NodeIx, name: &str) {
        self.starts.down(node, name);
    }

    /// A write of an operator was acknowledged: from now on it must be kept.
    pub(super) fn acknowledged(&mut self, number: u64) {
        self.marks.insert(number);
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = u64> + '_ {
        self.marks.iter().copied()
    }

    pub(super) fn down(&mut self, now: Duration, node: NodeIx, name: &str) {
        self.versions[node] = None;
        self.changes_seen[node] = u64::MAX;
        self.flights.down(now, node, name);
        self.starts.down(node, name);
    }

    /// Step invariants: what a controller says it does.
    pub(super) fn hear(&mut self, now: Duration, at: NodeIx, name: &str, event: &Event) {
        if let Some(text) = self.starts.hear(at, name, event) {
            self.broken(now, 6, text);
        }
        if let Some(text) = self.flights.hear(now, at, name, event) {
            self.broken(now, 7, text);
        }
    }

    /// Step invariants: what can be seen after every input to a node.
    pub(super) fn conduct(check: &mut Checker, now: Duration, hosts: &[Host], at: NodeIx) {
        if let Some(text) = check.starts.look(hosts, at) {
            check.broken(now, 6, text);
        }
        if let Some(text) = check.flights.overdue(now, at, &hosts[at].name) {
            check.broken(now, 7, text);
        }
        let since = &check.ring_since;
        if let Some(text) = check.joins.look(hosts, at, |i| now >= since[i] + SETTLING) {
            check.broken(now, 8, text);
        }
    }

    /// Invariant 3: what may run once runs once.
    pub(super) fn instances(&mut self, now: Duration, seen: &BTreeMap<(String, String), Role>) {
        if !self.fencing {
            return;
        }
        let mut nodes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (resource, node) in seen.keys() {
            nodes.entry(resource).or_default().push(node);
        }
        let twice = nodes.into_iter().find(|(r, n)| n.len() > 1 && self.single.contains(*r));
        if let Some((resource, nodes)) = twice {
            let text = format!("{resource} runs on {} at once", nodes.join(" and "));
            self.broken(now, 3, text);
        }
    }

    /// Invariant 4: one coordinator in a ring that is stable.
    pub(super) fn coordinators(check: &mut Checker, now: Duration, hosts: &[Host], at: NodeIx) {
        let works = |h: &Host| {
            h.paused.is_none()
                && h.node().is_some_and(|n| {
                    n.is_dc() && matches!(n.state(), State::Idle | State::PolicyEngine | State::TransitionEngine)
                })
        };
        if !works(&hosts[at]) || now < check.ring_since[at] + SETTLING {
            return;
        }
        // Messages flow in this membership: both are in it, and hold one CIB.
        fn place(host: &Host) -> Option<(&str, &[u32])> {
            host.node().filter(|n| n.cib_is_synchronized()).map(|n| (n.ring(), n.group()))
        }
        let mut others = hosts.iter().enumerate().filter(|(i, h)| {
            *i != at && works(h) && now >= check.ring_since[*i] + SETTLING && place(h) == place(&hosts[at])
        });
        if let (Some(here), Some((_, other))) = (place(&hosts[at]), others.next()) {
            let text = format!("{} and {} both coordinate ring {}", hosts[at].name, other.name, here.0);
            check.broken(now, 4, text);
        }
    }

    /// Invariant 1: what the ring has delivered.
    pub(super) fn ordered(&mut self, now: Duration, node: NodeIx, order: &Order) {
        if let Err(violation) = self.order.observe(node, order) {
            self.broken(now, 1, violation.to_string());
        }
    }

    /// Invariant 2: a version never goes back on a node that stays up, and two copies of one version are equal.
    pub(super) fn copies(check: &mut Checker, now: Duration, hosts: &[Host], at: NodeIx) {
        let Some(node) = hosts[at].node() else { return };
        if std::mem::replace(&mut check.changes_seen[at], node.cib_changes()) == node.cib_changes() {
            return;
        }
        let version = node.cib_version();
        let before = check.versions[at].replace(version);
        if before == Some(version) {
            return;
        }
        if before.is_some_and(|before| version < before) {
            let text = format!("the CIB of {} went back from {before:?} to {version:?}", hosts[at].name);
            check.broken(now, 2, text);
        }
        // Parts of a cluster that do not hear each other may number different changes alike.
        if version.2 % COMPARE_EVERY != 0 || !node.cib_is_synchronized() {
            return;
        }
        let digest = quick_digest(node.cib());
        let first = *check.digests.entry((node.ring().to_owned(), version)).or_insert((digest, at));
        if first.0 != digest {
            let other = &hosts[first.1];
            let same = other.node().filter(|o| o.cib_version() == version);
            let text = format!(
                "{} holds another CIB of version {version:?} than {}{}",
                hosts[at].name,
                other.name,
                same.map_or_else(String::new, |o| difference(o.cib(), node.cib()))
            );
            check.broken(now, 2, text);
        }
    }
}

/// A number that differs where the versioned digest differs, nesting apart: cheaper, for looking often.
fn quick_digest(doc: &Document) -> u64 {
    const TRACKING: [&str; 5] =
        ["crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user"];
    let mut hasher = FxHasher::default();
    for element in std::iter::once(doc.root()).chain(doc.descendants(doc.root())) {
        hasher.write(doc.name(element).as_bytes());
        hasher.write_u8(0);
        for (name, value) in doc.attrs(element).filter(|(name, _)| !TRACKING.contains(name)) {
            hasher.write(name.as_bytes());
            hasher.write_u8(1);
            hasher.write(value.as_bytes());
            hasher.write_u8(2);
        }
    }
    hasher.finish()
}

/// The first lines of what leads from one copy to another.
fn difference(from: &Document, to: &Document) -> String {
    let patch = cib_core::patch::diff_without_version(from, to, cib_core::patch::Ordered::Yes)
        .map_or_else(String::new, |p| p.write());
    patch.lines().take(12).map(|line| format!("\n    {line}")).collect()
}

/// Ids of all primitives.
pub(super) fn primitives(cib: &Document) -> Vec<String> {
    resources(cib)
        .filter(|&n| cib.attr(n, "class") != Some("stonith"))
        .filter_map(|n| cib.id(n))
        .map(str::to_owned)
        .collect()
}

/// Ids of all fence devices.
pub(super) fn switches(cib: &Document) -> Vec<String> {
    let fencing = resources(cib).filter(|&n| cib.attr(n, "class") == Some("stonith"));
    fencing.filter_map(|n| cib.id(n)).map(str::to_owned).collect()
}

fn resources(cib: &Document) -> impl Iterator<Item = XmlIx> + '_ {
    let top = cib.path(cib.root(), &["configuration", "resources"]);
    top.into_iter().flat_map(|t| cib.descendants(t)).filter(|&n| cib.name(n) == "primitive")
}

fn single_primitives(cib: &Document) -> BTreeSet<String> {
    let in_clone = |n: XmlIx| {
        let mut up = cib.parent(n);
        while let Some(p) = up {
            if matches!(cib.name(p), "clone" | "master" | "bundle") {
                return true;
            }
            up = cib.parent(p);
        }
        false
    };
    resources(cib)
        .filter(|&n| !in_clone(n) && cib.attr(n, "class") != Some("stonith"))
        .filter_map(|n| cib.id(n))
        .map(str::to_owned)
        .collect()
}

/// Fence devices are configured and fencing is not switched off.
fn has_fencing(cib: &Document) -> bool {
    let device = resources(cib).any(|n| cib.attr(n, "class") == Some("stonith"));
    let off =
        cib.path(cib.root(), &["configuration", "crm_config"]).into_iter().flat_map(|t| cib.descendants(t)).any(|n| {
            matches!(cib.attr(n, "name"), Some("stonith-enabled" | "fencing-enabled"))
                && matches!(cib.attr(n, "value"), Some("false" | "no" | "off" | "0"))
        });
    device && !off
}
