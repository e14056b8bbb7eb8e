//! The order of history entries [ST-9].

use crate::model::{Entry, EntryIx, HistoryIx, Model};
use std::cmp::Ordering;

/// Which of two entries is older, as far as can be told [ST-9.1]. Not transitive in corner cases.
#[must_use]
pub fn compare(m: &Model, a: &Entry, b: &Entry) -> Ordering {
    let same_node = match (a.on_node, b.on_node) {
        (Some(x), Some(y)) => x == y || m.text(x).eq_ignore_ascii_case(m.text(y)),
        (None, None) => true,
        _ => false,
    };
    if same_node && a.id == b.id {
        return Ordering::Equal;
    }
    let (x, y) = (a.call_id, b.call_id);
    if x == -1 && y == -1 {
        return Ordering::Equal;
    }
    if same_node && x >= 0 && x < y {
        return Ordering::Less;
    }
    if same_node && y >= 0 && x > y {
        return Ordering::Greater;
    }
    if x >= 0 && y >= 0 && (!same_node || x == y) {
        return by_time(a, b);
    }
    by_transition(m, a, b)
}

fn by_time(a: &Entry, b: &Entry) -> Ordering {
    let (s, t) = (a.last_change.unwrap_or(-1), b.last_change.unwrap_or(-1));
    if s >= 0 && s < t {
        Ordering::Less
    } else if t >= 0 && s > t {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

/// One of the two is pending: the transition that asked for them decides.
fn by_transition(m: &Model, a: &Entry, b: &Entry) -> Ordering {
    let (Some(p), Some(q)) = (a.magic, b.magic) else { return Ordering::Equal };
    let (s, t) = (p.transition, q.transition);
    let same = p.uuid == q.uuid || m.text(p.uuid).eq_ignore_ascii_case(m.text(q.uuid));
    if !same || s == t {
        if b.call_id == -1 { Ordering::Less } else { Ordering::Greater }
    } else if (s >= 0 && s < t) || t == -1 {
        Ordering::Less
    } else if (t >= 0 && s > t) || s == -1 {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

/// Whether `a` is newer than `b` [ST-11.1].
#[must_use]
pub fn newer(m: &Model, a: EntryIx, b: EntryIx) -> bool {
    compare(m, &m[a], &m[b]) == Ordering::Greater
}

/// The entries of a history, oldest first [ST-9.2]: equal ones in reverse document order.
#[must_use]
pub fn sorted(m: &Model, history: HistoryIx) -> Vec<EntryIx> {
    let entries: Vec<EntryIx> = m[history].entries().rev().collect();
    merge_sort(entries, &|&a, &b| compare(m, &m[a], &m[b]))
}

/// A stable merge sort whose shape shows where the comparison is not transitive: split after the first half, rounded down.
fn merge_sort<T: Copy>(items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let right = items[items.len() / 2..].to_vec();
    let left = items[..items.len() / 2].to_vec();
    let (left, right) = (merge_sort(left, compare), merge_sort(right, compare));
    let mut merged = Vec::with_capacity(items.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if compare(&left[i], &right[j]) == Ordering::Greater {
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}
