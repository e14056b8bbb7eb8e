//! `crm_diff`: compare two CIBs, or apply a patch.

use std::process::ExitCode;

use super::tool::{Arguments, Finished, OptionSpec, Report, Surroundings, Takes};
use cib_core::patch::{Ordered, Patch, diff, diff_without_version};
use cib_core::xml::Document;

const OPTIONS: &[OptionSpec] = &[
    ('o', "original", Takes::Value),
    ('O', "original-string", Takes::Value),
    ('n', "new", Takes::Value),
    ('N', "new-string", Takes::Value),
    ('p', "patch", Takes::Value),
    ('c', "cib", Takes::Nothing),
    ('u', "no-version", Takes::Nothing),
    ('s', "stdin", Takes::Nothing),
    ('V', "verbose", Takes::Nothing),
    (' ', "output-as", Takes::Value),
    (' ', "output-to", Takes::Value),
    ('h', "help", Takes::Nothing),
    ('?', "help-all", Takes::Nothing),
    ('$', "version", Takes::Nothing),
];

const HELP: &str = "Usage:
  crm_diff [OPTION…]

compare two Pacemaker configurations (in XML format) to produce a custom patch, or apply such a patch

  -o, --original=FILE          The original configuration
  -O, --original-string=TEXT   The same as text
  -n, --new=FILE               The configuration to compare it with
  -N, --new-string=TEXT        The same as text
  -p, --patch=FILE             A patch to apply to the original
  -c, --cib                    Ignore the order of attributes, add a digest, check versions
  -u, --no-version             Leave versions out
      --output-as=text|xml     Form of the output
      --output-to=FILE         Where the output goes
";

/// `crm_diff`: compare two CIBs, or apply a patch.
pub fn crm_diff(args: &[String]) -> ExitCode {
    run(args, &Surroundings::of_process()).exit()
}

/// Runs the tool in surroundings.
pub(super) fn run(args: &[String], around: &Surroundings) -> Finished {
    let parsed = match Arguments::parse(args, OPTIONS) {
        Ok(parsed) => parsed,
        Err(text) => return Report::new("crm_diff", args, None).refuse(&text, 64),
    };
    if parsed.has("help") || parsed.has("help-all") {
        return Finished { stdout: HELP.into(), ..Finished::default() };
    }
    if parsed.has("version") {
        return Finished { stdout: format!("Metronome {}\n", env!("CARGO_PKG_VERSION")), ..Finished::default() };
    }
    let report = Report::new("crm_diff", args, parsed.value("output-as"));
    let finished = work(&parsed, around, report);
    match parsed.value("output-to").filter(|to| *to != "-") {
        None => finished,
        Some(file) => match std::fs::write(around.path(file), &finished.stdout) {
            Ok(()) => Finished { stdout: String::new(), ..finished },
            Err(e) => Finished { stdout: String::new(), stderr: format!("crm_diff: {file}: {e}\n"), code: 73 },
        },
    }
}

/// A document from a string or a file, whichever is given, or from standard input if that is allowed.
fn document(args: &Arguments, around: &Surroundings, text: &str, file: &str) -> Option<Result<Document, ()>> {
    let from_text = |text: &str| {
        let mut doc = Document::parse(text).map_err(drop)?;
        doc.drop_text();
        Ok(doc)
    };
    if let Some(text) = args.value(text) {
        return Some(from_text(text));
    }
    if args.has("stdin") {
        return Some(around.document("-").map_err(drop));
    }
    args.value(file).map(|file| around.document(file).map_err(drop))
}

fn work(args: &Arguments, around: &Surroundings, mut report: Report) -> Finished {
    let (cib, no_version) = (args.has("cib"), args.has("no-version"));
    if cib && no_version {
        return report.refuse("-u/--no-version incompatible with -c/--cib", 64);
    }
    let Some(old) = document(args, around, "original-string", "original") else {
        return report.refuse("Either --original or --original-string must be specified", 64);
    };
    let patch = args.value("patch").filter(|_| args.value("new-string").is_none());
    if patch.is_none() && args.value("new").is_none() && args.value("new-string").is_none() && !args.has("stdin") {
        return report.refuse("Either --new, --new-string, or --patch must be specified", 64);
    }
    let Ok(old) = old else { return report.refuse("Failed to parse original XML", 65) };
    if let Some(file) = patch {
        let Ok(patch) = around.document(file) else { return report.refuse("Failed to parse patch XML", 65) };
        if no_version {
            report.note("warning: -u/--no-version ignored with -p/--patch");
        }
        return apply(report, old, &Patch::from_document(patch), cib);
    }
    let Some(Ok(new)) = document(args, around, "new-string", "new") else {
        return report.refuse("Failed to parse new XML", 65);
    };
    let patch = if no_version {
        diff_without_version(&old, &new, Ordered::Yes)
    } else if cib {
        diff(&old, &new, Ordered::No).map(|patch| patch.with_digest(&new))
    } else {
        diff(&old, &new, Ordered::Yes)
    };
    match patch {
        None => report.finish(0),
        Some(patch) => {
            report.document("patchset", &patch.write());
            report.finish(1)
        }
    }
}

fn apply(mut report: Report, mut doc: Document, patch: &Patch, checked: bool) -> Finished {
    let result = if checked { patch.apply_checked(&mut doc) } else { patch.apply(&mut doc) };
    match result {
        Ok(()) => {
            report.document("updated", &doc.write());
            report.finish(0)
        }
        Err(e) => report.failed("Could not apply patch", e.code()),
    }
}
