//! Result codes: names, numbers, texts, exit codes [CB-7].

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $internal:literal, $legacy:literal, $exit:literal, $name:literal, $text:literal;)*) => {
        /// The result of an operation that did not succeed.
        ///
        /// Three number spaces exist: internal codes, "legacy" codes used in messages, and process exit codes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The name: of this enumeration's rows, or the system's name of an error number.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The internal number: negative, or a positive system error number.
            pub fn internal(self) -> i32 {
                match self { $(Code::$variant => $internal,)* }
            }

            /// The number used in messages between members and clients.
            pub fn legacy(self) -> i32 {
                match self { $(Code::$variant => $legacy,)* }
            }

            /// The exit code of a tool that fails with this result.
            pub fn exit(self) -> u8 {
                match self { $(Code::$variant => $exit,)* }
            }

            /// The message.
            pub fn text(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// Anything without a code of its own.
    Error = -1001, 201, 1, "error", "Error";
    /// The output format is not known.
    UnknownFormat = -1002, 252, 105, "unknown_format", "Unknown output format";
    /// A name/value pair is malformed.
    BadNvpair = -1003, 250, 2, "bad_nvpair", "Bad name/value pair given";
    /// What was asked for is already so.
    Already = -1004, 215, 108, "already", "Already in requested state";
    /// No such cluster node.
    NodeUnknown = -1005, 214, 68, "node_unknown", "Node not found";
    /// A resource runs more than once.
    Multiple = -1006, 213, 109, "multiple", "Resource active on multiple nodes";
    /// The stored document cannot be used.
    CibCorrupt = -1007, 212, 78, "cib_corrupt", "Could not parse on-disk configuration";
    /// The document could not be stored.
    CibSave = -1008, 210, 1, "cib_save", "Could not save new configuration to disk";
    /// The former document could not be archived.
    CibBackup = -1009, 209, 1, "cib_backup", "Could not archive previous configuration";
    /// The stored document does not match its signature.
    CibModified = -1010, 208, 1, "cib_modified", "On-disk configuration was manually modified";
    /// A patch did not fit; the whole document is asked for.
    DiffResync = -1011, 207, 1, "diff_resync", "Application of update diff failed, requesting full refresh";
    /// A patch did not fit.
    DiffFailed = -1012, 206, 1, "diff_failed", "Application of update diff failed";
    /// The update is older than the document.
    OldData = -1013, 205, 103, "old_data", "Update was older than existing configuration";
    /// A schema upgrade failed.
    TransformFailed = -1014, 204, 78, "transform_failed", "Schema transform failed";
    /// The schema is already the newest.
    SchemaUnchanged = -1015, 211, 1, "schema_unchanged", "Schema is already the latest available";
    /// The result does not follow its schema.
    SchemaValidation = -1016, 203, 78, "schema_validation", "Update does not conform to the configured schema";
    /// Quorum is needed.
    NoQuorum = -1017, 202, 106, "no_quorum", "Operation requires quorum";
    /// A message produced no output.
    NoOutput = -1026, 201, 0, "no_output", "Output message produced no output";
    /// An input file does not exist.
    NoInput = -1027, 201, 66, "no_input", "Input file not available";
    /// A document cannot be understood.
    UnpackError = -1032, 201, 78, "unpack_error", "Unable to parse CIB XML";
    /// An input value is malformed.
    BadInput = -1035, 201, 65, "bad_input", "Bad input value provided";
    /// A patch is malformed.
    BadXmlPatch = -1036, 201, 65, "bad_xml_patch", "Bad XML patch format";
    /// A commit without a transaction.
    NoTransaction = -1037, 201, 105, "no_transaction", "No active transaction found";
    /// A digest does not match.
    DigestMismatch = -1043, 201, 104, "digest_mismatch", "Digest does not match expected value";
    /// Operation not permitted.
    Eperm = 1, -1, 1, "EPERM", "Operation not permitted";
    /// Nothing there.
    Enxio = 6, -6, 105, "ENXIO", "No such device or address";
    /// Permission denied.
    Eacces = 13, -13, 4, "EACCES", "Permission denied";
    /// Exists already.
    Eexist = 17, -17, 108, "EEXIST", "File exists";
    /// Invalid argument.
    Einval = 22, -22, 70, "EINVAL", "Invalid argument";
    /// No message of the desired type: also the result of a patch whose modification lacks its result.
    Enomsg = 42, -42, 76, "ENOMSG", "No message of desired type";
    /// Timer expired.
    Etime = 62, -62, 124, "ETIME", "Timer expired";
    /// Communication error.
    Ecomm = 70, -70, 71, "ECOMM", "Communication error on send";
    /// Protocol error.
    Eproto = 71, -71, 71, "EPROTO", "Protocol error";
    /// Protocol not supported: a document of a newer cluster.
    Eprotonosupport = 93, -93, 76, "EPROTONOSUPPORT", "Protocol not supported";
    /// Operation not supported.
    Eopnotsupp = 95, -95, 3, "EOPNOTSUPP", "Operation not supported";
    /// Not connected.
    Enotconn = 107, -107, 102, "ENOTCONN", "Transport endpoint is not connected";
    /// Timed out.
    Etimedout = 110, -110, 124, "ETIMEDOUT", "Connection timed out";
}

impl Code {
    /// The code that a legacy number stands for; all codes that share 201 come back as [`Code::Error`].
    pub fn from_legacy(legacy: i32) -> Option<Code> {
        match legacy {
            0 => None,
            217 => Some(Code::UnknownFormat),
            216 => Some(Code::BadNvpair),
            _ => Some(Code::ALL.iter().copied().find(|c| c.legacy() == legacy).unwrap_or(Code::Error)),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Code {}

/// The text of an exit status of an agent or a tool: they share one numbering [CB-7], [SM-13.1]. All programs of the workspace take it from here, but for
/// `agents`, which uses no project crate and so holds the agents' part of it once more; a test of `harness` compares the two.
#[must_use]
pub fn exit_text(exit: u8) -> &'static str {
    match exit {
        0 => "OK",
        1 | 255 => "Error occurred",
        2 => "Invalid parameter",
        3 => "Unimplemented",
        4 | 77 => "Insufficient privileges",
        5 => "Not installed",
        6 => "Not configured",
        7 => "Not running",
        8 => "Promoted",
        9 => "Failed in promoted role",
        64 => "Incorrect usage",
        65 => "Invalid data given",
        66 => "Input file not available",
        67 => "User does not exist",
        68 => "Host does not exist",
        69 => "Necessary service unavailable",
        70 => "Internal software bug",
        71 => "Operating system error occurred",
        72 => "System file not available",
        73 => "Cannot create output file",
        74 => "I/O error occurred",
        75 => "Temporary failure, try again",
        76 => "Protocol violated",
        78 => "Invalid configuration",
        100 => "Fatal error occurred, will not respawn",
        101 => "System panic required",
        102 => "Not connected",
        103 => "Update was older than existing configuration",
        104 => "Digest mismatch",
        105 => "No such object",
        106 => "Quorum required",
        107 => "Operation not safe",
        108 => "Requested item already exists",
        109 => "Multiple items match request",
        110 => "Requested item has expired",
        111 => "Requested item is not yet in effect",
        112 => "Could not determine status",
        113 => "Not applicable under current conditions",
        124 => "Timeout occurred",
        190 => "Service is active but might fail soon",
        191 => "Service is promoted but might fail soon",
        193 => "No exit status available",
        129..=254 => "Interrupted by signal",
        _ => "Unknown exit status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_numbers_come_back() {
        assert_eq!(Code::from_legacy(0), None);
        assert_eq!(Code::from_legacy(Code::OldData.legacy()), Some(Code::OldData));
        assert_eq!(Code::from_legacy(Code::Einval.legacy()), Some(Code::Einval));
        assert_eq!(Code::from_legacy(Code::DigestMismatch.legacy()), Some(Code::Error));
        assert_eq!(Code::from_legacy(216), Some(Code::BadNvpair));
        assert!(Code::ALL.iter().all(|c| exit_text(c.exit()) != "Unknown exit status"));
    }
}
