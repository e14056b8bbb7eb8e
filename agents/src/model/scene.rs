//! One run in the world: what the agent sees, and what it leaves behind.

use super::state::{Node, State};
use crate::standard::{Call, Exit};
use core::time::Duration;

/// What a run did outside the agents' world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A node attribute was set (`None`: deleted). Promotion scores are transient attributes named `master-<resource>`.
    Attribute {
        /// Whose.
        node: String,
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
        /// Dampening, if the agent gave one.
        dampen_ms: Option<u64>,
        /// Outlives a reboot.
        permanent: bool,
    },
    /// A cluster property was set (`None`: deleted).
    Property {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
    /// A node lost its power: it is gone from this instant.
    PowerOff {
        /// The node.
        node: String,
    },
    /// A node got its power back, and will boot.
    PowerOn {
        /// The node.
        node: String,
    },
    /// An agent asks the cluster to fence a node.
    Fence {
        /// The node.
        node: String,
    },
}

pub(super) struct Scene<'a> {
    pub(super) now: Duration,
    pub(super) node: &'a str,
    pub(super) call: &'a Call,
    pub(super) luck: u64,
    pub(super) state: &'a mut State,
    pub(super) effects: Vec<Effect>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(now: Duration, node: &'a str, call: &'a Call, luck: u64, state: &'a mut State) -> Self {
        Self { now, node, call, luck, state, effects: Vec::new() }
    }

    pub(super) fn here(&self) -> &Node {
        // The world makes the node before it makes a scene on it.
        &self.state.nodes[self.node]
    }

    pub(super) fn here_mut(&mut self) -> &mut Node {
        self.state.node_mut(self.node)
    }

    /// A parameter's value, `None` if absent or empty.
    pub(super) fn param(&self, name: &str) -> Option<&'a str> {
        self.call.parameters.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    pub(super) fn number(&self, name: &str, default: i64) -> i64 {
        self.param(name).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    /// The truth values of the agents' shell library [RA-10.2].
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.param(name)
            .map_or(default, |v| matches!(v, "yes" | "true" | "1" | "YES" | "TRUE" | "True" | "ja" | "on" | "ON"))
    }

    pub(super) fn check_level(&self) -> i64 {
        self.number("OCF_CHECK_LEVEL", 0)
    }

    pub(super) fn is_clone(&self) -> bool {
        self.call.meta("clone_max").is_some()
    }

    /// The resource id without `:N`, for anonymous clones.
    pub(super) fn instance_name(&self) -> String {
        let id = &self.call.resource;
        if self.call.meta("globally_unique") == Some("false")
            && let Some((base, number)) = id.rsplit_once(':')
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
        {
            return base.to_owned();
        }
        id.clone()
    }

    /// Files of this node that outlive a boot.
    pub(super) fn disk_mut(&mut self) -> &mut std::collections::BTreeMap<String, String> {
        self.state.shared.disks.entry(self.node.to_owned()).or_default()
    }

    /// Is the agent's software missing on this node?
    pub(super) fn is_missing(&self) -> bool {
        let missing = &self.state.shared.missing_software;
        missing.iter().any(|(node, agent)| node == self.node && *agent == self.call.agent.type_name)
    }

    /// What is measured on this node.
    pub(super) fn measure(&self, what: &str, usual: i64) -> i64 {
        self.state.shared.measures.get(&(self.node.to_owned(), what.to_owned())).copied().unwrap_or(usual)
    }

    pub(super) fn has_file(&self, path: &str) -> bool {
        self.here().files.contains_key(path)
    }

    pub(super) fn write(&mut self, path: &str, content: &str) {
        self.here_mut().files.insert(path.to_owned(), content.to_owned());
    }

    pub(super) fn remove_file(&mut self, path: &str) {
        self.here_mut().files.remove(path);
    }

    /// Sets a transient attribute of this node.
    pub(super) fn publish(&mut self, name: &str, value: Option<String>, dampen_ms: Option<u64>) {
        let node = self.node.to_owned();
        self.publish_for(&node, name, value, dampen_ms, false);
    }

    pub(super) fn publish_for(
        &mut self,
        node: &str,
        name: &str,
        value: Option<String>,
        dampen_ms: Option<u64>,
        permanent: bool,
    ) {
        self.state.set_attribute(node, name, value.as_deref());
        self.effects.push(Effect::Attribute {
            node: node.to_owned(),
            name: name.to_owned(),
            value,
            dampen_ms,
            permanent,
        });
    }

    /// Publishes the wish to be promoted [RA-2.10].
    pub(super) fn score(&mut self, score: Option<i64>) {
        let name = format!("master-{}", self.call.resource);
        self.publish(&name, score.map(score_text), None);
    }
}

pub(super) fn score_text(score: i64) -> String {
    match score {
        1_000_000.. => "INFINITY".to_owned(),
        ..=-1_000_000 => "-INFINITY".to_owned(),
        _ => score.to_string(),
    }
}

/// The exit of an agent.
pub(super) fn exit(code: u8) -> Exit {
    Exit::code(code)
}

/// The exit of an agent with a reason.
pub(super) fn because(code: u8, reason: impl AsRef<str>) -> Exit {
    Exit::reason(code, reason.as_ref())
}
