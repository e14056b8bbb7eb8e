//! `crm_simulate`, the corpus runner and `explain`.

use std::process::ExitCode;

/// `crm_simulate`: show what the scheduler would do.
pub fn crm_simulate(_args: &[String]) -> ExitCode {
    eprintln!("crm_simulate: not available in this build");
    ExitCode::FAILURE
}

/// `conformance`: run a scheduler corpus and report equality.
pub fn conformance(_args: &[String]) -> ExitCode {
    eprintln!("conformance: not available in this build");
    ExitCode::FAILURE
}

/// `explain`: tell why a resource runs where it does.
pub fn explain(_args: &[String]) -> ExitCode {
    eprintln!("explain: not available in this build");
    ExitCode::FAILURE
}
