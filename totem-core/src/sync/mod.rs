//! The barrier after each membership change: services exchange state, in lockstep, service by service, before
//! new application messages flow. [TM-14.3]

mod service;

pub use service::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
