//! Carrying out a graph: what may fire, what failed, when to stop.
