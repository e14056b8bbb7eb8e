//! The cluster information base: an XML document with versions, operations, diffs, rules and replication.

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
