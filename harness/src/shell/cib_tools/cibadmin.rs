//! `cibadmin`: query and change a CIB.

use std::process::ExitCode;

use super::tool::{Arguments, Finished, OptionSpec, Report, Surroundings, Takes};
use crate::shell::cluster::Live;
use cib_core::acl::{self, Marking};
use cib_core::cib::{self, CallOptions, Cib, Code, Holder, Operation, Request};
use cib_core::patch::digest;
use cib_core::schema;
use cib_core::xml::Document;

const OPTIONS: &[OptionSpec] = &[
    ('Q', "query", Takes::Nothing),
    ('C', "create", Takes::Nothing),
    ('M', "modify", Takes::Nothing),
    ('R', "replace", Takes::Nothing),
    ('D', "delete", Takes::Nothing),
    ('d', "delete-all", Takes::Nothing),
    ('P', "patch", Takes::Nothing),
    ('E', "erase", Takes::Nothing),
    ('B', "bump", Takes::Nothing),
    ('u', "upgrade", Takes::Nothing),
    ('a', "empty", Takes::Nothing),
    ('5', "md5-sum", Takes::Nothing),
    ('6', "md5-sum-versioned", Takes::Nothing),
    ('x', "xml-file", Takes::Value),
    ('X', "xml-text", Takes::Value),
    ('p', "xml-pipe", Takes::Nothing),
    ('f', "force", Takes::Nothing),
    ('t', "timeout", Takes::Value),
    ('U', "user", Takes::Value),
    ('o', "scope", Takes::Value),
    ('A', "xpath", Takes::Value),
    ('S', "show-access", Takes::Optional),
    (' ', "score", Takes::Nothing),
    ('c', "allow-create", Takes::Nothing),
    ('n', "no-children", Takes::Nothing),
    ('e', "node-path", Takes::Nothing),
    ('l', "local", Takes::Nothing),
    ('s', "sync-call", Takes::Nothing),
    ('N', "node", Takes::Value),
    ('V', "verbose", Takes::Nothing),
    (' ', "output-as", Takes::Value),
    (' ', "output-to", Takes::Value),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
    ('?', "help-all", Takes::Nothing),
    ('$', "version", Takes::Nothing),
];

const COMMANDS: [&str; 13] = [
    "query",
    "create",
    "modify",
    "replace",
    "delete",
    "delete-all",
    "patch",
    "erase",
    "bump",
    "upgrade",
    "empty",
    "md5-sum",
    "md5-sum-versioned",
];

const HELP: &str = "Usage:
  cibadmin [OPTION…] [<command>]

query and edit the Pacemaker configuration

Commands (the last one counts; default: --query):
  -Q, --query                  Query the contents of the CIB
  -C, --create                 Create an object
  -M, --modify                 Modify an object (with --allow-create, create it)
  -P, --patch                  Apply a patch
  -R, --replace                Replace an object
  -D, --delete                 Delete the first object that matches
  -d, --delete-all             With --xpath, delete all matches
  -E, --erase                  Erase the contents of the whole CIB
  -B, --bump                   Increase the epoch
  -u, --upgrade                Upgrade to the newest schema
  -a, --empty [SCHEMA]         Output an empty CIB
  -5, --md5-sum                Calculate the on-disk digest
  -6, --md5-sum-versioned      Calculate the versioned digest

Data:
  -x, --xml-file=FILE          Input from a file
  -X, --xml-text=TEXT          Input from the command line
  -p, --xml-pipe               Input from standard input

Options:
  -f, --force                  Carry out dangerous commands
  -t, --timeout=SECONDS        Time to wait
  -U, --user=USER              Run with the permissions of a user
  -o, --scope=NAME             Limit to a section
  -A, --xpath=PATH             Limit to the matches of an XPath
  -S, --show-access[=MODE]     Show what a user may do (text, color, namespace, auto)
      --score                  Carry out 'name++' and 'name+=value'
  -c, --allow-create           Modify may create what does not exist
  -n, --no-children            Without the children of what matches
  -e, --node-path              Paths instead of elements
      --output-as=text|xml     Form of the output
      --output-to=FILE         Where the output goes
      --socket=PATH            Where the node listens; $METRONOME_SOCKET if not given

The CIB is the file that CIB_file names; without it, that of the node that runs here.
";

const DANGEROUS: &str = "The supplied command is considered dangerous. To prevent accidental destruction of the cluster, the --force flag is required in order to proceed.";

/// `cibadmin`: query and change a CIB.
pub fn cibadmin(args: &[String]) -> ExitCode {
    run(args, &Surroundings::of_process()).exit()
}

