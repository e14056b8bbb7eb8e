//! A whole node on this machine, and the tools' way to it.

mod attributes;
mod live;
mod node;
mod tools;

pub use attributes::{attrd_updater, crm_attribute, crm_master, crm_node};
pub(crate) use live::Live;
pub use node::node;
