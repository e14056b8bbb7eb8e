//! Order constraints to ordered actions, propagated to a fixed point.

mod apply;
mod blocking;
mod collective;
mod constraints;
mod invalid;
mod members;
mod pair;
mod probes;
mod propagate;
mod relate;
mod tickets;

use crate::model::Model;

pub(crate) use collective::recompute;
pub use constraints::unpack_order;
pub use relate::{anti_colocation, order};
pub use tickets::unpack_ticket;

/// Constraints become relations; their effects are propagated [OR-6] [OR-7].
pub fn apply(m: &mut Model) {
    apply::apply_constraints(m);
    propagate::propagate(m);
    invalid::disable_invalid(m);
}
