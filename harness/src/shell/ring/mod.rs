//! A ring member on real sockets, and the ring and quorum tools.

mod cfgtool;
mod cmapctl;
#[cfg(test)]
mod corpus;
mod cpgtool;
mod getopt;
mod keygen;
mod notifyd;
mod quorumtool;
mod ring;

pub use cfgtool::corosync_cfgtool;
pub use cmapctl::corosync_cmapctl;
pub use cpgtool::corosync_cpgtool;
pub use keygen::corosync_keygen;
pub use notifyd::corosync_notifyd;
pub use quorumtool::corosync_quorumtool;
pub use ring::ring;
