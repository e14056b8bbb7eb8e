//! Vote quorum on whole clusters: golden tables that a human can check, and many seeds of splits and merges.

mod arbitrated;
mod cluster;
mod splits;
mod tables;
