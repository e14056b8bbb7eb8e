//! `crm_verify`: check a configuration.

use std::process::ExitCode;

use super::tool::{Arguments, Finished, OptionSpec, Report, Surroundings, Takes, Unreadable};
use cib_core::schema;
use cib_core::xml::{Document, Limits};

const OPTIONS: &[OptionSpec] = &[
    ('L', "live-check", Takes::Nothing),
    ('x', "xml-file", Takes::Value),
    ('X', "xml-text", Takes::Value),
    ('p', "xml-pipe", Takes::Nothing),
    ('S', "save-xml", Takes::Value),
    ('V', "verbose", Takes::Nothing),
    ('q', "quiet", Takes::Nothing),
    (' ', "output-as", Takes::Value),
    ('h', "help", Takes::Nothing),
    ('?', "help-all", Takes::Nothing),
    ('$', "version", Takes::Nothing),
];

const HELP: &str = "Usage:
  crm_verify [OPTION…]

Check a configuration: whether it is well-formed XML, follows its schema, and can be upgraded to the newest one

  -x, --xml-file=FILE          Check the configuration in a file
  -X, --xml-text=TEXT          Check the configuration in the given text
  -p, --xml-pipe               Check the configuration on standard input
  -S, --save-xml=FILE          Write the configuration that was checked to a file
  -V, --verbose                Tell what is wrong
  -q, --quiet                  Tell nothing
      --output-as=text|xml     Form of the output
";

const INVALID: u8 = 78;

/// `crm_verify`: check a configuration.
pub fn crm_verify(args: &[String]) -> ExitCode {
    run(args, &Surroundings::of_process()).exit()
}

/// Runs the tool in surroundings.
pub(super) fn run(args: &[String], around: &Surroundings) -> Finished {
    let parsed = match Arguments::parse(args, OPTIONS) {
        Ok(parsed) => parsed,
        Err(text) => return Report::new("crm_verify", args, None).refuse(&text, 64),
    };
    if parsed.has("help") || parsed.has("help-all") {
        return Finished { stdout: HELP.into(), ..Finished::default() };
    }
    if parsed.has("version") {
        return Finished { stdout: format!("Metronome {}\n", env!("CARGO_PKG_VERSION")), ..Finished::default() };
    }
    verify(&parsed, around, Report::new("crm_verify", args, parsed.value("output-as")))
}

fn verify(args: &Arguments, around: &Surroundings, mut report: Report) -> Finished {
    let (name, read) = if let Some(file) = args.value("xml-file") {
        (file, around.document(file))
    } else if let Some(text) = args.value("xml-text") {
        ("string", Document::parse_with(text, &Limits::file()).map_err(Unreadable::Xml))
    } else if args.has("xml-pipe") {
        ("stdin", around.document("-"))
    } else {
        return report.refuse("No configuration source specified.  Use --help for usage information.", 1);
    };
    let mut doc = match read {
        Ok(doc) => doc,
        Err(error) => {
            if let (Unreadable::Xml(error), true) = (&error, args.has("verbose")) {
                report.note(&format!("{name}: {error}"));
            }
            return report.refuse(&format!("Couldn't parse input file: {name}"), 1);
        }
    };
    if doc.name(doc.root()) != "cib" {
        return report.refuse("This tool can only check complete configurations (i.e. those starting with <cib>).", 65);
    }
    let saved = args.value("save-xml").map(|file| (file, std::fs::write(around.path(file), doc.write())));
    if let Some((file, Err(e))) = saved {
        return report.refuse(&format!("{file}: {e}"), 73);
    }
    let root = doc.root();
    if doc.child(root, "status").is_none() {
        doc.append(root, "status");
    }
    let findings = check(&mut doc, name);
    if findings.is_empty() {
        return report.finish(0);
    }
    let (quiet, verbose) = (args.has("quiet"), args.has("verbose"));
    if verbose && !quiet {
        findings.iter().for_each(|finding| report.note(finding));
    }
    if quiet {
        return report.finish(INVALID);
    }
    let hint = if verbose { "" } else { "\n-V may provide more details" };
    report.refuse(&format!("Errors found during check: config not valid{hint}"), INVALID)
}

/// Everything that is wrong with a configuration, one line each.
fn check(doc: &mut Document, name: &str) -> Vec<String> {
    if let Err(invalid) = schema::validate(doc) {
        let lines = invalid.to_string();
        let mut findings: Vec<String> = lines.lines().map(|line| format!("{name}: {line}")).collect();
        findings.push("error: CIB did not pass schema validation".into());
        return findings;
    }
    match schema::upgrade(doc) {
        Err(error) => vec![format!("error: {error}")],
        Ok(_) => Vec::new(),
    }
}
