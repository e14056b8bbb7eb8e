//! The parser's position in the tokens, and the classes of tokens [SH-3.2].

use super::Origin;
use crate::crmsh::dialect::Dialect;
use crate::crmsh::message::{CrmError, Level, Message, Syntax};
use crate::crmsh::text::{Line, Token};
use crate::xml::{Document, NodeIx, Style};

/// Where an error is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Near {
    /// At the token at which the parser stands.
    Here,
    /// At this token.
    Token(String),
    /// Nowhere.
    Nowhere,
}

/// An error before it knows its line.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    message: String,
    expected: Vec<&'static str>,
    context: Option<&'static str>,
    has_context: bool,
    near: Near,
    preceding: Vec<String>,
    plain: bool,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Fault {
        Fault {
            message: message.into(),
            expected: Vec::new(),
            context: None,
            has_context: true,
            near: Near::Here,
            preceding: Vec::new(),
            plain: false,
        }
    }

    /// Names the words that could have stood here.
    pub(super) fn expecting(mut self, words: &[&'static str]) -> Fault {
        self.expected = words.to_vec();
        self
    }

    /// Says that the context is not the object's keyword but this.
    pub(super) fn in_context(mut self, context: &'static str) -> Fault {
        self.context = Some(context);
        self
    }

    pub(super) fn without_context(mut self) -> Fault {
        self.has_context = false;
        self
    }

    pub(super) fn near(mut self, token: Option<String>) -> Fault {
        self.near = token.map_or(Near::Nowhere, Near::Token);
        self
    }

    /// Puts a message before the error proper.
    pub(super) fn after(mut self, message: String) -> Fault {
        self.preceding.push(message);
        self
    }

    /// Not an error of the grammar: the message stands alone.
    pub(super) fn plain(mut self) -> Fault {
        self.plain = true;
        self
    }
}

/// The words that end a list of pairs and open something else [SH-3.3].
pub(super) const SET_WORDS: [&str; 9] =
    ["params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes"];

/// Tokens, the place in them, and the element under construction.
pub(super) struct Parser<'a> {
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) origin: Origin,
    pub(super) dialect: &'a Dialect<'a>,
    pub(super) doc: Document,
    pub(super) messages: Vec<Message>,
    line: Option<usize>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        tokens: Vec<Token>,
        origin: Origin,
        dialect: &'a Dialect<'a>,
        root: &str,
        line: Option<usize>,
    ) -> Parser<'a> {
        Parser { tokens, at: 0, origin, dialect, doc: Document::new(root), messages: Vec::new(), line }
    }

    /// The error that a fault is, on its line.
    pub(super) fn error(&self, line: &Line, word: &str, fault: Fault) -> CrmError {
        let offset = self.tokens.get(self.at).map_or(line.text.len(), |token| token.offset);
        let mut error = CrmError::plain(line, offset, fault.message);
        error.expected = fault.expected;
        error.preceding = fault.preceding;
        if !fault.plain {
            error.syntax = Some(Box::new(Syntax {
                context: fault.has_context.then(|| fault.context.unwrap_or(word).to_owned()),
                near: match fault.near {
                    Near::Here => self.peek().map(str::to_owned),
                    Near::Token(token) => Some(token),
                    Near::Nowhere => None,
                },
                parsing: self.tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" "),
            }));
        }
        error
    }

    pub(super) fn root(&self) -> NodeIx {
        self.doc.root()
    }

    /// Sets an attribute of the statement's element.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let root = self.doc.root();
        self.doc.set_attr(root, name, value);
    }

    /// Sets an attribute whose name comes from the text.
    pub(super) fn set_named(&mut self, node: NodeIx, name: &str, value: &str) -> Result<(), Fault> {
        if !is_xml_name(name) {
            return Err(Fault::new(format!("Invalid attribute name {name}")));
        }
        self.doc.set_attr(node, name, value);
        Ok(())
    }

    pub(super) fn warn(&mut self, text: String) {
        self.messages.push(Message { level: Level::Warning, line: self.line, text });
    }

    pub(super) fn inform(&mut self, text: String) {
        self.messages.push(Message { level: Level::Info, line: self.line, text });
    }

    /// The token at which the parser stands.
    pub(super) fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|token| token.text.as_str())
    }

    /// Whether the token is this word, in any case.
    pub(super) fn at_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.eq_ignore_ascii_case(word))
    }

    /// Steps over the word if the token is it.
    pub(super) fn accept(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    /// Steps over the token if `read` makes something of it.
    pub(super) fn take<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let result = self.peek().and_then(read);
        self.at += usize::from(result.is_some());
        result
    }

    /// As [`Self::take`]; otherwise an error.
    pub(super) fn expect<T>(&mut self, message: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        self.take(read).ok_or_else(|| Fault::new(message))
    }

    pub(super) fn identifier(&mut self) -> Result<String, Fault> {
        self.expect("Expected identifier", |token| is_identifier(token).then(|| token.to_owned()))
    }

    pub(super) fn resource(&mut self) -> Result<String, Fault> {
        self.expect("Expected resource", |token| is_resource(token).then(|| token.to_owned()))
    }

    /// Reads `description=X` into the element.
    pub(super) fn description(&mut self, node: NodeIx) {
        if let Some(text) = self.take(|token| option(token, "description").map(str::to_owned)) {
            self.doc.set_attr(node, "description", &text);
        }
    }

    pub(super) fn require_arguments(&self, least: usize) -> Result<(), Fault> {
        if self.tokens.len() > least { Ok(()) } else { Err(Fault::new(format!("Expected at least {least} arguments"))) }
    }

    /// `id=NAME` is the first argument's other spelling at a prompt.
    pub(super) fn unwrap_typed_id(&mut self) {
        if let Some(token) = self.tokens.get_mut(1)
            && let Some(id) = token.text.strip_prefix("id=")
        {
            token.text = id.to_owned();
        }
    }

    pub(super) fn require_end(&self) -> Result<(), Fault> {
        if self.at >= self.tokens.len() {
            return Ok(());
        }
        let rest: Vec<&str> = self.tokens[self.at..].iter().map(|token| token.text.as_str()).collect();
        Err(Fault::new(format!("Unknown arguments: {}", rest.join(" "))))
    }

    /// The object's id must be one that XML takes.
    pub(super) fn require_object_id(&self) -> Result<(), Fault> {
        let id = self.doc.id(self.doc.root()).unwrap_or_default();
        if is_object_id(id) {
            return Ok(());
        }
        let invalid = format!("{id}: invalid object id");
        if self.origin == Origin::Typed {
            return Err(Fault::new(invalid).plain());
        }
        let element = self.doc.write_node(self.doc.root(), Style::Pretty);
        Err(Fault::new(format!("element {element} has no id!")).plain().after(invalid))
    }
}

