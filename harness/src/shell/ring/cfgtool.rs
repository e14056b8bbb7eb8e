//! `corosync-cfgtool`: show ring and link state.

use std::process::ExitCode;

/// `corosync-cfgtool`: show ring and link state.
pub fn corosync_cfgtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cfgtool: not available in this build");
    ExitCode::FAILURE
}
