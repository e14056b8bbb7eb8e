//! `crm_diff`: compare two CIBs, or apply a patch.

use std::process::ExitCode;

/// `crm_diff`: compare two CIBs, or apply a patch.
pub fn crm_diff(_args: &[String]) -> ExitCode {
    eprintln!("crm_diff: not available in this build");
    ExitCode::FAILURE
}
