//! Which partition gets the arbiter's vote: the two algorithms as pure functions over what clients reported [QG-4.6,
//! QG-4.7].

use super::{Heuristics, Preference, Vote};
use crate::wire::{NodeId, RingId};

/// What one connected client reported last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who.
    pub node: NodeId,
    /// The node list of its configuration; absent until it was sent.
    pub configured: Option<Vec<NodeId>>,
    /// Its ring and the ring's members; absent until they were sent.
    pub membership: Option<(RingId, Vec<NodeId>)>,
    /// Its own checks.
    pub heuristics: Heuristics,
    /// Whether it asks for the partition that won last to be kept.
    pub keep_active: bool,
}

impl Report {
    fn members(&self) -> &[NodeId] {
        self.membership.as_ref().map_or(&[], |(_, members)| members)
    }

    fn ring(&self) -> Option<RingId> {
        self.membership.as_ref().map(|(ring, _)| *ring)
    }
}

/// Whether all clients agree with each other about the partitions they are in.
pub fn is_stable(reports: &[Report]) -> bool {
    let sorted = |list: &Option<Vec<NodeId>>| {
        list.as_ref().map(|l| {
            let mut l = l.clone();
            l.sort();
            l
        })
    };
    let Some(first) = reports.first() else { return true };
    if reports.iter().any(|r| sorted(&r.configured) != sorted(&first.configured)) {
        return false;
    }
    reports.iter().filter(|r| r.membership.is_some()).all(|report| {
        let members = report.members();
        reports
            .iter()
            .filter(|other| members.contains(&other.node))
            .all(|other| other.ring() == report.ring() && members.iter().all(|m| other.members().contains(m)))
    })
}

/// Active clients of a partition, and its score with their checks.
fn standing(reports: &[Report], members: &[NodeId]) -> (i64, i64) {
    let mut active = 0;
    let mut score = 0;
    for report in reports.iter().filter(|r| members.contains(&r.node)) {
        active += 1;
        score += 1 + match report.heuristics {
            Heuristics::Pass => 1,
            Heuristics::Fail => -1,
            Heuristics::Undefined => 0,
        };
    }
    (active, score)
}

fn preferred(preference: Preference, nodes: impl Iterator<Item = NodeId>) -> Option<NodeId> {
    match preference {
        Preference::Lowest => nodes.min(),
        Preference::Highest => nodes.max(),
        Preference::Node(node) => Some(node),
    }
}

/// The partition that gets the vote in an even split; none if no partition holds half of the configured nodes.
/// `reports` are in the order in which clients connected, `last` is the partition that had the vote.
pub fn ffsplit(reports: &[Report], preference: Preference, last: &[NodeId]) -> Option<Vec<NodeId>> {
    let configured = reports.iter().find_map(|r| r.configured.clone()).unwrap_or_default();
    let half = configured.len();
    let keep = reports.iter().all(|r| r.keep_active);
    let favourite = preferred(preference, configured.iter().copied());
    let mut best: Option<&Report> = None;
    for report in reports.iter().filter(|r| r.membership.is_some()) {
        let members = report.members();
        let better = match (2 * members.len()).cmp(&half) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => beats(reports, report, best, keep, favourite, last),
        };
        if better {
            best = Some(report);
        }
    }
    best.map(|report| report.members().to_vec())
}

/// Whether a partition of exactly half beats the best one so far.
fn beats(
    reports: &[Report],
    report: &Report,
    best: Option<&Report>,
    keep: bool,
    favourite: Option<NodeId>,
    last: &[NodeId],
) -> bool {
    let members = report.members();
    // Against nothing, a partition without clients that passed still counts as the better one.
    let Some(best) = best else { return true };
    let (active, score) = standing(reports, members);
    let (best_active, best_score) = standing(reports, best.members());
    if score != best_score {
        return score > best_score;
    }
    if active != best_active {
        return active > best_active;
    }
    if keep {
        let (was, best_was) = (last.contains(&report.node), last.contains(&best.node));
        if was != best_was {
            return was;
        }
    }
    favourite.is_some_and(|node| members.contains(&node))
}

/// What a client of the last-man-standing algorithm gets: the vote, and whether it is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LmsResult {
    /// The vote.
    pub vote: Vote,
    /// Whether it is this client's result from now on.
    pub stored: bool,
}

