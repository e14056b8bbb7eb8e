//! Agents written in Rust, behind one trait.
//!
//! A service that embeds the cluster engine manages its own components without scripts: it implements [`Agent`] for each, registers it in a
//! [`Registry`] under an agent's name, and the driver asks the registry before it starts a process.
//!
//! ```
//! use agents::native::{Agent, Context, Progress, Registry};
//! use agents::standard::{Answer, AgentName, Call, Exit, ExitStatus, RunId};
//! use core::time::Duration;
//!
//! #[derive(Default)]
//! struct Listener { open: bool }
//!
//! impl Agent for Listener {
//!     fn start(&mut self, _: &Context<'_>) -> Progress { self.open = true; ExitStatus::OK.into() }
//!     fn stop(&mut self, _: &Context<'_>) -> Progress { self.open = false; ExitStatus::OK.into() }
//!     fn monitor(&mut self, _: &Context<'_>) -> Progress {
//!         if self.open { ExitStatus::OK } else { ExitStatus::NOT_RUNNING }.into()
//!     }
//! }
//!
//! let mut registry = Registry::default();
//! registry.register("demo", "Listener", |_| Box::new(Listener::default()));
//! let call = |run, action: &str| Call {
//!     run: RunId(run), resource: "web".into(), agent: AgentName::ocf("demo", "Listener"), action: action.into(), interval_ms: 0,
//!     timeout_ms: 0, parameters: Default::default(),
//! };
//! registry.begin(Duration::ZERO, &call(1, "start"));
//! assert_eq!(registry.poll(Duration::ZERO), Some((RunId(1), Exit::Answered(Answer::done(ExitStatus::OK)))));
//! ```

mod registry;

pub use registry::Registry;

use crate::standard::{Answer, ExecutionStatus, ExitStatus, Parameters};
use core::time::Duration;

/// What an agent is told about a run.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Since the driver's origin.
    pub now: Duration,
    /// Since when this run lasts.
    pub since: Duration,
    /// The resource.
    pub resource: &'a str,
    /// The action, for agents that share code between actions.
    pub action: &'a str,
    /// 0 for a probe.
    pub interval_ms: u64,
    /// 0 = none.
    pub timeout_ms: u64,
    /// Instance parameters and `CRM_meta_*`.
    pub parameters: &'a Parameters,
}

impl Context<'_> {
    /// A parameter's value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// How far an action got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It is over.
    Done(Answer),
    /// It goes on: [`Agent::resume`] is asked again at this instant, or earlier after [`Registry::wake`].
    Later(Duration),
}

impl From<ExitStatus> for Progress {
    fn from(rc: ExitStatus) -> Self {
        Self::Done(Answer::done(rc))
    }
}

impl From<Answer> for Progress {
    fn from(answer: Answer) -> Self {
        Self::Done(answer)
    }
}

fn unimplemented_action(context: &Context<'_>) -> Progress {
    let reason = format!("{}: action not supported", context.action);
    Answer::failed(ExitStatus::UNIMPLEMENTED, ExecutionStatus::Done, reason).into()
}

/// A resource that is managed in process. The rules are those of every OCF agent [RA-2.6]: `start` and `stop` may be repeated, `stop` of something
/// stopped is [`ExitStatus::OK`], a `monitor` that is not sure must not say [`ExitStatus::NOT_RUNNING`]. No method may block: what takes time
/// returns [`Progress::Later`].
pub trait Agent: Send {
    /// Brings the resource fully online; with roles: unpromoted.
    fn start(&mut self, context: &Context<'_>) -> Progress;

    /// Brings it fully down.
    fn stop(&mut self, context: &Context<'_>) -> Progress;

    /// Checks it without disturbing it.
    fn monitor(&mut self, context: &Context<'_>) -> Progress;

    /// From unpromoted to promoted.
    fn promote(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// From promoted to unpromoted.
    fn demote(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// Another instance of the clone changes or has changed.
    fn notify(&mut self, _context: &Context<'_>) -> Progress {
        ExitStatus::OK.into()
    }

    /// Applies changed reloadable parameters.
    fn reload(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// On the source of a live migration.
    fn migrate_to(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// On its target.
    fn migrate_from(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// Any action without a method of its own.
    fn other(&mut self, context: &Context<'_>) -> Progress {
        unimplemented_action(context)
    }

    /// Goes on with an action that answered [`Progress::Later`]; by default it is asked anew.
    fn resume(&mut self, context: &Context<'_>) -> Progress {
        perform(self, context)
    }

    /// A run was killed: its timeout passed or it was cancelled.
    fn killed(&mut self, _context: &Context<'_>) {}

    /// The meta-data document, if the agent has one.
    fn meta_data(&self) -> Option<String> {
        None
    }
}

/// Calls the method of an action.
pub fn perform<A: Agent + ?Sized>(agent: &mut A, context: &Context<'_>) -> Progress {
    match context.action {
        "start" => agent.start(context),
        "stop" => agent.stop(context),
        "monitor" | "status" => agent.monitor(context),
        "promote" => agent.promote(context),
        "demote" => agent.demote(context),
        "notify" => agent.notify(context),
        "reload" | "reload-agent" => agent.reload(context),
        "migrate_to" => agent.migrate_to(context),
        "migrate_from" => agent.migrate_from(context),
        "meta-data" => match agent.meta_data() {
            Some(output) => Answer { output, ..Answer::done(ExitStatus::OK) }.into(),
            None => unimplemented_action(context),
        },
        _ => agent.other(context),
    }
}
