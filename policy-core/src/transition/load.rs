//! How many actions may be in flight ([CT-5.7]).

use std::collections::BTreeMap;

/// How loaded a node says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum LoadMode {
    /// Hardly any load.
    Negligible,
    /// Some load.
    Low,
    /// Noticeable load.
    Medium,
    /// Heavy load: one job at a time.
    High,
    /// So loaded that the whole cluster slows down.
    Extreme,
}

/// What one node announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    /// Its load.
    pub mode: LoadMode,
    /// Jobs it would take without load.
    pub max: usize,
}

/// Limits of one pass.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Announcements by node name.
    pub nodes: BTreeMap<String, NodeLimit>,
    /// Maximum for nodes that announced nothing.
    pub default_max: usize,
    /// How many nodes are active.
    pub active: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { nodes: BTreeMap::new(), default_max: 8, active: 1 }
    }
}

impl Limits {
    /// The batch limit, reduced by the load of the nodes; 0 is no limit.
    pub fn batch(&self, configured: i64) -> i64 {
        let mut limit = configured.max(0);
        for node in self.nodes.values() {
            let cap = match node.mode {
                LoadMode::Extreme => (self.active / 4).max(1),
                LoadMode::High => (self.active / 2).max(1),
                _ => continue,
            } as i64;
            limit = if limit == 0 { cap } else { limit.min(cap) };
        }
        limit
    }

    /// Jobs that may be in flight on a node.
    pub fn jobs(&self, node: &str) -> usize {
        let NodeLimit { mode, max } =
            self.nodes.get(node).copied().unwrap_or(NodeLimit { mode: LoadMode::Low, max: self.default_max });
        match mode {
            LoadMode::Negligible => max.max(1),
            LoadMode::Low => (max / 2).max(1),
            LoadMode::Medium => (max / 4).max(1),
            LoadMode::High | LoadMode::Extreme => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_halves_and_quarters() {
        let mut limits = Limits { default_max: 8, active: 10, ..Limits::default() };
        assert_eq!(limits.jobs("n1"), 4);
        for (mode, jobs) in [(LoadMode::Negligible, 8), (LoadMode::Low, 4), (LoadMode::Medium, 2), (LoadMode::High, 1)]
        {
            limits.nodes.insert("n1".into(), NodeLimit { mode, max: 8 });
            assert_eq!(limits.jobs("n1"), jobs);
        }
        assert_eq!(limits.batch(0), 5);
        assert_eq!(limits.batch(3), 3);
        limits.nodes.insert("n2".into(), NodeLimit { mode: LoadMode::Extreme, max: 8 });
        assert_eq!(limits.batch(0), 2);
    }
}
