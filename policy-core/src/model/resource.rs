//! Resources.

use super::{
    ActionIx, ColocationIx, Element, LocationIx, NodeEntry, NodeIx, NodeSet, NodeTable, OpIx, ResourceFlags,
    ResourceIx, Role, Score, Symbol, Task, TextMap, TicketUse,
};
use smallvec::SmallVec;
use std::ops::Range;

/// The four kinds of resource, in order of rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Without children.
    Primitive,
    /// Members that run together, in order.
    Group,
    /// Instances of a primitive or group.
    Clone,
    /// Replicas of a container.
    Bundle,
}

/// What only one kind of resource has.
#[derive(Clone, Debug)]
pub enum Variant {
    /// Nothing more.
    Primitive,
    /// A group.
    Group(Group),
    /// A clone.
    Clone(Box<CloneState>),
    /// A bundle.
    Bundle(Box<BundleState>),
}

/// What only groups have [IN-12.1].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// Members start one after the other.
    pub ordered: bool,
    /// Members run on one node.
    pub colocated: bool,
}

/// The four pseudo-actions around an operation of a notifying clone [CL-14].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notifications {
    /// Before the operation.
    pub pre: ActionIx,
    /// All were told.
    pub pre_done: ActionIx,
    /// After the operation.
    pub post: ActionIx,
    /// All were told.
    pub post_done: ActionIx,
}

/// What only clones have [CL-2].
#[derive(Clone, Debug, Default)]
pub struct CloneState {
    /// How many instances may run.
    pub clone_max: i32,
    /// How many on one node.
    pub clone_node_max: i32,
    /// How many may be promoted.
    pub promoted_max: i32,
    /// How many on one node.
    pub promoted_node_max: i32,
    /// Instances act one after another.
    pub ordered: bool,
    /// Orderings hold between instances on one node.
    pub interleave: bool,
    /// How many instances must be active before dependents may start.
    pub clone_min: Option<i32>,
    /// The number of the next instance.
    pub next_number: i32,
    /// The configured child.
    pub child: Option<Element>,
    /// Promotion scores are in the priorities.
    pub promotion_scores_added: bool,
    /// Instances were sorted for promotion at least once.
    pub promotion_order_begun: bool,
    /// How many were promoted in this run.
    pub promoted: u32,
    /// Around start, stop, promote, demote.
    pub notifications: [Option<Notifications>; 4],
    /// A member of a bundled clone wants notifications.
    pub bundled_notify: bool,
}

/// One copy in a bundle [CL-8.1].
#[derive(Clone, Debug)]
pub struct Replica {
    /// Counted from 0.
    pub number: u32,
    /// The container.
    pub container: ResourceIx,
    /// The address.
    pub ip: Option<ResourceIx>,
    /// The connection.
    pub connection: Option<ResourceIx>,
    /// The instance of the bundled clone.
    pub child: Option<ResourceIx>,
    /// The bundle node.
    pub node: Option<NodeIx>,
    /// The address as text.
    pub address: Option<Symbol>,
}

/// What only bundles have [CL-8].
#[derive(Clone, Debug, Default)]
pub struct BundleState {
    /// `docker` or `podman`.
    pub agent: Option<Symbol>,
    /// The image.
    pub image: Option<Symbol>,
    /// In order of number.
    pub replicas: Vec<Replica>,
    /// How many replicas on one node.
    pub replicas_per_host: i32,
    /// How many may be promoted.
    pub promoted_max: i32,
    /// The bundled clone.
    pub clone: Option<ResourceIx>,
}

/// What to do with a resource that is active more than once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MultipleActive {
    /// Stop all of it, then start it once.
    #[default]
    StopStart,
    /// Stop all of it.
    StopOnly,
    /// Leave it alone.
    Block,
    /// Stop it where it should not be.
    StopUnexpected,
}

/// The node chosen in this run, with the row of the resource's table at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assigned {
    /// The node.
    pub node: NodeIx,
    /// The row.
    pub entry: NodeEntry,
}

