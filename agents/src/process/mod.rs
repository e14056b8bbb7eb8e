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
#[cfg(feature = "systemd")]
pub mod systemd;

pub use listing::Listing;
pub use meta::MetadataError;
pub use places::{Found, Places};

use crate::executor::KillScope;
use crate::standard::invocation::{Invocation, invocation};
use crate::standard::{Call, Exit, RunId, Standard};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The processes that were started and not yet reaped.
type Living = Arc<Mutex<BTreeMap<RunId, i32>>>;

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
        let runner = Self {
            places: Arc::new(places),
            living: Living::default(),
            ends,
            #[cfg(feature = "systemd")]
            units: Arc::default(),
        };
        (runner, received)
    }

    /// Starts a run; its end, even if it cannot be started, comes out of the channel.
    pub fn start(&mut self, call: &Call) {
        let (call, places) = (call.clone(), self.places.clone());
        let (living, ends) = (self.living.clone(), self.ends.clone());
        #[cfg(feature = "systemd")]
        let units = self.units.clone();
        tokio::spawn(async move {
            let run = call.run;
            let exit = match places.find(&call.agent) {
                Found::Program(program) => {
                    let it = invocation(&call, &places.ocf_root_text());
                    child::run(&call, &program, it, &places, &living).await
                }
                Found::Missing(file) => Exit::missing(file),
                #[cfg(feature = "systemd")]
                Found::Unit => units.perform(&call).await,
                #[cfg(not(feature = "systemd"))]
                Found::Unit => Exit::missing(call.agent.type_name.clone()),
            };
            // Nobody listens any more: the driver is gone.
            let _ = ends.send((run, exit));
        });
    }

    /// SIGKILL to a run's process group, or to its process alone.
    pub fn kill(&mut self, run: RunId, scope: KillScope) {
        let living = lock(&self.living);
        if let Some(pid) = living.get(&run).copied().and_then(Pid::from_raw) {
            // It may have ended meanwhile, which is as good.
            let _ = match scope {
                KillScope::Group => kill_process_group(pid, Signal::KILL),
                KillScope::Process => kill_process(pid, Signal::KILL),
            };
        }
    }

    /// Where this runner looks for agents.
    pub fn places(&self) -> &Places {
        &self.places
    }
}

fn lock(living: &Living) -> MutexGuard<'_, BTreeMap<RunId, i32>> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one call to its end, killing its group at the timeout: for tools and meta-data [RA-8.6].
pub async fn run_once(call: &Call, places: &Places, timeout: Duration) -> Exit {
    let living = Living::default();
    let Found::Program(program) = places.find(&call.agent) else { return Exit::missing(call.agent.type_name.clone()) };
    let mut it: Invocation = invocation(call, &places.ocf_root_text());
    if call.agent.standard == Standard::Stonith && call.action == "metadata" {
        it = Invocation { stdin: Some("action=metadata\n".to_owned()), ..Invocation::default() };
    }
    let running = child::run(call, &program, it, places, &living);
    tokio::pin!(running);
    tokio::select! {
        exit = &mut running => return exit,
        () = tokio::time::sleep(timeout) => {}
    }
    if let Some(pid) = lock(&living).get(&call.run).copied().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    running.await
}
