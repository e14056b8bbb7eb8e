//! Reading a command line.

use clap::Parser;
use std::process::ExitCode;

/// The arguments of a subcommand. Where there are none to run with, what had to be said is printed and the exit status is
/// the error: 0 after `--help`, 2 for a wrong command line.
pub(super) fn read<A: Parser>(args: &[String]) -> Result<A, ExitCode> {
    let name = A::command().get_name().to_owned();
    A::try_parse_from(std::iter::once(&name).chain(args)).map_err(|error| {
        // Nobody may be reading.
        let _ = error.print();
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}