/// A resource: primitive or collective [ST-2.2].
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id; instances have their number after a colon.
    pub id: Symbol,
    /// The id of the configured element.
    pub xml_id: Symbol,
    /// The name its history goes by, if another.
    pub history_id: Option<Symbol>,
    /// The configured element in [`super::Model::config`].
    pub element: Element,
    /// The template it was derived from.
    pub template: Option<Symbol>,
    /// `class`
    pub class: Option<Symbol>,
    /// `provider`
    pub provider: Option<Symbol>,
    /// `type`
    pub agent: Option<Symbol>,
    /// What only its kind has.
    pub variant: Variant,
    /// The collective it belongs to.
    pub parent: Option<ResourceIx>,
    /// Members, instances (in their current order), or the parts of all replicas and then the bundled clone.
    pub children: Vec<ResourceIx>,
    /// The bundle it is a part of, and the replica's number: containers, addresses, connections, instances.
    pub replica: Option<(ResourceIx, u32)>,
    /// The number of an instance, and of members of a cloned group.
    pub instance: Option<i32>,
    /// State and settings.
    pub flags: ResourceFlags,
    /// All meta-attributes, resolved [IN-11.1].
    pub meta: TextMap,
    /// What it takes from its node's capacity.
    pub utilization: Vec<(Symbol, String)>,
    /// Its operations, in [`super::Model::ops`].
    pub ops: Range<u32>,
    /// `priority`; overwritten for promotable instances [CL-7].
    pub priority: i32,
    /// How much it wants to be promoted.
    pub promotion_priority: i32,
    /// `resource-stickiness`
    pub stickiness: Score,
    /// `migration-threshold`
    pub migration_threshold: Score,
    /// `failure-timeout`
    pub failure_timeout_ms: u32,
    /// `reconnect_interval` of a remote connection.
    pub reconnect_interval_ms: u32,
    /// `multiple-active`
    pub multiple_active: MultipleActive,
    /// `target-role`, if it has an effect.
    pub target_role: Option<Role>,
    /// What it is by history (primitives).
    pub role: Role,
    /// What it shall be (primitives).
    pub next_role: Role,
    /// Where it may run.
    pub table: NodeTable,
    /// Where it is active, in order of discovery.
    pub active: SmallVec<[NodeIx; 2]>,
    /// Where history settled its role.
    pub known: NodeSet,
    /// A pending action and its node.
    pub pending: Option<(Task, NodeIx)>,
    /// Target of an unfinished migration.
    pub partial_target: Option<NodeIx>,
    /// Source of an unfinished migration.
    pub partial_source: Option<NodeIx>,
    /// Sources of migrations that were not stopped there; the newest first.
    pub dangling: Vec<NodeIx>,
    /// The node a shutdown lock holds it on.
    pub lock_node: Option<NodeIx>,
    /// When the lock began.
    pub lock_time: i64,
    /// The resource it runs inside.
    pub launcher: Option<ResourceIx>,
    /// The resources that run inside it.
    pub launched: Vec<ResourceIx>,
    /// The node it is the connection to.
    pub remote_node: Option<NodeIx>,
    /// The node chosen in this run.
    pub assigned: Option<Assigned>,
    /// Its actions; the last is the newest.
    pub actions: Vec<ActionIx>,
    /// Its location constraints; the last is the newest and is applied first [PL-6.6].
    pub locations: Vec<LocationIx>,
    /// Colocations in which it is the dependent, sorted [PL-10.5].
    pub this_with: Vec<ColocationIx>,
    /// Colocations in which it is the primary, sorted.
    pub with_this: Vec<ColocationIx>,
    /// Tickets it depends on.
    pub tickets: Vec<TicketUse>,
}

