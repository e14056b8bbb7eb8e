//! Remote hosts on real machines: agents run there for the cluster, over one connection from the node that looks after them.
//!
//! A host runs [`serve`]; a node's side is part of [`drive`](super::node::drive). Both hold the same secret
//! [`Key`]. A connection is TCP protected by the Noise protocol (`NNpsk0`, X25519, ChaCha20-Poly1305): who does not hold the key
//! gets no answer at all, and what was recorded stays secret even if the key is lost later. It is not the protocol of
//! Pacemaker's remote daemon, whose messages carry its own executor's.
//!
//! Tools on the host (`crm_attribute`, `attrd_updater`, `crm_master` as agents call them) are answered by the node at the other
//! end, as if they stood on a node of the host's name.

mod channel;
mod connections;
mod host;

pub use channel::{Key, KeyError};
pub(in crate::drive) use connections::Connections;
pub use host::{HostAdapters, listen, serve};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// The port on which hosts listen.
pub const PORT: u16 = 3121;

/// What goes over a connection, either way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Frame {
    /// A message between node and executor.
    Message(Vec<u8>),
    /// A tool on the host asks: a number for the answer, and the request as tools write it.
    Ask(u64, String),
    /// The answer to the question of that number.
    Answer(u64, String),
}

impl Frame {
    fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("writing to memory cannot fail")
    }

    /// `None` for what is no frame.
    fn decode(bytes: &[u8]) -> Option<Frame> {
        postcard::from_bytes(bytes).ok()
    }
}

/// Sends what comes, until nobody has anything to send any more or the connection ends.
async fn send_all(mut sender: channel::Sender, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        if sender.send(&frame.encode()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
