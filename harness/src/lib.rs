//! One cluster node out of all parts, the simulator, the real adapters and the command line.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

#[cfg(feature = "shell")]
pub mod conformance;
#[cfg(feature = "drive")]
pub mod drive;
pub mod node;
#[cfg(feature = "shell")]
pub mod shell;
#[cfg(feature = "sim")]
pub mod sim;
