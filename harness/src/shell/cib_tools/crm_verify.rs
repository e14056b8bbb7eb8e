//! `crm_verify`: check a configuration.

use std::process::ExitCode;

/// `crm_verify`: check a configuration.
pub fn crm_verify(_args: &[String]) -> ExitCode {
    eprintln!("crm_verify: not available in this build");
    ExitCode::FAILURE
}
