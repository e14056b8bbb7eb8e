//! Fence agents and power switches [RA-14].

use super::behaviour::Behaviour;
use super::scene::{Effect, Scene, exit};
use super::state::Role;
use crate::standard::Exit;

/// A power switch: one outlet per node.
pub(super) struct Power;

impl Behaviour for Power {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let outlet = scene.param("plug").or_else(|| scene.param("port")).or_else(|| scene.param("nodename"));
        let target = outlet.map(|outlet| scene.state.shared.behind(outlet));
        match (scene.call.action.as_str(), target) {
            ("off", Some(node)) => off(scene, &node),
            ("on", Some(node)) => on(scene, &node),
            ("reboot", Some(node)) => {
                off(scene, &node);
                on(scene, &node);
            }
            ("status", Some(node)) => return exit(if scene.state.shared.powered(&node) { 0 } else { 2 }),
            ("monitor" | "metadata" | "validate-all" | "list", _) => {}
            _ => return exit(1),
        }
        exit(0)
    }

    fn role(&self, _: &Scene<'_>) -> Option<Role> {
        None
    }
}

fn off(scene: &mut Scene<'_>, node: &str) {
    scene.state.shared.powered_off.insert(node.to_owned());
    scene.state.node_down(scene.now, node);
    scene.effects.push(Effect::PowerOff { node: node.to_owned() });
}

fn on(scene: &mut Scene<'_>, node: &str) {
    scene.state.shared.powered_off.remove(node);
    scene.effects.push(Effect::PowerOn { node: node.to_owned() });
}
