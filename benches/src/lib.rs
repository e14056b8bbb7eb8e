//! Shared parts of the benchmarks: generators of inputs.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod large_cib;
pub mod ring;
pub mod shapes;
