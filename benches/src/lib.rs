//! Shared parts of the benchmarks: generators of inputs.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod ring;
pub mod shapes;
