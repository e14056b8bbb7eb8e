//! `metronome simulate SCENARIO`: one run, told as a timeline.

use super::{FaultMix, WRONG, flags, moments_before, place, read_scenario, record, rule, run_options};
use crate::sim::scenario::Scenario;
use crate::sim::{Mutation, Outcome, RunOptions, run_with, story};
use clap::Parser;
use std::process::ExitCode;

/// Runs a scenario in the deterministic simulator: prints what happens, the final status, and whether the expectations held.
///
/// Exit code 0: all expectations held; 1: one did not; 2: the scenario or its configuration is wrong.
#[derive(Parser)]
#[command(name = "metronome simulate", bin_name = "metronome simulate")]
struct Args {
    /// The scenario file
    scenario: String,
    /// Seed of all chance; the same seed gives the same bytes [default: the scenario's, or 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Random faults besides the scenario's events, drawn from the seed
    #[arg(long, value_enum, default_value = "none")]
    faults: FaultMix,
    /// Break a rule on purpose: a checker must find it
    #[arg(long, value_parser = rule, value_name = "RULE")]
    mutation: Option<Mutation>,
    /// Write the run as a scenario of its own, with all that happened: to be edited and replayed
    #[arg(long, value_name = "FILE.scenario")]
    record: Option<String>,
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

/// `replay`: run what was recorded; a recorded run is a scenario.
pub fn replay(args: &[String]) -> ExitCode {
    simulate(args)
}

/// `simulate`: run a scenario.
pub fn simulate(args: &[String]) -> ExitCode {
    let args: Args = match crate::shell::options::read(args) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let scenario = match read_scenario("simulate", &args.scenario) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let seed = args.seed.or(scenario.seed).unwrap_or(1);
    let options = RunOptions { details: args.verbose, ..run_options(args.faults, args.mutation) };
    let outcome = match run_with(&scenario, seed, &options) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{}: {error}", args.scenario);
            return ExitCode::from(WRONG);
        }
    };
    if !args.quiet {
        tell(&scenario, &outcome);
    }
    match write_files(&args, &scenario, &options, &outcome) {
        Ok(()) => verdict(&args, &scenario, &outcome),
        Err(code) => code,
    }
}

fn write_files(args: &Args, scenario: &Scenario, options: &RunOptions, outcome: &Outcome) -> Result<(), ExitCode> {
    if let Some(path) = &args.record {
        record("simulate", path, &story(scenario, outcome, options, &outcome.extra))?;
    }
    if let Some(path) = &args.report {
        std::fs::write(path, crate::sim::report::page(scenario, outcome)).map_err(|error| {
            eprintln!("simulate: {path}: {error}");
            ExitCode::FAILURE
        })?;
    }
    Ok(())
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

fn verdict(args: &Args, scenario: &Scenario, outcome: &Outcome) -> ExitCode {
    let count = scenario.expectations.len() + scenario.invariants.len() + scenario.recoveries.len();
    let path = &args.scenario;
    let Some(broken) = &outcome.broken else {
        let settled = if scenario.settles || args.faults != FaultMix::None { ", and all is settled" } else { "" };
        println!("\nAll {count} expectations held{settled}.");
        return ExitCode::SUCCESS;
    };
    println!("\n{}", place(path, broken));
    moments_before(outcome, 12);
    let flags = flags(args.faults, args.mutation);
    println!("\nReplay: metronome simulate {path} --seed {}{flags} --verbose", outcome.seed);
    ExitCode::FAILURE
}
