//! `simulate` and `sweep`: scenarios under the deterministic simulator.

mod simulate;
mod sweep;

pub use simulate::simulate;
pub use sweep::sweep;

use crate::sim::scenario::{self, Scenario};
use std::process::ExitCode;

/// Exit code for a wrong command line, scenario or configuration.
const WRONG: u8 = 2;

/// Reads a scenario file; a mistake is told with file, line and column, and nothing is run.
fn read_scenario(command: &str, path: &str) -> Result<Scenario, ExitCode> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("{command}: {path}: {error}");
        ExitCode::from(WRONG)
    })?;
    let scenario = scenario::parse(&text).map_err(|error| {
        eprintln!("{path}:{error}");
        ExitCode::from(WRONG)
    })?;
    check_configuration(path, &scenario)?;
    Ok(scenario)
}

/// Configuration mistakes are told with the line of the scenario file.
fn check_configuration(path: &str, scenario: &Scenario) -> Result<(), ExitCode> {
    let mut doc = crate::node::empty_cib();
    let place = |line: usize| scenario.configuration_line + line.saturating_sub(1);
    if let Err(error) = cib_core::crmsh::parse(&scenario.configuration) {
        eprintln!("{path}:{}:{}: {error}", place(error.line), error.column);
        if !error.expected.is_empty() {
            eprintln!("  expected: {}", error.expected.join(", "));
        }
        return Err(ExitCode::from(WRONG));
    }
    match cib_core::crmsh::configure(&mut doc, &scenario.configuration) {
        Ok(_) => Ok(()),
        Err(error) => {
            eprintln!("{path}:{}:1: {error}", place(1));
            Err(ExitCode::from(WRONG))
        }
    }
}
