//! Text: status, transition summary, scores.

pub mod changes;
