//! Whose copy becomes everybody's when members come together.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use super::MemberId;
use super::message::Offer;
use crate::xml::Document;

/// What follows from the offers of all members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    /// Has the newest document.
    pub(super) owner: MemberId,
    /// Its status is taken. The same member, unless others have been with a quorum since the owner was.
    pub(super) keeper: MemberId,
    /// What the keeper's status is worth.
    pub(super) authority: u64,
}

impl Choice {
    /// The newest version is everybody's [CB-14.4]; of equals, that of the member whose status counts most, then the first one's.
    ///
    /// The version does not tell what a status is worth: a member that starts has read the newest configuration from its disk,
    /// with an empty status [CB-12.5], and a part without quorum counts its versions on while the others go on with the
    /// cluster. A resource on a node that nobody in the new membership can ask is known from the status alone, so the status
    /// is the one that changed in the latest membership with quorum; among several, that of the newest version. Any two
    /// memberships with quorum have a member in common, so their sequence numbers tell which was later.
    pub(super) fn among(offers: &BTreeMap<MemberId, Offer>) -> Option<Choice> {
        let first = |&member: &MemberId| Reverse(member);
        let (&owner, newest) = offers.iter().max_by_key(|(m, o)| (o.version, o.authority, first(m)))?;
        let (&keeper, best) = offers.iter().max_by_key(|(m, o)| (o.authority, o.version, first(m)))?;
        let keeper = if newest.authority == best.authority { owner } else { keeper };
        Some(Choice { owner, keeper, authority: best.authority })
    }
}

/// The document with the status of another one. Its version is above its own, as its content is another.
pub(super) fn with_status(mut document: Document, other: &Document) -> Document {
    let root = document.root();
    let old: Vec<_> = document.children_named(root, "status").collect();
    old.into_iter().for_each(|n| document.remove(n));
    for status in other.children_named(other.root(), "status") {
        document.copy(root, other, status);
    }
    let updates = crate::cib::Version::of(&document, root, 0).num_updates.saturating_add(1);
    document.set_attr(root, "num_updates", &updates.to_string());
    document
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::*;
    use crate::cib::Version;

    fn chosen(offers: &[(u32, i32, u64)]) -> (u32, u32, u64) {
        let offer = |&(member, epoch, authority): &(u32, i32, u64)| {
            let version = Version::new(0, epoch, 0);
            let applied = Progress::default();
            (MemberId(member), Offer { round: 1, version, digest: String::new(), authority, applied })
        };
        let choice = Choice::among(&offers.iter().map(offer).collect()).expect("there are offers");
        (choice.owner.0, choice.keeper.0, choice.authority)
    }

    #[test]
    fn the_newest_document_with_the_status_that_counts_most() {
        assert_eq!(chosen(&[(1, 5, 0), (2, 6, 0)]), (2, 2, 0), "all have just started");
        assert_eq!(
            chosen(&[(1, 5, 0), (2, 5, 8), (3, 5, 8)]),
            (2, 2, 8),
            "of equals the one that has not just started"
        );
        assert_eq!(chosen(&[(1, 6, 0), (2, 5, 8), (3, 5, 8)]), (1, 2, 8), "a newer configuration was on disk");
        assert_eq!(chosen(&[(1, 6, 4), (2, 5, 8), (3, 4, 8)]), (1, 2, 8), "a part without quorum counted on");
        assert_eq!(chosen(&[(1, 6, 8), (2, 5, 8), (3, 4, 4)]), (1, 1, 8));
    }
}
