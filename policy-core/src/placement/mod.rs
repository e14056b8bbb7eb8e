//! Scores, and which node each resource gets.

use crate::model::{Element, Model};

/// Node health becomes location constraints [PL-8].
pub fn health(_m: &mut Model) {}

/// Stores an `rsc_location` whose templates and tags are already expanded [PL-6].
pub fn unpack_location(_m: &mut Model, _constraint: Element) {}

/// Stores an `rsc_colocation` whose templates and tags are already expanded [PL-10].
pub fn unpack_colocation(_m: &mut Model, _constraint: Element) {}

/// Shutdown locks, locations, stickiness, thresholds, exclusive discovery [PL-9].
pub fn criteria(_m: &mut Model) {}

/// Chooses nodes and promotes [PL-2.1].
pub fn assign(_m: &mut Model) {}
