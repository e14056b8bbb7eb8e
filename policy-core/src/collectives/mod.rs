//! Groups, clones, promotable clones and bundles: what one run does that is particular to them.
//!
//! Where their members, instances and replicas go is decided in [`crate::placement`]. Here are their internal orderings
//! ([`implicit`]), their pseudo-actions ([`actions`]), their probes ([`probe`]) and the notifications of clones
//! ([`create_notifications`]).

mod actions;
mod notifications;
mod notify;
mod orderings;
mod probes;

pub use actions::{Activity, actions, activity};
pub use notifications::{create_notifications, notify_fenced_stop};
pub use orderings::implicit;
pub use probes::probe;
