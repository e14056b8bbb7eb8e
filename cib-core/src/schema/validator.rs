//! Going through a document, finding what a schema does not allow.

use core::fmt;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use thiserror::Error;

use super::grammar;
use super::types::{Type, trim};
use crate::xml::{Document, Kind, NodeIx};

/// Violations after which no more are collected.
const MAX: usize = 100;

/// Why a document is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The root does not say which schema it follows.
    #[error("Cannot validate CIB with missing validate-with (manually edit to use a known schema)")]
    Undeclared,
    /// The schema is not known.
    #[error("Cannot validate CIB with unknown validate-with (manually edit to use a known schema): '{0}'")]
    Unknown(String),
    /// What is not as the schema says, in the order found; at most a hundred.
    #[error("{}", lines(.0))]
    Violations(Vec<Violation>),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that a schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Line in the text that was parsed; 0 for what was made later.
    pub line: u32,
    /// Name of the element.
    pub element: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "element {}", self.element)?;
        if let Some(id) = &self.id {
            write!(f, " '{id}'")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with an element.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// An attribute that it needs is not there.
    #[error("attribute '{0}' is missing")]
    MissingAttribute(String),
    /// An attribute that it may not have.
    #[error("attribute '{0}' is not allowed here")]
    UnexpectedAttribute(String),
    /// An attribute has a value that it may not have.
    #[error("attribute '{attribute}' has value '{value}', expected {expected}")]
    BadValue {
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
        /// What may stand there.
        expected: String,
    },
    /// A child element that it may not have.
    #[error("element '{0}' is not allowed here")]
    UnexpectedElement(String),
    /// Too few or too many of a child element.
    #[error("{found} of '{element}', expected {expected}")]
    Count {
        /// The child element.
        element: String,
        /// How many there are.
        found: usize,
        /// How many there may be.
        expected: &'static str,
    },
    /// Text where none may be.
    #[error("text is not allowed here")]
    Text,
    /// An id that something else has too.
    #[error("id '{id}' is already used in line {line}")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it was first.
        line: u32,
    },
    /// A reference to an id that does not exist.
    #[error("attribute '{attribute}' refers to '{id}', which does not exist")]
    Dangling {
        /// The attribute.
        attribute: String,
        /// The id.
        id: String,
    },
    /// A name/value pair with a name that may not be used here.
    #[error("'{0}' is not allowed here")]
    RefusedName(String),
    /// Anything else, in words.
    #[error("{0}")]
    Other(&'static str),
}

/// What an element may have as attribute.
#[derive(Clone, Copy)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) required: bool,
}

pub(super) const fn must(name: &'static str, ty: Type) -> Attribute {
    Attribute { name, ty, required: true }
}

pub(super) const fn may(name: &'static str, ty: Type) -> Attribute {
    Attribute { name, ty, required: false }
}

/// How often a child may occur.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    One,
    Optional,
    Any,
    Some,
}

impl Times {
    fn accepts(self, count: usize) -> bool {
        match self {
            Times::One => count == 1,
            Times::Optional => count <= 1,
            Times::Any => true,
            Times::Some => count >= 1,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Times::One => "exactly one",
            Times::Optional => "at most one",
            Times::Any => "any number",
            Times::Some => "at least one",
        }
    }
}

/// Checks one element and everything below it.
pub(super) type Rule = fn(&mut Validator<'_>, NodeIx);

/// What an element may have as child.
pub(super) type Child = (&'static str, Times, Rule);

pub(super) struct Validator<'a> {
    pub(super) doc: &'a Document,
    pub(super) level: usize,
    violations: Vec<Violation>,
    ids: HashMap<&'a str, NodeIx, FxBuildHasher>,
    references: Vec<(NodeIx, &'static str, &'a str)>,
}

pub(super) fn validate(doc: &Document, level: usize) -> Result<(), Invalid> {
    let mut validator = Validator {
        doc,
        level,
        violations: Vec::new(),
        ids: HashMap::with_hasher(FxBuildHasher),
        references: Vec::new(),
    };
    grammar::document(&mut validator);
    validator.resolve();
    if validator.violations.is_empty() { Ok(()) } else { Err(Invalid::Violations(validator.violations)) }
}

impl<'a> Validator<'a> {
    pub(super) fn report(&mut self, n: NodeIx, problem: Problem) {
        if self.violations.len() < MAX {
            let id = self.doc.id(n).map(str::to_owned);
            let (line, element) = (self.doc.line(n), self.doc.name(n).to_owned());
            self.violations.push(Violation { line, element, id, problem });
        }
    }

    pub(super) fn has(&self, n: NodeIx, attribute: &str) -> bool {
        self.doc.attr(n, attribute).is_some()
    }

    /// Checks that an element has these attributes and no others.
    pub(super) fn attributes(&mut self, n: NodeIx, known: &[Attribute]) {
        let doc = self.doc;
        let mut found: SmallVec<[bool; 16]> = SmallVec::from_elem(false, known.len());
        for (name, value) in doc.attrs(n) {
            let Some(i) = known.iter().position(|a| a.name == name) else {
                // The name space declaration of the schema language itself is no attribute.
                if !name.starts_with("xmlns") {
                    self.report(n, Problem::UnexpectedAttribute(name.into()));
                }
                continue;
            };
            found[i] = true;
            self.value(n, &known[i], value);
        }
        for (attribute, found) in known.iter().zip(&found) {
            if attribute.required && !found {
                self.report(n, Problem::MissingAttribute(attribute.name.into()));
            }
        }
    }

    fn value(&mut self, n: NodeIx, attribute: &Attribute, value: &'a str) {
        if !attribute.ty.accepts(value) {
            let (attribute, expected) = (attribute.name.into(), attribute.ty.expected());
            self.report(n, Problem::BadValue { attribute, value: value.into(), expected });
            return;
        }
        match attribute.ty {
            Type::Id => {
                let id = trim(value);
                if let Some(&first) = self.ids.get(id) {
                    let line = self.doc.line(first);
                    self.report(n, Problem::DuplicateId { id: id.into(), line });
                } else {
                    self.ids.insert(id, n);
                }
            }
            Type::IdRef => self.references.push((n, attribute.name, trim(value))),
            _ => {}
        }
    }

    /// Checks that an element has these children, in any order, and no others.
    pub(super) fn children(&mut self, n: NodeIx, known: &[Child]) {
        let doc = self.doc;
        let mut counts: SmallVec<[usize; 16]> = SmallVec::from_elem(0, known.len());
        for child in doc.nodes(n) {
            match doc.kind(child) {
                Kind::Comment => {}
                Kind::Text | Kind::Cdata => {
                    if doc.text(child).is_some_and(|t| !trim(t).is_empty()) {
                        self.report(n, Problem::Text);
                    }
                }
                Kind::Element => match known.iter().position(|(name, ..)| *name == doc.name(child)) {
                    None => self.report(child, Problem::UnexpectedElement(doc.name(child).into())),
                    Some(i) => {
                        counts[i] += 1;
                        (known[i].2)(self, child);
                    }
                },
            }
        }
        for ((name, times, _), &found) in known.iter().zip(&counts) {
            if !times.accepts(found) {
                self.report(n, Problem::Count { element: (*name).into(), found, expected: times.expected() });
            }
        }
    }

    /// Checks that every reference names something.
    fn resolve(&mut self) {
        for (n, attribute, id) in core::mem::take(&mut self.references) {
            if !self.ids.contains_key(id) {
                self.report(n, Problem::Dangling { attribute: attribute.into(), id: id.into() });
            }
        }
    }
}
