//! `corosync-quorumtool`: show votes and quorum.

use std::process::ExitCode;

/// `corosync-quorumtool`: show votes and quorum.
pub fn corosync_quorumtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-quorumtool: not available in this build");
    ExitCode::FAILURE
}
