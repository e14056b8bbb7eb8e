//! Node tables: where a resource may run, and how gladly.

use super::{NodeIx, Score};

/// Whether a resource is probed on a node; a later one is stronger [PL-6.5].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum ProbeMode {
    /// Probe everywhere.
    #[default]
    Always,
    /// Never probe on this node.
    Never,
    /// Probe only on nodes marked so.
    Exclusive,
}

/// One row of a node table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeEntry {
    /// How much the resource wants to be here.
    pub score: Score,
    /// Whether it is probed here.
    pub probe: ProbeMode,
    /// How many instances were assigned here (tables of collectives, [CL-4.4]).
    pub count: u32,
}

/// A map node → [`NodeEntry`]. Nodes that are not in it are not allowed at all.
///
/// Rows are dense by [`NodeIx`], so look-ups cost one index. The order of insertion and the number of times the
/// table was replaced by a copy of itself are kept because the order of choices under `balanced` placement can
/// depend on them [PL-A].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeTable {
    rows: Vec<Option<NodeEntry>>,
    order: Vec<NodeIx>,
    copies: u32,
}

impl NodeTable {
    /// An empty table: no node is allowed.
    #[must_use]
    pub fn new() -> NodeTable {
        NodeTable::default()
    }

    /// The row of a node.
    #[must_use]
    #[inline]
    pub fn get(&self, node: NodeIx) -> Option<&NodeEntry> {
        self.rows.get(node.index())?.as_ref()
    }

    /// The row of a node, to be changed.
    #[inline]
    pub fn get_mut(&mut self, node: NodeIx) -> Option<&mut NodeEntry> {
        self.rows.get_mut(node.index())?.as_mut()
    }

    /// The score of a node, if it is in the table.
    #[must_use]
    #[inline]
    pub fn score(&self, node: NodeIx) -> Option<Score> {
        self.get(node).map(|entry| entry.score)
    }

    /// Whether the node is in the table.
    #[must_use]
    #[inline]
    pub fn contains(&self, node: NodeIx) -> bool {
        self.get(node).is_some()
    }

    /// Adds or replaces a row.
    pub fn insert(&mut self, node: NodeIx, entry: NodeEntry) {
        if node.index() >= self.rows.len() {
            self.rows.resize(node.index() + 1, None);
        }
        let row = &mut self.rows[node.index()];
        if row.is_none() {
            self.order.push(node);
        }
        *row = Some(entry);
    }

    /// Takes a row out.
    pub fn remove(&mut self, node: NodeIx) -> Option<NodeEntry> {
        let entry = self.rows.get_mut(node.index())?.take()?;
        self.order.retain(|&other| other != node);
        Some(entry)
    }

    /// Adds to the score of a node that is in the table.
    #[inline]
    pub fn add(&mut self, node: NodeIx, delta: Score) {
        if let Some(entry) = self.get_mut(node) {
            entry.score = entry.score.add(delta);
        }
    }

    /// All rows, by node index.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIx, &NodeEntry)> {
        self.rows.iter().enumerate().filter_map(|(index, row)| Some((NodeIx::new(index), row.as_ref()?)))
    }

    /// All rows, by node index, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (NodeIx, &mut NodeEntry)> {
        self.rows.iter_mut().enumerate().filter_map(|(index, row)| Some((NodeIx::new(index), row.as_mut()?)))
    }

    /// How many nodes are in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no node is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The nodes in the order in which they were inserted.
    #[must_use]
    pub fn insertion_order(&self) -> &[NodeIx] {
        &self.order
    }

    /// How often the table was rebuilt as a copy of itself.
    #[must_use]
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// Notes that the reference behaviour replaced this table by a copy of itself at this point [PL-A].
    pub fn note_copied(&mut self) {
        self.copies = self.copies.saturating_add(1);
    }
}
