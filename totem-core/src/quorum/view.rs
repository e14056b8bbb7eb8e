//! The quorum service: who is in the ring, who joined and left, and whether the partition may act [QG-3].

use std::collections::VecDeque;
use std::time::Duration;

use super::log::{Level, LogLine};
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{NodeId, RingId, WireError};

const SUBSYSTEM: &str = "QUORUM";
/// Longest line of a list of ids.
const LINE: usize = 63;

/// What the service tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewOutput {
    /// Members of a new ring with those that came and went, before it is decided upon.
    NodeList {
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
        /// Who is new since the last round.
        joined: Vec<NodeId>,
        /// Who is missing since the last round; a node that restarted is in both.
        left: Vec<NodeId>,
    },
    /// Whether the partition may act.
    Quorum {
        /// The answer.
        quorate: bool,
        /// The ring.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// For administrators.
    Log(LogLine),
}

/// The quorum service. Without a provider every partition is quorate.
pub struct QuorumView {
    provided: bool,
    quorate: bool,
    ring: RingId,
    members: Vec<NodeId>,
    completed: Vec<NodeId>,
    joined: Vec<NodeId>,
    left: Vec<NodeId>,
    outputs: VecDeque<ViewOutput>,
}

impl QuorumView {
    /// A view with a provider starts inquorate; one without is always quorate.
    pub fn new(provider: Option<&str>) -> Self {
        let mut outputs = VecDeque::new();
        if let Some(name) = provider {
            let text = format!("Using quorum provider {name}");
            outputs.push_back(ViewOutput::Log(LogLine::new(Level::Notice, SUBSYSTEM, text)));
        }
        QuorumView {
            provided: provider.is_some(),
            quorate: provider.is_none(),
            ring: RingId::default(),
            members: Vec::new(),
            completed: Vec::new(),
            joined: Vec::new(),
            left: Vec::new(),
            outputs,
        }
    }

    /// Whether a provider decides; otherwise every partition may act.
    pub fn has_provider(&self) -> bool {
        self.provided
    }

    /// Whether the partition may act.
    pub fn is_quorate(&self) -> bool {
        self.quorate
    }

    /// The ring and members of the last decision; empty without a provider.
    pub fn members(&self) -> (RingId, &[NodeId]) {
        (self.ring, &self.members)
    }

    /// The provider decided [QG-3.2].
    pub fn handle_decision(&mut self, quorate: bool, ring: RingId, members: &[NodeId]) {
        if quorate != self.quorate {
            self.notice(if quorate {
                "This node is within the primary component and will provide service."
            } else {
                "This node is within the non-primary component and will NOT provide any services."
            });
        }
        self.quorate = quorate;
        self.ring = ring;
        self.members = members.to_vec();
        self.list("Members", members);
        let members = members.to_vec();
        self.outputs.push_back(ViewOutput::Quorum { quorate, ring, members });
    }

    fn sync_init(&mut self, transitional: &[NodeId], members: &[NodeId], ring: RingId) {
        let stayed = |id: &NodeId| transitional.contains(id) && members.contains(id);
        self.left = self.completed.iter().copied().filter(|id| !stayed(id)).collect();
        self.joined =
            members.iter().copied().filter(|id| !self.completed.contains(id) || self.left.contains(id)).collect();
        self.ring = ring;
        self.members = members.to_vec();
        let (joined, left) = (self.joined.clone(), self.left.clone());
        self.list("Sync members", members);
        if !joined.is_empty() {
            self.list("Sync joined", &joined);
        }
        if !left.is_empty() {
            self.list("Sync left", &left);
        }
    }

    fn sync_activate(&mut self) {
        self.completed = self.members.clone();
        self.outputs.push_back(ViewOutput::NodeList {
            ring: self.ring,
            members: self.members.clone(),
            joined: self.joined.clone(),
            left: self.left.clone(),
        });
    }

    fn notice(&mut self, text: impl Into<String>) {
        self.outputs.push_back(ViewOutput::Log(LogLine::new(Level::Notice, SUBSYSTEM, text)));
    }

    fn list(&mut self, title: &str, ids: &[NodeId]) {
        for line in list_lines(title, ids) {
            self.notice(line);
        }
    }
}

/// A list of ids in lines of at most 63 characters. An id that does not fit is written as far as it goes, and again in
/// full on the next line.
fn list_lines(title: &str, ids: &[NodeId]) -> Vec<String> {
    let head = format!("{title}[{}]:", ids.len());
    let mut lines = Vec::new();
    let mut line = head.clone();
    for id in ids {
        let text = format!(" {id}");
        if line.len() + text.len() > LINE {
            let fits = LINE.saturating_sub(line.len());
            line.push_str(&text[..fits]);
            line.push('\\');
            lines.push(std::mem::replace(&mut line, head.clone()));
        }
        line.push_str(&text);
    }
    lines.push(line);
    lines
}

impl Service for QuorumView {
    type Output = ViewOutput;

    fn id(&self) -> ServiceId {
        ServiceId::QUORUM
    }

    fn handle_message(&mut self, _now: Duration, message: &ServiceMessage) -> Result<(), WireError> {
        Err(WireError::Function { service: ServiceId::QUORUM.0, found: message.function, count: 0 })
    }

    fn handle_sync(&mut self, _now: Duration, phase: SyncPhase<'_>) -> Progress {
        match phase {
            SyncPhase::Init { transitional, members, ring } => self.sync_init(transitional, members, ring),
            SyncPhase::Activate => self.sync_activate(),
            SyncPhase::Process | SyncPhase::Abort => {}
        }
        Progress::Done
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        None
    }

    fn poll_output(&mut self) -> Option<ViewOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[u32]) -> Vec<NodeId> {
        list.iter().map(|id| NodeId(*id)).collect()
    }

    #[test]
    fn long_lists_are_cut_and_repeated() {
        assert_eq!(list_lines("Members", &[]), ["Members[0]:"]);
        let lines = list_lines("Members", &ids(&(100..120).collect::<Vec<_>>()));
        assert_eq!(lines[0].len(), 64);
        assert!(lines[0].ends_with('\\') && lines[1].starts_with("Members[20]: "));
        let all: usize = lines.iter().map(|l| l.matches(" 1").count()).sum();
        assert!(all >= 20);
    }

    #[test]
    fn a_node_that_restarted_is_in_both_lists() {
        let mut view = QuorumView::new(Some("corosync_votequorum"));
        let ring = RingId::new(NodeId(1), 5);
        let now = Duration::ZERO;
        let all = ids(&[1, 2]);
        view.handle_sync(now, SyncPhase::Init { transitional: &[], members: &all, ring });
        view.handle_sync(now, SyncPhase::Activate);
        view.handle_sync(now, SyncPhase::Init { transitional: &ids(&[1]), members: &all, ring });
        view.handle_sync(now, SyncPhase::Activate);
        let mut last = None;
        while let Some(output) = view.poll_output() {
            if let ViewOutput::NodeList { joined, left, .. } = output {
                last = Some((joined, left));
            }
        }
        assert_eq!(last, Some((ids(&[2]), ids(&[2]))));
    }
}
