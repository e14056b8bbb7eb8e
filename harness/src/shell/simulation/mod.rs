//! `simulate` and `sweep`: scenarios under the deterministic simulator.

use std::process::ExitCode;

/// `simulate`: run a scenario.
pub fn simulate(_args: &[String]) -> ExitCode {
    eprintln!("simulate: not available in this build");
    ExitCode::FAILURE
}

/// `sweep`: run a scenario over many seeds.
pub fn sweep(_args: &[String]) -> ExitCode {
    eprintln!("sweep: not available in this build");
    ExitCode::FAILURE
}
