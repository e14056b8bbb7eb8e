//! Vote quorum on whole clusters: golden tables that a human can check.

mod cluster;
mod tables;
