//! Shared parts of the benchmarks: generators of inputs.
