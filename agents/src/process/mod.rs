//! The only module that starts a process.
