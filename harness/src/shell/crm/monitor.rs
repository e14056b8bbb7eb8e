//! `crm_mon` and `crm status`: the state of the cluster as the CIB has it [SM-12, SH-17].

use std::process::ExitCode;

use cib_core::xml::Document;
use policy_core::Options;
use policy_core::model::Model;
use policy_core::report::{Monitor, Report, monitor};

use super::session::Session;
use super::store::Store;
use crate::shell::cib_tools::local_now;
use crate::shell::cib_tools::tool::{Arguments, OptionSpec, Takes};
use crate::shell::cluster::fencing_history;
use crate::shell::scheduler::run;

const OPTIONS: &[OptionSpec] = &[
    ('1', "one-shot", Takes::Nothing),
    ('r', "inactive", Takes::Nothing),
    ('n', "group-by-node", Takes::Nothing),
    ('b', "brief", Takes::Nothing),
    ('R', "show-detail", Takes::Nothing),
    ('A', "show-node-attributes", Takes::Nothing),
    ('o', "operations", Takes::Nothing),
    ('f', "failcounts", Takes::Nothing),
    ('t', "timing-details", Takes::Nothing),
    ('c', "tickets", Takes::Nothing),
    ('L', "neg-locations", Takes::Optional),
    ('D', "hide-headers", Takes::Nothing),
    ('Q', "quiet", Takes::Nothing),
    ('j', "pending", Takes::Nothing),
    ('m', "fence-history", Takes::Optional),
    ('I', "include", Takes::Value),
    ('U', "exclude", Takes::Value),
    ('V', "verbose", Takes::Nothing),
    ('x', "xml-file", Takes::Value),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
    ('?', "help-all", Takes::Nothing),
    ('$', "version", Takes::Nothing),
];

const HELP: &str = "Usage: crm_mon [OPTIONS]

Shows the state of a cluster as its CIB has it: that in FILE, in the file that CIB_file names, or of the node that runs
here

  -x, --xml-file=FILE          the CIB
      --socket=PATH            the node behind PATH or $METRONOME_SOCKET
  -r, --inactive               also resources that are not active
  -n, --group-by-node          resources below the nodes where they run
  -b, --brief                  numbers of resources instead of a line for each
  -R, --show-detail            every instance, with ids and descriptions
  -A, --show-node-attributes   attributes of nodes
  -o, --operations             the history of operations
  -f, --failcounts             fail counts
  -t, --timing-details         the history with times
  -c, --tickets                tickets
  -m, --fence-history[=LEVEL]  what was fenced: 0 nothing, 1 what failed or is pending (as without it), 2 all, the latest
                               of each kind, 3 all
  -L, --neg-locations[=PREFIX] constraints that keep resources away, if their id begins with PREFIX
  -D, --hide-headers           no summary
  -Q, --quiet                  no times
  -I, --include=LIST           more sections: all, attributes, bans[:PREFIX], counts, dc, default, failcounts,
                               failures, fencing, fencing-failed, fencing-pending, fencing-succeeded, maint-mode, nodes, none, operations, options, resources, stack, summary,
                               tickets, times
  -U, --exclude=LIST           fewer sections
  -1, --one-shot               once (there is no other way here)
";

/// Why there is nothing to show: the exit status, and a text.
type Refused = (u8, String);

/// What the options ask for.
fn wanted(args: &Arguments) -> Result<Monitor, Refused> {
    let mut what = Monitor::default();
    for (name, value) in &args.options {
        let value = value.as_deref();
        match *name {
            "inactive" => what.display.inactive = true,
            "group-by-node" => what.display.by_node = true,
            "brief" => what.display.brief = true,
            "show-detail" => what.display.detail = true,
            "show-node-attributes" => what.attributes = true,
            "operations" => what.operations = true,
            "failcounts" => what.failcounts = true,
            "timing-details" => (what.operations, what.timing) = (true, true),
            "tickets" => what.tickets = true,
            "fence-history" => level(&mut what, value)?,
            "neg-locations" => what.bans = Some(value.unwrap_or_default().to_owned()),
            "hide-headers" => what.select("summary", false).unwrap_or_default(),
            "quiet" => what.select("times", false).unwrap_or_default(),
            "include" | "exclude" => what
                .select(value.unwrap_or_default(), *name == "include")
                .map_err(|word| (64, format!("--{name}: there is no section '{word}'")))?,
            _ => {}
        }
    }
    Ok(what)
}

