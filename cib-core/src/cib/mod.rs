//! Version triple, sections and the operations on them.
