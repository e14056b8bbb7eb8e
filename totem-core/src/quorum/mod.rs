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
mod options;
mod ping;
mod records;
mod service;
mod tie_breaker;
mod view;
mod wire;

pub use calculator::{Change, Decision, Electorate, History, Situation, Threshold, Voter, decide, threshold};
pub use device::{Device, DeviceInput, DeviceOutput, Slot};
pub use disk::SharedDisk;
pub use log::{Level, LogLine};
pub use options::{DeviceOptions, Options, Refusal, Roster};
pub use ping::{PingRule, PingTarget};
pub use records::{NodeState, Record};
pub use service::{Info, Output, VoteQuorum};
pub use tie_breaker::TieBreaker;
pub use view::{QuorumView, ViewOutput};
pub use wire::{Flags, Message, Parameter};

const SUBSYSTEM: &str = "VOTEQ";
