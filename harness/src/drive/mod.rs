//! Adapters: UDP, files, processes, clock, control socket.

pub mod ring;
pub mod ring_udp;
