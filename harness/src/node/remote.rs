//! Pacemaker Remote: a host that runs agents for the cluster without being a member of it ([CT-7.8]).
//!
//! [`RemoteExecutor`] is the remote side, sans-IO like [`Node`](super::Node). A cluster node that runs the connection resource asks its driver for a
//! connection with [`RemoteOutput::Connect`]; driver and remote host carry messages between the two, in order and without loss while the
//! connection stands.

use super::own_runs::OwnRuns;
use super::translate;
use agents::executor::{self, Executor, KillScope};
use agents::standard::{Call, Exit, RunId};
use bytes::Bytes;
use policy_core::controller::{AgentKey, AgentMeta, Operation, Report};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a node wants of its driver for a connection to a remote host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteOutput {
    /// Connect; answer with [`RemoteEvent::Connected`] or [`RemoteEvent::Refused`]. An older connection to it is dropped.
    Connect {
        /// Host name or address.
        address: String,
        /// Its port.
        port: u16,
    },
    /// Send over the connection.
    Send(Bytes),
    /// Drop the connection, or the attempt to make one; no event follows.
    Disconnect,
}

/// What a driver tells a node about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteEvent {
    /// It stands.
    Connected,
    /// It could not be made.
    Refused {
        /// The other side did not accept the key.
        bad_key: bool,
    },
    /// A message has come.
    Message(Bytes),
    /// It broke.
    Closed,
}

/// From a cluster node to a remote executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ToRemote {
    Hello { take_over: bool },
    Ping,
    Execute(Box<Operation>),
    Cancel { resource: String, task: String, interval_ms: u64 },
    Unregister { resource: String },
    Describe(AgentKey),
}

/// From a remote executor to a cluster node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum FromRemote {
    Welcome { uptime: Duration, next_call: u32 },
    Pong,
    TakenOver,
    Report { operation: Box<Operation>, report: Report },
    Agent(AgentKey, Option<AgentMeta>),
}

pub(super) fn encode<T: Serialize>(message: &T) -> Bytes {
    Bytes::from(postcard::to_allocvec(message).expect("writing to memory cannot fail"))
}

/// What a node says first.
#[cfg(test)]
pub(crate) fn hello() -> Bytes {
    encode(&ToRemote::Hello { take_over: false })
}

/// Names a connection on the remote side; the driver counts.
pub type ConnectionId = u64;

/// What the driver of a remote host has to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteHostOutput {
    /// Send over a connection.
    Send {
        /// Which.
        connection: ConnectionId,
        /// All of the message.
        message: Bytes,
    },
    /// Close a connection; no event follows.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Run an agent; its end goes to [`RemoteExecutor::handle_exit`].
    Run(Call),
    /// Kill an agent; its end is still awaited.
    Kill {
        /// Which run.
        run: RunId,
        /// The whole process group, or the process alone.
        scope: KillScope,
    },
}

/// The executor of a remote host. One cluster node at a time is served: the one that said hello last.
#[derive(Debug)]
pub struct RemoteExecutor {
    executor: Executor,
    runs: OwnRuns,
    started: Duration,
    serving: Option<ConnectionId>,
    next_call: u32,
    operations: BTreeMap<u32, Operation>,
    outputs: VecDeque<RemoteHostOutput>,
}

