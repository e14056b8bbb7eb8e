//! `metronome bench schedule`: how long a schedule takes, beside the field's scheduler where it is installed.

use benches::cluster::{Cluster, State};
use benches::shapes::Shape;
use cib_core::xml::{Document, Limits};
use policy_core::model::Model;
use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: metronome bench schedule [--nodes N] [--instances N] [--state steady|one-node-lost|all-stopped] [--growth]
                                [--write FILE] [--peer]

Times reading and scheduling of a generated cluster (default: 3x100, 8x500, 16x2000, 32x5000 in all states).
  --growth   processor time at 1, 2, 4 and 8 times the size, with the fitted exponent, for growing numbers of
             instances, primitives, members of one group, clones, unique instances, constraints and history entries
  --write    only write the generated CIB to FILE
  --peer     also run 'crm_simulate --profile' of the field on it, if installed
";

/// What is asked for.
struct Wanted {
    nodes: Option<usize>,
    instances: Option<usize>,
    state: Option<State>,
    growth: bool,
    write: Option<String>,
    peer: bool,
}

/// Times of one run.
struct Times {
    parse: Duration,
    read: Duration,
    decide: Duration,
    synapses: usize,
    megabytes: f64,
}

/// `bench schedule`.
pub(super) fn schedule(args: &[String]) -> ExitCode {
    let wanted = match parse(args) {
        Ok(wanted) => wanted,
        Err(text) => {
            eprint!("{text}");
            return ExitCode::from(64);
        }
    };
    let states: Vec<(&str, State)> =
        State::ALL.into_iter().filter(|(_, s)| wanted.state.is_none_or(|w| w == *s)).collect();
    let sizes = match (wanted.nodes, wanted.instances) {
        (None, None) => vec![(3, 100), (8, 500), (16, 2_000), (32, 5_000)],
        (nodes, instances) => vec![(nodes.unwrap_or(32), instances.unwrap_or(5_000))],
    };
    if let Some(file) = &wanted.write {
        let (nodes, instances) = sizes[sizes.len() - 1];
        let state = states.first().map_or(State::Steady, |s| s.1);
        let text = Cluster { nodes, instances, state }.write();
        return match std::fs::write(file, text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: cannot write '{file}': {error}");
                ExitCode::from(73)
            }
        };
    }
    if wanted.growth {
        growth();
        return ExitCode::SUCCESS;
    }
    println!(
        "{:>6} {:>9} {:<14} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "nodes", "instances", "state", "MB", "parse", "read", "decide", "synapses"
    );
    for &(nodes, instances) in &sizes {
        for &(name, state) in &states {
            let text = Cluster { nodes, instances, state }.write();
            match run(&text) {
                Ok(t) => println!(
                    "{nodes:>6} {instances:>9} {name:<14} {:>8.1} {:>8.3}s {:>8.3}s {:>8.3}s {:>9}",
                    t.megabytes,
                    t.parse.as_secs_f64(),
                    t.read.as_secs_f64(),
                    t.decide.as_secs_f64(),
                    t.synapses
                ),
                Err(error) => eprintln!("bench: {error}"),
            }
            if wanted.peer {
                peer(&text);
            }
        }
    }
    ExitCode::SUCCESS
}

fn parse(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted { nodes: None, instances: None, state: None, growth: false, write: None, peer: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or_else(|| USAGE.to_owned());
        match arg.as_str() {
            "--nodes" => wanted.nodes = Some(value()?.parse().map_err(|_| USAGE.to_owned())?),
            "--instances" => wanted.instances = Some(value()?.parse().map_err(|_| USAGE.to_owned())?),
            "--state" => {
                let name = value()?;
                let state = State::ALL.into_iter().find(|(n, _)| *n == name).ok_or_else(|| USAGE.to_owned())?;
                wanted.state = Some(state.1);
            }
            "--growth" => wanted.growth = true,
            "--write" => wanted.write = Some(value()?),
            "--peer" => wanted.peer = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(wanted)
}

/// Parses and schedules once.
fn run(text: &str) -> Result<Times, String> {
    let start = Instant::now();
    let cib = Document::parse_with(text, &Limits::file()).map_err(|e| e.to_string())?;
    let parse = start.elapsed();
    let start = Instant::now();
    let mut model = Model::read(&cib, &policy_core::Options::default()).map_err(|e| e.to_string())?;
    let read = start.elapsed();
    let start = Instant::now();
    let graph = model.decide();
    let decide = start.elapsed();
    Ok(Times { parse, read, decide, synapses: graph.synapses.len(), megabytes: text.len() as f64 / 1e6 })
}

/// The processor time that this thread has used: other programs do not disturb it.
pub(super) fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The least processor time of three schedules of a CIB.
fn least(text: &str) -> Option<Duration> {
    let cib = Document::parse_with(text, &Limits::file()).ok()?;
    let once = || {
        let start = processor_time();
        let made = policy_core::schedule(&cib, &policy_core::Options::default()).ok()?;
        let spent = processor_time().saturating_sub(start);
        drop(made);
        Some(spent)
    };
    (0..3).filter_map(|_| once()).min()
}

/// Processor times at 1, 2, 4 and 8 times a size for each shape, and the exponent of the growth: the slope of a line through the
/// logarithms.
fn growth() {
    for (name, shape, size) in Shape::ALL {
        let mut points = Vec::new();
        let mut line = format!("{name:<19}");
        for factor in [1, 2, 4, 8] {
            let Some(best) = least(&shape.write(size * factor)) else { continue };
            line.push_str(&format!(" {:>6}: {:.4}s", size * factor, best.as_secs_f64()));
            points.push(((factor as f64).ln(), best.as_secs_f64().max(1e-9).ln()));
        }
        println!("{line}  exponent {:.2}", slope(&points));
    }
}

/// The slope of the line that fits the points best.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
}

/// Runs the field's scheduler on the same input.
fn peer(text: &str) {
    let Ok(folder) = std::env::temp_dir().canonicalize() else { return };
    let folder = folder.join(format!("metronome-bench-{}", std::process::id()));
    if std::fs::create_dir_all(&folder).is_err() {
        return;
    }
    let file = folder.join("cluster.xml");
    let written = std::fs::File::create(&file).and_then(|mut f| f.write_all(text.as_bytes()));
    if written.is_ok() {
        let start = Instant::now();
        match Command::new("crm_simulate").arg("--profile").arg(&folder).output() {
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stdout);
                let line = told.lines().find(|l| l.contains("secs")).unwrap_or("no result").trim();
                println!("  crm_simulate: {line}; {:.1}s in all", start.elapsed().as_secs_f64());
            }
            Err(_) => println!("  crm_simulate is not installed: skipped"),
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}
