//! What a tool prints and how it ends, before it is printed.

use std::io::Write;
use std::process::ExitCode;

/// A tool's output, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Exit status.
    pub(crate) code: u8,
}

impl Reply {
    /// An error of usage or input: one line on standard error.
    pub(crate) fn failed(tool: &str, message: &str, code: u8) -> Reply {
        Reply { err: format!("{tool}: {message}\n"), code, ..Reply::default() }
    }

    /// Prints it and ends. A reader that went away is no error.
    pub(crate) fn print(&self) -> ExitCode {
        let _ = std::io::stderr().write_all(self.err.as_bytes());
        let _ = std::io::stdout().write_all(self.out.as_bytes());
        ExitCode::from(self.code)
    }
}
