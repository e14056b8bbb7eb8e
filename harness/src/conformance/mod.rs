//! Runs an external scheduler corpus in one process and reports equality per output [SM-14].
//!
//! A corpus is a folder with `cases.tsv` (name, extra arguments, description) and the folders `xml`, `exp` (graphs), `dot`,
//! `scores` and `summary`. Each case is run as `crm_simulate -x XML -S` for the summary and as
//! `crm_simulate -x XML -D DOT -G GRAPH -sSQ` for the rest, with its own arguments after these; both share one schedule.

mod compare;

use crate::shell::scheduler::arguments;
use crate::shell::scheduler::run::{Outcome, load, run_pair};
use compare::{normal_dot, normal_graph, normal_scores, print_diff};
use policy_core::report::Report;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The outputs that are compared.
pub const OUTPUTS: [&str; 4] = ["graph", "dot", "scores", "summary"];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Its own arguments.
    pub arguments: Vec<String>,
}

/// What a case came to: expected and actual text of each of [`OUTPUTS`].
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The case.
    pub name: String,
    /// Pairs of texts.
    pub outputs: [(String, String); 4],
}

impl Verdict {
    /// Whether an output is equal.
    #[must_use]
    pub fn equal(&self, output: usize) -> bool {
        self.outputs[output].0 == self.outputs[output].1
    }

    /// Whether all outputs are.
    #[must_use]
    pub fn all(&self) -> bool {
        (0..OUTPUTS.len()).all(|output| self.equal(output))
    }
}

/// Reads the list of cases.
///
/// # Errors
/// The list cannot be read.
pub fn cases(corpus: &Path) -> std::io::Result<Vec<Case>> {
    let list = std::fs::read_to_string(corpus.join("cases.tsv"))?;
    Ok(list
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap_or_default().to_owned();
            let arguments = split_arguments(columns.next().unwrap_or_default());
            Case { name, arguments }
        })
        .collect())
}

/// Splits at blanks; an option's value goes on up to the next option, as a date with a time does.
fn split_arguments(text: &str) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        match arguments.last_mut() {
            Some(last) if !word.starts_with('-') && !last.starts_with('-') => {
                last.push(' ');
                last.push_str(word);
            }
            _ => arguments.push(word.to_owned()),
        }
    }
    arguments
}

/// Runs one case.
#[must_use]
pub fn examine(corpus: &Path, case: &Case) -> Verdict {
    let read = |folder: &str, extension: &str| {
        let file = corpus.join(folder).join(format!("{}.{extension}", case.name));
        let lossy = |error: std::string::FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
        std::fs::read(file).map(|bytes| String::from_utf8(bytes).unwrap_or_else(lossy)).unwrap_or_default()
    };
    let xml = read("xml", "xml");
    let mut notes = Report::new();
    let loaded = load(&xml, &mut notes);
    let with = |arguments: &[&str]| {
        let all: Vec<String> =
            arguments.iter().map(|a| (*a).to_owned()).chain(case.arguments.iter().cloned()).collect();
        arguments::parse(&all)
    };
    let (shown, quiet) = match (with(&["-S"]), with(&["-D", "dot", "-G", "graph", "-sSQ"]), loaded) {
        (Ok(shown), Ok(quiet), Ok(cib)) => run_pair((&shown, &quiet), cib, notes, crate::shell::scheduler::clock(), 0),
        _ => (Outcome { report: notes, ..Outcome::default() }, Outcome::default()),
    };
    let outputs = [
        (normal_graph(&read("exp", "exp")), normal_graph(&quiet.graph.unwrap_or_default())),
        (normal_dot(&read("dot", "dot")), normal_dot(&quiet.dot.unwrap_or_default())),
        (normal_scores(&read("scores", "scores")), normal_scores(&quiet.report.output())),
        (read("summary", "summary"), shown.report.merged()),
    ];
    Verdict { name: case.name.clone(), outputs }
}

