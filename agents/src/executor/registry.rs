//! Registering and unregistering resources [RA-8.1].

use super::queue::Resource;
use super::{Executor, Registration, RequestError, Unregistered};
use crate::standard::AgentName;
use core::time::Duration;
use std::collections::VecDeque;

impl Executor {
    /// Registers a resource; the same agent again changes nothing, another agent replaces the old registration.
    ///
    /// # Errors
    /// An OCF agent without provider.
    pub fn register(&mut self, now: Duration, id: &str, agent: AgentName) -> Result<(), RequestError> {
        if agent.standard.has_provider() && agent.provider.as_deref().is_none_or(str::is_empty) {
            return Err(RequestError::NoProvider(id.to_owned()));
        }
        match self.resources.get(id) {
            Some(known) if known.agent.same(&agent) => return Ok(()),
            Some(_) => {
                self.unregister(now, id);
            }
            None => {}
        }
        let resource = Resource {
            agent,
            pending: VecDeque::new(),
            active: None,
            recurring: Vec::new(),
            probe: super::device::ProbeResult::NoDevice,
        };
        self.resources.insert(id.to_owned(), resource);
        Ok(())
    }

    /// Removes a resource: what waits is reported cancelled, recurring operations are cancelled, and what runs goes on to its end; all these reports
    /// say that the resource is deleted.
    pub fn unregister(&mut self, now: Duration, id: &str) -> Unregistered {
        let Some(resource) = self.resources.remove(id) else { return Unregistered::Removed };
        let keys = resource.pending.iter().chain(&resource.recurring).chain(&resource.active);
        let mut keys: Vec<_> = keys.copied().collect();
        keys.sort_unstable();
        keys.dedup();
        for key in &keys {
            if let Some(op) = self.ops.get_mut(key) {
                op.deleted = true;
            }
        }
        for key in &resource.pending {
            self.cancel_pending(now, *key);
        }
        for key in resource.recurring {
            self.cancel_one(now, key);
        }
        // What was taken from the queue but is held back by another run has not started either.
        if let Some(key) = resource.active.filter(|key| self.blocked.contains(key)) {
            self.cancel_pending(now, key);
        }
        self.drain_blocked(now);
        let runs = keys.iter().any(|key| self.run_of(*key).is_some());
        if runs { Unregistered::InProgress } else { Unregistered::Removed }
    }

    /// What is registered under this id.
    pub fn info(&self, id: &str) -> Option<Registration> {
        let resource = self.resources.get(id)?;
        Some(Registration { resource: id.to_owned(), agent: resource.agent.clone() })
    }
}
