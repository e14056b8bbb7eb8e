//! `cibadmin`: query and change a CIB.

use std::process::ExitCode;

/// `cibadmin`: query and change a CIB.
pub fn cibadmin(_args: &[String]) -> ExitCode {
    eprintln!("cibadmin: not available in this build");
    ExitCode::FAILURE
}
