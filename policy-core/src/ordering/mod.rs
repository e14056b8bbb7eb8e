//! Order constraints to ordered actions, propagated to a fixed point.

mod relate;

use crate::model::{Element, Model};

pub use relate::{anti_colocation, order};

/// Stores an `rsc_order` whose templates and tags are already expanded [OR-3].
pub fn unpack_order(_m: &mut Model, _constraint: Element) {}

/// Applies an `rsc_ticket` whose templates and tags are already expanded [OR-4].
pub fn unpack_ticket(_m: &mut Model, _constraint: Element) {}

/// Constraints become relations; their effects are propagated [OR-6] [OR-7].
pub fn apply(_m: &mut Model) {}
