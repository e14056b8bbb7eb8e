//! A whole node on this machine, and the tools' way to it.

mod attributes;
mod fencing;
mod live;
mod node;
mod remote;
mod tools;

pub use attributes::{attrd_updater, crm_attribute, crm_master, crm_node};
pub(crate) use fencing::history as fencing_history;
pub use fencing::stonith_admin;
pub(crate) use live::Live;
pub use node::node;
pub use remote::remote;

/// Where nodes and remote hosts keep their secret.
const REMOTE_KEY: &str = "/etc/pacemaker/authkey";
