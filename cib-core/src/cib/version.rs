//! The version triple of a document.

use core::fmt;

use crate::xml::{Document, NodeIx};

/// The root attributes that make the version, most significant first.
pub const VERSION_ATTRIBUTES: [&str; 3] = ["admin_epoch", "epoch", "num_updates"];

/// `admin_epoch.epoch.num_updates`; compares as the cluster compares documents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version {
    /// Changed by administrators, erase and upgrade.
    pub admin_epoch: i32,
    /// Incremented with every change of the configuration.
    pub epoch: i32,
    /// Incremented with every other change.
    pub num_updates: i32,
}

impl Version {
    /// A version of three numbers.
    pub const fn new(admin_epoch: i32, epoch: i32, num_updates: i32) -> Version {
        Version { admin_epoch, epoch, num_updates }
    }

    /// The version that an element's attributes tell; what is missing or not a number counts as `default`.
    pub fn of(doc: &Document, n: NodeIx, default: i32) -> Version {
        let field = |name| doc.attr(n, name).and_then(parse_int).unwrap_or(default);
        Version::from_fields(VERSION_ATTRIBUTES.map(field))
    }

    /// The three fields, most significant first.
    pub fn fields(self) -> [i32; 3] {
        [self.admin_epoch, self.epoch, self.num_updates]
    }

    /// The inverse of [`fields`](Self::fields).
    pub fn from_fields([admin_epoch, epoch, num_updates]: [i32; 3]) -> Version {
        Version { admin_epoch, epoch, num_updates }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.admin_epoch, self.epoch, self.num_updates)
    }
}

/// Reads an optional sign and decimal digits within 32 bits [CB-2.3].
pub fn parse_int(text: &str) -> Option<i32> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    text.parse().ok()
}
