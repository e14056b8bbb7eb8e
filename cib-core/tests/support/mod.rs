//! Random documents and random changes of them, from a seed.
#![allow(dead_code, unreachable_pub)]

use cib_core::cib::{CallOptions, Operation, Request};
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

/// A document of any shape: siblings without ids or with the same one, many comments, ids with odd characters, versions
/// that are missing, another root.
pub fn wild(random: &mut Random) -> Document {
    let mut doc = Document::new(if random.chance(90) { "cib" } else { "other" });
    let root = doc.root();
    for name in ["admin_epoch", "epoch", "num_updates"] {
        if random.chance(85) {
            let value = random.below(4).to_string();
            doc.set_attr(root, name, &value);
        }
    }
    for _ in 0..random.below(25) {
        let all: Vec<NodeIx> = doc.descendants(root).collect();
        let parent = if all.is_empty() || random.chance(25) { root } else { random.pick(&all) };
        sprout(&mut doc, parent, random);
    }
    doc
}

/// Adds any node anywhere below an element.
fn sprout(doc: &mut Document, parent: NodeIx, random: &mut Random) {
    if random.chance(25) {
        let text = random.pick(&["a", "A", "b", " a ", "c<&>"]);
        let n = doc.append_comment(parent, text);
        let siblings: Vec<NodeIx> = doc.nodes(parent).filter(|&s| s != n).collect();
        let before = siblings.get(random.below(siblings.len() + 1)).copied();
        doc.relocate(n, parent, before);
        return;
    }
    let at = random.below(doc.nodes(parent).count() + 1);
    let n = doc.insert(parent, at, random.pick(&["a", "b", "nvpair"]));
    if random.chance(60) {
        doc.set_attr(n, "id", random.pick(&["1", "2", "3", "x y", "", "q/r"]));
    }
    for _ in 0..random.below(5) {
        doc.set_attr(n, random.pick(&ATTRIBUTES), random.pick(&VALUES));
    }
}

/// A document made of another one by changes of any kind.
pub fn wildly_changed(old: &Document, random: &mut Random) -> Document {
    let mut doc = old.clone();
    let root = doc.root();
    for _ in 0..random.below(10) {
        let below: Vec<NodeIx> = doc.descendant_nodes(root).collect();
        let elements: Vec<NodeIx> = below.iter().copied().filter(|&n| doc.is_element(n)).collect();
        let element = if elements.is_empty() || random.chance(10) { root } else { random.pick(&elements) };
        match random.below(9) {
            0 | 1 => sprout(&mut doc, element, random),
            2 if !below.is_empty() => {
                let n = random.pick(&below);
                doc.remove(n);
            }
            3 => doc.set_attr(element, random.pick(&ATTRIBUTES), random.pick(&VALUES)),
            4 => {
                doc.remove_attr(element, random.pick(&ATTRIBUTES));
            }
            5 => shuffle_attributes(&mut doc, element, random),
            6 if element != root => doc.set_attr(element, "id", random.pick(&["1", "2", "4", ""])),
            // To another place among its siblings, or below another parent.
            _ if !below.is_empty() => {
                let n = random.pick(&below);
                let own = doc.parent(n).expect("below the root");
                let inside = |doc: &Document, to: NodeIx| {
                    core::iter::successors(Some(to), |&at| doc.parent(at)).any(|at| at == n)
                };
                let to = if random.chance(80) || inside(&doc, element) { own } else { element };
                let siblings: Vec<NodeIx> = doc.nodes(to).filter(|&s| s != n).collect();
                let before = siblings.get(random.below(siblings.len() + 1)).copied();
                doc.relocate(n, to, before);
            }
            _ => {}
        }
    }
    doc
}

/// The same attributes in another order.
fn shuffle_attributes(doc: &mut Document, n: NodeIx, random: &mut Random) {
    let mut all: Vec<(String, String)> = doc.attrs(n).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i + 1));
    }
    for (name, _) in &all {
        doc.remove_attr(n, name);
    }
    for (name, value) in &all {
        doc.set_attr(n, name, value);
    }
}

/// A change of any kind, small.
pub fn request(random: &mut Random) -> Request {
    let id = random.below(8);
    let element = format!(r#"<primitive id="p{id}" class="ocf" provider="pacemaker" type="T{}"/>"#, random.below(99));
    let input = Document::parse(&element).unwrap();
    match random.below(6) {
        0 => Request::new(Operation::Delete)
            .section("resources")
            .input(Document::parse(&format!(r#"<primitive id="p{id}"/>"#)).unwrap()),
        1 => Request::new(Operation::Bump),
        2 => {
            let state =
                Document::parse(&format!(r#"<node_state id="1" uname="n" join="{}"/>"#, random.below(9))).unwrap();
            Request::new(Operation::Modify).section("status").options(CallOptions::MAY_CREATE).input(state)
        }
        _ => Request::new(Operation::Modify).section("resources").options(CallOptions::MAY_CREATE).input(input),
    }
}
