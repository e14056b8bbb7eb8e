//! Actions and their ordering relations.

use super::{ActionFlags, ActionIx, ActionKey, Kinds, NodeIx, OpIx, ResourceIx, Task, TextMap};
use std::sync::Arc;

/// What an action needs before it may run [AC-3.5].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Needs {
    /// Nothing.
    #[default]
    Nothing,
    /// Quorum.
    Quorum,
    /// That all nodes that need fencing were fenced (and quorum).
    Fencing,
}

/// Something that may have to be done [AC-1.3].
#[derive(Clone, Debug)]
pub struct Action {
    /// What names it.
    pub key: ActionKey,
    /// What it does; differs from the key's task for `cancel`.
    pub task: Task,
    /// The resource it is done with.
    pub resource: Option<ResourceIx>,
    /// Where it is done.
    pub node: Option<NodeIx>,
    /// Its configuration.
    pub op: Option<OpIx>,
    /// Its meta-attributes, printed as `CRM_meta_*`.
    pub meta: TextMap,
    /// Instance attributes of its configuration, evaluated for the node.
    pub extra: Option<Arc<TextMap>>,
    /// What it needs.
    pub needs: Needs,
    /// Why it is done, or not done.
    pub reason: Option<Box<str>>,
    /// For `cancel`: the cancelled operation.
    pub cancelled: Option<Task>,
    /// State.
    pub flags: ActionFlags,
    /// Relations in which this action is "then". The last is the newest [OR-1.1].
    pub before: Vec<Input>,
    /// Relations in which this action is "first". The last is the newest.
    pub after: Vec<Relation>,
    /// Priority in the graph [OR-8.6].
    pub priority: i32,
    /// How many runnable firsts are needed (min-runnable).
    pub required_count: i32,
    /// How many runnable firsts were seen (min-runnable).
    pub seen_count: i32,
}

impl Action {
    /// A runnable, required action without configuration.
    #[must_use]
    pub fn new(key: ActionKey, task: Task) -> Self {
        Self {
            key,
            task,
            resource: None,
            node: None,
            op: None,
            meta: TextMap::new(),
            extra: None,
            needs: Needs::Nothing,
            reason: None,
            cancelled: None,
            flags: ActionFlags::RUNNABLE,
            before: Vec::new(),
            after: Vec::new(),
            priority: 0,
            required_count: 0,
            seen_count: 0,
        }
    }

    /// Whether it need not be executed.
    #[must_use]
    #[inline]
    pub fn optional(&self) -> bool {
        self.flags.has(ActionFlags::OPTIONAL)
    }

    /// Whether it has to be executed.
    #[must_use]
    #[inline]
    pub fn required(&self) -> bool {
        !self.optional()
    }

    /// Whether it can be executed.
    #[must_use]
    #[inline]
    pub fn runnable(&self) -> bool {
        self.flags.has(ActionFlags::RUNNABLE)
    }

    /// Whether nothing is executed for it.
    #[must_use]
    #[inline]
    pub fn pseudo(&self) -> bool {
        self.flags.has(ActionFlags::PSEUDO)
    }
}

/// A relation as the later action sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Input {
    /// The earlier action.
    pub first: ActionIx,
    /// Kinds that still hold.
    pub kinds: Kinds,
    /// Written to the graph as a trigger.
    pub graphed: bool,
}

/// A relation as the earlier action sees it. Its kinds never change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relation {
    /// The later action.
    pub then: ActionIx,
    /// Kinds it was made with.
    pub kinds: Kinds,
}
