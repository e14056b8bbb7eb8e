//! The `crm` configuration language, parsed and printed.
