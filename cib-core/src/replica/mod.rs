//! Copies kept equal: every member of a group holds a [`Replica`], fed by one totally ordered stream of messages and
//! membership changes that all of them see alike.
//!
//! What it does: broadcasts requests that change something and applies them, its own too, when they come back in order;
//! finds the newest copy after a membership change and brings all others to it (with the status of those who changed it with
//! quorum last: a member that has just started has none); compares digests when things are quiet; tells the driver what to write
//! to disk so that an acknowledged change survives a crash at any point.
//!
//! What it never does: I/O, reading a clock, choosing an order. The driver brings
//!
//! - a channel that delivers broadcasts to all members, the sender included, in one order (for acknowledged changes to
//!   outlive their sender, with *safe* delivery: to nobody before everybody has it), and [`handle_peers`] at the same place
//!   of that order for all who stay together. Where the channel still delivers something of a membership to those who stay
//!   together when the others are gone already, [`handle_parting`](Replica::handle_parting) stands before it: such changes
//!   are kept, and go out again in the next membership that has quorum;
//! - a directory, into which it carries out [`Output::Persist`] steps **in order**: a [`Output::Reply`] that follows them
//!   must not leave before they are done.
//!
//! After each `handle_*` call, drain [`poll_output`] until it gives `None`.
//!
//! ```
//! use cib_core::cib::{Operation, Request};
//! use cib_core::replica::{Config, MemberId, Output, Replica, RequestId};
//! use core::time::Duration;
//!
//! let now = Duration::ZERO;
//! let (mut replica, _) = Replica::recover(Config::new(MemberId(1), "node1"), &[], now);
//! replica.handle_peers(now, &[MemberId(1)]);
//! replica.handle_request(now, RequestId(7), Request::new(Operation::Bump));
//! // A channel with one member: what it broadcasts comes straight back.
//! let mut replied = false;
//! while let Some(output) = replica.poll_output() {
//!     match output {
//!         Output::Broadcast(bytes) => replica.handle_message(now, MemberId(1), &bytes).unwrap(),
//!         Output::Reply { id, result, .. } => replied = id == RequestId(7) && result.is_ok(),
//!         _ => {}
//!     }
//! }
//! assert!(replied);
//! assert_eq!(replica.cib().version().to_string(), "0.1.1");
//! ```
//!
//! [`handle_peers`]: Replica::handle_peers
//! [`poll_output`]: Replica::poll_output

mod choice;
mod machine;
mod message;
mod progress;
pub mod store;

pub use machine::Replica;
pub use message::{Message, MessageError, Offer};
pub use progress::Progress;

use core::fmt;
use core::time::Duration;

use crate::cib::{Code, Operation, Version};
use crate::patch::Patch;
use crate::xml::Document;
use store::Step;

/// A member of the group: the cluster node's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What tells a membership from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// All its members find the same, and no other membership has it: what copies tell each other in one membership is not
    /// taken for an answer in another.
    pub number: u32,
    /// Grows from membership to membership for everybody who is in both (the ring's sequence number will do); above 0.
    pub sequence: u64,
}

/// The driver's name for a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// What a replica is told about itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The member it is.
    pub member: MemberId,
    /// The name of the cluster node it runs on, for `update-origin`.
    pub node_name: String,
    /// A number that is greater each time this member starts (the ring's stored sequence number will do): with it,
    /// requests are told apart across restarts.
    pub incarnation: u32,
    /// Quiet time after a change until digests are compared. 5 s in released clusters.
    pub check_after: Duration,
    /// Requests that may wait while copies are being brought to one state. What is beyond fails with `ECOMM`, alike on
    /// all members.
    pub max_waiting: usize,
    /// Bytes that a message may have.
    pub max_message: usize,
    /// Whether changes of the configuration need quorum. Released clusters accept them without; then a part without
    /// quorum can outvote the others when they meet again. Default: no.
    pub quorum_for_configuration: bool,
    /// Clients that belong to the cluster itself: what they write (who is a member, who coordinates) never needs quorum. Where it is
    /// missing, though, it does not raise the epoch, so that it never outweighs what a part with quorum has acknowledged.
    pub own_clients: Vec<String>,
}

impl Config {
    /// The usual settings.
    pub fn new(member: MemberId, node_name: impl Into<String>) -> Config {
        Config {
            member,
            node_name: node_name.into(),
            incarnation: 0,
            check_after: Duration::from_secs(5),
            max_waiting: 4096,
            max_message: 256 << 20,
            quorum_for_configuration: false,
            own_clients: Vec::new(),
        }
    }

    /// The same with another incarnation.
    #[must_use]
    pub fn with_incarnation(self, incarnation: u32) -> Config {
        Config { incarnation, ..self }
    }

    /// The same with the names of clients that belong to the cluster itself.
    #[must_use]
    pub fn with_own_clients(self, names: &[&str]) -> Config {
        Config { own_clients: names.iter().map(|n| (*n).to_owned()).collect(), ..self }
    }

    /// The same with changes of the configuration refused where there is no quorum.
    #[must_use]
    pub fn with_quorum_for_configuration(self) -> Config {
        Config { quorum_for_configuration: true, ..self }
    }
}

/// What the driver is to do, in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send to all members, oneself included, in the total order.
    Broadcast(Vec<u8>),
    /// One step of writing the document to disk; carried out before anything that follows.
    Persist(Step),
    /// The copy changed.
    Changed(Changed),
    /// Answer a local request.
    Reply {
        /// Which one.
        id: RequestId,
        /// Whether it succeeded.
        result: Result<(), Code>,
        /// The answer, if there is one.
        output: Option<Document>,
    },
    /// All members of the present membership have one state from here on.
    Synchronized {
        /// Its version.
        version: Version,
        /// The member whose copy it was; `None` if all had the same.
        owner: Option<MemberId>,
    },
    /// Another member had a different document of the same version.
    Diverged {
        /// Who.
        member: MemberId,
        /// The version.
        version: Version,
    },
}

/// A change of the copy.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What changed; `None` where the change shows nowhere (an equal replacement).
    pub patch: Option<Patch>,
    /// Version after the change.
    pub version: Version,
    /// Where the change came from.
    pub cause: Cause,
    /// Whether anything below `configuration` changed.
    pub configuration: bool,
}

/// Why a copy changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A request.
    Request {
        /// Member that it came from.
        origin: MemberId,
        /// What it did.
        operation: Operation,
    },
    /// Another member's copy was taken.
    Synchronization {
        /// Whose.
        owner: MemberId,
    },
}

/// What a replica is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// No membership yet.
    Alone,
    /// Members tell what they have.
    Exchanging,
    /// The newest copy is on its way from its owner.
    Fetching(MemberId),
    /// All members have one state.
    Synchronized,
}

/// A look at a replica.
#[derive(Clone, Debug)]
pub struct Status<'a> {
    /// What it is about.
    pub phase: Phase,
    /// Version of its copy.
    pub version: Version,
    /// The present members.
    pub peers: &'a [MemberId],
    /// The member that compares digests: the first of the members.
    pub primary: Option<MemberId>,
    /// Local requests not yet answered.
    pub unanswered: usize,
    /// Requests that wait for the copies to become equal.
    pub waiting: usize,
}
