//! Fencing topology, retries, delays, history.
