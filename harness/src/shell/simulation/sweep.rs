//! `metronome sweep`: a scenario over many seeds.

use super::{FaultMix, flags, moments_before, place, read_scenario, record, rule, run_options};
use crate::sim::scenario::{Scenario, at};
use crate::sim::{Mutation, Outcome, RunOptions, run_with, shrink, story};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs a scenario over a range of seeds with random faults, and tells the first failure's story.
///
/// Exit code 0: no run broke anything; 1: one did; 2: the command line or the scenario is wrong.
#[derive(Parser)]
#[command(name = "metronome sweep", bin_name = "metronome sweep")]
struct Args {
    /// Seeds A..B, without B
    #[arg(long, value_parser = range)]
    seeds: (u64, u64),
    /// The scenario file
    #[arg(long)]
    scenario: String,
    /// Random faults besides the scenario's events
    #[arg(long, value_enum, default_value = "none")]
    faults: FaultMix,
    /// Threads [default: one per core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Only every N-th seed, beginning with the I-th: for spreading a sweep over machines
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(u64, u64)>,
    /// Break a rule on purpose: the sweep must find it
    #[arg(long, value_parser = rule, value_name = "RULE")]
    mutation: Option<Mutation>,
    /// Stop at the first failure
    #[arg(long)]
    first: bool,
    /// Write the first failure's story as a scenario, to be edited and replayed
    #[arg(long, value_name = "FILE.scenario")]
    record: Option<String>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let number = |t: &str| t.parse::<u64>().map_err(|_| format!("'{t}' is not a number"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok((from, to)) } else { Err("expected A..B with A below B".to_owned()) }
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let (i, n) = text.split_once('/').ok_or("expected I/N")?;
    let number = |t: &str| t.parse::<u64>().map_err(|_| format!("'{t}' is not a number"));
    let (i, n) = (number(i)?, number(n)?);
    if i >= 1 && i <= n { Ok((i, n)) } else { Err("expected I/N with I from 1 to N".to_owned()) }
}

/// `sweep`: a scenario over many seeds.
pub fn sweep(args: &[String]) -> ExitCode {
    let args: Args = match crate::shell::options::read(args) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let scenario = match read_scenario("sweep", &args.scenario) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let options = run_options(args.faults, args.mutation);
    let (i, n) = args.shard.unwrap_or((1, 1));
    let seeds: Vec<u64> = (args.seeds.0..args.seeds.1).filter(|s| s % n == i - 1).collect();
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(args.jobs.unwrap_or(0)).build().expect("threads can be started");
    let tally = pool.install(|| all(&args, &scenario, &options, &seeds));
    summary(&args, &scenario, &options, tally)
}

/// How much longer a shortened run may take until it breaks.
const SLACK: Duration = Duration::from_secs(60);

struct Tally {
    runs: u64,
    failed: u64,
    deliveries: u64,
    steps: u64,
    virtual_seconds: f64,
    real_seconds: f64,
    first: Option<Outcome>,
    /// Failing seeds, with the invariant if it is one.
    failing: Vec<(u64, Option<u8>)>,
}

fn all(args: &Args, scenario: &Scenario, options: &RunOptions, seeds: &[u64]) -> Tally {
    let bar = if args.quiet { ProgressBar::hidden() } else { ProgressBar::new(seeds.len() as u64) };
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left").expect("a valid template"),
    );
    let [runs, failed, steps, virtual_ms, deliveries] = [const { AtomicU64::new(0) }; 5];
    let first: Mutex<Option<Outcome>> = Mutex::new(None);
    let failing = Mutex::new(Vec::new());
    let begin = Instant::now();
    seeds.par_iter().for_each(|&seed| {
        if args.first && failed.load(Ordering::Relaxed) > 0 {
            return;
        }
        runs.fetch_add(1, Ordering::Relaxed);
        if let Ok(outcome) = run_with(scenario, seed, options) {
            steps.fetch_add(outcome.simulation.steps, Ordering::Relaxed);
            virtual_ms.fetch_add(outcome.simulation.now().as_millis() as u64, Ordering::Relaxed);
            deliveries.fetch_add(outcome.simulation.deliveries(), Ordering::Relaxed);
            if !outcome.is_ok() {
                failed.fetch_add(1, Ordering::Relaxed);
                let invariant = outcome.broken.as_ref().and_then(|b| b.invariant);
                failing.lock().expect("no thread panics while it holds the lock").push((seed, invariant));
                let mut first = first.lock().expect("no thread panics while it holds the lock");
                if first.as_ref().is_none_or(|f| f.seed > seed) {
                    *first = Some(outcome);
                }
            }
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    Tally {
        runs: runs.into_inner(),
        deliveries: deliveries.into_inner(),
        failed: failed.into_inner(),
        steps: steps.into_inner(),
        virtual_seconds: virtual_ms.into_inner() as f64 / 1000.0,
        real_seconds: begin.elapsed().as_secs_f64(),
        first: first.into_inner().expect("no thread panicked"),
        failing: failing.into_inner().expect("no thread panicked"),
    }
}

fn summary(args: &Args, scenario: &Scenario, options: &RunOptions, tally: Tally) -> ExitCode {
    let real = tally.real_seconds.max(1e-9);
    println!(
        "{} seeds in {:.1}s ({:.1} a second): {} failed; {:.0} virtual seconds, {:.0} times faster than real time, {} steps, {} messages delivered in order",
        tally.runs,
        tally.real_seconds,
        tally.runs as f64 / real,
        tally.failed,
        tally.virtual_seconds,
        tally.virtual_seconds / real,
        tally.steps,
        tally.deliveries,
    );
    tell_failing(tally.failing);
    match tally.first {
        Some(first) => tell_failure(args, scenario, options, &first),
        None => ExitCode::SUCCESS,
    }
}

/// The failing seeds, if there are several; only the lowest one's story is told.
fn tell_failing(mut failing: Vec<(u64, Option<u8>)>) {
    const SHOWN: usize = 20;
    failing.sort_unstable();
    if failing.len() > 1 {
        let of = |(seed, invariant): &(u64, Option<u8>)| match invariant {
            Some(invariant) => format!("{seed} (invariant {invariant})"),
            None => seed.to_string(),
        };
        let listed: Vec<String> = failing.iter().take(SHOWN).map(of).collect();
        println!("Failing seeds: {}{}", listed.join(", "), if failing.len() > SHOWN { ", ..." } else { "" });
    }
}

/// The story of a failure, as short as it can be made, and how to replay it.
fn tell_failure(args: &Args, scenario: &Scenario, options: &RunOptions, first: &Outcome) -> ExitCode {
    let Some(broken) = &first.broken else { return ExitCode::SUCCESS };
    let (seed, path) = (first.seed, &args.scenario);
    println!("\nThe lowest failing seed is {seed}: {}", place(path, broken));
    let short = shrink(scenario, seed, options, &first.extra, broken, 80);
    if !first.extra.is_empty() {
        println!("\nIts story, shortened from {} to {} events:", first.extra.len(), short.len());
        for event in &short {
            println!("{}", at(event));
        }
    }
    let until = Some(first.simulation.now() + SLACK);
    let again = RunOptions { extra: Some(short.clone()), until, ..options.clone() };
    if let Ok(outcome) = run_with(scenario, seed, &again) {
        moments_before(&outcome, 15);
    }
    let flags = flags(args.faults, args.mutation);
    println!("\nReplay: metronome simulate {path} --seed {seed}{flags} --verbose");
    if let Some(file) = &args.record {
        if let Err(code) = record("sweep", file, &story(scenario, first, &again, &short)) {
            return code;
        }
        println!("The short story: metronome replay {file}");
    }
    ExitCode::FAILURE
}
