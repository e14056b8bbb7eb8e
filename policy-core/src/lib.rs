//! What should run where: the scheduler as a pure function, transition execution and the coordinator.
//!
//! The scheduler reads a CIB document and tells what has to be done: `cib × time → Schedule`. It has no state between two
//! runs, no clock, no I/O; the same document at the same time gives the same [`Schedule`], bit for bit.
//!
//! ```
//! use cib_core::xml::Document;
//! use policy_core::{Options, schedule};
//!
//! let cib = Document::parse(
//!     r#"<cib have-quorum="1" validate-with="pacemaker-4.0">
//!          <configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/>
//!        </cib>"#,
//! )
//! .unwrap();
//! let schedule = schedule(&cib, &Options::at(1_700_000_000)).unwrap();
//! assert!(schedule.graph.synapses.is_empty());
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod actions;
pub mod attributes;
pub mod collectives;
pub mod config;
pub mod controller;
pub mod graph;
pub mod model;
pub mod ordering;
pub mod placement;
pub mod report;
mod schedule;
pub mod simulate;
pub mod status;
pub mod transition;

pub use schedule::{Error, Options, Schedule, schedule};
