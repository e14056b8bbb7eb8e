//! A ring member on real sockets, and the ring and quorum tools.

use std::process::ExitCode;

/// `ring`: run a ring member on real sockets.
pub fn ring(_args: &[String]) -> ExitCode {
    eprintln!("ring: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-cfgtool`: show ring and link state.
pub fn corosync_cfgtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cfgtool: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-quorumtool`: show votes and quorum.
pub fn corosync_quorumtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-quorumtool: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-cpgtool`: show process groups.
pub fn corosync_cpgtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cpgtool: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-cmapctl`: show configuration and run-time keys.
pub fn corosync_cmapctl(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cmapctl: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-keygen`: make an authentication key.
pub fn corosync_keygen(_args: &[String]) -> ExitCode {
    eprintln!("corosync-keygen: not available in this build");
    ExitCode::FAILURE
}

/// `corosync-notifyd`: print cluster events.
pub fn corosync_notifyd(_args: &[String]) -> ExitCode {
    eprintln!("corosync-notifyd: not available in this build");
    ExitCode::FAILURE
}
