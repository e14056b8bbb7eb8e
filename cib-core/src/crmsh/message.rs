//! What the language says: errors with their place, and messages of commands [SH-16.6].

use core::fmt;

use super::text::Line;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `INFO`, on standard output.
    Info,
    /// `WARNING`, on standard output.
    Warning,
    /// `ERROR`, on standard error.
    Error,
}

/// A message of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How grave it is.
    pub level: Level,
    /// Number of the logical line of a file that it is about.
    pub line: Option<usize>,
    /// The text.
    pub text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        match self.line {
            Some(line) => write!(f, "{level}: {line}: {}", self.text),
            None => write!(f, "{level}: {}", self.text),
        }
    }
}

/// An error in a text of the configuration language.
///
/// `Display` gives the field's own words: `syntax in KEYWORD: MESSAGE near <TOKEN> parsing 'TOKENS'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmError {
    /// Number of the logical line, comments counted, empty lines not.
    pub logical_line: usize,
    /// Physical line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The words that could have stood at this place; empty where any word of a class could.
    pub expected: Vec<&'static str>,
    /// For syntax errors: keyword, token at which the parser stands, and all tokens.
    pub syntax: Option<Box<Syntax>>,
    /// What was found before the error proper.
    pub preceding: Vec<String>,
}

/// The parts of a syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Keyword of the object, or `role` or `action` inside resource sets.
    pub context: Option<String>,
    /// The token at which the parser stands.
    pub near: Option<String>,
    /// All tokens, joined by blanks.
    pub parsing: String,
}

impl CrmError {
    /// An error that is not about the grammar.
    pub(super) fn plain(line: &Line, offset: usize, message: String) -> CrmError {
        let (physical, column) = line.place(offset);
        CrmError {
            logical_line: line.number,
            line: physical,
            column,
            message,
            expected: Vec::new(),
            syntax: None,
            preceding: Vec::new(),
        }
    }

    /// The messages of a command that met this error; `numbered` while a file is loaded.
    #[must_use]
    pub fn messages(&self, numbered: bool) -> Vec<Message> {
        let line = numbered.then_some(self.logical_line);
        let texts = self.preceding.iter().cloned().chain([self.to_string()]);
        texts.map(|text| Message { level: Level::Error, line, text }).collect()
    }
}

impl fmt::Display for CrmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(syntax) = &self.syntax else { return f.write_str(&self.message) };
        f.write_str("syntax")?;
        if let Some(context) = &syntax.context {
            write!(f, " in {context}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(near) = &syntax.near {
            write!(f, " near <{near}>")?;
        }
        write!(f, " parsing '{}'", syntax.parsing)
    }
}

impl std::error::Error for CrmError {}
