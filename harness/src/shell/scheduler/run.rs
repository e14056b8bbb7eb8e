//! One run of `crm_simulate`, without touching files or streams [SM-3].

use super::arguments::Arguments;
use cib_core::rules::{DateTime, parse_integer};
use cib_core::schema;
use cib_core::xml::{Document, Limits};
use policy_core::graph::{self, Graph};
use policy_core::model::{Model, Wants};
use policy_core::report::{self, Display, Report};
use policy_core::{Options, simulate};

/// The exit statuses used here [SM-2.3].
pub mod exit {
    /// All went well.
    pub const OK: u8 = 0;
    /// The transition was invalid.
    pub const ERROR: u8 = 1;
    /// Wrong usage.
    pub const USAGE: u8 = 64;
    /// Unreadable input.
    pub const DATA: u8 = 65;
    /// An internal error.
    pub const SOFTWARE: u8 = 70;
    /// A file cannot be written.
    pub const CANTCREAT: u8 = 73;
    /// No node runs here.
    pub const DISCONNECT: u8 = 102;
    /// A graph file cannot be written.
    pub const IO: u8 = 74;
    /// The configuration is invalid.
    pub const CONFIG: u8 = 78;
    /// No such folder.
    pub const NOSUCH: u8 = 105;
}

/// Everything that a run makes.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is printed.
    pub report: Report,
    /// The exit status.
    pub exit: u8,
    /// The graph as XML.
    pub graph: Option<String>,
    /// The graph as DOT.
    pub dot: Option<String>,
    /// The CIB after injections.
    pub input: Option<String>,
    /// The CIB at the end.
    pub result: Option<String>,
    /// The graph itself, for a picture.
    pub made: Option<Graph>,
}

/// The text that schema `none` brings [SM-2.5].
const NO_SCHEMA: &str = "Schema validation of configuration is disabled (support for validate-with set to \"none\" is \
                         deprecated and will be removed in a future release)";

/// Reads a CIB and brings it to the newest schema [SM-2.2].
///
/// # Errors
/// The exit status, and what to print.
pub fn load(text: &str, report: &mut Report) -> Result<Document, u8> {
    let Ok(mut cib) = Document::parse_with(text, &Limits::file()) else {
        report.error("crm_simulate: Could not read input XML: Bad input value provided");
        return Err(exit::DATA);
    };
    let root = cib.root();
    if cib.child(root, "status").is_none() {
        cib.append(root, "status");
    }
    match schema::upgrade(&mut cib) {
        Ok(_) => {}
        Err(schema::UpgradeError::Unknown(_)) => return Err(exit::CONFIG),
        Err(error) => {
            report.error(error);
            return Err(exit::CONFIG);
        }
    }
    if cib.attr(cib.root(), "validate-with") == Some("none") {
        report.error(NO_SCHEMA);
    } else if schema::validate(&cib).is_err() {
        return Err(exit::CONFIG);
    }
    Ok(cib)
}

/// The state of a run.
struct Session<'a> {
    arguments: &'a Arguments,
    cib: Document,
    options: Options,
    report: Report,
    /// Whether an earlier step printed something.
    printed: bool,
    outcome: Outcome,
    /// Another run that wants graphs and scores of the same schedule.
    second: Option<(&'a Arguments, Outcome)>,
}

/// Runs on the CIB in `text`; `clock` is the real time in seconds since the epoch.
#[must_use]
pub fn run(arguments: &Arguments, text: &str, clock: i64, utc_offset: i32) -> Outcome {
    let mut report = Report::new();
    match load(text, &mut report) {
        Ok(cib) => run_on(arguments, cib, report, clock, utc_offset),
        Err(exit) => Outcome { report, exit, ..Outcome::default() },
    }
}

/// Runs on a CIB that was [loaded](load); `report` holds what loading told.
#[must_use]
pub fn run_on(arguments: &Arguments, cib: Document, report: Report, clock: i64, utc_offset: i32) -> Outcome {
    session(arguments, cib, report, clock, utc_offset).run().0
}

