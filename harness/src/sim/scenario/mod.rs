//! Scenario files: nodes, configuration, a timeline of events and expectations.
//!
//! ```text
//! title  A service survives the loss of its node
//! nodes  n1 n2 n3
//! configure {
//!   primitive ip ocf:heartbeat:IPaddr2 params ip=10.0.0.9
//!   property stonith-enabled=false
//! }
//! at 30s crash n1
//! by 60s ip started
//! always at most one ip
//! ```
//!
//! One statement a line; `#` begins a comment. Times are virtual: `500ms`, `30s`, `2min`, `1h`. The words:
//!
//! | statement | meaning |
//! | --- | --- |
//! | `title TEXT` | shown above the timeline |
//! | `seed N` | the seed unless the command line gives one |
//! | `nodes NAME...` | node ids 1, 2, ... in this order |
//! | `remote NAME...` | hosts that run agents and are no members of the ring |
//! | `guest NAME in RESOURCE` | a remote host that lives in a resource: it boots when that starts, and ends with it |
//! | `links N` | the ring runs over so many redundant links (knet), numbered from 0; without it, over one network of plain datagrams |
//! | `totem KEY VALUE`, `quorum KEY VALUE` | as in `corosync.conf` (`totem link_mode active`) |
//! | `link L KEY VALUE` | of that link's `interface` section (`link 1 knet_link_priority 2`) |
//! | `network loss P%`, `network delay D..D`, `network duplicate P%`, `network spikes P% D`, each with or without `on link L` | the network from the start |
//! | `configure {` ... `}` | `crm` configuration text, loaded before the nodes start |
//! | `settles` | an operator writes a mark every 10 s until the last event; in the end the cluster is stable, what it says to run runs, and no mark is lost |
//! | `mutation NAME` | a rule that is broken on purpose |
//! | `until T` | end of the run; without it, 10 s after the last event or expectation |
//! | `at T EVENT` | see [`Event`] |
//! | `by T CONDITION` | must hold at T; see [`Condition`] |
//! | `always CONDITION`, `never CONDITION` | must hold (or not) at every instant |
//! | `during T..T always CONDITION`, `during T..T never CONDITION` | the same, from one time to another |
//! | `always RESOURCE back within D` | once up, it is never down for longer |

mod event;
mod parse;
mod words;
mod write;

pub use parse::parse;
#[cfg(feature = "shell")]
pub(crate) use write::at;
pub use write::{describe, write};

use std::fmt;
use std::time::Duration;

/// A scenario as read from a file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Scenario {
    /// Shown above the timeline.
    pub title: String,
    /// Seed, if the file gives one.
    pub seed: Option<u64>,
    /// Names of the nodes; ids count from 1.
    pub nodes: Vec<String>,
    /// Remote hosts and guests.
    pub remotes: Vec<Remote>,
    /// Redundant links between every two nodes; 0: one network of plain datagrams.
    pub links: u8,
    /// Keys of links: number, key, value.
    pub interfaces: Vec<(u8, String, String)>,
    /// Keys of the `totem` section.
    pub totem: Vec<(String, String)>,
    /// Keys of the `quorum` section.
    pub quorum: Vec<(String, String)>,
    /// The network from the start, each property of one link or of all.
    pub network: Vec<(NetworkSetting, Option<u8>)>,
    /// Configuration in the crm language.
    pub configuration: String,
    /// Line of the file on which the configuration begins.
    pub configuration_line: usize,
    /// In the end all must be settled.
    pub settles: bool,
    /// A rule that is broken on purpose.
    pub mutation: Option<crate::sim::Mutation>,
    /// End of the run.
    pub until: Option<Duration>,
    /// What happens, in file order.
    pub events: Vec<At<Event>>,
    /// What must hold at a time, in file order.
    pub expectations: Vec<At<Condition>>,
    /// What must hold all the time, or never.
    pub invariants: Vec<Invariant>,
    /// Resources that must not be down for long.
    pub recoveries: Vec<Recovery>,
}

/// A host that runs agents and is no member of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// The resource it lives in, if it is a guest.
    pub container: Option<String>,
}

