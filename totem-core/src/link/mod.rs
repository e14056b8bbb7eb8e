//! Redundant links: framing, authentication and encryption of datagrams.
//!
//! [`Knet`] is the link layer that Corosync 3 speaks by default: several links to every host, heartbeats on each, messages
//! over those that live, fragments as large as the paths carry, and every packet encrypted and signed if there is a key.
//! [`Secret`] protects them in a way of its own, against replays too, among nodes of this engine.
//! The driver owns one socket per link and hands datagrams in and out; the machine has no socket and no clock.

mod crypto;
mod heartbeat;
mod knet;
mod mtu;
mod packet;
mod sealed;
mod sentry;
mod window;

pub use crypto::{Guard, KEY_LENGTH, KeyTooShort, Protection, Refused};
pub use knet::{Knet, LinkStatus, Output, Refusals, Settings};
pub use packet::{Body, Data, Heartbeat, Packet, PacketError};
pub use sealed::Secret;
pub use window::{MAX_FRAGMENTS, MAX_MESSAGE};
