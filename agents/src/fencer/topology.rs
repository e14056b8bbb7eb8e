//! Fencing levels [CT-9.4].

use super::Fencer;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Whom a level is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LevelTarget {
    /// One node.
    Name(String),
    /// Nodes whose name matches an extended regular expression, not anchored.
    Pattern(String),
    /// Nodes with this attribute in the configuration.
    Attribute {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

/// One `fencing-level`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// 1 to 9; lower ones are tried first.
    pub index: u32,
    /// Whom it is for.
    pub target: LevelTarget,
    /// All of them must succeed.
    pub devices: Vec<String>,
}

/// Why a level is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelError {
    /// Only 1 to 9 are allowed.
    #[error("fencing level index {0} is outside 1 to 9")]
    Index(u32),
    /// The expression cannot be used.
    #[error("fencing level pattern '{pattern}': {what}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong.
        what: String,
    },
}

impl Level {
    pub(super) fn check(&self) -> Result<(), LevelError> {
        if !(1..=9).contains(&self.index) {
            return Err(LevelError::Index(self.index));
        }
        if let LevelTarget::Pattern(text) = &self.target {
            expression(text).map_err(|e| LevelError::Pattern { pattern: text.clone(), what: e.to_string() })?;
        }
        Ok(())
    }
}

impl Fencer {
    /// The devices of each level for a node, in order of index; empty = no topology. The entry named like the node wins, else the first other
    /// entry that matches, in document order; entries are never united.
    pub(super) fn levels_for(&self, node: &str) -> Vec<Vec<String>> {
        let named =
            |level: &&Level| matches!(&level.target, LevelTarget::Name(name) if name.eq_ignore_ascii_case(node));
        let matching = |level: &&Level| match &level.target {
            LevelTarget::Name(_) => false,
            LevelTarget::Pattern(text) => expression(text).is_ok_and(|e| e.is_match(node)),
            LevelTarget::Attribute { name, value } => {
                self.attributes.get(node).and_then(|a| a.get(name)).is_some_and(|v| v == value)
            }
        };
        let Some(entry) = self.levels.iter().find(named).or_else(|| self.levels.iter().find(matching)) else {
            return Vec::new();
        };
        let mut by_index: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for level in self.levels.iter().filter(|level| level.target == entry.target) {
            by_index.entry(level.index).or_default().extend(level.devices.iter().cloned());
        }
        by_index.into_values().collect()
    }
}

/// A pattern, bounded in size. Extended regular expressions are a subset of what is read here, but for back references, which they do not promise.
fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).size_limit(1 << 20).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fencer::Options;

    fn level(index: u32, target: LevelTarget, devices: &[&str]) -> Level {
        Level { index, target, devices: devices.iter().map(|d| (*d).to_owned()).collect() }
    }

    #[test]
    fn one_entry_is_used_the_named_one_first() {
        let mut fencer = Fencer::new(Options::new("n1", 1));
        let rack = || LevelTarget::Attribute { name: "rack".into(), value: "1".into() };
        fencer.set_node_attributes([("n7".to_owned(), [("rack".to_owned(), "1".to_owned())].into())].into());
        let levels = vec![
            level(2, LevelTarget::Pattern("^n[0-9]$".into()), &["p2"]),
            level(1, rack(), &["a1"]),
            level(1, LevelTarget::Pattern("^n[0-9]$".into()), &["p1"]),
            level(5, LevelTarget::Name("n3".into()), &["x"]),
            level(5, LevelTarget::Name("n3".into()), &["y"]),
        ];
        fencer.set_topology(levels).unwrap();
        assert_eq!(fencer.levels_for("n3"), [["x", "y"]]);
        assert_eq!(fencer.levels_for("N2"), [["p1"], ["p2"]]);
        assert_eq!(fencer.levels_for("n7"), [["p1"], ["p2"]], "the first that matches, not a union");
        assert!(fencer.levels_for("other").is_empty());
    }

    #[test]
    fn bad_levels_are_refused_whole() {
        let mut fencer = Fencer::new(Options::new("n1", 1));
        let bad = level(10, LevelTarget::Name("n".into()), &["d"]);
        assert_eq!(fencer.set_topology(vec![bad]), Err(LevelError::Index(10)));
        let bad = level(1, LevelTarget::Pattern("(".into()), &["d"]);
        assert!(matches!(fencer.set_topology(vec![bad]), Err(LevelError::Pattern { .. })));
    }
}
