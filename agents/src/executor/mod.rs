//! The per-node operation queue: recurring monitors, timeouts, cancel, results.
//!
//! [`Executor`] decides *when* an agent runs and what its end means; a driver runs it. The driver carries out each [`Output`] in order:
//! start the process (or model) of a [`Output::Spawn`] and answer with [`Executor::handle_exit`]; kill on [`Output::Kill`] (and still answer,
//! once the process is reaped); hand an [`Output::Device`] to the fencer; give a [`Output::Finished`] to the controller. After every push,
//! drain [`Executor::poll_output`] until `None`, then call [`Executor::handle_timeout`] no later than [`Executor::poll_timeout`] says.
//!
//! Per resource, one operation at a time, in the order of request [RA-8.1]; a recurring operation repeats *interval* after its own end until it is
//! cancelled or its resource is stopped, whatever its results are [RA-8.4].
//!
//! ```
//! use agents::executor::{Executor, Operation, Options, Output};
//! use agents::standard::{AgentName, Exit};
//! use core::time::Duration;
//!
//! let mut executor = Executor::new(Options::default());
//! let start = Operation::new("db", AgentName::ocf("pacemaker", "Dummy"), "start").timeout_ms(20_000);
//! executor.request(Duration::ZERO, start).unwrap();
//! let Some(Output::Spawn(call)) = executor.poll_output() else { panic!("an idle resource starts at once") };
//! executor.handle_exit(Duration::from_millis(80), call.run, Exit::code(0));
//! let Some(Output::Finished(report)) = executor.poll_output() else { panic!("its end is reported") };
//! assert_eq!((report.rc.0, report.exec_time_ms), (0, 80));
//! ```

mod alert;
mod cancel;
mod device;
mod finish;
mod operation;
mod queue;
mod registry;
mod status;
#[cfg(test)]
mod tests;
mod timers;
mod unit;

pub use alert::AlertReport;
pub use operation::{
    CallId, CancelError, DeviceAction, DeviceCall, KillScope, Operation, Output, Registration, Report, RequestError,
    Unregistered,
};
pub use status::{OperationStatus, ResourceStatus, Stage as StageStatus, Status};

use crate::standard::{Exit, RunId};
use core::time::Duration;
use queue::{Op, OpKey, Resource};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use timers::Timer;

/// How much of an agent's standard output, and of its standard error, is kept [RA-8.5].
pub const OUTPUT_LIMIT: usize = 10 * 1024 * 1024;

/// What a node fixes for its executor.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calendar time, in seconds since 1970, at the driver's origin of `now`.
    pub epoch_at_origin: u64,
    /// How many agents may run at one instant; `None` (the specified behaviour) leaves the limit to the coordinator [RA-8.11].
    pub parallel_limit: Option<usize>,
    /// How many operations may wait for one resource.
    pub queue_limit: usize,
    /// How many alert agents may run at one instant; what comes while so many do is dropped.
    pub alert_limit: usize,
    /// What alert agents are told as the version of the cluster software.
    pub version: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            epoch_at_origin: 0,
            parallel_limit: None,
            queue_limit: 1024,
            alert_limit: 256,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The executor of one node.
#[derive(Debug)]
pub struct Executor {
    options: Options,
    /// Calls of any kind take the next number of this one counter.
    next_call: u64,
    next_run: u64,
    next_op: u64,
    resources: BTreeMap<String, Resource>,
    ops: BTreeMap<OpKey, Op>,
    /// Which operation a live run belongs to.
    runs: BTreeMap<RunId, OpKey>,
    /// The run that each resource id has in flight: at most one, even across a new registration of the id.
    in_flight: BTreeMap<String, RunId>,
    /// Operations that were to start while another of their resource was in flight, in order of arrival.
    blocked: VecDeque<OpKey>,
    alerts: BTreeMap<RunId, alert::Running>,
    alert_sequence: u64,
    alerts_closed: bool,
    timers: BTreeSet<(Duration, Timer)>,
    outputs: VecDeque<Output>,
}

impl Executor {
    /// An executor with nothing registered.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            next_call: 1,
            next_run: 1,
            next_op: 1,
            resources: BTreeMap::new(),
            ops: BTreeMap::new(),
            runs: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            blocked: VecDeque::new(),
            alerts: BTreeMap::new(),
            alert_sequence: 0,
            alerts_closed: false,
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Tells the calendar time of `now`, after the wall clock was set.
    pub fn set_calendar(&mut self, now: Duration, epoch: u64) {
        self.options.epoch_at_origin = epoch.saturating_sub(now.as_secs());
    }

    /// Accepts an operation [RA-8.2]: the answer is its call id, its result follows as [`Output::Finished`]. An operation that names its agent registers the
    /// resource where that is unknown.
    ///
    /// # Errors
    /// The resource is unknown, the agent is incomplete, or too many operations wait. Nothing has changed then.
    pub fn request(&mut self, now: Duration, operation: Operation) -> Result<CallId, RequestError> {
        self.accept(now, operation)
    }

    /// Cancels the operation with this key [RA-8.7]: its report, if it comes, says `cancelled`.
    ///
    /// # Errors
    /// The resource is unknown, or there is nothing to cancel: a running operation that does not repeat cannot be cancelled.
    pub fn cancel(&mut self, now: Duration, resource: &str, action: &str, interval_ms: u64) -> Result<(), CancelError> {
        self.cancel_operation(now, resource, action, interval_ms)
    }

    /// Cancels every recurring operation of a resource; the controller does so before most operations [RA-8.8].
    pub fn cancel_recurring(&mut self, now: Duration, resource: &str) {
        self.cancel_all_recurring(now, resource);
    }

    /// A run has ended. The end of a run that is no longer awaited changes nothing.
    pub fn handle_exit(&mut self, now: Duration, run: RunId, exit: Exit) {
        if let Some(op) = self.runs.remove(&run) {
            self.reaped(now, op, exit);
            self.drain_blocked(now);
        } else {
            self.alert_ended(run, exit);
        }
    }

    /// The fencer is gone: every started fence resource has lost it [RA-8.9].
    pub fn handle_fencer_lost(&mut self, now: Duration) {
        self.fencer_lost(now);
        self.drain_blocked(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            self.fire(now, timer);
        }
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.first().map(|&(at, _)| at)
    }

    fn take_run(&mut self) -> RunId {
        let run = RunId(self.next_run);
        self.next_run += 1;
        run
    }

    fn epoch(&self, now: Duration) -> u64 {
        self.options.epoch_at_origin.saturating_add(now.as_secs())
    }
}
