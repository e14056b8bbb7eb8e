//! The data model: nodes, resources and actions in arenas, named by index newtypes.
//!
//! One [`Model`] is one run. `config` and `status` fill it, the later passes add what they decide, each its own, and nothing
//! reaches back. All text is interned ([`Symbol`]); all cross references are indices; tables of nodes are dense.
//!
//! ```
//! use policy_core::model::{Model, Node, NodeFlags, NodeKind, Score};
//!
//! let mut model = Model::new();
//! let name = model.symbols.intern("alpha");
//! let alpha = model.add_node(Node::new(name, name, NodeKind::Cluster, Score::ZERO));
//! model[alpha].flags.insert(NodeFlags::ONLINE);
//! assert!(model[alpha].available());
//! assert_eq!(model.node("ALPHA"), Some(alpha));
//! ```

mod action;
mod constraint;
mod flags;
mod history;
mod ids;
mod look;
mod node;
mod options;
mod resource;
mod score;
mod symbol;
mod table;
mod task;
mod text;

pub use action::{Action, Input, Needs, Relation};
pub use cib_core::xml::{Document, NodeIx as Element};
pub use constraint::{Colocation, End, Location, LossPolicy, Order, Ticket, TicketUse};
pub use flags::{ActionFlags, Kinds, NodeFlags, ResourceFlags};
pub use history::{DeferredCheck, Entry, FailedAction, History, TransitionKey};
pub use ids::{ActionIx, ColocationIx, EntryIx, HistoryIx, LocationIx, NodeIx, OpIx, OrderIx, ResourceIx, TicketIx};
pub use node::{Node, NodeKind, NodeSet};
pub use options::{ClusterOptions, HealthStrategy, PlacementStrategy, QuorumPolicy};
pub use resource::{
    Assigned, BundleState, CloneState, Group, Kind, MultipleActive, Notifications, Op, Replica, Resource, Variant,
};
pub use score::{Role, Score};
pub use symbol::{Symbol, Symbols, sym};
pub use table::{NodeEntry, NodeTable, ProbeMode};
pub use task::{ActionKey, NotifyWhen, Task};
pub use text::{Name, TextMap, base_name};

use crate::placement::Chains;
use cib_core::rules::DateTime;
use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::sync::Arc;

/// How serious a [`Message`] is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// The configuration is wrong.
    ConfigError,
    /// The configuration is doubtful.
    ConfigWarning,
    /// Something in the cluster is wrong.
    Error,
    /// Something in the cluster needs attention.
    Warning,
    /// Worth knowing.
    Notice,
    /// Detail.
    Info,
}

/// Something to tell about the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// How serious.
    pub level: Level,
    /// The text, without a level.
    pub text: String,
}

/// A line of the score output [PL-22], as data.
#[derive(Clone, PartialEq, Debug)]
pub enum ScoreLine {
    /// `FUNCTION: RESOURCE allocation score on NODE: SCORE`
    Allocation {
        /// Which step printed it.
        function: &'static str,
        /// The resource.
        resource: ResourceIx,
        /// The node.
        node: NodeIx,
        /// The score.
        score: Score,
    },
    /// `INSTANCE promotion score on NODE: SCORE`
    Promotion {
        /// The instance.
        instance: ResourceIx,
        /// Its assigned node.
        node: Option<NodeIx>,
        /// The score.
        score: Score,
    },
    /// `COMMENT: NODE capacity: …`
    Capacity {
        /// `Original` or `Remaining`.
        comment: &'static str,
        /// The node.
        node: NodeIx,
        /// Attributes in output order.
        values: Vec<(Symbol, String)>,
    },
    /// `FUNCTION: RESOURCE utilization on NODE: …`
    Utilization {
        /// Which step printed it.
        function: &'static str,
        /// The resource.
        resource: ResourceIx,
        /// The node.
        node: NodeIx,
        /// Attributes in output order.
        values: Vec<(Symbol, String)>,
    },
}

/// What the caller wants recorded and how the run is set up.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Wants {
    /// Score lines.
    pub scores: bool,
    /// Utilization lines.
    pub utilization: bool,
    /// What decided each resource's place and actions.
    pub trace: bool,
    /// Only placement, no actions.
    pub location_only: bool,
}

