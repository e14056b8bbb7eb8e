//! What happened, in words an administrator reads.

use super::Event;
use policy_core::controller::{Event as ControllerEvent, State};
use std::fmt;
use std::time::Duration;

/// What a line of the timeline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something was done to the cluster.
    Fault,
    /// Rings and membership.
    Ring,
    /// Quorum.
    Quorum,
    /// Elections and states of controllers.
    Controller,
    /// Transitions.
    Transition,
    /// Resources.
    Resource,
    /// Fencing and power.
    Fencing,
    /// Everything else.
    Detail,
}

impl Kind {
    /// Whether a short timeline leaves it out.
    pub fn is_detail(self) -> bool {
        self == Kind::Detail
    }

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Fault => "event",
            Kind::Ring => "ring",
            Kind::Quorum => "quorum",
            Kind::Controller => "dc",
            Kind::Transition => "transition",
            Kind::Resource => "resource",
            Kind::Fencing => "fencing",
            Kind::Detail => "detail",
        }
    }
}

/// What an event is about, and the words for it. `is_dc`: whether the node that tells it coordinates: what all nodes
/// notice alike is news there alone.
pub fn headline(event: &Event, is_dc: bool) -> (Kind, String) {
    match event {
        Event::Ring { id, members } => (Kind::Ring, format!("ring {id} formed: {}", members.join(" "))),
        Event::Quorum(true) => (Kind::Quorum, "has quorum".to_owned()),
        Event::Quorum(false) => (Kind::Quorum, "has no quorum".to_owned()),
        Event::Controller(event) => match event {
            ControllerEvent::StateTransition { from: State::Election, to: State::Integration } => {
                (Kind::Controller, "is elected coordinator (DC)".to_owned())
            }
            ControllerEvent::NodeState { node, member: false } if is_dc => (Kind::Ring, format!("node {node} is lost")),
            ControllerEvent::TransitionEnd { tally, .. } if tally.completed > 0 => {
                (Kind::Transition, event.to_string())
            }
            ControllerEvent::FencingAsked { .. } => (Kind::Fencing, event.to_string()),
            ControllerEvent::Fenced { .. } if is_dc => (Kind::Fencing, event.to_string()),
            ControllerEvent::Result { report, target_rc, .. } if report.rc != *target_rc => {
                (Kind::Resource, event.to_string())
            }
            _ => (Kind::Detail, event.to_string()),
        },
        _ => (Kind::Detail, event.to_string()),
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since the origin of time: virtual in a simulation.
    pub time: Duration,
    /// The node it happened on, or was done to.
    pub node: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// The words.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.as_deref().unwrap_or("-");
        write!(f, "{:>10.3}s  {:<10} {:<10} {}", self.time.as_secs_f64(), self.kind.name(), node, self.text)
    }
}
