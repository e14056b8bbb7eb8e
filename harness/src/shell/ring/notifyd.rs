//! `corosync-notifyd`: print cluster events.

use std::process::ExitCode;

/// `corosync-notifyd`: print cluster events.
pub fn corosync_notifyd(_args: &[String]) -> ExitCode {
    eprintln!("corosync-notifyd: not available in this build");
    ExitCode::FAILURE
}
