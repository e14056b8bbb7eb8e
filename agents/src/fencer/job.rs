//! One action of one device: its queue, delay, run and retries [CT-9.5], [CT-9.9], [RA-6.5].

use super::message::FenceResult;
use super::parameters;
use super::{Fencer, Output, Timer};
use crate::executor::KillScope;
use crate::standard::outcome::{outcome, timed_out};
use crate::standard::{AgentName, Answer, Call, ExecutionStatus, Exit, RunId, Standard};
use core::time::Duration;
use rand::Rng;
use std::sync::Arc;

/// How many jobs may wait for one device: a process that cannot be killed must not let its queue grow without bound.
const QUEUE_LIMIT: usize = 256;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// Targets of the device.
    List,
    /// Whether the device can fence the target, for a search.
    Status(u64),
    /// The executor's monitor.
    Monitor(RunId),
    /// Part of an execution.
    Fence(u64),
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) device: String,
    /// What the cluster wants; the agent may have to be asked for something else.
    pub(super) action: String,
    pub(super) target: Option<String>,
    pub(super) client: String,
    pub(super) goal: Goal,
    timeout_ms: u64,
    /// The end of a delay, until it has passed.
    waits_until: Option<Duration>,
    first_start: Option<Duration>,
    tries: u64,
    expired: bool,
    call: Option<Call>,
}

/// A run in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Running {
    Metadata(String),
    Job(u64),
}

