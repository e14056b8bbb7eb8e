//! The connection to the executor of a Pacemaker Remote or guest node: a resource whose operations the controller itself
//! carries out ([CT-7.8]).

use super::record::op_status;
use super::{Controller, Operation, Output, Report};
use std::collections::BTreeMap;
use std::time::Duration;

/// A single attempt to connect may take this long.
const TRY: Duration = Duration::from_secs(10);
/// Attempts follow each other after this pause.
const PAUSE: Duration = Duration::from_secs(1);
/// With less than this left of the timeout no further attempt is made.
const TOO_LATE: Duration = Duration::from_secs(3);
/// The port on which remote executors listen.
const PORT: u16 = 3121;

/// What the driver does about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteCommand {
    /// Connect; answer with [`RemoteInput::Connected`] or [`RemoteInput::Refused`].
    Connect {
        /// Host name or address.
        address: String,
        /// Its port.
        port: u16,
        /// Its recurring operations go on: another node hands the connection over.
        take_over: bool,
    },
    /// Ask whether the executor lives; answer with [`RemoteInput::Pong`].
    Ping,
    /// Drop the connection, or the attempt to make one. No input follows.
    Disconnect,
}

/// What a driver tells about a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum RemoteInput {
    /// The executor has accepted.
    Connected {
        /// How long it has been running.
        uptime: Duration,
        /// The number that its next operation gets.
        next_call: u32,
    },
    /// It has refused, or cannot be reached.
    Refused {
        /// The keys do not fit: no further attempt can succeed.
        bad_key: bool,
    },
    /// It lives.
    Pong,
    /// Another node has taken the connection over.
    TakenOver,
    /// The connection broke.
    Lost,
    /// An operation has ended, or a recurring one has a new result. The operation comes back as it was given out,
    /// possibly by another node before it handed the connection over.
    Report {
        /// The operation.
        operation: Box<Operation>,
        /// Its result.
        report: Report,
    },
}

/// A recurring monitor of a connection.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    interval: Duration,
    timeout: Duration,
    /// When to ask next, or, if it has asked, until when to wait for the answer.
    at: Duration,
    asked: bool,
    told: bool,
}

/// An operation that takes time: start, migrate_from, stop, or a probe.
#[derive(Clone, Debug)]
struct Going {
    call: u32,
    task: String,
    until: Duration,
    began: Duration,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    address: String,
    port: u16,
    pub(super) up: bool,
    going: Option<Going>,
    /// When the present attempt is given up, or, after it, when to make the next.
    attempt: Option<Duration>,
    trying: bool,
    pub(super) monitors: BTreeMap<u32, Monitor>,
    /// Another node is to take it over, and whether it has.
    expected: bool,
    taken: bool,
    /// The node is in maintenance: a broken connection is none of our business.
    pub(super) in_maintenance: bool,
}

impl Connection {
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        let going = self.going.as_ref().map(|g| g.until);
        let monitors = self.monitors.values().map(|m| m.at);
        going.into_iter().chain(self.attempt).chain(monitors).min()
    }
}

impl Operation {
    /// Whether it is one on a connection to a remote node.
    pub(super) fn is_connection(&self) -> bool {
        let agent = &self.agent;
        agent.class.as_deref() == Some("ocf")
            && agent.provider.as_deref() == Some("pacemaker")
            && agent.agent.as_deref() == Some("remote")
    }

    fn parameter(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.parameters.iter().find(|(n, _)| n == name)).map(|(_, v)| v.as_str())
    }
}

impl Controller {
    fn command(&mut self, name: &str, command: RemoteCommand) {
        self.outputs.push_back(Output::Remote { remote: name.to_owned(), command });
    }

