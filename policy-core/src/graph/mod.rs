//! The transition graph: what is to be done, what each step waits for, and its two texts (XML and DOT).
//!
//! A [`Graph`] is plain owned text and numbers: it outlives the schedule that made it, can be carried out by
//! [`crate::transition`] or by the simulator, and written with [`Graph::write`].

mod attributes;
mod build;
mod dot;
mod element;
pub(crate) mod keep;
mod xml;

pub(crate) use attributes::maintenance;
pub use build::build;
pub use dot::{DotOptions, dot};

pub use xml::escape;

/// The transition graph `[OR-8]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// The header attributes.
    pub header: Header,
    /// One synapse per action, in graph order; the index is the synapse's id.
    pub synapses: Vec<Synapse>,
}

/// Attributes of `<transition_graph>` `[OR-8.1]`. Option texts are kept as configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Text of the option `cluster-delay`.
    pub cluster_delay: String,
    /// Text of the option `fencing-timeout`.
    pub fencing_timeout: String,
    /// Fail count that a failed stop leaves: `INFINITY`.
    pub failed_stop_offset: String,
    /// Fail count that a failed start leaves: `INFINITY` or `1`.
    pub failed_start_offset: String,
    /// Text of the option `batch-limit`.
    pub batch_limit: String,
    /// Number of the scheduler run in this process.
    pub transition_id: u32,
    /// Text of the option `migration-limit`, if it is a positive integer.
    pub migration_limit: Option<String>,
    /// When the schedule must be made anew at the latest, in seconds since the epoch.
    pub recheck_by: Option<i64>,
}

impl Default for Header {
    fn default() -> Self {
        Header {
            cluster_delay: "60s".into(),
            fencing_timeout: "60s".into(),
            failed_stop_offset: "INFINITY".into(),
            failed_start_offset: "INFINITY".into(),
            batch_limit: "0".into(),
            transition_id: 1,
            migration_limit: None,
            recheck_by: None,
        }
    }
}

/// One action with what it waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synapse {
    /// Position in the graph.
    pub id: u32,
    /// Written only if above 0; after a failure, synapses of lower priority no longer fire `[OR-8.6]`.
    pub priority: i32,
    /// What is done.
    pub action: Action,
    /// The actions that must be complete before, by ascending action id. Each names its action only.
    pub inputs: Vec<Element>,
}

/// Which XML element stands for an action `[OR-10.2]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum ElementKind {
    /// `pseudo_event`: nothing is executed.
    Pseudo,
    /// `rsc_op`: executed by the agent of a resource on a node.
    Resource,
    /// `crm_event`: done by the cluster itself (fencing, shutdown, deletion of history).
    Cluster,
}

impl ElementKind {
    /// The element's name.
    pub fn as_str(self) -> &'static str {
        match self {
            ElementKind::Pseudo => "pseudo_event",
            ElementKind::Resource => "rsc_op",
            ElementKind::Cluster => "crm_event",
        }
    }
}

/// Name and place of an action: what both the action set and a trigger show `[OR-10.2]`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Element {
    /// Which element it is written as.
    pub kind: ElementKind,
    /// Done on the CIB alone, possibly by the DC (`mode="cib"`).
    pub on_cib: bool,
    /// Number of the action, unique within the graph.
    pub id: u32,
    /// Task name, such as `start`.
    pub operation: String,
    /// Key under which the result is recorded.
    pub key: String,
    /// The scheduler's own key, where it differs from `key`.
    pub internal_key: Option<String>,
    /// Where it is executed.
    pub node: Option<Place>,
    /// Cluster node that holds the connection to a remote or guest node `[AC-14.4]`.
    pub router: Option<String>,
}

/// A node as the graph names it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Node name.
    pub name: String,
    /// Node id.
    pub uuid: String,
}

/// An action with all that is needed to execute it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Action {
    /// Name and place.
    pub element: Element,
    /// Since when the resource is locked to the node that shuts down, in seconds since the epoch `[AC-8]`.
    pub shutdown_lock: Option<i64>,
    /// The resource's identity, for real resource actions.
    pub primitive: Option<Primitive>,
    /// Parameters and `CRM_meta_*` values, sorted by name.
    pub attributes: Vec<(String, String)>,
    /// Parameters whose names begin with a digit and so cannot be XML attributes.
    pub params: Vec<(String, String)>,
    /// Ids of the nodes that this action takes down `[AC-16.3]`.
    pub downed: Vec<String>,
    /// Ids of nodes and the maintenance state to be recorded for them `[AC-16.4]`.
    pub maintenance: Vec<(String, bool)>,
}

impl Action {
    /// Value of an attribute, if present.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(&self.attributes[found].1)
    }
}

/// Identity of a resource as the executor needs it `[OR-10.4]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Primitive {
    /// Name of the resource's XML element.
    pub element: String,
    /// Configured id (without instance number for anonymous instances).
    pub id: String,
    /// Id with instance number, or history id, of an anonymous instance.
    pub long_id: Option<String>,
    /// Agent class.
    pub class: Option<String>,
    /// Agent provider.
    pub provider: Option<String>,
    /// Agent type.
    pub agent: Option<String>,
}
