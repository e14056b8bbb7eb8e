//! States, inputs and pending actions of the controller ([CT-2]).

use std::fmt;

/// States of the controller ([CT-2.1]).
#[allow(missing_docs)] // the names are the specification's, and visible to administrators
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Starting,
    Pending,
    Election,
    Integration,
    FinalizeJoin,
    PolicyEngine,
    TransitionEngine,
    Idle,
    NotDc,
    ReleaseDc,
    Recovery,
    Stopping,
    Terminate,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Starting => "S_STARTING",
            State::Pending => "S_PENDING",
            State::Election => "S_ELECTION",
            State::Integration => "S_INTEGRATION",
            State::FinalizeJoin => "S_FINALIZE_JOIN",
            State::PolicyEngine => "S_POLICY_ENGINE",
            State::TransitionEngine => "S_TRANSITION_ENGINE",
            State::Idle => "S_IDLE",
            State::NotDc => "S_NOT_DC",
            State::ReleaseDc => "S_RELEASE_DC",
            State::Recovery => "S_RECOVERY",
            State::Stopping => "S_STOPPING",
            State::Terminate => "S_TERMINATE",
        })
    }
}

/// Inputs of the machine ([CT-2.2]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Null,
    Startup,
    Pending,
    DcTimeout,
    Election,
    ElectionDc,
    ReleaseDc,
    ReleaseSuccess,
    NotDc,
    NodeJoin,
    JoinOffer,
    JoinRequest,
    JoinResult,
    Integrated,
    Finalized,
    PeCalc,
    PeSuccess,
    TeSuccess,
    Shutdown,
    Stop,
    Terminate,
    Error,
    WaitForEvent,
}

macro_rules! actions {
    ($($name:ident),* $(,)?) => {
        /// Pending actions, in the order in which they are carried out ([CT-2.3]).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum Act { $($name),* }
        const ALL: &[Act] = &[$(Act::$name),*];
    };
}

actions! {
    ExitError, StartUp, StartTransition, StartScheduler, DcTimerStop, IntegrationTimerStop, IntegrationTimerStart,
    FinalizationTimerStop, FinalizationTimerStart, Recover, TakeResult, Request, AskShutdown, Vote, Started, AskDc,
    DcTimerStart, Takeover, ReleaseFirst, JoinDone, CheckElection, VoteLate, OfferAll, OfferOne, Judge, TakeConfirm,
    Finalize, Announce, Halt, Cancel, Schedule, Run, ReleaseSecond, SchedulerStop, TransitionStop, Shutdown,
    ExecutorDisconnect, GroupDisconnect, CibStop, Stop, Exit,
}

/// A set of pending actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acts(u64);

impl Acts {
    pub(crate) const NONE: Acts = Acts(0);

    pub(crate) fn of(acts: &[Act]) -> Acts {
        Acts(acts.iter().fold(0, |set, &a| set | 1 << a as u8))
    }

    pub(crate) fn insert(&mut self, act: Act) {
        self.0 |= 1 << act as u8;
    }

    pub(crate) fn remove(&mut self, act: Act) {
        self.0 &= !(1 << act as u8);
    }