    /// Carries out an operation on a connection; its end comes through [`Controller::end_connection`].
    pub(super) fn run_connection(&mut self, now: Duration, operation: &Operation) {
        let name = operation.resource.clone();
        let call = operation.call;
        let connection = self.connections.entry(name.clone()).or_default();
        let timeout = Duration::from_millis(operation.timeout_ms);
        let going = |until| Going { call, task: operation.task.clone(), until, began: now };
        match operation.task.as_str() {
            "start" | "migrate_from" => {
                connection.address = operation.parameter(&["server", "addr"]).unwrap_or(&name).to_owned();
                connection.port = operation.parameter(&["port"]).and_then(|p| p.parse().ok()).unwrap_or(PORT);
                (connection.expected, connection.taken) = (false, false);
                connection.going = Some(going(now + timeout));
                self.try_connection(now, &name);
            }
            "monitor" if !connection.up => self.end_connection(now, &name, call, 7, op_status::DONE, ""),
            "monitor" => {
                let interval = Duration::from_millis(operation.interval_ms);
                let monitor = Monitor { interval, timeout, at: now + timeout, asked: true, told: false };
                connection.monitors.insert(call, monitor);
                self.command(&name, RemoteCommand::Ping);
            }
            "stop" if connection.up && connection.expected && !connection.taken => {
                connection.going = Some(going(now + timeout / 2));
            }
            "stop" => self.stop_connection(now, &name, call),
            "migrate_to" if connection.up => {
                connection.expected = true;
                self.end_connection(now, &name, call, 0, op_status::DONE, "");
            }
            "migrate_to" => self.end_connection(now, &name, call, 7, op_status::DONE, ""),
            "reload" | "reload-agent" => self.end_connection(now, &name, call, 0, op_status::DONE, ""),
            _ => self.end_connection(now, &name, call, 3, op_status::NOT_SUPPORTED, ""),
        }
    }

    fn try_connection(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        connection.attempt = Some(now + TRY);
        connection.trying = true;
        let (address, port) = (connection.address.clone(), connection.port);
        let take_over = connection.going.as_ref().is_some_and(|g| g.task == "migrate_from");
        self.command(name, RemoteCommand::Connect { address, port, take_over });
    }

    /// An attempt was in vain: another follows if there is time.
    fn attempt_failed(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        let Some(going) = connection.going.clone() else { return };
        if going.until > now + TOO_LATE {
            connection.attempt = Some(now + PAUSE);
            connection.trying = false;
            return;
        }
        self.give_up(now, name, going.call, 1, op_status::TIMEOUT, "Remote executor did not respond");
    }

    fn give_up(&mut self, now: Duration, name: &str, call: u32, rc: i32, status: i32, reason: &str) {
        if let Some(connection) = self.connections.get_mut(name) {
            (connection.going, connection.attempt, connection.trying) = (None, None, false);
        }
        self.command(name, RemoteCommand::Disconnect);
        self.end_connection(now, name, call, rc, status, reason);
    }

    /// The end of an operation on a connection, recorded like any other.
    fn end_connection(&mut self, now: Duration, name: &str, call: u32, rc: i32, op_status: i32, reason: &str) {
        let began = self.connections.get_mut(name).and_then(|c| {
            let mine = c.going.as_ref().is_some_and(|g| g.call == call);
            mine.then(|| c.going.take()).flatten().map(|g| g.began)
        });
        let began = began.unwrap_or(now);
        let report = Report {
            rc,
            op_status,
            exit_reason: reason.to_owned(),
            started: self.epoch_seconds(began),
            changed: self.epoch_seconds(now),
            exec_ms: u64::try_from((now - began).as_millis()).unwrap_or(u64::MAX),
            queue_ms: 0,
        };
        self.take_report(None, call, report);
    }

    fn stop_connection(&mut self, now: Duration, name: &str, call: u32) {
        let Some(connection) = self.connections.remove(name) else {
            return self.end_connection(now, name, call, 0, op_status::DONE, "");
        };
        if !connection.taken {
            self.command(name, RemoteCommand::Disconnect);
            self.remote_lrms.remove(name);
            self.remote_down(name, false);
        }
        self.connections.insert(name.to_owned(), Connection { going: connection.going, ..Connection::default() });
        self.end_connection(now, name, call, 0, op_status::DONE, "");
        self.connections.remove(name);
    }

    /// Something about a connection has happened.
    pub fn handle_remote(&mut self, now: Duration, remote: &str, input: RemoteInput) {
        match input {
            RemoteInput::Connected { uptime, next_call } => self.connected(now, remote, uptime, next_call),
            RemoteInput::Refused { bad_key: true } => {
                let call = self.connections.get(remote).and_then(|c| c.going.as_ref()).map(|g| g.call);
                if let Some(call) = call {
                    self.give_up(now, remote, call, 2, op_status::ERROR, "Authentication with remote executor failed");
                }
            }
            RemoteInput::Refused { bad_key: false } => self.attempt_failed(now, remote),
            RemoteInput::Pong => self.pong(now, remote),
            RemoteInput::TakenOver => self.taken_over(now, remote),
            RemoteInput::Lost => self.connection_lost(now, remote),
            RemoteInput::Report { operation, report } => self.take_remote_report(remote, *operation, report),
        }
        self.run(now);
    }