/// What the meta values of an operation depend on: its `<op>`, those beside it, the agent's class, provider and type, name and interval.
pub(crate) type OpMetaKey =
    (Option<OpIx>, std::ops::Range<u32>, Option<Symbol>, Option<Symbol>, Option<Symbol>, Task, u32);

/// How far placement has descended into itself. Colocations may form chains and lattices of any size; beyond these limits,
/// which no sensible configuration reaches, placement goes no further and says so once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effort {
    /// Assignments that are waiting for a colocation's primary.
    pub assigning: u32,
    /// Tables that are being merged, each for the sake of the one before.
    pub merging: u32,
    /// Merges of this run so far.
    pub merges: u32,
    /// A limit was met.
    pub exhausted: bool,
}

impl Effort {
    /// How many assignments may wait for each other.
    pub const ASSIGNING: u32 = 500;
    /// How many merges may wait for each other.
    pub const MERGING: u32 = 1_000;
    /// How many merges there may be in one run.
    pub const MERGES: u32 = 10_000_000;
}

/// One run: everything known and decided.
#[derive(Debug)]
pub struct Model {
    /// All text.
    pub symbols: Symbols,
    /// The configuration (the document without its status), with implied connections, merged templates and bundle parts.
    pub config: Document,
    /// Cluster options.
    pub options: ClusterOptions,
    /// What is recorded.
    pub wants: Wants,
    /// "Now" [IN-7].
    pub time: DateTime,
    /// "Now", seconds since the epoch.
    pub now: i64,
    /// Offset from UTC of dates that are written without one, in seconds.
    pub utc_offset: i32,
    /// The `rsc_defaults` element.
    pub rsc_defaults: Option<Element>,
    /// The `op_defaults` element.
    pub op_defaults: Option<Element>,
    /// The earliest time at which the result could change by itself, seconds since the epoch; 0 if none [ST-2.3].
    pub recheck_by: i64,
    /// The partition has quorum.
    pub quorate: bool,
    /// The input comes from a file or pipe: private parameters may be masked [AC-6.5]. Always so in a simulation.
    pub sanitized: bool,
    /// The input could not be read because of its feature set [IN-1.2].
    pub unreadable: bool,
    /// `crm_feature_set` of the document.
    pub feature_set: Option<Symbol>,
    /// `dc-uuid` of the document.
    pub dc_uuid: Option<Symbol>,
    /// The designated coordinator.
    pub dc: Option<NodeIx>,
    /// Some fence device or watchdog exists ("fencing available").
    pub has_fence_device: bool,
    /// Some resource may need unfencing [IN-8.3].
    pub unfencing: bool,
    /// Some remote, guest or bundle node exists.
    pub has_remote_nodes: bool,
    /// Nodes in order of creation.
    pub nodes: Vec<Node>,
    /// Nodes in name order [PL-1.4].
    pub node_order: Vec<NodeIx>,
    nodes_by_name: FxHashMap<Box<str>, SmallVec<[NodeIx; 1]>>,
    /// Resources in order of creation, parents before their children.
    pub resources: Vec<Resource>,
    /// Top-level resources in "resource order".
    pub top: Vec<ResourceIx>,
    resources_by_name: FxHashMap<Symbol, SmallVec<[ResourceIx; 1]>>,
    /// Operations of primitives.
    pub ops: Vec<Op>,
    /// Which of [`Model::ops`] belong to an element: instances share them.
    pub(crate) ops_of: FxHashMap<Element, std::ops::Range<u32>>,
    /// Actions in order of creation.
    pub actions: Vec<Action>,
    /// Actions without resource, by key.
    pub singletons: FxHashMap<Symbol, ActionIx>,
    /// All kinds ever given to a pair of actions [OR-1.4].
    pub relations: FxHashMap<(ActionIx, ActionIx), Kinds>,
    /// Colocations in order of creation.
    pub colocations: Vec<Colocation>,
    /// Location constraints in order of creation; applied from the last to the first [PL-6.6].
    pub locations: Vec<Location>,
    /// Pending orderings in order of creation.
    pub orders: Vec<Order>,
    /// Tickets.
    pub tickets: Vec<Ticket>,
    /// Tags: id to object ids [IN-16.1].
    pub tags: FxHashMap<Symbol, Vec<Symbol>>,
    /// Templates: id to the ids of resources derived from them [IN-15.1].
    pub templates: FxHashMap<Symbol, Vec<Symbol>>,
    /// Histories in order of reading.
    pub histories: Vec<History>,
    /// Entries of all histories.
    pub entries: Vec<Entry>,
    /// Histories by the name of the node and that of the resource.
    pub(crate) histories_of: FxHashMap<(Symbol, Symbol), SmallVec<[HistoryIx; 1]>>,
    /// The list of failed actions [ST-17].
    pub failed: Vec<FailedAction>,
    pub(crate) failed_keys: FxHashSet<(Symbol, NodeIx)>,
    /// Checks that wait for the assignment, in order of recording; run from the newest [ST-16.8].
    pub deferred: Vec<DeferredCheck>,
    /// Fail counts by node.
    pub(crate) fail_counts: FxHashMap<NodeIx, crate::status::FailCounts>,
    /// Digests by resource, operation and node [ST-16.5].
    pub(crate) digests: FxHashMap<(ResourceIx, Task, u32, NodeIx), crate::status::digest::Record>,
    /// How far placement has descended.
    pub effort: Effort,
    /// Chains of mandatory dependents, summed up.
    pub(crate) chains: Chains,
    /// Score lines in order of output.
    pub scores: Vec<ScoreLine>,
    /// Messages in order.
    pub messages: Vec<Message>,
    /// Lines that a simulation prints among its scores: parameter changes found while checking unfencing [ST-16.9].
    pub notes: Vec<String>,
    /// What decided things, in order, if wanted: subject and text.
    pub trace: Vec<(ResourceIx, String)>,
    /// Meta values of operations by what they depend on [AC-3.2].
    pub(crate) op_meta: FxHashMap<OpMetaKey, TextMap>,
    /// What is known about the instance attributes in an element.
    pub(crate) parameter_sets: FxHashMap<Element, crate::config::ParameterSets>,
    /// Evaluated parameters by resource and node [IN-13].
    pub parameters: HashMap<(ResourceIx, Option<NodeIx>), Arc<TextMap>, FxBuildHasher>,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// A model without anything in it.
    #[must_use]
    pub fn new() -> Self {
        let mut symbols = Symbols::new();
        let options = ClusterOptions::defaults(&mut symbols);
        Self {
            symbols,
            config: Document::new("cib"),
            options,
            wants: Wants::default(),
            time: DateTime::from_epoch(0, 0),
            now: 0,
            utc_offset: 0,
            rsc_defaults: None,
            op_defaults: None,
            recheck_by: 0,
            quorate: false,
            sanitized: true,
            unreadable: false,
            feature_set: None,
            dc_uuid: None,
            dc: None,
            has_fence_device: false,
            unfencing: false,
            has_remote_nodes: false,
            nodes: Vec::new(),
            node_order: Vec::new(),
            nodes_by_name: FxHashMap::default(),
            resources: Vec::new(),
            top: Vec::new(),
            resources_by_name: FxHashMap::default(),
            ops: Vec::new(),
            ops_of: FxHashMap::default(),
            actions: Vec::new(),
            singletons: FxHashMap::default(),
            relations: FxHashMap::default(),
            colocations: Vec::new(),
            locations: Vec::new(),
            orders: Vec::new(),
            tickets: Vec::new(),
            tags: FxHashMap::default(),
            templates: FxHashMap::default(),
            histories: Vec::new(),
            entries: Vec::new(),
            histories_of: FxHashMap::default(),
            failed: Vec::new(),
            failed_keys: FxHashSet::default(),
            deferred: Vec::new(),
            fail_counts: FxHashMap::default(),
            digests: FxHashMap::default(),
            effort: Effort::default(),
            chains: Chains::default(),
            scores: Vec::new(),
            messages: Vec::new(),
            notes: Vec::new(),
            trace: Vec::new(),
            op_meta: FxHashMap::default(),
            parameter_sets: FxHashMap::default(),
            parameters: HashMap::default(),
        }
    }

