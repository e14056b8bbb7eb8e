//! `corosync-cpgtool`: show process groups.

use std::process::ExitCode;

/// `corosync-cpgtool`: show process groups.
pub fn corosync_cpgtool(_args: &[String]) -> ExitCode {
    eprintln!("corosync-cpgtool: not available in this build");
    ExitCode::FAILURE
}
