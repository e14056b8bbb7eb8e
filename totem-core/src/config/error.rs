//! What can be wrong with a configuration: the original's words, and the place, key, value and allowed range beside them.

use super::CsError;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {kind}")]
pub struct ParseError {
    /// Line number, from 1.
    pub line: u32,
    /// What is wrong.
    pub kind: ParseErrorKind,
}

impl ParseError {
    /// The whole line as the daemon prints it, with the file's name.
    pub fn report(&self, file: &str) -> String {
        format!("parser error: {file}:{}: {}", self.line, self.kind)
    }
}

/// What is wrong with a line [QG-8, QG-9].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// Longer than 511 bytes with its newline.
    #[error("Line too long")]
    LineTooLong,
    /// `{` without a name.
    #[error("Missing section name before opening bracket '{{'")]
    MissingSectionName,
    /// Text behind `{`.
    #[error("Extra characters after opening bracket '{{'")]
    ExtraAfterOpening,
    /// Too deep or too long names.
    #[error("Start of section makes total cmap path too long")]
    SectionPathTooLong,
    /// A colon without a key before it.
    #[error("Key name can't be empty")]
    EmptyKey,
    /// Too long names.
    #[error("New key makes total cmap path too long")]
    KeyPathTooLong,
    /// Text around `}`.
    #[error("Extra characters before or after closing bracket '}}'")]
    ExtraAroundClosing,
    /// No section is open.
    #[error("Unexpected closing brace")]
    UnexpectedClosing,
    /// End of file in a section.
    #[error("Missing closing brace")]
    MissingClosingBrace,
    /// None of the three kinds of lines.
    #[error("Line is not opening or closing section or key value")]
    NotAStatement,
    /// The key store refuses the name.
    #[error("Can't store key \"{path}\" into icmap, returned error is {error}")]
    CannotStore {
        /// The key.
        path: String,
        /// The store's answer.
        error: CsError,
    },
    /// Not an integer of the key's type.
    #[error("Value of key \"{path}\" is expected to be integer in range ({min}..{max}), but \"{value}\" was given")]
    NotInRange {
        /// The key.
        path: String,
        /// Smallest allowed value.
        min: i128,
        /// Largest allowed value.
        max: i128,
        /// What was written.
        value: String,
    },
    /// Not an unsigned 64-bit integer.
    #[error("Value of key \"{path}\" is expected to be unsigned integer, but \"{value}\" was given")]
    NotUnsigned {
        /// The key.
        path: String,
        /// What was written.
        value: String,
    },
    /// Not one of the words or numbers of a traffic class.
    #[error(
        "Value of key \"{path}\" is expected to be number (0..63) or symbolical dscp value, but \"{value}\" was given"
    )]
    NotDscp {
        /// The key.
        path: String,
        /// What was written.
        value: String,
    },
    /// A word that the key does not know; the text lists those it knows.
    #[error("{text}")]
    NotAllowed {
        /// The key.
        path: String,
        /// What was written.
        value: String,
        /// The original's text.
        text: String,
    },
    /// A key or section where none may stand.
    #[error("{0}")]
    Misplaced(&'static str),
    /// An account name without an account.
    #[error("The '{name}' {what} is not found in {file}, please read the documentation.")]
    NoAccount {
        /// The name.
        name: String,
        /// `user` or `group`.
        what: &'static str,
        /// Where it was looked for.
        file: &'static str,
    },
}

/// A configuration that can be read but not used. Displays the original's text; [`Error::report`] adds the prefix
/// with which the daemon prints it, [`Invalid::place`] the key, value, line and allowed range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Invalid {
    /// What is wrong.
    pub problem: Problem,
    /// The key that is to blame, where there is one.
    pub key: Option<String>,
    /// Its value as it takes effect.
    pub value: Option<String>,
    /// The line that set it, if a line did.
    pub line: Option<u32>,
    /// What would have been allowed.
    pub allowed: Option<String>,
}

impl Invalid {
    pub(super) fn new(problem: Problem) -> Self {
        Invalid { problem, key: None, value: None, line: None, allowed: None }
    }

    pub(super) fn at(mut self, key: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self.value = Some(value.to_string());
        self.allowed = Some(allowed.into());
        self
    }

    /// `line 4, totem.token: 10 (allowed: 30 ms or more)`, as far as it is known.
    pub fn place(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        let mut text = self.line.map_or_else(String::new, |line| format!("line {line}, "));
        text.push_str(key);
        if let Some(value) = &self.value {
            text.push_str(": ");
            text.push_str(value);
        }
        if let Some(allowed) = &self.allowed {
            text.push_str(&format!(" (allowed: {allowed})"));
        }
        Some(text)
    }
}

impl From<Problem> for Invalid {
    fn from(problem: Problem) -> Self {
        Invalid::new(problem)
    }
}

