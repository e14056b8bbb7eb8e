//! CIB status to state: node states, operation history, failures.

use crate::model::{Document, Model};

/// Reads the status section [ST-5] [ST-7].
pub fn unpack(_m: &mut Model, _cib: &Document) {}
