//! The constraints section, in document order.

use crate::model::Model;

/// Reads all constraints [IN-15].
pub fn unpack(_m: &mut Model) {}
