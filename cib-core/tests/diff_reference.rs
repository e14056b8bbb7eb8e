//! The comparison beside a second one that does what [CB-8.2] and [CB-8.3] say word by word, slowly: on documents with
//! anything that makes siblings hard to tell apart. `METRONOME_PAIRS` sets the number of pairs.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use cib_core::patch::{Ordered, Patch, diff};
use cib_core::xml::{Document, Kind, Limits, NodeIx, Style};
use support::{Random, wild, wildly_changed};

/// The marks and findings of one comparison.
struct Reference<'a> {
    old: &'a Document,
    new: &'a Document,
    ordered: bool,
    skipped_old: BTreeSet<NodeIx>,
    skipped_new: BTreeSet<NodeIx>,
    deletions: String,
    created: BTreeSet<NodeIx>,
    moved: BTreeSet<NodeIx>,
    /// Names that were set, and names that were unset, in the order of the old element.
    attributes: BTreeMap<NodeIx, (BTreeSet<String>, Vec<String>)>,
}

fn id(doc: &Document, n: NodeIx) -> Option<&str> {
    doc.id(n).filter(|id| !id.is_empty())
}

/// How many siblings before a node are not skipped.
fn position(doc: &Document, n: NodeIx, skipped: &BTreeSet<NodeIx>) -> usize {
    let parent = doc.parent(n).expect("a child");
    doc.nodes(parent).take_while(|&s| s != n).filter(|s| !skipped.contains(s)).count()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn path(doc: &Document, n: NodeIx) -> String {
    let above = doc.parent(n).map_or(String::new(), |parent| path(doc, parent));
    let step = match (doc.is_element(n), id(doc, n)) {
        (false, _) => "comment".to_owned(),
        (true, Some(id)) => format!("{}[@id='{id}']", doc.name(n)),
        (true, None) => doc.name(n).to_owned(),
    };
    format!("{above}/{step}")
}

impl Reference<'_> {
    fn compare(&mut self, o: NodeIx, n: NodeIx) {
        self.compare_attributes(o, n);
        let (old, new) = (self.old, self.new);
        let mut partner: BTreeMap<NodeIx, NodeIx> = BTreeMap::new();
        let mut back: BTreeMap<NodeIx, NodeIx> = BTreeMap::new();
        for c in old.nodes(o) {
            let found = new.nodes(n).find(|&d| {
                let same = match (old.kind(c), new.kind(d)) {
                    (Kind::Element, Kind::Element) => old.name(c) == new.name(d) && id(old, c) == id(new, d),
                    (Kind::Comment, Kind::Comment) => {
                        let text = |doc: &Document, n| doc.text(n).unwrap_or_default().to_ascii_lowercase();
                        position(old, c, &self.skipped_old) == position(new, d, &self.skipped_new)
                            && text(old, c) == text(new, d)
                    }
                    _ => false,
                };
                same && !back.contains_key(&d)
            });
            if let Some(d) = found {
                partner.insert(c, d);
                back.insert(d, c);
            }
        }
        for c in old.nodes(o) {
            match partner.get(&c) {
                Some(&d) if old.is_element(c) => self.compare(c, d),
                Some(_) => {}
                None => {
                    let step = path(old, c);
                    let step = &step[step.rfind('/').expect("a step")..];
                    // An id may hold a slash: the step is what the path of the parent does not have.
                    let own = path(old, c)[path(old, o).len()..].to_owned();
                    debug_assert!(own.ends_with(step));
                    let at = escaped(&format!("{}{own}", path(new, n)));
                    let _ = write!(self.deletions, "<change operation=\"delete\" path=\"{at}\"");
                    if !old.is_element(c) {
                        let _ = write!(self.deletions, " position=\"{}\"", position(old, c, &self.skipped_old));
                    }
                    self.deletions.push_str("/>");
                    self.skipped_old.insert(c);
                }
            }
        }
        for d in new.nodes(n) {
            match back.get(&d) {
                None => {
                    self.created.insert(d);
                    self.skipped_new.insert(d);
                }
                Some(&p) => {
                    let (was, is) = (position(old, p, &self.skipped_old), position(new, d, &self.skipped_new));
                    if was != is {
                        self.moved.insert(d);
                        if was > is {
                            self.skipped_old.insert(p)
                        } else {
                            self.skipped_new.insert(d)
                        };
                    }
                }
            }
        }
    }

    fn compare_attributes(&mut self, o: NodeIx, n: NodeIx) {
        let before: Vec<(&str, &str)> = self.old.attrs(o).collect();
        let after: Vec<(&str, &str)> = self.new.attrs(n).collect();
        let (mut skipped_old, mut skipped_new) = (BTreeSet::new(), BTreeSet::new());
        let place = |skipped: &BTreeSet<usize>, i: usize| (0..i).filter(|i| !skipped.contains(i)).count();
        let (mut set, mut unset) = (BTreeSet::new(), Vec::new());
        for (i, (name, value)) in before.iter().enumerate() {
            let Some(j) = after.iter().position(|(other, _)| other == name) else {
                unset.push((*name).to_owned());
                continue;
            };
            let (was, is) = (place(&skipped_old, i), place(&skipped_new, j));
            if after[j].1 != *value {
                set.insert((*name).to_owned());
            } else if self.ordered && was != is {
                set.insert((*name).to_owned());
                if was > is {
                    skipped_old.insert(i)
                } else {
                    skipped_new.insert(j)
                };
            }
        }
        set.extend(
            after.iter().filter(|(name, _)| before.iter().all(|(n, _)| n != name)).map(|(n, _)| (*n).to_owned()),
        );
        if !set.is_empty() || !unset.is_empty() {
            self.attributes.insert(n, (set, unset));
        }
    }

    fn emit(&self, n: NodeIx, out: &mut String) {
        let new = self.new;
        let index = |n| new.parent(n).map_or(0, |parent| new.nodes(parent).take_while(|&s| s != n).count());
        if self.created.contains(&n) {
            let above = new.parent(n).map_or(String::new(), |parent| path(new, parent));
            let _ = write!(out, "<change operation=\"create\" path=\"{}\" position=\"{}\">", escaped(&above), index(n));
            let _ = write!(out, "{}</change>", new.write_node(n, Style::Compact));
            return;
        }
        let at = escaped(&path(new, n));
        if let Some((set, unset)) = self.attributes.get(&n) {
            let _ = write!(out, "<change operation=\"modify\" path=\"{at}\"><change-list>");
            for (name, value) in new.attrs(n).filter(|(name, _)| set.contains(*name)) {
                let value = escaped(value);
                let _ = write!(out, "<change-attr name=\"{name}\" operation=\"set\" value=\"{value}\"/>");
            }
            for name in unset {
                let _ = write!(out, "<change-attr name=\"{name}\" operation=\"unset\"/>");
            }
            let _ = write!(out, "</change-list><change-result><{}", new.name(n));
            for (name, value) in new.attrs(n) {
                let _ = write!(out, " {name}=\"{}\"", escaped(value));
            }
            out.push_str("/></change-result></change>");
        }
        new.nodes(n).for_each(|child| self.emit(child, out));
        if self.moved.contains(&n) {
            let _ = write!(out, "<change operation=\"move\" path=\"{at}\" position=\"{}\"/>", index(n));
        }
    }
}