/// Something at a time, with its line in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// Virtual time.
    pub time: Duration,
    /// What.
    pub what: T,
    /// Line of the file.
    pub line: usize,
}

/// A condition for the whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct Invariant {
    /// The condition.
    pub condition: Condition,
    /// It must never hold.
    pub never: bool,
    /// Only between these times, both included.
    pub during: Option<(Duration, Duration)>,
    /// Line of the file.
    pub line: usize,
}

/// A resource that, once up, must not be down for longer.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// The resource.
    pub resource: String,
    /// The longest time.
    pub within: Duration,
    /// Line of the file.
    pub line: usize,
}

/// One property of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkSetting {
    /// Share of datagrams that are lost.
    Loss(f64),
    /// Share of datagrams that arrive twice.
    Duplicate(f64),
    /// Delay between these two, evenly.
    Delay(Duration, Duration),
    /// This share takes longer, by up to so much.
    Spikes(f64, Duration),
}

/// A stretch of the network: who does not hear whom, on which link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Between whom.
    pub between: Between,
    /// On this link only.
    pub link: Option<u8>,
}

impl Stretch {
    /// From one node to another, or both ways, on all links.
    pub fn pair(from: impl Into<String>, to: impl Into<String>, both: bool) -> Self {
        Between::Pair(from.into(), to.into(), both).into()
    }

    /// The same on one link only.
    #[must_use]
    pub fn on(self, link: u8) -> Self {
        Stretch { link: Some(link), ..self }
    }
}

impl From<Between> for Stretch {
    fn from(between: Between) -> Self {
        Stretch { between, link: None }
    }
}

/// Nodes that do not hear each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between {
    /// `A -> B`: B does not hear A; with `true`, `A <-> B`: neither hears the other.
    Pair(String, String, bool),
    /// `NODE`: it hears nobody, and nobody hears it.
    Node(String),
    /// `all`: nobody hears anybody.
    All,
}

/// What an agent is made to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentFault {
    /// Ends with this code without doing anything.
    Fails(u8),
    /// Never ends.
    Hangs,
    /// Does its work, but this much slower.
    Slow(Duration),
    /// Does nothing and says it succeeded.
    Lies,
}

/// The state of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Works.
    Well,
    /// No write succeeds: the cluster software ends.
    Full,
    /// Every sync takes so long, and the software waits for it.
    Slow(Duration),
}

/// What happens at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `crash NODE`: power off without warning.
    Crash(String),
    /// `boot NODE`: power on, the cluster software starts.
    Boot(String),
    /// `stop NODE`: the cluster software is asked to leave.
    Stop(String),
    /// `die NODE`: the cluster software is gone without a word; the machine and its services go on.
    Die(String),
    /// `pause NODE for D`: the process stands still.
    Pause(String, Duration),
    /// `partition A B | C`: only nodes of one side hear each other.
    Partition(Vec<Vec<String>>),
    /// `cut A -> B [on link L]`: A's datagrams no longer reach B. `cut A <-> B`: both ways. `cut A`: A and all others, both
    /// ways. `cut all`: everybody.
    Cut(Stretch),
    /// `mend` with the words of `cut`: takes it back.
    Mend(Stretch),
    /// `clock NODE jumps D`: its clock goes forward at once.
    Jump(String, Duration),
    /// `calendar NODE off by [-]D`: its date is wrong from its next start on; seconds.
    Calendar(String, i64),
    /// `disk NODE full|well|slow D`
    Disk(String, DiskFault),
    /// `erase NODE`: what it had stored is gone, and there is no first configuration either.
    Erase(String),
    /// `heal`: the network is whole again.
    Heal,
    /// `network ... [on link L]` as the statement.
    Network(NetworkSetting, Option<u8>),
    /// `standby NODE`
    Standby(String),
    /// `online NODE`
    Online(String),
    /// `configure {` ... `}`: more configuration.
    Configure(String, usize),
    /// `crm WORDS`: one command of the crm shell, such as `crm resource move web n2`.
    Crm(String),
    /// `kill RESOURCE on NODE`: the service dies by itself.
    Kill(String, String),
    /// `agent RESOURCE ACTION fails with RC|hangs|lies|takes D [on NODE] [N times]`
    Agent {
        /// The resource.
        resource: String,
        /// The action, or all.
        action: Option<String>,
        /// What goes wrong.
        fault: AgentFault,
        /// Only there.
        node: Option<String>,
        /// So often; `None`: from now on.
        times: Option<u32>,
    },
    /// `agents well`: no agent fails any more.
    AgentsWell,
}

