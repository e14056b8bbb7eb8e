//! The cluster information base: versions, sections, operations and their result codes.

mod code;
mod version;

pub use code::{Code, exit_text};
pub use version::{VERSION_ATTRIBUTES, Version, parse_int};
