//! Comparing two trees [CB-8.2].

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::changes::{AttrChange, Changes};
use crate::xml::{Document, Kind, Name, NodeIx};

/// Whether the order of attributes counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordered {
    /// It does, as for plain comparisons and replacements.
    Yes,
    /// It does not, as with `crm_diff --cib`.
    No,
}

/// Compares `o` of `old` with `n` of `new`, whatever their names, and records what changed in `new`.
pub(crate) fn compare(old: &Document, o: NodeIx, new: &Document, n: NodeIx, ordered: Ordered, changes: &mut Changes) {
    let mut comparison = Comparison { old, new, ordered, changes, names: vec![Translation::Unknown; 0] };
    // A stack of its own: the depth of documents is bounded, that of the call stack is not known.
    let mut open = vec![comparison.enter(o, n)];
    while let Some(level) = open.last_mut() {
        match comparison.advance(level) {
            Some((o, n)) => {
                let below = comparison.enter(o, n);
                open.push(below);
            }
            None => {
                let level = open.pop().expect("just looked at");
                comparison.leave(&level);
            }
        }
    }
}

/// What a name of the old document is in the new one.
#[derive(Clone, Copy)]
enum Translation {
    Unknown,
    Absent,
    Is(Name),
}

struct Comparison<'a> {
    old: &'a Document,
    new: &'a Document,
    ordered: Ordered,
    changes: &'a mut Changes,
    /// By number of the old name.
    names: Vec<Translation>,
}

/// A pair of elements whose children are being compared.
struct Level {
    n: NodeIx,
    /// The old children and their partners.
    pairs: Vec<(NodeIx, Option<NodeIx>)>,
    /// The next old child to look at.
    next: usize,
    /// Old children so far that are not deleted.
    kept: usize,
    /// Whether partners stand in the same order, one by one, without deletions or creations.
    aligned: bool,
}

