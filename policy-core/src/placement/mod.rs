//! Scores, and which node each resource gets.
