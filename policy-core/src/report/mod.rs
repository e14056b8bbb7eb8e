//! Text: status, transition summary, scores.