impl Comparison<'_> {
    fn translate(&mut self, name: Name) -> Option<Name> {
        let i = name.index();
        if i >= self.names.len() {
            self.names.resize(i + 1, Translation::Unknown);
        }
        if let Translation::Unknown = self.names[i] {
            self.names[i] = self.new.find_name(self.old.name_text(name)).map_or(Translation::Absent, Translation::Is);
        }
        match self.names[i] {
            Translation::Is(name) => Some(name),
            _ => None,
        }
    }

    fn enter(&mut self, o: NodeIx, n: NodeIx) -> Level {
        self.attributes(o, n);
        let (pairs, aligned) = self.matching(o, n);
        Level { n, pairs, next: 0, kept: 0, aligned }
    }

    // --- attributes

    fn attributes(&mut self, o: NodeIx, n: NodeIx) {
        let (old, new) = (self.old, self.new);
        if old.attr_count(o) == new.attr_count(n) {
            let mut same = true;
            for ((a, x), (b, y)) in old.attrs_ix(o).zip(new.attrs_ix(n)) {
                same = x == y && self.translate(a) == Some(b);
                if !same {
                    break;
                }
            }
            if same {
                return;
            }
        }
        self.attributes_in_full(o, n);
        if let Some(changed) = self.changes.attrs.get_mut(&n) {
            changed.old = Some(o);
        }
    }

    fn attributes_in_full(&mut self, o: NodeIx, n: NodeIx) {
        let theirs: SmallVec<[(Name, &str); 16]> = self.new.attrs_ix(n).collect();
        let mut known: SmallVec<[bool; 16]> = SmallVec::from_elem(false, theirs.len());
        let mut skipped_old: SmallVec<[bool; 16]> = SmallVec::from_elem(false, self.old.attr_count(o));
        let mut skipped_new: SmallVec<[bool; 16]> = SmallVec::from_elem(false, theirs.len());
        let position = |skipped: &[bool], i: usize| skipped[..i].iter().filter(|&&s| !s).count();
        let old = self.old;
        for (i, (name, value)) in old.attrs_ix(o).enumerate() {
            let partner = self.translate(name).and_then(|name| theirs.iter().position(|(other, _)| *other == name));
            let Some(j) = partner else {
                self.changes.unset(n, old.name_text(name));
                continue;
            };
            known[j] = true;
            if theirs[j].1 != value {
                self.changes.set(n, old.name_text(name), AttrChange::Set);
            } else if self.ordered == Ordered::Yes {
                let (was, is) = (position(&skipped_old, i), position(&skipped_new, j));
                if was != is {
                    self.changes.set(n, old.name_text(name), AttrChange::Set);
                    if was > is {
                        skipped_old[i] = true;
                    } else {
                        skipped_new[j] = true;
                    }
                }
            }
        }
        for (&(name, _), _) in theirs.iter().zip(&known).filter(|&(_, &known)| !known) {
            self.changes.set(n, self.new.name_text(name), AttrChange::Added);
        }
    }

    // --- children

    /// Pairs old children with new ones; also tells whether both lists run in parallel.
    fn matching(&mut self, o: NodeIx, n: NodeIx) -> (Vec<(NodeIx, Option<NodeIx>)>, bool) {
        let (old, new) = (self.old, self.new);
        let mut pairs = Vec::new();
        let (mut at, mut other) = (old.first_node(o), new.first_node(n));
        while let (Some(c), Some(d)) = (at, other) {
            if !self.alike(c, d) {
                break;
            }
            pairs.push((c, Some(d)));
            (at, other) = (old.next_node(c), new.next_node(d));
        }
        if at.is_none() && other.is_none() {
            return (pairs, true);
        }
        self.matching_rest(at, other, &mut pairs);
        (pairs, false)
    }

    /// Whether two nodes at the same place are partners.
    fn alike(&mut self, c: NodeIx, d: NodeIx) -> bool {
        let (old, new) = (self.old, self.new);
        match (old.name_ix(c), new.name_ix(d)) {
            (Some(a), Some(b)) => self.translate(a) == Some(b) && id(old, c) == id(new, d),
            (None, None) => {
                old.kind(c) == Kind::Comment && new.kind(d) == Kind::Comment && same_comment(old, c, new, d)
            }
            _ => false,
        }
    }

    /// Pairs what is left after the parallel beginning.
    fn matching_rest(&mut self, at: Option<NodeIx>, other: Option<NodeIx>, pairs: &mut Vec<(NodeIx, Option<NodeIx>)>) {
        let (old, new) = (self.old, self.new);
        let offset = pairs.len();
        let rest: Vec<NodeIx> = core::iter::successors(other, |&d| new.next_node(d)).collect();
        // First unmatched new child by name and id: lists through `later`, so that one map entry is enough.
        let mut first: HashMap<(Name, Option<&str>), usize, FxBuildHasher> =
            HashMap::with_capacity_and_hasher(rest.len(), FxBuildHasher);
        let mut later: Vec<usize> = vec![usize::MAX; rest.len()];
        for (i, &d) in rest.iter().enumerate().rev() {
            let Some(name) = new.name_ix(d) else { continue };
            if let Some(next) = first.insert((name, id(new, d)), i) {
                later[i] = next;
            }
        }
        for (i, c) in core::iter::successors(at, |&c| old.next_node(c)).enumerate() {
            let partner = match old.name_ix(c) {
                Some(name) => self.translate(name).and_then(|name| {
                    let slot = first.get_mut(&(name, id(old, c)))?;
                    let i = *slot;
                    if i == usize::MAX {
                        return None;
                    }
                    *slot = later[i];
                    Some(rest[i])
                }),
                None => rest.get(i).copied().filter(|&d| self.alike(c, d)),
            };
            pairs.push((c, partner));
        }
        debug_assert!(pairs.len() >= offset);
    }

    /// Goes on with the old children of a level, up to the next pair of elements to compare.
    fn advance(&mut self, level: &mut Level) -> Option<(NodeIx, NodeIx)> {
        while let Some(&(c, partner)) = level.pairs.get(level.next) {
            level.next += 1;
            match partner {
                None => {
                    let position = (self.old.kind(c) == Kind::Comment).then_some(level.kept);
                    self.changes.deleted(self.new, level.n, self.old, c, position);
                }
                Some(d) => {
                    level.kept += 1;
                    if self.old.is_element(c) {
                        return Some((c, d));
                    }
                }
            }
        }
        None
    }

    /// The new children of a level: creations and moves.
    fn leave(&mut self, level: &Level) {
        if level.aligned {
            return;
        }
        let mut place = HashMap::with_hasher(FxBuildHasher);
        let kept = level.pairs.iter().filter_map(|&(_, partner)| partner);
        place.extend(kept.enumerate().map(|(i, d)| (d, i)));
        let mut moved = Skipped::new(place.len());
        let mut position = 0;
        for d in self.new.nodes(level.n) {
            let Some(&i) = place.get(&d) else {
                self.changes.created.insert(d, ());
                continue;
            };
            let was = i - moved.before(i);
            if was == position {
                position += 1;
                continue;
            }
            self.changes.moved.insert(d, ());
            if was > position {
                moved.mark(i);
                position += 1;
            }
        }
    }
}

/// An empty id counts as none [CB-2.3].
fn id(doc: &Document, n: NodeIx) -> Option<&str> {
    doc.id(n).filter(|id| !id.is_empty())
}

fn same_comment(old: &Document, c: NodeIx, new: &Document, d: NodeIx) -> bool {
    let (a, b) = (old.text(c).unwrap_or_default(), new.text(d).unwrap_or_default());
    a.eq_ignore_ascii_case(b)
}

/// Marks on a row of old siblings, and how many stand before a place (a binary indexed tree, made when first needed).
struct Skipped {
    len: usize,
    tree: Vec<u32>,
}

impl Skipped {
    fn new(len: usize) -> Self {
        Skipped { len, tree: Vec::new() }
    }

    fn mark(&mut self, i: usize) {
        if self.tree.is_empty() {
            self.tree = vec![0; self.len + 1];
        }
        let mut at = i + 1;
        while at <= self.len {
            self.tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    fn before(&self, i: usize) -> usize {
        if self.tree.is_empty() {
            return 0;
        }
        let (mut at, mut sum) = (i, 0);
        while at > 0 {
            sum += self.tree[at] as usize;
            at &= at - 1;
        }
        sum
    }
}
