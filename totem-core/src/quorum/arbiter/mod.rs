//! The network arbiter: a vote that a third site gives to one partition [QG-4.3 to QG-4.8].
//!
//! [`Arbiter`] is the server, [`ArbiterClient`] the device at every node; [`ffsplit`] and [`lms`] are the decisions as
//! pure functions. TLS is the driver's business: both machines speak plain bytes.

mod client;
mod decision;
mod framing;
mod server;
mod terms;
mod votes;
mod wire;

pub use client::{ArbiterClient, ClientOptions};
pub use decision::{LmsResult, Report, ffsplit, is_stable, lms};
pub use framing::Framing;
pub use server::{Arbiter, ArbiterOutput, ClientId};
pub use terms::{Algorithm, ArbiterError, Heuristics, Kind, ListType, Preference, Vote};
pub use wire::{ListedNode, MAX_MESSAGE, Message};
