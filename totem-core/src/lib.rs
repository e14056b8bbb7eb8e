//! Group communication without I/O: ring membership, total order, quorum, process groups, links.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod config;
pub mod groups;
pub mod link;
pub mod member;
pub mod packing;
pub mod quorum;
pub mod ring;
pub mod sync;
pub mod wire;
