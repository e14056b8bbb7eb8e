//! The corpus of operations, access control and schemas, through the tools themselves: output, errors, exit codes, files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cib_core::schema;
use cib_core::xml::{Document, Limits};

use super::tool::{Finished, Surroundings};

fn corpus(group: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("METRONOME_CORPUS") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
    };
    let dir = root.join("cib").join(group);
    if !dir.is_dir() {
        println!("skipped: no corpus at {}", dir.display());
        return None;
    }
    Some(dir)
}

fn run(program: &str, args: &[String], around: &Surroundings) -> Finished {
    match program {
        "cibadmin" => super::cibadmin::run(args, around),
        "crm_diff" => super::crm_diff::run(args, around),
        other => panic!("the corpus calls {other}"),
    }
}

/// Only the first line of the help text after a usage error is part of the corpus.
fn comparable(stderr: &str) -> &str {
    if stderr.contains("non-option ARGV-elements") { stderr.lines().next().unwrap_or_default() } else { stderr }
}

/// Cases in which the released program contradicts itself, and what this one does instead. They are compared all the
/// same, and listed as different; one that comes out equal after all is a failure, and so is one that does not contradict
/// itself. (Release 2.1.5 ends this case with success, and the same document.)
const DIFFERENT: &[(&str, &str)] = &[(
    "w-delete-own",
    "the released program stores the valid result, but says that it does not follow its schema; here it is a success",
)];

/// Whether a case says that the operation failed because the result is not valid, and also that the result was stored, which
/// is valid: after a failure the document is what it was [CB-6.2], and a file is written after a success only [CB-12.6].
fn contradicts_itself(dir: &Path, name: &str) -> bool {
    let file = |suffix: &str| fs::read_to_string(dir.join(format!("{name}.{suffix}"))).ok();
    let (Some(err), Some(out)) = (file("err"), file("out.xml")) else { return false };
    let failed = err.lines().next().is_some_and(|code| code != "0");
    failed && Document::parse_with(&out, &Limits::file()).is_ok_and(|doc| schema::validate(&doc).is_ok())
}

struct Case {
    stdout: String,
    err: String,
    out: String,
}

fn expected(dir: &Path, name: &str, before: &str) -> Case {
    let file = |suffix: &str| fs::read_to_string(dir.join(format!("{name}.{suffix}"))).ok();
    Case {
        stdout: file("stdout").unwrap_or_default(),
        err: file("err").unwrap_or_default(),
        out: file("out.xml").unwrap_or_else(|| before.to_owned()),
    }
}

fn found(dir: &Path, name: &str, work: &Path, before: &str) -> Case {
    let line = fs::read_to_string(dir.join(format!("{name}.op"))).expect("an operation");
    let mut words = line.trim_end_matches('\n').split(' ').map(str::to_owned).peekable();
    let mut environment = BTreeMap::new();
    if !before.is_empty() {
        fs::write(work, before).expect("a work file");
        environment.insert("CIB_file".to_owned(), work.display().to_string());
    }
    while let Some((key, value)) = words.peek().and_then(|w| w.split_once('=')) {
        environment.insert(key.to_owned(), value.to_owned());
        words.next();
    }
    let program = words.next().expect("a program");
    let args: Vec<String> = words.collect();
    let around = Surroundings { environment, directory: dir.to_owned(), input: Some(String::new()) };
    let finished = run(&program, &args, &around);
    let out = if before.is_empty() { String::new() } else { fs::read_to_string(work).expect("the work file") };
    let plain = finished.code == 0 && finished.stderr.is_empty();
    let err = if plain { String::new() } else { format!("{}\n{}", finished.code, finished.stderr) };
    Case { stdout: finished.stdout, err, out }
}

fn group(group: &str) {
    let Some(dir) = corpus(group) else { return };
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let work = temporary.path().join("cib.xml");
    let names: BTreeSet<String> = fs::read_dir(&dir)
        .expect("a readable corpus")
        .filter_map(|e| e.ok()?.file_name().into_string().ok()?.strip_suffix(".op").map(str::to_owned))
        .collect();
    let mut failures = Vec::new();
    let mut equal = 0;
    for name in &names {
        let before = fs::read_to_string(dir.join(format!("{name}.in.xml"))).unwrap_or_default();
        let (expected, found) = (expected(&dir, name, &before), found(&dir, name, &work, &before));
        let parts = [
            ("stdout", expected.stdout.as_str(), found.stdout.as_str()),
            ("err", comparable(&expected.err), comparable(&found.err)),
            ("out", &expected.out, &found.out),
        ];
        let different: Vec<String> = parts
            .iter()
            .filter(|(_, expected, found)| expected != found)
            .map(|(part, expected, found)| format!("--- {name}: {part}\nexpected:\n{expected}\nfound:\n{found}"))
            .collect();
        equal += usize::from(different.is_empty());
        match DIFFERENT.iter().find(|(known, _)| known == name) {
            None if contradicts_itself(&dir, name) => failures.push(format!("--- {name}: contradicts itself")),
            Some(_) if !contradicts_itself(&dir, name) => failures.push(format!("--- {name}: could be equal")),
            Some((_, why)) if !different.is_empty() => println!("differs: {group}/{name}: {why}"),
            Some(_) => failures.push(format!("--- {name}: no longer different")),
            None => failures.extend(different),
        }
    }
    println!("{group}: {equal}/{} equal", names.len());
    assert!(!names.is_empty());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn operations() {
    group("op");
}

#[test]
fn access_control() {
    group("acl");
}

#[test]
fn schemas() {
    group("schema");
}
