//! Election ([CT-3]): who coordinates, and by the same rules who writes node attributes.
//!
//! The **lowest** feature set wins, then the **oldest** process, then the name that sorts first.

use super::NodeId;
use crate::controller::feature::FeatureSet;
use std::collections::BTreeSet;
use std::time::Duration;

/// Wins are worth nothing for this long after a loss, and storms are counted in windows of this length.
const WINDOW: Duration = Duration::from_secs(2);

/// Where an elector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ElectionState {
    /// It has to vote.
    #[default]
    Start,
    /// It has voted and counts answers.
    InProgress,
    /// Somebody better answered.
    Lost,
    /// All answered, none was better.
    Won,
}

/// A vote, or the answer to one ([CT-3.2]).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ballot {
    /// The node whose vote this is, or is answered.
    pub owner: NodeId,
    /// Its round.
    pub round: u32,
    /// Age of the voter's process; `None` in an answer.
    pub age: Option<Duration>,
    /// Feature set of the sender.
    pub feature_set: FeatureSet,
}

/// What an elector must know of a node to compare it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: &'a str,
    /// Member of the ring with its process in the group.
    pub active: bool,
}

/// One elector ([CT-3]).
#[derive(Clone, Debug)]
pub struct Elector {
    state: ElectionState,
    round: u32,
    votes: BTreeSet<NodeId>,
    deadline: Option<Duration>,
    /// How long to wait for answers.
    pub timeout: Duration,
    lost_at: Option<Duration>,
    wins: usize,
    window_end: Duration,
    age: (Duration, Duration),
    /// Storms seen.
    pub storms: u64,
}

