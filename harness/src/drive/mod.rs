//! Adapters: UDP, files, processes, clock, control socket.

pub mod cluster;
pub mod control;
mod counters;
pub mod desk;
pub mod device;
mod keys;
pub mod node;
pub mod ring;
pub mod ring_udp;
pub mod transport;
