//! `iso8601`: parse and show dates, durations and intervals.

use std::process::ExitCode;

/// `iso8601`: parse and show dates, durations and intervals.
pub fn iso8601(_args: &[String]) -> ExitCode {
    eprintln!("iso8601: not available in this build");
    ExitCode::FAILURE
}
