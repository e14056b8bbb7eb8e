//! Carrying a graph out against a copy of the CIB, with injections.
