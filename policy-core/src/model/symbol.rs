//! Interned text: every name, attribute and value of a run is stored once and compared as a number.

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// A piece of text of the run's [`Symbols`]. Two symbols of one run are equal exactly when their texts are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(u32);

impl Symbol {
    /// The position in the table of texts; for dense side tables.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The table of texts of one run.
#[derive(Clone)]
pub struct Symbols {
    texts: Vec<Box<str>>,
    table: HashTable<Symbol>,
    hasher: FxBuildHasher,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").field("len", &self.texts.len()).finish_non_exhaustive()
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self::new()
    }
}

impl Symbols {
    /// A table that holds the well-known texts of [`sym`].
    #[must_use]
    pub fn new() -> Self {
        let mut symbols = Self { texts: Vec::new(), table: HashTable::new(), hasher: FxBuildHasher };
        for text in sym::WELL_KNOWN {
            symbols.intern(text);
        }
        symbols
    }

    /// The symbol of `text`, made if it is new.
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        if let Some(&found) = self.table.find(hash, |s| &*self.texts[s.index()] == text) {
            return found;
        }
        let symbol = Symbol(u32::try_from(self.texts.len()).expect("fewer than 2^32 texts"));
        self.texts.push(text.into());
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.table.insert_unique(hash, symbol, |s| hasher.hash_one(&*texts[s.index()]));
        symbol
    }

    /// The symbol of `text` if any part of the run has used it.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |s| &*self.texts[s.index()] == text).copied()
    }

    /// The text of `symbol`.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol.index()]
    }
}

/// Symbols that every run knows.
pub mod sym {
    use super::Symbol;

    macro_rules! well_known {
        ($($name:ident = $text:literal,)*) => {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            #[repr(u32)]
            enum Index { $($name,)* }
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Symbol = Symbol(Index::$name as u32);
            )*
            pub(super) const WELL_KNOWN: &[&str] = &[$($text,)*];
        };
    }

    well_known! {
        EMPTY = "",
        START = "start",
        STOP = "stop",
        PROMOTE = "promote",
        DEMOTE = "demote",
        MONITOR = "monitor",
        NOTIFY = "notify",
        RUNNING = "running",
        STOPPED = "stopped",
        PROMOTED = "promoted",
        DEMOTED = "demoted",
        NOTIFIED = "notified",
        RELOAD_AGENT = "reload-agent",
        MIGRATE_TO = "migrate_to",
        MIGRATE_FROM = "migrate_from",
        MIGRATE = "migrate",
        DELETE = "delete",
        LRM_DELETE = "lrm_delete",
        CANCEL = "cancel",
        CLEAR_FAILCOUNT = "clear_failcount",
        STONITH = "stonith",
        DO_SHUTDOWN = "do_shutdown",
        MAINTENANCE_NODES = "maintenance_nodes",
        LOAD_STOPPED = "load_stopped",
        ONE_OR_MORE = "one-or-more",
        CLONE_ONE_OR_MORE = "clone-one-or-more",
        ASYNCMON = "asyncmon",
        ON = "on",
        OFF = "off",
        REBOOT = "reboot",
        TRUE = "true",
        FALSE = "false",
        ID = "id",
        NAME = "name",
        CLASS = "class",
        PROVIDER = "provider",
        TYPE = "type",
        VALUE = "value",
        INTERVAL = "interval",
        TIMEOUT = "timeout",
        ROLE = "role",
        ON_FAIL = "on-fail",
        START_DELAY = "start-delay",
        RECORD_PENDING = "record-pending",
        OCF = "ocf",
        PACEMAKER = "pacemaker",
        REMOTE = "remote",
        CLUSTER = "cluster",
        CONTAINER = "container",
        KIND = "#kind",
        UNAME = "#uname",
        NODE_ID = "#id",
        IS_DC = "#is_dc",
        CLUSTER_NAME = "#cluster-name",
        SITE_NAME = "#site-name",
        FEATURE_SET = "#feature-set",
        CLONE = "clone",
        CLONE_MAX = "clone-max",
        CLONE_NODE_MAX = "clone-node-max",
        CLONE_MIN = "clone-min",
        PROMOTED_MAX = "promoted-max",
        PROMOTED_NODE_MAX = "promoted-node-max",
        MASTER_MAX = "master-max",
        MASTER_NODE_MAX = "master-node-max",
        GLOBALLY_UNIQUE = "globally-unique",
        PROMOTABLE = "promotable",
        ORDERED = "ordered",
        COLLOCATED = "collocated",
        INTERLEAVE = "interleave",
        RESOURCE_STICKINESS = "resource-stickiness",
        PRIORITY = "priority",
        CRITICAL = "critical",
        ALLOW_MIGRATE = "allow-migrate",
        IS_MANAGED = "is-managed",
        MAINTENANCE = "maintenance",
        MULTIPLE_ACTIVE = "multiple-active",
        MIGRATION_THRESHOLD = "migration-threshold",
        REQUIRES = "requires",
        FAILURE_TIMEOUT = "failure-timeout",
        TARGET_ROLE = "target-role",
        CONTAINER_ATTRIBUTE_TARGET = "container-attribute-target",
        ALLOW_UNHEALTHY_NODES = "allow-unhealthy-nodes",
        INTERNAL_RSC = "internal_rsc",
        EXTERNAL_IP = "external-ip",
        REMOTE_NODE = "remote-node",
        OP_NO_WAIT = "op_no_wait",
        TERMINATE = "terminate",
        SHUTDOWN = "shutdown",
        STANDBY = "standby",
        ADDR = "addr",
        RECONNECT_INTERVAL = "reconnect_interval",
        DIGESTS_ALL = "#digests-all",
        DIGESTS_SECURE = "#digests-secure",
        RESOURCE_DISCOVERY_ENABLED = "resource-discovery-enabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_stored_once() {
        let mut symbols = Symbols::new();
        let a = symbols.intern("vip");
        assert_eq!(symbols.intern("vip"), a);
        assert_eq!(symbols.text(a), "vip");
        assert_eq!(symbols.find("other"), None);
        assert_eq!(symbols.find("start"), Some(sym::START));
        assert_eq!(symbols.text(sym::RELOAD_AGENT), "reload-agent");
    }
}