    /// The text of `symbol`.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.text(symbol)
    }

    /// Adds a message.
    pub fn tell(&mut self, level: Level, text: impl Into<String>) {
        self.messages.push(Message { level, text: text.into() });
    }

    /// Adds a configuration error.
    pub fn config_error(&mut self, text: impl Into<String>) {
        self.tell(Level::ConfigError, text);
    }

    /// Adds a configuration warning.
    pub fn config_warning(&mut self, text: impl Into<String>) {
        self.tell(Level::ConfigWarning, text);
    }

    /// Asks for a new run at `time`; honoured if it is in the future and earlier than other requests [ST-2.3].
    pub fn recheck_at(&mut self, time: i64) {
        if time > self.now && (self.recheck_by == 0 || time < self.recheck_by) {
            self.recheck_by = time;
        }
    }

    /// Records why something was decided, if wanted. The text is made only then.
    pub fn trace(&mut self, resource: ResourceIx, text: impl FnOnce(&Self) -> String) {
        if self.wants.trace {
            let text = text(self);
            self.trace.push((resource, text));
        }
    }

    /// Adds an action; its visible id is the next number [AC-1.3].
    pub fn add_action(&mut self, action: Action) -> ActionIx {
        let ix = ActionIx::new(self.actions.len());
        if let Some(resource) = action.resource {
            self[resource].actions.push(ix);
        } else if let ActionKey::Named(name) = action.key {
            self.singletons.entry(name).or_insert(ix);
        }
        self.actions.push(action);
        ix
    }

    /// Adds a relation [OR-1.4]; whether it is new. `first` and `then` being one action is refused.
    pub fn relate(&mut self, first: ActionIx, then: ActionIx, kinds: Kinds) -> bool {
        if kinds.is_empty() || first == then {
            return false;
        }
        let known = self.relations.entry((first, then)).or_default();
        if known.any(kinds) {
            return false;
        }
        known.insert(kinds);
        self[first].after.push(Relation { then, kinds });
        self[then].before.push(Input { first, kinds, graphed: false });
        true
    }

    /// The text of an action's key.
    #[must_use]
    pub fn key(&self, action: ActionIx) -> String {
        let action = &self[action];
        let resource = action.resource.map_or("", |r| self.text(self[r].id));
        action.key.text(resource, &self.symbols)
    }
}

