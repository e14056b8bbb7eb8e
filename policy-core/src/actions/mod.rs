//! Roles now and next to operations.
