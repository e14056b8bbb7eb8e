//! Exit statuses and execution statuses: the two halves of every result.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an agent said, in OCF numbering [RA-1.3].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ExitStatus(pub u8);

impl ExitStatus {
    /// Done; for a monitor: active and healthy.
    pub const OK: Self = Self(0);
    /// Unspecified failure.
    pub const GENERIC: Self = Self(1);
    /// A parameter is wrong on this node.
    pub const ARGS: Self = Self(2);
    /// The action is not supported.
    pub const UNIMPLEMENTED: Self = Self(3);
    /// Insufficient privileges.
    pub const PERM: Self = Self(4);
    /// Software is missing on this node.
    pub const INSTALLED: Self = Self(5);
    /// Parameters are inherently wrong.
    pub const CONFIGURED: Self = Self(6);
    /// Cleanly stopped.
    pub const NOT_RUNNING: Self = Self(7);
    /// Active in the promoted role.
    pub const RUNNING_PROMOTED: Self = Self(8);
    /// In the promoted role but broken.
    pub const FAILED_PROMOTED: Self = Self(9);
    /// Active, likely to fail soon.
    pub const DEGRADED: Self = Self(190);
    /// Promoted, likely to fail soon.
    pub const DEGRADED_PROMOTED: Self = Self(191);
    /// No exit status yet: recorded for a pending operation.
    pub const UNKNOWN: Self = Self(193);

    /// The text that status displays use.
    pub fn text(self) -> &'static str {
        match self.0 {
            0 => "OK",
            1 => "Error occurred",
            2 => "Invalid parameter",
            3 => "Unimplemented",
            4 => "Insufficient privileges",
            5 => "Not installed",
            6 => "Not configured",
            7 => "Not running",
            8 => "Promoted",
            9 => "Failed in promoted role",
            190 => "Service is active but might fail soon",
            191 => "Service is promoted but might fail soon",
            193 => "No exit status available",
            _ => "Unknown exit status",
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far the attempt to run an operation got [RA-1.4].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i8)]
pub enum ExecutionStatus {
    /// Accepted, no result yet.
    Pending = -1,
    /// The agent ran to its end.
    Done = 0,
    /// Cancelled before or while running.
    Cancelled = 1,
    /// The timeout passed.
    Timeout = 2,
    /// The fencer does not support it.
    NotSupported = 3,
    /// Could not run, or killed by a signal.
    Error = 4,
    /// For example an unknown fence agent.
    ErrorHard = 5,
    /// Required request data was missing.
    ErrorFatal = 6,
    /// The agent's file or unit is missing.
    NotInstalled = 7,
    /// No executor or fencer connection.
    NotConnected = 8,
    /// The controller refused.
    Invalid = 9,
    /// The fencer has no such device.
    NoFenceDevice = 10,
    /// Secrets could not be read.
    NoSecrets = 11,
}

impl ExecutionStatus {
    /// The number recorded as `op-status`.
    pub fn code(self) -> i32 {
        i32::from(self as i8)
    }

    /// The status with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            -1 => Self::Pending,
            0 => Self::Done,
            1 => Self::Cancelled,
            2 => Self::Timeout,
            3 => Self::NotSupported,
            4 => Self::Error,
            5 => Self::ErrorHard,
            6 => Self::ErrorFatal,
            7 => Self::NotInstalled,
            8 => Self::NotConnected,
            9 => Self::Invalid,
            10 => Self::NoFenceDevice,
            11 => Self::NoSecrets,
            _ => return None,
        })
    }

    /// The text that status displays use.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Done => "Done",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timed out",
            Self::NotSupported => "Unsupported",
            Self::Error => "Error",
            Self::ErrorHard => "Hard error",
            Self::ErrorFatal => "Fatal error",
            Self::NotInstalled => "Not installed",
            Self::NotConnected => "Internal communication failure",
            Self::Invalid => "Cannot execute now",
            Self::NoFenceDevice => "No fence device",
            Self::NoSecrets => "CIB secrets unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        for code in -1..=11 {
            assert_eq!(ExecutionStatus::from_code(code).expect("known").code(), code);
        }
        assert_eq!(ExecutionStatus::from_code(12), None);
        assert_eq!(ExecutionStatus::from_code(-2), None);
    }
}
