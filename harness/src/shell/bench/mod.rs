//! Side-by-side runs against the peers.

mod cib;
mod ring;
mod schedule;

use std::process::ExitCode;

const USAGE: &str = "Usage: metronome bench COMMAND [OPTIONS]

  cib       reading, comparing, patching and writing a large CIB
  ring      messages per second and latency of a ring of three, beside real daemons
  schedule  the scheduler, beside the released one

'metronome bench COMMAND --help' tells more.";

/// `bench`: compare with the peers.
pub fn bench(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("cib") => cib::cib(&args[1..]),
        Some("ring") => ring::ring(&args[1..]),
        Some("schedule") => schedule::schedule(&args[1..]),
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(64)
        }
    }
}
