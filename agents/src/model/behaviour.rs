//! What every model answers, and which model is whose.

use super::scene::Scene;
use super::state::Role;
use super::{fence, pacemaker, service};
use crate::standard::{AgentName, Exit, Standard};
use core::time::Duration;

/// The behaviour of one agent. It holds no state: all state is in the world.
pub(super) trait Behaviour: Sync {
    /// How long a run takes if nothing goes wrong, judged at its start.
    fn duration(&self, scene: &Scene<'_>) -> Duration {
        usual_duration(&scene.call.action)
    }

    /// Does the work of a run, at its end.
    fn act(&self, scene: &mut Scene<'_>) -> Exit;

    /// The instance dies by itself.
    fn crash(&self, scene: &mut Scene<'_>) {
        let _ = self.act(scene);
    }

    /// The truth about the instance after a run.
    fn role(&self, scene: &Scene<'_>) -> Option<Role>;
}

/// [RA-15.9]
pub(super) fn usual_duration(action: &str) -> Duration {
    Duration::from_millis(match action {
        "monitor" | "status" | "notify" | "meta-data" | "metadata" | "list" => 20,
        "off" => 2000,
        "reboot" => 5000,
        _ => 100,
    })
}

/// A little more or less, by luck: nothing takes exactly as long twice.
pub(super) fn jitter(natural: Duration, luck: u64) -> Duration {
    let spread = natural.as_micros() as u64 / 10;
    let more = if spread == 0 { 0 } else { (luck >> 8) % (2 * spread + 1) };
    natural.saturating_sub(Duration::from_micros(spread)).saturating_add(Duration::from_micros(more))
}

/// The model of an agent.
pub(super) fn of(agent: &AgentName) -> &'static dyn Behaviour {
    match (&agent.standard, agent.provider.as_deref(), agent.type_name.as_str()) {
        (Standard::Ocf, Some("pacemaker"), "Stateful") => &pacemaker::Stateful,
        (Standard::Ocf, Some("pacemaker"), "Dummy") => &pacemaker::Dummy,
        (Standard::Stonith, _, _) => &fence::Power,
        (Standard::Ocf, _, _) => &service::Generic,
        _ => &service::Unit,
    }
}
