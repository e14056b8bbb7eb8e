//! Random documents and random changes of them, from a seed.
#![allow(dead_code, unreachable_pub)]

use cib_core::xml::{Document, NodeIx};

/// A small generator of numbers: the same seed gives the same numbers on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: [&str; 6] = ["primitive", "group", "nvpair", "op", "rsc_location", "tag"];
const ATTRIBUTES: [&str; 6] = ["name", "value", "class", "score", "description", "crm-debug-origin"];
const VALUES: [&str; 8] = ["", "1", "INFINITY", "a b", "<&>", "\"q\"", "é😀", "x"];

/// A document whose siblings can be told apart by name and id, so that its patches are exact.
pub fn document(random: &mut Random) -> Document {
    let mut doc = Document::new("cib");
    let root = doc.root();
    let epoch = random.below(9).to_string();
    for (name, value) in [
        ("crm_feature_set", "3.16.1"),
        ("validate-with", "none"),
        ("admin_epoch", "0"),
        ("epoch", &epoch),
        ("num_updates", "3"),
    ] {
        doc.set_attr(root, name, value);
    }
    let configuration = doc.append(root, "configuration");
    let status = doc.append(root, "status");
    for _ in 0..random.below(30) {
        let all: Vec<NodeIx> = doc.descendants(root).collect();
        let parent = random.pick(&all);
        let parent = if parent == status { configuration } else { parent };
        grow(&mut doc, parent, random);
    }
    doc
}

/// Adds an element with an id that its siblings do not have, or a comment where there is none.
fn grow(doc: &mut Document, parent: NodeIx, random: &mut Random) {
    if random.chance(8) {
        if doc.nodes(parent).all(|n| doc.is_element(n)) {
            doc.append_comment(parent, random.pick(&[" one ", " two ", " three "]));
        }
        return;
    }
    let at = random.below(doc.nodes(parent).count() + 1);
    let (name, id) = (random.pick(&NAMES), format!("i{}", random.below(40)));
    if doc.children_named(parent, name).any(|c| doc.id(c) == Some(&id)) {
        return;
    }
    let n = doc.insert(parent, at, name);
    doc.set_attr(n, "id", &id);
    for _ in 0..random.below(4) {
        let (name, value) = (random.pick(&ATTRIBUTES), random.pick(&VALUES));
        doc.set_attr(n, name, value);
    }
}

/// A document made of another one by some random changes.
pub fn changed(old: &Document, random: &mut Random) -> Document {
    let mut doc = old.clone();
    let root = doc.root();
    let epoch = (random.below(9) + 1).to_string();
    doc.set_attr(root, "epoch", &epoch);
    for _ in 0..random.below(12) {
        let configuration = doc.child(root, "configuration").expect("never removed");
        let below: Vec<NodeIx> = doc.descendant_nodes(configuration).collect();
        let elements: Vec<NodeIx> = below.iter().copied().filter(|&n| doc.is_element(n)).collect();
        match random.below(8) {
            0 | 1 => {
                let parent = if elements.is_empty() { configuration } else { random.pick(&elements) };
                grow(&mut doc, parent, random);
            }
            2 if !below.is_empty() => {
                let n = random.pick(&below);
                doc.remove(n);
            }
            3 if !elements.is_empty() => {
                let n = random.pick(&elements);
                doc.set_attr(n, random.pick(&ATTRIBUTES), random.pick(&VALUES));
            }
            4 if !elements.is_empty() => {
                let n = random.pick(&elements);
                let name = random.pick(&ATTRIBUTES);
                doc.remove_attr(n, name);
            }
            // The same attribute at the end.
            5 if !elements.is_empty() => {
                let n = random.pick(&elements);
                let first = doc.attrs(n).find(|(name, _)| *name != "id").map(|(n, v)| (n.to_owned(), v.to_owned()));
                if let Some((name, value)) = first {
                    doc.remove_attr(n, &name);
                    doc.set_attr(n, &name, &value);
                }
            }
            // Another place among the siblings.
            _ if !elements.is_empty() => {
                let n = random.pick(&elements);
                let parent = doc.parent(n).expect("below the configuration");
                let siblings: Vec<NodeIx> = doc.nodes(parent).filter(|&s| s != n).collect();
                let before = siblings.get(random.below(siblings.len() + 1)).copied();
                doc.relocate(n, parent, before);
            }
            _ => {}
        }
    }
    doc
}
