//! What the services say to administrators, in the words they know.

use std::fmt;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something that ends the service.
    Critical,
    /// Something that failed.
    Error,
    /// Something that should be looked at.
    Warning,
    /// Something that happens rarely.
    Notice,
    /// Something that happens.
    Info,
    /// Something for those who wrote it.
    Debug,
}

/// One line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// `VOTEQ`, `QUORUM`, `CPG`, `CFG`.
    pub subsystem: &'static str,
    /// The text.
    pub text: String,
}

impl LogLine {
    pub(crate) fn new(level: Level, subsystem: &'static str, text: impl Into<String>) -> Self {
        LogLine { level, subsystem, text: text.into() }
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.subsystem, self.text)
    }
}