/// Runs as [`run_on`] for two sets of arguments that differ in what is shown only: the second, quiet one gets its scores and
/// graphs from the schedule of the first.
#[must_use]
pub fn run_pair(
    (shown, quiet): (&Arguments, &Arguments),
    cib: Document,
    report: Report,
    clock: i64,
    utc_offset: i32,
) -> (Outcome, Outcome) {
    let second = Outcome { report: report.clone().quiet().plain(), ..Outcome::default() };
    let mut session = session(shown, cib, report, clock, utc_offset);
    session.options.wants.scores |= quiet.scores;
    session.second = Some((quiet, second));
    let (first, second) = session.run();
    (first, second.unwrap_or_default())
}

fn session(arguments: &Arguments, cib: Document, mut report: Report, clock: i64, utc_offset: i32) -> Session<'_> {
    if arguments.quiet {
        report = report.quiet();
        if arguments.scores {
            report = report.plain();
        }
    }
    let local = DateTime::from_epoch(clock, utc_offset);
    let options = Options {
        now: arguments.datetime.as_ref().and_then(|text| DateTime::parse(text, &local).ok()),
        utc_offset,
        clock,
        wants: Wants { scores: arguments.scores, utilization: arguments.utilization, ..Wants::default() },
    };
    Session { arguments, cib, options, report, printed: false, outcome: Outcome::default(), second: None }
}

impl Session<'_> {
    fn run(mut self) -> (Outcome, Option<Outcome>) {
        match self.steps() {
            Ok(exit) => self.outcome.exit = exit,
            Err((exit, text)) => {
                self.report.error(format_args!("crm_simulate: {text}"));
                self.outcome.exit = exit;
            }
        }
        if self.arguments.save_output.is_some() || self.arguments.in_place {
            self.outcome.result = Some(self.cib.write());
        }
        self.outcome.report = self.report;
        (self.outcome, self.second.map(|(_, outcome)| outcome))
    }

    fn steps(&mut self) -> Result<u8, (u8, String)> {
        let mut model = self.read()?;
        self.effective_time();
        if !self.arguments.quiet {
            self.header(&model);
            self.separate();
            let display = Display {
                attributes: self.arguments.attributes,
                failcounts: self.arguments.failcounts,
                ..Display::current()
            };
            report::status(&mut model, &self.cib, display, "Current cluster status", &mut self.report);
            self.printed = true;
        }
        if !self.arguments.injections.is_empty() {
            self.separate();
            self.inject(&model)?;
            model = self.read()?;
            self.effective_time();
        }
        if self.arguments.save_input.is_some() {
            self.outcome.input = Some(self.cib.write());
        }
        if !self.arguments.process() {
            return Ok(exit::OK);
        }
        let graph = self.schedule(&mut model);
        let mut status = exit::OK;
        if self.arguments.simulate {
            status = self.simulate(&model, &graph)?;
        }
        self.outcome.made = Some(graph);
        Ok(status)
    }

    fn read(&self) -> Result<Model, (u8, String)> {
        Model::read(&self.cib, &self.options).map_err(|error| (exit::DATA, error.to_string()))
    }

    /// A blank line, if anything was printed before.
    fn separate(&mut self) {
        if self.printed {
            self.report.blank();
        }
    }

    /// [SM-3.1]
    fn effective_time(&mut self) {
        if let Some(text) = &self.arguments.datetime {
            self.report.info(format_args!("Setting effective cluster time: {text}"));
        } else if let Some(time) = self.cib.attr(self.cib.root(), "execution-date").and_then(parse_integer) {
            let time = DateTime::from_epoch(time, 0);
            self.report.info(format_args!("Using the original execution date of: {time}"));
        }
    }

    fn header(&mut self, model: &Model) {
        if model.options.maintenance_mode {
            self.report.blank();
            self.report.info("              *** Resource management is DISABLED ***");
            self.report.info("  The cluster will not attempt to start, stop or recover services");
            self.printed = true;
        }
        if let Some(line) = report::counts_line(model) {
            self.separate();
            self.report.info(line);
            self.printed = true;
        }
    }

    fn copy(cib: &mut Document, clock: i64, add_nodes: bool) -> simulate::Copy<'_> {
        simulate::Copy::new(cib, clock, add_nodes)
    }

    fn inject(&mut self, model: &Model) -> Result<(), (u8, String)> {
        let add_nodes = !self.arguments.injections.node_up.is_empty();
        let mut copy = Self::copy(&mut self.cib, self.options.clock, add_nodes);
        self.printed = true;
        let mut unseen = Report::new();
        let shown = if self.arguments.quiet { &mut unseen } else { &mut self.report };
        simulate::inject(&mut copy, model, &self.arguments.injections, shown).map_err(|text| (exit::SOFTWARE, text))
    }

    /// Schedules, with scores and summary.
    fn schedule(&mut self, model: &mut Model) -> Graph {
        let (scores, utilization) = (self.arguments.scores, self.arguments.utilization);
        let listed = scores || utilization;
        if listed {
            self.separate();
            self.report.open(match (scores, utilization) {
                (true, true) => "Assignment Scores and Utilization Information",
                (true, false) => "Assignment Scores",
                _ => "Utilization Information",
            });
        }
        let graph = model.decide();
        if listed {
            report::scores(model, &mut self.report);
            self.report.close();
            self.printed = true;
        }
        write_graphs(self.arguments, model, &graph, &mut self.outcome);
        if let Some((arguments, outcome)) = &mut self.second {
            if !arguments.injections.is_empty() {
                outcome.report.blank();
            }
            report::scores(model, &mut outcome.report);
            write_graphs(arguments, model, &graph, outcome);
        }
        if !self.arguments.quiet {
            self.separate();
            report::changes::summary(model, &mut self.report);
            self.printed = true;
        }
        graph
    }

    fn simulate(&mut self, model: &Model, graph: &Graph) -> Result<u8, (u8, String)> {
        let quiet = self.arguments.quiet;
        self.separate();
        if let Some((_, outcome)) = &mut self.second {
            outcome.report.blank();
        }
        // in quiet mode the actions are carried out all the same, but not shown
        let mut unseen = Report::new();
        let shown = if quiet { &mut unseen } else { &mut self.report };
        if !quiet {
            shown.open("Executing Cluster Transition");
        }
        let add_nodes = !self.arguments.injections.node_up.is_empty();
        let mut copy = Self::copy(&mut self.cib, self.options.clock, add_nodes);
        let complete = simulate::execute(&mut copy, model, graph, &self.arguments.failures, shown);
        if quiet {
            return Ok(if complete { exit::OK } else { exit::ERROR });
        }
        self.report.close();
        self.effective_time();
        let mut revised = self.read()?;
        self.report.blank();
        let display = Display {
            attributes: self.arguments.attributes,
            failcounts: self.arguments.failcounts,
            ..Display::revised()
        };
        report::status(&mut revised, &self.cib, display, "Revised Cluster Status", &mut self.report);
        Ok(if complete { exit::OK } else { exit::ERROR })
    }
}

