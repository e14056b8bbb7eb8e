//! The safety invariants, read from public status only ([DESIGN section 4](crate)).

use super::NodeIx;
use super::host::Host;
use agents::model::Role;
use cib_core::xml::{Document, NodeIx as XmlIx};
use policy_core::controller::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub time: Duration,
    /// Which of the five safety invariants, by its number.
    pub invariant: u8,
    /// What was seen.
    pub text: String,
}

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A change of the CIB is acknowledged before it is durable.
    AcknowledgeEarly,
}

/// How long a new ring may take until only one node coordinates.
const SETTLING: Duration = Duration::from_secs(10);
/// How often copies of the CIB are compared.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

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
    versions: Vec<Option<(i64, i64, i64)>>,
    compare_at: Duration,
    marks: BTreeSet<u64>,
    digests: BTreeMap<CopyName, (String, NodeIx)>,
}

impl Checker {
    pub(super) fn new(cib: &Document, nodes: &[String]) -> Self {
        Checker {
            violations: Vec::new(),
            single: single_primitives(cib),
            fencing: has_fencing(cib),
            ring_since: vec![Duration::ZERO; nodes.len()],
            fenced: vec![false; nodes.len()],
            versions: vec![None; nodes.len()],
            compare_at: Duration::ZERO,
            marks: BTreeSet::new(),
            digests: BTreeMap::new(),
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

    pub(super) fn was_fenced(&self, node: NodeIx) -> bool {
        self.fenced[node]
    }

    /// A write of an operator was acknowledged: from now on it must be kept.
    pub(super) fn acknowledged(&mut self, number: u64) {
        self.marks.insert(number);
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = u64> + '_ {
        self.marks.iter().copied()
    }

    pub(super) fn down(&mut self, node: NodeIx) {
        self.versions[node] = None;
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
        let place =
            |h: &Host| h.node().filter(|n| n.cib_is_synchronized()).map(|n| (n.ring().to_owned(), n.group().to_vec()));
        let Some(here) = place(&hosts[at]) else { return };
        let other = hosts.iter().enumerate().find(|(i, h)| {
            *i != at && now >= check.ring_since[*i] + SETTLING && works(h) && place(h).as_ref() == Some(&here)
        });
        if let Some((_, other)) = other {
            let text = format!("{} and {} both coordinate ring {}", hosts[at].name, other.name, here.0);
            check.broken(now, 4, text);
        }
    }

    /// Invariant 2: a version never goes back on a node that stays up, and two copies of one version are equal.
    pub(super) fn copies(check: &mut Checker, now: Duration, hosts: &[Host]) {
        if now < check.compare_at {
            return;
        }
        check.compare_at = now + COMPARE_EVERY;
        check.digests.clear();
        for (i, host) in hosts.iter().enumerate() {
            let Some(node) = host.node() else { continue };
            let version = node.cib_version();
            if check.versions[i].is_some_and(|before| version < before) {
                let text = format!("the CIB of {} went back from {:?} to {version:?}", host.name, check.versions[i]);
                check.broken(now, 2, text);
            }
            check.versions[i] = Some(version);
            // Parts of a cluster that do not hear each other may number different changes alike.
            if !node.cib_is_synchronized() {
                continue;
            }
            let digest = node.cib_digest();
            let first = check.digests.entry((node.ring().to_owned(), version)).or_insert_with(|| (digest.clone(), i));
            if first.0 != digest {
                let other = &hosts[first.1];
                let text = format!(
                    "{} holds another CIB of version {version:?} than {}{}",
                    host.name,
                    other.name,
                    other.node().map_or_else(String::new, |o| difference(o.cib(), node.cib()))
                );
                check.broken(now, 2, text);
            }
        }
    }
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
