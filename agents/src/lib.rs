//! Resource agent standards, the local executor and the fencer, without I/O.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod executor;
pub mod fencer;
pub mod model;
pub mod native;
#[cfg(feature = "process")]
pub mod process;
pub mod standard;
