//! From text to statements [SH-3, SH-4].

mod access;
mod alert;
mod constraint;
mod container;
mod cursor;
mod fencing;
mod node;
mod primitive;
mod property;
mod resource_set;
mod rule;
mod set;
mod shortcut;
mod xml;

pub(super) use cursor::{is_object_id, is_xml_name};
pub(super) use shortcut::as_shortcut;

use super::dialect::Dialect;
use super::keyword::{Keyword, WORDS};
use super::message::{CrmError, Message};
use super::text::{Line, Token, logical_lines};
use crate::xml::Document;
use cursor::{Fault, Parser};

/// Element that stands for a resource of a container, until the container takes the resource.
pub(super) const REFERENCE: &str = "crmsh-ref";

/// One object as the text describes it.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its kind.
    pub keyword: Keyword,
    /// Number of the logical line.
    pub line: usize,
    /// Comment lines that stand before it.
    pub comments: Vec<String>,
    /// Whether the text was raw XML.
    pub raw: bool,
    /// The resource that a `monitor` statement is about.
    pub target: Option<String>,
    /// The element, as the document's root. Ids that the text does not give are missing; members of containers are
    /// `crmsh-ref` elements.
    pub element: Document,
}

impl Statement {
    /// The object's id; that of a fencing topology is `fencing_topology`.
    #[must_use]
    pub fn id(&self) -> &str {
        match self.keyword {
            Keyword::FencingTopology => "fencing_topology",
            Keyword::Monitor => self.target.as_deref().unwrap_or_default(),
            _ => self.element.id(self.element.root()).unwrap_or_default(),
        }
    }

    /// Ids of the resources that a container holds, in order.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        let doc = &self.element;
        doc.children_named(doc.root(), REFERENCE).filter_map(|member| doc.id(member))
    }
}

/// Where a text comes from: the grammar differs a little [SH-2.6].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command at a prompt, in a batch, or on the command line.
    Typed,
    /// A file given to `load`, or text from `edit` and `filter`.
    File,
}

/// The result of reading a whole text.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The statements that could be read, in text order.
    pub statements: Vec<Statement>,
    /// Errors and messages of reading, in text order.
    pub messages: Vec<Message>,
    /// The errors.
    pub errors: Vec<CrmError>,
}

/// The text with characters outside ASCII replaced by character references [SH-2.5].
pub(super) fn with_references(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() { result.push(c) } else { result.push_str(&format!("&#{};", u32::from(c))) }
    }
    result
}

/// Reads all statements of a file.
pub(super) fn parse_file(text: &str, dialect: &Dialect<'_>) -> Parsed {
    let mut parsed = Parsed::default();
    let mut comments = Vec::new();
    for mut line in logical_lines(text) {
        if dialect.ascii {
            line.text = with_references(&line.text);
        }
        let read = if line.is_comment() {
            line.check_characters().map(|()| None).map_err(Box::new)
        } else {
            parse_line(&line, Origin::File, dialect, &mut parsed.messages).map(Some)
        };
        match read {
            Ok(None) => comments.push(line.text),
            Ok(Some(mut statement)) => {
                statement.comments = core::mem::take(&mut comments);
                parsed.statements.push(statement);
            }
            Err(error) => {
                parsed.messages.extend(error.messages(true));
                parsed.errors.push(*error);
            }
        }
    }
    parsed
}

/// Reads one logical line.
pub(super) fn parse_line(
    line: &Line,
    origin: Origin,
    dialect: &Dialect<'_>,
    messages: &mut Vec<Message>,
) -> Result<Statement, Box<CrmError>> {
    let word = line.text.split_ascii_whitespace().next().unwrap_or_default();
    let tokens = if origin == Origin::File && word.eq_ignore_ascii_case("xml") {
        raw_tokens(line)
    } else {
        line.tokens().map_err(Box::new)?
    };
    parse_tokens(line, tokens, origin, dialect, messages)
}

/// The word `xml` and the rest of the line as it is, its white space normalised.
fn raw_tokens(line: &Line) -> Vec<Token> {
    let rest: Vec<&str> = line.text.split_ascii_whitespace().skip(1).collect();
    let mut tokens = vec![Token { text: "xml".to_owned(), offset: 0 }];
    if !rest.is_empty() {
        tokens.push(Token { text: rest.join(" "), offset: line.text.find(rest[0]).unwrap_or(0) });
    }
    tokens
}

/// Reads one statement from its tokens.
pub(super) fn parse_tokens(
    line: &Line,
    tokens: Vec<Token>,
    origin: Origin,
    dialect: &Dialect<'_>,
    messages: &mut Vec<Message>,
) -> Result<Statement, Box<CrmError>> {
    let word = tokens.first().map(|token| token.text.to_ascii_lowercase()).unwrap_or_default();
    let keyword = Keyword::parse(&word);
    let root = keyword.map_or("xml", Keyword::element);
    let mut parser = Parser::new(tokens, origin, dialect, root, (origin == Origin::File).then_some(line.number));
    let result = if word == "xml" {
        xml::statement(&mut parser)
    } else {
        match keyword {
            None => Err(Fault::new("Unknown command").expecting(&WORDS).without_context()),
            Some(keyword) => object(&mut parser, keyword),
        }
    };
    messages.append(&mut parser.messages);
    match result {
        Ok(mut statement) => {
            statement.line = line.number;
            Ok(statement)
        }
        Err(fault) => Err(Box::new(parser.error(line, &word, fault))),
    }
}

/// Reads the arguments of an object keyword.
fn object(p: &mut Parser<'_>, keyword: Keyword) -> Result<Statement, Fault> {
    p.require_arguments(keyword.least_arguments())?;
    p.at = 1;
    if p.origin == Origin::Typed {
        p.unwrap_typed_id();
    }
    let mut target = None;
    match keyword {
        Keyword::Node => node::node(p)?,
        Keyword::Primitive | Keyword::Template => primitive::primitive(p, keyword)?,
        Keyword::Group => container::group(p)?,
        Keyword::Clone | Keyword::Ms => container::clone(p)?,
        Keyword::Bundle => container::bundle(p)?,
        Keyword::Location => constraint::location(p)?,
        Keyword::Colocation => constraint::colocation(p)?,
        Keyword::Order => constraint::order(p)?,
        Keyword::Ticket => constraint::ticket(p)?,
        Keyword::Tag => container::tag(p)?,
        Keyword::FencingTopology => fencing::topology(p)?,
        Keyword::Property | Keyword::RscDefaults | Keyword::OpDefaults => property::property(p, keyword)?,
        Keyword::Role => access::role(p)?,
        Keyword::User => access::user(p)?,
        Keyword::AclTarget | Keyword::AclGroup => access::target(p)?,
        Keyword::Alert => alert::alert(p)?,
        Keyword::Monitor => target = Some(primitive::monitor(p)?),
    }
    p.require_end()?;
    if !matches!(keyword, Keyword::Node | Keyword::FencingTopology | Keyword::Monitor) {
        p.require_object_id()?;
    }
    let element = core::mem::replace(&mut p.doc, Document::new("done"));
    Ok(Statement { keyword, line: 0, comments: Vec::new(), raw: false, target, element })
}