/// Who is left of many. `stored` are the results of the clients so far, in the order of `reports`.
pub fn lms(reports: &[Report], stored: &[Option<Vote>], asking: usize, preference: Preference) -> LmsResult {
    let settle = |ack: bool| LmsResult { vote: if ack { Vote::Ack } else { Vote::Nack }, stored: true };
    let wait = LmsResult { vote: Vote::WaitForReply, stored: false };
    let Some(me) = reports.get(asking) else { return wait };
    let mine = me.ring();
    let partners_differ = reports.iter().any(|other| {
        let together = me.members().contains(&other.node) || other.members().contains(&me.node);
        together && other.ring() != mine
    });
    if partners_differ {
        return wait;
    }
    let mut rings: Vec<RingId> = reports.iter().filter_map(Report::ring).filter(|ring| ring.seq != 0).collect();
    rings.sort();
    rings.dedup();
    match rings.len() {
        0 => return wait,
        1 => return settle(true),
        _ => {}
    }
    let newcomer = stored.get(asking).copied().flatten().is_none();
    let others_run = reports.iter().zip(stored).any(|(r, vote)| r.ring() != mine && *vote == Some(Vote::Ack));
    if newcomer && others_run {
        return LmsResult { vote: Vote::Nack, stored: false };
    }
    let of_ring = |ring: RingId| {
        let nodes: Vec<NodeId> = reports.iter().filter(|r| r.ring() == Some(ring)).map(|r| r.node).collect();
        let (active, score) = standing(reports, &nodes);
        (score, active, ring)
    };
    let all: Vec<_> = rings.into_iter().map(of_ring).collect();
    for key in [|s: &(i64, i64, RingId)| s.0, |s: &(i64, i64, RingId)| s.1] {
        let top = all.iter().map(key).max();
        let mut winners = all.iter().filter(|s| Some(key(s)) == top);
        if let (Some(winner), None) = (winners.next(), winners.next()) {
            return settle(Some(winner.2) == mine);
        }
    }
    let favourite = preferred(preference, reports.iter().map(|r| r.node));
    settle(reports.iter().any(|r| r.ring() == mine && Some(r.node) == favourite))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients of four configured nodes; each word lists one partition's members, connected clients first come.
    fn reports(partitions: &[&[u32]], absent: &[u32]) -> Vec<Report> {
        let configured: Vec<NodeId> = (1..=4).map(NodeId).collect();
        let mut out = Vec::new();
        for (n, members) in partitions.iter().enumerate() {
            let ring = RingId::new(NodeId(members[0]), 9 + n as u64);
            let members: Vec<NodeId> = members.iter().copied().map(NodeId).collect();
            for node in members.iter().filter(|m| !absent.contains(&m.0)) {
                out.push(Report {
                    node: *node,
                    configured: Some(configured.clone()),
                    membership: Some((ring, members.clone())),
                    heuristics: Heuristics::Undefined,
                    keep_active: false,
                });
            }
        }
        out
    }

    fn winner(partitions: &[&[u32]], absent: &[u32], preference: Preference) -> Vec<u32> {
        let all = reports(partitions, absent);
        ffsplit(&all, preference, &[]).unwrap_or_default().into_iter().map(|n| n.0).collect()
    }

    #[test]
    fn ffsplit_gives_half_to_one_side_only() {
        use Preference::*;
        assert_eq!(winner(&[&[1, 2], &[3, 4]], &[], Lowest), [1, 2]);
        assert_eq!(winner(&[&[1, 2], &[3, 4]], &[], Highest), [3, 4]);
        assert_eq!(winner(&[&[1, 2], &[3, 4]], &[], Node(NodeId(4))), [3, 4]);
        // More clients beat the tie breaker; a majority beats everything; a third gets nothing.
        assert_eq!(winner(&[&[1, 2], &[3, 4]], &[1], Lowest), [3, 4]);
        assert_eq!(winner(&[&[1], &[2, 3, 4]], &[], Lowest), [2, 3, 4]);
        assert_eq!(winner(&[&[1], &[2], &[3, 4]], &[], Lowest), [3, 4]);
        assert_eq!(winner(&[&[1], &[2], &[3], &[4]], &[], Lowest), [0; 0]);
    }

    #[test]
    fn checks_count_before_clients() {
        let mut all = reports(&[&[1, 2], &[3, 4]], &[]);
        all[0].heuristics = Heuristics::Fail;
        assert_eq!(ffsplit(&all, Preference::Lowest, &[]), Some(vec![NodeId(3), NodeId(4)]));
    }

    #[test]
    fn the_partition_that_won_last_is_kept_where_all_ask_for_it() {
        let mut all = reports(&[&[1, 2], &[3, 4]], &[]);
        all.iter_mut().for_each(|r| r.keep_active = true);
        assert_eq!(ffsplit(&all, Preference::Lowest, &[NodeId(3), NodeId(4)]), Some(vec![NodeId(3), NodeId(4)]));
    }

    #[test]
    fn clients_that_contradict_each_other_are_not_stable() {
        assert!(is_stable(&reports(&[&[1, 2], &[3, 4]], &[])));
        let mut all = reports(&[&[1, 2], &[3, 4]], &[]);
        all[1].membership = Some((RingId::new(NodeId(2), 77), vec![NodeId(2)]));
        assert!(!is_stable(&all));
    }

    #[test]
    fn lms_prefers_more_clients_then_the_tie_breaker() {
        let all = reports(&[&[1], &[2, 3, 4]], &[]);
        let stored = vec![Some(Vote::Ack); 4];
        let votes = |all: &[Report], stored: &[Option<Vote>]| {
            (0..all.len()).map(|i| lms(all, stored, i, Preference::Lowest).vote).collect::<Vec<_>>()
        };
        assert_eq!(votes(&all, &stored), [Vote::Nack, Vote::Ack, Vote::Ack, Vote::Ack]);
        assert_eq!(votes(&reports(&[&[1, 2], &[3, 4]], &[]), &stored), [Vote::Ack, Vote::Ack, Vote::Nack, Vote::Nack]);
        // One alone gets the vote; a newcomer does not take it from those who run.
        assert_eq!(votes(&reports(&[&[3]], &[]), &[None]), [Vote::Ack]);
        let all = reports(&[&[1], &[4]], &[]);
        assert_eq!(lms(&all, &[None, Some(Vote::Ack)], 0, Preference::Lowest).vote, Vote::Nack);
    }
}
