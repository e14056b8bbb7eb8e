//! Side-by-side runs against the peers.

mod schedule;

use std::process::ExitCode;

/// `bench`: compare with the peers.
pub fn bench(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("schedule") => schedule::schedule(&args[1..]),
        _ => {
            eprintln!("Usage: metronome bench schedule [--help]");
            ExitCode::from(64)
        }
    }
}
