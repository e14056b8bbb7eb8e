//! Arena document: parse, write, path queries.
