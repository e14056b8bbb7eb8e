//! What happened, in words an administrator reads.

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

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Virtual time.
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
