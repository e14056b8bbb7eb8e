//! `corosync-keygen`: make an authentication key.

use std::process::ExitCode;

/// `corosync-keygen`: make an authentication key.
pub fn corosync_keygen(_args: &[String]) -> ExitCode {
    eprintln!("corosync-keygen: not available in this build");
    ExitCode::FAILURE
}
