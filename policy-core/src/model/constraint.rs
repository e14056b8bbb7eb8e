//! Constraints as the passes use them.

use super::{ActionIx, ActionKey, Kinds, NodeIx, ProbeMode, ResourceIx, Role, Score, Symbol, Task, TextMap, TicketIx};

/// A location constraint as it applies to one resource [PL-6].
#[derive(Clone, Debug)]
pub struct Location {
    /// Its id.
    pub id: Symbol,
    /// Whom it is about.
    pub resource: ResourceIx,
    /// Only for a resource with this next role.
    pub role: Option<Role>,
    /// Probing on its nodes, if the constraint says so.
    pub probe: ProbeMode,
    /// Nodes and scores.
    pub nodes: Vec<(NodeIx, Score)>,
}

/// A colocation [PL-10.1].
#[derive(Clone, Debug)]
pub struct Colocation {
    /// Its id.
    pub id: Symbol,
    /// The resource that follows.
    pub dependent: ResourceIx,
    /// The resource that is followed.
    pub primary: ResourceIx,
    /// Never zero.
    pub score: Score,
    /// Only for a dependent in this role.
    pub dependent_role: Option<Role>,
    /// Only for a primary in this role.
    pub primary_role: Option<Role>,
    /// Nodes with the same value of this attribute count as together.
    pub node_attribute: Symbol,
    /// Whether the dependent's preferences count when the primary is placed.
    pub influence: bool,
    /// From the configuration, not implied.
    pub explicit: bool,
}

/// One side of a pending ordering [OR-1.2].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct End {
    /// The resource.
    pub resource: Option<ResourceIx>,
    /// The key, if the action is to be looked up.
    pub key: Option<ActionKey>,
    /// The action, if it exists.
    pub action: Option<ActionIx>,
}

impl End {
    /// The operation of `resource` with interval 0.
    #[must_use]
    pub const fn op(resource: ResourceIx, task: Task) -> Self {
        Self::key(resource, ActionKey::of(task))
    }

    /// The actions of `resource` with this key.
    #[must_use]
    pub const fn key(resource: ResourceIx, key: ActionKey) -> Self {
        Self { resource: Some(resource), key: Some(key), action: None }
    }

    /// An existing action; the resource and key are completed when the ordering is made.
    #[must_use]
    pub const fn action(action: ActionIx) -> Self {
        Self { resource: None, key: None, action: Some(action) }
    }
}

impl From<ActionIx> for End {
    fn from(action: ActionIx) -> Self {
        Self::action(action)
    }
}

impl From<(ResourceIx, Task)> for End {
    fn from((resource, task): (ResourceIx, Task)) -> Self {
        Self::op(resource, task)
    }
}

/// A pending ordering [OR-1.2].
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// What comes first.
    pub first: End,
    /// What comes then.
    pub then: End,
    /// How they depend on each other.
    pub kinds: Kinds,
}

/// A ticket [ST-5.6].
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its id.
    pub id: Symbol,
    /// Resources that depend on it may run.
    pub granted: bool,
    /// Resources that depend on it shall be demoted or stopped gracefully.
    pub standby: bool,
    /// Seconds since the epoch; -1 if never.
    pub last_granted: i64,
    /// All attributes of its state.
    pub state: TextMap,
}

/// What happens to a resource when its ticket is lost [IN-15.5].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossPolicy {
    /// Stop it.
    Stop,
    /// Demote it.
    Demote,
    /// Leave it unmanaged.
    Freeze,
    /// Fence the nodes where it runs.
    Fence,
}

/// A resource's dependence on a ticket.
#[derive(Clone, Copy, Debug)]
pub struct TicketUse {
    /// The constraint.
    pub id: Symbol,
    /// The ticket.
    pub ticket: TicketIx,
    /// Only for this role.
    pub role: Option<Role>,
    /// What happens when it is lost.
    pub loss: LossPolicy,
}
