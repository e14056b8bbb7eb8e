//! What should run where: the scheduler as a pure function, transition execution and the coordinator.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod actions;
pub mod config;
pub mod controller;
pub mod graph;
pub mod model;
pub mod ordering;
pub mod placement;
pub mod report;
pub mod simulate;
pub mod status;
pub mod transition;
