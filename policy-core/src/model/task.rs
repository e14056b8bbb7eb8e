//! Names of actions.

use super::{Symbol, Symbols, sym};

macro_rules! tasks {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident,)*) => {
        /// What an action does [AC-1.3].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Task {
            $($(#[$doc])* $name,)*
            /// Any other name: user-defined operations.
            Other(Symbol),
        }

        impl Task {
            /// The task's name as a symbol.
            #[must_use]
            #[inline]
            pub const fn symbol(self) -> Symbol {
                match self {
                    $(Self::$name => sym::$symbol,)*
                    Self::Other(symbol) => symbol,
                }
            }

            /// The task with this name.
            #[must_use]
            #[inline]
            pub fn of(symbol: Symbol) -> Self {
                $(if symbol == sym::$symbol { return Self::$name; })*
                Self::Other(symbol)
            }
        }
    };
}

tasks! {
    /// `start`
    Start = START,
    /// `stop`
    Stop = STOP,
    /// `promote`
    Promote = PROMOTE,
    /// `demote`
    Demote = DEMOTE,
    /// `monitor`; a probe with interval 0
    Monitor = MONITOR,
    /// `notify`
    Notify = NOTIFY,
    /// `reload-agent`
    ReloadAgent = RELOAD_AGENT,
    /// `migrate_to`
    MigrateTo = MIGRATE_TO,
    /// `migrate_from`
    MigrateFrom = MIGRATE_FROM,
    /// `delete`
    Delete = DELETE,
    /// `lrm_delete`
    LrmDelete = LRM_DELETE,
    /// `cancel`
    Cancel = CANCEL,
    /// `clear_failcount`
    ClearFailcount = CLEAR_FAILCOUNT,
    /// `stonith`: fence or unfence a node
    Stonith = STONITH,
    /// `do_shutdown`
    DoShutdown = DO_SHUTDOWN,
    /// `maintenance_nodes`
    MaintenanceNodes = MAINTENANCE_NODES,
    /// `load_stopped`
    LoadStopped = LOAD_STOPPED,
    /// `one-or-more`
    OneOrMore = ONE_OR_MORE,
    /// `clone-one-or-more`
    CloneOneOrMore = CLONE_ONE_OR_MORE,
    /// `running`: all of a collective started
    Running = RUNNING,
    /// `stopped`: all of a collective stopped
    Stopped = STOPPED,
    /// `promoted`
    Promoted = PROMOTED,
    /// `demoted`
    Demoted = DEMOTED,
    /// `notified`
    Notified = NOTIFIED,
}

impl Task {
    /// The task with this name.
    pub fn parse(text: &str, symbols: &mut Symbols) -> Self {
        Self::of(symbols.intern(text))
    }

    /// The task's name.
    #[must_use]
    pub fn text(self, symbols: &Symbols) -> &str {
        symbols.text(self.symbol())
    }
}

/// Which of the four notifications around an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NotifyWhen {
    /// `pre`
    Pre,
    /// `confirmed-pre`
    ConfirmedPre,
    /// `post`
    Post,
    /// `confirmed-post`
    ConfirmedPost,
}

impl NotifyWhen {
    /// The part of the key that names it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::ConfirmedPre => "confirmed-pre",
            Self::Post => "post",
            Self::ConfirmedPost => "confirmed-post",
        }
    }
}

/// What names an action within its resource, or within the cluster if it has none [AC-1.4].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ActionKey {
    /// `<resource>_<task>_<interval in ms>`
    Op {
        /// The task in the key; for `cancel`, that of the cancelled operation.
        task: Task,
        /// Milliseconds.
        interval_ms: u32,
    },
    /// `<resource>_<when>_notify_<operation>_0`
    Notify {
        /// Which notification.
        when: NotifyWhen,
        /// Around which operation.
        operation: Task,
    },
    /// An action without resource: fencing, shutdown, singletons.
    Named(Symbol),
}

impl ActionKey {
    /// The key of `task` with interval 0.
    #[must_use]
    #[inline]
    pub const fn of(task: Task) -> Self {
        Self::Op { task, interval_ms: 0 }
    }

    /// The key as text, for an action of the resource with this name.
    #[must_use]
    pub fn text(self, resource: &str, symbols: &Symbols) -> String {
        match self {
            Self::Op { task, interval_ms } => format!("{resource}_{}_{interval_ms}", task.text(symbols)),
            Self::Notify { when, operation } => {
                format!("{resource}_{}_notify_{}_0", when.text(), operation.text(symbols))
            }
            Self::Named(name) => symbols.text(name).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let mut symbols = Symbols::new();
        let flush = Task::parse("flush", &mut symbols);
        assert_eq!(Task::parse("migrate_to", &mut symbols), Task::MigrateTo);
        assert_eq!(ActionKey::Op { task: flush, interval_ms: 10_000 }.text("vip", &symbols), "vip_flush_10000");
        let key = ActionKey::Notify { when: NotifyWhen::ConfirmedPre, operation: Task::Start };
        assert_eq!(key.text("ms:0", &symbols), "ms:0_confirmed-pre_notify_start_0");
    }
}
