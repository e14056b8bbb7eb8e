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

impl Envelope {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("writing to memory cannot fail")
    }

    /// `None`: not ours, or of a version that is not known.
    pub(super) fn decode(bytes: &[u8]) -> Option<Envelope> {
        postcard::from_bytes(bytes).ok()
    }
}