/// What the command line asks for.
#[derive(Default)]
struct Wanted {
    corpus: Option<PathBuf>,
    list: bool,
    diff: bool,
    floor: usize,
    names: Vec<String>,
    output: Option<String>,
}

fn parse(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = |name: &str| args.next().cloned().ok_or_else(|| format!("missing value for {name}"));
        match arg.as_str() {
            "--list" => wanted.list = true,
            "--diff" => wanted.diff = true,
            "--floor" => wanted.floor = value(arg)?.parse().map_err(|_| "--floor takes a number".to_owned())?,
            "--only" => wanted.names.extend(value(arg)?.split(',').map(str::to_owned)),
            "--output" => wanted.output = Some(value(arg)?),
            _ if arg.starts_with('-') => return Err(format!("unknown option {arg}")),
            _ => wanted.corpus = Some(PathBuf::from(arg)),
        }
    }
    Ok(wanted)
}

const USAGE: &str = "\
Usage: metronome conformance DIR [--list] [--diff] [--only CASE,CASE] [--output graph|dot|scores|summary] [--floor N]

Runs the scheduler corpus in DIR and prints, per output and for all together, how many cases are equal.
  --list     name the cases that are not equal, with the outputs that differ
  --diff     show how they differ
  --only     only these cases
  --output   only this output in --list and --diff
  --floor    fail if fewer than N cases are equal in all outputs
";

/// `metronome conformance`.
pub fn command(args: &[String]) -> ExitCode {
    if args.iter().any(|a| a == "--help" || a == "-h") || args.is_empty() {
        print!("{USAGE}");
        return ExitCode::from(if args.is_empty() { 64 } else { 0 });
    }
    let wanted = match parse(args) {
        Ok(wanted) => wanted,
        Err(text) => {
            eprintln!("conformance: {text}");
            return ExitCode::from(64);
        }
    };
    let corpus = wanted.corpus.clone().unwrap_or_default();
    let mut all = match cases(&corpus) {
        Ok(all) => all,
        Err(error) => {
            eprintln!("conformance: cannot read '{}': {error}", corpus.join("cases.tsv").display());
            return ExitCode::from(66);
        }
    };
    if !wanted.names.is_empty() {
        all.retain(|case| wanted.names.contains(&case.name));
    }
    let verdicts: Vec<Verdict> = all.par_iter().map(|case| examine(&corpus, case)).collect();
    let reached = print(&wanted, &verdicts);
    ExitCode::from(u8::from(reached < wanted.floor))
}

/// Prints the result; how many cases are equal in all outputs.
fn print(wanted: &Wanted, verdicts: &[Verdict]) -> usize {
    for verdict in verdicts {
        let differing: Vec<usize> = (0..OUTPUTS.len())
            .filter(|&o| !verdict.equal(o) && wanted.output.as_deref().is_none_or(|only| only == OUTPUTS[o]))
            .collect();
        if differing.is_empty() {
            continue;
        }
        if wanted.list || wanted.diff {
            let names: Vec<&str> = differing.iter().map(|&o| OUTPUTS[o]).collect();
            println!("{} {}", verdict.name, names.join(" "));
        }
        if wanted.diff {
            for o in differing {
                let (expected, actual) = &verdict.outputs[o];
                println!("--- {} {} (- expected, + actual)", verdict.name, OUTPUTS[o]);
                print_diff(expected, actual);
            }
        }
    }
    let n = verdicts.len();
    let mut line = String::new();
    for (o, name) in OUTPUTS.iter().enumerate() {
        line.push_str(&format!("{name} {}/{n} ", verdicts.iter().filter(|v| v.equal(o)).count()));
    }
    let reached = verdicts.iter().filter(|v| v.all()).count();
    println!("{line}all {reached}/{n}");
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_with_a_time_is_one_argument() {
        assert_eq!(split_arguments("-t 2014-05-07 00:28:00"), ["-t", "2014-05-07 00:28:00"]);
        assert_eq!(split_arguments("-t 2005-020 -q"), ["-t", "2005-020", "-q"]);
        assert!(split_arguments("").is_empty());
    }
}
