//! `crm_verify`: check a configuration.

use std::process::ExitCode;

use super::checker::{self, Findings, Verdict};
use super::clock::local_now;
use super::tool::{Arguments, Finished, OptionSpec, Report, Surroundings, Takes, Unreadable};
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

Check a configuration: whether it is well-formed XML, follows its schema, and what the scheduler says of it

  -x, --xml-file=FILE          Check the configuration in a file
  -X, --xml-text=TEXT          Check the configuration in the given text
  -p, --xml-pipe               Check the configuration on standard input
  -S, --save-xml=FILE          Write the configuration that was checked to a file
  -V, --verbose                Tell what is wrong; twice: also what is doubtful; more: what else there is to know
  -q, --quiet                  Tell nothing
      --output-as=text|xml     Form of the output
";

const INVALID: u8 = 78;
/// Both as the released program.
const NOT_A_CIB: u8 = 76;

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
        return report
            .refuse("This tool can only check complete configurations (i.e. those starting with <cib>).", NOT_A_CIB);
    }
    let saved = args.value("save-xml").map(|file| (file, std::fs::write(around.path(file), doc.write())));
    if let Some((file, Err(e))) = saved {
        return report.refuse(&format!("{file}: {e}"), 73);
    }
    let root = doc.root();
    if doc.child(root, "status").is_none() {
        doc.append(root, "status");
    }
    let findings = checker::check(&mut doc, name, local_now());
    let (quiet, verbose) = (args.has("quiet"), args.count("verbose"));
    if !quiet {
        tell(&findings, verbose, &mut report);
    }
    match findings.verdict().text().filter(|_| !quiet) {
        None => report.finish(if findings.verdict() == Verdict::Fine { 0 } else { INVALID }),
        Some(text) if verbose > 0 => report.refuse(text, INVALID),
        Some(text) => report.refuse(&format!("{text}\n-V may provide more details"), INVALID),
    }
}

/// What the schema says is told always, what the scheduler says by its level.
fn tell(findings: &Findings, verbose: usize, report: &mut Report) {
    findings.schema.iter().for_each(|line| report.note(line));
    for message in findings.messages.iter().filter(|message| checker::verbosity(message.level) <= verbose) {
        report.note(&format!("{}: {}", checker::word(message.level), message.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1"><configuration><crm_config>
<cluster_property_set id="o"><nvpair id="o1" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/></nodes><resources><primitive id="p" class="ocf" provider="pacemaker" type="Dummy"/>
</resources><constraints/></configuration></cib>"#;

    fn verify(text: &str, more: &[&str]) -> (u8, String) {
        let args: Vec<String> = ["-X", text].iter().chain(more).map(|&arg| arg.to_owned()).collect();
        let finished = run(&args, &Surroundings::default());
        assert_eq!(finished.stdout, "");
        (finished.code, finished.stderr)
    }

    #[test]
    fn a_sound_configuration_says_nothing() {
        assert_eq!(verify(SOUND, &[]), (0, String::new()));
        assert_eq!(verify(SOUND, &["-V"]), (0, String::new()));
        // What is no fault of the configuration does not count against it.
        let (code, text) = verify(SOUND, &["-VV"]);
        assert_eq!((code, text.lines().next()), (0, Some("warning: Blind faith: not fencing unseen nodes")));
    }

    #[test]
    fn the_scheduler_is_asked() {
        let text = SOUND.replace("false", "true");
        let error = "Errors found during check: config not valid";
        assert_eq!(verify(&text, &[]), (78, format!("crm_verify: {error}\n-V may provide more details\n")));
        let (code, told) = verify(&text, &["-V"]);
        assert_eq!(code, 78);
        assert!(
            told.starts_with("error: Resource start-up disabled since no fencing resources have been defined."),
            "{told}"
        );
        assert!(told.ends_with(&format!("crm_verify: {error}\n")), "{told}");
        assert_eq!(verify(&text, &["-q"]), (78, String::new()));
    }

    #[test]
    fn warnings_are_told_apart_from_errors() {
        let text = SOUND
            .replace("<node id=\"1\" uname=\"n1\"/>", "<node id=\"1\" uname=\"n1\"/><node id=\"2\" uname=\"n1\"/>");
        let warning = "crm_verify: Warnings found during check: config may not be valid\n";
        assert_eq!(verify(&text, &["-V"]), (78, warning.to_owned()));
        let (_, told) = verify(&text, &["-VV"]);
        assert!(told.contains("warning: More than one node entry has name 'n1'\n"), "{told}");
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        assert_eq!(verify("<a/>", &[]).0, 76);
        assert_eq!(verify(&SOUND.replace("uname", "name"), &[]).0, 78);
    }
}
