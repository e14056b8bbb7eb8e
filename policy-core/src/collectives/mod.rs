//! Clones, promotable clones and bundles: what one run does that is particular to them.