/// What is wrong with a configuration, in the original's words [TM-16.2, LK-16.4, QG-9, QG-10].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A logging key with an unknown value.
    #[error("{0}.")]
    Logging(String),
    /// A cipher without a hash.
    #[error("crypto_cipher requires crypto_hash with value other than none")]
    CipherWithoutHash,
    /// A key that turns off what the own model always does.
    #[error("crypto_model metronome always encrypts and signs")]
    OwnModelProtects,
    /// Not a transport of this engine.
    #[error("Invalid transport type. Should be udpu, udp or knet")]
    Transport,
    /// Nothing to bind to.
    #[error("No interfaces defined")]
    NoInterfaces,
    /// This host is none of the nodes.
    #[error("No valid name found for local host")]
    NoLocalNode,
    /// More links than there can be.
    #[error("interface ring number {0} is bigger than allowed maximum 7")]
    LinkNumber(u32),
    /// An address of another node that is none and resolves to none.
    #[error("failed to parse node address '{0}'")]
    NodeAddress(String),
    /// The same for the own node.
    #[error("failed to parse bindnet address '{0}'")]
    BindAddress(String),
    /// `udp` without a group.
    #[error("No multicast address specified for interface {0}")]
    NoMulticastAddress(u8),
    /// Port zero.
    #[error("No multicast port specified for interface {0}")]
    NoPort(u8),
    /// `ttl` where nothing is multicast.
    #[error("Can only set ttl on multicast transport types for interface {0}")]
    Ttl(u8),
    /// Link priority without knet.
    #[error("Can only set link priority on knet transport type for interface {0}")]
    LinkPriority(u8),
    /// IPv4 and IPv6 mixed.
    #[error("Multicast address family does not match bind address family for interface {0}")]
    MulticastFamily(u8),
    /// Not a multicast address.
    #[error("mcastaddr is not a correct multicast address for interface {0}")]
    NotMulticast(u8),
    /// `totem.version` is not 2.
    #[error("This totem parser can only parse version 2 configurations.")]
    TotemVersion,
    /// A timer below the smallest the clock can keep.
    #[error("The {name} parameter ({value} ms) may not be less than ({least} ms).")]
    TimerTooSmall {
        /// What the original calls it.
        name: &'static str,
        /// Effective value.
        value: u32,
        /// Smallest allowed value.
        least: u32,
    },
    /// The derived retransmit time is too small.
    #[error("Not appropriate token or token_retransmits_before_loss_const value set")]
    Retransmits,
    /// Above 100 percent.
    #[error("The token warning parameter ({0}%) must be between 0 (disabled) and 100.")]
    TokenWarning(u32),
    /// Consensus must not end before joins are repeated.
    #[error("The consensus timeout parameter ({consensus} ms) may not be less than join timeout ({join} ms).")]
    ConsensusBelowJoin {
        /// Effective consensus.
        consensus: u32,
        /// Effective join.
        join: u32,
    },
    /// Several links need names.
    #[error("for a multi-link configuration, all nodes must have a 'name' attribute")]
    NamesNeeded,
    /// Nodes differ in their links.
    #[error("Not all nodes have the same number of links")]
    LinkCounts,
    /// IPv4 and IPv6 on one link.
    #[error("Nodes for link {link} have different IP families (compared {first} with {second})")]
    LinkFamilies {
        /// The link.
        link: u8,
        /// Node positions.
        first: usize,
        /// Node positions.
        second: usize,
    },
    /// Two nodes, one id.
    #[error("Nodeid {id}{generated} appears twice in corosync.conf")]
    DuplicateNodeId {
        /// The id.
        id: u32,
        /// `(autogenerated from <address>)`, or nothing.
        generated: String,
    },
    /// Unknown `link_mode`.
    #[error("The Knet link mode \"{0}\" specified is invalid.  It must be active, passive or rr.")]
    LinkMode(String),
    /// Only knet has links.
    #[error("{0} is too many configured interfaces for non-Knet transport.")]
    TooManyInterfaces(usize),
    /// Only knet encrypts.
    #[error("crypto_cipher & crypto_hash are only valid for the Knet transport.")]
    CryptoNeedsKnet,
    /// Only one link without a mode for several [LK-22.1].
    #[error("rrp_mode: none allows one interface, {0} are configured")]
    RedundantRingsWithoutMode(usize),
    /// A knet node without id.
    #[error("Knet requires an explicit nodeid to be specified for address '{0}'.")]
    KnetNodeId(String),
    /// The own node without id.
    #[error("Knet requires an explicit nodeid for the local node")]
    KnetLocalNodeId,
    /// An id that the knet header cannot hold.
    #[error("Knet requires nodeid to be less than 65536 for address '{0}'.")]
    KnetNodeIdTooLarge(String),
    /// Compression, which this engine does not have: a node that cannot read others' messages must not join them.
    #[error("knet_compression_model {0} is not supported: messages are neither compressed nor decompressed here")]
    Compression(String),
    /// SCTP, as releases say that have dropped it.
    #[error("Unrecognised knet_transport. only 'udp' is supported")]
    KnetSctp,
    /// Not a knet transport.
    #[error("Unrecognised knet_transport. expected 'udp' or 'sctp'")]
    KnetTransport,
    /// A key of `quorum.device {}`.
    #[error("{0}")]
    Device(String),
    /// A key of `system {}`.
    #[error("{0}")]
    System(String),
}

/// Everything that can go wrong between the text and a usable configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The whole cannot be used.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Error {
    /// The message as the daemon prints it.
    pub fn report(&self, file: &str) -> String {
        match self {
            Error::Parse(error) => error.report(file),
            Error::Invalid(invalid) => match invalid.problem {
                Problem::CipherWithoutHash
                | Problem::OwnModelProtects
                | Problem::Compression(_)
                | Problem::KnetSctp
                | Problem::KnetTransport
                | Problem::KnetLocalNodeId
                | Problem::KnetNodeId(_)
                | Problem::KnetNodeIdTooLarge(_)
                | Problem::DuplicateNodeId { .. }
                | Problem::BindAddress(_)
                | Problem::NodeAddress(_)
                | Problem::Device(_)
                | Problem::System(_) => invalid.to_string(),
                _ => format!("parse error in config: {invalid}"),
            },
        }
    }

    /// The daemon's exit status [QG-14.2].
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Invalid(Invalid { problem: Problem::Logging(_), .. }) => 7,
            _ => 8,
        }
    }
}
