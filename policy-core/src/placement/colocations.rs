//! The lists of colocations that matter for a resource, in the order in which they are applied [PL-10.5], [PL-11], [CL-5.1].

use core::cmp::Ordering;

use crate::model::{Colocation, ColocationIx, Kind, Model, ResourceFlags, ResourceIx, Score};

/// Which side of its colocations a resource is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Colocations in which the resource is the dependent; ordered by their primaries.
    ThisWith,
    /// Colocations in which the resource is the primary; ordered by their dependents.
    WithThis,
}

/// Stores a colocation and enters it into the lists of both resources, unless its score is 0 [PL-10.1], [PL-10.5].
pub fn insert(m: &mut Model, colocation: Colocation) {
    if colocation.score == Score::ZERO {
        return;
    }
    let (dependent, primary) = (colocation.dependent, colocation.primary);
    let ix = ColocationIx::new(m.colocations.len());
    m.colocations.push(colocation);
    let at = place(m, &m[dependent].this_with, ix, Side::ThisWith);
    m[dependent].this_with.insert(at, ix);
    let at = place(m, &m[primary].with_this, ix, Side::WithThis);
    m[primary].with_this.insert(at, ix);
}

/// Before the first colocation that does not come earlier than the new one.
fn place(m: &Model, list: &[ColocationIx], new: ColocationIx, side: Side) -> usize {
    list.partition_point(|&old| compare(m, old, new, side) == Ordering::Less)
}

fn compare(m: &Model, a: ColocationIx, b: ColocationIx, side: Side) -> Ordering {
    let other = |c: ColocationIx| match side {
        Side::ThisWith => m[c].primary,
        Side::WithThis => m[c].dependent,
    };
    let (left, right) = (other(a), other(b));
    if left == right {
        return Ordering::Equal;
    }
    let promotable = |r: ResourceIx| (m[r].kind() == Kind::Clone) && m[r].is(ResourceFlags::PROMOTABLE);
    let (x, y) = (&m[left], &m[right]);
    y.priority
        .cmp(&x.priority)
        .then_with(|| y.kind().cmp(&x.kind()))
        .then_with(|| promotable(right).cmp(&promotable(left)))
        .then_with(|| m.text(x.id).as_bytes().cmp(m.text(y.id).as_bytes()))
}

/// The colocations in which R is (or stands for) the dependent, or the primary, in order.
#[must_use]
pub fn relevant(m: &Model, r: ResourceIx, side: Side) -> Vec<ColocationIx> {
    let mut list = Vec::new();
    collect(m, r, r, side, &mut list);
    list
}

fn own(m: &Model, r: ResourceIx, side: Side) -> &[ColocationIx] {
    match side {
        Side::ThisWith => &m[r].this_with,
        Side::WithThis => &m[r].with_this,
    }
}

fn insert_one(m: &Model, list: &mut Vec<ColocationIx>, c: ColocationIx, side: Side) {
    let at = place(m, list, c, side);
    list.insert(at, c);
}

/// Extend(list, L): a copy if the list is empty; otherwise the first of L, once for each item of L (sic) [PL-11].
fn extend(m: &Model, list: &mut Vec<ColocationIx>, added: &[ColocationIx], side: Side) {
    let Some(&first) = added.first() else { return };
    if list.is_empty() {
        list.extend_from_slice(added);
        return;
    }
    let at = place(m, list, first, side);
    list.splice(at..at, core::iter::repeat_n(first, added.len()));
}

/// collect(R, for O) [PL-11.1], [CL-5.1].
fn collect(m: &Model, r: ResourceIx, o: ResourceIx, side: Side, list: &mut Vec<ColocationIx>) {
    match m[r].kind() {
        Kind::Primitive => {
            if r == o {
                extend(m, list, own(m, r, side), side);
                if let Some(parent) = m[r].parent {
                    collect(m, parent, o, side, list);
                }
            } else {
                for &c in own(m, r, side) {
                    if m[c].explicit {
                        insert_one(m, list, c, side);
                    }
                }
            }
        }
        Kind::Group => collect_group(m, r, o, side, list),
        Kind::Clone => {
            extend(m, list, own(m, r, side), side);
            if let Some(parent) = m[r].parent {
                collect(m, parent, o, side, list);
            }
        }
        Kind::Bundle => {
            if speaks_for_bundle(m, r, o) {
                extend(m, list, own(m, r, side), side);
            }
        }
    }
}

fn collect_group(m: &Model, r: ResourceIx, o: ResourceIx, side: Side, list: &mut Vec<ColocationIx>) {
    let members = &m[r].children;
    let end = match side {
        Side::ThisWith => members.first(),
        Side::WithThis => members.last(),
    };
    let Some(&end) = end else { return };
    if o == r || o == end {
        extend(m, list, own(m, r, side), side);
        if let Some(parent) = m[r].parent {
            collect(m, parent, o, side, list);
        }
        if m[r].group().is_some_and(|group| group.colocated) {
            for &member in members.iter().filter(|&&member| member != o) {
                collect(m, member, o, side, list);
            }
        }
    } else if side == Side::ThisWith && own(m, r, side).iter().any(|&c| m[c].score.is_infinite()) {
        // A later member cannot rely on an unmanaged one before it to respect the group's mandatory colocations.
        let earlier = members.iter().take_while(|&&member| member != o);
        if earlier.into_iter().any(|&member| !m[member].is(ResourceFlags::MANAGED)) {
            for &c in own(m, r, side) {
                if m[c].score.is_infinite() {
                    insert_one(m, list, c, side);
                }
            }
        }
    }
}

/// Whether a bundle's own colocations matter for O, one of its parts [CL-5.1].
fn speaks_for_bundle(m: &Model, bundle: ResourceIx, o: ResourceIx) -> bool {
    if o == bundle || m[o].is(ResourceFlags::REPLICA_CONTAINER) {
        return true;
    }
    let Some(clone) = m[bundle].bundle().and_then(|state| state.clone) else { return false };
    if !m[clone].is(ResourceFlags::PROMOTABLE) {
        return false;
    }
    if o == clone {
        return m[clone].clone_state().is_some_and(|state| state.promotion_order_begun);
    }
    m[o].parent == Some(clone) && !m[o].is(ResourceFlags::UNASSIGNED)
}

/// Whether the dependent's preferences count when this primary is placed [PL-13.1].
#[must_use]
pub fn has_influence(m: &Model, c: ColocationIx, primary: ResourceIx) -> bool {
    let colocation = &m[c];
    let dependent = &m[colocation.dependent];
    let p = &m[primary];
    if dependent.is(ResourceFlags::REMOTE_CONNECTION)
        && dependent.replica.is_some()
        && !p.is(ResourceFlags::FAILED)
        && p.active.len() == 1
    {
        return false;
    }
    colocation.influence || p.active.is_empty()
}
