//! Resource agents: classes, lists, meta-data.

use std::process::ExitCode;

/// `ra`: list and describe resource agents.
pub fn ra(_args: &[String]) -> ExitCode {
    eprintln!("ra: not available in this build");
    ExitCode::FAILURE
}
