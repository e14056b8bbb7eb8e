//! Location and colocation constraints as they are written [PL-6.3], [PL-10].

use crate::model::{Element, Model};

/// Stores an `rsc_location` whose templates and tags are already expanded [PL-6].
pub fn unpack_location(_m: &mut Model, _constraint: Element) {}

/// Stores an `rsc_colocation` whose templates and tags are already expanded [PL-10].
pub fn unpack_colocation(_m: &mut Model, _constraint: Element) {}
