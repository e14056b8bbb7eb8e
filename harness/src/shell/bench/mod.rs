//! Side-by-side runs against the peers.

use std::process::ExitCode;

/// `bench`: compare with the peers.
pub fn bench(_args: &[String]) -> ExitCode {
    eprintln!("bench: not available in this build");
    ExitCode::FAILURE
}
