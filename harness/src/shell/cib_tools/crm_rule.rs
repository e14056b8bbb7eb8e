//! `crm_rule`: evaluate rules of a CIB.

use std::process::ExitCode;

/// `crm_rule`: evaluate rules of a CIB.
pub fn crm_rule(_args: &[String]) -> ExitCode {
    eprintln!("crm_rule: not available in this build");
    ExitCode::FAILURE
}
