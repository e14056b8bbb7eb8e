//! Operation history, read once from the status section.

use super::{Element, EntryIx, HistoryIx, NodeIx, Symbol, Task};
use std::ops::Range;

/// What is recorded of one resource on one node: an `lrm_resource`.
#[derive(Clone, Debug)]
pub struct History {
    /// The name of the node in the status entry.
    pub uname: Option<Symbol>,
    /// The name of the resource in history.
    pub id: Symbol,
    /// `class`
    pub class: Option<Symbol>,
    /// `provider`
    pub provider: Option<Symbol>,
    /// `type`
    pub agent: Option<Symbol>,
    /// `container`: the launcher of a removed resource.
    pub container: Option<Symbol>,
    /// `shutdown-lock`, 0 if none.
    pub lock: i64,
    /// The element in the document that was read.
    pub element: Element,
    /// Its entries in document order, in [`super::Model::entries`].
    pub entries: Range<u32>,
}

impl History {
    /// Its entries in document order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = EntryIx> + use<> {
        self.entries.clone().map(|at| EntryIx::new(at as usize))
    }
}

/// What an action was asked for: the parsed `transition-key` or `transition-magic`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransitionKey {
    /// The number of the transition.
    pub transition: i32,
    /// The exit status that was expected.
    pub expected: i32,
    /// Whose transition it was.
    pub uuid: Symbol,
}

/// One recorded operation: an `lrm_rsc_op` [ST-10].
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it belongs.
    pub history: HistoryIx,
    /// The element in the document that was read.
    pub element: Element,
    /// `id`
    pub id: Option<Symbol>,
    /// `operation_key`, or the id.
    pub key: Option<Symbol>,
    /// `operation`
    pub task: Option<Task>,
    /// `interval`
    pub interval_ms: u32,
    /// `op-status`, if it is a number.
    pub status: Option<i32>,
    /// `rc-code`, if it is a number.
    pub rc: Option<i32>,
    /// The expected exit status, -1 if not known.
    pub expected: i32,
    /// `call-id`, -1 if absent.
    pub call_id: i64,
    /// `last-rc-change`, seconds since the epoch.
    pub last_change: Option<i64>,
    /// `on_node`
    pub on_node: Option<Symbol>,
    /// `transition-magic`
    pub magic: Option<TransitionKey>,
    /// `transition-magic` as text, of entries with a secure digest.
    pub magic_text: Option<Symbol>,
    /// `op-digest`
    pub digest: Option<Symbol>,
    /// `op-restart-digest`; replaced when a failure expires [ST-10.1].
    pub restart_digest: Option<Symbol>,
    /// `op-force-restart`
    pub force_restart: Option<Symbol>,
    /// `op-secure-digest`
    pub secure_digest: Option<Symbol>,
    /// `op-secure-params`
    pub secure_params: Option<Symbol>,
    /// `crm_feature_set`
    pub feature_set: Option<Symbol>,
    /// `migrate_source`
    pub migrate_source: Option<Symbol>,
    /// `migrate_target`
    pub migrate_target: Option<Symbol>,
    /// `exit-reason`
    pub exit_reason: Option<Symbol>,
}

/// An entry of the list of failed actions [ST-17].
#[derive(Clone, Copy, Debug)]
pub struct FailedAction {
    /// The entry.
    pub entry: EntryIx,
    /// The resource it was attributed to.
    pub resource: super::ResourceIx,
    /// The node.
    pub node: NodeIx,
}

/// A check of parameters that waits until the host of a bundle's connection is known [ST-16.8].
#[derive(Clone, Copy, Debug)]
pub struct DeferredCheck {
    /// The connection.
    pub resource: super::ResourceIx,
    /// Where the entry was found.
    pub node: NodeIx,
    /// The entry.
    pub entry: EntryIx,
    /// Whether the entry is one of an active resource; otherwise it is a last failure.
    pub active: bool,
}