macro_rules! arena {
    ($($ix:ty => $item:ty, $field:ident;)*) => {
        $(
            impl std::ops::Index<$ix> for Model {
                type Output = $item;
                #[inline]
                fn index(&self, ix: $ix) -> &$item {
                    &self.$field[ix.index()]
                }
            }

            impl std::ops::IndexMut<$ix> for Model {
                #[inline]
                fn index_mut(&mut self, ix: $ix) -> &mut $item {
                    &mut self.$field[ix.index()]
                }
            }
        )*
    };
}

impl std::ops::Index<ResourceIx> for Model {
    type Output = Resource;
    #[inline]
    fn index(&self, ix: ResourceIx) -> &Resource {
        &self.resources[ix.index()]
    }
}

/// Whoever may change a resource is noticed by what rests on its scores.
impl std::ops::IndexMut<ResourceIx> for Model {
    #[inline]
    fn index_mut(&mut self, ix: ResourceIx) -> &mut Resource {
        if self.resources[ix.index()].flags.has(ResourceFlags::CHAINED) {
            self.chains.touched(ix);
        }
        &mut self.resources[ix.index()]
    }
}

arena! {
    NodeIx => Node, nodes;
    ActionIx => Action, actions;
    ColocationIx => Colocation, colocations;
    LocationIx => Location, locations;
    OrderIx => Order, orders;
    OpIx => Op, ops;
    TicketIx => Ticket, tickets;
    HistoryIx => History, histories;
    EntryIx => Entry, entries;
}
