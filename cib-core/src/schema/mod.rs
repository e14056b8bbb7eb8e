//! Validation of documents and upgrade of older schemas [CB-4, CB-5].
//!
//! ```
//! use cib_core::schema;
//! use cib_core::xml::Document;
//!
//! let mut doc = Document::parse(
//!     r#"<cib validate-with="pacemaker-3.10" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/>
//!        <nodes/><resources><master id="m"><primitive id="p" class="ocf" provider="pacemaker" type="Stateful"/></master>
//!        </resources><constraints/></configuration></cib>"#,
//! )?;
//! schema::validate(&doc).unwrap();
//! schema::upgrade(&mut doc).unwrap();
//! assert_eq!(doc.attr(doc.root(), "validate-with"), Some("pacemaker-4.0"));
//! assert_eq!(doc.select("//clone[@id='m']").len(), 1);
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```

mod grammar;
mod types;
mod upgrade;
mod validator;

pub use upgrade::{Upgrade, UpgradeError, upgrade, upgrade_to};
pub use validator::{Invalid, Problem, Violation};

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

/// Places of schemas in the order.
pub(crate) mod level {
    pub(crate) const V1_3: usize = 2;
    pub(crate) const V2_0: usize = 3;
    pub(crate) const V2_10: usize = 13;
    pub(crate) const V3_0: usize = 14;
    pub(crate) const V3_2: usize = 16;
    pub(crate) const V3_3: usize = 17;
    pub(crate) const V3_4: usize = 18;
    pub(crate) const V3_5: usize = 19;
    pub(crate) const V3_6: usize = 20;
    pub(crate) const V3_7: usize = 21;
    pub(crate) const V3_8: usize = 22;
    pub(crate) const V3_9: usize = 23;
    pub(crate) const V3_10: usize = 24;
    pub(crate) const V4_0: usize = 25;
}

/// The newest schema.
pub const HIGHEST: &str = "pacemaker-4.0";

/// The place of a schema in the order; `none` comes last. `None` (which compares lower) for names that are not known.
pub fn index(name: &str) -> Option<usize> {
    if name == "none" { Some(SCHEMAS.len()) } else { SCHEMAS.iter().position(|&s| s == name) }
}

/// Checks a document against the schema that it claims to follow, and that one only [CB-5.2]. Linear in the document.
pub fn validate(doc: &Document) -> Result<(), Invalid> {
    match doc.attr(doc.root(), "validate-with").filter(|name| !name.is_empty()) {
        None => Err(Invalid::Undeclared),
        Some(name) => validate_against(doc, name),
    }
}

/// Checks a document against a schema, whatever it claims to follow.
pub fn validate_against(doc: &Document, schema: &str) -> Result<(), Invalid> {
    match index(schema) {
        None => Err(Invalid::Unknown(schema.into())),
        Some(at) if at == SCHEMAS.len() => Ok(()),
        Some(at) => validator::validate(doc, at),
    }
}
