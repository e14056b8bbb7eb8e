//! The vote calculation as pure functions: no state, no clock, nothing but what is handed in [QG-2.3, QG-2.5].

use super::TieBreaker;
use crate::wire::NodeId;

/// One member's votes, as it announced them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Who.
    pub id: NodeId,
    /// Its votes.
    pub votes: u32,
    /// How many votes it expects in the whole cluster.
    pub expected: u32,
}

/// Everything the threshold depends on, besides what is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Electorate<'a> {
    /// The members of this partition, this node among them.
    pub members: &'a [Voter],
    /// Votes of the quorum device, 0 without one.
    pub device_votes: u32,
    /// Whether the device votes for this node.
    pub device_casts: bool,
    /// `two_node`.
    pub two_node: bool,
    /// `allow_downscale`.
    pub allow_downscale: bool,
    /// With `allow_downscale`, expectations do not fall below this.
    pub barrier: u32,
    /// The threshold until now.
    pub threshold: u32,
}

/// What a calculation may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether the threshold may fall; by itself it never does.
    pub may_fall: bool,
    /// A number in place of what the members expect.
    pub expected: Option<u32>,
}

/// A threshold, and the votes that meet it or do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Votes needed.
    pub quorum: u32,
    /// Votes present.
    pub votes: u32,
}

/// How many votes are needed, and how many there are [QG-2.3].
///
/// ```
/// use totem_core::quorum::{Change, Electorate, Voter, threshold};
/// use totem_core::wire::NodeId;
///
/// let voter = |id| Voter { id: NodeId(id), votes: 1, expected: 3 };
/// let side = [voter(1), voter(2)];
/// let electorate = Electorate {
///     members: &side, device_votes: 0, device_casts: false,
///     two_node: false, allow_downscale: false, barrier: 3, threshold: 0,
/// };
/// let result = threshold(&electorate, Change::default());
/// assert_eq!((result.quorum, result.votes), (2, 2));
/// ```
pub fn threshold(electorate: &Electorate<'_>, change: Change) -> Threshold {
    let mut replaced = change.expected;
    if electorate.allow_downscale && change.may_fall {
        replaced = replaced.map(|expected| expected.max(electorate.barrier));
    }
    let expected = replaced.unwrap_or_else(|| electorate.members.iter().map(|m| m.expected).max().unwrap_or(0));
    let mut votes = electorate.members.iter().fold(0u32, |sum, m| sum.saturating_add(m.votes));
    let mut voters = electorate.members.len();
    if electorate.device_casts {
        votes = votes.saturating_add(electorate.device_votes);
        voters += 1;
    }
    let mut quorum = expected.max(votes) / 2 + 1;
    if !change.may_fall {
        quorum = quorum.max(electorate.threshold);
    }
    if electorate.two_node && voters <= 2 {
        quorum = 1;
    }
    Threshold { quorum, votes }
}

/// What was, as far as decisions depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Members of the ring before this one.
    pub previous: Vec<NodeId>,
    /// Lowest node id of the last calculation with enough votes.
    pub lowest: Option<NodeId>,
    /// Highest node id of the same.
    pub highest: Option<NodeId>,
}

/// Everything a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Result of [`threshold`].
    pub threshold: Threshold,
    /// What this node expects.
    pub expected: u32,
    /// Whether this node still waits for all others; absent without `wait_for_all`.
    pub waiting: Option<bool>,
    /// Who wins an even split.
    pub tie_breaker: &'a TieBreaker,
    /// What was.
    pub history: &'a History,
    /// Members of the ring.
    pub current: &'a [NodeId],
    /// Members that have told of themselves.
    pub members: &'a [NodeId],
    /// Whether a member with the device's vote claims the partition, and this node agrees to that.
    pub master_wins: bool,
}

/// Why a partition is quorate or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is decided before all votes are there.
    Waiting,
    /// Enough votes.
    Votes,
    /// Half of the votes, and the tie breaker's node.
    TieBreaker,
    /// The device's vote claims the partition.
    MasterWins,
    /// Not enough votes.
    Inquorate,
}

impl Decision {
    /// Whether the partition may act.
    pub fn is_quorate(self) -> bool {
        matches!(self, Decision::Votes | Decision::TieBreaker | Decision::MasterWins)
    }
}

/// Whether the partition may act [QG-2.5].
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Threshold { quorum, votes } = situation.threshold;
    if situation.waiting == Some(true) && votes != situation.expected {
        return Decision::Waiting;
    }
    if votes >= quorum {
        return Decision::Votes;
    }
    let lost = situation.history.previous.len() as i64 - situation.current.len() as i64;
    if situation.tie_breaker.is_on()
        && votes == situation.expected / 2
        && lost < i64::from(quorum)
        && situation.tie_breaker.wins(situation.history, situation.current, situation.members)
    {
        return Decision::TieBreaker;
    }
    if situation.master_wins { Decision::MasterWins } else { Decision::Inquorate }
}
