//! What a controller keeps about one executor: its own, or that of a remote node whose connection runs here ([CT-6.1]).

use super::record::{Record, Remembered};
use super::{Controller, Operation, Output, Report, op_status, operation_key};
use crate::graph::{Place, Primitive};
use std::collections::BTreeMap;
use std::time::Duration;

/// Operations in hand and memory of one executor.
#[derive(Clone, Debug)]
pub(super) struct Lrm {
    /// The node as the CIB names it.
    pub(super) place: Place,
    /// Active operations by call.
    pub(super) operations: BTreeMap<u32, Record>,
    pub(super) next_call: u32,
    pub(super) remembered: BTreeMap<String, Remembered>,
}

impl Lrm {
    pub(super) fn new(name: &str, uuid: &str) -> Self {
        Lrm {
            place: Place { name: name.to_owned(), uuid: uuid.to_owned() },
            operations: BTreeMap::new(),
            next_call: 1,
            remembered: BTreeMap::new(),
        }
    }

    /// The memory of a resource, made if it is new.
    pub(super) fn resource(&mut self, name: &str, agent: &Primitive) -> &mut Remembered {
        self.remembered.entry(name.to_owned()).or_insert_with(|| Remembered::new(agent.clone()))
    }
}

impl Controller {
    /// The executor of a remote node, or this node's own.
    pub(super) fn lrm(&mut self, remote: Option<&str>) -> Option<&mut Lrm> {
        match remote {
            None => Some(&mut self.own),
            Some(name) => self.remote_lrms.get_mut(name),
        }
    }

    /// The node on which operations of an executor run.
    pub(super) fn place_of(&self, remote: Option<&str>) -> Place {
        match remote {
            None => self.own.place.clone(),
            Some(name) => Place { name: name.to_owned(), uuid: name.to_owned() },
        }
    }

    /// Cancels operations of an executor and forgets them: their reports will not be heard. Where a transition waits for the
    /// end of one already ([CT-6.5]), it has come.
    fn cancel_where(&mut self, remote: Option<&str>, which: impl Fn(&Operation) -> bool) {
        let Some(lrm) = self.lrm(remote) else { return };
        let hit: Vec<u32> = lrm.operations.iter().filter(|(_, r)| which(&r.operation)).map(|(call, _)| *call).collect();
        for call in hit {
            let Some(record) = self.lrm(remote).and_then(|lrm| lrm.operations.remove(&call)) else { continue };
            if record.is_awaited() {
                self.cancelled(&record);
            } else {
                self.ask_cancel(&record.operation);
            }
        }
    }

    /// Cancels an active operation with the same resource, task and interval.
    pub(super) fn cancel_same(&mut self, operation: &Operation) {
        self.cancel_where(operation.remote.as_deref(), |o| {
            o.resource == operation.resource && o.task == operation.task && o.interval_ms == operation.interval_ms
        });
    }

    pub(super) fn cancel_recurring_of(&mut self, remote: Option<&str>, resource: &str) {
        self.cancel_where(remote, |o| o.resource == resource && o.interval_ms > 0);
    }

    pub(super) fn cancel_all_recurring(&mut self) {
        self.cancel_where(None, |o| o.interval_ms > 0);
        for name in self.remote_lrms.keys().cloned().collect::<Vec<_>>() {
            self.cancel_where(Some(&name), |o| o.interval_ms > 0);
        }
    }

    /// Has an executor, or a connection, stop repeating an operation.
    fn ask_cancel(&mut self, operation: &Operation) {
        if operation.is_connection() {
            if let Some(connection) = self.connections.get_mut(&operation.resource) {
                connection.monitors.remove(&operation.call);
            }
            return;
        }
        self.outputs.push_back(Output::Cancel {
            remote: operation.remote.clone(),
            call: operation.call,
            resource: operation.resource.clone(),
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
        });
    }

    /// Cancels a recurring operation because a transition asked for it: that of a call, or of a key ([CT-6.5]).
    pub(super) fn cancel_asked(&mut self, mut asked: Operation, task: &str, interval: u64, call: Option<u32>) {
        let (remote, resource) = (asked.remote.clone(), asked.resource.clone());
        let meant = |o: &Operation| match call {
            Some(call) => o.call == call && o.interval_ms > 0,
            None => o.task == task && o.interval_ms == interval,
        };
        let found = self.lrm(remote.as_deref()).and_then(|lrm| {
            lrm.operations.values_mut().find(|r| r.operation.resource == resource && meant(&r.operation))
        });
        let running = found.map(|record| {
            // Its removal was asked for: the entry goes with it.
            record.report.op_status = op_status::CANCELLED;
            record.operation.clone()
        });
        if let Some(operation) = &running {
            if self.has_not_begun(operation) {
                // Its executor does not know it, and never shall: it ends here.
                let record = self.lrm(remote.as_deref()).and_then(|lrm| lrm.operations.remove(&operation.call));
                return record.iter().for_each(|record| self.cancelled(record));
            }
            self.ask_cancel(operation);
            if !operation.is_connection() {
                return;
            }
            if let Some(lrm) = self.lrm(remote.as_deref()) {
                lrm.operations.remove(&operation.call);
            }
        }
        self.delete_entry(remote.as_deref(), &operation_key(&resource, task, interval, &[]), call);
        asked.task = "cancel".to_owned();
        self.reply(&asked, Report::default());
    }

    /// Whether an operation waits for the meta-data of its agent; if it did, it does no longer.
    fn has_not_begun(&mut self, operation: &Operation) -> bool {
        let same = |o: &Operation| o.call == operation.call && o.remote == operation.remote;
        let waiting = self.waiting.values_mut().find(|all| all.iter().any(same));
        waiting.is_some_and(|all| {
            all.retain(|o| !same(o));
            true
        })
    }

    /// A report of an operation that ended with its executor, as of now.
    pub(super) fn failed_now(&self, now: Duration, rc: i32, op_status: i32, reason: &str) -> Report {
        let epoch = self.epoch_seconds(now);
        Report { rc, op_status, exit_reason: reason.to_owned(), started: epoch, changed: epoch, ..Report::default() }
    }
}
