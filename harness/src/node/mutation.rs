//! Rules that a node can be made to break, so that tests see the simulator's checkers find it. Never set outside of tests.

use super::Node;
use super::wire::Envelope;
use bytes::Bytes;
use policy_core::controller::{FencingOutcome, FencingRequest, Report};
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

    /// Whether the controller hears of another one.
    pub(super) fn knows(&self, other: u32) -> bool {
        let highest = self.names.keys().next_back().copied();
        !self.breaks(Mutation::Deaf) || (highest == Some(other)) == (highest == Some(self.config.id))
    }

    /// Whether a message reaches the controller, and as what it reaches the copy of the CIB.
    pub(super) fn hears(&mut self, from: u32, envelope: Envelope) -> Option<Envelope> {
        match envelope {
            Envelope::Controller(..) if !self.knows(from) => None,
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
    pub(super) fn remembers(&self, report: &Report, interval_ms: u64) -> bool {
        !(self.breaks(Mutation::ForgetFailures) && interval_ms > 0 && report.rc != 0)
    }
}
