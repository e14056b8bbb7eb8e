//! The only module that starts a process.
//!
//! A [`Runner`] carries out [`Call`]s with real programs: found at their [`Places`], started without a shell in a process group of their own, with an
//! environment built from nothing, and with bounded capture of what they print. It works without root for agents that do not need it.
//!
//! ```no_run
//! use agents::process::{Places, Runner};
//! use agents::standard::{AgentName, Call, RunId};
//!
//! # async fn example() {
//! let (mut runner, mut ends) = Runner::new(Places::default());
//! runner.start(&Call {
//!     run: RunId(1), resource: "db".into(), agent: AgentName::ocf("pacemaker", "Dummy"), action: "monitor".into(), interval_ms: 0,
//!     timeout_ms: 20_000, parameters: Default::default(),
//! });
//! let (run, exit) = ends.recv().await.unwrap();
//! # }
//! ```

mod capture;
mod child;
mod listing;
mod meta;
mod places;
mod secrets;
#[cfg(feature = "systemd")]
pub mod systemd;

pub use listing::Listing;
pub use meta::MetadataError;
pub use places::{Found, Places};

use crate::executor::KillScope;
#[cfg(feature = "systemd")]
use crate::standard::Standard;
use crate::standard::invocation::{Invocation, invocation};
use crate::standard::{Call, Exit, RunId};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The runs that were started and have not ended.
type Living = Arc<Mutex<BTreeMap<RunId, Life>>>;

/// How far a run has got.
#[derive(Debug, Clone, Copy)]
enum Life {
    /// Its process is not there yet (or it has none).
    Coming,
    /// Nor was it there when it was to be killed: it is killed as soon as it is.
    Doomed(KillScope),
    /// Its process, which leads a group of its own, and is not yet reaped.
    There(i32),
}

/// Runs agents as processes and, where built in, units.
#[derive(Debug)]
pub struct Runner {
    places: Arc<Places>,
    living: Living,
    ends: UnboundedSender<(RunId, Exit)>,
    #[cfg(feature = "systemd")]
    units: Arc<systemd::Units>,
}

impl Runner {
    /// A runner, and where the ends of its runs come out. To be used inside a tokio runtime.
    pub fn new(places: Places) -> (Self, UnboundedReceiver<(RunId, Exit)>) {
        let (ends, received) = unbounded_channel();
        #[cfg(feature = "systemd")]
        let units = Arc::new(systemd::Units::new(places.bus.clone(), places.override_dir.clone()));
        let runner = Self {
            places: Arc::new(places),
            living: Living::default(),
            ends,
            #[cfg(feature = "systemd")]
            units,
        };
        (runner, received)
    }

    /// Starts a run; its end, even if it cannot be started, comes out of the channel.
    pub fn start(&mut self, call: &Call) {
        let (call, places) = (call.clone(), self.places.clone());
        let (living, ends) = (self.living.clone(), self.ends.clone());
        lock(&living).insert(call.run, Life::Coming);
        #[cfg(feature = "systemd")]
        let units = self.units.clone();
        tokio::spawn(async move {
            let run = call.run;
            #[cfg(feature = "systemd")]
            let asked = call.clone();
            let exit = match prepare(call, &places) {
                Prepared::Process(call, program, it) => child::run(&call, &program, it, &places, &living).await,
                #[cfg(feature = "systemd")]
                Prepared::Unit(call) => units.perform(&call).await,
                #[cfg(not(feature = "systemd"))]
                Prepared::Unit(call) => Exit::missing(call.agent.type_name),
                // An init script may be missing because the service is a unit, of which only the service manager knows.
                #[cfg(feature = "systemd")]
                Prepared::Missing(_)
                    if asked.agent.standard == Standard::Service && units.exists(&asked.agent.type_name).await =>
                {
                    units.perform(&asked).await
                }
                Prepared::Missing(file) => Exit::missing(file),
                Prepared::Ended(exit) => exit,
            };
            lock(&living).remove(&run);
            // Nobody listens any more: the driver is gone.
            let _ = ends.send((run, exit));
        });
    }

    /// SIGKILL to a run's process group, or to its process alone.
    pub fn kill(&mut self, run: RunId, scope: KillScope) {
        let mut living = lock(&self.living);
        if let Some(life) = living.get_mut(&run) {
            life.kill(scope);
        }
    }

    /// Where this runner looks for agents.
    pub fn places(&self) -> &Places {
        &self.places
    }
}

impl Life {
    fn kill(&mut self, scope: KillScope) {
        let Self::There(pid) = *self else {
            *self = Self::Doomed(scope);
            return;
        };
        let Some(pid) = Pid::from_raw(pid) else { return };
        // It may have ended meanwhile, which is as good.
        let _ = match scope {
            KillScope::Group => kill_process_group(pid, Signal::KILL),
            KillScope::Process => kill_process(pid, Signal::KILL),
        };
    }
}

/// A run's process is there; if the run was to be killed before, it is killed now.
fn born(living: &Living, run: RunId, pid: i32) {
    let mut living = lock(living);
    let mut life = Life::There(pid);
    if let Some(Life::Doomed(scope)) = living.insert(run, life) {
        life.kill(scope);
    }
}

fn lock(living: &Living) -> MutexGuard<'_, BTreeMap<RunId, Life>> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that is about to run.
enum Prepared {
    Process(Call, PathBuf, Invocation),
    Unit(Call),
    /// Nothing of this name; with what was looked for.
    Missing(String),
    /// Over before it began.
    Ended(Exit),
}

/// Finds a call's agent, and what it is called with.
fn prepare(mut call: Call, places: &Places) -> Prepared {
    let program = match places.find(&call.agent) {
        Found::Program(program) => program,
        Found::Plugin(wrapper) => {
            let plugin = call.agent.type_name.clone();
            Arc::make_mut(&mut call.parameters).insert("plugin".to_owned(), plugin);
            wrapper
        }
        Found::Unit => return Prepared::Unit(call),
        Found::Missing(file) => return Prepared::Missing(file),
    };
    if let Err(exit) = secrets::fill(&mut call, places) {
        return Prepared::Ended(exit);
    }
    let it = invocation(&call, &places.ocf_root_text());
    Prepared::Process(call, program, it)
}

/// Runs one call to its end, killing its group at the timeout: for tools and meta-data [RA-8.6].
pub async fn run_once(call: &Call, places: &Places, timeout: Duration) -> Exit {
    match prepare(call.clone(), places) {
        Prepared::Process(call, program, it) => run_program(&call, &program, it, places, timeout).await,
        Prepared::Unit(call) => Exit::missing(call.agent.type_name),
        Prepared::Missing(file) => Exit::missing(file),
        Prepared::Ended(exit) => exit,
    }
}

async fn run_program(call: &Call, program: &Path, it: Invocation, places: &Places, timeout: Duration) -> Exit {
    let living = Living::default();
    let running = child::run(call, program, it, places, &living);
    tokio::pin!(running);
    tokio::select! {
        exit = &mut running => return exit,
        () = tokio::time::sleep(timeout) => {}
    }
    if let Some(life) = lock(&living).get_mut(&call.run) {
        life.kill(KillScope::Group);
    }
    running.await
}
