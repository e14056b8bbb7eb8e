//! Agents written in Rust, behind one trait.
