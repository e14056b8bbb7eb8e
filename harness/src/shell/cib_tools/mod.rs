//! Tools that work on CIB files: `cibadmin`, `crm_diff`, `crm_verify`, `crm_rule`, `iso8601`.

use std::process::ExitCode;

/// `cibadmin`: query and change a CIB.
pub fn cibadmin(_args: &[String]) -> ExitCode {
    eprintln!("cibadmin: not available in this build");
    ExitCode::FAILURE
}

/// `crm_diff`: compare two CIBs, or apply a patch.
pub fn crm_diff(_args: &[String]) -> ExitCode {
    eprintln!("crm_diff: not available in this build");
    ExitCode::FAILURE
}

/// `crm_verify`: check a configuration.
pub fn crm_verify(_args: &[String]) -> ExitCode {
    eprintln!("crm_verify: not available in this build");
    ExitCode::FAILURE
}

/// `crm_rule`: evaluate rules of a CIB.
pub fn crm_rule(_args: &[String]) -> ExitCode {
    eprintln!("crm_rule: not available in this build");
    ExitCode::FAILURE
}

/// `iso8601`: parse and show dates, durations and intervals.
pub fn iso8601(_args: &[String]) -> ExitCode {
    eprintln!("iso8601: not available in this build");
    ExitCode::FAILURE
}
