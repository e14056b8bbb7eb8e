//! Vote calculation as a pure function, the service around it, the quorum device.
//!
//! [`threshold`] and [`decide`] are the calculation: votes, expectations and options in, numbers and a verdict out.
//! [`VoteQuorum`] keeps their inputs equal on all members of a ring, [`QuorumView`] tells users the verdict with the
//! members it is about.

pub mod arbiter;
mod calculator;
mod device;
mod device_slot;
mod disk;
mod log;
mod messages;
mod options;
mod output;
mod ping;
mod recalculation;
mod records;
mod requests;
mod service;
mod slot;
mod tie_breaker;
mod view;
mod wire;

pub use calculator::{Change, Decision, Electorate, History, Situation, Threshold, Voter, decide, threshold};
pub use device::{Device, DeviceInput, DeviceOutput};
pub use disk::SharedDisk;
pub use log::{Level, LogLine};
pub use options::{DeviceOptions, Options, Refusal, Roster};
pub use output::{Info, Output};
pub use ping::{PingRule, PingTarget};
pub use records::{NodeState, Record};
pub use service::VoteQuorum;
pub use slot::{SLOT_BYTES, Slot};
pub use tie_breaker::TieBreaker;
pub use view::{QuorumView, ViewOutput};
pub use wire::{Flags, Message, Parameter};

const SUBSYSTEM: &str = "VOTEQ";
