//! What is wrong with a whole configuration: its schema first, then what the scheduler says on reading it.

use cib_core::rules::DateTime;
use cib_core::schema;
use cib_core::xml::Document;
use policy_core::Options;
use policy_core::model::{Level, Message};

/// What a check comes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::shell) enum Verdict {
    /// Nothing to say against it.
    Fine,
    /// It works, but perhaps not as meant.
    Doubtful,
    /// It is wrong.
    Wrong,
}

impl Verdict {
    /// What the verifier says at the end, if anything.
    pub(in crate::shell) fn text(self) -> Option<&'static str> {
        match self {
            Verdict::Fine => None,
            Verdict::Doubtful => Some("Warnings found during check: config may not be valid"),
            Verdict::Wrong => Some("Errors found during check: config not valid"),
        }
    }
}

/// The result of a check: lines that belong to the schema, then messages of the scheduler in their order.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Findings {
    /// What the schema says.
    pub(in crate::shell) schema: Vec<String>,
    /// What the scheduler says.
    pub(in crate::shell) messages: Vec<Message>,
}

impl Findings {
    /// What it comes to: only what is said of the configuration itself counts.
    pub(in crate::shell) fn verdict(&self) -> Verdict {
        let has = |level| self.messages.iter().any(|message| message.level == level);
        match (has(Level::ConfigError), has(Level::ConfigWarning)) {
            (true, _) => Verdict::Wrong,
            (false, true) => Verdict::Doubtful,
            (false, false) => Verdict::Fine,
        }
    }
}

/// The text that schema `none` brings [CB-5.7].
const NO_SCHEMA: &str = "Schema validation of configuration is disabled (support for validate-with set to \"none\" is \
                         deprecated and will be removed in a future release)";

/// Checks a document that was read from `name` and has a status section, as if it was `now`.
pub(in crate::shell) fn check(doc: &mut Document, name: &str, now: DateTime) -> Findings {
    let wrong = |schema, text: String| Findings { schema, messages: vec![Message { level: Level::ConfigError, text }] };
    if let Err(invalid) = schema::validate(doc) {
        let lines = invalid.to_string().lines().map(|line| format!("{name}: {line}")).collect();
        return wrong(lines, "CIB did not pass schema validation".into());
    }
    if let Err(error) = schema::upgrade(doc) {
        return wrong(Vec::new(), error.to_string());
    }
    let unchecked = doc.attr(doc.root(), "validate-with") == Some("none");
    let schema = if unchecked { vec![NO_SCHEMA.to_owned()] } else { Vec::new() };
    let options = Options { clock: now.epoch_seconds(), utc_offset: now.offset(), ..Options::default() };
    match policy_core::schedule(doc, &options) {
        Ok(schedule) => Findings { schema, messages: schedule.model.messages },
        Err(error) => wrong(schema, error.to_string()),
    }
}

/// How a level is called in a line of the checker.
pub(in crate::shell) fn word(level: Level) -> &'static str {
    match level {
        Level::ConfigError | Level::Error => "error",
        Level::ConfigWarning | Level::Warning => "warning",
        Level::Notice => "notice",
        Level::Info => "info",
    }
}

/// How often `--verbose` has to be given until messages of a level are shown.
pub(in crate::shell) fn verbosity(level: Level) -> usize {
    match word(level) {
        "error" => 1,
        "warning" => 2,
        "notice" => 3,
        _ => 4,
    }
}
