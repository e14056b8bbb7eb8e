//! The queue of inputs and the set of pending actions ([CT-2.3], [CT-2.6]).

use super::fsa::{self, Act, Acts, Input};
use super::{Controller, Event, Message, NodeId, State, Timer, status};
use std::sync::Arc;
use std::time::Duration;

/// One input that waits for its turn, with the message that led to it and actions that were saved meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) input: Input,
    pub(super) saved: Acts,
    pub(super) message: Option<Arc<(NodeId, Message)>>,
}

impl Controller {
    pub(super) fn append(&mut self, input: Input) {
        self.append_with(input, None);
    }

    pub(super) fn append_with(&mut self, input: Input, message: Option<Arc<(NodeId, Message)>>) {
        if input == Input::PeCalc && self.queue.back().is_some_and(|e| e.input == Input::PeCalc) {
            return;
        }
        self.queue.push_back(Entry { input, saved: Acts::NONE, message });
    }

    pub(super) fn append_acts(&mut self, saved: Acts) {
        self.queue.push_back(Entry { input: Input::Null, saved, message: None });
    }

    pub(super) fn prepend(&mut self, input: Input) {
        self.prepend_with(input, None);
    }

    pub(super) fn prepend_with(&mut self, input: Input, message: Option<Arc<(NodeId, Message)>>) {
        if input == Input::PeCalc && self.queue.front().is_some_and(|e| e.input == Input::PeCalc) {
            return;
        }
        self.queue.push_front(Entry { input, saved: Acts::NONE, message });
    }

    /// Error-style raise ([CT-2.3]): first the error, then what was pending, in the new state.
    pub(super) fn raise_error(&mut self, input: Input) {
        let saved = std::mem::take(&mut self.acts);
        self.queue.push_front(Entry { input: Input::Null, saved, message: self.message.clone() });
        self.queue.push_front(Entry { input, saved: Acts::NONE, message: None });
    }

    /// An action that must wait puts itself back ([CT-2.3]).
    pub(super) fn stall(&mut self, act: Act) {
        self.acts.insert(act);
        if let Some(message) = self.message.take() {
            let saved = std::mem::take(&mut self.acts);
            self.queue.push_back(Entry { input: Input::WaitForEvent, saved, message: Some(message) });
        }
        self.stalled = true;
    }

    /// Runs the machine; a pass over the graph that was asked for on the way comes after all that is queued, so that one
    /// change of the CIB is dealt with as a whole.
    pub(super) fn run(&mut self, now: Duration) {
        self.delete_waiting(now);
        loop {
            self.run_queue(now);
            if !std::mem::take(&mut self.pass_wanted) {
                return;
            }
            self.pass(now);
            if self.queue.is_empty() && self.acts.is_empty() {
                return;
            }
        }
    }

    pub(super) fn run_queue(&mut self, now: Duration) {
        self.stalled = false;
        if self.queue.is_empty() && !self.acts.is_empty() {
            self.append(Input::Null);
        }
        while let Some(entry) = self.queue.pop_front() {
            self.message = entry.message;
            self.acts.extend(entry.saved);
            let (next, acts) = fsa::step(self.state, entry.input);
            self.acts.extend(acts);
            if next == State::Stopping || self.shutting_down {
                self.acts.remove(Act::StartUp);
                self.acts.remove(Act::Started);
            }
            if next != self.state {
                self.change_state(now, next);
            }
            while let Some(act) = self.acts.take_first() {
                self.perform(now, act);
                if self.stalled {
                    return;
                }
            }
        }
        self.message = None;
    }

    /// Effects of a state change ([CT-2.6]).
    pub(super) fn change_state(&mut self, now: Duration, to: State) {
        let from = std::mem::replace(&mut self.state, to);
        self.log(Event::StateTransition { from, to });
        if to != State::Election && from != State::ReleaseDc {
            self.elector.stop_timer();
        }
        self.acts.insert(if to == State::Integration { Act::IntegrationTimerStart } else { Act::IntegrationTimerStop });
        self.acts.insert(if to == State::FinalizeJoin {
            Act::FinalizationTimerStart
        } else {
            Act::FinalizationTimerStop
        });
        if to != State::Pending {
            self.acts.insert(Act::DcTimerStop);
        }
        if to != State::Idle {
            self.timers.remove(&Timer::Recheck);
        }
        if from == State::FinalizeJoin && to == State::PolicyEngine {
            self.write_all_nodes(now, status::Fields::ALL);
        }
        match to {
            State::Pending | State::Election => self.dc = None,
            State::NotDc => {
                self.dc_loops = 0;
                self.fencing.cleanup.clear();
                if self.shutting_down {
                    self.acts.insert(Act::AskShutdown);
                }
            }
            State::PolicyEngine => {
                self.dc_loops = 0;
                self.count_joined();
            }
            State::Stopping | State::Terminate => self.shutting_down = true,
            State::Idle => {
                if self.shutting_down {
                    self.acts.insert(Act::AskShutdown);
                }
                self.start_recheck(now);
            }
            _ => {}
        }
        if to == State::Recovery {
            self.acts.insert(Act::Recover);
        } else if to != State::Pending {
            self.acts.remove(Act::Recover);
        }
    }
}
