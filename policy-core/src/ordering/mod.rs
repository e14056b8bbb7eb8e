//! Order constraints to ordered actions, propagated to a fixed point.
