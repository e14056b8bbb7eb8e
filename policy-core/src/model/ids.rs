//! Index newtypes: how the parts of a model name each other.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
            pub struct $name(u32);

            impl $name {
                /// The `index`th of its arena.
                ///
                /// # Panics
                /// Beyond 2^32 - 1.
                #[must_use]
                #[inline]
                pub fn new(index: usize) -> Self {
                    Self(u32::try_from(index).expect("fewer than 2^32 in an arena"))
                }

                /// The position in its arena.
                #[must_use]
                #[inline]
                pub const fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

index! {
    /// A node; indices are in order of creation, not in name order.
    NodeIx,
    /// A resource.
    ResourceIx,
    /// An action; its visible id is the index plus one.
    ActionIx,
    /// A colocation.
    ColocationIx,
    /// A location constraint as it applies to one resource.
    LocationIx,
    /// A pending ordering.
    OrderIx,
    /// An `op` of a primitive's configuration.
    OpIx,
    /// A ticket.
    TicketIx,
    /// The history of one resource on one node.
    HistoryIx,
    /// One entry of a history.
    EntryIx,
}

impl ActionIx {
    /// The number in outputs; it starts at 1 [AC-1.3].
    #[must_use]
    pub const fn id(self) -> usize {
        self.index() + 1
    }
}