    fn connected(&mut self, now: Duration, name: &str, uptime: Duration, next_call: u32) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        let Some(going) = connection.going.clone() else { return };
        (connection.attempt, connection.trying, connection.up) = (None, false, true);
        let mut lrm = super::lrm::Lrm::new(name, name);
        lrm.next_call = next_call.max(1);
        self.remote_lrms.insert(name.to_owned(), lrm);
        self.remote_up(now, name, uptime, going.task == "start");
        self.end_connection(now, name, going.call, 0, op_status::DONE, "");
    }

    fn pong(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        let mut told = Vec::new();
        connection.monitors.retain(|&call, monitor| {
            if std::mem::take(&mut monitor.asked) {
                monitor.at = now + monitor.interval;
                if !std::mem::replace(&mut monitor.told, true) {
                    told.push(call);
                }
            }
            !monitor.interval.is_zero()
        });
        for call in told {
            self.end_connection(now, name, call, 0, op_status::DONE, "");
        }
    }

    fn taken_over(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        connection.taken = true;
        connection.up = false;
        connection.monitors.clear();
        let stopping = connection.going.as_ref().filter(|g| g.task == "stop").map(|g| g.call);
        self.remote_lrms.remove(name);
        if let Some(call) = stopping {
            self.stop_connection(now, name, call);
        }
    }

    /// The connection broke without anybody's wish: its monitors fail, and what was in flight over it.
    pub(super) fn connection_lost(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        if !std::mem::take(&mut connection.up) {
            // While it was being made.
            return self.attempt_failed(now, name);
        }
        let monitors: Vec<u32> = std::mem::take(&mut connection.monitors).into_keys().collect();
        let in_maintenance = connection.in_maintenance;
        let stopping = connection.going.as_ref().filter(|g| g.task == "stop").map(|g| g.call);
        self.fail_remote_operations(now, name);
        if let Some(call) = stopping {
            return self.stop_connection(now, name, call);
        }
        if in_maintenance {
            // As if it had been stopped successfully.
            self.connections.remove(name);
            self.remote_lrms.remove(name);
            return self.remote_down(name, false);
        }
        for call in monitors {
            self.end_connection(now, name, call, 1, op_status::ERROR, "Lost connection to remote executor");
        }
    }

    /// Timers of all connections that are due.
    pub(super) fn connections_due(&mut self, now: Duration) {
        let due = |c: &Connection| c.wakes_at().is_some_and(|at| at <= now);
        let names: Vec<String> = self.connections.iter().filter(|(_, c)| due(c)).map(|(n, _)| n.clone()).collect();
        for name in names {
            self.connection_due(now, &name);
        }
    }

    fn connection_due(&mut self, now: Duration, name: &str) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        if let Some(going) = connection.going.clone().filter(|g| g.until <= now) {
            return match going.task.as_str() {
                "stop" => self.stop_connection(now, name, going.call),
                _ => self.give_up(now, name, going.call, 1, op_status::TIMEOUT, "Remote executor did not respond"),
            };
        }
        if connection.attempt.is_some_and(|at| at <= now) {
            if connection.trying {
                self.command(name, RemoteCommand::Disconnect);
                self.attempt_failed(now, name);
            } else {
                self.try_connection(now, name);
            }
            return;
        }
        let mut silent = Vec::new();
        let mut ask = false;
        for (&call, monitor) in connection.monitors.iter_mut().filter(|(_, m)| m.at <= now) {
            if monitor.asked {
                silent.push(call);
            } else {
                monitor.asked = true;
                monitor.at = now + monitor.timeout;
                ask = true;
            }
        }
        if ask {
            self.command(name, RemoteCommand::Ping);
        }
        if silent.is_empty() {
            return;
        }
        for call in silent {
            if let Some(connection) = self.connections.get_mut(name) {
                connection.monitors.remove(&call);
            }
            self.end_connection(now, name, call, 1, op_status::TIMEOUT, "Remote executor did not respond");
        }
        self.command(name, RemoteCommand::Disconnect);
        self.connection_lost(now, name);
    }
}
