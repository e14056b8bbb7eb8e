//! What nodes put into the messages of their process group.

use policy_core::{attributes, controller};
use serde::{Deserialize, Serialize};

/// One message of the cluster's group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Envelope {
    /// Between controllers.
    Controller(controller::Receiver, controller::Message),
    /// Between attribute managers.
    Attributes(attributes::Message),
    /// Between fencers, to one node or to all.
    Fencer(Option<String>, agents::fencer::Message),
    /// Between copies of the CIB.
    Cib(Vec<u8>),
}

/// Which message of its sender it is: tells messages of equal content apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The start of the sender.
    pub(super) life: u32,
    /// Counts its messages from 0.
    pub(super) count: u32,
    /// It was sent with [`Guarantee::Safe`](totem_core::ring::Guarantee::Safe).
    pub(super) safe: bool,
}

impl Envelope {
    pub(super) fn encode(&self, stamp: Stamp) -> Vec<u8> {
        postcard::to_allocvec(&(stamp, self)).expect("writing to memory cannot fail")
    }

    /// `None`: not ours, or of a version that is not known.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Stamp, Envelope)> {
        postcard::from_bytes(bytes).ok()
    }
}
