//! The oracle of extended virtual synchrony: reads submissions, deliveries and configuration changes, nothing else. [TM-15]
//!
//! Feed it every event of every node in the order in which the node saw them; [`Evs::observe`] finds what is wrong at
//! once, [`Evs::finish`] what can only be judged when the run has come to rest.

use std::collections::{BTreeMap, BTreeSet};
use totem_core::ring::{ConfigurationChange, ConfigurationKind};
use totem_core::wire::{NodeId, RingId};

/// Identifies a message of a run: who submitted it, in which life, as its how-manieth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    /// The originator.
    pub node: NodeId,
    /// Its life: 0, then one more with each restart.
    pub life: u32,
    /// 0, 1, 2, … in submission order.
    pub count: u32,
}

/// Something a node did or saw.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The node accepted a message from its user.
    Submitted(Token),
    /// The ring delivered a message.
    Delivered {
        /// Which one.
        token: Token,
        /// The originator that the ring named.
        from: NodeId,
        /// The ring in which it was ordered.
        ring: RingId,
        /// Its place there.
        seq: u32,
        /// Whether it was sent to be delivered only when every member has it.
        safe: bool,
    },
    /// The ring changed.
    Changed(&'a ConfigurationChange),
    /// The node hears the messages from here on, not from the beginning of its ring: it has just joined the group.
    Joined,
    /// The node stopped without a word; `forgot` if its stored ring sequence is lost too.
    Crashed {
        /// Whether the stored ring sequence is lost.
        forgot: bool,
    },
}

/// The number under which broken safe delivery is told: [TM-15] has none, since the daemons do not provide it.
pub const SAFE: u8 = 22;

/// A broken invariant: its number in [TM-15], where, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The invariant's number.
    pub invariant: u8,
    /// The node at which it showed.
    pub node: NodeId,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[TM-15] invariant {} at node {}: {}", self.invariant, self.node, self.what)
    }
}

/// A ring, told apart from one of the same id that was formed after its representative forgot its sequence.
type RingKey = (RingId, u32);
/// Place of a message: sequence, and which of the messages completed by that frame.
type Place = (u32, u32);

#[derive(Debug, Default)]
struct Watched {
    life: u32,
    alive: bool,
    /// Members and key of the configuration in force.
    installed: Option<(RingKey, Vec<NodeId>)>,
    /// A transitional change whose regular one has not come.
    transitional: Option<ConfigurationChange>,
    highest_seq: u64,
    last_place: Option<(RingKey, Place)>,
    delivered: BTreeSet<Token>,
    /// Messages of the current configuration, transitional stretch included; how many before the transitional change.
    in_configuration: Vec<Token>,
    before_transition: usize,
    submitted: u32,
    /// Joined in the middle of the present configuration.
    late: bool,
    last_count: BTreeMap<(NodeId, u32), u32>,
}

/// How nodes that went together from one ring to the next left the first one.
#[derive(Debug)]
struct Passage {
    node: NodeId,
    transitional: Vec<NodeId>,
    messages: Vec<Token>,
    before_transition: usize,
    late: bool,
}

impl Passage {
    /// The messages that `other` must have delivered too, if both went together.
    fn shared<'p>(&'p self, other: &Passage) -> &'p [Token] {
        let skip = if other.late { self.messages.len().saturating_sub(other.messages.len()) } else { 0 };
        &self.messages[skip..]
    }

    /// How many messages stand after the transitional change.
    fn after_transition(&self) -> usize {
        self.messages.len() - self.before_transition
    }
}