/// The patch as the rules have it.
fn reference(old: &Document, new: &Document, ordered: bool) -> Option<String> {
    let mut run = Reference {
        old,
        new,
        ordered,
        skipped_old: BTreeSet::new(),
        skipped_new: BTreeSet::new(),
        deletions: String::new(),
        created: BTreeSet::new(),
        moved: BTreeSet::new(),
        attributes: BTreeMap::new(),
    };
    run.compare(old.root(), new.root());
    let mut changes = run.deletions.clone();
    run.emit(new.root(), &mut changes);
    if changes.is_empty() {
        return None;
    }
    let mut out = String::from("<diff format=\"2\"><version>");
    for (name, doc) in [("source", old), ("target", new)] {
        let _ = write!(out, "<{name}");
        for field in ["admin_epoch", "epoch", "num_updates"] {
            let _ = write!(out, " {field}=\"{}\"", escaped(doc.attr(doc.root(), field).unwrap_or("1")));
        }
        out.push_str("/>");
    }
    let _ = write!(out, "</version>{changes}</diff>");
    Some(Document::parse_with(&out, &Limits::file()).expect("XML").write())
}

#[test]
fn the_comparison_does_what_its_rules_say() {
    let pairs: u64 = std::env::var("METRONOME_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let (mut patches, mut words) = (0, BTreeMap::<&str, usize>::new());
    for seed in 0..pairs {
        let mut random = Random::new(seed);
        let old = wild(&mut random);
        let new = wildly_changed(&old, &mut random);
        for (ordered, flag) in [(Ordered::Yes, true), (Ordered::No, false)] {
            let ours = diff(&old, &new, ordered).as_ref().map(Patch::write);
            let rules = reference(&old, &new, flag);
            assert_eq!(ours, rules, "seed {seed}, {ordered:?}\n{}\n{}", old.write(), new.write());
            let Some(text) = ours else { continue };
            patches += 1;
            for word in ["create", "delete", "move", "modify", "unset", "/comment\"", "position=\"0\""] {
                *words.entry(word).or_default() += usize::from(text.contains(word));
            }
        }
    }
    println!("{pairs} pairs, {patches} patches equal; with {words:?}");
    assert!(words.values().all(|&count| count as u64 > pairs / 20), "{words:?}");
}
