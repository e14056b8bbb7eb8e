//! The single-ring protocol: operational, gather, commit, recovery.