/// Whether `token` is one of `words`, in any case.
pub(super) fn is_word_of(token: &str, words: &[&str]) -> bool {
    words.iter().any(|word| token.eq_ignore_ascii_case(word))
}

/// The value of `NAME=VALUE` with this name, in any case, the value not empty.
pub(super) fn option<'t>(token: &'t str, name: &str) -> Option<&'t str> {
    let (own, value) = token.split_once('=')?;
    (own.eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
}

/// The value of `role=X` or `$role=X`.
pub(super) fn role_option(token: &str) -> Option<&str> {
    option(token.strip_prefix('$').unwrap_or(token), "role")
}

fn starts_as(token: &str, also: &[char], digits: bool) -> bool {
    token.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || also.contains(&c) || (digits && c.is_ascii_digit()))
        && !token.contains('=')
}

/// The class "identifier".
pub(super) fn is_identifier(token: &str) -> bool {
    starts_as(token, &['_', '#', '$', '-'], true)
}

/// The class "resource".
pub(super) fn is_resource(token: &str) -> bool {
    starts_as(token, &['_', '#', '$'], false)
}

/// The class "score": the text before the colon.
pub(super) fn score(token: &str) -> Option<&str> {
    token.strip_suffix(':').filter(|text| !text.is_empty() && !text.contains(':'))
}

/// A word character, in any script.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The class "leading id".
pub(super) fn leading_id(token: &str) -> Option<&str> {
    if let Some((name, value)) = token.split_once('=') {
        return name.eq_ignore_ascii_case("$id").then_some(value);
    }
    token.strip_suffix(':').filter(|id| !id.is_empty() && id.chars().all(|c| is_word(c) || c == '-'))
}

/// Whether an object can have this id.
pub(in crate::crmsh) fn is_object_id(id: &str) -> bool {
    let mut characters = id.chars();
    characters.next().is_some_and(|c| is_word(c) && !c.is_numeric())
        && characters.all(|c| is_word(c) || c == '.' || c == '-')
}

/// Whether an attribute can have this name.
pub(in crate::crmsh) fn is_xml_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// What `$id=X` or `$id-ref=X` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IdSpec {
    Id(String),
    Reference(String),
}

/// The class "id spec".
pub(super) fn id_spec(token: &str) -> Option<IdSpec> {
    let (name, value) = token.split_once('=')?;
    if name.eq_ignore_ascii_case("$id") {
        Some(IdSpec::Id(value.to_owned()))
    } else if name.eq_ignore_ascii_case("$id-ref") {
        Some(IdSpec::Reference(value.to_owned()))
    } else {
        None
    }
}
