//! `metronome simulate SCENARIO`: one run, told as a timeline.

use super::{WRONG, read_scenario};
use crate::sim::scenario::Scenario;
use crate::sim::{Broken, Outcome, RunOptions, run_with};
use clap::Parser;
use std::process::ExitCode;

/// Runs a scenario in the deterministic simulator: prints what happens, the final status, and whether the expectations held.
///
/// Exit code 0: all expectations held; 1: one did not; 2: the scenario or its configuration is wrong.
#[derive(Parser)]
#[command(name = "metronome simulate")]
struct Args {
    /// The scenario file
    scenario: String,
    /// Seed of all chance; the same seed gives the same bytes [default: the scenario's, or 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Also print every line of every node's log
    #[arg(long, short)]
    verbose: bool,
    /// Print only the verdict
    #[arg(long, short)]
    quiet: bool,
    /// Write a page that shows the run
    #[arg(long, value_name = "FILE.html")]
    report: Option<String>,
}

/// `simulate`: run a scenario.
pub fn simulate(args: &[String]) -> ExitCode {
    let args = match Args::try_parse_from(std::iter::once(&"simulate".to_owned()).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG } else { 0 });
        }
    };
    let scenario = match read_scenario("simulate", &args.scenario) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let seed = args.seed.or(scenario.seed).unwrap_or(1);
    let outcome = match run_with(&scenario, seed, &RunOptions { details: args.verbose, ..RunOptions::default() }) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{}: {error}", args.scenario);
            return ExitCode::from(WRONG);
        }
    };
    if !args.quiet {
        tell(&scenario, &outcome);
    }
    if let Some(path) = &args.report
        && let Err(error) = std::fs::write(path, crate::sim::report::page(&scenario, &outcome))
    {
        eprintln!("simulate: {path}: {error}");
        return ExitCode::FAILURE;
    }
    verdict(&args.scenario, &scenario, &outcome)
}

fn tell(scenario: &Scenario, outcome: &Outcome) {
    if !scenario.title.is_empty() {
        println!("{} (seed {})\n", scenario.title, outcome.seed);
    }
    for line in outcome.simulation.timeline() {
        println!("{line}");
    }
    println!("\nStatus after {}s:\n", outcome.simulation.now().as_secs());
    print!("{}", outcome.simulation.status_text());
}

fn verdict(path: &str, scenario: &Scenario, outcome: &Outcome) -> ExitCode {
    let count = scenario.expectations.len() + scenario.invariants.len() + scenario.recoveries.len();
    let Some(Broken { time, line, what, .. }) = &outcome.broken else {
        println!("\nAll {count} expectations held.");
        return ExitCode::SUCCESS;
    };
    let place = if *line > 0 { format!("{path}:{line}: ") } else { String::new() };
    println!("\n{place}{what} (at {:.3}s)\n\nThe moments before:", time.as_secs_f64());
    for line in outcome.last_moments(12) {
        println!("{line}");
    }
    println!("\nReplay: metronome simulate {path} --seed {} --verbose", outcome.seed);
    ExitCode::FAILURE
}
