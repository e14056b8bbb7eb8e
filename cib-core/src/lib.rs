//! The cluster information base (CIB): one versioned XML document that every member of a cluster holds a copy of.
//!
//! This crate knows the document, everything that may be done with it, and how copies stay equal. It never does I/O, reads
//! no clock, starts no thread: text and messages come in, text, messages and steps for a disk come out. The same inputs
//! give the same outputs, bit for bit. Nothing that comes from outside makes it panic or run without end; what cannot be
//! understood is an error that says what and where.
//!
//! ```
//! use cib_core::cib::{CallOptions, Cib, Holder, Operation, Request};
//! use cib_core::patch::{Ordered, diff};
//! use cib_core::xml::Document;
//!
//! // A new document, and a resource in it.
//! let mut cib = Cib::empty();
//! let before = cib.document().clone();
//! let resource = Document::parse(r#"<primitive id="db" class="ocf" provider="heartbeat" type="pgsql"/>"#)?;
//! let create = Request::new(Operation::Create).section("resources").input(resource);
//! let outcome = cib.perform(&create, Holder::Member);
//! assert_eq!(outcome.result, Ok(()));
//! assert_eq!(cib.version().to_string(), "0.1.0");
//!
//! // What changed, as members tell it to those who watch.
//! let patch = outcome.patch.expect("something changed");
//! assert!(patch.display().contains("++ /cib/configuration/resources:"));
//!
//! // The patch set leads from the old copy to the new one; digests prove it.
//! let mut copy = Cib::from_document(before.clone());
//! let mut document = copy.into_document();
//! patch.apply(&mut document)?;
//! copy = Cib::from_document(document);
//! assert_eq!(copy.digest(), cib.digest());
//! assert!(diff(&copy, &cib, Ordered::Yes).is_none());
//!
//! // What the schema does not allow does not get in.
//! let bad = Document::parse(r#"<primitive id="db2" class="ocf" type="pgsql"/>"#)?;
//! let create = Request::new(Operation::Modify).section("resources").options(CallOptions::MAY_CREATE).input(bad);
//! assert!(cib.perform(&create, Holder::Member).result.is_err());
//! assert_eq!(cib.version().to_string(), "0.1.0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`xml`] | documents in an arena: parse, look, change, undo, write, path queries |
//! | [`cib`] | versions, sections, the operations and their result codes |
//! | [`patch`] | what differs between two documents, applying it, digests |
//! | [`schema`] | what a document may contain; bringing old ones up to date |
//! | [`rules`] | rules, dates, durations |
//! | [`acl`] | who may read and write what |
//! | [`replica`] | copies kept equal over an ordered channel, and on disk |
//! | [`crmsh`] | the configuration language of administrators |

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod acl;
pub mod cib;
pub mod crmsh;
pub mod patch;
pub mod replica;
pub mod rules;
pub mod schema;
pub mod xml;
