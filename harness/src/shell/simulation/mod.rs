//! `simulate`, `replay` and `sweep`: scenarios under the deterministic simulator.

mod check;
mod simulate;
mod sweep;

pub use simulate::{replay, simulate};
pub use sweep::sweep;

use crate::sim::scenario::{self, Scenario};
use crate::sim::{Broken, Faults, Mutation, Outcome, RunOptions};
use clap::ValueEnum;
use std::process::ExitCode;

/// Exit code for a wrong command line, scenario or configuration.
const WRONG: u8 = 2;

/// Which faults are drawn besides what the scenario says.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FaultMix {
    /// Only what the scenario says
    None,
    /// The standard mix: crashes, blackouts, pauses, partitions, one-way cuts, flapping links, loss, delay, duplicates, clock jumps,
    /// full and slow disks, failing agents and power switches, restarts, operators at work; with several links, faults of one
    Standard,
    /// Loss up to 20 % and one crash
    Light,
}

impl FaultMix {
    fn faults(self) -> Option<Faults> {
        match self {
            FaultMix::None => None,
            FaultMix::Standard => Some(Faults::standard()),
            FaultMix::Light => Some(Faults::loss_and_one_crash()),
        }
    }

    fn flag(self) -> &'static str {
        match self {
            FaultMix::None => "",
            FaultMix::Standard => " --faults standard",
            FaultMix::Light => " --faults light",
        }
    }
}

/// A rule to break, by name.
fn rule(text: &str) -> Result<Mutation, String> {
    let names: Vec<&str> = Mutation::ALL.iter().map(|(name, _)| *name).collect();
    Mutation::of_name(text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn run_options(mix: FaultMix, mutation: Option<Mutation>) -> RunOptions {
    let faults = mix.faults();
    RunOptions { stable_at_end: faults.is_some(), faults, mutation, ..RunOptions::default() }
}

fn flags(mix: FaultMix, mutation: Option<Mutation>) -> String {
    let mutation = mutation.map_or_else(String::new, |m| format!(" --mutation {}", m.name()));
    format!("{}{mutation}", mix.flag())
}

/// What broke, with the line of the file where it is asked for.
fn place(path: &str, broken: &Broken) -> String {
    let place = if broken.line > 0 { format!("{path}:{}: ", broken.line) } else { String::new() };
    format!("{place}{} (at {:.3}s)", broken.what, broken.time.as_secs_f64())
}

fn moments_before(outcome: &Outcome, lines: usize) {
    println!("\nThe moments before:");
    for line in outcome.last_moments(lines) {
        println!("{line}");
    }
}

/// Writes a scenario, or says why it cannot.
fn record(command: &str, path: &str, story: &Scenario) -> Result<(), ExitCode> {
    std::fs::write(path, scenario::write(story)).map_err(|error| {
        eprintln!("{command}: {path}: {error}");
        ExitCode::FAILURE
    })
}

/// Reads a scenario file; a mistake is told with file, line and column, and nothing is run.
fn read_scenario(command: &str, path: &str) -> Result<Scenario, ExitCode> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("{command}: {path}: {error}");
        ExitCode::from(WRONG)
    })?;
    let wrong = |place: String| {
        eprintln!("{path}:{place}");
        ExitCode::from(WRONG)
    };
    let scenario = scenario::parse(&text).map_err(|error| wrong(error.to_string()))?;
    check::check(&text, &scenario).map_err(wrong)?;
    Ok(scenario)
}
