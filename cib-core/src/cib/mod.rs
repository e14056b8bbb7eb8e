//! The cluster information base: versions, sections, operations and their result codes.
//!
//! ```
//! use cib_core::cib::{Cib, Holder, Operation, Request};
//! use cib_core::xml::Document;
//!
//! let mut cib = Cib::empty();
//! let tags = Document::parse(r#"<tag id="t"><obj_ref id="x"/></tag>"#)?;
//! let create = Request::new(Operation::Modify)
//!     .section("tags")
//!     .options(cib_core::cib::CallOptions::MAY_CREATE)
//!     .input(tags);
//! let outcome = cib.perform(&create, Holder::Member);
//! assert_eq!(outcome.result, Ok(()));
//! assert_eq!(cib.version().to_string(), "0.1.0");
//! assert_eq!(cib.select("//obj_ref").len(), 1);
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```

mod code;
mod editor;
mod operations;
mod perform;
mod query;
mod request;
mod score;
mod section;
mod version;

pub use code::{Code, exit_text};
pub use perform::{FEATURE_SET, Holder, Outcome};
pub use request::{CallOptions, Operation, Request};
pub use score::{INFINITY, parse_score};
pub use section::is_section;
pub use version::{VERSION_ATTRIBUTES, Version, parse_int};

use crate::patch::digest;
use crate::schema;
use crate::xml::{Document, Found, Limits, XmlError};

/// One copy of the cluster information base. Reads like the [`Document`] that it is; changes through requests.
#[derive(Clone, Debug)]
pub struct Cib {
    doc: Document,
}

impl Cib {
    /// A new and empty one: epoch 0, newest schema [CB-3.4].
    pub fn empty() -> Cib {
        Cib { doc: empty(None, 0) }
    }

    /// Parses one; text in it is dropped.
    pub fn parse(text: &str) -> Result<Cib, XmlError> {
        Ok(Cib { doc: Document::parse_with(text, &Limits::file())? })
    }

    /// Takes a document for one; text in it is dropped.
    pub fn from_document(mut doc: Document) -> Cib {
        doc.drop_text();
        Cib { doc }
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.doc
    }

    /// The document, no longer as a CIB.
    pub fn into_document(self) -> Document {
        self.doc
    }

    /// The version; what is missing counts as 0.
    pub fn version(&self) -> Version {
        Version::of(&self.doc, self.doc.root(), 0)
    }

    /// The document in pretty form.
    pub fn write(&self) -> String {
        self.doc.write()
    }

    /// The versioned digest, equal on all members that have the same version.
    pub fn digest(&self) -> String {
        digest::versioned(&self.doc)
    }

    /// The matches of an XPath.
    pub fn select(&self, xpath: &str) -> Vec<Found<'_>> {
        self.doc.select(xpath)
    }

    /// Carries out a request. After a failure the document is as before [CB-6.2].
    pub fn perform(&mut self, request: &Request, holder: Holder) -> Outcome {
        perform::perform(&mut self.doc, request, holder)
    }
}

impl core::ops::Deref for Cib {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.doc
    }
}

/// The empty document [CB-3.4]. `schema` is the newest one unless named, and not checked.
pub fn empty(schema: Option<&str>, epoch: i32) -> Document {
    let mut doc = Document::new("cib");
    let root = doc.root();
    let epoch = epoch.to_string();
    let attributes = [
        ("crm_feature_set", FEATURE_SET),
        ("validate-with", schema.unwrap_or(schema::HIGHEST)),
        ("admin_epoch", "0"),
        ("epoch", &epoch),
        ("num_updates", "0"),
    ];
    attributes.into_iter().for_each(|(name, value)| doc.set_attr(root, name, value));
    let configuration = doc.append(root, "configuration");
    for section in ["crm_config", "nodes", "resources", "constraints"] {
        doc.append(configuration, section);
    }
    doc.append(root, "status");
    doc
}
