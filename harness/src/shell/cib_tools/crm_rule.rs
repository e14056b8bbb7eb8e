//! `crm_rule`: evaluate rules of a CIB.

use std::io::Read;
use std::process::ExitCode;

use cib_core::cib::exit_text;
use cib_core::rules::{CheckError, DateTime, Effect, Rules};
use cib_core::xml::{Document, Limits};

use super::clock::local_now;
use super::options::{CommandLine, Opt};
use super::reply::Reply;

const HELP: &str = "\
Usage:
  crm_rule [OPTION?]

evaluate rules from the Pacemaker configuration

Modes (mutually exclusive):
  -c, --check             Check whether a rule is in effect

Data:
  -X, --xml-text          Use argument for XML (or stdin if '-')

Additional Options:
  -d, --date              Whether the rule is in effect on a given date
  -r, --rule              The ID of the rule to check (may be specified multiple times)

Output Options:
  --output-as=FORMAT      Specify output format as one of: text (default), xml
  --output-to=DEST        Specify file name for output (or \"-\" for stdout)

Application Options:
  -h, --help              Show help options
  -$, --version           Display software version and exit
  -V, --verbose           Increase debug output (may be specified multiple times)
";

/// Letters of options that have only a long name are control characters.
const OUTPUT_AS: char = '\u{1}';
const OUTPUT_TO: char = '\u{2}';
const FANCY: char = '\u{3}';

const OPTIONS: [Opt; 10] = [
    Opt { short: 'c', long: "check", value: false },
    Opt { short: 'X', long: "xml-text", value: true },
    Opt { short: 'd', long: "date", value: true },
    Opt { short: 'r', long: "rule", value: true },
    Opt { short: OUTPUT_AS, long: "output-as", value: true },
    Opt { short: OUTPUT_TO, long: "output-to", value: true },
    Opt { short: FANCY, long: "text-fancy", value: false },
    Opt { short: 'h', long: "help", value: false },
    Opt { short: '$', long: "version", value: false },
    Opt { short: 'V', long: "verbose", value: false },
];

/// `crm_rule`: evaluate rules of a CIB.
pub fn crm_rule(args: &[String]) -> ExitCode {
    let line = match CommandLine::parse(args, &OPTIONS) {
        Ok(line) => line,
        Err(message) => return Reply::failed("crm_rule", &message, 64).print(),
    };
    let mut reply = reply(args, &line, &local_now(), || read_cib(&line));
    if let Some(path) = line.last(OUTPUT_TO).filter(|path| *path != "-") {
        if std::fs::write(path, &reply.out).is_err() {
            return Reply::failed("crm_rule", &format!("Can't create {path}"), 73).print();
        }
        reply.out.clear();
    }
    reply.print()
}

/// The document: the text given, standard input, or the file that `CIB_file` names.
fn read_cib(line: &CommandLine) -> Result<String, Reply> {
    match line.last('X') {
        Some("-") => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map(|_| text).map_err(|_| Reply::failed("crm_rule", "Couldn't parse input from stdin", 65))
        }
        Some(text) => Ok(text.to_owned()),
        None => std::env::var("CIB_file")
            .ok()
            .and_then(|path| std::fs::read_to_string(path).ok())
            .ok_or_else(|| Reply::failed("crm_rule", "CIB query failed: Input file not available", 66)),
    }
}

fn reply(args: &[String], line: &CommandLine, now: &DateTime, cib: impl FnOnce() -> Result<String, Reply>) -> Reply {
    if line.has('h') {
        return Reply { out: HELP.to_owned(), ..Reply::default() };
    }
    if line.has('$') {
        return Reply { out: format!("Metronome {}\n", env!("CARGO_PKG_VERSION")), ..Reply::default() };
    }
    let as_xml = match line.last(OUTPUT_AS) {
        None | Some("text") => false,
        Some("xml") => true,
        Some(other) => return Reply::failed("crm_rule", &format!("Error creating output format {other}"), 64),
    };
    if !line.has('c') {
        return Reply::failed("crm_rule", "No mode operation given", 64);
    }
    if !line.has('r') {
        return Reply::failed("crm_rule", "--check requires use of --rule=", 64);
    }
    let date = match line.last('d') {
        None => *now,
        Some(text) => match DateTime::parse(text, now) {
            Ok(date) => date,
            Err(_) => return Reply::failed("crm_rule", &format!("Invalid date specified: '{text}'"), 65),
        },
    };
    let text = match cib() {
        Ok(text) => text,
        Err(reply) => return reply,
    };
    let doc = match Document::parse_with(&text, &Limits::file()) {
        Ok(doc) => doc,
        Err(error) => return Reply::failed("crm_rule", &format!("Couldn't parse input: {error}"), 65),
    };
    let rules = Rules::new(&doc);
    let verdicts: Vec<Verdict> = line.all('r').map(|id| Verdict::of(&rules, id, &date, now)).collect();
    if as_xml { xml(args, &verdicts) } else { text_of(&verdicts) }
}

/// The answer for one rule.
struct Verdict {
    id: String,
    text: String,
    error: bool,
    code: u8,
    /// A date specification that matches does not decide the exit status of several rules.
    decides: bool,
}

