//! Virtual time, network, disks, power switches and agents; faults, invariants, replay and shrinking.

pub mod evs;