impl Elector {
    /// An elector that has not voted.
    pub fn new(timeout: Duration) -> Self {
        Elector {
            state: ElectionState::Start,
            round: 0,
            votes: BTreeSet::new(),
            deadline: None,
            timeout,
            lost_at: None,
            wins: 0,
            window_end: Duration::ZERO,
            age: (Duration::ZERO, Duration::ZERO),
            storms: 0,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> ElectionState {
        self.state
    }

    /// When the election is won for want of answers.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Stops waiting for answers.
    pub fn stop_timer(&mut self) {
        self.deadline = None;
    }

    /// Back to the start, nothing counted.
    pub fn reset(&mut self) {
        self.deadline = None;
        self.votes.clear();
        self.state = ElectionState::Start;
    }

    /// Clears the dampening after a loss, because the winner has gone.
    pub fn forget_loss(&mut self) {
        self.lost_at = None;
    }

    /// Removes a vote of a node that has left.
    pub fn forget(&mut self, node: NodeId) {
        self.votes.remove(&node);
    }

    /// Age as votes carry it: re-read only if the last reading is more than 2 s old.
    fn age(&mut self, now: Duration, age: Duration) -> Duration {
        if self.age.1 == Duration::ZERO || now > self.age.0 + WINDOW {
            self.age = (now, age);
        }
        self.age.1
    }

    /// Votes: the message to broadcast ([CT-3.3]). Only for an active node.
    pub fn vote(&mut self, now: Duration, me: NodeId, age: Duration, feature_set: FeatureSet) -> Ballot {
        self.votes.clear();
        self.state = ElectionState::InProgress;
        self.round += 1;
        self.deadline = Some(now + self.timeout);
        Ballot { owner: me, round: self.round, age: Some(self.age(now, age)), feature_set }
    }

    /// Whether all active nodes have answered; if so the election is won ([CT-3.4]).
    pub fn check(&mut self, active_nodes: usize) -> bool {
        let won = self.state == ElectionState::InProgress && self.votes.len() >= active_nodes;
        if won {
            self.win();
        }
        won
    }

    /// The timer has fired: nobody objected.
    pub fn win(&mut self) {
        self.deadline = None;
        self.votes.clear();
        self.state = ElectionState::Won;
    }

    /// Counts a vote or an answer from `peer` ([CT-3.5]). Returns the state to react to, and the answer to send to the
    /// peer if it is better. `may_win`: whether this node may coordinate at all; `known`: number of known peers.
    #[allow(clippy::too_many_arguments)]
    pub fn count(
        &mut self,
        now: Duration,
        me: Candidate<'_>,
        my_age: Duration,
        my_features: &FeatureSet,
        may_win: bool,
        peer: Candidate<'_>,
        ballot: &Ballot,
        known: usize,
    ) -> (ElectionState, Option<Ballot>) {
        if !may_win || !me.active {
            return self.lose(now, ballot, my_features);
        }
        if (ballot.owner == me.id && ballot.round != self.round) || !peer.active {
            return (self.state, None);
        }
        let Some(age) = ballot.age.filter(|_| peer.id != me.id) else {
            if ballot.owner == me.id && self.state == ElectionState::InProgress {
                self.votes.insert(peer.id);
            }
            return (self.state, None);
        };
        let mine = (my_features, std::cmp::Reverse(self.age(now, my_age)), me.name.to_lowercase());
        let theirs = (&ballot.feature_set, std::cmp::Reverse(age), peer.name.to_lowercase());
        let won = mine <= theirs;
        self.guard(now, won, known);
        if !won || self.lost_at.is_some_and(|at| now <= at + WINDOW) {
            return self.lose(now, ballot, my_features);
        }
        self.lost_at = None;
        self.deadline = None;
        self.state = ElectionState::Start;
        (ElectionState::Start, None)
    }

    fn lose(&mut self, now: Duration, ballot: &Ballot, features: &FeatureSet) -> (ElectionState, Option<Ballot>) {
        self.lost_at = Some(now);
        self.deadline = None;
        self.votes.clear();
        self.state = ElectionState::Lost;
        let answer = Ballot { owner: ballot.owner, round: ballot.round, age: None, feature_set: features.clone() };
        (ElectionState::Lost, Some(answer))
    }

    fn guard(&mut self, now: Duration, won: bool, known: usize) {
        if now >= self.window_end {
            self.wins = 0;
            self.window_end = now + WINDOW;
        } else if won {
            self.wins += 1;
            if self.wins > (1 + known).pow(2) {
                self.storms += 1;
                self.wins = 0;
                self.window_end = now + WINDOW;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: [u64; 3] = [30, 20, 10];
    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn candidate(i: usize) -> Candidate<'static> {
        Candidate { id: i as u32 + 1, name: NAMES[i], active: true }
    }

    /// The example at the end of [CT-3.6]: b starts, a wins.
    #[test]
    fn the_oldest_wins_whoever_starts() {
        let features: FeatureSet = "3.20.5".parse().unwrap();
        let now = Duration::from_secs(100);
        let mut electors: Vec<Elector> = (0..3).map(|_| Elector::new(Duration::from_secs(120))).collect();
        let age = |i: usize| Duration::from_secs(AGES[i]);
        // (to, from, ballot) in total order
        let mut wire: std::collections::VecDeque<(Option<usize>, usize, Ballot)> = Default::default();
        let first = electors[1].vote(now, 2, age(1), features.clone());
        wire.push_back((None, 1, first));
        let mut winner = None;
        while let Some((to, from, ballot)) = wire.pop_front() {
            for (i, elector) in electors.iter_mut().enumerate() {
                if to.is_some_and(|t| t != i) {
                    continue;
                }
                let (state, answer) =
                    elector.count(now, candidate(i), age(i), &features, true, candidate(from), &ballot, 3);
                if let Some(answer) = answer {
                    wire.push_back((Some(from), i, answer));
                }
                if state == ElectionState::Start {
                    let vote = elector.vote(now, i as u32 + 1, age(i), features.clone());
                    wire.push_back((None, i, vote));
                } else if elector.check(3) {
                    assert_eq!(winner.replace(i), None, "two winners");
                }
            }
        }
        assert_eq!(winner, Some(0));
    }

    #[test]
    fn feature_set_before_age_and_name_last() {
        let old: FeatureSet = "3.19.0".parse().unwrap();
        let new: FeatureSet = "3.20.5".parse().unwrap();
        let now = Duration::from_secs(10);
        let ballot = |features: &FeatureSet, age| Ballot {
            owner: 2,
            round: 1,
            age: Some(Duration::from_secs(age)),
            feature_set: features.clone(),
        };
        let outcome = |mine: &FeatureSet, my_age, theirs: &FeatureSet, age| {
            let mut e = Elector::new(Duration::from_secs(120));
            e.count(now, candidate(0), Duration::from_secs(my_age), mine, true, candidate(1), &ballot(theirs, age), 2).0
        };
        assert_eq!(outcome(&old, 1, &new, 99), ElectionState::Start);
        assert_eq!(outcome(&new, 99, &old, 1), ElectionState::Lost);
        assert_eq!(outcome(&new, 5, &new, 6), ElectionState::Lost);
        assert_eq!(outcome(&new, 5, &new, 5), ElectionState::Start, "name a < b");
    }

    #[test]
    fn a_loss_dampens_the_next_win_for_two_seconds() {
        let features: FeatureSet = "3.20.5".parse().unwrap();
        let mut e = Elector::new(Duration::from_secs(120));
        let me = candidate(0);
        let mut ask = |now: u64, age: u64| {
            let ballot =
                Ballot { owner: 2, round: 1, age: Some(Duration::from_secs(age)), feature_set: features.clone() };
            e.count(Duration::from_secs(now), me, Duration::from_secs(50), &features, true, candidate(1), &ballot, 2).0
        };
        assert_eq!(ask(10, 60), ElectionState::Lost);
        assert_eq!(ask(11, 1), ElectionState::Lost);
        assert_eq!(ask(20, 1), ElectionState::Start);
    }
}