impl Verdict {
    fn of(rules: &Rules<'_>, id: &str, date: &DateTime, now: &DateTime) -> Verdict {
        let (text, error, code, decides) = match rules.check(id, *date, *now) {
            Ok(Effect::InEffect) => (format!("Rule {id} is still in effect"), false, 0, true),
            Ok(Effect::Satisfied) => (format!("Rule {id} satisfies conditions"), false, 0, false),
            Ok(Effect::Expired) => (format!("Rule {id} is expired"), false, 110, true),
            Ok(Effect::NotYet) => (format!("Rule {id} has not yet taken effect"), false, 111, true),
            Err(error) => {
                let code = match error {
                    CheckError::NotFound => 105,
                    CheckError::Malformed => 78,
                    _ => 3,
                };
                (format!("Could not determine whether rule {id} is in effect: {error}"), true, code, true)
            }
        };
        Verdict { id: id.to_owned(), text, error, code, decides }
    }
}

fn code(verdicts: &[Verdict]) -> u8 {
    verdicts.iter().rev().find(|verdict| verdict.decides).map_or(0, |verdict| verdict.code)
}

fn text_of(verdicts: &[Verdict]) -> Reply {
    let mut reply = Reply { code: code(verdicts), ..Reply::default() };
    for verdict in verdicts {
        let stream = if verdict.error { &mut reply.err } else { &mut reply.out };
        stream.push_str(&verdict.text);
        stream.push('\n');
    }
    reply
}

fn xml(args: &[String], verdicts: &[Verdict]) -> Reply {
    let code = code(verdicts);
    let mut doc = Document::new("pacemaker-result");
    let root = doc.root();
    doc.set_attr(root, "api-version", "2.42");
    let words: Vec<String> =
        core::iter::once("crm_rule".to_owned()).chain(args.iter().map(|arg| quoted(arg))).collect();
    doc.set_attr(root, "request", &words.join(" "));
    for verdict in verdicts {
        let node = doc.append(root, "rule-check");
        doc.set_attr(node, "rule-id", &verdict.id);
        doc.set_attr(node, "rc", &verdict.code.to_string());
    }
    let status = doc.append(root, "status");
    doc.set_attr(status, "code", &code.to_string());
    doc.set_attr(status, "message", exit_text(code));
    let mut errors = String::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.error) {
        let escaped = verdict.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        errors.push_str(&format!("      <error>{escaped}</error>\n"));
    }
    let mut out = doc.write();
    if !errors.is_empty() {
        let open = format!("  <status code=\"{code}\" message=\"{}\"/>\n", exit_text(code));
        let full =
            format!("{}>\n    <errors>\n{errors}    </errors>\n  </status>\n", open.trim_end().trim_end_matches("/>"));
        out = out.replacen(&open, &full, 1);
    }
    Reply { out, code, ..Reply::default() }
}

/// An argument as a shell would need it.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = r#"<cib><rule id="r1"><date_expression id="d1" operation="in_range" start="2020-01-01" end="2021-01-01"/></rule>
        <rule id="r2"><date_expression id="d2" operation="date_spec"><date_spec id="s2" years="2020"/></date_expression></rule>
        <rule id="r3"><expression id="e" attribute="a" operation="defined"/></rule>
        <rule id="r4"><date_expression id="d4" operation="lt" end="2020-01-01"/></rule></cib>"#;

    fn run(args: &[&str]) -> Reply {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let line = CommandLine::parse(&args, &OPTIONS).unwrap();
        reply(&args, &line, &DateTime::from_epoch(1_590_000_000, 0), || Ok(CIB.to_owned()))
    }

    #[test]
    fn one_rule() {
        let answers = [
            (&["-c", "-r", "r1"][..], "Rule r1 is still in effect\n", 0),
            (&["-c", "-r", "r1", "-d", "2019-01-01"], "Rule r1 has not yet taken effect\n", 111),
            (&["-c", "-r", "r1", "-d", "2022-01-01"], "Rule r1 is expired\n", 110),
            (&["-c", "-r", "r2"], "Rule r2 satisfies conditions\n", 0),
        ];
        for (args, text, code) in answers {
            let reply = run(args);
            assert_eq!((reply.out.as_str(), reply.err.as_str(), reply.code), (text, "", code));
        }
        let reply = run(&["-c", "-r", "r3"]);
        let text = "Could not determine whether rule r3 is in effect: Rule does not have a date expression\n";
        assert_eq!((reply.out.as_str(), reply.err.as_str(), reply.code), ("", text, 3));
        assert_eq!(run(&["-c", "-r", "nope"]).code, 105);
    }

    #[test]
    fn the_last_rule_that_decides_gives_the_status() {
        assert_eq!(run(&["-c", "-r", "r4", "-r", "r1"]).code, 0);
        assert_eq!(run(&["-c", "-r", "r4", "-r", "r2"]).code, 110);
    }

    #[test]
    fn usage() {
        let error = |args: &[&str]| (run(args).err, run(args).code);
        assert_eq!(error(&[]), ("crm_rule: No mode operation given\n".to_owned(), 64));
        assert_eq!(error(&["-c"]), ("crm_rule: --check requires use of --rule=\n".to_owned(), 64));
        assert_eq!(error(&["-c", "-r", "r1", "-d", "x"]), ("crm_rule: Invalid date specified: 'x'\n".to_owned(), 65));
    }

    #[test]
    fn as_xml() {
        let reply = run(&["-c", "-r", "r3", "-r", "r4", "--output-as=xml"]);
        let expected = r#"<pacemaker-result api-version="2.42" request="crm_rule -c -r r3 -r r4 --output-as=xml">
  <rule-check rule-id="r3" rc="3"/>
  <rule-check rule-id="r4" rc="110"/>
  <status code="110" message="Requested item has expired">
    <errors>
      <error>Could not determine whether rule r3 is in effect: Rule does not have a date expression</error>
    </errors>
  </status>
</pacemaker-result>
"#;
        assert_eq!((reply.out.as_str(), reply.code), (expected, 110));
    }
}
