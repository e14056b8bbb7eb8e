//! Which native agents there are, and which of their runs go on.

use super::{Agent, Context, Progress, perform};
use crate::standard::{AgentName, Call, Exit, RunId};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

type Maker = Box<dyn FnMut(&str) -> Box<dyn Agent> + Send>;

struct Going {
    call: Call,
    since: Duration,
    next: Duration,
}

/// The native agents of one node: made on first use, one per resource.
#[derive(Default)]
pub struct Registry {
    makers: BTreeMap<AgentName, Maker>,
    agents: BTreeMap<String, Box<dyn Agent>>,
    going: BTreeMap<RunId, Going>,
    done: VecDeque<(RunId, Exit)>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("agents", &self.makers.keys().collect::<Vec<_>>())
            .field("resources", &self.agents.keys().collect::<Vec<_>>())
            .field("going", &self.going.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Offers an OCF agent; `make` gets the resource id.
    pub fn register(
        &mut self,
        provider: &str,
        type_name: &str,
        make: impl FnMut(&str) -> Box<dyn Agent> + Send + 'static,
    ) {
        self.makers.insert(AgentName::ocf(provider, type_name), Box::new(make));
    }

    /// Is this agent a native one?
    pub fn has(&self, agent: &AgentName) -> bool {
        self.makers.contains_key(agent)
    }

    /// Begins a run; `false` if its agent is no native one. Its end comes from [`Self::poll`].
    pub fn begin(&mut self, now: Duration, call: &Call) -> bool {
        let Some(make) = self.makers.get_mut(&call.agent) else { return false };
        let agent = self.agents.entry(call.resource.clone()).or_insert_with(|| make(&call.resource));
        let progress = perform(agent.as_mut(), &context(now, now, call));
        self.note(now, call.clone(), now, progress);
        true
    }

    /// SIGKILL: the run ends now.
    pub fn kill(&mut self, now: Duration, run: RunId) {
        let Some(going) = self.going.remove(&run) else { return };
        if let Some(agent) = self.agents.get_mut(&going.call.resource) {
            agent.killed(&context(now, going.since, &going.call));
        }
        self.done.push_back((run, Exit::killed()));
    }

    /// Something happened that unfinished runs of a resource may wait for: they are asked at the next poll.
    pub fn wake(&mut self, now: Duration, resource: &str) {
        for going in self.going.values_mut().filter(|going| going.call.resource == resource) {
            going.next = going.next.min(now);
        }
    }

    /// The next run that ended.
    pub fn poll(&mut self, now: Duration) -> Option<(RunId, Exit)> {
        let due: Vec<RunId> = self.going.iter().filter(|(_, g)| g.next <= now).map(|(run, _)| *run).collect();
        for run in due {
            let Some(going) = self.going.remove(&run) else { continue };
            let Some(agent) = self.agents.get_mut(&going.call.resource) else { continue };
            let progress = agent.resume(&context(now, going.since, &going.call));
            self.note(now, going.call, going.since, progress);
        }
        self.done.pop_front()
    }

    /// When to poll at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.done.is_empty() { self.going.values().map(|g| g.next).min() } else { Some(Duration::ZERO) }
    }

    fn note(&mut self, now: Duration, call: Call, since: Duration, progress: Progress) {
        match progress {
            Progress::Done(answer) => self.done.push_back((call.run, Exit::Answered(answer))),
            // At least a moment, so that a poll at one instant ends.
            Progress::Later(next) => {
                let next = next.max(now.saturating_add(Duration::from_millis(1)));
                self.going.insert(call.run, Going { call, since, next });
            }
        }
    }
}

fn context(now: Duration, since: Duration, call: &Call) -> Context<'_> {
    Context {
        now,
        since,
        resource: &call.resource,
        action: &call.action,
        interval_ms: call.interval_ms,
        timeout_ms: call.timeout_ms,
        parameters: &call.parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{Answer, ExitStatus};

    /// Needs three seconds to start.
    struct Slow;

    impl Agent for Slow {
        fn start(&mut self, context: &Context<'_>) -> Progress {
            let ready = context.since + Duration::from_secs(3);
            if context.now >= ready { ExitStatus::OK.into() } else { Progress::Later(ready) }
        }
        fn stop(&mut self, _: &Context<'_>) -> Progress {
            ExitStatus::OK.into()
        }
        fn monitor(&mut self, _: &Context<'_>) -> Progress {
            ExitStatus::NOT_RUNNING.into()
        }
    }

    fn call(run: u64, action: &str) -> Call {
        Call {
            run: RunId(run),
            resource: "s".into(),
            agent: AgentName::ocf("own", "Slow"),
            action: action.into(),
            interval_ms: 0,
            timeout_ms: 0,
            parameters: Default::default(),
        }
    }

    #[test]
    fn a_slow_start_ends_later_and_a_kill_ends_it_at_once() {
        let mut registry = Registry::default();
        registry.register("own", "Slow", |_| Box::new(Slow));
        assert!(registry.begin(Duration::ZERO, &call(1, "start")));
        assert!(registry.begin(Duration::ZERO, &call(2, "start")));
        assert_eq!(registry.poll(Duration::ZERO), None);
        assert_eq!(registry.poll_timeout(), Some(Duration::from_secs(3)));
        registry.kill(Duration::from_secs(1), RunId(2));
        assert_eq!(registry.poll(Duration::from_secs(1)), Some((RunId(2), Exit::killed())));
        let ok = Exit::Answered(Answer::done(ExitStatus::OK));
        assert_eq!(registry.poll(Duration::from_secs(3)), Some((RunId(1), ok)));
        assert_eq!(registry.poll_timeout(), None);
    }

    #[test]
    fn unknown_agents_and_actions() {
        let mut registry = Registry::default();
        registry.register("own", "Slow", |_| Box::new(Slow));
        assert!(!registry.begin(Duration::ZERO, &Call { agent: AgentName::ocf("own", "Other"), ..call(1, "start") }));
        registry.begin(Duration::ZERO, &call(2, "frobnicate"));
        let Some((_, Exit::Answered(answer))) = registry.poll(Duration::ZERO) else { panic!("an answer") };
        assert_eq!(answer.rc, ExitStatus::UNIMPLEMENTED);
    }
}