/// The oracle of one run.
#[derive(Debug, Default)]
pub struct Evs {
    nodes: BTreeMap<NodeId, Watched>,
    /// How often each node forgot its ring sequence.
    forgot: BTreeMap<NodeId, u32>,
    members: BTreeMap<RingKey, Vec<NodeId>>,
    order: BTreeMap<RingKey, BTreeMap<Place, Token>>,
    /// What each node delivered of each ring before its transitional change.
    regular: BTreeMap<(RingKey, NodeId, u32), BTreeSet<Place>>,
    passages: BTreeMap<(RingKey, RingKey), Vec<Passage>>,
    /// Who joined in the middle of which ring.
    joined_late: BTreeSet<(RingKey, NodeId, u32)>,
    submitted_after: BTreeMap<Token, Option<(RingKey, Place)>>,
    /// Safe messages that some node delivered in the ring's configuration.
    stable: BTreeSet<(RingKey, Token)>,
    /// Who delivered a message of a ring, its transitional stretch included, and who crashed as a member of the ring.
    accounted: BTreeMap<RingKey, BTreeMap<NodeId, BTreeSet<Token>>>,
    crashed: BTreeSet<(RingKey, NodeId)>,
    deliveries: u64,
    configurations: u64,
}

impl Evs {
    /// An oracle that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages delivered so far, at all nodes.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Regular configurations installed so far, at all nodes.
    pub fn configurations(&self) -> u64 {
        self.configurations
    }

    /// The life a node is in: part of the [`Token`]s it submits.
    pub fn life(&self, node: NodeId) -> u32 {
        self.nodes.get(&node).map_or(0, |w| w.life)
    }

