//! Clients that wait until their request has been applied here or everywhere ([CT-8.10]).

use super::{Attributes, Output, SyncPoint};
use crate::controller::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// After this a client is told that it has waited in vain.
const PATIENCE: Duration = Duration::from_secs(15);

/// One client.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) until: Duration,
    /// Nodes whose confirmation is missing.
    missing: BTreeSet<NodeId>,
}

impl Attributes {
    pub(super) fn await_answer(&mut self, now: Duration, ticket: u64, until: SyncPoint) {
        let missing = match until {
            SyncPoint::Local => BTreeSet::new(),
            SyncPoint::Cluster => self.nodes.iter().filter(|(_, n)| n.active).map(|(id, _)| *id).collect(),
        };
        self.waiting.insert(ticket, Waiting { until: now + PATIENCE, missing });
    }

    pub(super) fn answer(&mut self, ticket: u64, in_time: bool) {
        if self.waiting.remove(&ticket).is_some() {
            self.outputs.push_back(Output::Answered { ticket, in_time });
        }
    }

    /// A node has applied a request.
    pub(super) fn confirmed(&mut self, ticket: u64, by: NodeId) {
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.missing.remove(&by);
            if waiting.missing.is_empty() {
                self.answer(ticket, true);
            }
        }
    }

    /// Nobody waits for a node that has left.
    pub(super) fn stop_waiting_for(&mut self, node: NodeId) {
        let asked: Vec<u64> = self.waiting.iter().filter(|(_, w)| w.missing.contains(&node)).map(|(t, _)| *t).collect();
        for ticket in asked {
            self.confirmed(ticket, node);
        }
    }

    pub(super) fn give_up_waiting(&mut self, now: Duration) {
        let late: Vec<u64> = self.waiting.iter().filter(|(_, w)| w.until <= now).map(|(t, _)| *t).collect();
        for ticket in late {
            self.answer(ticket, false);
        }
    }
}
