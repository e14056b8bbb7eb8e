//! The words of the arbiter's protocol and their numbers [QG-4.4].

use crate::wire::NodeId;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Kind {
    /// The client says which cluster it is of.
    Preinit = 0,
    /// Whether the server wants TLS.
    PreinitReply = 1,
    /// The client starts TLS.
    StartTls = 2,
    /// The client says who it is and how to decide.
    Init = 3,
    /// Whether the server accepts that.
    InitReply = 4,
    /// The server refuses a message.
    ServerError = 5,
    /// The client changes an option.
    SetOption = 6,
    /// Confirms it.
    SetOptionReply = 7,
    /// Is the server there?
    EchoRequest = 8,
    /// It is.
    EchoReply = 9,
    /// What the client knows of nodes.
    NodeList = 10,
    /// The vote, if it is decided.
    NodeListReply = 11,
    /// Who has the vote?
    AskForVote = 12,
    /// The vote.
    AskForVoteReply = 13,
    /// The server decided.
    VoteInfo = 14,
    /// Confirms it.
    VoteInfoReply = 15,
    /// The heuristics have another result.
    HeuristicsChange = 16,
    /// The vote.
    HeuristicsChangeReply = 17,
}

impl Kind {
    pub(super) fn from_number(number: u16) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 18] = [
            Preinit,
            PreinitReply,
            StartTls,
            Init,
            InitReply,
            ServerError,
            SetOption,
            SetOptionReply,
            EchoRequest,
            EchoReply,
            NodeList,
            NodeListReply,
            AskForVote,
            AskForVoteReply,
            VoteInfo,
            VoteInfoReply,
            HeuristicsChange,
            HeuristicsChangeReply,
        ];
        ALL.get(usize::from(number)).copied()
    }
}

/// What the server decided, or why not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Vote {
    /// The partition gets the votes.
    Ack = 1,
    /// It does not.
    Nack = 2,
    /// Something is missing that the client will send.
    AskLater = 3,
    /// The decision will come by itself.
    WaitForReply = 4,
    /// As before.
    NoChange = 5,
}

/// How the server decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Algorithm {
    /// Always yes; for tests of the connection.
    Test = 0,
    /// Even splits: exactly one partition.
    #[default]
    FfSplit = 1,
    /// Two nodes: whoever stays.
    TwoNodeLms = 2,
    /// Whoever is left of many.
    Lms = 3,
}

/// Which partition wins if all else is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preference {
    /// That of the lowest node id.
    #[default]
    Lowest,
    /// That of the highest.
    Highest,
    /// That of this node.
    Node(NodeId),
}

/// What a list of nodes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ListType {
    /// The node list as it was at start.
    InitialConfig = 0,
    /// The node list as it is now.
    ChangedConfig = 1,
    /// Members of the ring.
    Membership = 2,
    /// Members with their states, and whether they are quorate.
    Quorum = 3,
}

/// Result of the client's own checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Heuristics {
    /// Nothing is checked.
    #[default]
    Undefined,
    /// All checks passed.
    Pass,
    /// Some failed.
    Fail,
}

/// Why the server refuses a message, with the numbers of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u16)]
#[allow(missing_docs)] // the texts say it
pub enum ArbiterError {
    #[error("unsupported needed message")]
    UnsupportedNeededMessage = 1,
    #[error("unsupported needed option")]
    UnsupportedNeededOption = 2,
    #[error("TLS required")]
    TlsRequired = 3,
    #[error("unsupported message")]
    UnsupportedMessage = 4,
    #[error("message too long")]
    MessageTooLong = 5,
    #[error("preinit required")]
    PreinitRequired = 6,
    #[error("missing required option")]
    MissingOption = 7,
    #[error("unexpected message")]
    UnexpectedMessage = 8,
    #[error("message cannot be decoded")]
    CannotDecode = 9,
    #[error("internal error")]
    Internal = 10,
    #[error("init required")]
    InitRequired = 11,
    #[error("unsupported decision algorithm")]
    UnsupportedAlgorithm = 12,
    #[error("invalid heartbeat interval")]
    InvalidHeartbeat = 13,
    #[error("message is not supported by the decision algorithm")]
    UnsupportedByAlgorithm = 14,
    #[error("tie breaker differs from that of other nodes")]
    TieBreakerDiffers = 15,
    #[error("decision algorithm differs from that of other nodes")]
    AlgorithmDiffers = 16,
    #[error("duplicate node id")]
    DuplicateNode = 17,
    #[error("invalid configuration list")]
    InvalidConfigList = 18,
    #[error("invalid membership list")]
    InvalidMembershipList = 19,
}