    /// One event of `node`.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub fn observe(&mut self, node: NodeId, event: Event<'_>) -> Result<(), Violation> {
        match event {
            Event::Submitted(token) => self.submitted(node, token),
            Event::Delivered { token, from, ring, seq, safe } => self.delivered(node, token, from, (ring, seq), safe),
            Event::Changed(change) if change.kind == ConfigurationKind::Transitional => self.transitional(node, change),
            Event::Changed(change) => self.installed(node, change),
            Event::Joined => {
                let watched = self.nodes.entry(node).or_default();
                watched.late = true;
                if let Some((key, _)) = &watched.installed {
                    self.joined_late.insert((*key, node, watched.life));
                }
                Ok(())
            }
            Event::Crashed { forgot } => {
                if forgot {
                    *self.forgot.entry(node).or_default() += 1;
                }
                let life = self.nodes.get(&node).map_or(0, |w| w.life) + 1;
                let highest_seq = match forgot {
                    true => 0,
                    false => self.nodes.get(&node).map_or(0, |w| w.highest_seq),
                };
                let before = self.nodes.insert(node, Watched { life, highest_seq, ..Watched::default() });
                if let Some((key, _)) = before.and_then(|w| w.installed) {
                    self.crashed.insert((key, node));
                }
                Ok(())
            }
        }
    }

    fn key(&self, ring: RingId) -> RingKey {
        (ring, self.forgot.get(&ring.rep).copied().unwrap_or(0))
    }

    fn submitted(&mut self, node: NodeId, token: Token) -> Result<(), Violation> {
        let watched = self.nodes.entry(node).or_default();
        watched.alive = true;
        watched.submitted += 1;
        self.submitted_after.insert(token, watched.last_place);
        Ok(())
    }

    fn delivered(
        &mut self,
        node: NodeId,
        token: Token,
        from: NodeId,
        (ring, seq): (RingId, u32),
        safe: bool,
    ) -> Result<(), Violation> {
        let fail = |invariant, what: String| Err(Violation { invariant, node, what });
        self.deliveries += 1;
        let watched = self.nodes.entry(node).or_default();
        let Some((key, _)) = watched.installed.clone() else {
            return fail(14, format!("{token:?} delivered before any configuration"));
        };
        if key.0 != ring {
            return fail(14, format!("{token:?} of ring {ring} delivered in configuration {}", key.0));
        }
        if from != token.node {
            return fail(8, format!("{token:?} delivered as a message of node {from}"));
        }
        let Some(cause) = self.submitted_after.get(&token) else {
            return fail(8, format!("{token:?} was never submitted"));
        };
        if !watched.delivered.insert(token) {
            return fail(7, format!("{token:?} delivered twice"));
        }
        let last = watched.last_count.insert((token.node, token.life), token.count);
        if last.is_some_and(|last| last >= token.count) {
            return fail(9, format!("{token:?} delivered after number {last:?} of the same sender"));
        }
        let k = match watched.last_place {
            Some((k, (s, i))) if k == key && s == seq => i + 1,
            Some((k, (s, _))) if k == key && s > seq => {
                return fail(10, format!("{token:?} with seq {seq} delivered after seq {s}"));
            }
            _ => 0,
        };
        let place = (seq, k);
        watched.last_place = Some((key, place));
        watched.in_configuration.push(token);
        if let Some((ring, after)) = *cause
            && ring == key
            && place <= after
        {
            return fail(16, format!("{token:?} at {place:?} was submitted after the delivery of {after:?}"));
        }
        let there = *self.order.entry(key).or_default().entry(place).or_insert(token);
        if there != token {
            return fail(10, format!("at {place:?} of ring {ring} is {token:?} here, {there:?} elsewhere"));
        }
        if watched.transitional.is_none() {
            let life = watched.life;
            self.regular.entry((key, node, life)).or_default().insert(place);
            if safe {
                self.stable.insert((key, token));
            }
        }
        self.accounted.entry(key).or_default().entry(node).or_default().insert(token);
        Ok(())
    }

    fn transitional(&mut self, node: NodeId, change: &ConfigurationChange) -> Result<(), Violation> {
        let fail = |invariant, what: String| Err(Violation { invariant, node, what });
        let watched = self.nodes.entry(node).or_default();
        watched.alive = true;
        if let Some(open) = &watched.transitional {
            return fail(1, format!("transitional {} while {} has no regular change", change.ring, open.ring));
        }
        let old = watched.installed.as_ref().map_or(&[][..], |i| &i.1);
        if let Some(stranger) = change.members.iter().find(|m| !old.contains(m)) {
            return fail(5, format!("transitional member {stranger} was not in {old:?}"));
        }
        let left: Vec<_> = old.iter().copied().filter(|m| !change.members.contains(m)).collect();
        if left != change.left || !change.joined.is_empty() {
            return fail(5, format!("left {:?}, joined {:?}; expected left {left:?}", change.left, change.joined));
        }
        if !old.is_empty() && !change.members.contains(&node) {
            return fail(4, format!("not in its own transitional members {:?}", change.members));
        }
        watched.before_transition = watched.in_configuration.len();
        watched.transitional = Some(change.clone());
        Ok(())
    }

    fn installed(&mut self, node: NodeId, change: &ConfigurationChange) -> Result<(), Violation> {
        let fail = |invariant, what: String| Err(Violation { invariant, node, what });
        let key = self.key(change.ring);
        self.configurations += 1;
        let watched = self.nodes.entry(node).or_default();
        let Some(transitional) = watched.transitional.take().filter(|t| t.ring == change.ring) else {
            return fail(1, format!("regular {} without its transitional change", change.ring));
        };
        if !change.members.contains(&node) {
            return fail(4, format!("not in its own members {:?}", change.members));
        }
        if let Some(gone) = transitional.members.iter().find(|m| !change.members.contains(m)) {
            return fail(5, format!("transitional member {gone} is not in {:?}", change.members));
        }
        let joined: Vec<_> = change.members.iter().copied().filter(|m| !transitional.members.contains(m)).collect();
        if joined != change.joined || !change.left.is_empty() {
            return fail(5, format!("joined {:?}, left {:?}; expected joined {joined:?}", change.joined, change.left));
        }
        if !change.members.is_sorted() || change.members.first() != Some(&change.ring.rep) {
            return fail(3, format!("ring {} has members {:?}", change.ring, change.members));
        }
        // usually by 4; by less when the representative counted a join sent before this node's last ring was formed
        if change.ring.seq <= watched.highest_seq {
            return fail(3, format!("ring {} after sequence {}", change.ring, watched.highest_seq));
        }
        watched.highest_seq = change.ring.seq;
        let passage = Passage {
            node,
            transitional: transitional.members,
            messages: std::mem::take(&mut watched.in_configuration),
            before_transition: watched.before_transition,
            late: std::mem::take(&mut watched.late),
        };
        let old = watched.installed.replace((key, change.members.clone()));
        let members = self.members.entry(key).or_insert_with(|| change.members.clone());
        if *members != change.members {
            return fail(
                2,
                format!("ring {} has members {:?} here, {members:?} elsewhere", change.ring, change.members),
            );
        }
        match old {
            Some((old, _)) => self.passed(old, key, passage),
            None => Ok(()),
        }
    }

    /// Invariants 6, 12 and 13: those who went together from ring to ring saw the same.
    fn passed(&mut self, old: RingKey, new: RingKey, passage: Passage) -> Result<(), Violation> {
        let node = passage.node;
        let fail = |invariant, what: String| Err(Violation { invariant, node, what });
        let others = self.passages.entry((old, new)).or_default();
        for other in others.iter().filter(|o| o.transitional.contains(&node)) {
            let with = other.node;
            if other.transitional != passage.transitional {
                let (a, b) = (&passage.transitional, &other.transitional);
                return fail(6, format!("came along to {}: {a:?} here, {b:?} at {with}", new.0));
            }
            let (ours, theirs) = (passage.shared(other), other.shared(&passage));
            if ours != theirs {
                let differ = theirs.iter().zip(ours).position(|(a, b)| a != b);
                let (a, b) = (ours.len(), theirs.len());
                return fail(
                    12,
                    format!("{a} messages of ring {} before {}, {b} at {with}, differing at {differ:?}", old.0, new.0),
                );
            }
            let (a, b) = (passage.after_transition(), other.after_transition());
            // Who joined in the transitional stretch has not seen all of it.
            if a != b && !(passage.late && a < b || other.late && b < a) {
                return fail(13, format!("{a} messages after the transitional change to {}, {b} at {with}", new.0));
            }
        }
        others.push(passage);
        Ok(())
    }

    /// Whether a message has its place before all that a node delivers which joined the group after the ring had formed.
    fn stands_before_joining(&self, key: RingKey, node: NodeId, token: &Token) -> bool {
        let mut lives = self.joined_late.range((key, node, 0)..=(key, node, u32::MAX));
        lives.any(|&(_, _, life)| {
            let first = self.regular.get(&(key, node, life)).and_then(|places| places.first());
            let order = self.order.get(&key).into_iter().flatten();
            order.filter(|(place, _)| first.is_none_or(|first| *place < first)).any(|(_, other)| other == token)
        })
    }

    /// Safe delivery: what one node delivered as such in a configuration, every member of it delivers, unless it crashes
    /// or was not in the group yet.
    fn stable_everywhere(&self) -> Result<(), Violation> {
        for (key, token) in &self.stable {
            let delivered = &self.accounted[key];
            let lacks = |m: &&NodeId| {
                !delivered.get(m).is_some_and(|d| d.contains(token))
                    && !self.crashed.contains(&(*key, **m))
                    && !self.stands_before_joining(*key, **m, token)
            };
            if let Some(&node) = self.members.get(key).into_iter().flatten().find(lacks) {
                let what = format!("safe {token:?} of ring {} was delivered elsewhere, and never here", key.0);
                return Err(Violation { invariant: SAFE, node, what });
            }
        }
        Ok(())
    }

    /// When the run has come to rest: `alive` are the nodes that run.
    ///
    /// # Errors
    /// Gaps in what a node delivered of a ring, messages that their sender never saw, and safe messages that a member never saw.
    pub fn finish(&self, alive: &[NodeId]) -> Result<(), Violation> {
        self.stable_everywhere()?;
        for ((key, node, life), places) in &self.regular {
            let Some(last) = places.last() else { continue };
            let late = self.joined_late.contains(&(*key, *node, *life));
            let first = if late { places.first().copied().unwrap_or(*last) } else { (0, 0) };
            for (place, token) in self.order[key].range(first..=*last) {
                if !places.contains(place) {
                    let what = format!("{token:?} at {place:?} of ring {} is missing before {last:?}", key.0);
                    return Err(Violation { invariant: 11, node: *node, what });
                }
            }
        }
        for &node in alive {
            let Some(watched) = self.nodes.get(&node) else { continue };
            for count in 0..watched.submitted {
                let token = Token { node, life: watched.life, count };
                if !watched.delivered.contains(&token) {
                    return Err(Violation { invariant: 15, node, what: format!("{token:?} never came back") });
                }
            }
        }
        Ok(())
    }
}
