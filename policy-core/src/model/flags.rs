//! Typed sets of flags.

macro_rules! flag_set {
    ($(#[$meta:meta])* $set:ident: $bits:ty { $($(#[$doc:meta])* $name:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set($bits);

        impl $set {
            flag_set!(@consts $bits, 0, $($(#[$doc])* $name,)*);

            /// The set without any flag.
            pub const NONE: Self = Self(0);

            const NAMES: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name),)*];

            /// Whether all of `flags` are set.
            #[must_use]
            #[inline]
            pub const fn has(self, flags: Self) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// Whether any of `flags` is set.
            #[must_use]
            #[inline]
            pub const fn any(self, flags: Self) -> bool {
                self.0 & flags.0 != 0
            }

            /// Whether nothing is set.
            #[must_use]
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Sets all of `flags`.
            #[inline]
            pub fn insert(&mut self, flags: Self) {
                self.0 |= flags.0;
            }

            /// Clears all of `flags`.
            #[inline]
            pub fn remove(&mut self, flags: Self) {
                self.0 &= !flags.0;
            }

            /// Sets or clears `flags`.
            #[inline]
            pub fn set(&mut self, flags: Self, on: bool) {
                if on { self.insert(flags) } else { self.remove(flags) }
            }

            /// Both sets together.
            #[must_use]
            #[inline]
            pub const fn with(self, flags: Self) -> Self {
                Self(self.0 | flags.0)
            }

            /// This set without `flags`.
            #[must_use]
            #[inline]
            pub const fn without(self, flags: Self) -> Self {
                Self(self.0 & !flags.0)
            }
        }

        impl std::ops::BitOr for $set {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(Self::NAMES.iter().filter(|(_, flag)| self.has(*flag)).map(|(name, _)| name)).finish()
            }
        }
    };
    (@consts $bits:ty, $at:expr,) => {};
    (@consts $bits:ty, $at:expr, $(#[$doc:meta])* $name:ident, $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: Self = Self(1 << ($at));
        flag_set!(@consts $bits, $at + 1, $($rest)*);
    };
}

flag_set! {
    /// Flags of a resource; the meanings are those of the specification's glossary, 6.2.
    ResourceFlags: u64 {
        /// The cluster may start and stop it.
        MANAGED,
        /// Nothing may be done with it.
        BLOCKED,
        /// In maintenance, by its own or the cluster's setting, or by that of a node it is active on.
        MAINTENANCE,
        /// Failed.
        FAILED,
        /// Failed in a way that needs a stop.
        STOP_IF_FAILED,
        /// A failure that is to be ignored was hit.
        IGNORE_FAILURE,
        /// A start is pending, or the agent has changed.
        START_PENDING,
        /// Known only from history, or an instance beyond `clone-max`.
        REMOVED,
        /// Removed, and its history names a launcher.
        REMOVED_LAUNCHED,
        /// Not an instance of an anonymous clone.
        UNIQUE,
        /// `promotable` of the clone it is or belongs to.
        PROMOTABLE,
        /// Wants notifications.
        NOTIFY,
        /// `allow-migrate`.
        MIGRATABLE,
        /// `requires=quorum`.
        NEEDS_QUORUM,
        /// `requires=fencing` or `unfencing`.
        NEEDS_FENCING,
        /// `requires=unfencing`.
        NEEDS_UNFENCING,
        /// Class `stonith`.
        FENCE_DEVICE,
        /// Connection to a remote, guest or bundle node.
        REMOTE_CONNECTION,
        /// A connection that may run on another node than its container.
        REMOTE_NESTING_ALLOWED,
        /// Container of a bundle replica.
        REPLICA_CONTAINER,
        /// `resource-discovery=exclusive`, or the child of a replica.
        EXCLUSIVE_PROBES,
        /// Shall be reloaded.
        RELOAD,
        /// Shall be restarted where it is.
        RESTARTING,
        /// `multiple-active=stop_unexpected` is being carried out.
        STOP_UNEXPECTED,
        /// Assignment has not been decided.
        UNASSIGNED,
        /// Assignment is in progress.
        ASSIGNING,
        /// Guard against merging node tables in a circle.
        MERGING,
        /// Its wishes are part of a chain that is summed up.
        CHAINED,
        /// Visited while looking for a loop among resources.
        DETECT_LOOP,
        /// `critical`, the default influence of its colocations.
        CRITICAL,
        /// The connection is internal: made from a launcher's meta-attributes or by a bundle.
        INTERNAL,
    }
}

flag_set! {
    /// Flags of an action; glossary 6.3.
    ActionFlags: u16 {
        /// Need not be executed.
        OPTIONAL,
        /// Can be executed.
        RUNNABLE,
        /// Nothing is executed.
        PSEUDO,
        /// May be part of a live migration.
        MIGRATABLE,
        /// In the graph even if optional.
        ALWAYS_IN_GRAPH,
        /// Carried out by the designated coordinator (`lrm_delete`).
        ON_DC,
        /// An active recurring operation to be issued again.
        RESCHEDULE,
        /// The stop that cleans up a dangling migration.
        MIGRATION_ABORT,
        /// Written to the graph.
        IN_GRAPH,
        /// Visited while looking for a loop.
        LOOP_MARK,
        /// The instance attributes of the `op` were evaluated.
        EXTRA_EVALUATED,
        /// Duplicate inputs were removed.
        DEDUPLICATED,
    }
}

flag_set! {
    /// Kinds of an ordering relation [OR-2].
    Kinds: u32 {
        /// Sequence only.
        ORDERED,
        /// A required first makes then required.
        FIRST_IMPLIES_THEN,
        /// Passes lack of migratability back to first.
        THEN_IMPLIES_FIRST,
        /// A required then makes first required while then's resource is promoted.
        PROMOTED_THEN_IMPLIES_FIRST,
        /// An unrunnable first makes then unrunnable.
        BLOCKS,
        /// Intermediate stop.
        RESTART,
        /// First is runnable only if then is runnable and migratable.
        MIGRATION_CHAIN,
        /// An unrunnable first makes then real.
        ELSE_REAL,
        /// First-implies-then, limited to actions on first's node.
        SAME_NODE_IMPLIES,
        /// An unrunnable first makes then required and unrunnable.
        ASYMMETRIC,
        /// Then counts its runnable firsts.
        MIN_RUNNABLE,
        /// Dropped if first is unrunnable and its resource active, else like blocks.
        NESTED_PROBE,
        /// A required runnable first puts then in the graph.
        SHOWS_THEN,
        /// A required then puts first in the graph.
        SHOWS_FIRST,
        /// Mutual exclusion.
        SERIALIZE,
        /// Disabled when the actions' nodes differ.
        ONLY_SAME_NODE,
        /// Utilization: only for equal nodes.
        LOAD,
        /// Kept only if first is required and not on another node than then.
        ONLY_IF_REQUIRED_SAME_NODE,
        /// Kept only if first is not migratable.
        ONLY_IF_UNMIGRATABLE,
        /// A required then makes first optional.
        THEN_CANCELS_FIRST,
        /// Exempt from the check of orderings between a guest and its contents.
        GUEST_OK,
    }
}

flag_set! {
    /// Flags of a node; glossary 6.4.
    NodeFlags: u16 {
        /// May run actions.
        ONLINE,
        /// Must be fenced before its resources are recovered.
        UNCLEAN,
        /// A member that has not joined.
        PENDING,
        /// Not for resources.
        STANDBY,
        /// In standby because of a failure.
        FAIL_STANDBY,
        /// In maintenance.
        MAINTENANCE,
        /// Leaves, or its connection will not stay up.
        SHUTDOWN,
        /// Status was read.
        SEEN,
        /// Was expected to be a member.
        EXPECTED_UP,
        /// A guest or remote node that must be recovered.
        REMOTE_RESET,
        /// Recorded `node_fenced`.
        REMOTE_FENCED,
        /// Recorded `node_in_maintenance`.
        REMOTE_MAINTENANCE,
        /// The history was read.
        UNPACKED,
        /// Probes are not disabled by `resource-discovery-enabled`.
        PROBES_ALLOWED,
        /// The designated coordinator.
        DC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let mut kinds = Kinds::ORDERED | Kinds::BLOCKS;
        assert!(
            kinds.has(Kinds::BLOCKS)
                && kinds.any(Kinds::BLOCKS | Kinds::LOAD)
                && !kinds.has(Kinds::BLOCKS | Kinds::LOAD)
        );
        kinds.remove(Kinds::BLOCKS);
        assert_eq!(kinds, Kinds::ORDERED);
        assert_eq!(format!("{kinds:?}"), r#"{"ORDERED"}"#);
    }
}
