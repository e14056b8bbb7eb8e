//! The `crm` shell and the status display.

use std::process::ExitCode;

/// `crm`: the cluster shell.
pub fn crm(_args: &[String]) -> ExitCode {
    eprintln!("crm: not available in this build");
    ExitCode::FAILURE
}

/// `crm_mon`: show the status of a cluster.
pub fn crm_mon(_args: &[String]) -> ExitCode {
    eprintln!("crm_mon: not available in this build");
    ExitCode::FAILURE
}
