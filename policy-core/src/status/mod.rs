//! CIB status to state: node states, operation history, failures.