impl RemoteExecutor {
    /// An executor that starts now; `epoch` is the time since 1970 at the driver's origin of time.
    pub fn new(epoch: Duration, now: Duration) -> Self {
        let options = executor::Options { epoch_at_origin: epoch.as_secs(), ..executor::Options::default() };
        RemoteExecutor {
            executor: Executor::new(options),
            runs: OwnRuns::default(),
            started: now,
            serving: None,
            next_call: 1,
            operations: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A message has come over a connection. What cannot be read is left out.
    pub fn handle_message(&mut self, now: Duration, connection: ConnectionId, message: &[u8]) {
        let Ok(message) = postcard::from_bytes::<ToRemote>(message) else { return };
        match message {
            ToRemote::Hello { take_over } => self.hello(now, connection, take_over),
            _ if self.serving != Some(connection) => {}
            ToRemote::Ping => self.send(&FromRemote::Pong),
            ToRemote::Execute(operation) => self.execute(now, *operation),
            ToRemote::Cancel { resource, task, interval_ms } => {
                // Nothing to cancel: its end has been reported already.
                let _ = self.executor.cancel(now, &resource, &task, interval_ms);
            }
            ToRemote::Unregister { resource } => {
                self.executor.unregister(now, &resource);
            }
            ToRemote::Describe(agent) => {
                let call = self.runs.describe(now, &agent);
                self.outputs.push_back(RemoteHostOutput::Run(call));
            }
        }
        self.pump();
    }

    /// A cluster node presents itself; the one before it learns that it has been relieved.
    fn hello(&mut self, now: Duration, connection: ConnectionId, take_over: bool) {
        if self.serving.is_some_and(|before| before != connection) {
            self.send(&FromRemote::TakenOver);
            let before = self.serving.take().expect("looked at above");
            self.outputs.push_back(RemoteHostOutput::Close { connection: before });
        }
        self.serving = Some(connection);
        if !take_over {
            for operation in std::mem::take(&mut self.operations).into_values() {
                let _ = self.executor.cancel(now, &operation.resource, &operation.task, operation.interval_ms);
            }
        }
        self.send(&FromRemote::Welcome { uptime: now.saturating_sub(self.started), next_call: self.next_call });
    }

    fn execute(&mut self, now: Duration, operation: Operation) {
        let request = translate::operation(&operation);
        self.next_call = self.next_call.max(operation.call.saturating_add(1));
        match self.executor.request(now, request) {
            Ok(_) => {
                self.operations.insert(operation.call, operation);
            }
            Err(error) => {
                self.send(&FromRemote::Report { operation: Box::new(operation), report: translate::refused(&error) });
            }
        }
    }

    /// A connection broke, or was closed from the other side.
    pub fn handle_closed(&mut self, connection: ConnectionId) {
        self.serving = self.serving.filter(|&serving| serving != connection);
    }

    /// An agent's run has ended.
    pub fn handle_exit(&mut self, now: Duration, run: RunId, exit: Exit) {
        if OwnRuns::owns(run) {
            if let Some((agent, meta)) = self.runs.finish(run, &exit) {
                self.send(&FromRemote::Agent(agent, meta));
            }
        } else {
            self.executor.handle_exit(now, run, exit);
        }
        self.pump();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.executor.handle_timeout(now);
        for (run, agent) in self.runs.late(now) {
            self.outputs.push_back(RemoteHostOutput::Kill { run, scope: KillScope::Group });
            self.send(&FromRemote::Agent(agent, None));
        }
        self.pump();
    }

    /// The next output; drain until `None` after every input.
    pub fn poll_output(&mut self) -> Option<RemoteHostOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`RemoteExecutor::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        [self.executor.poll_timeout(), self.runs.poll_timeout()].into_iter().flatten().min()
    }

    /// The connection that is served.
    pub fn serving(&self) -> Option<ConnectionId> {
        self.serving
    }

    fn send(&mut self, message: &FromRemote) {
        if let Some(connection) = self.serving {
            self.outputs.push_back(RemoteHostOutput::Send { connection, message: encode(message) });
        }
    }

    fn pump(&mut self) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                executor::Output::Spawn(call) => self.outputs.push_back(RemoteHostOutput::Run(call)),
                executor::Output::Kill { run, scope } => self.outputs.push_back(RemoteHostOutput::Kill { run, scope }),
                executor::Output::Finished(report) => self.finished(&report),
                // Fence devices run on cluster nodes only; the others are worth a warning where there is a log.
                executor::Output::Device(_)
                | executor::Output::Alerted(_)
                | executor::Output::WillNotDie { .. }
                | executor::Output::Merged { .. } => {}
            }
        }
    }

    fn finished(&mut self, report: &executor::Report) {
        let Some((call, report)) = translate::report(report) else { return };
        let Some(operation) = self.operations.get(&call).cloned() else { return };
        if operation.interval_ms == 0 || report.op_status == policy_core::controller::op_status::CANCELLED {
            self.operations.remove(&call);
        }
        self.send(&FromRemote::Report { operation: Box::new(operation), report });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(executor: &mut RemoteExecutor) -> Vec<(ConnectionId, FromRemote)> {
        let mut all = Vec::new();
        while let Some(output) = executor.poll_output() {
            if let RemoteHostOutput::Send { connection, message } = output {
                all.push((connection, postcard::from_bytes(&message).expect("its own message")));
            }
        }
        all
    }

    fn hear(executor: &mut RemoteExecutor, at: u64, connection: ConnectionId, message: &ToRemote) {
        executor.handle_message(Duration::from_secs(at), connection, &encode(message));
    }

    #[test]
    fn the_last_to_say_hello_is_served_and_the_one_before_told() {
        let mut executor = RemoteExecutor::new(Duration::ZERO, Duration::from_secs(1));
        hear(&mut executor, 2, 7, &ToRemote::Ping);
        assert_eq!(said(&mut executor), [], "nobody has said hello");
        hear(&mut executor, 3, 7, &ToRemote::Hello { take_over: false });
        hear(&mut executor, 3, 7, &ToRemote::Ping);
        let welcome = |seconds| FromRemote::Welcome { uptime: Duration::from_secs(seconds), next_call: 1 };
        assert_eq!(said(&mut executor), [(7, welcome(2)), (7, FromRemote::Pong)]);
        hear(&mut executor, 5, 8, &ToRemote::Hello { take_over: true });
        assert_eq!(said(&mut executor), [(7, FromRemote::TakenOver), (8, welcome(4))]);
        hear(&mut executor, 6, 7, &ToRemote::Ping);
        executor.handle_message(Duration::from_secs(6), 8, b"nonsense");
        executor.handle_closed(7);
        assert_eq!(said(&mut executor), []);
        assert_eq!(executor.serving(), Some(8));
        executor.handle_closed(8);
        assert_eq!(executor.serving(), None);
    }

    #[test]
    fn an_agent_that_says_nothing_in_time_is_killed_and_counts_as_having_nothing_to_say() {
        let mut executor = RemoteExecutor::new(Duration::ZERO, Duration::ZERO);
        hear(&mut executor, 1, 7, &ToRemote::Hello { take_over: false });
        let agent: AgentKey = ("ocf".into(), "pacemaker".into(), "Dummy".into());
        hear(&mut executor, 1, 7, &ToRemote::Describe(agent.clone()));
        said(&mut executor);
        let at = executor.poll_timeout().expect("it waits");
        executor.handle_timeout(at);
        assert!(matches!(executor.poll_output(), Some(RemoteHostOutput::Kill { .. })));
        assert_eq!(said(&mut executor), [(7, FromRemote::Agent(agent, None))]);
        assert_eq!(executor.poll_timeout(), None);
    }
}