/// Runs the tool in surroundings.
pub(super) fn run(args: &[String], around: &Surroundings) -> Finished {
    let parsed = match Arguments::parse(args, OPTIONS) {
        Ok(parsed) => parsed,
        Err(text) => return Report::new("cibadmin", args, None).refuse(&text, 64),
    };
    let report = Report::new("cibadmin", args, parsed.value("output-as"));
    if parsed.has("help") || parsed.has("help-all") {
        return Finished { stdout: HELP.into(), ..Finished::default() };
    }
    if parsed.has("version") {
        return Finished { stdout: format!("Metronome {}\n", env!("CARGO_PKG_VERSION")), ..Finished::default() };
    }
    let finished = Call { args: &parsed, around }.run(report);
    match parsed.value("output-to").filter(|to| *to != "-") {
        None => finished,
        Some(file) => match std::fs::write(around.path(file), &finished.stdout) {
            Ok(()) => Finished { stdout: String::new(), ..finished },
            Err(e) => Finished { stdout: String::new(), stderr: format!("cibadmin: {file}: {e}\n"), code: 73 },
        },
    }
}

struct Call<'a> {
    args: &'a Arguments,
    around: &'a Surroundings,
}

impl Call<'_> {
    fn run(&self, mut report: Report) -> Finished {
        let command = self.args.options.iter().rev().map(|(n, _)| *n).find(|n| COMMANDS.contains(n)).unwrap_or("query");
        let (schema, stray) = match (command, &self.args.rest[..]) {
            ("empty", [schema]) => (Some(schema.as_str()), &[][..]),
            (_, rest) => (None, rest),
        };
        if !stray.is_empty() {
            let text = format!("non-option ARGV-elements: {}\n\n{HELP}", stray.join(" "));
            let finished = report.refuse(&text, 64);
            return Finished { stderr: finished.stderr.trim_end_matches('\n').to_owned() + "\n", ..finished };
        }
        if matches!(command, "erase" | "upgrade" | "delete-all") && !self.args.has("force") {
            return report.refuse(DANGEROUS, 107);
        }
        let show = match self.show_access() {
            Ok(show) => show,
            Err(text) => return report.refuse(&text, 64),
        };
        let scope = self.scope();
        let unknown = |name: &str| !cib::is_section(name) || matches!(name, "cib" | "all");
        if let Some(("scope", name)) = scope.filter(|(_, name)| unknown(name)) {
            report.note(&format!("Invalid value '{name}' for '--scope'. Operation will apply to the entire CIB"));
        }
        let input = match self.input(command, scope) {
            Ok(input) => input,
            Err((text, code)) => return report.refuse(&text, code),
        };
        match command {
            "empty" => {
                report.document("output", &cib::empty(schema, 1).write());
                return report.finish(0);
            }
            "md5-sum" | "md5-sum-versioned" => {
                let input = input.unwrap_or_else(|| Document::new("cib"));
                let digest = if command == "md5-sum" { digest::on_disk(&input) } else { digest::versioned(&input) };
                report.line(&digest, "md5-sum", "digest");
                return report.finish(0);
            }
            _ => {}
        }
        self.operate(report, command, scope, input, show)
    }

    /// The scope or XPath, whichever was given last.
    fn scope(&self) -> Option<(&'static str, &str)> {
        let last = self.args.options.iter().rev().find(|(n, _)| matches!(*n, "scope" | "xpath"));
        last.and_then(|(name, value)| Some((*name, value.as_deref()?)))
    }

    fn show_access(&self) -> Result<Option<Marking>, String> {
        if !self.args.has("show-access") {
            return Ok(None);
        }
        let marking = match self.args.value("show-access").unwrap_or("auto") {
            // Output is collected first: nobody can tell whether a terminal is at the other end.
            "auto" | "text" => Marking::Text,
            "color" => Marking::Color,
            "namespace" => Marking::Namespace,
            other => return Err(format!("Invalid value '{other}' for option '--show-access'")),
        };
        if self.args.value("user").is_none() {
            return Err("-U/--user is required with -S/--show-access".into());
        }
        Ok(Some(marking))
    }

    /// The input of the command.
    fn input(&self, command: &str, scope: Option<(&str, &str)>) -> Result<Option<Document>, (String, u8)> {
        let unparsable = |source: &str| (format!("Couldn't parse input from {source}"), 65);
        if let Some(file) = self.args.value("xml-file") {
            return self.around.document(file).map(Some).map_err(|_| unparsable(file));
        }
        if let Some(text) = self.args.value("xml-text") {
            return Document::parse(text).map(Some).map_err(|_| unparsable("input string"));
        }
        if self.args.has("xml-pipe") {
            return self.around.document("-").map(Some).map_err(|_| unparsable("stdin"));
        }
        let xpath = scope.is_some_and(|(kind, _)| kind == "xpath");
        match command {
            "delete" | "delete-all" if !xpath => Err((
                "The supplied command requires either --xpath or input via --xml-file, --xml-text, or --xml-pipe"
                    .into(),
                64,
            )),
            "create" | "modify" | "replace" | "patch" | "md5-sum" | "md5-sum-versioned" => {
                Err(("The supplied command requires input via --xml-file, --xml-text, or --xml-pipe".into(), 64))
            }
            _ => Ok(None),
        }
    }

    fn request(&self, command: &str, scope: Option<(&str, &str)>, input: Option<Document>) -> Request {
        let operation = match command {
            "create" => Operation::Create,
            "modify" => Operation::Modify,
            "replace" => Operation::Replace,
            "delete" | "delete-all" => Operation::Delete,
            "patch" => Operation::Patch,
            "erase" => Operation::Erase,
            "bump" => Operation::Bump,
            "upgrade" => Operation::Upgrade,
            _ => Operation::Query,
        };
        let mut request = Request::new(operation);
        request.input = input;
        if let Some((kind, name)) = scope {
            request = if kind == "xpath" { request.xpath(name) } else { request.section(name) };
        }
        let flags = [
            ("delete-all", CallOptions::MULTIPLE),
            ("allow-create", CallOptions::MAY_CREATE),
            ("no-children", CallOptions::NO_CHILDREN),
            ("score", CallOptions::SCORE),
            ("modify", CallOptions::SCORE),
            ("node-path", CallOptions::PATHS),
        ];
        for (name, option) in flags {
            let commanded = COMMANDS.contains(&name);
            if if commanded { name == command } else { self.args.has(name) } {
                request = request.options(option);
            }
        }
        request.client = Some("cibadmin".into());
        request.user = self.args.value("user").or(self.around.variable("CIB_user")).map(str::to_owned);
        let whole = |input: &&mut Document| input.name(input.root()) == "cib";
        let replaced = request.input.as_mut().filter(|_| operation == Operation::Replace).filter(whole);
        if let Some(input) = replaced {
            let root = input.root();
            if input.child(root, "status").is_none() {
                input.append(root, "status");
            }
        }
        request
    }

    fn operate(
        &self,
        mut report: Report,
        command: &str,
        scope: Option<(&str, &str)>,
        input: Option<Document>,
        show: Option<Marking>,
    ) -> Finished {
        if self.around.variable("CIB_file").is_none() {
            return self.operate_live(report, command, scope, input, show);
        }
        let (mut cib, file) = match self.open() {
            Ok(opened) => opened,
            Err(code) => return report.failed("Could not connect to the CIB API", code),
        };
        if let Some(marking) = show {
            return self.render(report, &cib, marking);
        }
        let request = self.request(command, scope, input);
        let outcome = cib.perform(&request, Holder::File);
        if let Some(output) = &outcome.output {
            self.print(&mut report, output, &request);
        }
        if let Err(code) = outcome.result {
            return report.failed("CIB API call failed", code);
        }
        let written = match request.operation.modifies() {
            true => std::fs::write(self.around.path(file), cib.write()),
            false => Ok(()),
        };
        match written {
            Ok(()) => report.finish(0),
            Err(e) => report.refuse(&format!("{file}: {e}"), Code::CibSave.exit()),
        }
    }

    /// The same on the node that runs here.
    fn operate_live(
        &self,
        mut report: Report,
        command: &str,
        scope: Option<(&str, &str)>,
        input: Option<Document>,
        show: Option<Marking>,
    ) -> Finished {
        let live = Live::at(self.args.value("socket").or(self.around.variable("METRONOME_SOCKET")));
        const FAILED: &str = "Could not connect to the CIB API";
        if let Some(marking) = show {
            return match live.read() {
                Ok(doc) => self.render(report, &Cib::from_document(doc), marking),
                Err(silent) => report.failed(FAILED, silent.code()),
            };
        }
        let request = self.request(command, scope, input);
        let ended = match live.perform(&request) {
            Ok(ended) => ended,
            Err(silent) => return report.failed(FAILED, silent.code()),
        };
        if let Some(output) = &ended.output {
            self.print(&mut report, output, &request);
        }
        match ended.result {
            Ok(()) => report.finish(0),
            Err(code) => report.failed("CIB API call failed", code),
        }
    }

    /// The document of the file that the environment names [CB-12.6].
    fn open(&self) -> Result<(Cib, &str), Code> {
        let file = self.around.variable("CIB_file").ok_or(Code::Enotconn)?;
        if file != "-" && !self.around.path(file).exists() {
            return Err(Code::Enxio);
        }
        let mut doc = self.around.document(file).map_err(|_| Code::SchemaValidation)?;
        let root = doc.root();
        if doc.child(root, "status").is_none() {
            doc.append(root, "status");
        }
        schema::validate(&doc).map_err(|_| Code::SchemaValidation)?;
        Ok((Cib::from_document(doc), file))
    }

    fn render(&self, mut report: Report, cib: &Cib, marking: Marking) -> Finished {
        let user = self.args.value("user").unwrap_or_default();
        match acl::render(cib, user, &[], marking) {
            Ok(text) => {
                report.document("output", &text);
                report.finish(0)
            }
            Err(e) => {
                report.error(&format!("Could not evaluate ACLs for {user}: {}", e.code().text()));
                report.finish(78)
            }
        }
    }

    fn print(&self, report: &mut Report, output: &Document, request: &Request) {
        if !request.options.has(CallOptions::PATHS) || report.is_xml() {
            return report.document("output", &output.write());
        }
        // The ids of what there is: those of the list are paths. An element by itself shows its own.
        let root = output.root();
        let shown: Vec<_> =
            if output.name(root) == "xpath-query" { output.children(root).collect() } else { vec![root] };
        let ids = shown.into_iter().filter_map(|n| output.id(n));
        report.document("output", &ids.map(|id| format!("{id}\n")).collect::<String>());
    }
}
