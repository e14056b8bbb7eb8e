//! The service barrier after each membership change.
