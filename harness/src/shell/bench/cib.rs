//! `metronome bench cib`: how fast a large CIB is read, compared, patched, written and hashed, and how that grows with it.

use super::schedule::{processor_time, slope};
use benches::large_cib::{document, pair};
use cib_core::patch::{Ordered, diff, digest};
use cib_core::schema;
use cib_core::xml::{Document, Limits};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: metronome bench cib [--resources N] [--runs N] [--growth]

Processor time of one CIB with status (default: 10000 resources, about 17 MB), the least of some runs (default: 10): parse,
write, digest, validate; difference to a copy with one change, and applying it; difference to an empty CIB, and applying it.
  --growth   at 1, 2, 4 and 8 times the size (default: from 2500 resources), with the fitted exponent
";

/// What is measured, and how long it took.
type Row = (&'static str, Duration);

/// `bench cib`.
pub(super) fn cib(args: &[String]) -> ExitCode {
    let (mut resources, mut runs, mut growing) = (None, 10, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).filter(|&n: &usize| n > 0);
        let given = match arg.as_str() {
            "--growth" => {
                growing = true;
                continue;
            }
            "--resources" | "--runs" => number(),
            _ => None,
        };
        match (arg.as_str(), given) {
            ("--resources", Some(_)) => resources = given,
            (_, Some(given)) => runs = given,
            (_, None) => {
                eprint!("{USAGE}");
                return ExitCode::from(64);
            }
        }
    }
    match growing {
        false => one(resources.unwrap_or(10_000), runs),
        true => growth(resources.unwrap_or(2_500), runs),
    }
    ExitCode::SUCCESS
}

/// The least processor time of some runs. What a run returns is dropped outside of its time.
fn least<T>(runs: usize, mut run: impl FnMut() -> T) -> Duration {
    let once = |_| {
        let start = processor_time();
        let made = run();
        let spent = processor_time().saturating_sub(start);
        drop(made);
        spent
    };
    (0..runs).map(once).min().unwrap_or_default()
}

/// Measures everything on one size; also gives the bytes of the document.
fn measure(resources: usize, runs: usize) -> (usize, Vec<Row>) {
    let text = document(resources);
    let (doc, changed) = pair(&text, resources);
    let mut empty = Document::new("cib");
    empty.append(empty.root(), "configuration");
    let mut rows = vec![
        ("parse", least(runs, || Document::parse_with(&text, &Limits::file()))),
        ("write", least(runs, || doc.write())),
        ("digest", least(runs, || digest::versioned(&doc))),
        ("validate", least(runs, || schema::validate(&doc))),
        ("diff, one change", least(runs, || diff(&doc, &changed, Ordered::Yes))),
        ("diff, everything", least(runs, || diff(&empty, &doc, Ordered::Yes))),
    ];
    for (name, from, to) in [("apply, one change", &doc, &changed), ("apply, everything", &empty, &doc)] {
        let Some(patch) = diff(from, to, Ordered::Yes) else { continue };
        let mut copies: Vec<Document> = (0..runs).map(|_| from.clone()).collect();
        rows.push((name, least(runs, || copies.pop().map(|mut copy| (patch.apply(&mut copy), copy)))));
    }
    (text.len(), rows)
}

fn one(resources: usize, runs: usize) {
    let (bytes, rows) = measure(resources, runs);
    println!("{resources} resources, {:.1} MB", bytes as f64 / 1e6);
    for (name, time) in rows {
        let seconds = time.as_secs_f64();
        println!("{name:<18} {:>9.3} ms {:>9.0} MB/s", seconds * 1e3, bytes as f64 / 1e6 / seconds.max(1e-9));
    }
}

/// Times at 1, 2, 4 and 8 times a size, and the exponent of the growth.
fn growth(resources: usize, runs: usize) {
    let factors = [1, 2, 4, 8];
    let all: Vec<Vec<Row>> = factors.iter().map(|factor| measure(resources * factor, runs).1).collect();
    for (row, (name, _)) in all[0].iter().enumerate() {
        let times: Vec<f64> = all.iter().map(|rows| rows[row].1.as_secs_f64()).collect();
        let points: Vec<(f64, f64)> =
            factors.iter().zip(&times).map(|(&factor, time)| ((factor as f64).ln(), time.max(1e-9).ln())).collect();
        let columns: Vec<String> = times.iter().map(|time| format!("{:>9.3}", time * 1e3)).collect();
        println!("{name:<18} {} ms  exponent {:.2}", columns.join(" "), slope(&points));
    }
}
