//! Which requests of which member a copy contains: what goes out twice is applied once.

use std::collections::{BTreeMap, BTreeSet};

use super::MemberId;

/// Requests of one member that may be missing at a time; what is older counts as applied.
const MAX_MISSING: usize = 4096;

/// For each member, the numbers of its requests that were applied. Numbers of one life of a member grow by one; the
/// upper half of a number names the life.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    members: BTreeMap<MemberId, Numbers>,
}

/// Everything up to `last` is applied but what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    pub(super) last: u64,
    pub(super) missing: BTreeSet<u64>,
}

impl Numbers {
    /// Whether the number is known not to be applied. What nobody has heard of yet is not known.
    fn lacks(&self, number: u64) -> bool {
        number > self.last || self.missing.contains(&number)
    }

    /// Looks ahead to `number`: what was skipped is missing.
    fn reach(&mut self, number: u64) {
        let one_life = self.last >> 32 == number >> 32;
        if one_life && number - self.last <= MAX_MISSING as u64 {
            self.missing.extend(self.last + 1..=number);
        } else {
            self.missing.insert(number);
        }
        self.last = number;
        while self.missing.len() > MAX_MISSING {
            self.missing.pop_first();
        }
    }
}

impl Progress {
    /// Notes that a request is about to be applied; false if it has been.
    pub(super) fn take(&mut self, member: MemberId, number: u64) -> bool {
        self.see(member, number);
        self.members.get_mut(&member).is_some_and(|n| n.missing.remove(&number))
    }

    /// Notes that there is a request that was not applied here.
    pub(super) fn see(&mut self, member: MemberId, number: u64) {
        // what came before the first number heard of is no business of this copy
        let numbers =
            self.members.entry(member).or_insert(Numbers { last: number.saturating_sub(1), missing: BTreeSet::new() });
        if number > numbers.last {
            numbers.reach(number);
        }
    }

    /// Whether the request is not in the copy.
    pub(super) fn lacks(&self, member: MemberId, number: u64) -> bool {
        self.members.get(&member).is_none_or(|n| n.lacks(number))
    }

    /// Equal copies know different things of what is in them: together they know all of it.
    pub(super) fn merge(&mut self, other: &Progress) {
        for (&member, theirs) in &other.members {
            let Some(mine) = self.members.get_mut(&member) else {
                self.members.insert(member, theirs.clone());
                continue;
            };
            let unknown = |n: &Numbers, number: u64| number > n.last || n.missing.contains(&number);
            let missing =
                mine.missing.union(&theirs.missing).copied().filter(|&n| unknown(mine, n) && unknown(theirs, n));
            *mine = Numbers { missing: missing.collect(), last: mine.last.max(theirs.last) };
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Numbers)> {
        self.members.iter().map(|(&m, n)| (m, n))
    }

    pub(super) fn insert(&mut self, member: MemberId, mut numbers: Numbers) {
        while numbers.missing.len() > MAX_MISSING {
            numbers.missing.pop_first();
        }
        self.members.insert(member, numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberId = MemberId(1);

    #[test]
    fn a_request_is_applied_once_in_any_order() {
        let mut progress = Progress::default();
        assert!(progress.take(A, 5) && !progress.take(A, 5) && !progress.take(A, 4));
        progress.see(A, 6);
        assert!(progress.take(A, 8) && progress.lacks(A, 6) && progress.lacks(A, 7) && progress.lacks(A, 9));
        assert!(progress.take(A, 6) && !progress.take(A, 6) && progress.take(A, 7) && !progress.lacks(A, 8));
        // the next life
        assert!(progress.take(A, (1 << 32) + 1) && !progress.lacks(A, 9));
    }

    #[test]
    fn merged_progress_lacks_what_neither_has() {
        let (mut one, mut two) = (Progress::default(), Progress::default());
        one.take(A, 1);
        one.take(A, 4);
        two.take(A, 1);
        two.take(A, 2);
        two.see(A, 3);
        let mut merged = one.clone();
        merged.merge(&two);
        two.merge(&one);
        assert_eq!(merged, two);
        assert!(!merged.lacks(A, 2) && merged.lacks(A, 3) && !merged.lacks(A, 4));
    }
}
