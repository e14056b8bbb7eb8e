//! Closed process groups: join, leave, ordered messages to a named group.
//!
//! [`Groups`] is the service of one node. Its clients connect, join one group each and send; all members of a group see
//! the same sequence of messages and changes, wherever they run and whatever happens to the ring in between.

mod connection;
mod name;
mod processes;
mod service;
mod wire;

pub use connection::{ConnectionId, MAX_PART};
pub use name::{GroupName, MAX_NAME, escape};
pub use processes::Process;
pub use service::{Address, Groups, Output};
pub use wire::{Message, Part, Reason};
