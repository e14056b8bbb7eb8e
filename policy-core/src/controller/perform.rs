//! What the actions of the state machine do ([CT-2.4]).

use super::coordinate::Abort;
use super::fsa::{Act, Input};
use super::{
    CibWrite, Controller, ElectionState, Event, Expected, Message, Output, Receiver, State, Timer, WriteEnd, election,
    status,
};
use crate::transition::{Completion, Transition};
use std::time::Duration;

impl Controller {
    pub(super) fn perform(&mut self, now: Duration, act: Act) {
        match act {
            Act::StartUp | Act::StartScheduler | Act::SchedulerStop => {}
            Act::Started => self.start_if_ready(now),
            Act::DcTimerStart => self.start_dc_timer(now),
            Act::DcTimerStop => {
                self.timers.remove(&Timer::Dc);
            }
            Act::IntegrationTimerStart => self.start_timer(Timer::Integration, now, self.options.integration_timeout),
            Act::IntegrationTimerStop => {
                self.timers.remove(&Timer::Integration);
            }
            Act::FinalizationTimerStart => {
                self.start_timer(Timer::Finalization, now, self.options.finalization_timeout);
            }
            Act::FinalizationTimerStop => {
                self.timers.remove(&Timer::Finalization);
            }
            Act::Recover => {
                self.in_recovery = true;
                self.append(Input::Terminate);
            }
            Act::TakeResult => self.take_result(now),
            Act::Request => self.request_join(),
            Act::AskShutdown => {
                self.shutting_down = true;
                self.send(Receiver::All, Message::ShutdownRequest);
            }
            Act::Vote | Act::VoteLate => self.vote(now),
            Act::AskDc => self.start_timer(Timer::AskDc, now, Duration::from_secs(1)),
            Act::Announce => {
                if self.state == State::Pending {
                    self.dc = None;
                    self.send(Receiver::Dc, Message::JoinAnnounce);
                }
            }
            Act::Takeover => self.take_over(),
            Act::StartTransition => {
                self.drop_action_timers();
                self.transition = Transition::blank();
            }
            Act::ReleaseFirst => {
                self.is_dc = false;
                self.leaving.clear();
                self.schedule.forget();
            }
            Act::ReleaseSecond => self.release(now),
            Act::TransitionStop => self.drop_action_timers(),
            Act::JoinDone => self.handle_quorum(now, true),
            Act::CheckElection => {
                if self.state == State::Election && self.elector.check(self.peers.active()) {
                    self.append(Input::ElectionDc);
                }
            }
            Act::OfferAll => self.offer_all(),
            Act::OfferOne => self.offer_one(now),
            Act::Judge => self.judge(),
            Act::TakeConfirm => self.take_confirm(now),
            Act::Finalize => self.finalize(),
            Act::Halt => self.abort(now, Abort::new(crate::transition::INFINITY, Completion::Wait, "Peer halt")),
            Act::Cancel => self.abort(now, Abort::restart("Peer cancelled")),
            Act::Schedule => self.ask_schedule(now),
            Act::Run => self.run_graph(now),
            Act::Shutdown => self.shutting_down = true,
            Act::ExecutorDisconnect => self.cancel_all_recurring(),
            Act::GroupDisconnect | Act::CibStop => {}
            Act::Stop => self.append(Input::Terminate),
            Act::Exit | Act::ExitError => self.exit(act == Act::ExitError),
        }
    }

    /// "Started" waits for membership, CIB, options and a peer ([CT-2.7]).
    fn start_if_ready(&mut self, now: Duration) {
        if !(self.seen_view && self.have_cib && self.am_active()) {
            self.stall(Act::Started);
            return;
        }
        self.log(Event::Started);
        self.start_timer(Timer::FencingHistory, now, Duration::from_secs(30));
        self.append(Input::Pending);
    }

    fn start_dc_timer(&mut self, now: Duration) {
        if self.is_dc {
            self.append(Input::Election);
        }
        self.start_timer(Timer::Dc, now, self.options.dc_deadtime);
    }

    fn vote(&mut self, now: Duration) {
        if matches!(self.state, State::Starting | State::Recovery | State::Stopping | State::Terminate) {
            let input = if self.is_dc { Input::ReleaseDc } else { Input::Pending };
            self.append(input);
        } else if self.am_active() {
            let age = self.age(now);
            let ballot = self.elector.vote(now, self.me.id, age, self.me.feature_set.clone());
            self.send(Receiver::All, Message::Vote(ballot));
        }
    }

    /// Counts a vote or an answer and reacts ([CT-3.5], [CT-3.6]).
    pub(super) fn count_vote(&mut self, now: Duration, from: super::NodeId, ballot: &super::Ballot) {
        let Some(peer) = self.peers.get(from) else { return };
        let me = election::Candidate { id: self.me.id, name: &self.me.name, active: self.am_active() };
        let candidate = election::Candidate { id: peer.id, name: &peer.name, active: peer.is_active() };
        let may_win = self.state != State::Starting;
        let age = self.age(now);
        let known = self.peers.len();
        let (state, answer) = self.elector.count(now, me, age, &self.me.feature_set, may_win, candidate, ballot, known);
        if let Some(answer) = answer {
            self.send(Receiver::Node(from), Message::NoVote(answer));
        }
        match state {
            ElectionState::Start => {
                self.elector.reset();
                self.append(Input::Election);
            }
            ElectionState::Lost => {
                self.dc = None;
                if self.is_dc {
                    self.append(Input::ReleaseDc);
                } else if self.state != State::Starting {
                    self.append(Input::Pending);
                }
            }
            ElectionState::InProgress | ElectionState::Won => {}
        }
        self.acts.insert(Act::CheckElection);
    }

    fn take_over(&mut self) {
        self.is_dc = true;
        self.elector.reset();
        for (target, name) in std::mem::take(&mut self.fencing.cleanup) {
            self.mark_fenced(target, &name);
        }
        let mut writes = vec![CibWrite::root(&[("crm_feature_set", self.me.feature_set.to_string())])];
        let watchdog = self.me.watchdog.to_string();
        // In the order in which a coordinator of the released programs writes them.
        let mut options = vec![
            ("have-watchdog", watchdog),
            ("dc-version", self.me.version.clone()),
            ("cluster-infrastructure", "corosync".to_owned()),
        ];
        if let (false, Some(name)) = (self.cluster_name_known, &self.me.cluster_name) {
            options.push(("cluster-name", name.clone()));
        }
        writes.extend(options.into_iter().map(|(name, value)| status::option_write(name, &value)));
        self.write(writes, WriteEnd::Nothing);
    }

    fn release(&mut self, now: Duration) {
        if self.shutting_down {
            self.my_peer().expected = Some(Expected::Down);
            let id = self.me.id;
            self.write_node(now, id, status::Fields::EXPECTED);
        }
        self.append(Input::ReleaseSuccess);
    }

    fn exit(&mut self, error: bool) {
        let code = match (self.stay_down, error || self.in_recovery) {
            (true, _) => 100,
            (false, true) => 1,
            (false, false) => 0,
        };
        self.timers.clear();
        self.elector.stop_timer();
        self.queue.clear();
        self.acts = Default::default();
        self.is_dc = false;
        self.outputs.push_back(Output::Exit { code });
    }
}
