//! The configuration language of the `crm` shell, parsed and printed.
//!
//! A text is read into [`Statement`]s ([`parse`]); a [`Configuration`] is a working copy of a CIB to which statements and commands are
//! applied, with generated ids, constraints that follow their resources, and messages in the field's words; [`show`] prints a CIB in
//! the language again. What the language cannot express is printed as `xml`.
//!
//! ```
//! use cib_core::crmsh;
//! use cib_core::xml::Document;
//!
//! let mut cib = Document::parse("<cib validate-with='pacemaker-3.9'><configuration><resources/></configuration></cib>")?;
//! crmsh::configure(&mut cib, "primitive p1 Dummy op monitor interval=10s\nclone c1 p1")?;
//! assert_eq!(crmsh::show(&cib), "primitive p1 Dummy \\\n\top monitor interval=10s\nclone c1 p1\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dialect;
mod equal;
mod ids;
mod keyword;
mod message;
mod parse;
mod print;
mod text;
mod working;

pub use dialect::{AgentAction, AgentMetaData, AgentParameter, Agents, Dialect, NoAgents};
pub use keyword::Keyword;
pub use message::{CrmError, Level, Message, Syntax};
pub use parse::{Origin, Parsed, Statement};
pub use text::{Line, Token, logical_lines};
pub use working::{Checked, Configuration, EditError, Method, Object, Preferences, Selection, Strictness};

use crate::xml::Document;

/// Reads all statements of a text.
///
/// # Errors
/// The first error, with its place.
pub fn parse(text: &str) -> Result<Vec<Statement>, CrmError> {
    let mut parsed = parse_with(text, &Dialect::default());
    if parsed.errors.is_empty() { Ok(parsed.statements) } else { Err(parsed.errors.swap_remove(0)) }
}

/// Reads all statements of a text in a dialect, with every error and message.
#[must_use]
pub fn parse_with(text: &str, dialect: &Dialect<'_>) -> Parsed {
    parse::parse_file(text, dialect)
}

/// A text that could not be applied; the messages say why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .messages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigureError {
    /// All messages, in order.
    pub messages: Vec<Message>,
}

/// Applies a text to the configuration of `cib`, as `crm configure load update` does; the messages that it gives.
///
/// # Errors
/// The text has an error, or what it asks for is impossible; `cib` is then as it was.
pub fn configure(cib: &mut Document, text: &str) -> Result<Vec<Message>, ConfigureError> {
    let mut copy = Configuration::new(cib);
    copy.take_messages();
    let done = copy.load(text, Method::Update);
    let messages = copy.take_messages();
    if !done {
        return Err(ConfigureError { messages });
    }
    copy.commit(cib);
    Ok(messages)
}

/// The configuration of `cib` in the language.
#[must_use]
pub fn show(cib: &Document) -> String {
    Configuration::new(cib).save()
}
