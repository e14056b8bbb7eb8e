//! Clones, promotable clones and bundles: what one run does that is particular to them.

use crate::model::{ActionIx, Model, NodeIx, ResourceIx};

/// Implicit constraints of a group, clone or bundle and all below it [CL-10]; calls [`crate::actions::implicit_primitive`].
pub fn implicit(_m: &mut Model, _r: ResourceIx) {}

/// Actions of a group, clone or bundle and all below it [CL-9]; calls [`crate::actions::transition`].
pub fn actions(_m: &mut Model, _r: ResourceIx) {}

/// Probes of a clone or bundle on a node [CL-15]; calls [`crate::actions::probe`]. Whether there is any.
pub fn probe(_m: &mut Model, _r: ResourceIx, _node: NodeIx) -> bool {
    false
}

/// The notifications of a stop that fencing implies [CL-14.7].
pub fn notify_fenced_stop(_m: &mut Model, _stop: ActionIx, _fencing: ActionIx) {}

/// The notifications of a clone's instances, made while the graph is built [CL-14.3].
pub fn create_notifications(_m: &mut Model, _clone: ResourceIx) {}