    pub(crate) fn extend(&mut self, other: Acts) {
        self.0 |= other.0;
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Takes the first in order.
    pub(crate) fn take_first(&mut self) -> Option<Act> {
        let first = *ALL.get(self.0.trailing_zeros() as usize)?;
        self.remove(first);
        Some(first)
    }
}

const EXIT: [Act; 6] =
    [Act::Shutdown, Act::ExecutorDisconnect, Act::GroupDisconnect, Act::CibStop, Act::Stop, Act::Exit];
const RELEASE: [Act; 5] =
    [Act::DcTimerStop, Act::ReleaseFirst, Act::ReleaseSecond, Act::SchedulerStop, Act::TransitionStop];

fn exit_seq() -> Acts {
    Acts::of(&EXIT)
}

fn release() -> Acts {
    Acts::of(&RELEASE)
}

fn plus(mut set: Acts, more: &[Act]) -> Acts {
    set.extend(Acts::of(more));
    set
}

/// The table of [CT-2.5]: the next state and the actions to add, by the state **before** the input.
pub(crate) fn step(state: State, input: Input) -> (State, Acts) {
    use Act::*;
    use State::{
        Election as Elec, FinalizeJoin as Final, Idle, Integration as Integ, NotDc, Pending as Pend,
        PolicyEngine as Pe, Recovery as Recov, ReleaseDc as Rel, Starting as Start, Stopping as StopS,
        Terminate as Term, TransitionEngine as Te,
    };
    let stay = (state, Acts::NONE);
    let keep = |acts: &[Act]| (state, Acts::of(acts));
    let go = |to: State, acts: &[Act]| (to, Acts::of(acts));
    match input {
        Input::Null | Input::WaitForEvent => stay,
        Input::DcTimeout => match state {
            Start | Recov | StopS | Term => stay,
            Pend | NotDc => go(Elec, &[Vote]),
            Elec => keep(&[Vote]),
            Te => go(Recov, &[Cancel]),
            Integ | Final | Pe | Idle | Rel => go(Recov, &[]),
        },
        Input::Election => match state {
            Start | Rel | Recov | StopS | Term => stay,
            Elec => keep(&[Vote]),
            _ => go(Elec, &[Vote]),
        },
        Input::PeCalc => match state {
            Start => go(Recov, &[]),
            Pe => keep(&[Schedule]),
            Te | Idle => go(Pe, &[Schedule]),
            _ => stay,
        },
        Input::ReleaseDc => match state {
            Start => go(Recov, &[]),
            Pend | NotDc | StopS | Term => stay,
            Rel | Recov => (state, release()),
            _ => (Rel, release()),
        },
        Input::ElectionDc => match state {
            Start => go(Recov, &[]),
            Pend | Recov | StopS | Term => stay,
            Elec => go(Integ, &[Takeover, StartScheduler, StartTransition, OfferAll, DcTimerStop]),
            Integ => keep(&[Vote, OfferAll]),
            Final => go(Integ, &[Vote, OfferAll]),
            Pe | Te | Idle | NotDc => go(Integ, &[Vote]),
            Rel => keep(&[Vote]),
        },
        Input::Error => match state {
            Start | Pend | NotDc | Rel => go(Recov, &[Recover]),
            Elec => (Recov, plus(release(), &[Recover])),
            Integ | Final | Pe | Te | Idle => (Recov, plus(release(), &[Recover, VoteLate])),
            Recov => (state, release()),
            StopS => go(Term, &[ExitError]),
            Term => keep(&[ExitError]),
        },
        Input::Integrated => match state {
            Start | Pend => go(Recov, &[]),
            Integ => go(Final, &[Finalize]),
            _ => stay,
        },
        Input::Finalized => match state {
            Start | Pend => go(Recov, &[]),
            Final => go(Pe, &[JoinDone, Cancel]),
            _ => stay,
        },
        Input::NodeJoin => match state {
            Start => go(Recov, &[]),
            Integ => keep(&[OfferOne]),
            Final | Pe => go(Integ, &[OfferOne]),
            Te | Idle => go(Integ, &[Halt, OfferOne]),
            _ => stay,
        },
        Input::NotDc => match state {
            Start => go(Recov, &[]),
            Pend => go(NotDc, &[DcTimerStop]),
            Elec => keep(&[VoteLate, DcTimerStop]),
            Integ | Final | Pe | Te | Idle => (Recov, release()),
            NotDc | StopS | Term => stay,
            Rel | Recov => (state, release()),
        },
        Input::ReleaseSuccess => match state {
            Start | Integ | Final | Pe | Te | Idle => go(Recov, &[]),
            Rel => go(Pend, &[]),
            _ => stay,
        },
        Input::TeSuccess => match state {
            Start => go(Recov, &[]),
            Te => go(Idle, &[]),
            Recov => keep(&[Recover]),
            _ => stay,
        },
        Input::Shutdown => match state {
            Start => (StopS, exit_seq()),
            Pend | Integ | Final | Pe | NotDc | Rel => keep(&[AskShutdown]),
            Elec => keep(&[AskShutdown, Vote]),
            Te | Idle => go(Pe, &[AskShutdown]),
            Recov => (StopS, plus(exit_seq(), &RELEASE)),
            StopS | Term => stay,
        },
        Input::Stop => match state {
            Start | Pend | NotDc => (StopS, exit_seq()),
            StopS => (state, exit_seq()),
            Term => keep(&[ExitError]),
            _ => (StopS, plus(exit_seq(), &RELEASE)),
        },
        Input::Terminate => match state {
            Term => (state, exit_seq()),
            _ => (Term, exit_seq()),
        },
        Input::Startup => match state {
            Start => keep(&[StartUp, Started]),
            Pend | Rel | Recov | StopS | Term => stay,
            _ => go(Recov, &[]),
        },
        Input::PeSuccess => match state {
            Start => go(Recov, &[]),
            Pe => go(Te, &[Run]),
            Recov => keep(&[Recover]),
            _ => stay,
        },
        Input::JoinOffer => match state {
            Start | StopS | Term => stay,
            Pend | Rel | Recov => keep(&[Request, DcTimerStop]),
            Elec => keep(&[Vote]),
            NotDc => go(Pend, &[Request, DcTimerStop]),
            Integ | Final | Pe | Te | Idle => keep(&[Request]),
        },
        Input::JoinRequest => match state {
            Integ => keep(&[Judge]),
            Final | Pe | Te | Idle => go(Integ, &[OfferOne]),
            _ => stay,
        },
        Input::JoinResult => match state {
            Start => go(Recov, &[]),
            Pend => keep(&[TakeResult]),
            Elec | Rel | Recov | StopS | Term => stay,
            Integ | Final => keep(&[TakeResult, TakeConfirm]),
            Pe | Te | Idle => go(Integ, &[Halt, OfferAll]),
            NotDc => go(Pend, &[Announce]),
        },
        Input::Pending => {
            let restart = [DcTimerStop, DcTimerStart];
            match state {
                Start => go(Pend, &[DcTimerStart, AskDc]),
                Pend | Rel => keep(&restart),
                Elec | Integ | Final | Pe | Te | Idle => (Pend, plus(release(), &restart)),
                NotDc => go(Pend, &restart),
                Recov | StopS | Term => stay,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Consequences worth testing" of [CT-2.5].
    #[test]
    fn consequences_of_the_table() {
        for s in [State::Starting, State::ReleaseDc, State::Recovery, State::Stopping, State::Terminate] {
            assert_eq!(step(s, Input::Election), (s, Acts::NONE));
        }
        assert_eq!(step(State::Election, Input::JoinOffer).1, Acts::of(&[Act::Vote]));
        assert_eq!(step(State::NotDc, Input::JoinOffer).0, State::Pending);
        for s in [State::Integration, State::NotDc, State::Election] {
            assert_eq!(step(s, Input::PeCalc), (s, Acts::NONE));
        }
        let (state, acts) = step(State::Idle, Input::Error);
        assert_eq!(state, State::Recovery);
        let mut acts = acts;
        let mut order = Vec::new();
        while let Some(a) = acts.take_first() {
            order.push(a);
        }
        assert!(order.iter().position(|&a| a == Act::ReleaseFirst) < order.iter().position(|&a| a == Act::VoteLate));
    }
}
