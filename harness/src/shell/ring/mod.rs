//! A ring member on real sockets, and the ring and quorum tools.

mod cfgtool;
mod cmapctl;
#[cfg(test)]
mod corpus;
mod cpgtool;
mod getopt;
mod keygen;
mod member;
mod notifyd;
mod qnetd;
mod quorumtool;

pub use cfgtool::corosync_cfgtool;
pub use cmapctl::corosync_cmapctl;
pub use cpgtool::corosync_cpgtool;
pub use keygen::corosync_keygen;
pub use member::ring;
pub use notifyd::corosync_notifyd;
pub use qnetd::corosync_qnetd;
pub use quorumtool::corosync_quorumtool;
