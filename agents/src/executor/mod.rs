//! The per-node operation queue: recurring monitors, timeouts, cancel, results.
