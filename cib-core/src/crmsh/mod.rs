//! The configuration language of the seeds, parsed and printed.

mod dialect;
mod keyword;
mod message;
mod parse;
mod text;

pub use dialect::{AgentAction, AgentMetaData, AgentParameter, Agents, Dialect, NoAgents};
pub use keyword::Keyword;
pub use message::{CrmError, Level, Message, Syntax};
pub use parse::{Origin, Parsed, Statement};
pub use text::{Line, Token, logical_lines};

/// Reads all statements of a text.
///
/// # Errors
/// The first error, with its place.
pub fn parse(text: &str) -> Result<Vec<Statement>, CrmError> {
    let mut parsed = parse::parse_file(text, &Dialect::default());
    if parsed.errors.is_empty() { Ok(parsed.statements) } else { Err(parsed.errors.swap_remove(0)) }
}
