//! `metronome sweep`: a scenario over many seeds.

use super::{WRONG, read_scenario};
use crate::sim::scenario::Scenario;
use crate::sim::{Broken, Faults, Mutation, Outcome, RunOptions, describe, run_with, shrink};
use clap::{Parser, ValueEnum};
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
#[command(name = "metronome sweep")]
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
    #[arg(long, value_enum)]
    mutation: Option<Rule>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FaultMix {
    /// Only what the scenario says
    None,
    /// The standard mix: crashes, pauses, partitions, one-way cuts, loss, failing agents, restarts, standby
    Standard,
    /// Loss up to 20 % and one crash
    Light,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rule {
    /// Changes of the CIB are acknowledged before they are durable
    AcknowledgeEarly,
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
    let args = match Args::try_parse_from(std::iter::once(&"sweep".to_owned()).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG } else { 0 });
        }
    };
    let scenario = match read_scenario("sweep", &args.scenario) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let options = options(&args);
    let (i, n) = args.shard.unwrap_or((1, 1));
    let seeds: Vec<u64> = (args.seeds.0..args.seeds.1).filter(|s| s % n == i - 1).collect();
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(args.jobs.unwrap_or(0)).build().expect("threads can be started");
    let tally = pool.install(|| all(&args, &scenario, &options, &seeds));
    summary(&args, &scenario, &options, tally)
}

fn options(args: &Args) -> RunOptions {
    let faults = match args.faults {
        FaultMix::None => None,
        FaultMix::Standard => Some(Faults::standard()),
        FaultMix::Light => Some(Faults::loss_and_one_crash()),
    };
    let mutation = args.mutation.map(|Rule::AcknowledgeEarly| Mutation::AcknowledgeEarly);
    RunOptions { stable_at_end: faults.is_some(), faults, mutation, ..RunOptions::default() }
}

/// How much longer a shortened run may take until it breaks.
const SLACK: Duration = Duration::from_secs(60);

struct Tally {
    runs: u64,
    failed: u64,
    steps: u64,
    virtual_seconds: f64,
    real_seconds: f64,
    first: Option<Outcome>,
}

fn all(args: &Args, scenario: &Scenario, options: &RunOptions, seeds: &[u64]) -> Tally {
    let bar = if args.quiet { ProgressBar::hidden() } else { ProgressBar::new(seeds.len() as u64) };
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left").expect("a valid template"),
    );
    let (failed, steps, virtual_ms) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let first: Mutex<Option<Outcome>> = Mutex::new(None);
    let begin = Instant::now();
    seeds.par_iter().for_each(|&seed| {
        if let Ok(outcome) = run_with(scenario, seed, options) {
            steps.fetch_add(outcome.simulation.steps, Ordering::Relaxed);
            virtual_ms.fetch_add(outcome.simulation.now().as_millis() as u64, Ordering::Relaxed);
            if !outcome.is_ok() {
                failed.fetch_add(1, Ordering::Relaxed);
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
        runs: seeds.len() as u64,
        failed: failed.into_inner(),
        steps: steps.into_inner(),
        virtual_seconds: virtual_ms.into_inner() as f64 / 1000.0,
        real_seconds: begin.elapsed().as_secs_f64(),
        first: first.into_inner().expect("no thread panicked"),
    }
}

fn summary(args: &Args, scenario: &Scenario, options: &RunOptions, tally: Tally) -> ExitCode {
    println!(
        "{} seeds in {:.1}s: {} failed; {:.0} virtual seconds, {:.0} times faster than real time, {} steps",
        tally.runs,
        tally.real_seconds,
        tally.failed,
        tally.virtual_seconds,
        tally.virtual_seconds / tally.real_seconds.max(1e-9),
        tally.steps
    );
    let Some(first) = tally.first else { return ExitCode::SUCCESS };
    let broken = first.broken.clone().expect("only broken runs are kept");
    let Broken { time, line, what, .. } = broken.clone();
    let place = if line > 0 { format!("{}:{line}: ", args.scenario) } else { String::new() };
    println!("\nThe lowest failing seed is {}: {place}{what} (at {:.3}s)", first.seed, time.as_secs_f64());
    let short = shrink(scenario, first.seed, options, &first.extra, &broken, 80);
    println!("\nIts story, shortened from {} to {} events:", first.extra.len(), short.len());
    for event in &short {
        println!("at {:.3}s {}", event.time.as_secs_f64(), describe(&event.what));
    }
    let again = RunOptions { extra: Some(short), until: Some(first.simulation.now() + SLACK), ..options.clone() };
    if let Ok(outcome) = run_with(scenario, first.seed, &again) {
        println!("\nThe moments before:");
        for line in outcome.last_moments(15) {
            println!("{line}");
        }
    }
    println!(
        "\nReplay: metronome sweep --scenario {} --seeds {}..{} {}",
        args.scenario,
        first.seed,
        first.seed + 1,
        replay_flags(args)
    );
    ExitCode::FAILURE
}

fn replay_flags(args: &Args) -> String {
    let mut flags = match args.faults {
        FaultMix::None => String::new(),
        FaultMix::Standard => "--faults standard".to_owned(),
        FaultMix::Light => "--faults light".to_owned(),
    };
    if args.mutation.is_some() {
        flags.push_str(" --mutation acknowledge-early");
    }
    flags
}
