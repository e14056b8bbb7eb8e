//! `crm_simulate`, the corpus runner and `explain`.

pub mod arguments;
pub mod run;

use crate::shell::cluster::Live;
use policy_core::report::Chunk;
use run::exit;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// The real time in seconds since the epoch.
pub(crate) fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// `crm_simulate`: show what the scheduler would do.
pub fn crm_simulate(args: &[String]) -> ExitCode {
    let arguments = match arguments::parse(args) {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("crm_simulate: {text}");
            return ExitCode::from(exit::USAGE);
        }
    };
    if let Some(text) = &arguments.answer {
        print!("{text}");
        return ExitCode::SUCCESS;
    }
    if let Some(folder) = &arguments.profile {
        return profile(folder, arguments.repeat);
    }
    let text = match arguments.live {
        true => match Live::at(None).read() {
            Ok(cib) => Ok(cib.write()),
            Err(error) => {
                eprintln!("crm_simulate: {error}");
                return ExitCode::from(exit::DISCONNECT);
            }
        },
        false => read(arguments.xml_file.as_deref()),
    };
    let Ok(text) = text else {
        eprintln!("crm_simulate: Could not read input XML: Bad input value provided");
        return ExitCode::from(exit::DATA);
    };
    let outcome = run::run(&arguments, &text, clock(), 0);
    print_report(&outcome);
    ExitCode::from(write_files(&arguments, &outcome).unwrap_or(outcome.exit))
}

/// Times the scheduling of every CIB in a folder [SM-11].
fn profile(folder: &str, repeat: u32) -> ExitCode {
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("crm_simulate: Could not read directory '{folder}'");
        return ExitCode::from(exit::NOSUCH);
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".xml") && !name.starts_with('.'))
        .collect();
    names.sort();
    if names.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("Timings:");
    for name in names {
        let file = format!("{folder}/{name}");
        let Some(time) = run::time(&file, repeat) else { continue };
        println!("  * Testing {file} ... {:.2} secs", time.as_secs_f64());
    }
    ExitCode::SUCCESS
}

fn read(file: Option<&str>) -> std::io::Result<String> {
    match file {
        None | Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            Ok(text)
        }
        Some(file) => std::fs::read_to_string(file),
    }
}

/// Prints both streams in order.
fn print_report(outcome: &run::Outcome) {
    for chunk in outcome.report.chunks() {
        match chunk {
            Chunk::Out(text) => {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            Chunk::Err(text) => eprint!("{text}"),
        }
    }
}

/// Writes what was asked for; the exit status if that fails.
fn write_files(arguments: &arguments::Arguments, outcome: &run::Outcome) -> Option<u8> {
    let picture = outcome.made.as_ref().filter(|_| arguments.save_svg.is_some()).map(policy_core::report::svg);
    let files = [
        (&arguments.save_svg, &picture, exit::IO),
        (&arguments.save_graph, &outcome.graph, exit::IO),
        (&arguments.save_dot, &outcome.dot, exit::IO),
        (&arguments.save_input, &outcome.input, exit::CANTCREAT),
        (&arguments.save_output, &outcome.result, exit::CANTCREAT),
        (if arguments.in_place { &arguments.xml_file } else { &None }, &outcome.result, exit::CANTCREAT),
    ];
    for (file, text, failure) in files {
        let (Some(file), Some(text)) = (file, text) else { continue };
        if let Err(error) = std::fs::write(file, text) {
            eprintln!("crm_simulate: Could not create '{file}': {error}");
            return Some(match error.kind() {
                std::io::ErrorKind::NotFound if failure != exit::IO => exit::NOSUCH,
                std::io::ErrorKind::PermissionDenied if failure != exit::IO => 4,
                _ => failure,
            });
        }
    }
    None
}

/// `conformance`: run a scheduler corpus and report equality.
pub fn conformance(args: &[String]) -> ExitCode {
    crate::conformance::command(args)
}

const EXPLAIN: &str = "\
Usage: metronome explain CIB RESOURCE [-t TIME]

Tells which scores, constraints and failures decided where RESOURCE runs, and what is done with it.
'-' for CIB is standard input.
";

/// `explain`: tell why a resource runs where it does.
pub fn explain(args: &[String]) -> ExitCode {
    let (file, resource, datetime) = match args {
        [file, resource] => (file, resource, None),
        [file, resource, option, time] if option == "-t" => (file, resource, Some(time.clone())),
        _ => {
            eprint!("{EXPLAIN}");
            return ExitCode::from(exit::USAGE);
        }
    };
    let Ok(text) = read(Some(file)) else {
        eprintln!("explain: cannot read '{file}'");
        return ExitCode::from(exit::DATA);
    };
    match run::explain(&text, resource, datetime, clock()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err((status, text)) => {
            eprintln!("explain: {text}");
            ExitCode::from(status)
        }
    }
}
