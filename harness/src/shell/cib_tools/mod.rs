//! Tools that work on CIB files: `cibadmin`, `crm_diff`, `crm_verify`, `crm_rule`, `iso8601`.

pub(super) mod checker;
mod cibadmin;
mod clock;
mod crm_diff;
mod crm_rule;
mod crm_verify;
mod iso8601;
mod options;
mod reply;
pub mod tool;

pub use cibadmin::cibadmin;
pub(crate) use clock::local_now;
pub use crm_diff::crm_diff;
pub use crm_rule::crm_rule;
pub use crm_verify::crm_verify;
pub use iso8601::iso8601;

#[cfg(test)]
mod corpus;
