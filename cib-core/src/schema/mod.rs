//! Validation, and upgrade of older schemas.
