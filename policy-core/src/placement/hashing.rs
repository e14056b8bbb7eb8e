//! The iteration order of hashed tables, as far as it shows [PL-A], and the merge sort whose shape shows where a
//! comparison is not transitive.

use core::cmp::Ordering;

/// Primes used for a table of size 2^k, by k.
const PRIMES: [u32; 32] = [
    1,
    2,
    3,
    7,
    13,
    31,
    61,
    127,
    251,
    509,
    1021,
    2039,
    4093,
    8191,
    16381,
    32749,
    65521,
    131_071,
    262_139,
    524_287,
    1_048_573,
    2_097_143,
    4_194_301,
    8_388_593,
    16_777_213,
    33_554_393,
    67_108_859,
    134_217_689,
    268_435_399,
    536_870_909,
    1_073_741_789,
    2_147_483_647,
];
const MIN_SHIFT: usize = 3;

fn hash(key: &str) -> u32 {
    let hash = key.bytes().fold(0u32, |h, byte| h.wrapping_mul(31).wrapping_add(byte as i8 as u32));
    hash.max(2)
}

/// An open-addressing table that only knows where its keys (numbered) sit.
struct Slots {
    shift: usize,
    slots: Vec<Option<usize>>,
    keys: usize,
}

impl Slots {
    fn new() -> Slots {
        Slots { shift: MIN_SHIFT, slots: vec![None; 1 << MIN_SHIFT], keys: 0 }
    }

    fn start(&self, hash: u32) -> usize {
        (hash.wrapping_mul(11) % PRIMES[self.shift]) as usize
    }

    fn insert(&mut self, key: usize, hashes: &[u32]) {
        let mut at = self.start(hashes[key]);
        let mut step = 0;
        while self.slots[at].is_some() {
            step += 1;
            at = (at + step) & (self.slots.len() - 1);
        }
        self.slots[at] = Some(key);
        self.keys += 1;
        let size = self.slots.len();
        if size > (4 * self.keys).max(8) || size <= self.keys + self.keys / 16 {
            self.resize(hashes);
        }
    }

    /// Moves every key to its slot for the new size, in place.
    fn resize(&mut self, hashes: &[u32]) {
        let wanted = self.keys * 1333 / 1000;
        self.shift = ((usize::BITS - wanted.leading_zeros()) as usize).clamp(MIN_SHIFT, PRIMES.len() - 1);
        let old = self.slots.len();
        let size = 1 << self.shift;
        self.slots.resize(old.max(size), None);
        let mut placed = vec![false; self.slots.len()];
        for at in 0..old {
            if placed[at] {
                continue;
            }
            let mut carried = self.slots[at].take();
            while let Some(key) = carried {
                let mut to = self.start(hashes[key]);
                let mut step = 0;
                while placed[to] {
                    step += 1;
                    to = (to + step) & (size - 1);
                }
                placed[to] = true;
                carried = self.slots[to].replace(key);
            }
        }
        self.slots.truncate(size);
    }
}

fn iteration(order: &[usize], hashes: &[u32]) -> Vec<usize> {
    let mut slots = Slots::new();
    for &key in order {
        slots.insert(key, hashes);
    }
    slots.slots.into_iter().flatten().collect()
}

/// The order in which a table iterates over `keys`, inserted in the given order, after it was rebuilt `copies`
/// times as a copy of itself [PL-A]. Returns positions in `keys`, which must be distinct.
#[must_use]
pub fn table_order(keys: &[&str], copies: u32) -> Vec<usize> {
    let hashes: Vec<u32> = keys.iter().map(|key| hash(key)).collect();
    let inserted: Vec<usize> = (0..keys.len()).collect();
    let mut order = iteration(&inserted, &hashes);
    for _ in 0..copies {
        let next = iteration(&order, &hashes);
        if next == order {
            break;
        }
        order = next;
    }
    order
}

/// Sorts with the exact shape that [PL-A] gives: halves split at ⌊n/2⌋, the left element wins unless it is greater.
pub fn merge_sort<T: Copy>(items: &mut [T], compare: &mut impl FnMut(T, T) -> Ordering) {
    let middle = items.len() / 2;
    if middle == 0 {
        return;
    }
    merge_sort(&mut items[..middle], compare);
    merge_sort(&mut items[middle..], compare);
    let left = items[..middle].to_vec();
    let (mut l, mut r, mut out) = (0, middle, 0);
    while l < left.len() && r < items.len() {
        if compare(left[l], items[r]) == Ordering::Greater {
            items[out] = items[r];
            r += 1;
        } else {
            items[out] = left[l];
            l += 1;
        }
        out += 1;
    }
    while l < left.len() {
        items[out] = left[l];
        l += 1;
        out += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{merge_sort, table_order};

    fn names(keys: &[&str], copies: u32) -> String {
        let order = table_order(keys, copies);
        order.iter().map(|&at| keys[at]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn small_tables_iterate_by_slot() {
        assert_eq!(names(&["node1", "node2"], 0), "node2 node1");
        assert_eq!(names(&["1", "2", "3", "4", "5"], 0), "1 3 5 2 4");
    }

    #[test]
    fn growth_keeps_the_order_of_the_reference() {
        let keys: Vec<String> = (1..=12).map(|n| format!("n{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(names(&keys, 0), "n6 n5 n4 n3 n9 n2 n8 n1 n7 n12 n10 n11");
    }

    #[test]
    fn every_key_is_kept() {
        let keys: Vec<String> = (0..500).map(|n| format!("attribute-{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut order = table_order(&keys, 3);
        order.sort_unstable();
        assert_eq!(order, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn the_sort_is_stable() {
        let mut items = [(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (0, 'e')];
        merge_sort(&mut items, &mut |a, b| a.0.cmp(&b.0));
        assert_eq!(items, [(0, 'e'), (1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')]);
    }
}
