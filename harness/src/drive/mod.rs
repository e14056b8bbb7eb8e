//! Adapters: UDP, files, processes, clock, control socket.

pub mod control;
pub mod desk;
pub mod ring;
pub mod ring_udp;
