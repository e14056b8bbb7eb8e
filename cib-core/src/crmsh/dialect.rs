//! What the reading of a text depends on besides the text: the schema, the agents, the nodes.

use crate::rules::compare_versions;

/// What is known about resource agents. A library user who has none leaves this to [`NoAgents`].
pub trait Agents {
    /// The providers of class `ocf` that have an agent of this name.
    fn providers(&self, agent: &str) -> Vec<String>;
    /// The meta-data of an agent, if it can be had.
    fn meta_data(&self, class: &str, provider: Option<&str>, agent: &str) -> Option<AgentMetaData>;
}

/// Nothing is known about agents: types without provider are `heartbeat`'s, parameters are taken as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAgents;

impl Agents for NoAgents {
    fn providers(&self, _agent: &str) -> Vec<String> {
        Vec::new()
    }

    fn meta_data(&self, _class: &str, _provider: Option<&str>, _agent: &str) -> Option<AgentMetaData> {
        None
    }
}

/// What the language uses of an agent's meta-data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentMetaData {
    /// The parameters.
    pub parameters: Vec<AgentParameter>,
    /// The operations, with their advised attributes in order, the name left out.
    pub actions: Vec<AgentAction>,
}

/// A parameter of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentParameter {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether no two resources of the agent may have the same value.
    pub unique: bool,
    /// Whether it is deprecated or obsoletes another: then it is never required.
    pub deprecated: bool,
}

/// An operation that an agent offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentAction {
    /// Its name.
    pub name: String,
    /// Its advised attributes, such as `timeout`.
    pub advised: Vec<(String, String)>,
}

impl AgentAction {
    /// An advised attribute.
    #[must_use]
    pub fn advice(&self, name: &str) -> Option<&str> {
        self.advised.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What the reading of a text depends on.
#[derive(Clone)]
pub struct Dialect<'a> {
    /// The schema that the configuration declares, such as `pacemaker-3.9`.
    pub schema: String,
    /// Whether the old role names are turned into the new ones.
    pub new_role_names: bool,
    /// The agents.
    pub agents: &'a dyn Agents,
    /// The cluster nodes, for a fencing topology without targets.
    pub nodes: Vec<String>,
    /// Whether characters outside ASCII become character references, as the released program does with files [SH-2.5].
    pub ascii: bool,
}

impl Default for Dialect<'_> {
    fn default() -> Self {
        Dialect {
            schema: "pacemaker-3.9".to_owned(),
            new_role_names: false,
            agents: &NoAgents,
            nodes: Vec::new(),
            ascii: false,
        }
    }
}

impl Dialect<'_> {
    /// Whether the schema is at least `version`. An unknown schema is a new one.
    pub(super) fn schema_is_at_least(&self, version: &str) -> bool {
        match self.schema.strip_prefix("pacemaker-") {
            Some(own) if own.starts_with(|c: char| c.is_ascii_digit()) => compare_versions(own, version).is_ge(),
            _ => true,
        }
    }

    /// Whether the schema knows `Promoted` and `Unpromoted`.
    pub(super) fn knows_promoted(&self) -> bool {
        self.schema_is_at_least("3.7")
    }

    /// The roles of the schema, in the order in which a word is looked up [SH-3.9].
    pub(super) fn roles(&self) -> &'static [&'static str] {
        if self.knows_promoted() {
            &["Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"]
        } else {
            &["Stopped", "Started", "Master", "Slave"]
        }
    }
}

/// The actions that constraints name.
pub(super) const ACTIONS: [&str; 4] = ["start", "promote", "demote", "stop"];
/// The kinds of orders.
pub(super) const KINDS: [&str; 3] = ["Optional", "Mandatory", "Serialize"];
/// The attributes of an operation [SH-4.3].
pub(super) const OP_ATTRIBUTES: [&str; 10] = [
    "id",
    "name",
    "interval",
    "description",
    "start-delay",
    "interval-origin",
    "timeout",
    "enabled",
    "record-pending",
    "role",
];

/// Whether `name` is an attribute of an operation; the canonical spelling.
pub(super) fn op_attribute(name: &str, dialect: &Dialect<'_>) -> Option<&'static str> {
    let more: &[&'static str] = if dialect.schema_is_at_least("3.0") { &["on-fail"] } else { &["on-fail", "requires"] };
    OP_ATTRIBUTES.iter().chain(more).find(|known| known.eq_ignore_ascii_case(name)).copied()
}
