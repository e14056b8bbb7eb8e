//! This node's part of an operation: running its devices in turn [CT-9.6].

use super::job::Goal;
use super::message::{FenceResult, OperationId, Order};
use super::search::Wanted;
use super::{Destination, Fencer, Message};
use crate::standard::ExecutionStatus;
use core::time::Duration;

#[derive(Debug)]
pub(super) struct Execution {
    owner: String,
    order: Order,
    devices: Vec<String>,
    next: usize,
    /// For `on`: something succeeded, from now on only devices that require unfencing are run.
    succeeded: Option<FenceResult>,
}

impl Fencer {
    pub(super) fn order_arrived(&mut self, now: Duration, owner: &str, order: Order) {
        let id = self.number();
        let device = order.device.clone();
        let (target, action, allow_self) = (order.target.clone(), order.action.clone(), order.allow_self);
        let execution = Execution { owner: owner.to_owned(), order, devices: Vec::new(), next: 0, succeeded: None };
        self.executions.insert(id, execution);
        match device {
            Some(device) if self.devices.contains_key(&device) => self.devices_found(now, id, vec![device]),
            Some(device) => {
                let reason = format!("Device '{device}' not found");
                self.conclude_execution(id, FenceResult::failed(1, ExecutionStatus::NoFenceDevice, reason));
            }
            None => self.search(now, &target, &action, allow_self, Wanted::Execution(id)),
        }
    }

    pub(super) fn devices_found(&mut self, now: Duration, id: u64, devices: Vec<String>) {
        if let Some(execution) = self.executions.get_mut(&id) {
            execution.devices = devices;
            self.next_device(now, id, None);
        }
    }

    /// Runs the next device; `last` is the end of the one before.
    fn next_device(&mut self, now: Duration, id: u64, last: Option<FenceResult>) {
        loop {
            let Some(execution) = self.executions.get_mut(&id) else { return };
            let Some(device) = execution.devices.get(execution.next).cloned() else {
                let nothing = || FenceResult::failed(1, ExecutionStatus::NoFenceDevice, "No capable device found");
                let result = execution.succeeded.clone().or(last).unwrap_or_else(nothing);
                self.conclude_execution(id, result);
                return;
            };
            execution.next += 1;
            let only_required = execution.succeeded.is_some();
            let order = execution.order.clone();
            let required = self.devices.get(&device).is_some_and(|d| self.capabilities(d).automatic);
            if only_required && !required {
                continue;
            }
            if self.devices.contains_key(&device) {
                let target = Some(order.target.as_str());
                let (timeout, delay) = (order.timeout_ms, order.delay_ms);
                self.enqueue(now, &device, &order.action, target, timeout, delay, Goal::Fence(id), &order.client);
                return;
            }
        }
    }

    /// One device is done: for `on`, a success goes on to what requires unfencing, and a failure there ends it; otherwise a failure goes on.
    pub(super) fn part_done(&mut self, now: Duration, id: u64, device: &str, result: FenceResult) {
        let required = self.devices.get(device).is_some_and(|d| self.capabilities(d).automatic);
        let Some(execution) = self.executions.get_mut(&id) else { return };
        // Only the first device waits for the requested delay; its own delay each device keeps.
        execution.order.delay_ms = execution.order.delay_ms.map(|_| 0);
        if execution.order.device.is_some() {
            self.conclude_execution(id, result);
        } else if execution.order.action == "on" {
            if result.is_ok() {
                execution.succeeded = Some(result);
                self.next_device(now, id, None);
            } else if required {
                self.conclude_execution(id, result);
            } else {
                self.next_device(now, id, Some(result));
            }
        } else if result.is_ok() {
            self.conclude_execution(id, result);
        } else {
            self.next_device(now, id, Some(result));
        }
    }

    fn conclude_execution(&mut self, id: u64, result: FenceResult) {
        let Some(execution) = self.executions.remove(&id) else { return };
        let operation: OperationId = execution.order.id;
        let message = Message::Executed { id: operation, device: execution.order.device, result };
        // A node that fences itself may not live to be asked again: everybody shall know.
        let to =
            if self.is_me(&execution.order.target) { Destination::All } else { Destination::Peer(execution.owner) };
        self.send(to, message);
    }
}
