//! Adapters: UDP, files, processes, clock, control socket.

pub mod control;
pub mod desk;
mod keys;
pub mod ring;
pub mod ring_udp;
pub mod transport;