/// How much of the history of fencing is shown.
fn level(what: &mut Monitor, value: Option<&str>) -> Result<(), Refused> {
    let fencing = &mut what.fencing;
    let (failed, succeeded, full) = match value {
        Some("0") => (false, false, false),
        Some("1") => (true, false, false),
        None | Some("2") => (true, true, false),
        Some("3") => (true, true, true),
        Some(value) => return Err((64, format!("-m/--fence-history: '{value}' is not 0, 1, 2 or 3"))),
    };
    (fencing.failed, fencing.pending, fencing.succeeded, fencing.full) = (failed, failed, succeeded, full);
    Ok(())
}

/// Asks a cluster that runs what it remembers of fencing; a file remembers nothing.
fn with_history(mut what: Monitor, store: &Store) -> Monitor {
    let fencing = &what.fencing;
    let wanted = store.shadow().is_none() && (fencing.failed || fencing.pending || fencing.succeeded);
    let live = store.live().filter(|_| wanted);
    what.fencing.history = live.map(|live| fencing_history(live, None).map_err(|error| error.to_string()));
    what
}

/// What is to be shown of a CIB.
fn shown(cib: &Document, what: &Monitor) -> Result<String, Refused> {
    let mut report = Report::new();
    let doc = run::load(&cib.write(), &mut report).map_err(|exit| (exit, report.merged().trim_end().to_owned()))?;
    let now = local_now();
    let clock = now.epoch_seconds();
    let options = Options { clock, utc_offset: now.offset(), ..Options::default() };
    let mut model = Model::read(&doc, &options).map_err(|error| (65, error.to_string()))?;
    let mut report = Report::new();
    monitor(&mut model, &doc, what, clock, &mut report);
    Ok(report.output())
}

/// `crm_mon`.
pub(super) fn crm_mon(args: &[String]) -> ExitCode {
    let finished = Arguments::parse(args, OPTIONS).map_err(|text| (64, text)).and_then(|args| {
        if args.has("help") || args.has("help-all") {
            return Ok(HELP.to_owned());
        }
        if args.has("version") {
            return Ok(format!("Metronome {}\n", env!("CARGO_PKG_VERSION")));
        }
        let path = args.value("xml-file").map(str::to_owned).or_else(|| std::env::var("CIB_file").ok());
        let store = Store::new(path, args.value("socket"));
        let cib = store.read().map_err(|text| (102, text))?;
        shown(&cib, &with_history(wanted(&args)?, &store))
    });
    match finished {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err((exit, text)) => {
            eprintln!("crm_mon: {text}");
            ExitCode::from(exit)
        }
    }
}

/// `crm status`: words for the options; inactive resources too, if nothing is asked for.
pub(super) fn status(session: &mut Session, arguments: &[String]) -> bool {
    let mut words = Vec::new();
    for word in arguments {
        words.push(match word.as_str() {
            "bynode" => "-n",
            "inactive" => "-r",
            "ops" => "-o",
            "timing" => "-t",
            "failcounts" => "-f",
            "verbose" => "-V",
            "quiet" => "-Q",
            "tickets" => "-c",
            "noheaders" => "-D",
            "detail" => "-R",
            "brief" => "-b",
            "full" => "-ncrft",
            "html" | "xml" | "simple" => return session.fail(&format!("there is no form '{word}' here")),
            other => other,
        });
    }
    if words.is_empty() {
        words.push("-r");
    }
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let Some(cib) = session.read_cib() else { return false };
    let finished = Arguments::parse(&words, OPTIONS)
        .map_err(|text| (64, text))
        .and_then(|args| shown(&cib, &with_history(wanted(&args)?, &session.store)));
    match finished {
        Ok(text) => {
            println!("{text}");
            true
        }
        Err((exit, text)) => session.fail(&format!("crm_mon (rc={exit}): {text}")),
    }
}
