//! `corosync-cmapctl`: show configuration and run-time keys.

use std::process::ExitCode;

/// `corosync-cmapctl`: show configuration and run-time keys.
pub fn corosync_cmapctl(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cmapctl: not available in this build");
    ExitCode::FAILURE
}
