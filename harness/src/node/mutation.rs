//! Rules that a node can be made to break, so that tests see the simulator's checkers find it. Never set outside of tests.

use super::Node;
use super::wire::Envelope;
use bytes::Bytes;
use cib_core::rules::is_true;
use cib_core::xml::Document;
use policy_core::controller::{FencingOutcome, FencingRequest, Message, Receiver, Report};
use std::time::Duration;
use totem_core::wire::RingId;

/// A rule that a node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Two ordered messages change places now and then on node 2.
    OutOfOrder,
    /// Resources are recovered before their node is fenced.
    RecoverUnfenced,
    /// The controller of the node with the highest id and the others do not know of each other: both sides coordinate.
    Deaf,
    /// Monitors that fail are not told to the controller.
    ForgetFailures,
    /// The copy of the CIB on node 2 is changed on its way now and then.
    DivergeCopy,
    /// The scheduler takes nodes in standby for others and others for them, and does not see who wants to leave.
    StartAnywhere,
    /// Ends of operations that do not repeat are not told to the controller now and then.
    LoseResults,
    /// In every second round the coordinator takes the node with the highest id for joined that has never heard its verdict.
    HalfJoined,
}

/// An ordered message as it came from the ring.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    pub(super) from: u32,
    pub(super) ring: RingId,
    pub(super) seq: u32,
    pub(super) payload: Bytes,
}

/// Every so many messages the order is broken, or a copy changed.
const EVERY: u64 = 40;

impl Node {
    fn breaks(&self, mutation: Mutation) -> bool {
        self.config.mutation == Some(mutation)
    }

    /// The messages to take now, in this order.
    pub(super) fn in_order(&mut self, message: Ordered) -> [Option<Ordered>; 2] {
        if !self.breaks(Mutation::OutOfOrder) || self.config.id != 2 {
            return [Some(message), None];
        }
        self.delivered += 1;
        match self.late.take() {
            Some(late) => [Some(message), Some(late)],
            None if self.delivered.is_multiple_of(EVERY) => {
                self.late = Some(message);
                [None, None]
            }
            None => [Some(message), None],
        }
    }

    fn highest(&self) -> Option<u32> {
        self.names.keys().next_back().copied()
    }

    /// Whether the controller hears of another one.
    pub(super) fn knows(&self, other: u32) -> bool {
        let highest = self.highest();
        !self.breaks(Mutation::Deaf) || (highest == Some(other)) == (highest == Some(self.config.id))
    }

    /// The round of a verdict for the node with the highest id that it shall not hear.
    fn kept_verdict(&self, from: u32, envelope: &Envelope) -> Option<u32> {
        let Envelope::Controller(Receiver::Node(to), Message::JoinResult { join, accepted: true, .. }) = envelope
        else {
            return None;
        };
        let kept = self.breaks(Mutation::HalfJoined) && self.highest() == Some(*to) && from != *to;
        kept.then_some(*join).filter(|join| join.is_multiple_of(2))
    }

    /// What the coordinator takes for the confirmation of that node.
    pub(super) fn invented_confirmation(&self, from: u32, envelope: &Envelope) -> Option<(u32, Message)> {
        let join = self.kept_verdict(from, envelope).filter(|_| from == self.config.id)?;
        let id = self.highest()?;
        let name = self.names.get(&id)?;
        let node_state = format!("<node_state id=\"{id}\" uname=\"{name}\"/>");
        Some((id, Message::JoinConfirm { join, node_state }))
    }

    /// The CIB with the opposite of what keeps resources from nodes.
    pub(super) fn twist_wishes(&self, doc: &mut Document) {
        if !self.breaks(Mutation::StartAnywhere) {
            return;
        }
        let pairs = doc.descendants(doc.root()).filter(|&n| doc.name(n) == "nvpair");
        let wishes = pairs.filter(|&n| matches!(doc.attr(n, "name"), Some("standby" | "shutdown")));
        for pair in wishes.collect::<Vec<_>>() {
            let works = doc.attr(pair, "name") == Some("standby") && !is_true(doc.attr(pair, "value"));
            doc.set_attr(pair, "value", if works { "1" } else { "0" });
        }
    }

    /// Whether a message reaches the controller, and as what it reaches the copy of the CIB.
    pub(super) fn hears(&mut self, from: u32, envelope: Envelope) -> Option<Envelope> {
        match envelope {
            Envelope::Controller(..) if !self.knows(from) => None,
            envelope if from != self.config.id && self.kept_verdict(from, &envelope).is_some() => None,
            Envelope::Cib(bytes) if self.breaks(Mutation::DivergeCopy) && self.config.id == 2 => {
                self.delivered += 1;
                let text = String::from_utf8_lossy(&bytes).replacen("exec-time=\"", "exec-time=\"1", 1);
                Some(Envelope::Cib(if self.delivered.is_multiple_of(EVERY) { text.into_bytes() } else { bytes }))
            }
            envelope => Some(envelope),
        }
    }

    /// `true`: the fencing counts as done, though nobody was asked.
    pub(super) fn recovers_unfenced(&mut self, now: Duration, request: &FencingRequest) -> bool {
        if self.breaks(Mutation::RecoverUnfenced) {
            let outcome = FencingOutcome {
                target: request.target.clone(),
                action: request.action.clone(),
                ok: true,
                by: self.config.name.clone(),
                client: format!("mutation@{}", self.config.name),
                own: true,
                reference: String::new(),
                op_status: 0,
                reason: None,
            };
            self.controller.handle_fenced(now, &outcome);
            self.controller.handle_fencing_answer(now, &request.token, true, false);
        }
        self.breaks(Mutation::RecoverUnfenced)
    }

    /// Whether the end of an operation is told to the controller.
    pub(super) fn remembers(&mut self, report: &Report, interval_ms: u64) -> bool {
        if self.breaks(Mutation::LoseResults) && interval_ms == 0 {
            self.delivered += 1;
            return !self.delivered.is_multiple_of(EVERY / 8);
        }
        !(self.breaks(Mutation::ForgetFailures) && interval_ms > 0 && report.rc != 0)
    }
}
