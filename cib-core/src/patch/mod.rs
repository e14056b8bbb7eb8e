//! Diff, apply and digest.
