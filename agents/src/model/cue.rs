//! Failures on cue.

use crate::standard::{Call, Exit};
use core::time::Duration;

/// How a run misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Does nothing and exits with this code and reason.
    Exit {
        /// Exit status.
        code: u8,
        /// Exit reason, if any.
        reason: Option<String>,
    },
    /// Does its work and reports this code instead.
    Lie {
        /// Exit status.
        code: u8,
    },
    /// Never ends by itself.
    Hang,
    /// Never ends, and survives SIGKILL until [`super::World::release`].
    Stuck,
    /// Takes this much longer.
    Slow(Duration),
    /// Dies by a signal.
    Crash {
        /// Its number.
        signal: i32,
    },
    /// Does its work and prints so many bytes.
    Flood {
        /// How many.
        bytes: usize,
    },
    /// Its file is not there.
    Missing,
}

/// Which runs misbehave, and how; a field that is `None` matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// On this node.
    pub node: Option<String>,
    /// Of this resource (or fence device).
    pub resource: Option<String>,
    /// In this action.
    pub action: Option<String>,
    /// Not before this instant.
    pub from: Duration,
    /// Only before this instant.
    pub until: Option<Duration>,
    /// Only so many runs.
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl Cue {
    /// Every run misbehaves.
    pub fn new(fault: Fault) -> Self {
        Self { node: None, resource: None, action: None, from: Duration::ZERO, until: None, times: None, fault }
    }

    /// Only on this node.
    #[must_use]
    pub fn node(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// Only of this resource.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// Only this action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Only so many runs.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only in this span of time.
    #[must_use]
    pub fn between(mut self, from: Duration, until: Duration) -> Self {
        self.from = from;
        self.until = Some(until);
        self
    }

    fn matches(&self, now: Duration, node: &str, call: &Call) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
        is(&self.node, node)
            && is(&self.resource, &call.resource)
            && is(&self.action, &call.action)
            && now >= self.from
            && self.until.is_none_or(|until| now < until)
            && self.times != Some(0)
    }
}

/// The fault of the first cue that matches, which is used up by one.
pub(super) fn take(cues: &mut Vec<Cue>, now: Duration, node: &str, call: &Call) -> Option<Fault> {
    let at = cues.iter().position(|cue| cue.matches(now, node, call))?;
    let cue = cues.get_mut(at)?;
    let fault = cue.fault.clone();
    if let Some(times) = &mut cue.times {
        *times -= 1;
        if *times == 0 {
            cues.remove(at);
        }
    }
    Some(fault)
}

impl Fault {
    /// How long the run lasts that would naturally last `natural`.
    pub(super) fn lasts(&self, natural: Duration) -> Option<Duration> {
        match self {
            Self::Hang | Self::Stuck => None,
            Self::Slow(more) => Some(natural.saturating_add(*more)),
            Self::Missing => Some(Duration::ZERO),
            _ => Some(natural),
        }
    }

    /// The end of a run that does no work.
    pub(super) fn instead(&self, call: &Call) -> Option<Exit> {
        match self {
            Self::Exit { code, reason: Some(reason) } => Some(Exit::reason(*code, reason)),
            Self::Exit { code, reason: None } => Some(Exit::code(*code)),
            Self::Crash { signal } => {
                Some(Exit::Signalled { signal: *signal, stdout: String::new(), stderr: String::new() })
            }
            Self::Missing => Some(Exit::missing(call.agent.type_name.clone())),
            _ => None,
        }
    }

    /// What is told about work that was done.
    pub(super) fn told(&self, exit: Exit) -> Exit {
        match self {
            Self::Lie { code } => Exit::code(*code),
            Self::Flood { bytes } => match exit {
                Exit::Exited { code, stderr, .. } => {
                    let bytes = (*bytes).min(crate::executor::OUTPUT_LIMIT);
                    Exit::Exited { code, stdout: "x".repeat(bytes), stderr }
                }
                other => other,
            },
            _ => exit,
        }
    }
}
