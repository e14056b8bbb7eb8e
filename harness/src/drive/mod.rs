//! Adapters: UDP, files, processes, clock, control socket.
//!
//! [`ring`] runs a ring member alone, beside real daemons if need be; [`node`] runs a whole cluster node; [`remote`] runs a host that
//! is no member and runs agents for the cluster. The first two stand on the same
//! sockets ([`transport`]) and answer the same tools at the same kind of socket ([`control`], and [`cluster`] for what only a
//! whole node knows).

pub mod cluster;
pub mod control;
mod counters;
pub mod desk;
pub mod device;
mod keys;
pub mod node;
pub mod remote;
pub mod ring;
pub mod ring_udp;
pub mod transport;
