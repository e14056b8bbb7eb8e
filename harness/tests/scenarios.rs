//! Every scenario file holds; one seed gives the same bytes; random faults break nothing.

use harness::sim::{Broken, Faults, Mutation, RunOptions, run, run_with, scenario, story};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn read(name: &str) -> scenario::Scenario {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    scenario::parse(&text).unwrap_or_else(|e| panic!("{}:{e}", path.display()))
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder of scenarios");
    let mut names: Vec<String> = entries
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|n| n.ends_with(".scenario"))
        .collect();
    names.sort();
    names
}

#[test]
fn all_expectations_hold() {
    let names = names();
    assert!(names.len() >= 40, "{names:?}");
    for name in names {
        for seed in 1..=2 {
            let outcome = run(&read(&name), seed).expect("a valid scenario");
            if let Some(Broken { time, line, what, .. }) = &outcome.broken {
                let last: Vec<String> = outcome.last_moments(30).iter().map(ToString::to_string).collect();
                panic!("{name}:{line}: {what} at {time:?}, seed {seed}\n{}", last.join("\n"));
            }
        }
    }
}

#[test]
fn one_seed_gives_the_same_bytes() {
    let told = |seed| {
        let options = RunOptions { details: true, faults: Some(Faults::standard()), ..RunOptions::default() };
        let outcome = run_with(&read("web-faults.scenario"), seed, &options).expect("a valid scenario");
        let lines: Vec<String> = outcome.simulation.timeline().iter().map(ToString::to_string).collect();
        lines.join("\n") + &outcome.simulation.status_text()
    };
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

#[test]
fn loss_and_a_crash_break_nothing() {
    let options =
        RunOptions { faults: Some(Faults::loss_and_one_crash()), stable_at_end: true, ..RunOptions::default() };
    let scenario = read("web-crash.scenario");
    for seed in 0..10 {
        let outcome = run_with(&scenario, seed, &options).expect("a valid scenario");
        assert!(outcome.is_ok(), "seed {seed}: {:?}", outcome.broken);
    }
}

/// What sweeps have found, as short as it could be made: it must not come back.
#[test]
fn stories_of_mended_faults_hold() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of stories") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let story = scenario::parse(&text).unwrap_or_else(|e| panic!("{}:{e}", path.display()));
        let outcome = run(&story, story.seed.expect("a story has a seed")).expect("a valid scenario");
        assert!(outcome.is_ok(), "{}: {:?}", path.display(), outcome.broken);
        count += 1;
    }
    assert!(count >= 3);
}

/// Every checker can fail: each rule that is broken on purpose is found, and by the checker of its invariant.
#[test]
fn broken_rules_are_found() {
    let scenario = read("web-faults.scenario");
    for (name, mutation) in Mutation::ALL {
        let options = RunOptions {
            faults: Some(Faults::standard()),
            mutation: Some(mutation),
            stable_at_end: true,
            ..RunOptions::default()
        };
        let found = (0..400).find(|&seed| {
            let outcome = run_with(&scenario, seed, &options).expect("a valid scenario");
            outcome.broken.is_some_and(|b| b.invariant == Some(mutation.breaks()))
        });
        assert!(found.is_some(), "400 seeds without a finding: {name}");
    }
}

/// A recorded run is a scenario: reading it again gives the same run, byte for byte.
#[test]
fn a_recorded_run_replays() {
    let options = RunOptions { faults: Some(Faults::standard()), stable_at_end: true, ..RunOptions::default() };
    for (name, seeds) in [("web-faults.scenario", 0..4), ("two-links-faults.scenario", 0..3)] {
        let scenario = read(name);
        for seed in seeds {
            let first = run_with(&scenario, seed, &options).expect("a valid scenario");
            let text = scenario::write(&story(&scenario, &first, &options, &first.extra));
            let recorded = scenario::parse(&text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
            assert_eq!(recorded.seed, Some(seed));
            let again = run(&recorded, seed).expect("a valid scenario");
            assert_eq!(first.simulation.timeline(), again.simulation.timeline());
            assert_eq!(first.simulation.steps, again.simulation.steps);
            assert_eq!(first.broken, again.broken);
        }
    }
}

#[test]
fn what_is_written_reads_the_same() {
    for name in names() {
        let text = scenario::write(&read(&name));
        let again = scenario::parse(&text).unwrap_or_else(|e| panic!("{name}: {e} in\n{text}"));
        assert_eq!(scenario::write(&again), text, "{name}");
    }
}
