//! The barrier after each membership change: services exchange state, in lockstep, service by service, before
//! new application messages flow. [TM-14.3]

mod barrier;
mod service;

pub use barrier::{Step, Synchroniser};
pub use service::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
