//! ocf, lsb, systemd, service, stonith: names, environment, exit codes, meta-data.
//!
//! Nothing here runs anything: the module says how an agent is named ([`AgentName`]), how it must be called
//! ([`invocation`]), and what the end of a run means ([`outcome`]).

pub mod alert;
pub mod call;
pub mod check;
pub mod document;
mod errno;
pub mod info;
pub(crate) mod interval;
pub mod invocation;
pub mod metadata;
pub mod name;
pub mod outcome;
pub mod status;
pub mod templates;

pub use call::{Answer, Call, Exit, OsError, Parameters, RunId};
pub use interval::{parse_interval_ms, readable_interval};
pub use metadata::Metadata;
pub use name::{AgentName, NameError, Standard};
pub use outcome::Outcome;
pub use status::{ExecutionStatus, ExitStatus};