impl Fencer {
    /// Puts a job into its device's queue. `delay_ms` is the requested delay; `None` = no delays at all.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn enqueue(
        &mut self,
        now: Duration,
        device: &str,
        action: &str,
        target: Option<&str>,
        timeout_ms: u64,
        delay_ms: Option<u64>,
        goal: Goal,
        client: &str,
    ) {
        let id = self.number();
        let Some(entry) = self.devices.get_mut(device) else { return };
        let full = entry.queue.len() >= QUEUE_LIMIT;
        if !full {
            entry.queue.push_back(id);
        }
        let delay = match (delay_ms, target, action) {
            (Some(requested), Some(target), "off" | "reboot") => {
                let base = parameters::delay_base_ms(&entry.parameters, target);
                let (base, max) = parameters::delay_bounds(base, parameters::delay_max_ms(&entry.parameters));
                let random = if max > base { self.rng.next_u64() % (max - base) } else { 0 };
                requested.saturating_add(base).saturating_add(random)
            }
            _ => 0,
        };
        let waits_until = (delay > 0).then(|| now.saturating_add(Duration::from_millis(delay)));
        if let Some(until) = waits_until {
            self.timers.insert((until, Timer::Job(id)));
        }
        let job = Job {
            device: device.to_owned(),
            action: action.to_owned(),
            target: target.map(str::to_owned),
            client: client.to_owned(),
            goal,
            timeout_ms,
            waits_until,
            first_start: None,
            tries: 0,
            expired: false,
            call: None,
        };
        self.jobs.insert(id, job);
        if full {
            self.job_failed(now, id, ExecutionStatus::Error, "Too many actions wait for the device");
        }
        self.pump(now, device);
    }

    /// Starts as many waiting jobs of a device as its limit allows.
    pub(super) fn pump(&mut self, now: Duration, device: &str) {
        loop {
            let Some(entry) = self.devices.get_mut(device) else { return };
            let limit = parameters::action_limit(&entry.parameters);
            if limit.is_some_and(|limit| entry.running >= limit) {
                return;
            }
            let ready =
                |id: &u64| self.jobs.get(id).is_some_and(|job| job.waits_until.is_none_or(|until| until <= now));
            let Some(at) = entry.queue.iter().position(ready) else { return };
            let Some(id) = entry.queue.remove(at) else { return };
            entry.running += 1;
            self.start(now, id);
        }
    }

    pub(super) fn job_ready(&mut self, now: Duration, id: u64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.waits_until = None;
        let device = job.device.clone();
        if job.tries > 0 {
            self.start(now, id);
        } else {
            self.pump(now, &device);
        }
    }

    fn start(&mut self, now: Duration, id: u64) {
        let Some(job) = self.jobs.get(&id) else { return };
        let Some(device) = self.devices.get(&job.device) else {
            self.job_failed(
                now,
                id,
                ExecutionStatus::NoFenceDevice,
                "Device was removed before action could be executed",
            );
            return;
        };
        if device.is_watchdog() {
            self.watchdog_job(now, id);
            return;
        }
        let capabilities = self.capabilities(device);
        // An agent without reboot turns the target off, by the rules of off.
        let action = if job.action == "reboot" && !capabilities.reboot { "off" } else { &job.action };
        let elapsed = job.first_start.map_or(Duration::ZERO, |first| now.saturating_sub(first));
        let limit = parameters::action_timeout_ms(&device.parameters, action).unwrap_or(job.timeout_ms);
        let remaining = limit.saturating_sub(elapsed.as_secs().saturating_mul(1000)).max(1000);
        let alias = job.target.as_deref().and_then(|target| device.alias(target));
        let lines = parameters::lines(
            &device.parameters,
            &device.agent,
            capabilities.host_argument.as_deref(),
            job.target.as_deref(),
            alias,
        );
        let agent = AgentName::plain(Standard::Stonith, &device.agent);
        let action = parameters::action_name(&device.parameters, action).to_owned();
        let resource = device.id.clone();
        let run = self.run_id();
        let call =
            Call { run, resource, agent, action, interval_ms: 0, timeout_ms: remaining, parameters: Arc::new(lines) };
        if let Some(job) = self.jobs.get_mut(&id) {
            job.tries += 1;
            job.first_start.get_or_insert(now);
            job.call = Some(call.clone());
            job.expired = false;
        }
        self.runs.insert(run, Running::Job(id));
        self.timers.insert((now.saturating_add(Duration::from_millis(remaining)), Timer::Deadline(run)));
        self.outputs.push_back(Output::Run(call));
    }

    /// The watchdog's device: its own node falls, everything else succeeds [CT-9.8].
    fn watchdog_job(&mut self, now: Duration, id: u64) {
        let Some(job) = self.jobs.get(&id) else { return };
        if job.target.as_deref().is_some_and(|t| self.is_me(t)) && matches!(job.action.as_str(), "off" | "reboot") {
            self.outputs.push_back(Output::Panic { action: job.action.clone() });
        }
        self.job_done(now, id, FenceResult::ok());
    }

    pub(super) fn run_too_long(&mut self, run: RunId) {
        let Some(running) = self.runs.get(&run) else { return };
        if let Running::Job(id) = running
            && let Some(job) = self.jobs.get_mut(id)
        {
            job.expired = true;
        }
        self.outputs.push_back(Output::Kill { run, scope: KillScope::Group });
    }

    pub(super) fn run_ended(&mut self, now: Duration, run: RunId, exit: Exit) {
        let Some(running) = self.runs.remove(&run) else { return };
        let id = match running {
            Running::Metadata(agent) => {
                self.drop_deadline(run);
                return self.metadata_ended(now, &agent, exit);
            }
            Running::Job(id) => id,
        };
        self.drop_deadline(run);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Some(call) = job.call.take() else { return };
        let it = if job.expired { timed_out(&call) } else { outcome(&call, exit) };
        let result = FenceResult { rc: it.rc, status: it.status, reason: it.reason, output: it.output };
        let answered = matches!(job.goal, Goal::Status(_)) && it.status == ExecutionStatus::Done && result.rc.0 == 2;
        if !result.is_ok() && !answered && self.may_retry(now, id, &result) {
            let at = now.saturating_add(RETRY_PAUSE);
            if let Some(job) = self.jobs.get_mut(&id) {
                job.waits_until = Some(at);
            }
            self.timers.insert((at, Timer::Job(id)));
            return;
        }
        self.job_done(now, id, result);
    }

    fn drop_deadline(&mut self, run: RunId) {
        self.timers.retain(|(_, timer)| *timer != Timer::Deadline(run));
    }

    /// Few enough tries, no timeout, and less than seven tenths of the time gone.
    fn may_retry(&self, now: Duration, id: u64, result: &FenceResult) -> bool {
        let Some(job) = self.jobs.get(&id) else { return false };
        let Some(device) = self.devices.get(&job.device) else { return false };
        if matches!(result.status, ExecutionStatus::Timeout | ExecutionStatus::NotInstalled) {
            return false;
        }
        let action = if job.action == "reboot" && !self.capabilities(device).reboot { "off" } else { &job.action };
        let elapsed_s = job.first_start.map_or(0, |first| now.saturating_sub(first).as_secs());
        let limit_ms = parameters::action_timeout_ms(&device.parameters, action).unwrap_or(job.timeout_ms);
        job.tries < parameters::action_tries(&device.parameters, action)
            && elapsed_s.saturating_mul(10_000) < limit_ms.saturating_mul(7)
    }

    pub(super) fn job_failed(&mut self, now: Duration, id: u64, status: ExecutionStatus, reason: &str) {
        self.job_done(now, id, FenceResult::failed(1, status, reason));
    }

    /// A job is over: whoever waits for it hears of it, and the device goes on.
    fn job_done(&mut self, now: Duration, id: u64, result: FenceResult) {
        let Some(job) = self.jobs.remove(&id) else { return };
        if let Some(device) = self.devices.get_mut(&job.device) {
            if device.queue.contains(&id) {
                device.queue.retain(|j| *j != id);
            } else if job.first_start.is_some() || device.is_watchdog() {
                device.running = device.running.saturating_sub(1);
            }
            device.verified |= result.is_ok() && matches!(job.goal, Goal::List | Goal::Status(_) | Goal::Monitor(_));
        }
        match &job.goal {
            Goal::List => self.listed(now, &job.device, &result),
            Goal::Status(search) => {
                let able = result.status == ExecutionStatus::Done && matches!(result.rc.0, 0 | 2);
                self.answered(now, *search, &job.device, able);
            }
            Goal::Monitor(run) => {
                let answer =
                    Answer { rc: result.rc, status: result.status, reason: result.reason, output: result.output };
                self.answer_device(*run, answer);
            }
            Goal::Fence(execution) => {
                let merged = if result.is_ok() { self.merge_waiting(&job) } else { Vec::new() };
                self.part_done(now, *execution, &job.device, result.clone());
                for execution in merged {
                    self.part_done(now, execution, &job.device, result.clone());
                }
            }
        }
        self.pump(now, &job.device);
    }

    /// Equal requests of other clients that still wait get a success, too [CT-9.6].
    fn merge_waiting(&mut self, done: &Job) -> Vec<u64> {
        let Some(device) = self.devices.get_mut(&done.device) else { return Vec::new() };
        let equal = |id: &u64| {
            let job = self.jobs.get(id)?;
            let same = job.action == done.action && job.target == done.target && job.client != done.client;
            match job.goal {
                Goal::Fence(execution) if same => Some((*id, execution)),
                _ => None,
            }
        };
        let merged: Vec<(u64, u64)> = device.queue.iter().filter_map(equal).collect();
        for (id, _) in &merged {
            device.queue.retain(|j| j != id);
            self.jobs.remove(id);
        }
        merged.into_iter().map(|(_, execution)| execution).collect()
    }
}