/// The graph in the forms that are asked for.
fn write_graphs(arguments: &Arguments, model: &Model, graph: &Graph, outcome: &mut Outcome) {
    if arguments.save_graph.is_some() {
        outcome.graph = Some(graph.write());
    }
    if arguments.save_dot.is_some() {
        let options = graph::DotOptions { all_actions: arguments.all_actions, verbose: arguments.verbose > 0 };
        outcome.dot = Some(graph::dot(model, options));
    }
}

/// What `metronome explain` prints.
///
/// # Errors
/// The exit status and a text.
pub fn explain(text: &str, resource: &str, datetime: Option<String>, clock: i64) -> Result<String, (u8, String)> {
    let mut report = Report::new();
    let cib = load(text, &mut report).map_err(|exit| (exit, "the CIB cannot be used".to_owned()))?;
    let local = DateTime::from_epoch(clock, 0);
    let options = Options {
        now: datetime.and_then(|text| DateTime::parse(&text, &local).ok()),
        clock,
        wants: Wants { trace: true, ..Wants::default() },
        ..Options::default()
    };
    let schedule = policy_core::schedule(&cib, &options).map_err(|error| (exit::DATA, error.to_string()))?;
    schedule.explain(resource).ok_or_else(|| (exit::NOSUCH, format!("no resource named '{resource}'")))
}

/// How long scheduling a file takes, `repeat` times, loading not included; none if it cannot be scheduled.
#[must_use]
pub fn time(file: &str, repeat: u32) -> Option<std::time::Duration> {
    let text = std::fs::read_to_string(file).ok()?;
    let cib = load(&text, &mut Report::new()).ok()?;
    let options = Options { clock: super::clock(), ..Options::default() };
    let start = std::time::Instant::now();
    for _ in 0..repeat.max(1) {
        policy_core::schedule(&cib, &options).ok()?;
    }
    Some(start.elapsed())
}
