//! The state machine that keeps copies equal over an ordered channel.