impl Resource {
    /// A resource with nothing but names.
    #[must_use]
    pub fn new(id: Symbol, xml_id: Symbol, element: Element, variant: Variant) -> Self {
        Self {
            id,
            xml_id,
            history_id: None,
            element,
            template: None,
            class: None,
            provider: None,
            agent: None,
            variant,
            parent: None,
            children: Vec::new(),
            replica: None,
            instance: None,
            flags: ResourceFlags::UNASSIGNED,
            meta: TextMap::new(),
            utilization: Vec::new(),
            ops: 0..0,
            priority: 0,
            promotion_priority: 0,
            stickiness: Score::ZERO,
            migration_threshold: Score::INFINITY,
            failure_timeout_ms: 0,
            reconnect_interval_ms: 0,
            multiple_active: MultipleActive::StopStart,
            target_role: None,
            role: Role::Stopped,
            next_role: Role::Unknown,
            table: NodeTable::new(),
            active: SmallVec::new(),
            known: NodeSet::default(),
            pending: None,
            partial_target: None,
            partial_source: None,
            dangling: Vec::new(),
            lock_node: None,
            lock_time: 0,
            launcher: None,
            launched: Vec::new(),
            remote_node: None,
            assigned: None,
            actions: Vec::new(),
            locations: Vec::new(),
            this_with: Vec::new(),
            with_this: Vec::new(),
            tickets: Vec::new(),
        }
    }

    /// Whether all of `flags` are set.
    #[must_use]
    #[inline]
    pub fn is(&self, flags: ResourceFlags) -> bool {
        self.flags.has(flags)
    }

    /// Its kind.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        match self.variant {
            Variant::Primitive => Kind::Primitive,
            Variant::Group(_) => Kind::Group,
            Variant::Clone(_) => Kind::Clone,
            Variant::Bundle(_) => Kind::Bundle,
        }
    }

    /// Whether it is a primitive.
    #[must_use]
    #[inline]
    pub fn is_primitive(&self) -> bool {
        matches!(self.variant, Variant::Primitive)
    }

    /// Group settings.
    #[must_use]
    #[inline]
    pub fn group(&self) -> Option<&Group> {
        match &self.variant {
            Variant::Group(group) => Some(group),
            _ => None,
        }
    }

    /// Clone settings and state.
    #[must_use]
    #[inline]
    pub fn clone_state(&self) -> Option<&CloneState> {
        match &self.variant {
            Variant::Clone(state) => Some(state),
            _ => None,
        }
    }

    /// Clone settings and state, to be changed.
    pub fn clone_state_mut(&mut self) -> Option<&mut CloneState> {
        match &mut self.variant {
            Variant::Clone(state) => Some(state),
            _ => None,
        }
    }

    /// Bundle settings and state.
    #[must_use]
    #[inline]
    pub fn bundle(&self) -> Option<&BundleState> {
        match &self.variant {
            Variant::Bundle(state) => Some(state),
            _ => None,
        }
    }

    /// Bundle settings and state, to be changed.
    pub fn bundle_mut(&mut self) -> Option<&mut BundleState> {
        match &mut self.variant {
            Variant::Bundle(state) => Some(state),
            _ => None,
        }
    }

    /// The node assigned in this run.
    #[must_use]
    #[inline]
    pub fn assigned_node(&self) -> Option<NodeIx> {
        self.assigned.map(|a| a.node)
    }

    /// Its operations in document order.
    pub fn ops(&self) -> impl Iterator<Item = OpIx> + use<> {
        self.ops.clone().map(|at| OpIx::new(at as usize))
    }
}

/// An `op` of a primitive's configuration [IN-14.1].
#[derive(Clone, Debug)]
pub struct Op {
    /// The element in [`super::Model::config`].
    pub element: Element,
    /// `id`
    pub id: Symbol,
    /// `name`
    pub name: Task,
    /// `interval`
    pub interval_ms: u32,
    /// Unless `enabled` is an explicit false.
    pub enabled: bool,
    /// `role` as written.
    pub role: Option<Symbol>,
    /// `timeout` as written.
    pub timeout: Option<Symbol>,
    /// `on-fail` as written.
    pub on_fail: Option<Symbol>,
    /// It has nvsets, so its meta-attributes and parameters need evaluation.
    pub has_sets: bool,
}
