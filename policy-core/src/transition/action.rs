//! What the coordinator asks of one action of a graph.

use crate::graph::{Action, Element, ElementKind, Place};

impl Action {
    /// An action without node, resource or attributes.
    pub fn new(id: u32, kind: ElementKind, operation: &str, key: &str) -> Self {
        let element = Element {
            kind,
            on_cib: false,
            id,
            operation: operation.to_owned(),
            key: key.to_owned(),
            internal_key: None,
            node: None,
            router: None,
        };
        Action {
            element,
            shutdown_lock: None,
            primitive: None,
            attributes: Vec::new(),
            params: Vec::new(),
            downed: Vec::new(),
            maintenance: Vec::new(),
        }
    }

    /// The same for a node with this name and XML id.
    #[must_use]
    pub fn on(mut self, name: &str, uuid: &str) -> Self {
        self.element.node = Some(Place { name: name.to_owned(), uuid: uuid.to_owned() });
        self
    }

    /// A `CRM_meta_*` attribute, `name` without the prefix.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.attribute(&format!("CRM_meta_{name}"))
    }

    /// A numeric `CRM_meta_*` attribute.
    pub fn meta_number(&self, name: &str) -> Option<i64> {
        self.meta(name)?.parse().ok()
    }

    /// Timeout with start delay, in milliseconds; 0 if none is given ([CT-5.3]).
    pub fn timeout_ms(&self) -> u64 {
        let part = |name| self.meta_number(name).unwrap_or(0).max(0) as u64;
        part("timeout").saturating_add(part("start_delay"))
    }

    /// The result that is expected.
    pub fn target_rc(&self) -> i32 {
        self.meta_number("op_target_rc").unwrap_or(0) as i32
    }

    /// Interval in milliseconds; 0 for an operation that is done once.
    pub fn interval_ms(&self) -> u64 {
        self.meta_number("interval").unwrap_or(0).max(0) as u64
    }

    /// Whether nobody waits for its result.
    pub fn no_wait(&self) -> bool {
        self.meta("op_no_wait") == Some("true")
    }

    /// Whether it moves a resource from one node to another.
    pub fn is_migration(&self) -> bool {
        matches!(self.element.operation.as_str(), "migrate_to" | "migrate_from")
    }

    /// Name of the node that is asked to carry it out.
    pub fn receiver(&self) -> Option<&str> {
        self.element.router.as_deref().or(self.element.node.as_ref().map(|p| p.name.as_str()))
    }

    /// Nodes whose load it counts on ([CT-5.7]).
    pub(super) fn loaded_nodes(&self) -> Vec<&str> {
        if self.element.router.is_none() && self.is_migration() {
            return [self.meta("migrate_source"), self.meta("migrate_target")].into_iter().flatten().collect();
        }
        self.receiver().into_iter().collect()
    }
}