/// Something that can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `RESOURCE started [on NODE]`
    Started(String, Option<String>),
    /// `RESOURCE promoted [on NODE]`
    Promoted(String, Option<String>),
    /// `RESOURCE stopped [on NODE]`
    Stopped(String, Option<String>),
    /// `RESOURCE on N nodes`
    Instances(String, usize),
    /// `at most one RESOURCE`
    AtMostOne(String),
    /// `at most one promoted RESOURCE`
    AtMostOnePromoted(String),
    /// `NODE is dc`
    Dc(String),
    /// `one dc`
    OneDc,
    /// `NODE online`: up and joined, or connected if it is a remote host, as the coordinator sees it.
    NodeOnline(String),
    /// `NODE offline`
    NodeOffline(String),
    /// `NODE quorate`
    Quorate(String),
    /// `NODE inquorate`
    Inquorate(String),
    /// `NODE fenced`: powered off by a switch at least once.
    Fenced(String),
    /// `stable`: one coordinator, idle, nothing left to do.
    Stable,
    /// `failcount RESOURCE on NODE is N`
    FailCount(String, String, String),
    /// `NODE reaches NODE [on link L]`: its heartbeats there are answered, as the first node judges (knet's links only).
    Reaches(String, String, Option<u8>),
    /// `NODE sends to NODE on link L`: its messages to the other go there, or there too (knet's links only).
    SendsOn(String, String, u8),
    /// `new ring`: a ring with other members, or the same ones again, has just formed.
    NewRing,
    /// `not CONDITION`
    Not(Box<Condition>),
}

impl Condition {
    /// Only about what is active where.
    pub(crate) fn is_of_world(&self) -> bool {
        match self {
            Condition::Not(inner) => inner.is_of_world(),
            Condition::Started(..) | Condition::Promoted(..) | Condition::Stopped(..) | Condition::Instances(..) => {
                true
            }
            Condition::AtMostOne(_) | Condition::AtMostOnePromoted(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |node: &Option<String>| node.as_ref().map_or(String::new(), |n| format!(" on {n}"));
        match self {
            Condition::Started(r, n) => write!(f, "{r} started{}", on(n)),
            Condition::Promoted(r, n) => write!(f, "{r} promoted{}", on(n)),
            Condition::Stopped(r, n) => write!(f, "{r} stopped{}", on(n)),
            Condition::Instances(r, n) => write!(f, "{r} on {n} nodes"),
            Condition::AtMostOne(r) => write!(f, "at most one {r}"),
            Condition::AtMostOnePromoted(r) => write!(f, "at most one promoted {r}"),
            Condition::Dc(n) => write!(f, "{n} is dc"),
            Condition::OneDc => f.write_str("one dc"),
            Condition::NodeOnline(n) => write!(f, "{n} online"),
            Condition::NodeOffline(n) => write!(f, "{n} offline"),
            Condition::Quorate(n) => write!(f, "{n} quorate"),
            Condition::Inquorate(n) => write!(f, "{n} inquorate"),
            Condition::Fenced(n) => write!(f, "{n} fenced"),
            Condition::Stable => f.write_str("stable"),
            Condition::FailCount(r, n, v) => write!(f, "failcount {r} on {n} is {v}"),
            Condition::Reaches(a, b, link) => write!(f, "{a} reaches {b}{}", on_link(*link)),
            Condition::SendsOn(a, b, link) => write!(f, "{a} sends to {b}{}", on_link(Some(*link))),
            Condition::NewRing => f.write_str("new ring"),
            Condition::Not(c) => write!(f, "not {c}"),
        }
    }
}

/// The words that name a link, if one is meant.
fn on_link(link: Option<u8>) -> String {
    link.map_or(String::new(), |link| format!(" on link {link}"))
}

/// A mistake in a scenario: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct ScenarioError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub what: String,
}

#[cfg(test)]
mod tests;
