//! A whole node on this machine, and the tools' way to it.

mod live;
mod node;

pub(crate) use live::Live;
pub use node::node;
