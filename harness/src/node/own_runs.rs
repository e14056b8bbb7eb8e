//! Runs of agents that are no operations: meta-data of resource agents.

use super::translate;
use agents::standard::{AgentName, Call, Exit, Metadata, RunId, Standard};
use policy_core::controller::{AgentKey, AgentMeta};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// These runs count from here; executors count from 1, fencers from 2^63 + 1.
const FIRST: u64 = 1 << 62;

/// How long an agent may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// All such runs of one machine.
#[derive(Debug, Default)]
pub(super) struct OwnRuns {
    count: u64,
    /// The agent that describes itself, and until when.
    going: BTreeMap<RunId, (AgentKey, Duration)>,
}

impl OwnRuns {
    /// Whether a run is one of these.
    pub(super) fn owns(run: RunId) -> bool {
        (FIRST + 1..=1 << 63).contains(&run.0)
    }

    /// The run that makes an agent describe itself.
    pub(super) fn describe(&mut self, now: Duration, agent: &AgentKey) -> Call {
        let (class, provider, kind) = agent;
        let name = AgentName::new(class, Some(provider.as_str()).filter(|p| !p.is_empty()), kind);
        let action = if name.standard == Standard::Stonith { "metadata" } else { "meta-data" };
        self.count += 1;
        let run = RunId(FIRST + self.count);
        self.going.insert(run, (agent.clone(), now + PATIENCE));
        Call {
            run,
            resource: kind.clone(),
            agent: name,
            action: action.to_owned(),
            interval_ms: 0,
            timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
            parameters: Arc::default(),
        }
    }

    /// The end of a run: what an agent said about itself.
    pub(super) fn finish(&mut self, run: RunId, exit: &Exit) -> Option<(AgentKey, Option<AgentMeta>)> {
        let (agent, _) = self.going.remove(&run)?;
        let text = match exit {
            Exit::Exited { code: 0, stdout, .. } => stdout.as_str(),
            Exit::Answered(answer) => answer.output.as_str(),
            _ => "",
        };
        Some((agent, Metadata::parse(text).ok().map(|m| translate::agent_meta(&m))))
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.going.values().map(|(_, until)| *until).min()
    }

    /// Runs that have taken too long, to be killed: their agents count as saying nothing.
    pub(super) fn late(&mut self, now: Duration) -> Vec<(RunId, AgentKey)> {
        let late =
            |(run, (agent, until)): (&RunId, &(AgentKey, Duration))| (*until <= now).then(|| (*run, agent.clone()));
        let late: Vec<(RunId, AgentKey)> = self.going.iter().filter_map(late).collect();
        for (run, _) in &late {
            self.going.remove(run);
        }
        late
    }
}
